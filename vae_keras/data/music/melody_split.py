"""Splits windows by their tunes, and removes held-out ones that are nearly the same as others.

Two windows are nearly the same if they are equal after a transposition, once at most one event, a
note-on or a note-off, is taken out of each. So they may differ by a note more or less, higher or
lower, earlier or later. An event is taken out only where at least FEWEST_LEFT others stay.
"""

import numpy as np

from vae_keras.data.music.melody_tokens import FIRST_PITCH, HOLD, PITCHES

SEED = 0  # the split is the same for every run, whatever its seed
SHARE = 0.1  # the share of tunes for the test, and again for validation
FEWEST_LEFT = 4
TRAIN, VALIDATION, TEST = range(3)


def sides(groups: list[str]) -> np.ndarray:
    """Return the split of each tune, int [n]: TRAIN, VALIDATION or TEST, the same for a group.

    `groups` has the name of each tune's group.
    """
    names, of_tune = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(SEED).permutation(len(names))
    held_out = max(1, round(SHARE * len(names)))
    sides = np.full(len(names), TRAIN)
    sides[order[:held_out]] = TEST
    sides[order[held_out : 2 * held_out]] = VALIDATION
    return sides[of_tune]


def near(windows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which of `windows` [n, steps] are nearly the same as one of `others`: bool [n]."""
    numbers = fingerprints(windows)
    return (np.isin(numbers, fingerprints(others)) & (numbers != 0)).any(axis=1)


def fingerprints(windows: np.ndarray) -> np.ndarray:
    """Return numbers that windows [n, steps] share if they are nearly the same.

    They are uint64 [n, steps + 1]. The last number is that of the whole window. The others are
    those of the window without the event at each step; 0 means that there is none. Two windows that
    differ share a number with a chance of 2⁻⁶⁴.
    """
    is_event = windows != HOLD
    can_lose = is_event.sum(axis=1) > FEWEST_LEFT
    numbers = np.zeros((len(windows), windows.shape[1] + 1), np.uint64)
    numbers[:, -1] = _hash(windows)
    for step in range(windows.shape[1]):
        rows = np.flatnonzero(is_event[:, step] & can_lose)
        without = windows[rows]
        without[:, step] = HOLD
        numbers[rows, step] = _hash(without)
    return numbers


def _hash(windows):
    """Zobrist's hash: the sum of a random number for each token and place, once transposed."""
    steps = np.arange(windows.shape[1])
    is_note = windows >= FIRST_PITCH
    first = windows[np.arange(len(windows)), is_note.argmax(axis=1)].astype(np.int64)
    moved = np.where(is_note, windows + (FIRST_PITCH + PITCHES - first)[:, None], windows)
    table = np.random.default_rng(0).integers(
        1, 2**64, (len(steps), FIRST_PITCH + 2 * PITCHES), np.uint64
    )
    return table[steps, moved].sum(axis=1, dtype=np.uint64)
