"""Folders of images of any size and any format of Pillow, streamed from a resized cache."""

import concurrent.futures
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from vae_keras.data.dataset import Dataset, Examples, split_dataset
from vae_keras.data.images.attributes import column_names, next_cells, table_rows, values_by_image
from vae_keras.errors import UserError
from vae_keras.files import cached, files_below, new_pixels, state_of, write_text
from vae_keras.progress import progress

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
CHANNEL_MODES = {1: "grayscale", 3: "rgb"}  # the colour mode by the number of channels
STUBS = ("BUFR", "GRIB", "HDF5", "MPEG")  # Pillow knows these formats but cannot decode them
CHUNK = 100  # images that are resized side by side
CACHE_FORMAT = 1  # raise it when the same file would be resized to other pixels
ATTRIBUTES = "attributes.csv"
WORDS = {"true": 1.0, "false": 0.0}
LARGEST_ATTRIBUTE = float(np.finfo(np.float32).max)


class Crop(NamedTuple):
    """A part of images that all have one size; all numbers are pixels."""

    size: tuple[int, int]  # width, height
    box: tuple[int, int, int, int]  # left, top, right, bottom


def folder(path: Path, image_size: tuple[int, int], color_mode: str = "auto") -> Dataset:
    """All images below `path`, cropped to the shape of `image_size` (height, width) and resized.

    The folders directly below `path` are the labels, unless an image lies in none of them. With
    `color_mode` "auto" the images are grey if every one of them is.

    A file attributes.csv in `path` gives attributes. It is UTF-8. Its first line is
    file,NAME,NAME,…; then comes a line for each image, with its path relative to `path`, and
    numbers, true or false. A column of only -1 and 1 becomes one of 0 and 1.

    The resized images are kept on disk, so that only the first use reads every file. Batches are
    read from there: the memory in use does not grow with the number of images. Raises UserError if
    there are no images, an image cannot be read, or attributes.csv is damaged or does not fit.
    """
    files = image_files(path)
    attribute_names, attributes = _attributes(path, files)  # quick to check, so before the images
    images = resized(path, files, image_size, color_mode)
    parts = [file.relative_to(path).parts for file in files]
    class_names, labels = (), None
    if all(len(part) > 1 for part in parts):
        class_names, labels = np.unique([part[0] for part in parts], return_inverse=True)
    name = path.resolve().name or "folder"
    return split_dataset(
        name,
        Examples(images, labels, attributes=attributes),
        class_names=[str(name) for name in class_names],
        attribute_names=attribute_names,
    )


def image_files(path: Path) -> list[Path]:
    """The files below a folder whose endings say that Pillow reads them as images, sorted.

    Raises UserError if the folder does not exist or has no such file.
    """
    formats = Image.registered_extensions()
    endings = {e for e, name in formats.items() if name in Image.OPEN and name not in STUBS}
    files = files_below(path, endings)
    if not files:
        content = "has no images that Pillow can read" if any(path.iterdir()) else "is empty"
        raise UserError(f"folder {str(path)!r} {content}: give a folder of .png, .jpg, … files")
    return files


def _all_grey(files) -> bool:
    for file in files:
        with _opened(file) as image:  # reads the header only
            if image.mode not in GREY_MODES:
                return False
    return True


def resized(
    path: Path, files: list[Path], image_size, color_mode, crop: Crop | None = None
) -> np.ndarray:
    """The resized `files` of the folder `path`: uint8 [n, height, width, channels], a memory map.

    It lies in the cache. Raises UserError if an image cannot be read or, with `crop`, has another
    size.
    """

    def resize_all(folder: Path):
        mode = color_mode
        if mode == "auto":
            mode = "grayscale" if _all_grey(files) else "rgb"
        _fill(folder / "images.npy", files, image_size, mode, crop)
        write_text(folder / "source.txt", f"{path.resolve()}\n")

    made_of = [CACHE_FORMAT, str(path.resolve()), image_size, color_mode, state_of(files, path)]
    made_of = made_of if crop is None else [*made_of, crop]
    return np.load(cached("folders", made_of, resize_all) / "images.npy", mmap_mode="r")


def _fill(target: Path, files, image_size, color_mode, crop):
    """Write every file, resized, to the .npy file `target`."""
    shape = (len(files), *image_size, 1 if color_mode == "grayscale" else 3)
    workers = os.cpu_count() or 1  # Pillow decodes and resizes without holding Python's lock
    with new_pixels(target, shape) as file, concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for first in progress(range(0, len(files), CHUNK), f"resizing {len(files):,} images, once"):
            chunk = files[first : first + CHUNK]
            for pixels in pool.map(lambda f: read_pixels(f, image_size, color_mode, crop), chunk):
                file.write(pixels.tobytes())


def read_pixels(file: Path, image_size, color_mode, crop: Crop | None = None) -> np.ndarray:
    """The image in `file`, or its part `crop`: uint8 [height, width, channels], upright.

    Raises UserError if it cannot be read or, with `crop`, has another size.
    """
    with _opened(file) as image:
        if crop is not None and image.size != crop.size:
            found, wanted = ("×".join(map(str, size)) for size in (image.size, crop.size))
            raise UserError(f"image {str(file)!r} is {found} pixels, not {wanted}: replace it")
        try:
            image.load()
            image = image if crop is None else image.crop(crop.box)
            return as_pixels(ImageOps.exif_transpose(image), image_size, color_mode)
        except Exception as error:  # decoders raise errors of many kinds
            raise _unreadable(file, error) from error


def read_image(file: Path, example_shape) -> np.ndarray:
    """The image in `file`, cropped and resized: float32 [*example_shape] in [0, 1].

    Raises UserError if the file cannot be read.
    """
    *size, channels = example_shape
    return read_pixels(file, size, CHANNEL_MODES[channels]) / np.float32(255)


def as_pixels(image: Image.Image, image_size, color_mode) -> np.ndarray:
    """A Pillow image as uint8 [height, width, channels], cropped to the shape and resized.

    `color_mode` is "grayscale" or "rgb". Transparent images are laid on white.
    """
    height, width = image_size
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow would clip these at 255; so 16-bit grey is scaled to 255, as are floats up to 1.
        values = np.asarray(image, np.float32)
        is_16_bit = image.mode.startswith("I;16") or values.max() > 255
        scale = 1 / 257 if is_16_bit else 255 if image.mode == "F" and values.max() <= 1 else 1
        image = Image.fromarray((values * scale).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if color_mode == "grayscale" else "RGB")
    image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(height, width, -1)


def _opened(file: Path) -> Image.Image:
    try:
        return Image.open(file)
    except Exception as error:
        raise _unreadable(file, error) from error


def _unreadable(file, error) -> UserError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UserError(f"image {str(file)!r} cannot be read ({reason}): repair or remove it")


def _attributes(path: Path, files) -> tuple[tuple[str, ...], np.ndarray | None]:
    """The names [k] and values, float32 [n, k], in attributes.csv; () and None if there is none."""
    table = path / ATTRIBUTES
    if not table.is_file():
        return (), None
    rows = table_rows(table)
    first, *header = next_cells(table, rows)
    if first != "file":
        raise UserError(f"{table}: starts with {first!r}: its first line must be file,NAME,NAME,…")
    names = column_names(table, header)
    images = [file.relative_to(path).as_posix() for file in files]
    values = values_by_image(table, rows, images, names, _number, "a number, true or false")
    is_sign = (np.abs(values) == 1).all(axis=0)
    values[:, is_sign] = values[:, is_sign] > 0
    return names, values


def _number(cell: str) -> float:
    """The number that a cell stands for. Raises KeyError(cell) if it stands for none."""
    word = cell.strip().lower()
    try:
        number = WORDS[word] if word in WORDS else float(word)
    except ValueError:
        raise KeyError(cell) from None
    if not abs(number) <= LARGEST_ATTRIBUTE:  # also NaN
        raise KeyError(cell)
    return number
