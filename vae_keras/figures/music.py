"""Melodies as piano rolls."""

import math

from vae_keras.figures.base import PALETTE, Picture


def piano_rolls(melodies, title="", columns=4, names=None, steps=32, beat=8):
    """Draw melodies as piano rolls, in rows of `columns`.

    A melody is a list of notes (pitch, start, length), the last two in sixteenths, of which it has
    `steps`. `names` are titles of single melodies. There is a line at every `beat` sixteenths.
    """
    rows = math.ceil(len(melodies) / columns)
    figure = Picture(10, 0.6 + 1.25 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    pitches = [pitch for notes in melodies for pitch, *_ in notes] or [60]
    # Without limits, Matplotlib would compute them anew from all panels for every note.
    panels[0, 0].set(xlim=(-1, steps + 1), ylim=(min(pitches) - 2, max(pitches) + 2))
    for axes, notes in zip(panels.flat, melodies):
        for pitch, start, length in notes:
            axes.broken_barh([(start, length - 0.15)], (pitch - 0.45, 0.9), color=PALETTE[0])
        axes.set_xticks(range(0, steps + 1, beat))
        axes.grid(alpha=0.25)
    for axes in panels.flat[len(melodies) :]:
        axes.set_axis_off()
    for axes, name in zip(panels.flat, names or ()):
        axes.set_title(name, size="medium")
    figure.suptitle(title)
    figure.supxlabel("sixteenths", size="medium")
    figure.supylabel("MIDI pitch", size="medium")
    return figure
