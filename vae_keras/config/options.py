"""How an option is declared: a dataclass field that knows its help text and its bounds."""

import dataclasses
import inspect

from vae_keras.errors import UserError


def option(default, help: str, *, at_least=None, above=None, at_most=None, choices=None):
    """A dataclass field for the command line, with the bounds or choices of its value."""
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "choices": choices}
    metadata = {"help": help, **bounds}
    return dataclasses.field(default=default, metadata=metadata)


def check_accepted(kind: str, name: str, factory, given):
    """Raise UserError for an option in `given` that `factory`, the `kind` called `name`, lacks."""
    for option in given - inspect.signature(factory).parameters.keys():
        raise UserError(f"{kind} {name!r} has no {option}: leave --{option} out")
