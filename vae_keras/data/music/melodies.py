"""The data set `melodies`: folk tunes, cut into windows of two bars."""

from pathlib import Path

from vae_keras.data.music.melody_set import Melodies

FILE = Path(__file__).with_name("folk_tunes.npz")  # written by make_tunes.py


def melodies() -> Melodies:
    """Return windows of Irish and American fiddle tunes, from prints of 1883 and 1903.

    The tunes are in 4/4, 2/2 and 2/4. A window has 32 steps of a sixteenth: two bars, or four of
    2/4.
    """
    return Melodies.load(FILE)
