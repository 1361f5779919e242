"""Images to start from."""

import numpy as np
import pytest

from tests.exports import trained_on
from vae_keras import UserError, data, load_exported
from vae_keras.explore.examples import example_images
from vae_keras.export.places import TRAINING
from vae_keras.training.run_folder import read_config


def test_examples_are_test_images_one_of_each_class(tmp_path):
    model = load_exported(trained_on(tmp_path / "copy", dataset="digits"))
    found = example_images(model)
    assert (found.source, found.labels) == ("test images of digits", None)
    images, labels = data.load(read_config(model.path / TRAINING)).test.arrays()
    known = {image.tobytes(): label for image, label in zip(images, labels)}
    assert [known[image.tobytes()] for image in found.images] == list(range(10))


def test_examples_of_two_classes_take_turns(tmp_path):
    images = np.random.default_rng(0).random((60, 8, 8)).astype(np.float32)
    labels = np.array([0] * 20 + [1] * 40)
    archive = dict(x_train=images, y_train=labels, x_test=images, y_test=labels)
    np.savez(tmp_path / "two.npz", **archive)
    found = example_images(
        load_exported(trained_on(tmp_path / "copy", dataset=str(tmp_path / "two.npz")))
    )
    expected = images[[0, 20, 1, 21, 2, 22, 3, 23, 4, 24]]
    np.testing.assert_array_equal(found.images[..., 0], expected)


@pytest.mark.parametrize("dataset", ["mnist", "nowhere.npz", "folder:nowhere"])
def test_without_its_data_a_model_draws_the_examples_and_downloads_nothing(
    tmp_path, monkeypatch, dataset
):
    monkeypatch.delenv("VAE_KERAS_DATA_DIR", raising=False)
    monkeypatch.setattr("keras.datasets.mnist.load_data", lambda: pytest.fail("a download"))
    found = example_images(load_exported(trained_on(tmp_path / "copy", dataset=dataset)))
    assert found.source == "drawn by the model"
    assert found.images.shape == (10, 8, 8, 1)


def test_a_data_folder_that_does_not_exist_is_named(tmp_path):
    model = load_exported(trained_on(tmp_path / "copy", dataset="mnist"))
    with pytest.raises(UserError, match="data folder 'nowhere' does not exist"):
        example_images(model, "nowhere")
