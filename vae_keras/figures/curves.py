"""Curves of losses and of estimates."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from vae_keras.figures.base import PALETTE, Picture, single_panel


def loss_curves(history: dict, unit="nats per example"):
    """Draw training and validation curves of the loss and of each of its terms.

    `history` has a list for each column of history.csv; `unit` is that of the losses.
    """
    names = [name for name in history if f"val_{name}" in history]
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
    """Draw estimates of −log p(x) by the number of samples, and the KL of each dimension.

    `convergence` are the rows of `vae_keras.evaluation.convergence`. `kl_per_dimension` is
    [latent_dim] in nats.
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
    """Draw distortion by rate for several β: `rows` have beta, rate and distortion, in nats."""
    figure, axes = single_panel(6.4, 4.4)
    rate, distortion = (np.array([row[name] for row in rows]) for name in ("rate", "distortion"))
    axes.plot(rate, distortion, "o-", color=PALETTE[0])
    for row, x, y in zip(rows, rate, distortion, strict=True):
        axes.annotate(f"β = {row['beta']:g}", (x, y), (6, 5), textcoords="offset points")
    best = (rate + distortion).min()
    ends = np.array([max(0, best - distortion.max()), min(rate.max(), best - distortion.min())])
    line = dict(color=PALETTE[4], label=f"rate + distortion = {best:.1f}, the best −ELBO of them")
    axes.plot(ends, best - ends, "--", **line)
    axes.margins(0.17, 0.12)  # room for the names
    axes.set(xlabel="rate: KL (nats per example)", ylabel="distortion: reconstruction (nats)")
    axes.set_title(title)
    axes.grid(alpha=0.25)
    axes.legend()
    return figure
