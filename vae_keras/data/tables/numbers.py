"""A data set of a table of numbers, whose columns are standardised."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae_keras.data.dataset import Dataset, Examples, split_dataset
from vae_keras.data.images.archives import class_positions
from vae_keras.data.kinds import TableKind
from vae_keras.data.tables.columns import Columns
from vae_keras.errors import UserError

SMALLEST_SHARE = 1e-14  # of the largest number of a column: differences below are of its rounding


class Rows(NamedTuple):
    """The rows of a split, [n, columns], with the file they are from, and their labels or None."""

    path: Path
    values: np.ndarray
    labels: np.ndarray | None


def table_dataset(name: str, names, splits: dict[str, Rows], notes=()) -> Dataset:
    """The data set of the rows of `splits`: "train" and maybe "validation" and "test".

    Mean and deviation of the training rows standardise each of the columns `names`. Columns that
    are constant there are left out, which a note tells. Raises UserError if all of them are, or if
    numbers are too large to be standardised.
    """
    labels, class_names = class_positions({split: rows.labels for split, rows in splits.items()})
    raw = {split: Examples(rows.values, labels[split]) for split, rows in splits.items()}
    dataset = split_dataset(name, raw.pop("train"), class_names=class_names, **raw)
    train = dataset.train.values[dataset.train.rows]
    varies = _varies(splits["train"].path, names, train)
    constant = [repr(one) for one, kept in zip(names, varies) if not kept]
    if not varies.any():
        raise UserError(
            f"{splits['train'].path}: all columns are constant: there is nothing to learn"
        )
    columns = Columns.of([one for one, kept in zip(names, varies) if kept], train[:, varies])
    told = (
        [f"constant in the training rows, so left out: {', '.join(constant)}"] if constant else []
    )
    told.append(f"{len(columns.names):,} columns of numbers, standardised by the training rows")
    standardised = {
        id(rows.values): columns.standardised(rows.values[:, varies]) for rows in splits.values()
    }
    changed = {
        split: replace(examples, values=standardised[id(examples.values)])
        for split in ("train", "validation", "test")
        for examples in [getattr(dataset, split)]
    }
    return replace(dataset, kind=TableKind(columns), notes=(*notes, *told), **changed)


def _varies(path: Path, names, values: np.ndarray) -> np.ndarray:
    """True for each column whose values differ by more than their rounding: bool [columns]."""
    values = values.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = values.std(axis=0)
    if not np.isfinite(deviations).all():
        wrong = names[np.flatnonzero(~np.isfinite(deviations))[0]]
        raise UserError(f"{path}: column {wrong!r} has numbers that are too large: scale them")
    return deviations > SMALLEST_SHARE * np.abs(values).max(axis=0) + np.finfo(np.float64).tiny
