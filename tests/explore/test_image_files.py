"""Image files to and from the browser."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.explore.samples import BAD_FILES, as_file, photo
from vae_keras import UserError
from vae_keras.data.images.folder import as_pixels
from vae_keras.explore.image_files import film, read_upload, strip


@pytest.mark.parametrize("channels, mode", [(1, "grayscale"), (3, "rgb")])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_an_image_is_cropped_and_resized_like_those_of_a_folder(channels, mode, kind):
    content = as_file(photo(), kind)
    image = read_upload(content, (8, 12, channels))
    assert image.dtype == np.float32
    expected = as_pixels(Image.open(io.BytesIO(content)), (8, 12), mode)
    np.testing.assert_array_equal(image, expected / np.float32(255))


def test_an_image_is_turned_as_its_camera_says():
    image, content, exif = Image.fromarray(photo(60, 60)), io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    image.save(content, "PNG", exif=exif)
    upright = read_upload(as_file(np.rot90(photo(60, 60), -1)), (10, 10, 3))
    np.testing.assert_array_equal(read_upload(content.getvalue(), (10, 10, 3)), upright)


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_gives_one_line(name):
    content, reason = BAD_FILES[name]
    with pytest.raises(UserError, match=reason) as error:
        read_upload(content, (8, 8, 1))
    assert "\n" not in str(error.value)


def test_a_strip_holds_all_frames_and_a_film_goes_back(digits):
    frames = digits.morph((np.float32([1, -1]), np.float32([-0.5, 2])), 5)
    picture = np.asarray(Image.open(io.BytesIO(strip(frames))))
    assert picture.shape == (112, 5 * 112)  # 14 times as large as the digits
    np.testing.assert_array_equal(picture[::14, ::14], np.hstack(frames[..., 0]))
    picture = Image.open(io.BytesIO(film(frames)))
    assert picture.n_frames == 8  # five there, three back
    picture.seek(6)
    np.testing.assert_array_equal(np.asarray(picture.convert("L"))[::14, ::14], frames[2, ..., 0])
