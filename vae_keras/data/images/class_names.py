"""The names of classes, in a text file beside the images."""

from pathlib import Path

import numpy as np

from vae_keras.errors import UserError

FILES = ("classes.txt", "class_names.txt", "labels.txt")


def file_beside(path: Path) -> Path | None:
    """The file of class names in the folder of `path`, or None."""
    files = (path.with_name(name) for name in FILES)
    return next((file for file in files if file.is_file()), None)


def read_class_names(file: Path, values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The labels int [classes] that the names in `file`, one a line, belong to, and these names.

    `values` are the labels that occur, sorted. If there are as many names, they belong to these in
    their order. If there are more, a label is the position of its name, counted from 0. Raises
    UserError if the file cannot be read, a name is there twice, or the names do not fit the labels.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: names of classes cannot be read ({error}): correct it") from error
    names = [line.strip() for line in lines if line.strip()]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{file}: has the class {twice!r} twice: give each class a name of its own")
    if len(names) == len(values):
        return values, names
    if values.min() >= 0 and values.max() < len(names):
        return np.arange(len(names)), names
    raise UserError(
        f"{file}: has {len(names):,} names of classes, but the labels have {len(values):,} values, "
        f"from {values.min()} to {values.max()}: correct the file, or give it another name"
    )
