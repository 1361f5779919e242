"""Sentences and melodies to train on."""

import itertools

import numpy as np

from vae_keras import TrainConfig
from vae_keras.data.music.melody_tokens import Note, to_tokens

SUBJECTS = "the cat|a dog|my old horse|our neighbour|the king of france".split("|")
VERBS = "sees|has never met|will soon visit|cannot stand|is said to like".split("|")
OBJECTS = "the sea.|a green hill.|two of your sisters.|long walks!|some cheese?".split("|")
SMALL = "--model sequence --units 16-32 --latent-dim 4".split()


def talk_text() -> str:
    """Lines of which each has a subject, a verb and an object."""
    return "\n".join(" ".join(parts) for parts in itertools.product(SUBJECTS, VERBS, OBJECTS))


def melody(seed) -> np.ndarray:
    """A window of quarter notes and a silence."""
    pitches = np.random.default_rng(seed).integers(50, 80, 7).tolist()
    return to_tokens([Note(pitch, 4 * n, 4) for n, pitch in enumerate(pitches)])


def of_melodies(**options) -> TrainConfig:
    """The configuration of a short run on the folder `midi`, with all that training may draw."""
    plain = dict(dataset="midi:midi", model="sequence", units="16-32", latent_dim=4, epochs=2)
    drawn = dict(word_dropout=0.3, scheduled_sampling=0.5, batch_size=8)
    return TrainConfig(**{**plain, **drawn, **options})
