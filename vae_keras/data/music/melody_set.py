"""A set of melodies: the windows of many tunes, and their split."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae_keras.data.dataset import Dataset, Examples
from vae_keras.data.kinds import MelodyKind
from vae_keras.data.music import melody_attributes
from vae_keras.data.music.melody_split import TEST, TRAIN, VALIDATION, near, sides
from vae_keras.data.music.melody_tokens import FIRST_PITCH, transpose
from vae_keras.data.music.melody_windows import COMMON_TIME, FREE, Tune, learned_as, windows
from vae_keras.errors import UserError
from vae_keras.files import whole_file

VERSION = 2  # raise it when the same tunes would give other windows, or another split
EXAMPLES = 3  # names that are kept for each reason why something is left out
MOST_TOLD = 5  # reasons in a message
FEWEST_TUNES = 3
LOWEST, HIGHEST = 36, 96  # the pitches between which melodies are transposed
DOWN, UP = -6, 5  # semitones, so that every key comes once


@dataclass(frozen=True)
class Melodies:
    """Windows of tokens, uint8 [n, steps], and the rows of the three splits.

    `train`, `validation` and `test` are positions among the windows. Windows of one tune are in one
    split. Validation and test have no window that is nearly the same as one of another split.
    """

    windows: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def save(self, path: Path):
        """Write the melodies to an .npz file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            np.savez_compressed(temporary, **vars(self))

    @classmethod
    def load(cls, path: Path) -> "Melodies":
        """Return the melodies that `save` wrote to a file."""
        with np.load(path) as file:
            return cls(**file)


class LeftOut:
    """Counts what is left out, by the reason: files, tunes or windows, with the names of a few."""

    def __init__(self):
        self.counts, self.names = Counter(), {}

    def add(self, reason: str, name: str):
        """Count one more thing, called `name`, that is left out for a reason."""
        self.counts[reason] += 1
        names = self.names.setdefault(reason, [])
        if name not in names and len(names) < EXAMPLES:
            names.append(name)

    def __str__(self):
        counts = self.counts.most_common(MOST_TOLD)
        told = [f"{n:,} {reason} ({', '.join(self.names[reason])})" for reason, n in counts]
        return "; ".join(told) or "nothing"


class CutTune(NamedTuple):
    """The windows of a tune in each metre that it has, with the reasons why others are left out.

    `otherwise` is the reason why there are none in other metres.
    """

    source: str
    group: str
    windows: dict[str, tuple[list[np.ndarray], list[str]]]
    otherwise: str


def cut(tune: Tune, group: str) -> CutTune:
    """Return the windows of a tune. Tunes of one `group` come into one split."""
    metres = [metre for bar in tune.bars if (metre := learned_as(bar.metre))]
    found = {metre: windows(tune, metre) for metre in dict.fromkeys(metres)}
    _, (otherwise,) = windows(tune, FREE)
    return CutTune(tune.source, group, found, otherwise)


def gathered(
    name: str, tunes: Iterable[CutTune], left_out: LeftOut, metre: str = COMMON_TIME
) -> Melodies:
    """Return the windows of `tunes` in one metre with their split.

    Tunes of one group are in one split. What is left out is added to `left_out`. Raises UserError,
    with the `name` of the data set, if too few tunes are left, or if they are too similar to be
    split.
    """
    used, cut = [], []
    for tune in tunes:
        found, reasons = tune.windows.get(metre, ([], [tune.otherwise]))
        for reason in reasons:
            left_out.add(reason, tune.source)
        used += [tune] * len(found)
        cut += found
    groups = [tune.group for tune in used]
    if len(set(groups)) < FEWEST_TUNES:
        raise UserError(
            f"{name}: {len(set(groups))} usable tunes are too few, need at least {FEWEST_TUNES}; "
            f"left out: {left_out}"
        )
    cut = np.stack(cut)
    rows = _split(cut, sides(groups), [tune.source for tune in used], left_out)
    if not all(map(len, rows)):
        raise UserError(f"{name}: the tunes are too much alike to test a model: add others")
    return Melodies(cut, *rows)


def _split(cut, side, source, left_out):
    """The rows for training, validation and test, from the side and the source of each window."""
    train, validation, test = (np.flatnonzero(side == s) for s in (TRAIN, VALIDATION, TEST))
    kept = [train]
    for name, rows in (("test", test), ("validation", validation)):
        is_near = near(cut[rows], cut[np.concatenate(kept)])
        for row in rows[is_near]:
            left_out.add(f"{name} windows nearly the same as on another side", source[row])
        kept.append(rows[~is_near])
    train, test, validation = kept
    return train, validation, test


def transposed(windows: np.ndarray, key) -> np.ndarray:
    """Return windows [n, steps], each moved by DOWN to UP semitones at random.

    The integers `key` alone decide the moves. All moves that keep a window's notes between LOWEST
    and HIGHEST are equally probable; notes outside are not moved further out.
    """
    is_note = windows >= FIRST_PITCH
    pitches = windows.astype(int) - FIRST_PITCH
    lowest = np.where(is_note, pitches, HIGHEST).min(axis=1)
    highest = np.where(is_note, pitches, LOWEST).max(axis=1)
    least, most = np.clip(LOWEST - lowest, DOWN, 0), np.clip(HIGHEST - highest, 0, UP)
    generator = np.random.Generator(np.random.SFC64(key))
    return transpose(windows, generator.integers(least, most, endpoint=True)[:, None])


def melody_dataset(name: str, found: Melodies, metre: str = COMMON_TIME, notes=()) -> Dataset:
    """Return the windows in a metre as a `Dataset`; in training they are transposed at random."""
    values = melody_attributes.attributes(found.windows)
    examples = Examples(found.windows.astype(np.int32), attributes=values)
    train = replace(examples, augmentation=transposed)
    return Dataset(
        name,
        train.take(found.train),
        examples.take(found.validation),
        examples.take(found.test),
        attribute_names=melody_attributes.NAMES,
        kind=MelodyKind(metre),
        notes=tuple(notes),
    )
