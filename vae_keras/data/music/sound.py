"""Melodies as sound, so that one can hear them without a synthesiser."""

from pathlib import Path

import numpy as np
import scipy.io.wavfile

from vae_keras.data.music.melody_tokens import to_notes
from vae_keras.files import whole_file

RATE = 16_000  # samples a second
SIXTEENTH = 0.125  # seconds: 120 quarter notes a minute
OVERTONES = (0.6, 0.25, 0.1, 0.05)  # amplitudes of a pitch and its multiples; their sum is 1
DECAY = 3.0  # rate at which the amplitude falls, in 1/s
EDGE = 0.005  # seconds over which a note fades in and out, so that it does not click


def sound(tokens: np.ndarray) -> np.ndarray:
    """Return windows [steps] or [n, steps], one after another, as the sound of plucked tones.

    The sound is float32 [samples] in [-1, 1], with RATE samples a second.
    """
    windows = np.atleast_2d(tokens)
    step = round(SIXTEENTH * RATE)
    heard = np.zeros(windows.size * step, np.float32)
    for number, window in enumerate(windows):
        for pitch, start, length in to_notes(window):
            begin = (number * len(window) + start) * step
            heard[begin : begin + length * step] = _tone(pitch, length * step)
    return heard


def _tone(pitch: int, samples: int) -> np.ndarray:
    """The sound of one note of a MIDI pitch; A4, which is 69, has 440 Hz."""
    seconds = np.arange(samples) / RATE
    frequencies = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, len(OVERTONES) + 1)
    is_heard = frequencies < RATE / 2  # above this limit, another tone would be heard instead
    waves = np.sin(2 * np.pi * frequencies[is_heard, None] * seconds)
    edges = np.minimum(1, np.minimum(seconds, seconds[::-1]) / EDGE)
    return np.array(OVERTONES)[is_heard] @ waves * np.exp(-DECAY * seconds) * edges


def write_wav(tokens: np.ndarray, path: Path):
    """Write windows [steps] or [n, steps] to a .wav file of 16 bits, whole or not at all."""
    with whole_file(path) as temporary:
        scipy.io.wavfile.write(temporary, RATE, np.int16(32_767 * sound(tokens)))
