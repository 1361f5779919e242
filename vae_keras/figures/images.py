"""Images in grids and in rows."""

import math

import numpy as np

from vae_keras.figures.base import Picture, single_panel


def image_grid(images, columns=None, title=""):
    """Draw images [n, height, width, channels] in a grid.

    `columns` is the number of images in a row; unless it is given, the grid is about square.
    """
    columns = columns or math.ceil(math.sqrt(len(images)))
    figure, axes = _canvas(tiled(images, columns), title)
    axes.set_axis_off()
    return figure


def image_grids(panels: dict):
    """Draw square grids of images side by side: {title: images [n, height, width, channels]}."""
    figure = Picture(2.5 * len(panels), 3)
    for axes, (title, images) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        show_picture(axes, tiled(images, math.isqrt(len(images))), title)
        axes.set_axis_off()
    return figure


def image_rows(rows: dict, title=""):
    """Draw rows of images with names in front: {name: images [n, height, width, channels]}.

    Every row has as many images, such as inputs above their reconstructions.
    """
    figure, axes = _canvas(tiled_rows(rows), title)
    names = 0.3 + 0.11 * max(map(len, rows))  # inches
    figure.set_figwidth(figure.get_figwidth() + names)
    figure.set_layout_engine("compressed")  # another one cuts names where there are many rows
    name_rows(axes, rows)
    return figure


def manifold(images, axis_values, axes_names=("z₁", "z₂"), title=""):
    """Draw images decoded from a grid of codes: [rows · columns, height, width, channels].

    `axis_values` are the values of the columns, from left to right, and of the rows, from bottom to
    top.
    """
    images, (across, up) = np.asarray(images), axis_values
    grid = images.reshape(len(up), len(across), *images.shape[1:])[::-1]  # rows rise in the picture
    figure, axes = _canvas(tiled(grid.reshape(images.shape), len(across), line=0.3), title)
    height, width = (side + 1 for side in images.shape[1:3])
    for axis, values, size in ((axes.xaxis, across, width), (axes.yaxis, up[::-1], height)):
        shown = np.unique(np.linspace(0, len(values) - 1, min(len(values), 7)).round().astype(int))
        axis.set_ticks((shown + 0.5) * size, [f"{values[i]:.1f}" for i in shown])
    axes.set(xlabel=axes_names[0], ylabel=axes_names[1])
    if len(up) == 1:
        axes.set(ylabel="", yticks=[])
    return figure


def with_hidden(images, mask):
    """Images [n, height, width, channels] that are mid-grey where the mask is 1, else as they are.

    The mask [height, width, 1] is 1 where pixels are hidden. They are neither black nor white,
    because nothing is known of them.
    """
    return np.asarray(images) * (1 - mask) + 0.5 * mask


def tiled(images, columns, line=1.0):
    """Put images [n, height, width, channels] into one picture [height, width, channels].

    Lines of brightness `line` separate them.
    """
    images = np.clip(np.asarray(images, np.float32), 0, 1)
    if images.shape[-1] not in (1, 3, 4):  # these channels are no colours, so the mean is shown
        images = images.mean(axis=-1, keepdims=True)
    count, height, width, channels = images.shape
    down, right, rows = height + 1, width + 1, math.ceil(count / columns)
    picture = np.full((rows * down - 1, columns * right - 1, channels), line, np.float32)
    for position, image in enumerate(images):
        top, left = position // columns * down, position % columns * right
        picture[top : top + height, left : left + width] = image
    return picture


def _canvas(picture, title):
    """A figure with the proportions of `picture`, about 6.4 inches at its longer side."""
    height, width = picture.shape[:2]
    scale = 6.4 / max(height, width)
    figure, axes = single_panel(max(2.0, width * scale), max(1.6, height * scale + 0.4))
    show_picture(axes, picture, title)
    return figure, axes


def show_picture(axes, picture, title):
    """Show a picture [height, width, channels] on `axes`, whose units are its pixels."""
    height, width = picture.shape[:2]
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0))
    axes.set_title(title)
    axes.spines[:].set_visible(False)


def tiled_rows(rows: dict):
    """Put rows of images {name: [n, height, width, channels]} into one picture."""
    images = np.concatenate([np.asarray(row) for row in rows.values()])
    return tiled(images, len(images) // len(rows))


def name_rows(axes, rows: dict):
    """Write the name of each row of images in front of it."""
    height = len(next(iter(rows.values()))[0]) + 1
    axes.set_yticks([(row + 0.5) * height for row in range(len(rows))], rows)
    axes.tick_params(left=False, bottom=False, labelbottom=False)


def image_pairs(images, others, names: list[str], title="", columns=4):
    """Draw each of `images` [n, height, width, channels] beside its one of `others`, with a name.

    A name may have several lines.
    """
    columns = min(columns, len(names))
    rows = math.ceil(len(names) / columns)
    height, width = np.shape(images)[1:3]
    side = 2.6  # inches, of a pair
    figure = Picture(side * columns, 0.4 + rows * (0.55 + min(1.5, height / (2 * width)) * side))
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.06)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, name, *pair in zip(panels.flat, names, images, others):
        show_picture(axes, tiled(pair, 2), "")
        axes.set_title(name, size="medium")
    figure.suptitle(title)
    return figure
