"""A progress bar for work that takes long."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str, count: int | None = None) -> Iterator[Item]:
    """Yield `items`, with a bar on standard error that names the work `what` and the time left.

    `count` is the number of items, needed if they have no length. The bar is shown only in a
    terminal, and disappears when the work is done.
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
