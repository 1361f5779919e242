"""Cuts tunes into windows of whole bars. All times are in sixteenths of a whole note.

A window begins at a bar line. A pick-up is therefore in no window, unless it fills up the bar that
ends the part before it. The last bar of a part, short because of the pick-up, is filled up with
silence. No window goes on over another irregular bar, nor from a first ending to the second.
"""

import re
from bisect import bisect_left, bisect_right
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np

from vae_keras.data.music.melody_tokens import STEPS, Note, to_tokens

COMMON = ("4/4", "2/2", "2/4")  # two bars, of 2/4 four, are 32 steps
FREE = "free metre"
FEWEST_NOTES = 2  # of a window: less is no melody


class Bar(NamedTuple):
    """A bar is what lies between two bar lines."""

    metre: str  # "4/4", or FREE
    start: Fraction | int
    length: Fraction | int
    ends_part: bool = False  # at a double bar, a repeat or the end
    follows: bool = True  # False for a second ending, which is not played after the first


class Tune(NamedTuple):
    """A tune has the notes of one voice, in order and without overlaps, and their bars."""

    title: str
    source: str
    notes: list[Note]
    bars: list[Bar]


class Run(NamedTuple):
    """A run is whole bars of one metre in a row. What begins at `end` or later is in other bars."""

    metre: str
    start: Fraction | int
    bars: int
    end: Fraction | int


@cache
def bar_length(metre: str) -> int | None:
    """Return how long a bar is, 16 for "4/4", or None for FREE and metres not in sixteenths."""
    is_known = re.fullmatch(r"[1-9]\d?/(1|2|4|8|16)", metre)
    return int(16 * Fraction(metre)) if is_known else None


def windows(tune: Tune) -> tuple[list[np.ndarray], list[str]]:
    """Return the windows of a tune, each uint8 [STEPS], and for each that is left out the reason.

    Windows are in the COMMON metres and overlap by half. A tune without any has one reason.
    """
    found, reasons = [], []
    for run in runs(tune.bars):
        if run.metre in COMMON:
            for start in _starts(run):
                notes = _notes_between(tune.notes, start, min(start + STEPS, run.end))
                if any(time.denominator > 1 for note in notes for time in note):
                    reasons.append("windows off the grid of sixteenths")
                elif len(notes) < FEWEST_NOTES:
                    reasons.append(f"windows of fewer than {FEWEST_NOTES} notes")
                else:
                    found.append(to_tokens([Note(*map(int, note)) for note in notes]))
    if not found and not reasons:
        reasons.append(_why_none(tune))
    return found, reasons


def _why_none(tune):
    if not tune.bars:
        return "tunes without notes"
    is_short = any(bar.metre in COMMON for bar in tune.bars)
    return "tunes shorter than a window" if is_short else f"tunes in {tune.bars[0].metre}"


def runs(bars: list[Bar]) -> list[Run]:
    """Return the whole bars of a tune, as far as each follows the other."""
    found, is_open = [], False
    for bar in _joined(bars):
        length = bar_length(bar.metre)
        is_whole = bar.length == length
        goes_on = is_open and bar.follows and found[-1].metre == bar.metre
        ends_it = goes_on and bar.ends_part and bar.length < length
        if is_whole and not goes_on:
            found.append(Run(bar.metre, bar.start, 0, bar.start))
        if is_whole or ends_it:
            count = found[-1].bars + 1
            found[-1] = found[-1]._replace(bars=count, end=bar.start + bar.length)
        is_open = is_whole
    return found


def _joined(bars):
    """The bars, with a short one and the pick-up that fills it up made one."""
    joined = []
    for bar in bars:
        short = joined[-1] if joined else None
        if (
            short
            and bar.follows
            and bar.metre == short.metre
            and short.length + bar.length == bar_length(bar.metre)
        ):
            length = short.length + bar.length
            joined[-1] = short._replace(length=length, ends_part=bar.ends_part)
        else:
            joined.append(bar)
    return joined


def _starts(run: Run) -> list[int]:
    """Where the windows of a run begin."""
    length = bar_length(run.metre)
    bars = STEPS // length
    return [run.start + first * length for first in range(0, run.bars - bars + 1, bars // 2)]


def _notes_between(notes, start, end) -> list[Note]:
    """The notes that sound between two times, counted from the first and cut at both."""
    first = bisect_right(notes, start, key=_end)
    last = bisect_left(notes, end, key=lambda note: note.start)
    between = []
    for note in notes[first:last]:
        begins = max(note.start, start)
        between.append(Note(note.pitch, begins - start, min(_end(note), end) - begins))
    return between


def _end(note):
    return note.start + note.length
