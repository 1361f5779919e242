"""Codes in the plane, with their classes and with what is decoded from them."""

import math

import numpy as np
from matplotlib.patheffects import withStroke

from vae_keras.figures.base import PALETTE, Picture, legend_name, single_panel
from vae_keras.figures.images import tiled


def latent_scatter(codes, labels=None, class_names=(), axes_names=("z₁", "z₂"), title=""):
    """Draw codes [n, 2] as points, coloured by label, with the name of each class at its centre."""
    figure, axes = single_panel(6, 6, margins=(0.12, 0.09, 0.03, 0.06))
    codes = np.asarray(codes)
    scatter(axes, codes, labels, class_names, size=3 if len(codes) > 1_000 else 5)
    if labels is not None:
        name_classes(axes, codes, labels, class_names, size=13)
    side = _half_width(np.abs(codes).max())
    axes.set(xlim=(-side, side), ylim=(-side, side))
    axes.set(xlabel=axes_names[0], ylabel=axes_names[1], title=title)
    return figure


def codes_figure(codes, labels=None, class_names=(), title=""):
    """Draw codes [n, latent_dim] as points in the plane, coloured by label.

    If they have more than two dimensions, their first two principal components are drawn.
    """
    names = ("z₁", "z₂")
    if codes.shape[1] == 1:
        codes, names = np.pad(codes, ((0, 0), (0, 1))), ("z", "")
    elif codes.shape[1] > 2:
        from sklearn.decomposition import PCA  # slow to import, and not needed for codes in 2-D

        latent_dim, pca = codes.shape[1], PCA(2, svd_solver="full")
        codes, names = pca.fit_transform(codes), ("first principal component", "second")
        share = pca.explained_variance_ratio_.sum()
        title += f" · {share:.0%} of the variance of {latent_dim} dimensions"
    return latent_scatter(codes, labels, class_names, names, title)


def latent_scatters(rows: dict, labels, class_names=()):
    """Draw scatters of codes [n, 2] side by side: {row name: {column name: codes}}, labels [n]."""
    columns = list(next(iter(rows.values())))
    side = max(3.5, 10 / len(columns))  # inches, of a panel
    figure = Picture(10, side * len(rows))
    figure.get_layout_engine().set(h_pad=0.1)  # inches
    for down, (row, (name, codes)) in enumerate(
        zip(figure.subplots(len(rows), len(columns), squeeze=False), rows.items(), strict=True)
    ):
        for axes, column in zip(row, columns, strict=True):
            scatter(axes, codes[column], labels, class_names)
            deviation = np.std(codes[column], axis=0).mean()
            axes.set(title="" if down else column, xlabel="z₁")
            text = axes.text(0.03, 0.04, f"standard deviation {deviation:.2g}")
            text.set(transform=axes.transAxes, bbox=dict(facecolor="white", linewidth=0, pad=2))
        row[0].set_ylabel(f"{name}\nz₂")
    points = axes.get_legend_handles_labels()
    if len(points[0]) <= 20:
        figure.legend(*points, loc="outside lower center", ncols=10, markerscale=3, frameon=False)
    return figure


def codes_and_samples(panels: dict, labels, class_names=()):
    """Draw codes with an ellipse around the samples among them, and below the decoded images.

    `panels` has for each title `codes` [n, 2], `samples` [m, 2] and `images` [k, height, width,
    channels], which are decoded from samples. `labels` [n] are those of the codes.
    """
    figure = Picture(10, 7.2)
    above, below = figure.subplots(2, len(panels), height_ratios=(1.08, 1))
    for title, panel, axes, grid in zip(panels, panels.values(), above, below, strict=True):
        scatter(axes, panel["codes"], labels, class_names)
        name_classes(axes, panel["codes"], labels, class_names)
        ellipse = dict(color="black", label="where samples lie (2σ)", zorder=4)  # above the names
        axes.plot(*_ellipse(panel["samples"]), "--", **ellipse)
        axes.set(title=title, xlabel="z₁", **_square_around(panel["codes"]))
        columns = math.isqrt(len(panel["images"]))
        grid.imshow(tiled(panel["images"], columns), cmap="gray", vmin=0, vmax=1)
        grid.set_axis_off()
        grid.set_title("decoded samples", size="medium")
    above[0].set_ylabel("z₂")
    above[0].legend(handles=above[0].get_lines()[-1:], loc="upper left", fontsize="small")
    return figure


def scatter(axes, codes, labels=None, class_names=(), size=2.5):
    """Draw codes [n, 2], coloured by label, on `axes` that always show N(0, I).

    With these limits, codes that collapse to a point look like one.
    """
    for position, one in enumerate([None] if labels is None else np.unique(labels)):
        points = codes if one is None else codes[labels == one]
        style = dict(color=PALETTE[position % len(PALETTE)], markersize=size, alpha=0.6)
        name = "" if one is None else _class_name(one, class_names)
        axes.plot(*points.T, "o", label=legend_name(name), markeredgewidth=0, **style)
    side = max(4, math.ceil(np.abs(codes).max()))
    axes.set(xlim=(-side, side), ylim=(-side, side), aspect="equal")
    axes.grid(alpha=0.25)


def _half_width(largest: float) -> float:
    """A limit for axes around 0 that seldom changes, so that the frames of a film keep their scale.

    It is 4 if the codes are of the size of N(0, I), and otherwise the next number of one digit.
    """
    if 1 < largest <= 4:
        return 4
    unit = 10.0 ** math.floor(math.log10(max(largest, 1e-9)))
    return math.ceil(largest / unit) * unit


def name_classes(axes, codes, labels, class_names, size=11):
    """Write the name of each class at its centre, if there are at most 20 classes."""
    classes = np.unique(labels)
    for position, one in enumerate(classes if len(classes) <= 20 else ()):
        text = axes.text(*np.median(codes[labels == one], axis=0), _class_name(one, class_names))
        text.set(color=PALETTE[position % len(PALETTE)], weight="bold", size=size)
        text.set(path_effects=[withStroke(linewidth=3, foreground="white")])
        text.set(ha="center", va="center")


def _class_name(label, class_names) -> str:
    return class_names[label] if class_names else str(label)


def _square_around(codes):
    """Limits of both axes, equally wide, that contain `codes` [n, 2]."""
    low, high = np.min(codes, axis=0), np.max(codes, axis=0)
    centre, half = (low + high) / 2, 0.54 * (high - low).max()
    return dict(zip(("xlim", "ylim"), np.stack([centre - half, centre + half], axis=1)))


def _ellipse(points):
    """A curve two standard deviations around the mean of `points` [n, 2]: its x and y."""
    angle = np.linspace(0, 2 * math.pi, 100)
    scale = np.linalg.cholesky(np.cov(points, rowvar=False))
    return np.mean(points, axis=0)[:, None] + 2 * scale @ np.stack([np.cos(angle), np.sin(angle)])
