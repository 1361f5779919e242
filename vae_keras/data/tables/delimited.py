"""Files of delimited text: where their columns are, and the numbers and words in them."""

import csv
import gzip
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_keras.errors import UserError
from vae_keras.files import printable
from vae_keras.progress import progress

DELIMITERS = "\t;,"  # the comma comes last, because it may stand in numbers between the others
NO_WORD = {"", "na", "n/a", "#n/a", "nan", "?"}
NO_NUMBER = {*NO_WORD, "null", "none", "-"}  # as words these may be classes
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SAMPLE = 1_000  # rows that tell what the columns are
CHUNK = 2_000  # rows that are read at once
FEWEST_COUNTED = 4  # columns from which on a first row 0, 1, 2, … counts them
UNNAMED = "column "  # and its number: the name of a column without one
FEWEST_RENAMED = 10  # names that pandas has made different, from which on a first row has them


@dataclass(frozen=True)
class Delimited:
    """A file of delimited text, and what its first rows say of its columns.

    `names` are those of the header, all of them different, or "column 1" and so on. `texts` and
    `empty` are the positions of the columns that hold words and of those that hold nothing; all
    others hold numbers.
    """

    path: Path
    delimiter: str
    decimal: str
    has_header: bool
    names: tuple[str, ...]
    texts: tuple[int, ...]
    empty: tuple[int, ...]

    def read(self) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """The numbers of all columns [n, columns], and the words [n] of each text column.

        Numbers are uint8 if all of them are whole and from 0 to 255, and else float64. They are 0
        in columns without numbers. Raises UserError, with the row and the column, if a cell has
        none or is missing, or if a row has more or fewer cells.
        """
        words: dict[int, list[str]] = {column: [] for column in self.texts}
        converters: dict[int, Callable] = {column: _kept(words[column]) for column in self.texts}
        converters |= dict.fromkeys(self.empty, _nothing)
        parts = []
        with _opened(self.path) as file:
            lines = filter(str.strip, file)
            if self.has_header:
                next(lines)
            if self.decimal == ",":
                lines = (re.sub(r"(?<=\d),|,(?=\d)", ".", line) for line in lines)
            for chunk in progress(_chunks(lines), f"reading {self.path.name}"):
                parts.append(self._numbers(chunk, converters))
        if not parts:  # lines of nothing but tabs count as empty ones
            raise UserError(f"{self.path}: all cells are empty")
        texts = {column: np.array([w.strip() for w in words[column]]) for column in self.texts}
        if any(word.lower() in NO_WORD for found in texts.values() for word in np.unique(found)):
            raise self._fault()
        return np.concatenate(parts), texts

    def _numbers(self, lines: list[str], converters) -> np.ndarray:
        options = dict(delimiter=self.delimiter, converters=converters, quotechar='"', ndmin=2)
        try:
            values = np.loadtxt(lines, comments=None, encoding=None, **options)
        except ValueError as error:
            raise self._fault() from error
        if values.shape[1] != len(self.names) or not np.isfinite(values).all():
            raise self._fault()
        small = values.astype(np.uint8) if values.min() >= 0 and values.max() <= 255 else values
        return small if np.array_equal(small, values) else values

    def _fault(self) -> UserError:
        """The error that names the first cell that cannot be read, and counts those like it."""
        for line, cells in _rows(self.path, self.delimiter, skip=self.has_header):
            where = f"{self.path}: row {line:,}"
            if len(cells) != len(self.names):
                return UserError(
                    f"{where} has {len(cells):,} cells, but there are {len(self.names):,} columns: "
                    "correct it"
                )
            for column, cell in enumerate(cells):
                cell_there = f"{where}, column {self.names[column]!r}"
                if self._is_missing(column, cell):
                    return UserError(
                        f"{cell_there} is missing ({cell!r}), one of {self._count_missing():,} "
                        "such cells: fill them in, or leave their rows or columns out"
                    )
                if column in self.empty and cell.strip().lower() not in NO_NUMBER:
                    return UserError(f"{cell_there} holds {cell!r}, but the column begins empty")
                if column not in (*self.texts, *self.empty) and not _is_number(cell, self.decimal):
                    return UserError(
                        f"{cell_there} holds {cell!r}, which is no number: correct it, or leave "
                        "the column out"
                    )
        return UserError(f"{self.path}: cannot be read as rows of {len(self.names):,} columns")

    def _is_missing(self, column: int, cell: str) -> bool:
        nothing = NO_WORD if column in self.texts else NO_NUMBER
        return column not in self.empty and cell.strip().lower() in nothing

    def _count_missing(self) -> int:
        rows = _rows(self.path, self.delimiter, skip=self.has_header)
        width = len(self.names)
        return sum(
            self._is_missing(n, cell) for _, row in rows for n, cell in enumerate(row[:width])
        )


def delimited(path: Path) -> Delimited:
    """Look at the first rows of a file, which may be gzipped, and tell what its columns are.

    Columns are separated by commas, semicolons or tabs; between the last two, numbers may have a
    decimal comma. The first row is a header if it has a word above numbers. Raises UserError if the
    file is missing, is no text, or has fewer than two rows or two columns.
    """
    delimiter = _delimiter(path)
    rows = [cells for _, cells in itertools.islice(_rows(path, delimiter), SAMPLE)]
    if len(rows) < 2:
        raise UserError(f"{path}: has {len(rows)} rows: it must be a table of examples, one a row")
    first, *others = rows
    width = len(others[0])
    if len(first) > width and not any(cell.strip() for cell in first[width:]):
        first = first[:width]  # a comma at the end of the header alone
    below = [[row[column] for row in others if column < len(row)] for column in range(len(first))]
    decimal = "," if delimiter != "," and _has_decimal_comma(below) else "."
    has_header = _is_header(first, below, decimal)
    if not has_header:
        below = [[cell, *cells] for cell, cells in zip(first, below)]
    names = first if has_header else [""] * len(first)
    texts, empty = [], []
    for column, cells in enumerate(below):
        given = [cell for cell in cells if cell.strip().lower() not in NO_NUMBER]
        if not given:
            empty.append(column)
        elif sum(_is_number(cell, decimal) for cell in given) < len(given) / 2:
            texts.append(column)
    names = _different([printable(name.strip()) for name in names])
    return Delimited(path, delimiter, decimal, has_header, names, tuple(texts), tuple(empty))


def _different(names: list[str]) -> tuple[str, ...]:
    """The names, with the position of the column in those that are empty or there already."""
    found: list[str] = []
    for position, name in enumerate(names, start=1):
        while not name or name in found:
            name = f"{name} {UNNAMED}{position}".strip()
        found.append(name)
    return tuple(found)


@contextmanager
def _opened(path: Path):
    """Open a file of text, plain or gzipped. Raises UserError if it is missing or no text."""
    if not path.is_file():
        raise UserError(f"file {str(path)!r} does not exist")
    try:
        with open(path, "rb") as file:
            start = file.read(2)
        options = dict(encoding="utf-8-sig", errors="surrogateescape", newline="")
        opened = gzip.open if start == b"\x1f\x8b" else open
        with opened(path, "rt", **options) as file:
            yield file
    except (OSError, EOFError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from error


def _rows(path: Path, delimiter: str, skip=False) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of the line, cells) of each row that is not blank, without the header."""
    with _opened(path) as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for cells in reader:
                if any("\0" in cell for cell in cells):
                    raise UserError(f"{path}: is no text: save the table as UTF-8 with commas")
                if not cells or (len(cells) == 1 and not cells[0].strip()):
                    continue
                if not skip:
                    yield reader.line_num, cells
                skip = False
        except csv.Error as error:
            raise UserError(
                f"{path}: row {reader.line_num:,} cannot be read ({error}): correct it"
            ) from error


def _delimiter(path: Path) -> str:
    """The delimiter that gives all first rows, but the header, the same number of columns."""
    for delimiter in DELIMITERS:
        rows = [cells for _, cells in itertools.islice(_rows(path, delimiter), 20)]
        widths = {len(cells) for cells in rows[1:] or rows}
        if widths and min(widths) > 1 and len(widths) == 1:
            return delimiter
    for delimiter in DELIMITERS:  # rows of several widths, of which one is reported when it is read
        if any(len(cells) > 1 for _, cells in itertools.islice(_rows(path, delimiter), 20)):
            return delimiter
    raise UserError(
        f"{path}: has fewer than two columns: put a comma, a semicolon or a tab between them"
    )


def _has_decimal_comma(columns: Iterable[list[str]]) -> bool:
    """True if a cell is a number only with a comma in the place of its point."""
    cells = (cell for column in columns for cell in column if "," in cell)
    return any(_is_number(cell, ",") for cell in cells)


def _is_header(first: list[str], below: list[list[str]], decimal: str) -> bool:
    """True if the first row has the names of the columns, and not the first example."""
    for cell, cells in zip(first, below):
        is_word = cell.strip().lower() not in NO_NUMBER and not _is_number(cell, decimal)
        numbers = sum(_is_number(other, decimal) for other in cells)
        if is_word and numbers > len(cells) / 2:
            return True
    numbers = [cell.strip() for cell in first if cell.strip()]
    counted = [[str(n) for n in range(start, start + len(numbers))] for start in (0, 1)]
    return (len(numbers) >= FEWEST_COUNTED and numbers in counted) or _are_renamed(numbers)


def _are_renamed(cells: list[str]) -> bool:
    """True for the names that pandas makes of a row of numbers: 0, 3, 0.1, 3.1, 0.2, …"""
    seen: dict[str, int] = {}
    for cell in cells:
        base, dot, number = cell.partition(".")
        seen[base] = seen.get(base, -1) + 1
        if (
            not base.isdecimal()
            or number != (str(seen[base]) if seen[base] else "")
            or (bool(dot) != bool(seen[base]))
        ):
            return False
    return sum(seen.values()) >= FEWEST_RENAMED


def _is_number(cell: str, decimal: str) -> bool:
    cell = cell.strip().replace(decimal, ".")
    return NUMBER.fullmatch(cell) is not None and math.isfinite(float(cell))


def _chunks(lines: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(itertools.islice(lines, CHUNK)):
        yield chunk


def _kept(words: list[str]) -> Callable[[str], float]:
    """A converter of `numpy.loadtxt` that keeps the text of each cell in `words`."""

    def keep(cell):
        words.append(cell)
        return 0.0

    return keep


def _nothing(cell) -> float:
    """A converter of `numpy.loadtxt` for cells that hold nothing, and fails for others."""
    if cell.strip().lower() not in NO_NUMBER:
        raise ValueError
    return 0.0
