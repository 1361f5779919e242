"""The chapters run, what is stored of them is theirs, and no subject is left out."""

import importlib.util
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import pytest

from tests import IS_WORKER

FOLDER = Path(__file__).parents[1] / "notebooks"
spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)
SCRIPTS = build.scripts()
each_chapter = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
SUBJECT = re.compile(r"^\| (S\d+) \| .+? \| (.+) \|$", re.MULTILINE)
PLACE = re.compile(r"\[(\d\d)\]\((\S+)\.ipynb\) (.+)")


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def said_on_standard_error(notebook):
    return [o.text for o in outputs(notebook) if o.get("name") == "stderr"]


def test_the_chapters_are_numbered_without_a_gap():
    assert [script.name[:2] for script in SCRIPTS] == [f"{n:02}" for n in range(15)]


@pytest.fixture(scope="module")
def executed(request):
    """What gives the chapter that a script has made: two run at a time, for one leaves a core idle.

    A process among others, which leave no core idle, runs one when it is asked for it.
    """
    if IS_WORKER:
        yield lambda script: build.executed(script, fast=True)
        return
    runs = "test_chapter_runs_and_says_nothing_on_standard_error"
    wanted = [i.callspec.params["script"] for i in request.session.items if runs in i.name]
    with ThreadPoolExecutor(2) as pool:
        chapters = {script: pool.submit(build.executed, script, fast=True) for script in wanted}
        yield lambda script: chapters[script].result()
        pool.shutdown(cancel_futures=True)


@pytest.mark.slow
@each_chapter
def test_chapter_runs_and_says_nothing_on_standard_error(script, executed):
    notebook = executed(script)
    assert said_on_standard_error(notebook) == []
    if script.stem != "00_quickstart":
        assert "\n# Solution of exercise 2" in "\n".join(
            f"\n{cell.source}" for cell in build.tagged(notebook, "solution")
        )


@each_chapter
def test_stored_notebook_is_that_of_the_script(script):
    stored, source = jupytext.read(script.with_suffix(".ipynb")), jupytext.read(script)
    assert [(c.cell_type, c.source) for c in stored.cells] == [
        (c.cell_type, c.source) for c in source.cells
    ]
    assert all(cell.execution_count for cell in stored.cells if cell.cell_type == "code")
    assert said_on_standard_error(stored) == []
    text = script.with_suffix(".ipynb").read_text()
    assert str(Path.home()) not in text
    assert str(FOLDER.parent) not in text
    assert len(text) < 1.5e6


@each_chapter
def test_cover_is_the_picture_of_its_cell(script):
    stored = jupytext.read(script.with_suffix(".ipynb"))
    (picture,) = build.pictures(build.tagged(stored, "cover"))
    cover = FOLDER / "covers" / f"{script.stem}.png"
    assert cover.read_bytes() == picture


@pytest.mark.slow
def test_fast_values_take_the_place_of_slow_ones_in_parameters_alone(tmp_path):
    script = tmp_path / "00_example.py"
    script.write_text(
        '# %% tags=["parameters"]\nEPOCHS = 60  # fast: 5\nSEED = 0\n'
        "# %%\nN = 3  # fast: 4\nprint(EPOCHS, SEED, N)\n"
    )
    (slow,), (fast,) = (outputs(build.executed(script, fast)) for fast in (False, True))
    assert (slow.text, fast.text) == ("60 0 3\n", "5 0 3\n")


def test_no_chapter_needs_another():
    for script in SCRIPTS:
        assert not re.search(r"^\s*(from|import) (build|_?\d\d_)", script.read_text(), re.MULTILINE)


def test_every_subject_is_taught_in_a_section_that_there_is():
    rows = SUBJECT.findall((FOLDER / "README.md").read_text(encoding="utf-8"))
    assert [row[0] for row in rows] == [f"S{n}" for n in range(1, 22)]
    for number, places in rows:
        for place in places.split(" · "):
            chapter, name, sections = PLACE.fullmatch(place).groups()
            assert name.startswith(chapter)
            text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
            titles = re.findall(r"^# ## (.+)$", text, re.MULTILINE)
            for section in sections.split("; "):
                assert section in titles, f"{number}: {name} has no section {section!r}"


def test_the_landing_page_shows_every_chapter():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for script in SCRIPTS:
        title = re.search(r"^# # (.+)$", script.read_text(encoding="utf-8"), re.MULTILINE)[1]
        assert f"]({script.stem}.ipynb)" in text
        assert f"(covers/{script.stem}.png)" in text or f'"covers/{script.stem}.png"' in text
        assert title in text, f"{script.stem}: {title}"
