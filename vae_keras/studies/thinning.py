"""Some of many, evenly."""

import math

MOST_POINTS = 3_000  # in a scatter


# What the studies share


def flat(images):
    return images.reshape(len(images), -1)


def evenly(count: int, most: int) -> slice:
    """Every so many of `count` things, so that they are at most `most`."""
    return slice(None, None, max(1, math.ceil(count / most)))


def thinned(values):
    """Some of `values`, as many as a scatter shows."""
    return values[evenly(len(values), MOST_POINTS)]
