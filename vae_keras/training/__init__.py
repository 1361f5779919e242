"""Trains models: the run folder, the fit with its callbacks, checkpoints and results."""

from vae_keras.startup import attributes_of

# What needs TensorFlow is imported only when there is something to train.
__getattr__ = attributes_of(__name__, {"run": ("Run", "train"), "fitting": ("trained",)})
