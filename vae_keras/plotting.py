"""Every figure of the project: takes arrays or tensors, returns a matplotlib Figure.

Figures are made without pyplot, so they need no display and leave nothing open.
"""

import io
import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

# Paul Tol's "muted" scheme, distinguishable with every kind of colour blindness.
PALETTE = (
    "#332288",
    "#88CCEE",
    "#117733",
    "#DDCC77",
    "#CC6677",
    "#44AA99",
    "#999933",
    "#882255",
    "#AA4499",
    "#777777",
)
DPI = 100


class Picture(Figure):
    """A figure that a notebook shows without pyplot."""

    def __init__(self, width, height):
        super().__init__(figsize=(width, height), dpi=DPI, layout="constrained")

    def _repr_png_(self):
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()


def latent_scatter(codes, labels=None, class_names=(), axes_names=("z₁", "z₂"), title=""):
    """Codes [n, 2] as points, coloured by label, the name of each class written at its centre."""
    figure, axes = _figure(6, 6)
    codes = np.asarray(codes)
    classes = [None] if labels is None else np.unique(labels)
    size = 3 if len(codes) > 1_000 else 5
    for position, one in enumerate(classes):
        points = codes if one is None else codes[labels == one]
        colour = PALETTE[position % len(PALETTE)]
        axes.plot(*points.T, "o", color=colour, markersize=size, alpha=0.6, markeredgewidth=0)
    if labels is not None and len(classes) <= 20:  # more names than that hide the points
        for position, one in enumerate(classes):
            name = class_names[one] if one < len(class_names) else str(one)
            text = axes.text(*np.median(codes[labels == one], axis=0), name)
            text.set(color=PALETTE[position % len(PALETTE)], weight="bold", size=13)
            text.set(
                ha="center", va="center", path_effects=[withStroke(linewidth=4, foreground="white")]
            )
    # Whole numbers, at least the bulk of N(0, I): so that the frames of a film have the same scale.
    side = max(4, math.ceil(np.abs(codes).max()))
    axes.set(xlim=(-side, side), ylim=(-side, side), aspect="equal")
    axes.set(xlabel=axes_names[0], ylabel=axes_names[1], title=title)
    axes.grid(alpha=0.25)
    return figure


def image_grid(images, columns=None, title=""):
    """Images [n, height, width, channels] in rows."""
    columns = columns or math.ceil(math.sqrt(len(images)))
    figure, axes = _canvas(_tiled(images, columns), title)
    axes.set_axis_off()
    return figure


def image_rows(rows: dict, title=""):
    """Rows of images, as many in each, with a name in front: {name: [n, height, width, channels]}.

    For inputs above their reconstructions, for instance.
    """
    images = np.concatenate([np.asarray(row) for row in rows.values()])
    figure, axes = _canvas(_tiled(images, len(images) // len(rows)), title)
    height = images.shape[1] + 1
    axes.set_yticks([(row + 0.5) * height for row in range(len(rows))], rows)
    axes.tick_params(left=False, bottom=False, labelbottom=False)
    return figure


def manifold(images, axis_values, axes_names=("z₁", "z₂"), title=""):
    """Decoded images [rows · columns, height, width, channels] of a grid in the latent space.

    `axis_values` are the values of the columns (left to right) and of the rows (bottom to top).
    """
    images, (across, up) = np.asarray(images), axis_values
    grid = images.reshape(len(up), len(across), *images.shape[1:])[::-1]  # rows rise in the picture
    figure, axes = _canvas(_tiled(grid.reshape(images.shape), len(across), line=0.3), title)
    height, width = (side + 1 for side in images.shape[1:3])
    for axis, values, size in ((axes.xaxis, across, width), (axes.yaxis, up[::-1], height)):
        shown = np.unique(np.linspace(0, len(values) - 1, min(len(values), 7)).round().astype(int))
        axis.set_ticks((shown + 0.5) * size, [f"{values[i]:.1f}" for i in shown])
    axes.set(xlabel=axes_names[0], ylabel=axes_names[1] if len(up) > 1 else "")
    return figure


def loss_curves(history: dict, unit="nats per example"):
    """Training and validation curves of the loss and of each of its terms.

    `history` has a list per column of history.csv.
    """
    names = [name for name in history if name != "epoch" and not name.startswith("val_")]
    figure = Picture(3.6 * len(names), 3.4)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for key, label, style in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
            colour = PALETTE[0] if style == "-" else PALETTE[4]
            axes.plot(history["epoch"], history[key], style, color=colour, label=label)
        axes.set(title=name, xlabel="epoch", ylabel=unit)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
    axes.legend()
    return figure


def save(figure: Figure, path):
    """Write a figure as PNG (or what the ending of `path` says)."""
    figure.savefig(path)


def _figure(width, height):
    figure = Picture(width, height)
    return figure, figure.subplots()


def _tiled(images, columns, line=1.0):
    """One picture of all images, lines of brightness `line` between: [height, width, channels]."""
    images = np.clip(np.asarray(images, np.float32), 0, 1)
    count, height, width, channels = images.shape
    down, right, rows = height + 1, width + 1, math.ceil(count / columns)
    picture = np.full((rows * down - 1, columns * right - 1, channels), line, np.float32)
    for position, image in enumerate(images):
        top, left = position // columns * down, position % columns * right
        picture[top : top + height, left : left + width] = image
    return picture


def _canvas(picture, title):
    """A figure in the proportions of `picture`, about 6.4 inches at its longer side."""
    height, width = picture.shape[:2]
    scale = 6.4 / max(height, width)
    figure, axes = _figure(max(2.0, width * scale), max(1.6, height * scale + 0.4))
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0))
    axes.set_title(title)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure, axes
