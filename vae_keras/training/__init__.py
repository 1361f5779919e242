"""train(config): the run folder, the fit with its callbacks, checkpoints, results."""

from vae_keras.startup import attributes_of

# what needs TensorFlow is imported when there is something to train
__getattr__ = attributes_of(__name__, {"run": ("Run", "train"), "fitting": ("trained",)})
