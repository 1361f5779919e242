"""The course as a site: it builds without a warning, links lead somewhere, no network is needed."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jupytext
import pytest

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What a page links to, what it loads, and which places it has."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.loaded, self.ids, self.tags = [], [], {"", "top"}, []
        self.displayed = 0  # formulas that stand on a line of their own
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids.add(attrs.get("id"))
        self.displayed += (tag, attrs.get("display")) == ("math", "block")
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
        if tag == "link" and attrs.get("rel") != "canonical":
            self.loaded.append(attrs["href"])
        if "src" in attrs:
            self.loaded.append(attrs["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the pages, built by the command of the README."""
    folder = tmp_path_factory.mktemp("site")
    (command,) = (
        line.split("&& ")[-1]
        for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
        if "sphinx-build" in line
    )
    words = command.split()
    assert words[0] == ".venv/bin/sphinx-build"
    words[:1] = [sys.executable, "-m", "sphinx"]
    words[words.index("docs/site/build")] = str(folder)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.glob("*.html")}


def test_every_link_within_the_site_leads_to_a_place_that_there_is(site, pages):
    dead = []
    for path, page in pages.items():
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "data", "mailto"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages[target].ids if target in pages else {"", unquote(parts.fragment)}
            if not target.is_file() or unquote(parts.fragment) not in known:
                dead.append(f"{path.name}: {link}")
    assert dead == []


def test_the_site_loads_nothing_from_elsewhere(pages):
    for path, page in pages.items():
        assert [one for one in page.loaded if urlsplit(one).scheme in ("http", "https")] == [], path


def test_the_landing_page_opens_first_and_leads_to_everything(site, pages):
    assert (site / "index.html").read_bytes() == (site / "README.html").read_bytes()
    page = pages[site / "index.html"]
    for name in [*(chapter.stem for chapter in CHAPTERS), "glossary"]:
        assert f"{name}.html" in page.links
    assert page.tags.count("img") >= len(CHAPTERS)
    assert "svg" in page.tags


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_a_chapter_has_its_pictures_tables_and_formulas_and_folded_solutions(chapter, site, pages):
    page = pages[site / f"{chapter.stem}.html"]
    cells = jupytext.read(chapter).cells
    shown = [out.get("data", {}) for cell in cells for out in cell.get("outputs", ())]
    images = [data for data in shown if "image/png" in data]
    assert page.tags.count("img") >= len(images) > 0
    tables = [data for data in shown if "|---|" in data.get("text/markdown", "")]
    written = sum("|---|" in cell.source for cell in cells if cell.cell_type == "markdown")
    assert page.tags.count("table") >= len(tables) + written
    solutions = [cell for cell in cells if "solution" in cell.metadata.get("tags", ())]
    assert page.tags.count("details") == len(solutions)
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = re.sub(r"`[^`]*`", "", text)
    displayed = text.count("$$") // 2
    assert page.displayed == displayed
    assert page.tags.count("math") == displayed + text.replace("$$", "").count("$") // 2


def test_the_pages_name_no_folder_of_this_machine(site, pages):
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert str(Path.home()) not in text, path
        assert str(ROOT) not in text, path
