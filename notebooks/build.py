"""Builds the notebooks: it runs every percent script and stores it, with its outputs, as .ipynb.

    python notebooks/build.py [NAME ...]

The tests take the other value of a parameter such as `EPOCHS = 60  # fast: 5`. The picture of the
cell with the tag "cover" goes to covers/.
"""

import base64
import re
import sys
import time
from pathlib import Path

import jupytext
import nbclient

FOLDER = Path(__file__).parent
FAST = re.compile(r"^(\w+ = )[^#\n]*# fast: (.*)$", re.MULTILINE)
WIDGET = "application/vnd.jupyter.widget-view+json"


def scripts(names=()) -> list[Path]:
    """The chapters, in reading order, or those whose names start with one of `names`."""
    return sorted(
        path
        for path in FOLDER.glob("[0-9][0-9]_*.py")
        if not names or any(path.name.startswith(name) for name in names)
    )


def executed(script: Path, fast=False):
    """Run a script from top to bottom; return its notebook with outputs.

    With `fast`, parameters have the values for the tests.
    """
    notebook = jupytext.read(script)
    if fast:
        for cell in tagged(notebook, "parameters"):
            cell.source = FAST.sub(r"\1\2", cell.source)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": FOLDER}}, record_timing=False
    )
    client.execute()
    notebook.metadata.pop("language_info", None)  # it names the Python version of this machine
    notebook.metadata.pop("widgets", None)  # the state of a kernel that has ended
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # otherwise it would be random, and differ in every build
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET, None)  # the picture in its place stays
    return notebook


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
    for script in scripts(sys.argv[1:]):
        start = time.perf_counter()
        build(script)
        print(f"{script.stem}: {time.perf_counter() - start:.0f} s", flush=True)
