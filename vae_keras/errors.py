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
