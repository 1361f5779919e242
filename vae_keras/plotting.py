"""Every figure of the project: takes arrays or tensors, returns a matplotlib Figure.

Figures are made without pyplot, so they need no display and leave nothing open.
"""

import io
import itertools
import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from vae_keras.files import whole_file

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


def panels(rows=1, columns=1, width=4.5, height=3.4):
    """A figure of `rows` × `columns` empty panels, each so many inches, in the project's style.

    Returns the figure and its axes: an array of the shape [rows, columns], one alone as it is.
    """
    figure = Picture(width * columns, height * rows)
    axes = figure.subplots(rows, columns)
    for one in np.ravel(axes):
        one.grid(alpha=0.25)
        one.set_axisbelow(True)
        one.set_prop_cycle(color=PALETTE)
    return figure, axes


def lines(curves: dict, x_name: str, y_name: str, title="", **limits):
    """Curves {name: (x, y)} in one panel; `limits` are what Matplotlib's `Axes.set` takes."""
    figure, axes = panels(width=6, height=3.8)
    for (name, (x, y)), style in zip(curves.items(), itertools.cycle(("-", "--", "-.", ":"))):
        axes.plot(np.asarray(x), np.asarray(y), style, label=name)
    axes.set(xlabel=x_name, ylabel=y_name, title=title, **limits)
    if len(curves) > 1:
        axes.legend()
    return figure


def bars(values: dict, y_name: str, title="", form="{:.3g}"):
    """One bar, with its number above, for each of {name: value}."""
    figure, axes = panels(width=max(4, 1.2 * len(values)), height=3.4)
    drawn = axes.bar(list(values), list(values.values()), color=PALETTE[0])
    axes.bar_label(drawn, [form.format(value) for value in values.values()])
    axes.set(ylabel=y_name, title=title)
    axes.margins(y=0.12)
    return figure


def latent_scatter(codes, labels=None, class_names=(), axes_names=("z₁", "z₂"), title=""):
    """Codes [n, 2] as points, coloured by label, the name of each class written at its centre."""
    figure, axes = _figure(6, 6)
    codes = np.asarray(codes)
    _scatter(axes, codes, labels, class_names, size=3 if len(codes) > 1_000 else 5)
    if labels is not None:
        _name_classes(axes, codes, labels, class_names, size=13)
    side = _half_width(np.abs(codes).max())
    axes.set(xlim=(-side, side), ylim=(-side, side))
    axes.set(xlabel=axes_names[0], ylabel=axes_names[1], title=title)
    return figure


def image_grid(images, columns=None, title=""):
    """Images [n, height, width, channels] in rows."""
    columns = columns or math.ceil(math.sqrt(len(images)))
    figure, axes = _canvas(_tiled(images, columns), title)
    axes.set_axis_off()
    return figure


def image_grids(panels: dict):
    """Square grids of images side by side: {title: [n, height, width, channels]}."""
    figure = Picture(2.5 * len(panels), 3)
    for axes, (title, images) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        _show(axes, _tiled(images, math.isqrt(len(images))), title)
        axes.set_axis_off()
    return figure


def piano_rolls(melodies, title="", columns=4, names=None):
    """Melodies, lists of notes (pitch, start, length in sixteenths), in rows of `columns`."""
    rows = math.ceil(len(melodies) / columns)
    figure = Picture(10, 0.6 + 1.25 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    pitches = [pitch for notes in melodies for pitch, *_ in notes] or [60]
    # which Matplotlib would find out anew, of all panels, for every note
    panels[0, 0].set(xlim=(-1, 33), ylim=(min(pitches) - 2, max(pitches) + 2))
    for axes, notes in zip(panels.flat, melodies):
        for pitch, start, length in notes:
            axes.broken_barh([(start, length - 0.15)], (pitch - 0.45, 0.9), color=PALETTE[0])
        axes.set_xticks(range(0, 33, 8))
        axes.grid(alpha=0.25)
    for axes in panels.flat[len(melodies) :]:
        axes.set_axis_off()
    for axes, name in zip(panels.flat, names or ()):
        axes.set_title(name, size="medium")
    figure.suptitle(title)
    figure.supxlabel("sixteenths", size="medium")
    figure.supylabel("MIDI pitch", size="medium")
    return figure


def image_rows(rows: dict, title=""):
    """Rows of images, as many in each, with a name in front: {name: [n, height, width, channels]}.

    For inputs above their reconstructions, for instance.
    """
    figure, axes = _canvas(_tiled_rows(rows), title)
    names = 0.3 + 0.11 * max(map(len, rows))  # inches
    figure.set_figwidth(figure.get_figwidth() + names)
    _name_rows(axes, rows)
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


ESTIMATES = {
    "importance_weighted": "draws of q(z|x)",
    "naive": "draws of the prior",
    "defensive": "draws of both",
}


def evaluation(convergence, kl_per_dimension):
    """Three estimates of −log p(x) by their number of samples, and the KL of each code dimension.

    `convergence` are the rows of `evaluation.convergence`, `kl_per_dimension` [latent_dim] in nats.
    """
    figure = Picture(9, 3.6)
    left, right = figure.subplots(1, 2)
    styles = ((PALETTE[0], "o-"), (PALETTE[4], "s--"), (PALETTE[2], "^-."))
    for (name, label), (colour, style) in zip(ESTIMATES.items(), styles, strict=True):
        rows = [row for row in convergence if name in row]
        samples, values = ([row[key] for row in rows] for key in ("samples", name))
        errors = [row[f"{name}_error"] or 0 for row in rows]
        left.errorbar(samples, values, errors, fmt=style, color=colour, label=label)
    left.set(xscale="log", xlabel="samples for each image", ylabel="estimate of −log p(x) (nats)")
    left.legend()
    left.grid(alpha=0.25)
    kl = np.sort(kl_per_dimension)[::-1]
    right.bar(np.arange(1, len(kl) + 1), kl, color=PALETTE[0])
    right.set(xlabel="code dimension, sorted", ylabel="KL to the prior (nats)")
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def rate_distortion(rows, title=""):
    """Distortion by rate for several β: `rows` with beta, rate and distortion, in nats."""
    figure, axes = _figure(6.4, 4.4)
    rate, distortion = (np.array([row[name] for row in rows]) for name in ("rate", "distortion"))
    axes.plot(rate, distortion, "o-", color=PALETTE[0])
    for row, x, y in zip(rows, rate, distortion, strict=True):
        axes.annotate(f"β = {row['beta']:g}", (x, y), (6, 5), textcoords="offset points")
    best = (rate + distortion).min()
    ends = np.array([max(0, best - distortion.max()), min(rate.max(), best - distortion.min())])
    line = dict(color=PALETTE[4], label=f"rate + distortion = {best:.1f}, the best −ELBO of them")
    axes.plot(ends, best - ends, "--", **line)
    axes.margins(0.17, 0.12)  # for the names
    axes.set(xlabel="rate: KL (nats per example)", ylabel="distortion: reconstruction (nats)")
    axes.set_title(title)
    axes.grid(alpha=0.25)
    axes.legend()
    return figure


def leakage(matrices: dict, names):
    """What else changes with each attribute: {model: share of faces [changed by, seen to change]}.

    `names` are those of the attributes.
    """
    names = [name.replace("_", " ") for name in names]
    figure = Picture(1.6 + 4.1 * len(matrices), 5.7)
    panels = figure.subplots(1, len(matrices), squeeze=False, sharey=True)[0]
    for axes, (title, matrix) in zip(panels, matrices.items(), strict=True):
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(matrix):
            colour = "white" if share > 0.5 else "black"
            text = dict(ha="center", va="center", color=colour, size="small")
            axes.text(column, row, f"{100 * share:.1f}", **text)
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.set(title=title, xlabel="seen to change (% of faces)")
    panels[0].set_ylabel("edited")
    return figure


def morphing(confidence: dict, rows: dict):
    """How sure a classifier is on the way from face to face, and one way of each kind.

    `confidence` {kind: [steps]} from 0 to 1, `rows` {kind: [steps, height, width, channels]}.
    """
    figure = Picture(8, 3 + 0.75 * len(rows))
    above, below = figure.subfigures(2, 1, height_ratios=(3, 0.75 * len(rows)))
    axes = above.subplots()
    styles = zip("o s ^ D v".split(), (PALETTE[4], PALETTE[0], PALETTE[2], PALETTE[3], PALETTE[8]))
    for (name, values), (marker, colour) in zip(confidence.items(), itertools.cycle(styles)):
        alpha = np.linspace(0, 1, len(values))
        axes.plot(alpha, values, marker=marker, color=colour, label=name)
    axes.set(xlabel="α, from one face to the other", ylabel="classifier's confidence")
    axes.grid(alpha=0.25)
    axes.legend()
    axes = below.subplots()
    _show(axes, _tiled_rows(rows), "")
    _name_rows(axes, rows)
    return figure


PIXEL_LOSSES = {"mse": "mse: squared error", "rmse": "rmse: |error|", "bce": "bce: cross-entropy"}
MEASURES = {
    "mse": "test squared error",
    "rmse": "test RMSE",
    "bce_above_minimum": "test cross-entropy above minimum\n(nats; mse, rmse outputs clipped)",
}
LOSS_STYLES = (
    dict(color=PALETTE[0], linestyle="-"),
    dict(color=PALETTE[4], linestyle="--"),
    dict(color=PALETTE[2], linestyle="-."),
)


def codes_and_samples(panels: dict, labels, class_names=()):
    """Codes with the samples drawn among them, and below the images decoded from these.

    `panels` has for each title `codes` [n, 2], `samples` [m, 2] and `images` [k, height, width,
    channels]; `labels` [n] are those of the codes.
    """
    figure = Picture(10, 7.2)
    above, below = figure.subplots(2, len(panels), height_ratios=(1.08, 1))
    for title, panel, axes, grid in zip(panels, panels.values(), above, below, strict=True):
        _scatter(axes, panel["codes"], labels, class_names)
        _name_classes(axes, panel["codes"], labels, class_names)
        ellipse = dict(color="black", label="where samples lie (2σ)", zorder=4)  # above the names
        axes.plot(*_ellipse(panel["samples"]), "--", **ellipse)
        axes.set(title=title, xlabel="z₁", **_square_around(panel["codes"]))
        columns = math.isqrt(len(panel["images"]))
        grid.imshow(_tiled(panel["images"], columns), cmap="gray", vmin=0, vmax=1)
        grid.set_axis_off()
        grid.set_title("decoded samples", size="medium")
    above[0].set_ylabel("z₂")
    above[0].legend(handles=above[0].get_lines()[-1:], loc="upper left", fontsize="small")
    return figure


def latent_scatters(rows: dict, labels, class_names=()):
    """Scatters of codes [n, 2] side by side: {row name: {column name: codes}}, labels [n]."""
    columns = list(next(iter(rows.values())))
    figure = Picture(10, 3.5 * len(rows))
    figure.get_layout_engine().set(h_pad=0.1)  # inches
    for down, (row, (name, codes)) in enumerate(
        zip(figure.subplots(len(rows), len(columns), squeeze=False), rows.items(), strict=True)
    ):
        for axes, column in zip(row, columns, strict=True):
            _scatter(axes, codes[column], labels, class_names)
            deviation = np.std(codes[column], axis=0).mean()
            axes.set(title="" if down else column, xlabel="z₁")
            text = axes.text(0.03, 0.04, f"standard deviation {deviation:.2g}")
            text.set(transform=axes.transAxes, bbox=dict(facecolor="white", linewidth=0, pad=2))
        row[0].set_ylabel(f"{name}\nz₂")
    points = axes.get_legend_handles_labels()
    if len(points[0]) <= 20:
        figure.legend(*points, loc="outside lower center", ncols=10, markerscale=3, frameon=False)
    return figure


def loss_comparison(curves: dict, errors: dict, rows: dict):
    """What each loss of a pixel is, what each trained model scores by all, and what it rebuilds.

    `curves` is {"prediction": [n], target: {loss: [n]}}, `errors` {model: {measure: number}} with
    the MEASURES, `rows` {name: images [n, height, width, channels]}.
    """
    figure = Picture(10, 9.5)
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(3, 2.2, 4.3))
    _pixel_losses(top, curves)
    _errors(middle, errors)
    axes = bottom.subplots()
    _show(axes, _tiled_rows(rows), "test images and their reconstructions")
    _name_rows(axes, rows)
    return figure


def _pixel_losses(figure, curves):
    targets = [target for target in curves if target != "prediction"]
    for axes, target in zip(figure.subplots(1, len(targets), sharey=True), targets, strict=True):
        for (name, values), style in zip(curves[target].items(), LOSS_STYLES, strict=True):
            axes.plot(curves["prediction"], values, label=PIXEL_LOSSES[name], **style)
        axes.set(title=f"target {target:g}", xlabel="prediction of the pixel", ylim=(-0.05, 3))
        axes.grid(alpha=0.25)
        if target == targets[0]:
            axes.set_ylabel("loss of one pixel,\nabove its minimum")
            axes.legend()


def _errors(figure, errors):
    for axes, measure in zip(figure.subplots(1, len(MEASURES), sharey=True), MEASURES, strict=True):
        values = [error[measure] for error in errors.values()]
        colours = [style["color"] for style in LOSS_STYLES[: len(errors)]]
        bars = axes.barh(list(errors), values, color=colours)
        best = min(values)
        notes = [f"{v:.4g}" + (f" (+{v / best - 1:.1%})" if v > best else "") for v in values]
        axes.bar_label(bars, notes, padding=4)
        axes.set(xlabel=MEASURES[measure], xlim=(0, 1.8 * max(values)))
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path):
    """Write a figure as PNG (or what the ending of `path` says), whole or not at all."""
    with whole_file(path) as temporary:
        figure.savefig(temporary)


def _half_width(largest: float) -> float:
    """A limit for axes around 0 that changes seldom, so that the frames of a film keep their scale.

    The bulk of N(0, I) if the codes are of that size, else the next number of one digit.
    """
    if 1 < largest <= 4:
        return 4
    unit = 10.0 ** math.floor(math.log10(max(largest, 1e-9)))
    return math.ceil(largest / unit) * unit


def _figure(width, height):
    figure = Picture(width, height)
    return figure, figure.subplots()


def _scatter(axes, codes, labels=None, class_names=(), size=2.5):
    """Codes [n, 2] coloured by label, in limits that hold N(0, I): so that a collapse is seen."""
    for position, one in enumerate([None] if labels is None else np.unique(labels)):
        points = codes if one is None else codes[labels == one]
        style = dict(color=PALETTE[position % len(PALETTE)], markersize=size, alpha=0.6)
        name = "" if one is None else _class_name(one, class_names)
        axes.plot(*points.T, "o", label=name, markeredgewidth=0, **style)
    side = max(4, math.ceil(np.abs(codes).max()))
    axes.set(xlim=(-side, side), ylim=(-side, side), aspect="equal")
    axes.grid(alpha=0.25)


def _name_classes(axes, codes, labels, class_names, size=11):
    """Write the name of each class at its centre, unless there are so many that they hide it."""
    classes = np.unique(labels)
    for position, one in enumerate(classes if len(classes) <= 20 else ()):
        text = axes.text(*np.median(codes[labels == one], axis=0), _class_name(one, class_names))
        text.set(color=PALETTE[position % len(PALETTE)], weight="bold", size=size)
        text.set(path_effects=[withStroke(linewidth=3, foreground="white")])
        text.set(ha="center", va="center")


def _class_name(label, class_names) -> str:
    return class_names[label] if class_names else str(label)


def _square_around(codes):
    """Limits of both axes, equally wide, that hold `codes` [n, 2]."""
    low, high = np.min(codes, axis=0), np.max(codes, axis=0)
    centre, half = (low + high) / 2, 0.54 * (high - low).max()
    return dict(zip(("xlim", "ylim"), np.stack([centre - half, centre + half], axis=1)))


def _ellipse(points):
    """Two standard deviations around the mean of `points` [n, 2]: x and y of a closed curve."""
    angle = np.linspace(0, 2 * math.pi, 100)
    scale = np.linalg.cholesky(np.cov(points, rowvar=False))
    return np.mean(points, axis=0)[:, None] + 2 * scale @ np.stack([np.cos(angle), np.sin(angle)])


def _tiled(images, columns, line=1.0):
    """One picture of all images, lines of brightness `line` between: [height, width, channels]."""
    images = np.clip(np.asarray(images, np.float32), 0, 1)
    if images.shape[-1] not in (1, 3, 4):  # no colours: their mean
        images = images.mean(axis=-1, keepdims=True)
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
    _show(axes, picture, title)
    return figure, axes


def _show(axes, picture, title):
    height, width = picture.shape[:2]
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0))
    axes.set_title(title)
    axes.spines[:].set_visible(False)


def _tiled_rows(rows: dict):
    """One picture of rows of images: {name: [n, height, width, channels]}."""
    images = np.concatenate([np.asarray(row) for row in rows.values()])
    return _tiled(images, len(images) // len(rows))


def _name_rows(axes, rows: dict):
    """The name of each row of images in front of it."""
    height = len(next(iter(rows.values()))[0]) + 1
    axes.set_yticks([(row + 0.5) * height for row in range(len(rows))], rows)
    axes.tick_params(left=False, bottom=False, labelbottom=False)
