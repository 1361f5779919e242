"""A data set in a file of delimited text: a table of numbers, or images with a pixel a column."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_keras.data.dataset import Dataset
from vae_keras.data.images.archives import Arrays, image_dataset
from vae_keras.data.images.keys import OTHERS, names_of
from vae_keras.data.tables.columns import only_count
from vae_keras.data.tables.delimited import UNNAMED, Delimited, delimited
from vae_keras.data.tables.numbers import Rows, table_dataset
from vae_keras.errors import UserError, unknown

LABEL_NAMES = "label labels class classes target species variety category digit y".split()
ID_NAMES = ("id", "index", "row", "rownames", "unnamed: 0")
PIXEL_NAME = re.compile(r"(pixel|px|pix)[ _.-]?\d+|\d+x\d+", re.IGNORECASE)
SMALLEST_SIDE = 8  # of an image whose columns have no names that say they are pixels
MOST_CLASSES = 1_000
OPTION = "--columns"


@dataclass(frozen=True)
class Table:
    """What a file has: numbers [n, columns] with the names of their columns, and labels or None.

    `header` is what the names say of the columns: "pixels", "numbers", or None if they tell
    nothing.
    """

    file: Delimited
    names: tuple[str, ...]
    values: np.ndarray
    labels: np.ndarray | None
    header: str | None
    notes: tuple[str, ...]


def csv_file(path: Path, columns="auto", label_column=None, pixel_range=None) -> Dataset:
    """Load FILE.csv: a table of numbers, or images whose columns are pixels, maybe with labels.

    `columns` says which, "pixels" or "numbers"; with "auto" the names of the columns and the values
    tell. Pixels go along the rows of an image; of colour images the three values of a pixel stand
    side by side. `label_column` is the name of the column of the labels, its number counted from 1,
    or "none"; else it is the one with a usual name, or the only one with words. Where the name of
    the file says "train", the other splits are in files beside it, if these have the same columns.

    Raises UserError if the file cannot be read, a value is missing, words are in other columns, or
    the columns are not what `columns` says.
    """
    train = _table(delimited(path), label_column, columns)
    tables, notes = {"train": train}, [*train.notes]
    for split in OTHERS:
        for other in map(path.with_name, names_of(split, path.name)):
            if other.is_file() and other != path:
                table = _table(delimited(other), label_column, columns)
                fits = (table.names, table.labels is None) == (train.names, train.labels is None)
                said = f"the {split} split is" if fits else "with other columns, not used:"
                notes.append(f"{said} {other}")
                tables |= {split: table} if fits else {}
    shape, why = _image_shape(train, columns)
    notes += [why] if why else []
    name = path.name.split(".")[0]
    if shape is None:
        rows = {split: Rows(t.file.path, t.values, t.labels) for split, t in tables.items()}
        return table_dataset(name, train.names, rows, notes)
    images = {
        split: Arrays(f"{t.file.path}: pixels", _whole(t.values).reshape(-1, *shape), t.labels)
        for split, t in tables.items()
    }
    return image_dataset(name, images, (), pixel_range, path, notes)


def own_rows(path: Path, names) -> np.ndarray:
    """The columns `names` of a file in the units of the data: float64 [n, names].

    Raises UserError if the file cannot be read, lacks one of them, or has words or gaps in one.
    """
    file = delimited(path)
    lacking = [name for name in names if name not in file.names]
    if lacking:
        raise UserError(f"{path}: has no column {lacking[0]!r}, which the model needs: add it")
    values, words = file.read()
    places = [file.names.index(name) for name in names]
    unread = next((place for place in places if place in words or place in file.empty), None)
    if unread is not None:
        raise UserError(f"{path}: column {file.names[unread]!r} must have numbers alone")
    return values[:, places]


def _table(file: Delimited, label_column: str | None, columns: str) -> Table:
    """The table in a file, without the columns that only tell its rows apart."""
    values, words = file.read()
    counting = [c for c in range(len(file.names)) if _tells_rows_apart(file, c, values, words)]
    label = _label_column(file, label_column, [c for c in words if c not in counting])
    notes = [f"column {file.names[c]!r} tells the rows apart: left out" for c in counting]
    notes += [f"column {file.names[c]!r} is empty: left out" for c in file.empty]
    others = [c for c in range(len(file.names)) if c not in (*counting, *file.empty)]
    unlike = [c for c in others if not PIXEL_NAME.fullmatch(file.names[c])]
    if label is None and label_column is None and len(unlike) == 1 < len(others) - 1:
        label = unlike[0]  # the only column that is not called a pixel
    header = _told_by_names(
        [file.names[c] for c in others if c != label] if file.has_header else []
    )
    if label is None and label_column is None and header is None and columns != "numbers":
        label = _label_beside_pixels(values, others)
    labels = None
    if label is not None:
        labels, why_not = _labels(file, label, values, words)
        if why_not and label_column:
            raise UserError(why_not)
        notes += [f"{why_not}: it is a number like the others"] if why_not else []
        if labels is not None:
            notes.append(f"the classes are those of column {file.names[label]!r}")
            others.remove(label)
    if not others:
        raise UserError(f"{file.path}: has no columns of numbers")
    names = tuple(file.names[c] for c in others)
    return Table(file, names, values[:, others], labels, header, tuple(notes))


def _tells_rows_apart(file: Delimited, column: int, values, words) -> bool:
    """True if a column is the number or the name of its row, and no property of it."""
    name, cells = file.names[column], words.get(column, values[:, column])
    is_unnamed = name == f"{UNNAMED}{column + 1}"
    if column in file.empty or not (is_unnamed or name.lower() in ID_NAMES):
        return False
    if is_unnamed:
        return (
            column == 0 and column not in words and np.array_equal(cells, cells[0] + _order(cells))
        )
    return len(np.unique(cells)) == len(cells) and (column in words or _is_whole(cells))


def _order(cells) -> np.ndarray:
    return np.arange(len(cells), dtype=np.float64)


def _label_column(file: Delimited, asked: str | None, words: list[int]) -> int | None:
    """The position of the column of labels, or None: as `asked`, or by its name, or with words.

    Raises UserError if there is no such column, or if other columns have words.
    """
    known = {name.lower(): position for position, name in enumerate(file.names)}
    usual = [known[name] for name in LABEL_NAMES if name in known]
    if asked is None:
        label = next((c for c in usual if c in words), None)
        label = words[0] if label is None and len(words) == 1 else label
        label = next(iter(usual), None) if label is None else label
    elif asked in file.names:
        label = file.names.index(asked)
    elif asked.isdecimal() and 0 < int(asked) <= len(file.names):
        label = int(asked) - 1
    elif asked == "none":
        label = None
    else:
        raise unknown("column", asked, file.names)
    others = [repr(file.names[c]) for c in words if c != label]
    if others:
        raise UserError(
            f"{file.path}: words are in column {', '.join(others)}: leave them out, or write "
            "numbers; one column of words may be the classes (--label-column)"
        )
    return label


def _labels(file: Delimited, column: int, values, words) -> tuple[np.ndarray | None, str]:
    """The labels in a column, or None and why they are none."""
    cells = words.get(column)
    cells = values[:, column] if cells is None else cells
    where, count = f"{file.path}: column {file.names[column]!r}", len(np.unique(cells))
    if column not in words and not _is_whole(cells):
        return None, f"{where} has numbers that are not whole, so they are no classes"
    if count > max(2, min(MOST_CLASSES, len(cells) // 3)):
        why = f"{where} has {count:,} different values in {len(cells):,} rows, which are no classes"
        if column in words:
            raise UserError(f"{why}: leave it out")
        return None, why
    return (cells if column in words else cells.astype(np.int64)), ""


def _told_by_names(names: list[str]) -> str | None:
    """What the names of the columns say that they are: pixels or numbers; or None if nothing.

    Names that only count the columns, such as V1, V2, …, say nothing.
    """
    if names and all(PIXEL_NAME.fullmatch(name) for name in names):
        return "pixels"
    return None if only_count(names) else "numbers"


def _label_beside_pixels(values: np.ndarray, columns: list[int]) -> int | None:
    """The first column, or else the last one, if all others are pixels of images with a class.

    Classes are consecutive numbers, which the values of a pixel hardly are.
    """
    if _side_and_channels(len(columns)) or len(columns) < 2:
        return None
    for label in (columns[0], columns[-1]):
        classes = np.unique(values[:, label])
        are_classes = 1 < len(classes) == classes[-1] - classes[0] + 1 <= max(2, len(values) // 3)
        if are_classes and _are_pixels(values[:, [c for c in columns if c != label]]):
            return label
    return None


def _image_shape(table: Table, columns: str) -> tuple[tuple[int, int, int] | None, str]:
    """The shape of the images in a table, or None if it is one of numbers; and a note why.

    Raises UserError if the columns must be pixels, and are as many as no square image has.
    """
    count = table.values.shape[1]
    found = _side_and_channels(count)
    of_image = f"pixels of {found[0]}×{found[0]}" if found else ""
    of_image += " in colour" if found and found[1] == 3 else ""
    if columns == "pixels" or (columns == "auto" and table.header == "pixels"):
        if not found:
            raise UserError(
                f"{table.file.path}: {count:,} columns are no pixels of a square image: give "
                "--columns numbers, or save the images as an .npz file"
            )
        return (found[0], found[0], found[1]), ""
    if columns == "numbers" or table.header == "numbers" or not found or found[0] < SMALLEST_SIDE:
        return None, ""
    if _are_pixels(table.values):
        return (found[0], found[0], found[1]), (
            f"{count:,} columns are taken for {of_image}; if they are numbers, give "
            f"{OPTION} numbers"
        )
    return None, f"{count:,} columns are taken for numbers; for {of_image}, give {OPTION} pixels"


def _side_and_channels(columns: int) -> tuple[int, int] | None:
    """Side and channels of the square grey or colour image that has so many values, or None."""
    for channels in (1, 3):
        side = math.isqrt(columns // channels)
        if side * side * channels == columns and side > 1:
            return side, channels
    return None


def _are_pixels(values: np.ndarray) -> bool:
    """True if so many whole numbers from 0 to 255 are most likely the pixels of images."""
    found = _side_and_channels(values.shape[1])
    is_large = found is not None and found[0] >= SMALLEST_SIDE
    return is_large and values.min() >= 0 and values.max() <= 255 and _is_whole(values)


def _is_whole(values: np.ndarray) -> bool:
    return values.dtype == np.uint8 or bool(np.array_equal(values, np.rint(values)))


def _whole(values: np.ndarray) -> np.ndarray:
    """The values as integers, if they are whole."""
    if not _is_whole(values):
        return values
    is_small = values.min() >= 0 and values.max() <= 255
    return values.astype(np.uint8 if is_small else np.int64)
