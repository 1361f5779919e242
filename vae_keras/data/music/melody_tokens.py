"""Melodies as sequences of tokens, one for each sixteenth of a whole note, as in MusicVAE.

Each pitch has a note-on. There is also a hold, at which nothing changes, and a note-off, at which
silence begins (Roberts et al. 2018, arXiv:1803.05428).

A window is uint8 [steps]. A note that sounds already when the window begins starts anew at its
first step; a hold there is silence.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

PADDING, HOLD, NOTE_OFF, FIRST_PITCH = range(4)  # FIRST_PITCH + p is the note-on of pitch p
PITCHES = 128  # those of MIDI, where 60 is the middle C
TOKENS = FIRST_PITCH + PITCHES
STEPS = 32
SILENCE = -1
SCALE = "C C# D D# E F F# G G# A A# B".split()
NAMES = ("<pad>", "hold", "off", *(f"{SCALE[p % 12]}{p // 12 - 1}" for p in range(PITCHES)))


class Note(NamedTuple):
    """A note: its MIDI pitch, its start and its length, both in sixteenths of a whole note."""

    pitch: int
    start: int
    length: int


def to_tokens(notes: Iterable[Note], steps: int = STEPS) -> np.ndarray:
    """Return the window that begins at step 0 as tokens, uint8 [steps].

    The notes must be in the order of their starts. What sounds before or after the window is cut
    off. A note ends when the next one begins.
    """
    tokens = np.full(steps, HOLD, np.uint8)
    for pitch, start, length in notes:
        first, end = max(start, 0), start + length
        if first < min(end, steps):
            tokens[first] = FIRST_PITCH + pitch
            tokens[first + 1 :] = HOLD  # removes the end of the note before, if that was longer
            if end < steps:
                tokens[end] = NOTE_OFF
    return tokens


def to_notes(tokens: np.ndarray) -> list[Note]:
    """Return the notes of a window of tokens [steps]. A note-off in silence is ignored."""
    notes = []
    changes = [*np.flatnonzero(tokens != HOLD).tolist(), len(tokens)]
    for start, end in pairwise(changes):
        if tokens[start] >= FIRST_PITCH:
            notes.append(Note(int(tokens[start]) - FIRST_PITCH, start, end - start))
    return notes


def sounding(tokens: np.ndarray) -> np.ndarray:
    """Return the pitch that sounds at each step, or SILENCE: int16 [..., steps]."""
    steps = np.arange(tokens.shape[-1])
    last = np.maximum.accumulate(np.where(tokens != HOLD, steps, 0), axis=-1)
    pitches = np.take_along_axis(tokens, last, axis=-1).astype(np.int16) - FIRST_PITCH
    return np.maximum(pitches, SILENCE)


def is_valid(tokens: np.ndarray) -> np.ndarray:
    """Return which windows [..., steps] can come from a melody: bool [...].

    Those with padding, a note-off in silence or a number that is no token cannot.
    """
    is_known = (tokens != PADDING) & (tokens < TOKENS)
    sounds_before = np.zeros(tokens.shape, bool)
    sounds_before[..., 1:] = sounding(tokens)[..., :-1] != SILENCE
    return (is_known & ((tokens != NOTE_OFF) | sounds_before)).all(axis=-1)


def transpose(tokens: np.ndarray, semitones) -> np.ndarray:
    """Return windows [..., steps] moved up by `semitones`, one number or an array [..., 1].

    Raises ValueError if a note would leave the pitches 0 to 127.
    """
    is_note = tokens >= FIRST_PITCH
    moved = np.where(is_note, tokens.astype(np.int64) + semitones, tokens)
    if np.any(is_note & ((moved < FIRST_PITCH) | (moved >= TOKENS))):
        raise ValueError(f"pitches must stay between 0 and {PITCHES - 1}")
    return moved.astype(np.uint8)
