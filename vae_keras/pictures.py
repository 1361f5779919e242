"""Images to pixels and files: the pictures at the end of a run, and films."""

from pathlib import Path

import numpy as np
from PIL import Image

from vae_keras import morphing, plotting, sequences
from vae_keras.latent import encode, prior_grid

MOST_FRAMES = 60
FRAME_PIXELS = 112  # least height of a frame of a film
FRAME_MILLISECONDS = 90
GRID_SIDE = 20
SAMPLES, SEQUENCES = 64, 16  # that are drawn, and written if they are sequences


def draw_results(model, dataset, history: dict, folder: Path):
    """Samples, reconstructions, manifold, loss curves and the GIF of the latent plots."""
    figures = {"loss_curves": plotting.loss_curves(history, model.reconstruction.unit)}
    samples = model.generate(SAMPLES, (model.seed, 0))
    if model.vocabulary:
        write_sequences(model, dataset, samples[:SEQUENCES], folder)
    else:
        figures["samples"] = plotting.image_grid(samples, title="decoded samples of the prior")
    for name, rows in model.exhibits(dataset).items():
        figures[name] = plotting.image_rows(rows, name.replace("_", " "))
    if not model.takes_labels and not model.vocabulary:  # it would be another one for each label
        figures["manifold"] = manifold(model, dataset)
    for name, figure in figures.items():
        plotting.save(figure, folder / f"{name}.png")
    latent_gif(folder)


def write_sequences(model, dataset, samples, folder: Path):
    """Samples, reconstructions and a way between two test sequences, as files of their kind."""
    x, _ = dataset.test.take(slice(SEQUENCES // 2)).arrays()
    pairs = np.stack([x, model(x)], axis=1).reshape(-1, *x.shape[1:])
    shown = {
        "samples": (samples, "samples of the prior"),
        "reconstructions": (pairs, "each test sequence, and its reconstruction"),
    }
    if len(x) > 1:
        way = model.decode(morphing.path(np.asarray(model.encode(x[:2])), SEQUENCES // 2))
        shown["morph"] = way, "from one test sequence to another"
    for name, (tokens, title) in shown.items():
        for ending in sequences.endings(model.vocabulary):
            sequences.save(tokens, model.vocabulary, folder / f"{name}{ending}", title)


def manifold(model, dataset):
    """What the decoder makes of a grid over the two dimensions that the codes use most."""
    variances = encode(model, dataset.validation, 3_000).var(axis=0)
    used = np.sort(np.argsort(-variances, kind="stable")[:2])
    standard = prior_grid(model.latent_dim, GRID_SIDE, used)
    grid = np.asarray(model.prior.from_standard(standard))
    across, up = grid[:GRID_SIDE, used[0]], grid[::GRID_SIDE, used[-1]]
    names = [f"z{n + 1} (quantiles of the prior)" for n in used]
    return plotting.manifold(model.decode(grid), (across, up), (*names, ""), "decoded grid")


def to_pixels(images) -> np.ndarray:
    """Images in [0, 1] -> uint8 of the same shape."""
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)


def to_image(pixels) -> Image.Image:
    """Pixels uint8 [height, width, channels] as a Pillow image."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def film(frames, target):
    """Write a GIF that goes through pixels [n, height, width, channels] and back, for ever.

    `target` is a path or an open file.
    """
    there_and_back = np.concatenate([frames, frames[-2:0:-1]])
    images = [to_image(frame) for frame in enlarged(there_and_back)]
    options = dict(format="GIF", save_all=True, loop=0, duration=FRAME_MILLISECONDS)
    images[0].save(target, append_images=images[1:], **options)


def enlarged(images) -> np.ndarray:
    """Images [n, height, width, channels] with every pixel repeated, if they are small."""
    times = -(-FRAME_PIXELS // images.shape[1])
    return images.repeat(times, axis=1).repeat(times, axis=2)


def latent_gif(folder: Path):
    """Join latent_0001.png … to latent.gif, the last frame shown longer."""
    files = sorted(folder.glob("latent_[0-9]*.png"))
    chosen = np.unique(np.linspace(0, len(files) - 1, MOST_FRAMES).round().astype(int))
    frames = [Image.open(files[i]).convert("P", palette=Image.Palette.ADAPTIVE) for i in chosen]
    durations = [max(80, 4_000 // len(frames))] * (len(frames) - 1) + [2_000]  # milliseconds
    frames[0].save(
        folder / "latent.gif", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )
