"""What is in a picture file, compared with the figure that should be."""

import io
import pickle

import numpy as np
from PIL import Image
from scipy.ndimage import maximum_filter, minimum_filter


def assert_shows(path, figure):
    """Fail unless the file shows `figure`, drawn here for the first time, pixel by pixel.

    One pixel in a hundred may have the colour of one beside it: the layout is not solved alike to
    the last bit every time, and a line that lies between two pixels can be rounded to either.
    """
    content = io.BytesIO()
    figure.savefig(content, format="png")
    with Image.open(path) as found, Image.open(content) as expected:
        assert found.size == expected.size, path
        found, expected = pixels(found), pixels(expected)
    moved = (np.abs(found - expected) > 1).mean()
    assert moved < 0.01, f"{path}: {moved:.1%} of its pixels differ"
    beside = dict(size=(3, 3, 1))
    differs = found < minimum_filter(expected, **beside) - 1
    differs |= found > maximum_filter(expected, **beside) + 1
    assert not differs.any(), f"{path}: {differs.mean():.1%} of its pixels differ"


def pixels(picture) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).astype(int)


def keeping(function, kept: list):
    """`function`, whose figures go to `kept` as they are before anyone has drawn them."""

    def called(*args, **kwargs):
        *others, figure = function(*args, **kwargs)
        kept.append(pickle.loads(pickle.dumps(figure)))
        return *others, figure

    return called


def frames_of(path) -> np.ndarray:
    with Image.open(path) as image:
        frames = []
        for number in range(image.n_frames):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB")))
    return np.stack(frames)
