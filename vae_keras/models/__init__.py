"""The models: one class for each rung of the ladder, which states what the rung minimises.

The names and options of the rungs stand in `vae_keras.config.rungs`.
"""

from vae_keras.config.rungs import RUNGS
from vae_keras.models.autoencoder import Autoencoder, Batch
from vae_keras.models.completion import CompletionNetwork, CompletionVAE
from vae_keras.models.vae import VAE, Sampling

MODELS = {name: rung.model() for name, rung in RUNGS.items()}  # so that Keras can load them all

__all__ = [
    "MODELS",
    "VAE",
    "Autoencoder",
    "Batch",
    "CompletionNetwork",
    "CompletionVAE",
    "Sampling",
]
