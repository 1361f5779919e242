"""The one error that a user can mend."""

import difflib


class UserError(Exception):
    """One line that names the input, what is wrong with it and what to do."""


def unknown(kind: str, name: str, known) -> UserError:
    """The error for a name that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)
    return UserError(
        f"unknown {kind} {name!r}: did you mean {near[0]!r}? Known: {', '.join(sorted(known))}"
    )
