"""Variational autoencoders in Keras, from the linear autoencoder up: to learn and to use.

Its names are imported when they are used: TensorFlow takes seconds, and the help of the command
line should not wait for it.
"""

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


__getattr__ = startup.attributes_of(__name__, _ROOMS)


def __dir__():
    return sorted(name for names in _ROOMS.values() for name in names)


startup.prepare()
