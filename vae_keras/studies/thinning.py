"""Takes some of many values, evenly."""

import math

MOST_POINTS = 3_000  # in a scatter


def flat(images):
    """Images [n, height, width, channels] as rows of values: [n, values]."""
    return images.reshape(len(images), -1)


def evenly(count: int, most: int) -> slice:
    """The slice that takes at most `most` of `count` things, at equal distances."""
    return slice(None, None, max(1, math.ceil(count / most)))


def thinned(values):
    """Some of `values`, at equal distances: as many as a scatter shows."""
    return values[evenly(len(values), MOST_POINTS)]
