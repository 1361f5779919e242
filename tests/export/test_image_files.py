"""Images from files, for an exported model."""

import numpy as np
import pytest

from tests.exports import PRETRAINED
from vae_keras import UserError
from vae_keras.export import image_files


def test_endpoint_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(image_files.ExportedModel, "call", None)  # it is not called
    with pytest.raises(UserError, match="no endpoint 'segment'"):
        image_files.load_for_images(PRETRAINED / "digits_vae", "encode", "segment")


def test_images_are_cropped_to_the_shape_and_greyed_as_the_model_is(three, monkeypatch):
    files, images = three
    found = image_files.read_images(files, (8, 8, 1))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, images, atol=0.51 / 255)
    monkeypatch.setattr(image_files, "BATCH", 2)
    np.testing.assert_array_equal(image_files.read_images(files, (8, 8, 1)), found)
    colour = image_files.read_images(files, (4, 8, 3))
    assert colour.shape == (3, 4, 8, 3)
    assert 0 <= colour.min() < 0.2 < 0.8 < colour.max() <= 1


def test_a_conditional_model_is_taken_only_with_labels():
    path = PRETRAINED / "mnist_cvae"
    assert image_files.load_for_images(path, "encode", with_labels=True).takes_labels
    with pytest.raises(UserError, match="would need a label for each image"):
        image_files.load_for_images(path, "encode")
