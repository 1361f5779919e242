"""Cartoon faces that the package draws itself, so that the truth of every edit is known.

A face is a row of factors: what it wears, its colours, its measures. `sample` draws the factors at
random, independent of each other, and `draw` paints them. To edit a face is to change a factor and
to paint it again: `flipped` gives the very image that a model should make of the first one.

    factors = sample(1_000, seed=0)
    bare = factors[~factors["hat"]]
    before, after = draw(bare, 64), draw(flipped(bare, "hat"), 64)
"""

from pathlib import Path

import numpy as np

from vae_keras.data.dataset import Dataset, Examples, split_dataset
from vae_keras.data.drawn.face_drawing import CHUNK, check_size, draw
from vae_keras.data.drawn.face_factors import attributes, flipped, sample
from vae_keras.errors import UserError
from vae_keras.files import cached, new_pixels
from vae_keras.progress import progress

__all__ = ["attributes", "draw", "faces", "faces_dataset", "flipped", "sample"]

VERSION = 2  # raise it when the same seed would give other pixels
COUNT = 20_000  # faces, unless another number is asked for
FEWEST_FACES, MOST_FACES = 10, 10_000_000
SEED = 0  # the data are the same for every run, whatever its seed
LABEL = "glasses"


def faces_dataset(count: int, image_size: tuple[int, int]) -> Dataset:
    """A data set of `count` faces with all attributes; label 1 means that the face wears glasses.

    `image_size` is (height, width). The factors of a split are `sample(count)[split.rows]`. Raises
    UserError if the sides differ or are outside the sizes that can be drawn.
    """
    if image_size[0] != image_size[1]:
        raise UserError(f"image size {image_size[0]}x{image_size[1]}: faces are square")
    images, factors = faces(image_size[0], count, SEED)
    names, values = attributes(factors)
    examples = Examples(images, factors[LABEL].astype(np.int64), attributes=values)
    class_names = (f"no {LABEL}", LABEL)
    return split_dataset("faces", examples, class_names=class_names, attribute_names=names)


def faces(image_size: int, count: int = COUNT, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """The images, uint8 [count, image_size, image_size, 3], and the factors [count] of faces.

    They are drawn at the first use and kept on disk; the images are a memory map. Raises UserError
    if `image_size` is outside the sizes that can be drawn, or if `count` is below 1.
    """
    check_size(image_size)
    factors = sample(count, seed)

    def draw_all(folder: Path):
        with new_pixels(folder / "images.npy", (count, image_size, image_size, 3)) as file:
            for first in progress(range(0, count, CHUNK), f"drawing {count:,} faces, once"):
                file.write(draw(factors[first : first + CHUNK], image_size).tobytes())

    folder = cached("faces", [VERSION, image_size, count, seed], draw_all)
    return np.load(folder / "images.npy", mmap_mode="r"), factors
