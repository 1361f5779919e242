"""Variational autoencoders in Keras, from the linear autoencoder up: to learn and to use."""

from vae_keras import startup  # noqa: F401  (first: it imports TensorFlow quietly)
from vae_keras.config.train_config import TrainConfig
from vae_keras.data import Dataset, Examples, load
from vae_keras.errors import UserError
from vae_keras.evaluation.losses import evaluate
from vae_keras.export.exported_model import load_exported
from vae_keras.models import VAE, Autoencoder
from vae_keras.models.vae import Sampling
from vae_keras.training.train import Run, train

__all__ = [
    "VAE",
    "Autoencoder",
    "Dataset",
    "Examples",
    "Run",
    "Sampling",
    "TrainConfig",
    "UserError",
    "evaluate",
    "load",
    "load_exported",
    "train",
]
