"""Draws and writes the results at the end of a run."""

from pathlib import Path

import numpy as np

from vae_keras import figures
from vae_keras.evaluation.by_rung import exhibits_of
from vae_keras.latent import morphing
from vae_keras.latent.codes import encode
from vae_keras.latent.grids import prior_grid

GRID_SIDE = 20
SAMPLES, SEQUENCES = 64, 16  # samples that are drawn; of sequences, those that are written


def draw_results(model, dataset, history: dict, folder: Path):
    """Write samples, reconstructions, manifold, loss curves and the film of the latent plots."""
    drawn = {"loss_curves": figures.loss_curves(history, model.reconstruction.unit)}
    for name, rows in exhibits_of(model, dataset).items():
        drawn[name] = figures.image_rows(rows, name.replace("_", " "))
    if dataset.kind.is_pictured and not model.takes_labels:  # each label has another manifold
        drawn["manifold"] = manifold(model, dataset)
    for name, figure in drawn.items():
        figures.save(figure, folder / f"{name}.png")
    samples = model.generate(SAMPLES, (model.seed, 0))
    if dataset.kind.is_pictured:
        write_kept(dataset.kind, folder, "samples", samples, "decoded samples of the prior")
    else:
        write_sequences(model, dataset, samples, folder)
    figures.latent_gif(folder)


def write_kept(kind, folder: Path, name: str, examples, title: str):
    """Write examples to `folder` in every format in which a run keeps them."""
    for ending in kind.kept:
        kind.save(examples, folder / f"{name}{ending}", title)


def write_sequences(model, dataset, samples, folder: Path):
    """Write samples, reconstructions, and a path between two test sequences, as files."""
    x, _ = dataset.test.spread(SEQUENCES // 2).arrays()
    pairs = np.stack([x, model(x)], axis=1).reshape(-1, *x.shape[1:])
    shown = {
        "samples": (samples[:SEQUENCES], "samples of the prior"),
        "reconstructions": (pairs, "each test sequence, and its reconstruction"),
    }
    if len(x) > 1:
        way = model.decode(morphing.path(np.asarray(model.encode(x[:2])), SEQUENCES // 2))
        shown["morph"] = way, "from one test sequence to another"
    for name, (tokens, title) in shown.items():
        write_kept(dataset.kind, folder, name, tokens, title)


def manifold(model, dataset):
    """Draw what the decoder makes of a grid over the two dimensions that the codes use most."""
    variances = encode(model, dataset.validation, 3_000).var(axis=0)
    used = np.sort(np.argsort(-variances, kind="stable")[:2])
    standard = prior_grid(model.latent_dim, GRID_SIDE, used)
    grid = np.asarray(model.prior.from_standard(standard))
    across, up = grid[:GRID_SIDE, used[0]], grid[::GRID_SIDE, used[-1]]
    names = [f"z{n + 1} (quantiles of the prior)" for n in used]
    return figures.manifold(model.decode(grid), (across, up), (*names, ""), "decoded grid")
