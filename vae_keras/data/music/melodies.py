"""Folk tunes as windows of two bars that a model can learn from: the data set `melodies`."""

from pathlib import Path

from vae_keras.data.music.melody_set import Melodies

FILE = Path(__file__).with_name("folk_tunes.npz")  # make_tunes.py has written it


def melodies() -> Melodies:
    """Return windows of two bars of Irish and American fiddle tunes from prints of 1883 and 1903.

    The tunes are in 4/4, 2/2 and 2/4 (of 2/4 a window has four bars); a window has 32 steps of a
    sixteenth.
    """
    return Melodies.load(FILE)
