"""Drawings can be read: nothing overlaps or is cut off, and the symbols are the glossary's."""

from itertools import combinations

import pytest
from matplotlib.font_manager import findfont, get_font

from vae_keras.figures import drawings

SYMBOLS = {
    "bottleneck": ["x", "W_f", "h = W_f x", "W_g", "x̂ = W_g h"],
    "deep_autoencoder": ["x", "W_f", "h = f(x)", "W_g", "x̂"],
    "wide_and_narrow": ["x", "h", "x̂", "narrow", "wide", "sparse"],
    "reparameterisation": ["μ", "log σ²", "ε", "z = μ + exp(½ log σ²) · ε", "✗"],
    "two_spaces": ["N(0, I)", "q(z|x)", "p(x|z)", "KL", "latent space", "data space"],
    "denoising": ["x", "x̃", "h", "x̂", "noise"],
    "variational": ["x", "μ, log σ²", "z ∼ q(z|x)", "p(x|z)", "x̂"],
    "conditional_model": ["label", "q(z|x, label)", "p(x|z, label)", "z", "N(0, I)"],
    "autoregressive_decoder": ["told", "telling", "z", "x₃", "x̂₃"],
    "ladder": [
        *("linear", "deep", "sparse", "denoising", "contractive", "vae"),
        *("conv", "β", "conditional", "sequence", "λ", "KL"),
    ],
}


@pytest.fixture(params=SYMBOLS)
def drawing(request):
    return getattr(drawings, request.param)()


def boxes(figure):
    """Each text, and its place in pixels."""
    figure.draw_without_rendering()
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
    drawing.draw_without_rendering()
    for shape in (*drawing.sheet.patches, *drawing.sheet.lines):
        place = shape.get_window_extent()
        assert place.x0 >= 0 and place.y0 >= 0, shape
        assert place.x1 <= drawing.bbox.x1 and place.y1 <= drawing.bbox.y1, shape


def test_texts_have_9_points_at_the_width_of_a_page(drawing):
    page = 600 / 96  # inches
    smallest = min(text.get_fontsize() for text in drawing.sheet.texts)
    assert smallest * page / drawing.get_figwidth() >= 9


@pytest.mark.parametrize("name", SYMBOLS)
def test_symbols_of_the_glossary_occur(name):
    shown = "\n".join(text.get_text() for text in getattr(drawings, name)().sheet.texts)
    assert [symbol for symbol in SYMBOLS[name] if symbol not in shown] == []


def test_font_has_every_character(drawing):
    font = get_font(findfont("DejaVu Sans"))
    shown = {letter for text, _ in boxes(drawing) for letter in text} - {"\n"}
    assert [letter for letter in shown if not font.get_char_index(ord(letter))] == []


@pytest.mark.parametrize("name", SYMBOLS)
def test_drawing_is_the_same_again(name):
    first, second = (getattr(drawings, name)()._repr_png_() for _ in range(2))
    assert first == second


def test_command_writes_the_drawings_of_the_readme(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["drawings", str(tmp_path / "made")])
    drawings.main()
    written = sorted(file.name for file in (tmp_path / "made").iterdir())
    assert written == ["bottleneck.png", "ladder.png", "two_spaces.png"]
