"""Takes some of many values, evenly."""

import math

MOST_POINTS = 3_000  # in a scatter


def thinned(values):
    """Some of `values`, at equal distances: as many as a scatter shows."""
    return values[:: max(1, math.ceil(len(values) / MOST_POINTS))]
