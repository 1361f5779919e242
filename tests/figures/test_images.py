"""Images of which a part is hidden."""

import numpy as np
from PIL import Image

from vae_keras import figures
from vae_keras.models.completion import hidden_mask


def test_hidden_pixels_are_mid_grey_and_the_others_stay():
    images = np.random.default_rng(0).random((3, 4, 6, 1))
    shown = figures.with_hidden(images, hidden_mask((4, 6, 1), visible=1))
    np.testing.assert_array_equal(shown[:, 2:, :3], images[:, 2:, :3])  # the lower left quarter
    assert (shown[:, :2] == 0.5).all()
    assert (shown[:, 2:, 3:] == 0.5).all()


def test_names_of_many_rows_are_whole(tmp_path):
    rows = {f"CVAE, draw {i}": np.zeros((10, 28, 28, 1)) for i in range(7)}
    figures.save(figures.image_rows(rows), tmp_path / "rows.png")
    with Image.open(tmp_path / "rows.png") as image:
        assert np.asarray(image.convert("L"))[:, 0].min() == 255  # nothing reaches the left edge
