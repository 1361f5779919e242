"""Drawings can be read: nothing overlaps or is cut off, and the symbols are the glossary's."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.font_manager import findfont, get_font

from vae_keras.figures import drawings

ROOT = Path(__file__).parents[2]
SYMBOLS = {
    "bottleneck": ["x", "W_f", "h = W_f x", "W_g", "x̂ = W_g h"],
    "deep_autoencoder": ["x", "W_f", "h = f(x)", "W_g", "x̂"],
    "wide_and_narrow": ["x", "h", "x̂", "narrow", "wide", "sparse"],
    "reparameterisation": ["μ", "log σ²", "ε", "z = μ + exp(½ log σ²) · ε", "✗"],
    "two_spaces": ["N(0, I)", "q(z|x)", "p(x|z)", "KL", "latent space", "data space"],
    "denoising": ["x", "x̃", "h", "x̂", "noise"],
    "variational": ["x", "μ, log σ²", "z ∼ q(z|x)", "p(x|z)", "x̂"],
    "conditional_model": ["label", "q(z|x, label)", "p(x|z, label)", "z", "N(0, I)"],
    "autoregressive_decoder": [
        "with true tokens: teacher forcing",
        "with its own tokens: sampling",
        "z",
        "x₃",
        "x̂₃",
    ],
    "ladder": [
        *("linear", "deep", "sparse", "denoising", "contractive", "vae"),
        *("conv", "β", "conditional", "sequence", "λ", "KL"),
        *("iwae", "prior", "p(z)"),
    ],
}


@pytest.fixture(params=SYMBOLS, scope="module")
def drawing(request):
    figure = getattr(drawings, request.param)()
    figure.draw_without_rendering()
    return figure


def boxes(figure):
    """Each text, and its place in pixels."""
    return [(text.get_text(), text.get_window_extent()) for text in figure.sheet.texts]


def test_texts_do_not_overlap(drawing):
    for (one, place), (other, there) in combinations(boxes(drawing), 2):
        apart = max(
            max(place.x0, there.x0) - min(place.x1, there.x1),
            max(place.y0, there.y0) - min(place.y1, there.y1),
        )
        assert apart >= 0, (one, other)


def test_texts_are_inside(drawing):
    for text, place in boxes(drawing):
        assert place.x0 >= 2 and place.y0 >= 2, text
        assert place.x1 <= drawing.bbox.x1 - 2 and place.y1 <= drawing.bbox.y1 - 2, text


def test_shapes_are_inside(drawing):
    for shape in (*drawing.sheet.patches, *drawing.sheet.lines):
        place = shape.get_window_extent()
        assert place.x0 >= 0 and place.y0 >= 0, shape
        assert place.x1 <= drawing.bbox.x1 and place.y1 <= drawing.bbox.y1, shape


def test_texts_have_9_points_at_the_width_of_a_page(drawing):
    page = 600 / 96  # inches
    smallest = min(text.get_fontsize() for text in drawing.sheet.texts)
    assert smallest * page / drawing.get_figwidth() >= 9


def test_font_has_every_character(drawing):
    font = get_font(findfont("DejaVu Sans"))
    shown = {letter for text, _ in boxes(drawing) for letter in text}
    assert [letter for letter in shown if not font.get_char_index(ord(letter))] == []


@pytest.mark.parametrize("name", SYMBOLS)
def test_symbols_of_the_glossary_occur(name):
    shown = "\n".join(text.get_text() for text in getattr(drawings, name)().sheet.texts)
    assert [symbol for symbol in SYMBOLS[name] if symbol not in shown] == []


@pytest.mark.parametrize("name", SYMBOLS)
def test_drawing_is_the_same_again(name, tmp_path):
    files = [tmp_path / "one.png", tmp_path / "other.png"]
    for file in files:
        getattr(drawings, name)().savefig(file, dpi=50)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_command_writes_what_the_readme_shows(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["drawings", str(tmp_path / "made")])
    drawings.main()
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = re.findall(r'"docs/drawings/(\w+\.png)"', readme)
    stored = [file.name for file in (ROOT / "docs" / "drawings").iterdir()]
    made = [file.name for file in (tmp_path / "made").iterdir()]
    assert sorted(made) == sorted(shown) == sorted(stored)
