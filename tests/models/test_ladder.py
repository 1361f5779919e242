"""What every rung of the ladder does."""

import filecmp

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_keras import TrainConfig, UserError, train
from vae_keras.data.images.archives import digits
from vae_keras.models import MODELS, Autoencoder
from vae_keras.models.contractive import ContractiveAutoencoder
from vae_keras.models.sparse import SparseAutoencoder
from vae_keras.networks import DenseNetwork

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
    dataset = f"folder:{tmp_path / 'photos'}"
    config = TrainConfig(
        model=model, dataset=dataset, image_size="12x10", epochs=1, output_dir=tmp_path
    )
    run = train(config, verbose=0)
    assert run.model.example_shape == (12, 10, 3)
    assert run.folder.exported.is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["sparse", "denoising", "contractive"])
def test_resumed_rung_is_the_uninterrupted_one(model, run_of, tmp_path):
    whole = run_of(model).folder
    config = TrainConfig(model=model, epochs=3, name="cut", output_dir=tmp_path)

    class Stop(Exception):
        pass

    class StoppingTrain:  # the data fail at the third epoch
        def __init__(self, examples):
            self.examples = examples

        def __getattr__(self, name):
            return getattr(self.examples, name)

        def __len__(self):
            return len(self.examples)

        def shuffled_batches(self, *arguments):
            batches = self.examples.shuffled_batches(*arguments)
            return batches.take(2 * 21).concatenate(batches.take(1).map(lambda b: fail(b)))

    def fail(batch):
        with tf.control_dependencies([tf.debugging.Assert(False, ["stopped"])]):
            return tf.nest.map_structure(tf.identity, batch)

    dataset = digits()
    broken = dataset.__class__(**{**dataset.__dict__, "train": StoppingTrain(dataset.train)})
    with pytest.raises(tf.errors.InvalidArgumentError):
        train(config, broken, verbose=0)
    cut = train(config.replace(resume=True), verbose=0).folder
    assert filecmp.cmp(whole.history, cut.history, shallow=False)


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
