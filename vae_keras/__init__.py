"""Variational autoencoders in Keras, from the linear autoencoder up: to learn and to use.

What stands here is imported when it is asked for: TensorFlow takes seconds, and a question about
the command line should not wait for it.
"""

import importlib
from typing import TYPE_CHECKING

from vae_keras import startup

if TYPE_CHECKING:
    from vae_keras.config import TrainConfig as TrainConfig
    from vae_keras.data import Dataset as Dataset
    from vae_keras.data import Examples as Examples
    from vae_keras.data import load as load
    from vae_keras.errors import UserError as UserError
    from vae_keras.evaluation import evaluate as evaluate
    from vae_keras.export import load_exported as load_exported
    from vae_keras.models import VAE as VAE
    from vae_keras.models import Autoencoder as Autoencoder
    from vae_keras.models.vae import Sampling as Sampling
    from vae_keras.training import Run as Run
    from vae_keras.training import train as train
    from vae_keras.training import trained as trained

_ROOMS = {
    "config": ("TrainConfig",),
    "data": ("Dataset", "Examples", "load"),
    "errors": ("UserError",),
    "evaluation": ("evaluate",),
    "export": ("load_exported",),
    "models": ("VAE", "Autoencoder", "Sampling"),
    "training": ("Run", "train", "trained"),
}


def __getattr__(name: str):
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(importlib.import_module(f"vae_keras.{room}"), name)
    raise AttributeError(f"module 'vae_keras' has no attribute {name!r}")


def __dir__():
    return sorted(name for names in _ROOMS.values() for name in names)


startup.prepare()
