"""Folders of images of any size and any format of Pillow, streamed from a resized cache."""

import concurrent.futures
import json
import os
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from vae_keras.data.dataset import Dataset, Examples, split_dataset
from vae_keras.data.images.attributes import column_names, next_cells, table_rows, values_by_image
from vae_keras.data.images.scaling import PixelRange, check_numbers, range_of, to_unit_range
from vae_keras.errors import UserError
from vae_keras.files import cached, counts, files_below, new_pixels, state_of, write_text
from vae_keras.progress import progress

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
CHANNEL_MODES = {1: "grayscale", 3: "rgb"}  # the colour mode by the number of channels
# Pillow knows the first four formats but cannot decode them, and starts a program for the last.
NOT_READ = ("BUFR", "GRIB", "HDF5", "MPEG", "EPS")
LARGEST_IMAGE = 80_000_000  # pixels, which take some gigabyte until it is resized
CHUNK = 100  # images that are resized side by side
CACHE_FORMAT = 2  # raise it when the same file would be resized to other pixels
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
ATTRIBUTES = "attributes.csv"
WORDS = {"true": 1.0, "false": 0.0}
LARGEST_ATTRIBUTE = float(np.finfo(np.float32).max)
warnings.filterwarnings("ignore", module=r"PIL\.")  # of images that it reads, or that are refused


class Crop(NamedTuple):
    """A part of images that all have one size; all numbers are pixels."""

    size: tuple[int, int]  # width, height
    box: tuple[int, int, int, int]  # left, top, right, bottom


def folder(
    path: Path,
    image_size: tuple[int, int],
    color_mode: str = "auto",
    pixel_range: PixelRange | None = None,
) -> Dataset:
    """All images below `path`, cropped to the shape of `image_size` (height, width) and resized.

    The folders directly below `path` are the labels, unless an image lies in none of them. If they
    are called train and test, or val, they are the splits, and the labels lie below them. With
    `color_mode` "auto" the images are grey if every one of them is. Images of more than 8 bits and
    of floats have one scale: `pixel_range`, or what the values of all of them tell.

    A file attributes.csv in `path` gives attributes. It is UTF-8. Its first line is
    file,NAME,NAME,…; then comes a line for each image, with its path relative to `path`, and
    numbers, true or false. A column of only -1 and 1 becomes one of 0 and 1.

    The resized images are kept on disk, so that only the first use reads every file. Batches are
    read from there: the memory in use does not grow with the number of images. Raises UserError if
    there are no images, an image cannot be read, attributes.csv is damaged or does not fit, or it
    is not clear which values of the images are black and white.
    """
    path = path.expanduser()
    files, left_out = images_below(path)
    left_out -= Counter({".csv": int((path / ATTRIBUTES).is_file())})
    attribute_names, attributes = _attributes(path, files)  # quick to check, so before the images
    images, notes, found_range = resized(path, files, image_size, color_mode, None, pixel_range)
    if left_out:
        notes = (counts(left_out), *notes)
    parts = [file.relative_to(path).parts for file in files]
    splits = _splits(parts)
    if splits:
        notes = (*notes, f"the splits are the folders {', '.join(sorted({p[0] for p in parts}))}")
        parts = [part[1:] for part in parts]
    class_names, labels, loose = _classes(parts)
    if loose:
        notes = (*notes, loose)
    found = split_dataset(
        path.resolve().name or "folder",
        **_of_splits(Examples(images, labels, attributes=attributes), splits),
        class_names=class_names,
        attribute_names=attribute_names,
    )
    settles = {} if found_range is None else {"pixel_range": found_range.as_option()}
    return replace(found, notes=notes, settles=settles)


def _splits(parts) -> list[str]:
    """The split of each image, if all of them lie in folders that are called like splits."""
    splits = [SPLITS.get(part[0].lower(), "") if len(part) > 1 else "" for part in parts]
    return splits if all(splits) and {"train"} < set(splits) else []


def _of_splits(examples: Examples, splits: list[str]) -> dict[str, Examples]:
    """The examples of each split that has a folder, as `split_dataset` takes them."""
    if not splits:
        return {"examples": examples}
    return {
        "examples" if split == "train" else split: examples.take(
            np.flatnonzero(np.array(splits) == split)
        )
        for split in sorted(set(splits))
    }


def _classes(parts):
    """The names of the classes, the class of each image, and what a user should know of it."""
    loose = ["/".join(part) for part in parts if len(part) == 1]
    if not loose:
        names, labels = np.unique([part[0] for part in parts], return_inverse=True)
        return [str(name) for name in names], labels, ""
    if len(loose) == len(parts):
        return [], None, ""
    return (
        [],
        None,
        f"no labels: {len(loose):,} of {len(parts):,} images, such as {loose[0]!r}, lie in no "
        "sub-folder: move them into one",
    )


def image_files(path: Path) -> list[Path]:
    """The files below a folder whose endings say that Pillow reads them as images, sorted.

    Raises UserError if the folder does not exist or has no such file.
    """
    return images_below(path)[0]


def images_below(path: Path) -> tuple[list[Path], Counter[str]]:
    """The files of `image_files`, and how many others are left out, by the reason.

    Raises UserError if the folder does not exist or has no such file.
    """
    formats = Image.registered_extensions()
    endings = {ending for ending, name in formats.items() if name in _formats()}
    files, left_out = files_below(path, endings)
    if not files:
        content = "has no images that Pillow can read" if any(path.iterdir()) else "is empty"
        found = f" ({counts(left_out)})" if left_out else ""
        raise UserError(
            f"folder {str(path)!r} {content}{found}: give a folder of .png, .jpg, … files"
        )
    return files, left_out


def _formats() -> list[str]:
    Image.init()
    return [name for name in Image.OPEN if name not in NOT_READ]


class Survey(NamedTuple):
    """What the files of a folder are: which have values of their own scale, and pages."""

    are_grey: bool
    deep: int  # images of integers of more than 8 bits, or of floats
    with_pages: int
    first_with_pages: str
    pixel_range: PixelRange | None  # of the deep images, as their values tell

    def notes(self, found: PixelRange | None) -> tuple[str, ...]:
        """Lines for the user; `found` is the range by which deep images are scaled."""
        notes = [f"of the pixels of {self.deep:,} images, {found}"] if self.deep else []
        if self.with_pages:
            files = f"{self.with_pages:,} files like {self.first_with_pages!r}"
            notes.append(f"only the first page or frame is used of {files}")
        return tuple(notes)


def _survey(path: Path, files: list[Path], with_range: bool) -> Survey:
    """The survey of the `files` below `path`, kept in the cache; it reads their headers alone.

    With `with_range` it reads the values of deep images, too. Raises UserError if they do not tell
    what is black and white.
    """

    def survey(folder: Path):
        modes, pages = {}, []
        for file in files:
            with _opened(file) as image:  # reads the header only
                modes[file] = image.mode
                if getattr(image, "is_animated", False):
                    pages.append(file.name)
        deep = [file for file, mode in modes.items() if _is_deep(mode)]
        found = _common_range(deep) if deep and with_range else None
        are_grey = set(modes.values()) <= set(GREY_MODES)
        survey = (are_grey, len(deep), len(pages), next(iter(pages), ""), found)
        write_text(folder / "survey.json", json.dumps(survey))

    made_of = [CACHE_FORMAT, str(path.resolve()), state_of(files, path), with_range]
    folder = cached("surveys", made_of, survey)
    *facts, found = json.loads((folder / "survey.json").read_text(encoding="utf-8"))
    return Survey(*facts, pixel_range=found and PixelRange(*map(float, found)))


def _is_deep(mode: str) -> bool:
    return mode.startswith("I") or mode == "F"


def _common_range(files) -> PixelRange:
    """Black and white of deep images, as the values of all of them tell.

    Raises UserError if they do not, or if an image has a value that is NaN.
    """
    low, high, is_integer = np.inf, -np.inf, True
    for file in progress(files, f"looking for black and white in {len(files):,} images, once"):
        with _opened(file) as image:
            try:
                values = np.asarray(image)
            except Exception as error:  # decoders raise errors of many kinds
                raise _unreadable(file, error) from error
        check_numbers(f"image {str(file)!r}", values)
        low, high = min(low, values.min()), max(high, values.max())
        is_integer = is_integer and np.issubdtype(values.dtype, np.integer)
    what = f"folder {str(files[0].parent)!r}"
    return range_of(what, is_integer, float(low), float(high))


class Resized(NamedTuple):
    """Resized images with lines on how they were read, for the user."""

    images: np.ndarray  # uint8 [n, height, width, channels], a memory map
    notes: tuple[str, ...]
    pixel_range: PixelRange | None  # by which deep images were scaled


def resized(
    path: Path,
    files: list[Path],
    image_size,
    color_mode,
    crop: Crop | None = None,
    pixel_range: PixelRange | None = None,
) -> Resized:
    """The `files` of the folder `path`, cropped to the shape of `image_size` and resized.

    They lie in the cache. Deep images are scaled by `pixel_range`, or by what their values tell.
    Raises UserError if an image cannot be read or, with `crop`, has another size, or if it is not
    clear what is white.
    """
    survey = _survey(path, files, with_range=pixel_range is None)
    found = pixel_range or survey.pixel_range

    def resize_all(folder: Path):
        mode = color_mode
        if mode == "auto":
            mode = "grayscale" if survey.are_grey else "rgb"
        _fill(folder / "images.npy", files, image_size, mode, crop, found)
        write_text(folder / "source.txt", f"{path.resolve()}\n")

    made_of = [CACHE_FORMAT, str(path.resolve()), image_size, color_mode, state_of(files, path)]
    made_of = [*made_of, *(choice for choice in (crop, found) if choice is not None)]
    folder = cached("folders", made_of, resize_all)
    return Resized(np.load(folder / "images.npy", mmap_mode="r"), survey.notes(found), found)


def _fill(target: Path, files, image_size, color_mode, crop, pixel_range):
    """Write every file, resized, to the .npy file `target`."""

    def read(file):
        return read_pixels(file, image_size, color_mode, crop, pixel_range)

    shape = (len(files), *image_size, 1 if color_mode == "grayscale" else 3)
    workers = os.cpu_count() or 1  # Pillow decodes and resizes without holding Python's lock
    with new_pixels(target, shape) as file, concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for first in progress(range(0, len(files), CHUNK), f"resizing {len(files):,} images, once"):
            for pixels in pool.map(read, files[first : first + CHUNK]):
                file.write(pixels.tobytes())


def read_pixels(
    file: Path,
    image_size,
    color_mode,
    crop: Crop | None = None,
    pixel_range: PixelRange | None = None,
) -> np.ndarray:
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
            upright = ImageOps.exif_transpose(image)
            return as_pixels(upright, image_size, color_mode, pixel_range)
        except Exception as error:  # decoders raise errors of many kinds
            raise _unreadable(file, error) from error


def read_image(file: Path, example_shape, pixel_range: PixelRange | None = None) -> np.ndarray:
    """The image in `file`, cropped and resized: float32 [*example_shape] in [0, 1].

    Raises UserError if the file cannot be read.
    """
    *size, channels = example_shape
    mode = CHANNEL_MODES[channels]
    return to_unit_range(read_pixels(file, size, mode, pixel_range=pixel_range))


def as_pixels(
    image: Image.Image, image_size, color_mode, pixel_range: PixelRange | None = None
) -> np.ndarray:
    """A Pillow image as uint8 [height, width, channels], cropped to the shape and resized.

    `color_mode` is "grayscale" or "rgb". Transparent images are laid on white. An image of more
    than 8 bits or of floats is scaled by `pixel_range`, or by its own type and values.
    """
    height, width = image_size
    if _is_deep(image.mode):  # Pillow would clip these at 255
        values = np.asarray(image)
        scaled = (pixel_range or _own_range(image.mode, values)).scaled(values)
        image = Image.fromarray((255 * scaled + 0.5).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if color_mode == "grayscale" else "RGB")
    image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(height, width, -1)


def _own_range(mode: str, values: np.ndarray) -> PixelRange:
    """Black and white of a single image: of 16 bits if its type or a value says so."""
    if mode.startswith("I;16") or values.max() > 255:
        return PixelRange(0, 65_535)
    return PixelRange(0, 1 if mode == "F" and values.max() <= 1 else 255)


def _opened(file: Path) -> Image.Image:
    try:
        image = Image.open(file, formats=_formats())
    except Exception as error:
        raise _unreadable(file, error) from error
    if image.width * image.height > LARGEST_IMAGE:
        size = f"{image.width:,}×{image.height:,} pixels"
        image.close()
        raise UserError(
            f"image {str(file)!r} has {size}, and at most {LARGEST_IMAGE:,} are read: shrink it"
        )
    return image


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
