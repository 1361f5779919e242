"""The style of the figures."""

import io
from itertools import combinations

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from vae_keras import figures
from vae_keras.data.drawn.faces import draw, sample
from vae_keras.figures import PALETTE, base

# Machado, Oliveira and Fernandes (2009): what an eye without one kind of cones sees, linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(  # IEC 61966-2-1, white is D65
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def linear(colour: str):
    """The linear RGB of "#RRGGBB"."""
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE 1976 L*a*b* of linear RGB."""
    ratio = TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distances(colours, eye):
    """The CIE 1976 distances of all pairs of colours, as an eye sees them."""
    seen = [lab(np.array(EYES[eye]) @ linear(colour)) for colour in colours]
    return [float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2)]


def test_colours_stand_out_from_white():
    # WCAG 2.1, relative luminance and contrast ratio
    contrasts = {colour: 1.05 / (TO_XYZ[1] @ linear(colour) + 0.05) for colour in PALETTE}
    assert min(contrasts.values()) >= 3, contrasts


@pytest.mark.parametrize("eye", EYES)
def test_colours_are_told_apart_by_every_eye(eye):
    assert min(distances(PALETTE, eye)) >= 11  # 2.3 is just noticeable
    assert min(distances(PALETTE[:5], eye)) >= 22


def pixels(png) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int)


def faces_figure():
    return figures.image_rows({"faces": draw(sample(8, seed=0), 64) / 255})


def digits_figure():
    shades = np.linspace(0, 1, 28 * 28).reshape(28, 28, 1)
    rolled = [np.roll(shades, move, axis=(0, 1)) for move in range(64)]
    return figures.manifold(np.stack(rolled), (range(8), range(8)), title="rolled shades")


def line_figure():
    return figures.lines(
        {name: ([0, 1, 2], [k, 4, k * k]) for k, name in enumerate("abc")}, "x", "y"
    )


@pytest.mark.parametrize("figure", [faces_figure(), line_figure()], ids=["faces", "lines"])
def test_a_notebook_shows_a_figure_with_twice_the_pixels_of_its_size(figure, tmp_path):
    data, metadata = DisplayFormatter().format(figure)
    width, height = 100 * figure.get_size_inches()
    assert metadata["image/png"] == {"width": round(width)}
    shown = pixels(data["image/png"])
    assert shown.shape[:2] == pytest.approx((2 * height, 2 * width), abs=1)
    figures.save(figure, tmp_path / "saved.png")
    assert Image.open(tmp_path / "saved.png").size == pytest.approx((width, height), abs=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "figure", [faces_figure(), digits_figure(), line_figure()], ids=["faces", "digits", "lines"]
)
def test_a_notebook_keeps_figures_in_few_colours_that_look_the_same(figure):
    large = figure.png()
    small = figure.compressed(large)
    assert len(small) < 0.45 * len(large)
    assert len(np.unique(pixels(small).reshape(-1, 3), axis=0)) <= 256
    off = np.abs(pixels(small) - pixels(large)).max(axis=-1)
    assert off.max() <= 32 and off.mean() < 5  # of 255
    white = (pixels(large) == 255).all(axis=-1)
    np.testing.assert_array_equal(pixels(small)[white], 255)


@pytest.mark.parametrize("count, side, columns", [(16, 20, 4), (24, 64, 8), (300, 28, 20)])
def test_pixels_of_small_images_stay_square(count, side, columns):
    images = np.random.default_rng(0).integers(0, 2, (count, side, side, 1)).astype(float)
    figure = figures.image_grid(images, columns, title=" ")
    assert set(np.unique(pixels(figure.png()))) == {0, 255}
    assert figure.axes[0].images[0].get_interpolation() == "auto"


def test_images_that_are_larger_than_the_screen_are_smoothed():
    stripes = np.zeros((1, 20, 4_000, 1))
    stripes[:, :, ::2] = 1
    shown = pixels(figures.image_grid(stripes).png())
    assert ((shown > 100) & (shown < 150)).mean() > 0.01  # grey, in the place of a wrong pattern


def test_drafts_have_the_same_size_on_the_page(monkeypatch):
    monkeypatch.setattr(base, "DRAFT", True)
    figure = line_figure()
    content, metadata = figure._repr_png_()
    assert metadata == {"width": 600}
    assert Image.open(io.BytesIO(content)).size == (300, 190)
