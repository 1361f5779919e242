from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_keras.data.music.melody_tokens import (
    FIRST_PITCH,
    HOLD,
    NAMES,
    NOTE_OFF,
    PADDING,
    SILENCE,
    STEPS,
    TOKENS,
    Note,
    is_valid,
    sounding,
    to_notes,
    to_tokens,
    transpose,
)

A, B = FIRST_PITCH + 60, FIRST_PITCH + 72


@st.composite
def melodies(draw, steps=STEPS):
    """Notes in order, without overlaps, within a window."""
    cuts = sorted(draw(st.sets(st.integers(0, steps), min_size=2)))
    notes = []
    for start, end in pairwise(cuts):
        if draw(st.booleans()):
            notes.append(Note(draw(st.integers(0, 127)), start, end - start))
    return notes


any_tokens = st.lists(st.integers(0, TOKENS - 1), min_size=STEPS, max_size=STEPS).map(
    lambda tokens: np.array(tokens, np.uint8)
)


def heard(notes, steps):
    """The pitch at every step, written down step by step."""
    return [
        next((n.pitch for n in notes if n.start <= step < n.start + n.length), SILENCE)
        for step in range(steps)
    ]


@given(melodies())
def test_notes_come_back_from_tokens(notes):
    tokens = to_tokens(notes)
    assert to_notes(tokens) == notes
    assert tokens.dtype == np.uint8 and is_valid(tokens)
    assert sounding(tokens).tolist() == heard(notes, STEPS)


@given(any_tokens)
def test_valid_are_the_windows_that_notes_can_give(tokens):
    assert is_valid(tokens) == np.array_equal(to_tokens(to_notes(tokens)), tokens)


@given(melodies(steps=3 * STEPS), st.integers(-STEPS, 2 * STEPS))
def test_a_window_has_what_sounds_in_it(notes, start):
    tokens = to_tokens([note._replace(start=note.start - start) for note in notes])
    padded = [SILENCE] * STEPS + heard(notes, 3 * STEPS) + [SILENCE] * STEPS
    assert sounding(tokens).tolist() == padded[start + STEPS : start + 2 * STEPS]
    assert is_valid(tokens)


def test_a_note_that_sounds_before_the_window_starts_anew():
    assert to_tokens([Note(60, -3, 5)], 4).tolist() == [A, HOLD, NOTE_OFF, HOLD]
    assert to_tokens([Note(60, -3, 3)], 4).tolist() == [HOLD] * 4


def test_a_note_ends_when_the_next_begins():
    assert to_tokens([Note(60, 0, 4), Note(72, 1, 1)], 4).tolist() == [A, B, NOTE_OFF, HOLD]
    assert to_tokens([Note(60, 0, 2), Note(60, 2, 2)], 4).tolist() == [A, HOLD, A, HOLD]


@pytest.mark.parametrize(
    "tokens",
    [
        [NOTE_OFF, A, HOLD],  # silence is there already
        [A, NOTE_OFF, NOTE_OFF],
        [A, NOTE_OFF, HOLD, NOTE_OFF],
        [A, PADDING],
        [A, TOKENS],
    ],
)
def test_windows_that_no_melody_gives(tokens):
    valid = [HOLD, A, HOLD, NOTE_OFF, B][: len(tokens)]
    assert is_valid(np.array([tokens, valid])).tolist() == [False, True]


@given(melodies(), st.integers(-127, 127))
def test_transposition_moves_the_notes_alone(notes, semitones):
    moved = [note._replace(pitch=note.pitch + semitones) for note in notes]
    if all(0 <= note.pitch <= 127 for note in moved):
        np.testing.assert_array_equal(transpose(to_tokens(notes), semitones), to_tokens(moved))
    else:
        with pytest.raises(ValueError, match="0 and 127"):
            transpose(to_tokens(notes), semitones)


def test_every_window_can_be_transposed_by_its_own_number():
    windows = np.array([[A, HOLD, NOTE_OFF], [HOLD, B, A]], np.uint8)
    moved = transpose(windows, np.array([[2], [-3]]))
    assert moved.tolist() == [[A + 2, HOLD, NOTE_OFF], [HOLD, B - 3, A - 3]]
    assert moved.dtype == np.uint8


def test_names():
    assert len(NAMES) == len(set(NAMES)) == TOKENS == 131
    assert NAMES[:4] == ("<pad>", "hold", "off", "C-1")
    assert NAMES[A] == "C4" and NAMES[A + 10] == "A#4" and NAMES[-1] == "G9"
