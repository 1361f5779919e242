"""Builds the notebooks: it runs every percent script and stores it, with its outputs, as .ipynb.

    python notebooks/build.py [NAME ...]
    python notebooks/build.py --navigation

The tests take the other value of a parameter such as `EPOCHS = 60  # fast: 5`. The picture of the
cell with the tag "cover" goes to covers/. The two cells with the tag "navigation", behind the title
and at the end, are written by this program, here and in the notebooks, and so are the titles of
the sections that README.md names: --navigation does that alone, for all chapters, and runs nothing.
"""

import base64
import os
import re
import sys
import time
import tomllib
from pathlib import Path

import jupytext
import nbclient

import chapter_map

FOLDER = Path(__file__).parent
FAST = re.compile(r"^(\w+ = )[^#\n]*# fast: (.*)$", re.MULTILINE)
WIDGET = "application/vnd.jupyter.widget-view+json"
NAVIGATION = re.compile(r'^# %% \[markdown\] tags=\["navigation"\]\n(?:#.*\n)*\n*', re.MULTILINE)
CELL = re.compile(r"^# %%", re.MULTILINE)
SECTION = re.compile(r"^# ## (\d+)\. (.+)$", re.MULTILINE)
PLACE = re.compile(r"\[(\d\d)\]\((\S+)\.ipynb\) (\d+\. [^·|\n]+?)(?= *[·|\n])")
WORDS_A_MINUTE = 110  # of text and code, with time to predict
MINUTES_TO_RUN = (1, 1, 2, 2, 1, 1, 2, 2, 3, 2, 2, 1, 2, 2, 2, 2, 3, 2)  # by chapter, on two cores


def scripts(names=()) -> list[Path]:
    """The chapters, in reading order, or those whose names start with one of `names`."""
    return sorted(
        path
        for path in FOLDER.glob("[0-9][0-9]_*.py")
        if not names or any(path.name.startswith(name) for name in names)
    )


def executed(script: Path, fast=False):
    """Run a script from top to bottom; return its notebook with outputs.

    With `fast`, parameters have the values for the tests, and figures are drafts.
    """
    notebook = jupytext.read(script)
    if fast:
        for cell in tagged(notebook, "parameters"):
            cell.source = FAST.sub(r"\1\2", cell.source)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": FOLDER}}, record_timing=False
    )
    client.execute(env=os.environ | ({"VAE_KERAS_DRAFT": "1"} if fast else {}))
    notebook.metadata.pop("language_info", None)  # it names the Python version of this machine
    notebook.metadata.pop("widgets", None)  # the state of a kernel that has ended
    number(notebook)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET, None)  # the picture in its place stays
    return notebook


def link(script: Path) -> str:
    """A Markdown link to a chapter: its number, and its title up to the colon."""
    return f"[{chapter_map.title(script.stem)}]({script.stem}.ipynb)"


def hosted(script: Path, project: dict) -> str:
    """How to open a chapter in Colab, in Markdown, at the version that `project` names.

    Its address is that of the repository in `project`, the table of pyproject.toml. It is "" if
    there is none on GitHub.
    """
    address = project.get("urls", {}).get("Repository", "").rstrip("/").removesuffix(".git")
    if not address.startswith("https://github.com/"):
        return ""
    name = address.removeprefix("https://github.com/")
    version = f"v{project['version']}"
    page = f"https://colab.research.google.com/github/{name}/blob/{version}/notebooks"
    return f"""
Without an installation of your own, open it in
[Colab]({page}/{script.stem}.ipynb)
and run there first:

```
!git clone -q --depth 1 --branch {version} {address} course
%cd course/notebooks
%pip install -q ..
```
"""


def navigation(script: Path) -> tuple[str, str]:
    """The Markdown of a chapter's two cells of navigation, behind its title and at its end."""
    chapters = scripts()
    place = chapters.index(script)
    _, before = chapter_map.graph()
    ways = [f"Previous: {link(chapters[place - 1])}"] if place else []
    ways += [f"Next: {link(one)}" for one in chapters[place + 1 : place + 2]]
    ways += ["[all chapters](README.md)", "[glossary](glossary.md)"]
    builds_on = [link(one) for one in chapters if one.name[:2] in before[script.name[:2]]]
    text = NAVIGATION.sub("", script.read_text(encoding="utf-8"))
    reading = max(5, 5 * round(len(text.split()) / WORDS_A_MINUTE / 5))
    running = MINUTES_TO_RUN[int(script.name[:2])]
    head = [
        "**Builds on** " + (",\n".join(builds_on) or "no other chapter"),
        f"**To read** about {reading} minutes",
        f"**To run** about {running} minute{'s' * (running > 1)} on two cores",
    ]
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    head, ways = " ·\n".join(head), " ·\n".join(ways)
    return f"{head}\n\n{ways}\n{hosted(script, project)}".rstrip(), f"---\n{ways}"


def navigate(script: Path):
    """Write a chapter's cells of navigation anew: into the script, and into the stored notebook."""
    head, foot = (
        '# %% [markdown] tags=["navigation"]\n'
        + "".join(f"# {line}".rstrip() + "\n" for line in cell.splitlines())
        for cell in navigation(script)
    )
    text = NAVIGATION.sub("", script.read_text(encoding="utf-8"))
    second = list(CELL.finditer(text))[1].start()
    text = f"{text[:second]}{head}\n{text[second:].rstrip()}\n\n{foot}"
    script.write_text(text, encoding="utf-8")
    if not script.with_suffix(".ipynb").exists():
        return
    stored = jupytext.read(script.with_suffix(".ipynb"))
    new = tagged(jupytext.read(script), "navigation")
    cells = [cell for cell in stored.cells if cell not in tagged(stored, "navigation")]
    stored.cells = [cells[0], new[0], *cells[1:], new[1]]
    number(stored)
    jupytext.write(stored, script.with_suffix(".ipynb"))


def places(text: str) -> list[tuple[str, str, list[str]]]:
    """What a cell of README.md's tables names: (number, file stem, sections) of each chapter."""
    return [
        (number, stem, sections.split("; "))
        for number, stem, sections in PLACE.findall(f"{text}\n")
    ]


def name_sections():
    """Write into README.md how the sections that it names are called now.

    A section is known by its title if it has another number, and by its number if it has another
    title.
    """

    def renewed(place):
        script = (FOLDER / f"{place[2]}.py").read_text(encoding="utf-8")
        by_number = dict(SECTION.findall(script))
        numbers = {title: number for number, title in by_number.items()}
        sections = []
        for section in place[3].split("; "):
            number, title = section.split(". ", 1)
            number = numbers.get(title, number)
            sections.append(f"{number}. {by_number.get(number, title)}")
        return f"[{place[1]}]({place[2]}.ipynb) {'; '.join(sections)}"

    readme = FOLDER / "README.md"
    readme.write_text(PLACE.sub(renewed, readme.read_text(encoding="utf-8")), encoding="utf-8")


def number(notebook):
    """Give each cell an id that is not random: the same in every build."""
    for place, cell in enumerate(notebook.cells):
        cell.id = f"cell-{place}"


def tagged(notebook, tag: str) -> list:
    """The cells that have a tag."""
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


def pictures(cells) -> list[bytes]:
    """The PNG images among the outputs of cells, as bytes."""
    data = [output.get("data", {}) for cell in cells for output in cell.outputs]
    return [base64.b64decode(one["image/png"]) for one in data if "image/png" in one]


def build(script: Path):
    """Run a chapter; store its notebook and its cover."""
    notebook = executed(script)
    jupytext.write(notebook, script.with_suffix(".ipynb"))
    for cover in pictures(tagged(notebook, "cover"))[:1]:
        (FOLDER / "covers").mkdir(exist_ok=True)
        (FOLDER / "covers" / f"{script.stem}.png").write_bytes(cover)


if __name__ == "__main__":
    for script in scripts():
        navigate(script)
    name_sections()
    for script in scripts(sys.argv[1:]) if sys.argv[1:] != ["--navigation"] else ():
        start = time.perf_counter()
        build(script)
        print(f"{script.stem}: {time.perf_counter() - start:.0f} s", flush=True)
