"""What every rung of the ladder does."""

import filecmp
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.runs import training_alone
from vae_keras import TrainConfig, UserError, train
from vae_keras.models import MODELS, Autoencoder
from vae_keras.models.contractive import ContractiveAutoencoder
from vae_keras.models.sparse import SparseAutoencoder
from vae_keras.networks import ConvNetwork, DenseNetwork
from vae_keras.training import callbacks

SHAPE, CONV = (8, 8, 1), ConvNetwork(4, 8, 8)
rng = np.random.default_rng(0)
OF_IMAGES = [name for name in MODELS if name != "sequence"]  # which test_sequence.py trains


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """What gives a run of two epochs of the rung that is named, on a colour folder: one for each.

    There is a checkpoint after each epoch.
    """
    root, runs = tmp_path_factory.mktemp("rungs"), {}
    networks = {"linear": None, "sparse": None, **dict.fromkeys(("vae", "iwae"), CONV)}
    for label, colour in (("a", (200, 40, 90)), ("b", (30, 160, 220))):
        (root / "photos" / label).mkdir(parents=True)
        for number in range(30):
            pixels = rng.normal(colour, 20, (12, 10, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / "photos" / label / f"{number}.png")

    def run(model):
        if model not in runs:
            config = TrainConfig(
                model=model,
                dataset=f"folder:{root / 'photos'}",
                image_size="12x10",
                network=networks.get(model, DenseNetwork((8,))),
                epochs=2,
                batch_size=6,
                name=model,
                output_dir=root,
            )
            runs[model] = train(config, verbose=0)
        return runs[model]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAE_KERAS_CACHE_DIR", str(root / "cache"))
        patch.setattr(callbacks, "SHARE", 1e9)
        yield run


@pytest.mark.slow
@pytest.mark.parametrize("model", OF_IMAGES)
def test_every_rung_trains_saves_and_exports_through_one_code(model, run_of):
    run = run_of(model)
    assert run.dataset.example_shape == (12, 10, 3)
    assert run.history["val_loss"][1] < run.history["val_loss"][0]
    assert all(np.isfinite(run.metrics[f"test_{name}"]) for name in ("loss", *run.model.terms))
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
def test_resumed_rung_is_the_uninterrupted_one(model, run_of, tmp_path, monkeypatch):
    whole = run_of(model)
    cut = shutil.copytree(whole.folder.path, tmp_path / "runs/cut")
    shutil.rmtree(cut / "checkpoints/epoch_0002")
    (cut / "history.csv").unlink()
    training_alone(monkeypatch)
    again = train(whole.config.replace(name="cut", resume=True, output_dir=tmp_path), verbose=0)
    assert filecmp.cmp(whole.folder.history, cut / "history.csv", shallow=False)
    for one, other in zip(again.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


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
