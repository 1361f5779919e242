"""CelebA: aligned photos of well-known people with 40 attributes, as its archives unpack.

Nothing is downloaded here: one has to ask the makers of CelebA for it.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vae_keras.data.dataset import Dataset, Examples, split_dataset
from vae_keras.data.images.attributes import (
    Row,
    column_names,
    next_cells,
    table_rows,
    values_by_image,
)
from vae_keras.data.images.folder import Crop, image_files, resized
from vae_keras.errors import UserError

NAME = "celeba"
IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba"
PARTITION = "list_eval_partition"
CROP = Crop(size=(178, 218), box=(15, 35, 163, 183))
HAS = {"1": 1.0, "0": 0.0, "-1": 0.0}
SPLITS = ("training", "validation", "test")  # numbered 0, 1, 2


def celeba(path: Path, image_size: tuple[int, int]) -> Dataset:
    """The images in `path`/img_align_celeba, resized to (height, width), with their attributes.

    list_attr_celeba states the attributes and list_eval_partition the splits; both are .txt, or
    .csv with a header. Without the partition, the splits are drawn as for any folder. Raises
    UserError if a file is missing or damaged, or unless the tables and the folder name the same
    images.

    Of the 178×218 pixels the central 148×148 are kept, the crop most used with VAEs, which leaves
    out most of the background. (Larsen et al. 2016 and NVAE take the same square 5 pixels further
    down; others take 140 or 178 pixels.) The resized images are kept on disk and streamed from
    there.

    There are no labels: an image may have many of the attributes or none, so that no attribute is
    its class, and the people differ from split to split.
    """
    folder = _image_folder(path)
    files = image_files(folder)
    images = [file.relative_to(folder).as_posix() for file in files]
    attribute_names, attributes = _attributes(path, images)
    splits = _splits(path, images)
    pixels = resized(folder, files, image_size, "rgb", CROP).images
    examples = Examples(pixels, attributes=attributes)
    if splits is None:
        return split_dataset(NAME, examples, attribute_names=attribute_names)
    parts = [examples.take(np.flatnonzero(splits == number)) for number in range(len(SPLITS))]
    return Dataset(NAME, *parts, attribute_names=attribute_names)


def _image_folder(path: Path) -> Path:
    folder = path / IMAGES
    if not folder.is_dir():
        raise UserError(
            f"folder {str(folder)!r} does not exist: name the folder where CelebA was unpacked"
        )
    inner = folder / IMAGES
    return inner if inner.is_dir() else folder  # some archives pack the folder twice


def _attributes(path: Path, images) -> tuple[tuple[str, ...], np.ndarray]:
    """The names [k], and float32 [n, k]: 1 for an attribute that an image has, otherwise 0."""
    table = _table(path, ATTRIBUTES)
    if table is None:
        raise UserError(f"folder {str(path)!r} has no {ATTRIBUTES}.txt or .csv: put it there")
    rows = table_rows(table)
    if table.suffix == ".csv":
        header = next_cells(table, rows)[1:]  # the first is image_id
    else:
        count = next_cells(table, rows)
        if len(count) != 1 or not count[0].isdecimal():
            raise UserError(f"{table}: its first line must be the count of images: restore it")
        header = next_cells(table, rows)
        rows = _counted(table, rows, int(count[0]))
    names = column_names(table, header)
    return names, values_by_image(table, rows, images, names, HAS.__getitem__, "-1 or 1")


def _splits(path: Path, images) -> np.ndarray | None:
    """The number of each image's split, float32 [n], or None if there is no partition."""
    table = _table(path, PARTITION)
    if table is None:
        return None
    rows = table_rows(table)
    if table.suffix == ".csv":
        next_cells(table, rows)
    numbers = {str(number): number for number in range(len(SPLITS))}
    values = values_by_image(table, rows, images, ("split",), numbers.__getitem__, "0, 1 or 2")
    for number, name in enumerate(SPLITS):
        if not (values == number).any():
            raise UserError(
                f"{table}: has no {name} images ({number}): add some, or remove it, "
                "then the splits are drawn"
            )
    return values[:, 0]


def _table(path: Path, stem: str) -> Path | None:
    candidates = (path / f"{stem}{ending}" for ending in (".txt", ".csv"))
    return next((table for table in candidates if table.is_file()), None)


def _counted(table: Path, rows: Iterator[Row], count: int) -> Iterator[Row]:
    """Yield the rows. Raises UserError at the end if they are not `count`: the file is cut off."""
    found = 0
    for row in rows:
        found += 1
        yield row
    if found != count:
        raise UserError(
            f"{table}: its first line says {count:,} images but {found:,} follow: restore it"
        )
