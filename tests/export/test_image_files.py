"""Images from files, for an exported model."""

import numpy as np
import pytest
from PIL import Image

from tests.exports import PRETRAINED, trained_on
from vae_keras import UserError, load_exported
from vae_keras.export import image_files


def test_endpoint_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(image_files.ExportedModel, "call", None)  # it is not called
    with pytest.raises(UserError, match="no endpoint 'segment'"):
        image_files.load_for_images(PRETRAINED / "digits_vae", "encode", "segment")


def test_images_are_cropped_to_the_shape_and_greyed_as_the_model_is(three, monkeypatch):
    files, images = three
    exported = load_exported(PRETRAINED / "digits_vae")
    found = image_files.read_images(files, exported)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, images, atol=0.51 / 255)
    monkeypatch.setattr(image_files, "BATCH", 2)
    np.testing.assert_array_equal(image_files.read_images(files, exported), found)
    monkeypatch.setattr(exported, "example_shape", (4, 8, 3))
    colour = image_files.read_images(files, exported)
    assert colour.shape == (3, 4, 8, 3)
    assert 0 <= colour.min() < 0.2 < 0.8 < colour.max() <= 1


@pytest.mark.slow
def test_deep_images_are_scaled_as_those_of_the_training(tmp_path):
    values = np.linspace(0, 4_095, 64).reshape(8, 8).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "one.tiff")
    for pixel_range, white in (("0,4095", 4_095), ("0,16383", 16_383), (None, 65_535)):
        path = trained_on(tmp_path / str(pixel_range), pixel_range=pixel_range)
        exported = load_exported(path)
        expected = values[..., None] / white
        (image,) = image_files.read_images([tmp_path / "one.tiff"], exported)
        np.testing.assert_allclose(image, expected, atol=0.51 / 255)
        (batch,) = image_files.read_batches([tmp_path / "one.tiff"], exported)
        np.testing.assert_array_equal(batch[0] / np.float32(255), image)


def test_a_conditional_model_is_taken_only_with_labels():
    path = PRETRAINED / "mnist_cvae"
    assert image_files.load_for_images(path, "encode", with_labels=True).takes_labels
    with pytest.raises(UserError, match="would need a label for each image"):
        image_files.load_for_images(path, "encode")
