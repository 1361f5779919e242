import base64
import io

import numpy as np
import pytest
from PIL import Image

from vae_keras import UserError, figures
from vae_keras.figures.sliders import Sliders


def lines(slope, height):
    return figures.lines({"a line": ([0, 1], [height, height + slope])}, "x", "y", ylim=(0, 9))


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), int)


def test_the_middle_values_come_first_and_a_move_redraws():
    both = Sliders(lines, slope=(1, 2, 3), height=(0.5, 4))
    np.testing.assert_array_equal(pixels(both.image.value), pixels(lines(2, 4).png()))
    assert both.image.width == "600"
    both.sliders["slope"].value = 3
    np.testing.assert_array_equal(pixels(both.image.value), pixels(lines(3, 4).png()))
    assert both.sliders["height"].value == 4


def test_without_a_kernel_the_figure_stays():
    shown, metadata = Sliders(lines, slope=(1, 2, 3), height=(1,))._repr_mimebundle_()
    still = base64.b64decode(shown["image/png"])
    np.testing.assert_allclose(pixels(still), pixels(lines(2, 1).png()), atol=24)  # of 255
    assert metadata == {"image/png": {"width": 600}}
    assert any("widget" in kind for kind in shown)


@pytest.mark.parametrize("choices", [{}, {"slope": ()}])
def test_sliders_need_values(choices):
    with pytest.raises(UserError, match="values"):
        Sliders(lines, **choices)
