"""A network of fully connected layers."""

import math

import keras
from keras import layers

from vae_keras.networks.network import Network


@keras.saving.register_keras_serializable("vae_keras")
class DenseNetwork(Network):
    """Fully connected layers of `units` in the encoder, and in reverse order in the decoder."""

    name = "dense"

    def __init__(self, units=(512, 256, 128), activation="gelu"):
        self.units, self.activation = tuple(units), activation

    def get_config(self):
        return {"units": list(self.units), "activation": self.activation}

    def encoder(self, input_shape) -> keras.Model:
        """[batch, *input_shape] -> features [batch, units[-1]]."""
        return keras.Sequential(
            [keras.Input(input_shape), layers.Flatten(), *self._hidden(self.units)],
            name="encoder_features",
        )

    def decoder(self, code_size: int, output_shape) -> keras.Model:
        """[batch, code_size] -> [batch, *output_shape], unbounded."""
        return keras.Sequential(
            [
                keras.Input((code_size,)),
                *self._hidden(reversed(self.units)),
                layers.Dense(math.prod(output_shape)),
                layers.Reshape(output_shape),
            ],
            name="decoder",
        )

    def _hidden(self, units):
        return [layers.Dense(width, activation=self.activation) for width in units]


@keras.saving.register_keras_serializable("vae_keras")
class LinearNetwork(DenseNetwork):
    """A network without hidden layers: the code is linear in the input, the output in the code."""

    name = "linear"

    def __init__(self):
        super().__init__(units=())

    def get_config(self):
        return {}
