"""Melodies and sentences as data sets of tokens."""

from dataclasses import replace

import numpy as np

from vae_keras.data import melody_attributes, melody_tokens, vocabulary
from vae_keras.data.dataset import Dataset, Examples
from vae_keras.data.melody_set import Melodies, transposed
from vae_keras.data.sentences import Sentences


def melody_dataset(name: str, found: Melodies, transpose=True) -> Dataset:
    """The windows of melodies. In training they are transposed at random, unless told not to."""
    values = melody_attributes.attributes(found.windows)
    examples = Examples(found.windows.astype(np.int32), attributes=values)
    train = replace(examples, augmentation=transposed if transpose else None)
    return Dataset(
        name,
        train.take(found.train),
        examples.take(found.validation),
        examples.take(found.test),
        attribute_names=melody_attributes.NAMES,
        vocabulary=melody_tokens.NAMES,
    )


def sentence_dataset(found: Sentences) -> Dataset:
    """Sentences of words, each with its end."""
    examples = Examples(found.tokens)
    splits = map(examples.take, (found.train, found.validation, found.test))
    words = found.vocabulary.words
    return Dataset(found.name, *splits, vocabulary=words, end=vocabulary.END)
