from fractions import Fraction

import numpy as np
import pytest

from vae_keras.data.music.abc_notation import parse
from vae_keras.data.music.melody_tokens import HOLD, NOTE_OFF, STEPS, Note, to_notes, to_tokens
from vae_keras.data.music.melody_windows import Bar, Tune, bar_length, runs, windows


def tune(music, metre="4/4"):
    return parse(f"X:1\nM:{metre}\nL:1/4\nK:C\n{music}\n")


def starts(music, metre="4/4"):
    """Where the runs of a tune begin and how many bars they have."""
    return [(run.start, run.bars) for run in runs(tune(music, metre).bars)]


# --- Runs of bars ---


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("CDEF|GABc|", [(0, 2)]),
        ("G|CDEF|GABc|", [(4, 2)]),  # a pick-up is in no window
        ("G|CDEF|GAB|]", [(4, 2)]),  # the bar it belongs to is filled up
        ("CDEF|GAB:|c|CDEF|", [(0, 3)]),  # or both make one
        ("CDEF|GAB:|CDEF|", [(0, 2), (28, 1)]),
        ("CDEF|GAB|CDEF|", [(0, 1), (28, 1)]),  # irregular, within a part
        ("CDEF|GABcd|CDEF|", [(0, 1), (36, 1)]),
        ("CDEF|[1GABc:|[2cBAG|CDEF|", [(0, 2), (32, 2)]),  # the second does not follow the first
        ("CDEF|[M:3/4]GAB|cBA|", [(0, 1), (16, 2)]),
        ("G:|", []),
        ("", []),
    ],
)
def test_runs(music, expected):
    assert starts(music) == expected


def test_there_are_no_runs_in_free_metre():
    assert starts("CDEF|GABc|", metre="none") == []


# --- Windows ---


def test_windows_overlap_by_half():
    found, reasons = windows(tune("CDEF|GABc|cBAG|FEDC|"))
    bars = [to_tokens([Note(p, 4 * n, 4) for n, p in enumerate(pitches)], 16) for pitches in (
        (60, 62, 64, 65), (67, 69, 71, 72), (72, 71, 69, 67), (65, 64, 62, 60)
    )]  # fmt: skip
    expected = [np.concatenate(bars[first : first + 2]) for first in range(3)]
    np.testing.assert_array_equal(found, expected)
    assert not reasons


@pytest.mark.parametrize(
    ("metre", "music", "count"),
    [("C", "CDEF|" * 5, 4), ("C|", "CDEF|" * 5, 4), ("2/4", "CD|" * 10, 4), ("3/4", "CDE|" * 5, 0)],
)
def test_windows_have_two_bars_or_four_short_ones(metre, music, count):
    found, _ = windows(tune(music, metre))
    assert [window.shape for window in found] == [(STEPS,)] * count


def test_the_last_bar_is_filled_with_silence():
    found, _ = windows(tune("G|CDEF|GAB:|:cdef|gfed|]"))
    window = found[0]
    assert window[12 + 16 :].tolist() == [NOTE_OFF, HOLD, HOLD, HOLD]
    assert [note.pitch for note in to_notes(window)] == [60, 62, 64, 65, 67, 69, 71]


def test_a_note_over_the_bar_line_starts_anew():
    found, _ = windows(tune("CDEF-|FABc|cBAG|"))
    assert to_notes(found[0])[3] == Note(65, 12, 8)
    assert to_notes(found[1])[0] == Note(65, 0, 4)


@pytest.mark.parametrize(
    ("music", "metre", "reason"),
    [
        ("CDE|GAB|", "3/4", "tunes in 3/4"),
        ("CDEF|GABc|", "none", "tunes in free metre"),
        ("CDEF|", "4/4", "tunes shorter than a window"),
        ("CDE|FGABc|", "4/4", "tunes shorter than a window"),
        ("(3CDE F2|GABc|", "4/4", "windows off the grid of sixteenths"),
        ("C/8D7/8 E3|GABc|", "4/4", "windows off the grid of sixteenths"),
        ("C4|z4|", "4/4", "windows of fewer than 2 notes"),
        ("z4|z4|", "4/4", "windows of fewer than 2 notes"),
        ("", "4/4", "tunes without notes"),
    ],
)
def test_what_is_left_out(music, metre, reason):
    assert windows(tune(music, metre)) == ([], [reason])


def test_only_the_windows_off_the_grid_are_left_out():
    found, reasons = windows(tune("CDEF|GABc|(3cBA G2|FEDC|CDEF|"))
    assert len(found) == 2 and len(reasons) == 2


def test_notes_that_begin_off_the_grid_before_a_window_do_not_matter():
    early = Note(60, Fraction(-4, 3), Fraction(4, 3) + 8)
    bars = [Bar("2/4", start, 8) for start in (0, 8, 16, 24)]
    found, _ = windows(Tune("", "", [early, Note(62, 8, 8)], bars))
    assert [to_notes(window) for window in found] == [[Note(60, 0, 8), Note(62, 8, 8)]]


@pytest.mark.parametrize("metre", ["3", "4/3", "0/4", "waltz", "3/4 ", "100/4", "7/32"])
def test_metres_that_have_no_bars_in_sixteenths(metre):
    assert bar_length(metre) is None
