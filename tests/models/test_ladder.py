"""What every rung of the ladder does."""

import filecmp
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_keras import TrainConfig, UserError, evaluate, load, train
from vae_keras.models import MODELS, Autoencoder
from vae_keras.models.contractive import ContractiveAutoencoder
from vae_keras.models.sparse import SparseAutoencoder
from vae_keras.networks import DenseNetwork
from vae_keras.training.fitting import trained

SHAPE = (8, 8, 1)
rng = np.random.default_rng(0)
OF_IMAGES = [name for name in MODELS if name != "sequence"]  # which test_sequence.py trains


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """What gives a run of three epochs of the rung that is named: one run for each."""
    root, runs = tmp_path_factory.mktemp("rungs"), {}

    def run(model):
        if model not in runs:
            config = TrainConfig(model=model, epochs=3, output_dir=root)
            runs[model] = train(config, verbose=0)
        return runs[model]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("model", OF_IMAGES)
def test_every_rung_trains_saves_and_exports_through_one_code(model, run_of):
    run = run_of(model)
    assert run.history["val_loss"][1] < run.history["val_loss"][0]
    images, labels = run.dataset.test.take(slice(5)).arrays()
    loaded = keras.models.load_model(run.folder.model)
    inputs = {"x": images, "label": labels}
    np.testing.assert_array_equal(loaded(inputs), run.model(inputs))
    exported = tf.saved_model.load(run.folder.exported)
    label = [tf.constant(labels, tf.int32)] if run.model.takes_labels else []
    found = exported.reconstruct(images, *label)["reconstruction"]
    np.testing.assert_allclose(found, run.model(inputs), atol=1e-5)
    seed = tf.constant([0, 1])
    new = exported.generate(tf.constant(5), seed, *label)["x"]
    np.testing.assert_allclose(new, run.model.generate(5, seed, *label), atol=1e-5)
    terms = [f"val_{name}" for name in ("loss", *run.model.terms)]
    assert [name for name in run.history if name.startswith("val_")] == terms


@pytest.mark.slow
@pytest.mark.parametrize("model", OF_IMAGES)
def test_every_rung_trains_on_a_colour_folder(model, tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path / "cache"))
    for label in ("a", "b"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(15):
            pixels = rng.integers(0, 255, (12, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    photos = f"folder:{tmp_path / 'photos'}"
    config = TrainConfig(model=model, dataset=photos, image_size="12x10", epochs=1)
    dataset = load(config)
    found = evaluate(trained(config, dataset), dataset)
    assert dataset.example_shape == (12, 10, 3)
    assert all(np.isfinite(value) for value in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("model", OF_IMAGES)
def test_resumed_rung_is_the_uninterrupted_one(model, run_of, tmp_path):
    whole = run_of(model).folder
    cut = shutil.copytree(whole.path, tmp_path / "runs/cut")
    shutil.rmtree(max((cut / "checkpoints").iterdir()))
    (cut / "history.csv").unlink()
    train(TrainConfig(model=model, name="cut", resume=True, output_dir=tmp_path), verbose=0)
    assert filecmp.cmp(whole.history, cut / "history.csv", shallow=False)


@pytest.mark.parametrize(
    "options",
    [
        dict(model="denoising", corruption="masking", corruption_level=1.2),
        dict(model="sparse", target_activity=1.0),
        dict(model="linear", network="conv"),
        dict(model="linear", beta=2.0),
    ],
    ids=str,
)
def test_impossible_options_are_refused_and_nothing_is_written(options, tmp_path):
    with pytest.raises(UserError):
        train(TrainConfig(**options, output_dir=tmp_path), verbose=0)
    assert not list(tmp_path.iterdir())


def test_own_network_serves_every_rung(x):
    for rung in (Autoencoder, SparseAutoencoder, ContractiveAutoencoder):
        assert rung(SHAPE, latent_dim=6, network=DenseNetwork((12,), "tanh"))(x).shape == x.shape
