"""Reads image files that the browser uploads, and makes files for it."""

import base64
import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vae_keras import figures
from vae_keras.data.images.folder import CHANNEL_MODES, as_pixels
from vae_keras.data.images.scaling import PixelRange, to_unit_range
from vae_keras.errors import UserError

MOST_BYTES = 10 * 2**20  # of an uploaded file
MOST_PIXELS = 25_000_000  # of an uploaded image: a small file may hold billions
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # Pillow may run programs for others
TOO_LARGE = f"The file is larger than {MOST_BYTES // 2**20} MB: choose a smaller one."
NO_IMAGE = f"This is not an image that can be read: use {', '.join(FORMATS)}."


def read_upload(content: bytes, image_shape, pixel_range: PixelRange | None = None) -> np.ndarray:
    """The image in an uploaded file, cropped and resized: float32 [*image_shape] in [0, 1].

    An image of more than 8 bits is scaled by `pixel_range`, or by its own type and values. Its size
    is read before its pixels, so that a small file cannot fill the memory. Raises UserError if the
    file is larger than MOST_BYTES, the image has more than MOST_PIXELS, its format is none of
    FORMATS, or it is damaged.
    """
    if len(content) > MOST_BYTES:
        raise UserError(TOO_LARGE)
    *size, channels = image_shape
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            upright = ImageOps.exif_transpose(image)
            mode = CHANNEL_MODES[channels]
            return to_unit_range(as_pixels(upright, size, mode, pixel_range))
    except Image.DecompressionBombError as error:
        most = MOST_PIXELS // 1_000_000
        raise UserError(f"The image has more than {most} million pixels: shrink it.") from error
    except UnidentifiedImageError as error:
        raise UserError(NO_IMAGE) from error
    except Exception as error:  # decoders raise errors of many kinds
        raise UserError("The image is damaged and cannot be read: use another one.") from error


def png(pixels) -> bytes:
    """The content of a PNG file of pixels, uint8 [height, width, channels]."""
    content = io.BytesIO()
    figures.to_image(pixels).save(content, format="PNG", compress_level=1)
    return content.getvalue()


def strip(frames) -> bytes:
    """The content of a PNG file with all `frames` in a row, enlarged as in `film`.

    They are uint8 [n, height, width, channels].
    """
    return png(np.concatenate(list(figures.enlarged(frames)), axis=1))


def film(frames) -> bytes:
    """The content of a GIF file that goes through the `frames` and back, for ever.

    They are uint8 [n, height, width, channels].
    """
    content = io.BytesIO()
    figures.film(frames, content)
    return content.getvalue()


def data_url(content: bytes, kind="png") -> str:
    """A data URL of an image file, so that the browser need not ask for the file."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
