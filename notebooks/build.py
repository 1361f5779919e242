"""Build the notebooks: run every percent script and store it, with its outputs, as .ipynb.

python notebooks/build.py [NAME ...]
"""

import sys
import time
from pathlib import Path

import jupytext
import nbclient

FOLDER = Path(__file__).parent


def scripts(names=()) -> list[Path]:
    """The chapters, in reading order, or those whose names start with one of `names`."""
    return sorted(
        path
        for path in FOLDER.glob("[0-9][0-9]_*.py")
        if not names or any(path.name.startswith(name) for name in names)
    )


def executed(script: Path):
    """The notebook of a script with the outputs of running it from top to bottom."""
    notebook = jupytext.read(script)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": FOLDER}}, record_timing=False
    )
    client.execute()
    notebook.metadata.pop("language_info", None)  # names the Python version of this machine
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # random otherwise, and different in every build
    return notebook


if __name__ == "__main__":
    for script in scripts(sys.argv[1:]):
        start = time.perf_counter()
        jupytext.write(executed(script), script.with_suffix(".ipynb"))
        print(f"{script.stem}: {time.perf_counter() - start:.0f} s", flush=True)
