"""A user's own images, for a trained model."""

import gzip

import numpy as np
import pytest
from PIL import Image

from vae_keras import UserError
from vae_keras.data.images.folder import folder
from vae_keras.data.images.own import own_images
from vae_keras.data.images.scaling import PixelRange

SHAPE = (6, 6, 1)


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def deep(tmp_path):
    """A folder of twelve images of 12 bits."""
    (tmp_path / "deep").mkdir()
    values = np.random.default_rng(0).integers(0, 4_096, (12, 9, 9), np.uint16)
    values[0, 0, 0] = 4_095
    for number, image in enumerate(values):
        Image.fromarray(image).save(tmp_path / f"deep/{number:02}.tiff")
    return tmp_path / "deep"


def idx(images: np.ndarray) -> bytes:
    return b"\0\0\x08\3" + np.array(images.shape, ">u4").tobytes() + images.tobytes()


def test_a_folder_is_read_as_the_training_reads_it(deep):
    learned = folder(deep, SHAPE[:2])
    (deep / "notes.txt").write_text("no image")
    found = own_images(deep, SHAPE, PixelRange(0, 4_095))
    np.testing.assert_array_equal(found.values, learned.train.values)
    assert found.names == [f"{number:02}.tiff" for number in range(12)]
    assert found.notes[0] == "left out 1 file: 1 .txt"


def test_a_single_image_is_read_as_one_of_the_folder(deep):
    together = own_images(deep, SHAPE, PixelRange(0, 4_095))
    alone = own_images(deep / "07.tiff", SHAPE, PixelRange(0, 4_095))
    assert alone.names == ["07.tiff"]
    np.testing.assert_array_equal(alone.values[0], together.values[7] / np.float32(255))


@pytest.mark.parametrize("name", ["a.npz", "a-idx3-ubyte", "a-idx3-ubyte.gz", "plain"])
def test_arrays_are_scaled_and_numbered(tmp_path, name):
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 6), np.uint8)
    images[0, 0, 0] = 255
    content = idx(images)
    if name.endswith(".npz"):
        np.savez(tmp_path / name, whatever=images)
    else:
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    found = own_images(tmp_path / name, SHAPE)
    assert found.names == ["0", "1", "2", "3", "4"] and found.notes == ()
    np.testing.assert_allclose(found.values[..., 0], images / 255, atol=1e-6)
    told = own_images(tmp_path / name, SHAPE, PixelRange(0, 510))
    np.testing.assert_allclose(told.values[..., 0], images / 510, atol=1e-6)
    assert "0 is black and 510 is white" in told.notes[0]


def test_all_images_of_an_archive_of_splits_are_read(tmp_path):
    images = np.full((2, *SHAPE), 255, np.uint8)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=[0, 1], x_test=images[:1])
    found = own_images(tmp_path / "a.npz", SHAPE)
    assert found.names == ["x_train[0]", "x_train[1]", "x_test[0]"]


@pytest.mark.parametrize(
    ("arrays", "wrong"),
    [
        (dict(a=np.zeros((2, 6, 6)), b=np.zeros(2)), "has a, b: call the array of images x_test"),
        (dict(a=np.zeros((2, 5, 6))), r"has shape \(2, 5, 6\), but the model takes"),
        (dict(a=np.zeros((0, 6, 6))), r"has shape \(0, 6, 6\)"),
        (dict(a=np.full((2, 6, 6), np.nan)), "values that are NaN"),
        (dict(a=np.full((2, 6, 6), 7)), "does not tell what is white"),
    ],
)
def test_arrays_that_the_model_does_not_take_are_named(tmp_path, arrays, wrong):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=wrong):
        own_images(tmp_path / "a.npz", SHAPE)


def test_what_is_no_image_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    for name, wrong in (("a.png", "cannot be read"), ("b.png", "does not exist")):
        with pytest.raises(UserError, match=rf"{name}.*{wrong}"):
            own_images(tmp_path / name, SHAPE)
    with pytest.raises(UserError, match=r"of 2 channels, and image files have 1 or 3"):
        own_images(tmp_path, (6, 6, 2))
