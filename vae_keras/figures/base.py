"""The style of all figures, and the simplest ones: panels, lines and bars."""

import io
import itertools
import os
import warnings
from contextlib import contextmanager

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from vae_keras.figures.compression import compressed
from vae_keras.files import whole_file

# Each has a contrast of at least 3 on white, and any two are told apart with every kind of colour
# blindness: tests/figures/test_base.py computes both. The first five are furthest apart.
PALETTE = (
    "#322087",  # indigo
    "#0097FF",  # blue
    "#105F21",  # green
    "#B48E27",  # ochre
    "#E33678",  # rose
    "#41857C",  # teal
    "#637801",  # olive
    "#6F0F36",  # wine
    "#AC5EB3",  # purple
    "#605D59",  # grey
)
DPI = 100  # of files, and of the size that a figure has on a page
SCREEN_DPI = 200  # of the pixels in a notebook, since screens show two in the place of one
DRAFT_DPI = 50
DRAFT = bool(os.environ.get("VAE_KERAS_DRAFT"))  # notebooks are run for their numbers, as in tests


class Picture(Figure):
    """A figure that a notebook shows without pyplot, and that never reads a text as a formula."""

    def __init__(self, width, height, layout="constrained"):
        super().__init__(figsize=(width, height), dpi=DPI, layout=layout)

    def draw(self, renderer):
        axes = [axis for axes in self.axes for axis in (axes.xaxis, axes.yaxis)]
        powers = [axis.get_ticklabels(which="both") for axis in axes if axis.get_scale() == "log"]
        for text in set(self.findobj(Text)).difference(*powers):
            text.set_parse_math(False)  # a "$" in a name is no formula
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # it becomes a box
            super().draw(renderer)

    @property
    def shown_width(self) -> int:
        """Its width on a page, in the pixels of a page."""
        return round(self.get_figwidth() * DPI)

    def png(self) -> bytes:
        """A PNG for screens, with more pixels than `shown_width`."""
        if DRAFT:
            self.set_layout_engine("none")  # the layout takes a third of the time
        content = io.BytesIO()
        with _square_pixels(self.findobj(AxesImage)):
            self.savefig(content, format="png", dpi=DRAFT_DPI if DRAFT else SCREEN_DPI)
        return content.getvalue()

    def compressed(self, png: bytes) -> bytes:
        """The PNG of it as a notebook keeps it, in few colours."""
        colourful = any(np.ndim(image.get_array()) == 3 for image in self.findobj(AxesImage))
        return png if DRAFT else compressed(png, colourful)

    def _repr_png_(self):
        return self.compressed(self.png()), {"width": self.shown_width}


@contextmanager
def _square_pixels(images):
    """Draw those `images` whose pixels are about 2 × 2 on the screen, or larger, without smoothing.

    Such files have a third of the size. The layout, which comes later, makes most panels wider.
    """
    large = [
        (image, image.get_interpolation())
        for image in images
        if image.axes.bbox.width * SCREEN_DPI / DPI >= 1.6 * image.get_array().shape[1]
    ]
    try:
        for image, _ in large:
            image.set_interpolation("nearest")
        yield
    finally:
        for image, before in large:
            image.set_interpolation(before)


def panels(rows=1, columns=1, width=4.5, height=3.4):
    """A figure of `rows` × `columns` empty panels in the project's style.

    `width` and `height` of a panel are in inches. It returns the figure and its axes: an array
    [rows, columns], or a single one if there is only one panel.
    """
    figure = Picture(width * columns, height * rows)
    axes = figure.subplots(rows, columns)
    for one in np.ravel(axes):
        one.grid(alpha=0.25)
        one.set_axisbelow(True)
        one.set_prop_cycle(color=PALETTE)
    return figure, axes


def legend_name(name: str) -> str:
    """A name that a legend shows: Matplotlib leaves out those that begin with "_"."""
    return f"\u200a{name}" if name.startswith("_") else name  # behind a hair space


def single_panel(width, height, margins: tuple | None = None):
    """A figure of `width` × `height` inches with a single panel: the figure and its axes.

    `margins` are those of the panel, (left, bottom, right, top) as shares of the figure. It is
    drawn in half the time with them, and stays in its place from frame to frame of a film.
    """
    figure = Picture(width, height, "constrained" if margins is None else None)
    if margins is not None:
        left, bottom, right, top = margins
        figure.subplots_adjust(left, bottom, 1 - right, 1 - top)
    return figure, figure.subplots()


def lines(curves: dict, x_name: str, y_name: str, title="", **limits):
    """Draw curves {name: (x, y)} in one panel; `limits` go to Matplotlib's `Axes.set`."""
    figure, axes = panels(width=6, height=3.8)
    for (name, (x, y)), style in zip(curves.items(), itertools.cycle(("-", "--", "-.", ":"))):
        axes.plot(np.asarray(x), np.asarray(y), style, label=legend_name(name))
    axes.set(xlabel=x_name, ylabel=y_name, title=title, **limits)
    if len(curves) > 1:
        axes.legend()
    return figure


def bars(values: dict, y_name: str, title="", form="{:.3g}"):
    """Draw a bar for each of {name: value}, with the number above it."""
    figure, axes = panels(width=max(4, 1.2 * len(values)), height=3.4)
    drawn = axes.bar(list(values), list(values.values()), color=PALETTE[0])
    axes.bar_label(drawn, [form.format(value) for value in values.values()])
    axes.set(ylabel=y_name, title=title)
    axes.margins(y=0.12)
    return figure


def save(figure: Figure, path, dpi: int = DPI, **how):
    """Write a figure to a file, whole or not at all; the ending of `path` decides the format.

    The other keywords go to Matplotlib's `savefig`.
    """
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=dpi, **how)
