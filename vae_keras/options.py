"""How an option is declared: a dataclass field that knows its help text and its bounds."""

import dataclasses


def option(default, help: str, *, at_least=None, above=None, at_most=None, choices=None):
    """A dataclass field for the command line, with the bounds or choices of its value."""
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "choices": choices}
    metadata = {"help": help, **bounds}
    return dataclasses.field(default=default, metadata=metadata)
