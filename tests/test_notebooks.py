import importlib.util
from pathlib import Path

import jupytext
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)
SCRIPTS = build.scripts()


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def test_there_are_chapters():
    assert SCRIPTS[0].stem == "00_quickstart"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_chapter_runs_and_says_nothing_on_standard_error(script):
    errors = [o.text for o in outputs(build.executed(script)) if o.get("name") == "stderr"]
    assert errors == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_stored_notebook_is_that_of_the_script(script):
    stored, source = jupytext.read(script.with_suffix(".ipynb")), jupytext.read(script)
    assert [(c.cell_type, c.source) for c in stored.cells] == [
        (c.cell_type, c.source) for c in source.cells
    ]
    assert all(cell.execution_count for cell in stored.cells if cell.cell_type == "code")
    assert not [output for output in outputs(stored) if output.get("name") == "stderr"]
    text = script.with_suffix(".ipynb").read_text()
    assert str(Path.home()) not in text
    assert str(FOLDER.parent) not in text
    assert len(text) < 1.5e6
