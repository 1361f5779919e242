"""The error for what a user can correct."""

import difflib


class UserError(Exception):
    """An error that the user can correct: one line with the input, what is wrong and what to do."""


def unknown(kind: str, name: str, known) -> UserError:
    """The error for a `name` that does not exist. It gives the nearest one of `known`."""
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)
    return UserError(
        f"unknown {kind} {name!r}: did you mean {near[0]!r}? Known: {', '.join(sorted(known))}"
    )


def check_channels_last(what: str, shape: tuple):
    """Raise UserError if the image `shape` is rather [channels, height, width].

    It is if there are one or three rows, and behind them two sides of a picture.
    """
    rows, *sides = shape
    if rows in (1, 3) and min(sides) > 4 and max(sides) <= 4 * min(sides):
        raise UserError(
            f"{what} of shape {tuple(shape)} has its channels first: images are [height, width, "
            "channels], so move them to the end (numpy.moveaxis)"
        )
