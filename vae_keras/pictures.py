"""The pictures at the end of a run."""

from pathlib import Path

import numpy as np
from PIL import Image

from vae_keras import plotting
from vae_keras.latent import encode, prior_grid

MOST_FRAMES = 60


def draw_results(model, dataset, history: dict, folder: Path):
    """Samples, reconstructions, manifold, loss curves and the GIF of the latent plots."""
    images, _ = dataset.test.take(slice(10)).arrays()
    rebuilt = np.asarray(model(images))
    samples = np.asarray(model.decode(model.sample_prior(64, (model.seed, 0))))
    variances = encode(model, dataset.validation, 3_000).var(axis=0)
    most_used = np.sort(np.argsort(-variances, kind="stable")[:2])
    codes, values = prior_grid(model.latent_dim, dimensions=most_used)
    up = values if model.latent_dim > 1 else values[:1]
    names = [f"z{n + 1} (quantiles of the prior)" for n in most_used]
    grid = np.asarray(model.decode(codes))
    figures = {
        "samples": plotting.image_grid(samples, title="decoded samples of the prior"),
        "reconstructions": plotting.reconstructions(images, rebuilt, "test images"),
        "manifold": plotting.manifold(grid, (values, up), (*names, ""), "decoded grid"),
        "loss_curves": plotting.loss_curves(history),
    }
    for name, figure in figures.items():
        plotting.save(figure, folder / f"{name}.png")
    latent_gif(folder)


def latent_gif(folder: Path):
    """Join latent_0001.png … to latent.gif, the last frame shown longer."""
    files = sorted(folder.glob("latent_[0-9]*.png"))
    chosen = np.unique(np.linspace(0, len(files) - 1, MOST_FRAMES).round().astype(int))
    frames = [Image.open(files[i]).convert("P", palette=Image.Palette.ADAPTIVE) for i in chosen]
    durations = [max(80, 4_000 // len(frames))] * (len(frames) - 1) + [2_000]  # milliseconds
    frames[0].save(
        folder / "latent.gif", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )
