"""Cuts tunes into windows of whole bars. All times are in sixteenths of a whole note.

A window begins at a bar line. So a pick-up is in no window, unless it completes the bar that ends
the part before it. The last bar of a part, which is short because of the pick-up, is filled with
silence. No window contains another irregular bar, or goes from a first ending to the second.
"""

import re
from bisect import bisect_left, bisect_right
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np

from vae_keras.data.music.melody_tokens import STEPS, Note, to_tokens

COMMON_TIME = "4/4"
COMMON = (COMMON_TIME, "2/2", "2/4")  # metres of which windows of 32 steps are alike
SHORT = 12  # steps: windows have four bars of metres below it, such as 3/8, and two of others
FREE = "free metre"
FEWEST_NOTES = 2  # in a window: fewer are no melody


class Bar(NamedTuple):
    """What lies between two bar lines."""

    metre: str  # "4/4", or FREE
    start: Fraction | int
    length: Fraction | int
    ends_part: bool = False  # at a double bar, a repeat or the end
    follows: bool = True  # False for a second ending, which is not played after the first


class Tune(NamedTuple):
    """The notes of one voice, in order and without overlaps, and their bars."""

    title: str
    source: str
    notes: list[Note]
    bars: list[Bar]


class Run(NamedTuple):
    """Whole bars of one metre in a row; at `end` other bars begin."""

    metre: str
    start: Fraction | int
    bars: int
    end: Fraction | int


@cache
def bar_length(metre: str) -> int | None:
    """Return the length of a bar, 16 for "4/4", or None for FREE and metres not in sixteenths."""
    is_known = re.fullmatch(r"[1-9]\d?/(1|2|4|8|16)", metre)
    return int(16 * Fraction(metre)) if is_known else None


def learned_as(metre: str) -> str | None:
    """Return the metre whose windows are like those of `metre`: 4/4 for 2/2 and 2/4, else its own.

    It is None if a bar of `metre` has no whole number of sixteenths.
    """
    if metre in COMMON:
        return COMMON_TIME
    return metre if bar_length(metre) else None


def window_steps(metre: str) -> int:
    """Return the length of the windows of a metre in sixteenths: 32 for 4/4, 24 for 3/4 and 6/8."""
    if metre in COMMON:
        return STEPS
    length = bar_length(metre) or 0
    return length * (4 if length < SHORT else 2)


def beat_steps(metre: str) -> int:
    """Return the length of what one counts in a metre, in sixteenths: half bars of 4/4 count.

    It is 8 for 4/4, a quarter for 3/4, and three eighths for 6/8.
    """
    if metre in COMMON:
        return STEPS // 4
    upper, lower = map(int, metre.split("/"))
    unit = 16 // lower
    return 3 * unit if lower >= 8 and upper % 3 == 0 else unit


def windows(tune: Tune, metre: str = COMMON_TIME) -> tuple[list[np.ndarray], list[str]]:
    """Return the windows of a tune, uint8 [steps] each, and a reason for each that is left out.

    Windows are in metres that are learned as `metre`, and overlap by half. A tune without any
    window has one reason.
    """
    found, reasons, steps = [], [], window_steps(metre)
    for run in runs(tune.bars):
        if learned_as(run.metre) == metre:
            for start in _starts(run):
                notes = notes_between(tune.notes, start, min(start + steps, run.end))
                if any(time.denominator > 1 for note in notes for time in note):
                    reasons.append("windows off the grid of sixteenths")
                elif len(notes) < FEWEST_NOTES:
                    reasons.append(f"windows of fewer than {FEWEST_NOTES} notes")
                else:
                    found.append(to_tokens([Note(*map(int, note)) for note in notes], steps))
    if not found and not reasons:
        reasons.append(_why_none(tune, metre))
    return found, reasons


def _why_none(tune, metre):
    if not tune.bars:
        return "tunes without notes"
    is_short = any(learned_as(bar.metre) == metre for bar in tune.bars)
    return "tunes shorter than a window" if is_short else f"tunes in {tune.bars[0].metre}"


def runs(bars: list[Bar]) -> list[Run]:
    """Return the whole bars of a tune, in runs in which each bar follows the one before."""
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
    """The bars; a short bar and the pick-up that completes it become one."""
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
    """The times at which the windows of a run begin."""
    length = bar_length(run.metre)
    bars = window_steps(run.metre) // length
    return [run.start + first * length for first in range(0, run.bars - bars + 1, bars // 2)]


def notes_between(notes, start, end) -> list[Note]:
    """The notes that sound between two times, cut at both; their starts count from `start`."""
    first = bisect_right(notes, start, key=_end)
    last = bisect_left(notes, end, key=lambda note: note.start)
    between = []
    for note in notes[first:last]:
        begins = max(note.start, start)
        between.append(Note(note.pitch, begins - start, min(_end(note), end) - begins))
    return between


def _end(note):
    return note.start + note.length
