"""Figures of the columns of a table."""

import numpy as np
import pytest

from vae_keras import figures

ROWS = np.random.default_rng(0).normal(size=(30, 40))


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3, 12, 40])
def test_columns_have_a_panel_each_as_far_as_there_is_room(count):
    names = [f"_a${n}" for n in range(count)]
    labels = np.arange(30) % 3
    for figure in (
        figures.column_scatters(ROWS[:, :count], ROWS[:, :count], names, labels, ["_x", "y", "z"]),
        figures.column_histograms({"one": ROWS[:, :count], "other": ROWS[:, :count]}, names),
    ):
        figure.draw_without_rendering()
        shown = titles(figure)
        assert len(shown) == min(count, 12)
        assert shown[0] == names[0] and shown[-1] == names[-1]


def test_scatter_has_the_values_across_and_the_reconstructions_up():
    figure = figures.column_scatters(ROWS[:, :2], ROWS[:, :2] + 100, ["a", "b"])
    points, line = figure.axes[1].get_lines()
    np.testing.assert_array_equal(points.get_xdata(), ROWS[:, 1])
    np.testing.assert_array_equal(points.get_ydata(), ROWS[:, 1] + 100)
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())


def test_errors_of_columns_are_bars_in_order_or_a_curve():
    figure = figures.column_errors({"low": 0.25, "high": 1.5, "middle": 0.5})
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == [0.25, 0.5, 1.5]
    many = figures.column_errors({f"c{n}": n / 60 for n in range(60)})
    curve, _ = many.axes[0].get_lines()
    np.testing.assert_allclose(curve.get_ydata(), np.arange(60) / 60)


@pytest.mark.parametrize("count", [1, 5, 8])
def test_curves_have_a_panel_for_each_row(count):
    figure = figures.curves({"a": ROWS[:count], "b": ROWS[:count] + 1}, "title")
    figure.png()
    drawn = [axes for axes in figure.axes if axes.get_lines()]
    assert len(drawn) == count
    one, other = drawn[-1].get_lines()
    np.testing.assert_array_equal(one.get_ydata(), ROWS[count - 1])
    np.testing.assert_array_equal(other.get_ydata(), ROWS[count - 1] + 1)
