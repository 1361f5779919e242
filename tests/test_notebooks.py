"""The chapters run, what is stored of them is theirs, and no subject is left out."""

import importlib.util
import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import pytest
from jupyter_client.launcher import launch_kernel
from jupyter_client.provisioning import local_provisioner
from PIL import Image

from tests import IS_WORKER
from tests.processes import FORKS, Kernel

FOLDER = Path(__file__).parents[1] / "notebooks"
spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)
SCRIPTS = build.scripts()
each_chapter = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
ROW = re.compile(r"^\| ([SE]\d+) \| .+ \| (.+?) \|$", re.MULTILINE)
LINK = re.compile(r"\]\((\S+?)\)")
MENDED = "`python notebooks/build.py --navigation` mends it"


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def said_on_standard_error(notebook):
    return [o.text for o in outputs(notebook) if o.get("name") == "stderr"]


def test_the_chapters_are_numbered_without_a_gap():
    assert [script.name[:2] for script in SCRIPTS] == [f"{n:02}" for n in range(18)]


@pytest.fixture(scope="module")
def kernels():
    """Each chapter has a kernel of its own that is such a one."""
    with pytest.MonkeyPatch.context() as patch:
        if FORKS:
            patch.setattr(local_provisioner, "launch_kernel", Kernel)
        yield


@pytest.fixture(scope="module")
def executed(request, kernels):
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
def test_chapter_has_its_cells_of_navigation(script):
    cells = jupytext.read(script).cells
    assert [i for i, cell in enumerate(cells) if "navigation" in cell.metadata.get("tags", ())] == [
        1,
        len(cells) - 1,
    ]
    assert tuple(cells[place].source for place in (1, -1)) == build.navigation(script), MENDED


@each_chapter
def test_navigation_leads_to_the_neighbours_and_to_what_the_graph_says_helps(script):
    before, after, *_ = jupytext.read(script).cells[1].source.split("\n\n")
    place = SCRIPTS.index(script)
    neighbours = [SCRIPTS[n].stem for n in (place - 1, place + 1) if 0 <= n < len(SCRIPTS)]
    ways = [*(f"{name}.ipynb" for name in neighbours), "README.md", "glossary.md"]
    assert LINK.findall(after) == ways
    assert LINK.findall(jupytext.read(script).cells[-1].source) == ways
    assert ("Previous: " in after, "Next: " in after) == (place > 0, place < len(SCRIPTS) - 1)
    number = script.name[:2]
    graph = (FOLDER / "README.md").read_text(encoding="utf-8").split("```")
    (graph,) = [block for block in graph if block.startswith("mermaid")]
    helps = sorted(re.findall(rf"(\d\d)(?:\[[^]]*\])? --> {number}\b", graph))
    assert [name[:2] for name in LINK.findall(before)] == helps
    assert all(int(name) < int(number) for name in helps)
    reading, running = map(int, re.findall(r"about (\d+) minute", before))
    assert 5 <= reading <= 90 and 1 <= running <= 3


def test_every_chapter_says_how_long_it_runs():
    assert len(build.MINUTES_TO_RUN) == len(SCRIPTS)


def test_navigation_is_written_twice_as_once_and_touches_nothing_else(tmp_path, monkeypatch):
    script = SCRIPTS[5]
    for name in (script, script.with_suffix(".ipynb")):
        (tmp_path / name.name).write_bytes(name.read_bytes())
    copy = tmp_path / script.name
    plain = build.NAVIGATION.sub("", script.read_text(encoding="utf-8")).rstrip() + "\n"
    copy.write_text(plain, encoding="utf-8")
    monkeypatch.setattr(build, "navigation", lambda _, original=build.navigation: original(script))
    for _ in range(2):
        build.navigate(copy)
        for name in (script, script.with_suffix(".ipynb")):
            assert (tmp_path / name.name).read_bytes() == name.read_bytes()


def test_a_chapter_opens_in_colab_at_its_version_once_the_project_has_an_address():
    assert build.hosted(SCRIPTS[5], {"version": "1.2.3"}) == ""
    elsewhere = {"Repository": "https://example.org/somebody/something"}
    assert build.hosted(SCRIPTS[5], {"version": "1.2.3", "urls": elsewhere}) == ""
    for ending in ("", "/", ".git"):
        urls = {"Repository": f"https://github.com/somebody/something{ending}"}
        text = build.hosted(SCRIPTS[5], {"version": "1.2.3", "urls": urls})
        (page,) = LINK.findall(text)
        assert page == (
            "https://colab.research.google.com/github/somebody/something/blob/v1.2.3/notebooks/"
            "05_the_variational_idea.ipynb"
        )
        assert "--branch v1.2.3 https://github.com/somebody/something course\n" in text
        assert "%pip install -q .." in text


@each_chapter
def test_cover_is_the_picture_of_its_cell(script):
    stored = jupytext.read(script.with_suffix(".ipynb"))
    (picture,) = build.pictures(build.tagged(stored, "cover"))
    cover = FOLDER / "covers" / f"{script.stem}.png"
    assert cover.read_bytes() == picture


@pytest.mark.slow
def test_fast_values_take_the_place_of_slow_ones_in_parameters_alone(tmp_path, monkeypatch):
    """In kernels that import all for themselves, as those of a reader do."""
    monkeypatch.setattr(local_provisioner, "launch_kernel", launch_kernel)
    script = tmp_path / "00_example.py"
    script.write_text(
        '# %% tags=["parameters"]\nEPOCHS = 60  # fast: 5\nSEED = 0\n'
        "# %%\nN = 3  # fast: 4\nprint(EPOCHS, SEED, N)\n"
        "# %%\nfrom vae_keras.figures import bars\nbars({'a': 1}, 'y')\n"
        "# %%\nif EPOCHS == 5:\n    import vae_keras.models  # and TensorFlow, without a word\n"
    )
    notebooks = [build.executed(script, fast) for fast in (False, True)]
    assert [outputs(one)[0].text for one in notebooks] == ["60 0 3\n", "5 0 3\n"]
    widths = [Image.open(io.BytesIO(*build.pictures(one.cells))).width for one in notebooks]
    assert widths == [800, 200]  # figures are drafts, of the same size on the page
    assert [outputs(one)[1].metadata["image/png"] for one in notebooks] == [{"width": 400}] * 2
    assert [len(outputs(one)) for one in notebooks] == [2, 2]


def test_no_chapter_needs_another():
    for script in SCRIPTS:
        assert not re.search(r"^\s*(from|import) (build|_?\d\d_)", script.read_text(), re.MULTILINE)


def sections(script):
    """The numbered sections of a chapter, {title with its number: text}."""
    parts = re.split(r"^# ## (.+)$", script.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def test_every_subject_and_every_error_is_in_a_section_that_there_is():
    rows = ROW.findall((FOLDER / "README.md").read_text(encoding="utf-8"))
    assert [row[0] for row in rows] == [
        *(f"S{n}" for n in range(1, 25)),
        *(f"E{n}" for n in range(1, 20)),
    ]
    for number, text in rows:
        places = build.places(text)
        assert len(places) == len(text.split(" · "))
        for chapter, name, titles in places:
            assert name.startswith(chapter)
            taught = sections(FOLDER / f"{name}.py")
            for title in titles:
                assert title in taught, f"{number}: {name} has no section {title!r}, {MENDED}"
                computes = re.search(r"^# %%(?! \[markdown\])", taught[title], re.MULTILINE)
                assert computes, f"{number}: nothing is computed in {title!r}"


def test_sections_that_have_another_number_or_title_are_named_anew(tmp_path, monkeypatch):
    (tmp_path / "03_x.py").write_text("# ## 1. Sums\n# ## 2. A new title\n# ## 4. Moved\n")
    before = "| S1 | x | [03](03_x.ipynb) 1. Sums; 2. An old title · [03](03_x.ipynb) 3. Moved |\n"
    after = "| S1 | x | [03](03_x.ipynb) 1. Sums; 2. A new title · [03](03_x.ipynb) 4. Moved |\n"
    (tmp_path / "README.md").write_text(f"[03](03_x.ipynb) **3. Moved**\n{before}")
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    build.name_sections()
    assert (tmp_path / "README.md").read_text() == f"[03](03_x.ipynb) **3. Moved**\n{after}"


def test_the_landing_page_shows_every_chapter():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for script in SCRIPTS:
        title = re.search(r"^# # (.+)$", script.read_text(encoding="utf-8"), re.MULTILINE)[1]
        assert f"]({script.stem}.ipynb)" in text
        assert f"(covers/{script.stem}.png)" in text or f'"covers/{script.stem}.png"' in text
        assert title in text, f"{script.stem}: {title}"
