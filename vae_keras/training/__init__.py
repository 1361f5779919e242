"""train(config): the run folder, the fit with its callbacks, checkpoints, results."""

import importlib

_FILES = {"Run": "run", "train": "run", "trained": "fitting"}


def __getattr__(name: str):  # what needs TensorFlow is imported when there is something to train
    if name in _FILES:
        return getattr(importlib.import_module(f"vae_keras.training.{_FILES[name]}"), name)
    raise AttributeError(f"module 'vae_keras.training' has no attribute {name!r}")
