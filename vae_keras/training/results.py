"""Draws and writes the results at the end of a run."""

from pathlib import Path

import numpy as np

from vae_keras import figures
from vae_keras.evaluation.by_rung import exhibits_of
from vae_keras.evaluation.rebuilt import column_errors
from vae_keras.latent import morphing
from vae_keras.latent.codes import encode
from vae_keras.latent.grids import prior_grid
from vae_keras.objectives.likelihoods import Likelihood

GRID_SIDE = 20
SAMPLES, SEQUENCES = 64, 16  # samples that are drawn; of sequences, those that are written
ROWS, CURVES = 1_000, 8  # rows of a table in pictures by column; those that are drawn as curves


def draw_results(model, dataset, history: dict, folder: Path):
    """Write samples, reconstructions, manifold, loss curves and the film of the latent plots."""
    curves = figures.loss_curves(history, model.reconstruction.unit)
    figures.save(curves, folder / "loss_curves.png")
    write = {"images": write_images, "tokens": write_sequences, "numbers": write_rows}
    write[dataset.kind.family](model, dataset, model.generate(SAMPLES, (model.seed, 0)), folder)
    figures.latent_gif(folder)


def write_images(model, dataset, samples, folder: Path):
    """Write samples, reconstructions, the manifold and other pictures of the rung."""
    drawn = {
        name: figures.image_rows(rows, name.replace("_", " "))
        for name, rows in exhibits_of(model, dataset).items()
    }
    if not model.takes_labels:  # each label has another manifold
        drawn["manifold"] = manifold(model, dataset)
    for name, figure in drawn.items():
        figures.save(figure, folder / f"{name}.png")
    write_kept(dataset.kind, folder, "samples", samples, "decoded samples of the prior")


def write_rows(model, dataset, samples, folder: Path):
    """Write samples and reconstructions of the rows of a table, in the units of the data.

    They are pictures by column and, if the columns only count, as curves; samples are a file, too.
    """
    columns, test = dataset.kind.columns, dataset.test.spread(ROWS)
    x, labels = test.arrays()
    rebuilt = columns.restored(model({"x": x, "label": labels}))
    x, title = columns.restored(x), "test rows and their reconstructions"
    train = columns.restored(dataset.train.spread(ROWS).arrays()[0])
    drawn = {name: columns.restored(rows) for name, rows in many_samples(model).items()}
    pictures = {
        "reconstructions": figures.column_scatters(
            x, rebuilt, columns.names, labels, dataset.class_names, title
        ),
        "column_errors": figures.column_errors(
            column_errors(model, dataset), "reconstructions of the test rows"
        ),
        "samples": figures.column_histograms(
            {"training rows": train, **drawn}, columns.names, "samples of the prior"
        ),
    }
    if columns.are_series:
        shown = np.linspace(0, len(x) - 1, min(CURVES, len(x))).round().astype(int)
        pairs = {"test row": x[shown], "reconstruction": rebuilt[shown]}
        pictures["reconstructed_curves"] = figures.curves(pairs, title)
        few = {name: rows[:CURVES] for name, rows in drawn.items()}
        pictures["sampled_curves"] = figures.curves(few, "samples of the prior")
    for name, figure in pictures.items():
        figures.save(figure, folder / f"{name}.png")
    write_kept(dataset.kind, folder, "samples", samples, "")


def many_samples(model) -> dict[str, np.ndarray]:
    """Rows decoded from samples of the prior, and with the noise of p(x|z) if there is one."""
    z = model.prior.sample(ROWS, (model.seed, 0))
    label = np.arange(ROWS) % model.classes if model.takes_labels else None
    parameters = model.parameters(z, model.condition(label))
    found = {"decoded": model.reconstruction.mean(parameters)}
    if isinstance(model.reconstruction, Likelihood):
        found["with noise of p(x|z)"] = model.reconstruction.sample(parameters, (model.seed, 1))
    return found


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
