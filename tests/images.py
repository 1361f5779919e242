"""Images to try a model on, and files of them."""

from pathlib import Path

import numpy as np
from PIL import Image


def images(count, shape, seed=0):
    return np.random.default_rng(seed).random((count, *shape), dtype="float32")


def save(path, image) -> Path:
    """Write an image [height, width, 1] in [0, 1] whose values are multiples of 1/255."""
    Image.fromarray(np.rint(image[..., 0] * 255).astype(np.uint8)).save(path)
    return path
