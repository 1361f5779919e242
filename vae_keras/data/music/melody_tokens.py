"""Melodies as sequences of tokens, one for each sixteenth of a whole note, as MusicVAE has them.

Each pitch has a note-on. Beside these there are a hold (nothing happens: the note goes on, or the
silence) and a note-off (the silence begins), after Roberts et al. 2018 (arXiv:1803.05428).

A window is uint8 [steps]. A note that sounds when a window begins starts anew at its first step; a
hold there is silence.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

PADDING, HOLD, NOTE_OFF, FIRST_PITCH = range(4)  # FIRST_PITCH + p is the note-on of pitch p
PITCHES = 128  # of MIDI: 60 is the middle C
TOKENS = FIRST_PITCH + PITCHES
STEPS = 32
SILENCE = -1
SCALE = "C C# D D# E F F# G G# A A# B".split()
NAMES = ("<pad>", "hold", "off", *(f"{SCALE[p % 12]}{p // 12 - 1}" for p in range(PITCHES)))


class Note(NamedTuple):
    """A MIDI pitch, when it begins and how long it sounds, in sixteenths of a whole note."""

    pitch: int
    start: int
    length: int


def to_tokens(notes: Iterable[Note], steps: int = STEPS) -> np.ndarray:
    """The window that begins at step 0, uint8 [steps]. The notes come in order of their starts.

    What sounds before or after the window is cut off; a note ends when the next one begins.
    """
    tokens = np.full(steps, HOLD, np.uint8)
    for pitch, start, length in notes:
        first, end = max(start, 0), start + length
        if first < min(end, steps):
            tokens[first] = FIRST_PITCH + pitch
            tokens[first + 1 :] = HOLD  # all of it, for the note before may have been longer
            if end < steps:
                tokens[end] = NOTE_OFF
    return tokens


def to_notes(tokens: np.ndarray) -> list[Note]:
    """The notes of a window [steps]. A note-off in silence means nothing."""
    notes = []
    changes = [*np.flatnonzero(tokens != HOLD).tolist(), len(tokens)]
    for start, end in pairwise(changes):
        if tokens[start] >= FIRST_PITCH:
            notes.append(Note(int(tokens[start]) - FIRST_PITCH, start, end - start))
    return notes


def sounding(tokens: np.ndarray) -> np.ndarray:
    """The pitch that sounds at each step, or SILENCE: int16, of the shape [..., steps]."""
    steps = np.arange(tokens.shape[-1])
    last = np.maximum.accumulate(np.where(tokens != HOLD, steps, 0), axis=-1)
    pitches = np.take_along_axis(tokens, last, axis=-1).astype(np.int16) - FIRST_PITCH
    return np.maximum(pitches, SILENCE)


def is_valid(tokens: np.ndarray) -> np.ndarray:
    """Which windows [..., steps] melodies give: no padding, no note-off in silence. bool [...]."""
    is_known = (tokens != PADDING) & (tokens < TOKENS)
    sounds_before = np.zeros(tokens.shape, bool)
    sounds_before[..., 1:] = sounding(tokens)[..., :-1] != SILENCE
    return (is_known & ((tokens != NOTE_OFF) | sounds_before)).all(axis=-1)


def transpose(tokens: np.ndarray, semitones) -> np.ndarray:
    """Windows [..., steps], higher by so many `semitones`: one number, or an array [..., 1].

    Raises ValueError if a note would leave the pitches 0 to 127.
    """
    is_note = tokens >= FIRST_PITCH
    moved = np.where(is_note, tokens.astype(np.int64) + semitones, tokens)
    if np.any(is_note & ((moved < FIRST_PITCH) | (moved >= TOKENS))):
        raise ValueError(f"pitches must stay between 0 and {PITCHES - 1}")
    return moved.astype(np.uint8)


def roll(tokens: np.ndarray) -> tuple[np.ndarray, int]:
    """A window [steps] as a picture, uint8 [pitches, steps], and its lowest pitch, that of row 0.

    It is 2 where a note begins, 1 where it goes on, 0 elsewhere, from the lowest note to the
    highest. Without a note it has one row, of the middle C.
    """
    pitches = [note.pitch for note in to_notes(tokens)] or [60]
    lowest = min(pitches)
    picture = np.zeros((max(pitches) - lowest + 1, len(tokens)), np.uint8)
    for pitch, start, length in to_notes(tokens):
        picture[pitch - lowest, start : start + length] = 1
        picture[pitch - lowest, start] = 2
    return picture, lowest
