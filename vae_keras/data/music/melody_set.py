"""What every set of melodies is: the windows of many tunes, and which of them are for what."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vae_keras.data.dataset import Dataset, Examples
from vae_keras.data.kinds import MELODIES
from vae_keras.data.music import melody_attributes
from vae_keras.data.music.melody_split import TEST, TRAIN, VALIDATION, near, sides
from vae_keras.data.music.melody_tokens import FIRST_PITCH, transpose
from vae_keras.data.music.melody_windows import Tune, windows
from vae_keras.errors import UserError
from vae_keras.files import whole_file

VERSION = 1  # raise it when the same tunes would give other windows, or another split
EXAMPLES = 3  # names that are kept of what is left out for one reason
MOST_TOLD = 5  # reasons in a message
FEWEST = 3  # tunes
LOWEST, HIGHEST = 36, 96  # the pitches between which melodies are transposed
ARRAYS = "windows tune train validation test".split()
TEXTS = "titles sources left_out left_out_names".split()


@dataclass(frozen=True)
class Melodies:
    """Windows of tokens, uint8 [n, steps]; `tune`, int32 [n], is which tune each one is of.

    `train`, `validation` and `test` are the positions of windows, those of a tune on one side.
    The last two have none that is nearly the same as one on another side. `titles` and `sources`
    are those of the tunes. `left_out` says how many files, tunes and windows were left out, by
    reason, and `left_out_names` of which files or tunes, a few for each reason.
    """

    windows: np.ndarray
    tune: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    titles: list[str]
    sources: list[str]
    left_out: dict[str, int]
    left_out_names: dict[str, list[str]]

    def save(self, path: Path):
        """Write it to an .npz file, whole or not at all."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        texts = json.dumps({name: getattr(self, name) for name in TEXTS})
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            np.savez_compressed(temporary, texts=texts, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Melodies":
        """What `save` wrote."""
        with np.load(path) as file:
            arrays = {name: file[name] for name in ARRAYS}
            return cls(**arrays, **json.loads(file["texts"].item()))


class LeftOut:
    """How many files, tunes or windows were left out, by reason, and the names of a few."""

    def __init__(self):
        self.counts, self.names = Counter(), {}

    def add(self, reason: str, name: str):
        self.counts[reason] += 1
        names = self.names.setdefault(reason, [])
        if name not in names and len(names) < EXAMPLES:
            names.append(name)

    def __str__(self):
        counts = self.counts.most_common(MOST_TOLD)
        told = [f"{n:,} {reason} ({', '.join(self.names[reason])})" for reason, n in counts]
        return "; ".join(told) or "nothing"


def gathered(
    name: str,
    tunes: Iterable[Tune],
    metre: str | None,
    group: Callable[[Tune], str],
    left_out: LeftOut,
) -> Melodies:
    """The windows of `tunes` in a metre or, for None, in 4/4, 2/2 and 2/4, with their split.

    Tunes for which `group` gives the same are on one side. Raises UserError, with the `name` of
    the data set, if too few are left.
    """
    used, cut = [], []
    for tune in tunes:
        found, reasons = windows(tune, metre)
        for reason in reasons:
            left_out.add(reason, tune.source)
        if found:
            used.append(tune)
            cut.append(np.stack(found))
    groups = [group(tune) for tune in used]
    if len(set(groups)) < FEWEST:
        raise UserError(
            f"{name}: {len(set(groups))} usable tunes are too few, need at least {FEWEST}; "
            f"left out: {left_out}"
        )
    tune = np.repeat(np.arange(len(cut), dtype=np.int32), [len(found) for found in cut])
    cut = np.concatenate(cut)
    rows = _split(cut, sides(groups)[tune], [used[n].source for n in tune], left_out)
    if not all(map(len, rows)):
        raise UserError(f"{name}: the tunes are too much alike to test a model: add others")
    return Melodies(
        cut,
        tune,
        *rows,
        titles=[tune.title for tune in used],
        sources=[tune.source for tune in used],
        left_out=dict(left_out.counts.most_common()),
        left_out_names=left_out.names,
    )


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


def transposed(windows: np.ndarray, key, low: int = -6, high: int = 5) -> np.ndarray:
    """The windows [n, steps], each moved by `low` to `high` semitones, which `key` alone decides.

    All moves that keep a window's notes between LOWEST and HIGHEST are equally probable; what lies
    outside is not moved further out. `key` is one or several integers. Raises UserError unless
    low ≤ 0 ≤ high.
    """
    if not low <= 0 <= high:
        raise UserError(f"transposition by {low} to {high} semitones: the range must contain 0")
    is_note = windows >= FIRST_PITCH
    pitches = windows.astype(int) - FIRST_PITCH
    lowest = np.where(is_note, pitches, HIGHEST).min(axis=1)
    highest = np.where(is_note, pitches, LOWEST).max(axis=1)
    least, most = np.clip(LOWEST - lowest, low, 0), np.clip(HIGHEST - highest, 0, high)
    generator = np.random.Generator(np.random.SFC64(key))
    return transpose(windows, generator.integers(least, most, endpoint=True)[:, None])


def melody_dataset(name: str, found: Melodies) -> Dataset:
    """Return the data set of windows of melodies, which training transposes at random."""
    values = melody_attributes.attributes(found.windows)
    examples = Examples(found.windows.astype(np.int32), attributes=values)
    train = replace(examples, augmentation=transposed)
    return Dataset(
        name,
        train.take(found.train),
        examples.take(found.validation),
        examples.take(found.test),
        attribute_names=melody_attributes.NAMES,
        kind=MELODIES,
    )
