"""What is in a picture file, compared with the figure that should be."""

import io
import pickle

import numpy as np
from PIL import Image


def assert_shows(path, figure):
    """Fail unless the file shows `figure`, drawn here for the first time, pixel by pixel."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    with Image.open(path) as found, Image.open(content) as expected:
        assert found.size == expected.size, path
        difference = np.abs(pixels(found) - pixels(expected))
    assert difference.max() <= 1, f"{path}: {(difference > 1).mean():.1%} of its pixels differ"


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
