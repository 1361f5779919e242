"""Names are shown as they are."""

import warnings

import numpy as np

from tests.names import NAMES
from vae_keras import figures


def test_figures_show_names_as_they_are():
    labels, codes = np.arange(40) % 5, np.random.default_rng(0).normal(size=(40, 2))
    names = list(NAMES.values())
    figure = figures.latent_scatters({"$r$": {"t_{": codes, "u": codes}}, labels, names)
    with warnings.catch_warnings(action="error", category=UserWarning):
        figure.png()
    (legend,) = figure.legends
    shown = [text.get_text() for text in legend.get_texts()]
    assert [text.strip("\u200a") for text in shown] == names
    assert not any(text.get_parse_math() for text in legend.get_texts())


def test_powers_of_a_logarithmic_axis_stay_formulas():
    figure = figures.lines({"_a": ([1, 10], [1, 2])}, "x", "y", title="$z_{$", xscale="log")
    figure.png()
    (axes,) = figure.axes
    assert not axes.title.get_parse_math()
    assert all(label.get_parse_math() for label in axes.get_xticklabels())
