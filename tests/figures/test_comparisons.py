"""Pictures that compare models."""

import numpy as np

from vae_keras import figures


def test_the_picture_of_leakage_says_every_share():
    shares = [[1.0, 0.003, 0.25], [0.0, 0.876, 0.5], [0.1, 0.2, 0.3]]
    figure = figures.leakage({"one": shares, "other": np.zeros((3, 3))}, ("hat", "long_hair", "a"))
    one, other = figure.axes
    assert [text.get_text() for text in one.texts] == [
        "100.0", "0.3", "25.0", "0.0", "87.6", "50.0", "10.0", "20.0", "30.0"
    ]  # fmt: skip
    np.testing.assert_array_equal(one.images[0].get_array(), shares)
    assert (one.get_title(), other.get_title()) == ("one", "other")
    assert [label.get_text() for label in one.get_yticklabels()] == ["hat", "long hair", "a"]


SHADES = np.arange(1, 8) / 8


def test_the_picture_of_morphing_has_a_curve_and_a_row_for_each_kind():
    curves = {"pixels": [1, 0.25, 1], **{f"vae {k}": [1, 0.75, 0.1 * k] for k in range(6)}}
    rows = {name: np.full((3, 4, 4, 3), shade) for name, shade in zip(curves, SHADES)}
    above, below = figures.morphing(curves, rows).axes
    assert [line.get_label() for line in above.lines] == list(curves)
    for line, values in zip(above.lines, curves.values()):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([[0, 0.5, 1], values], axis=1))
    picture = below.images[0].get_array()
    assert picture.shape == (7 * 5 - 1, 3 * 5 - 1, 3)
    np.testing.assert_allclose(picture[::5, 0, 0], SHADES)
    assert [label.get_text() for label in below.get_yticklabels()] == list(rows)
