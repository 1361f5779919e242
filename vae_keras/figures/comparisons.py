"""Figures that compare models, for the studies."""

import itertools

import numpy as np

from vae_keras.figures.base import PALETTE, Picture
from vae_keras.figures.images import name_rows, show_picture, tiled_rows


def leakage(matrices: dict, names):
    """Draw for each model how often an edit of one attribute is seen to change each attribute.

    `matrices` is {model: shares of faces [edited, seen to change]}; `names` are those of the
    attributes.
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
    """Draw a classifier's confidence on the way from face to face, and one way of each kind.

    `confidence` is {kind: [steps]} from 0 to 1, and `rows` {kind: [steps, height, width,
    channels]}.
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
    show_picture(axes, tiled_rows(rows), "")
    name_rows(axes, rows)
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


def loss_comparison(curves: dict, errors: dict, rows: dict):
    """Draw what each loss of a pixel is, how models trained on each score, and what they rebuild.

    `curves` is {"prediction": [n], target: {loss: [n]}}, `errors` is {model: {measure: number}}
    with the MEASURES, and `rows` is {name: images [n, height, width, channels]}.
    """
    figure = Picture(10, 9.5)
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(3, 2.2, 4.3))
    _pixel_losses(top, curves)
    _errors(middle, errors)
    axes = bottom.subplots()
    show_picture(axes, tiled_rows(rows), "test images and their reconstructions")
    name_rows(axes, rows)
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
