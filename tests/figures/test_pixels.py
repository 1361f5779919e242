"""Films of images."""

import numpy as np
import pytest
from PIL import Image

from tests.pictures import frames_of
from vae_keras.figures.pixels import film

rng = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [2, 3, 6])
def test_a_film_goes_there_and_back_for_ever(tmp_path, count, channels):
    pixels = rng.integers(0, 256, (count, 5, 7, channels), np.uint8)
    film(pixels, tmp_path / "film")
    found = frames_of(tmp_path / "film")
    assert found.shape == (2 * count - 2, 115, 161, 3)  # 23 times as large
    order = [*range(count), *range(count - 2, 0, -1)]
    expected = np.broadcast_to(pixels[order], (len(order), 5, 7, 3))
    np.testing.assert_array_equal(found[:, 11::23, 11::23], expected)
    with Image.open(tmp_path / "film") as image:
        assert (image.format, image.info["loop"], image.info["duration"]) == ("GIF", 0, 90)


def test_a_film_of_large_images_has_their_size(tmp_path):
    film(rng.integers(0, 256, (2, 113, 20, 1), np.uint8), tmp_path / "film")
    assert frames_of(tmp_path / "film").shape == (2, 113, 20, 3)
