"""Which chapter helps to read which: the graph of README.md, and its picture on the site."""

import re
import textwrap
from html import escape
from itertools import pairwise
from pathlib import Path

FOLDER = Path(__file__).parent
GRAPH = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)
NODE = re.compile(r"\b(\d\d)(?:\[\d\d ([^]]*)\])?")
WIDE, HIGH = 106, 84  # pixels from the middle of one box to that of the next
TITLE = re.compile(r"^# # ([^:\n]+)", re.MULTILINE)
BOX = '<rect x="-49" y="-28" width="98" height="56" rx="6"/>'


def title(chapter: str) -> str:
    """A chapter's number, and its title up to the colon, from its script without the ending."""
    found = TITLE.search((FOLDER / f"{chapter}.py").read_text(encoding="utf-8"))
    return f"{int(chapter[:2])}. {found[1].strip()}"


def graph() -> tuple[dict[str, str], dict[str, list[str]]]:
    """The short name of each chapter, and the chapters that help to read it; both by number."""
    names, before = {}, {}
    for line in GRAPH.search((FOLDER / "README.md").read_text(encoding="utf-8"))[1].splitlines():
        chain = NODE.findall(line)
        names.update({number: name for number, name in chain if name})
        for (first, _), (second, _) in pairwise(chain):
            before.setdefault(second, []).append(first)
    return dict(sorted(names.items())), {number: before.get(number, []) for number in names}


def middles(before: dict[str, list[str]]) -> dict[str, tuple[float, float]]:
    """Where the box of each chapter has its middle, (x, y) in pixels.

    It is one row below the lowest of those that help to read it, and above those that it helps.
    """
    down, across, free = {}, {}, iter(range(len(before)))
    for number in sorted(before):
        down[number] = 1 + max((down[one] for one in before[number]), default=-1)

    def place(number):
        below = [place(one) for one in sorted(before) if before[one][-1:] == [number]]
        across[number] = (below[0] + below[-1]) / 2 if below else next(free)
        return across[number]

    for number in sorted(before):
        if not before[number]:
            place(number)
    return {one: (WIDE * (across[one] + 0.5), HIGH * (down[one] + 0.5)) for one in before}


def drawn(pages: dict[str, str]) -> str:
    """The graph as SVG; `pages` says where the box of each chapter leads, {number: address}."""
    names, before = graph()
    middle = middles(before)
    ways = "".join(way(*middle[one], *middle[n]) for n in before for one in before[n])
    boxes = "".join(box(n, names[n], *middle[n], pages[n]) for n in names)
    width = max(x for x, _ in middle.values()) + WIDE / 2
    height = max(y for _, y in middle.values()) + HIGH / 2
    return (
        f'<div class="chapter-map"><svg viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="What depends on what">{ways}{boxes}</svg></div>'
    )


def way(x: float, y: float, to_x: float, to_y: float) -> str:
    """A curve from below one box to above another."""
    start, end = y + 28, to_y - 28
    return f'<path d="M{x:g} {start:g} C{x:g} {end:g} {to_x:g} {start:g} {to_x:g} {end:g}"/>'


def box(number: str, name: str, x: float, y: float, page: str) -> str:
    """A box with the name of a chapter, which leads to its page."""
    lines = textwrap.wrap(f"{int(number)} {name}", 14)
    first = 5 - 8 * (len(lines) - 1)
    text = "".join(
        f'<text y="{first + 16 * place}">{escape(line)}</text>' for place, line in enumerate(lines)
    )
    return f'<a href="{page}" transform="translate({x:g} {y:g})">{BOX}{text}</a>'
