"""The course as static pages. Sphinx reads the notebooks as they are stored, and runs nothing:

sphinx-build -M html notebooks docs/site/build -c docs/site -q -W
"""

import json
import shutil
import sys
from pathlib import Path

from docutils import nodes
from math_core import LatexToMathML

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
sys.path.insert(0, str(NOTEBOOKS))
import chapter_map  # noqa: E402

CHAPTERS = sorted(path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))

project = "vae_keras"
extensions = ["myst_nb"]
root_doc = "README"
exclude_patterns = ["**.ipynb_checkpoints", "quickstart", "elsewhere-*"]
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "gfm"  # tables among the outputs
nb_code_prompt_show = "Show the solution"
nb_code_prompt_hide = "Hide the solution"
myst_enable_extensions = ["dollarmath", "html_image"]
myst_dmath_double_inline = True
html_theme = "sphinx_book_theme"
html_title = "Autoencoders: the course"
html_static_path = ["static"]
html_css_files = ["course.css"]
html_show_copyright = False
html_show_sphinx = False
html_math_renderer = "mathml"
html_theme_options = {"home_page_in_toc": True, "show_prev_next": False}


def prepare(app, name: str, source: list[str]):
    """Give the landing page its map and its table of contents, and fold solutions away."""
    if name == root_doc:
        picture = chapter_map.drawn({one[:2]: f"{one}.html" for one in CHAPTERS})
        lines = [f"{chapter_map.title(one)} <{one}>" for one in CHAPTERS]
        pages = "\n".join([*lines, "Glossary <glossary>"])
        source[0] = chapter_map.GRAPH.sub(lambda _: f"```{{raw}} html\n{picture}\n```", source[0])
        source[0] += f"\n```{{toctree}}\n:hidden:\n{pages}\n```\n"
    elif name in CHAPTERS:
        notebook = json.loads(source[0])
        for cell in notebook["cells"]:
            if "solution" in cell["metadata"].get("tags", ()):
                cell["metadata"]["tags"].append("hide-cell")
        source[0] = json.dumps(notebook)


def draw_formula(page, node):
    """Write a formula as MathML, which browsers draw without a script and without a network."""
    displayed = isinstance(node, nodes.math_block)
    formula = LatexToMathML().convert_with_local_state(node.astext(), displaystyle=displayed)
    if displayed:
        formula = f'<div class="formula">{formula}</div>'
    elif len(node.astext()) > 40:  # a phone may be narrower
        formula = f'<span class="long-formula">{formula}</span>'
    page.body.append(formula)
    raise nodes.SkipNode


def begin_with_the_landing_page(app, failure):
    """Open the folder, and the landing page appears."""
    if not failure:
        shutil.copy(app.outdir / f"{root_doc}.html", app.outdir / "index.html")


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", prepare)
    app.connect("build-finished", begin_with_the_landing_page)
    app.add_html_math_renderer("mathml", (draw_formula, None), (draw_formula, None))
