"""Options: fields of a dataclass that state a help text, and the bounds or choices of a value."""

import contextlib
import dataclasses
import functools
import inspect
import math
import numbers
import types
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from vae_keras.errors import UserError, unknown


def option(
    default, help: str, *, at_least=None, above=None, at_most=None, below=None, choices=None
) -> Any:
    """A field of a dataclass with its help text, and the bounds or the choices of its value."""
    bounds = dict(at_least=at_least, above=above, at_most=at_most, below=below, choices=choices)
    return dataclasses.field(default=default, metadata={"help": help, **bounds})


def flag(name: str) -> str:
    """The name of an option on the command line: beta_warmup becomes --beta-warmup."""
    return "--" + name.replace("_", "-")


def check_fields(options) -> None:
    """Convert the fields of a frozen dataclass to their types, in place.

    Raises UserError if a value has another type, or is outside the bounds or choices of its option.
    """
    for field in dataclasses.fields(options):
        if "help" in field.metadata:
            value = _checked(
                field, types_of(type(options), field.name), getattr(options, field.name)
            )
            object.__setattr__(options, field.name, value)


def types_of(cls: type, field: str) -> tuple[type, ...]:
    """The types that a field of a dataclass accepts: `int | None` gives (int, NoneType)."""
    hint = _hints(cls)[field]
    return get_args(hint) if get_origin(hint) is types.UnionType else (hint,)


_hints = functools.cache(get_type_hints)


def _checked(field: dataclasses.Field, accepted: tuple[type, ...], value):
    if value is None and type(None) in accepted:
        return None
    value = _converted(value, accepted)
    if type(value) not in accepted:
        kinds = " or ".join(kind.__name__ for kind in accepted if kind is not type(None))
        raise UserError(f"{flag(field.name)} {value!r} must be of type {kinds}")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{flag(field.name)} {value} must be finite")
    bounds = field.metadata
    for bound, is_kept, words in (
        ("at_least", lambda limit: value >= limit, "at least"),
        ("above", lambda limit: value > limit, "above"),
        ("at_most", lambda limit: value <= limit, "at most"),
        ("below", lambda limit: value < limit, "below"),
    ):
        if bounds[bound] is not None and not is_kept(bounds[bound]):
            raise UserError(f"{flag(field.name)} {value} must be {words} {bounds[bound]:,}")
    if bounds["choices"] and value not in bounds["choices"]:
        raise unknown(field.name.replace("_", " "), value, bounds["choices"])
    return value


def _converted(value, accepted: tuple[type, ...]):
    """Convert a path to text, integers to int and numbers to float, if the type is accepted."""
    if isinstance(value, Path) and str in accepted:
        return str(value)
    if int in accepted and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)  # NumPy has integers of its own
    if float in accepted and not (isinstance(value, bool) or type(value).__name__ == "bool"):
        with contextlib.suppress(TypeError, ValueError, OverflowError):  # a word, say "learned"
            return float(value)
    return value


def check_accepted(kind: str, name: str, factory, given):
    """Raise UserError if `factory` has no parameter for one of the options `given`.

    `factory` makes the thing that `kind` and `name` call, such as the network "dense".
    """
    for lacking in given - inspect.signature(factory).parameters.keys():
        raise UserError(f"{kind} {name!r} has no {lacking}: leave {flag(lacking)} out")
