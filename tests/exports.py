"""Models that ship, and what is known of their codes."""

import shutil
from pathlib import Path

import numpy as np

from vae_keras import TrainConfig, load_exported
from vae_keras.export.places import TRAINING

PRETRAINED = Path(__file__).parents[1] / "saved_models" / "pretrained"


def trained_on(path: Path, **config) -> Path:
    """A copy of the digits' model in the folder `path`, as if trained with this configuration."""
    shutil.copytree(PRETRAINED / "digits_vae", path)
    (path / TRAINING).write_text(TrainConfig(**config).to_json())
    return path


def trained_on_photos(folder: Path, photos: Path, monkeypatch):
    """A copy of the digits' model in `folder`, to work in, as if trained on the photos."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(photos.parent / "cache"))
    trained_on(folder / "model", dataset=f"folder:{photos}", image_size="8", network="dense")
    return load_exported("model")


def divergence(exported, images, **label):
    """KL[q(z|x) ‖ N(0, 1)] of each dimension, averaged over images, in nats."""
    heads = exported.call("encode", x=images, **label)
    mean, variance = heads["z_mean"].astype(float), np.exp(heads["z_log_var"].astype(float))
    return np.mean((mean**2 + variance - 1 - np.log(variance)) / 2, axis=0)
