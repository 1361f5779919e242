"""Attributes of melodies: how many notes there are, how high they lie, and which way they go."""

import numpy as np

from vae_keras.data.music.melody_tokens import FIRST_PITCH, SILENCE, sounding

NAMES = ("notes", "mean_pitch", "pitch_range", "contour")


def attributes(windows: np.ndarray) -> np.ndarray:
    """Return the attributes NAMES of windows [n, steps] as float32 [n, 4].

    `notes` counts the note-ons. The others are in semitones and count every step at which a note
    sounds: `contour` is the mean pitch of the second half minus that of the first. They are 0 where
    a window, or a half, is silent.
    """
    pitches = np.ma.masked_equal(sounding(windows), SILENCE)
    first, second = np.split(pitches, [windows.shape[1] // 2], axis=1)
    columns = [
        (windows >= FIRST_PITCH).sum(axis=1),
        pitches.mean(axis=1),
        pitches.max(axis=1) - pitches.min(axis=1),
        second.mean(axis=1) - first.mean(axis=1),
    ]
    return np.stack([np.ma.filled(column, 0) for column in columns], axis=1).astype(np.float32)
