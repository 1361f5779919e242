"""A bar for whatever takes long: how far it has come, and how long it will yet take."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str, count: int | None = None) -> Iterator[Item]:
    """Yield the `items` of a long work, with a bar on standard error that names it.

    `count` is their number, for items without a length. The bar is there in a terminal alone, and
    goes when the work is done.
    """
    from rich.console import Console
    from rich.progress import track

    return track(
        items,
        what,
        count,
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
