"""Rows of a table: their columns, and rows as curves."""

import math

import numpy as np

from vae_keras.figures.base import PALETTE, Picture, legend_name, single_panel

MOST_PANELS = 12  # columns in one picture
MOST_NAMED = 50  # columns that have a bar with a name each
ACROSS = 4  # panels side by side
STYLES = ((PALETTE[0], "-"), (PALETTE[4], "--"), (PALETTE[2], "-."))


def column_scatters(values, rebuilt, names, labels=None, class_names=(), title=""):
    """Draw values [n, columns] against their reconstructions, in a panel for each column.

    Both are in the units of the data; on the line they are equal. Labels [n] give the colours. Of
    many columns, MOST_PANELS are drawn, at equal distances.
    """
    values, rebuilt = np.asarray(values), np.asarray(rebuilt)
    figure, panels = _panels(names, title)
    groups = [None] if labels is None else np.unique(labels)
    for column, axes in panels:
        for position, one in enumerate(groups):
            rows = slice(None) if one is None else labels == one
            name = None if one is None else legend_name(class_names[one])
            colour = PALETTE[position % len(PALETTE)]
            points = dict(color=colour, markersize=4, alpha=0.6, markeredgewidth=0, label=name)
            axes.plot(values[rows, column], rebuilt[rows, column], "o", **points)
        both = np.concatenate([values[:, column], rebuilt[:, column]])
        axes.plot([both.min(), both.max()], [both.min(), both.max()], color="grey", linewidth=0.8)
    figure.supxlabel("value in the table", size="medium")
    figure.supylabel("reconstruction", size="medium")
    if labels is not None and len(groups) <= len(PALETTE):
        _legend_beside(figure, panels)
    return figure


def column_histograms(rows: dict, names, title=""):
    """Draw how each column is distributed in rows {name: [n, columns]}, in the units of the data.

    Of many columns, MOST_PANELS are drawn, at equal distances.
    """
    rows = {name: np.asarray(values) for name, values in rows.items()}
    figure, panels = _panels(names, title)
    for column, axes in panels:
        bins = np.histogram_bin_edges(np.concatenate([v[:, column] for v in rows.values()]), 20)
        for (name, values), (colour, style) in zip(rows.items(), STYLES):
            line = dict(color=colour, linestyle=style, linewidth=1.5, label=name)
            axes.hist(values[:, column], bins, density=True, histtype="step", **line)
        axes.set_yticks([])
    _legend_beside(figure, panels)
    return figure


def column_errors(errors: dict[str, float], title=""):
    """Draw the error of each column, in its standard deviations; the mean row has about 1."""
    names, values = list(errors), np.array(list(errors.values()))
    if len(names) > MOST_NAMED:
        figure, axes = single_panel(7, 3.6)
        axes.plot(np.arange(1, len(names) + 1), values, color=PALETTE[0])
        axes.axhline(1, color="grey", linewidth=0.8, linestyle="--")
        axes.set(xlabel="column", ylabel="error (standard deviations)", title=title)
        axes.set_ylim(bottom=0)
        return figure
    order = np.argsort(values)
    figure, axes = single_panel(7, 1.4 + 0.24 * len(names))
    bars = axes.barh([_short(names[k]) for k in order], values[order], color=PALETTE[0])
    axes.bar_label(bars, [f"{values[k]:.2f}" for k in order], padding=3, size="small")
    axes.axvline(1, color="grey", linewidth=0.8, linestyle="--")
    axes.set(xlabel="error (standard deviations of the column)", title=title)
    axes.set_xlim(0, 1.12 * max(1, values.max()))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def curves(rows: dict, title=""):
    """Draw rows as curves over their columns: {name: [n, columns]}, in a panel for each of n."""
    count = len(next(iter(rows.values())))
    figure = Picture(10, 0.9 + 1.7 * math.ceil(count / ACROSS))
    panels = figure.subplots(math.ceil(count / ACROSS), ACROSS, squeeze=False, sharex=True)
    for position, axes in enumerate(panels.flat):
        axes.set_axis_off() if position >= count else axes.grid(alpha=0.25)
        for (name, values), (colour, style) in zip(rows.items(), STYLES):
            if position < count:
                axes.plot(values[position], style, color=colour, linewidth=1.2, label=name)
    figure.suptitle(title)
    figure.supxlabel("column", size="medium")
    if len(rows) > 1:
        _legend_beside(figure, [(0, panels[0, 0])])
    return figure


def _panels(names, title):
    """A figure with a panel for each column, or for MOST_PANELS of them: [(column, axes)]."""
    chosen = np.arange(len(names))
    if len(names) > MOST_PANELS:
        chosen = np.linspace(0, len(names) - 1, MOST_PANELS).round().astype(int)
        title = f"{title} ({MOST_PANELS} of {len(names):,} columns)"
    across, down = min(ACROSS, len(chosen)), math.ceil(len(chosen) / ACROSS)
    figure = Picture(1 + 2.3 * across, 1.1 + 2.0 * down)
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(chosen) :]:
        axes.set_axis_off()
    for column, axes in zip(chosen, grid.flat):
        axes.set_title(_short(names[column]), size="medium")
        axes.tick_params(labelsize="small")
        axes.grid(alpha=0.25)
    figure.suptitle(title)
    return figure, list(zip(chosen, grid.flat))


def _short(name: str, most=28) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _legend_beside(figure, panels):
    _, axes = panels[0]
    named = axes.get_legend_handles_labels()
    figure.legend(*named, loc="outside right upper", frameon=False, fontsize="small")
