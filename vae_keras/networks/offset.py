"""A layer that adds a constant to a decoder's output."""

import keras
from keras import layers


@keras.saving.register_keras_serializable("vae_keras")
class Offset(layers.Layer):
    """Adds a constant to the decoder's output: the parameters of the mean example.

    Without it the decoder has to learn the mean example first, and meanwhile learns to do without
    its code.
    """

    def build(self, input_shape):
        shape = input_shape[1:]
        self.offset = self.add_weight(
            name="offset", shape=shape, trainable=False, initializer="zeros"
        )

    def call(self, parameters):
        return parameters + self.offset
