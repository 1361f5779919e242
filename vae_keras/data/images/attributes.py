"""Tables of image attributes in text files: .csv, or cells with spaces between them."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from vae_keras.errors import UserError

Row = tuple[int, list[str]]  # the number of a line in its file, and its cells


def table_rows(table: Path) -> Iterator[Row]:
    """The rows of a .csv file, or of a text with spaces between its cells, without empty ones.

    Raises UserError if the file cannot be read as such.
    """
    try:
        with open(table, encoding="utf-8-sig", newline="") as file:
            is_csv = table.suffix == ".csv"
            lines = csv.reader(file, strict=True) if is_csv else map(str.split, file)
            for number, cells in enumerate(lines, 1):
                if any(cells):
                    yield number, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table}: not a readable table ({error}): save it as UTF-8") from error


def next_cells(table: Path, rows: Iterator[Row]) -> list[str]:
    """The cells of the next row. Raises UserError if there is no further row."""
    _, cells = next(rows, (0, None))
    if cells is None:
        raise UserError(f"{table}: is empty or ends before its header: restore or remove it")
    return cells


def column_names(table: Path, cells: list[str]) -> tuple[str, ...]:
    """The names in a header row. Raises UserError if a name is missing or comes twice."""
    names = tuple(cell.strip() for cell in cells)
    if not names or not all(names):
        raise UserError(f"{table}: its header lacks the name of a column: add it")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{table}: has two columns called {twice!r}: rename or remove one")
    return names


def values_by_image(
    table: Path,
    rows: Iterable[Row],
    images: list[str],
    names: tuple[str, ...],
    value: Callable[[str], float],
    wanted: str,
) -> np.ndarray:
    """The values of `images` in the columns `names`, float32 [n, k], from rows in any order.

    The first cell of a row is the image. The function `value` turns any other cell into a number,
    or raises KeyError(cell); `wanted` says in words which cells it takes. Raises UserError unless
    there is exactly one row for every image, with one valid value for each column.
    """
    positions = {image: position for position, image in enumerate(images)}
    values = np.empty((len(images), len(names)), np.float32)
    is_listed = np.zeros(len(images), bool)
    for line, (image, *cells) in rows:
        where, position = f"{table}, line {line}", positions.get(image)
        if len(cells) != len(names):
            columns = f"{len(cells)} values for {len(names)} columns"
            raise UserError(f"{where}: has {columns}: give one for each")
        if position is None:
            raise UserError(f"{where}: there is no image {image!r}: add it or remove the line")
        if is_listed[position]:
            raise UserError(f"{where}: lists {image!r} for the second time: remove one line")
        try:
            values[position] = [*map(value, cells)]
        except KeyError as error:
            [cell] = error.args
            name = names[cells.index(cell)]
            raise UserError(f"{where}: {name!r} is {cell!r}: it must be {wanted}") from None
        is_listed[position] = True
    if not is_listed.all():
        missing = np.flatnonzero(~is_listed)
        raise UserError(
            f"{table}: lacks {len(missing):,} of {len(images):,} images, such as "
            f"{images[missing[0]]!r}: add a line for each"
        )
    return values
