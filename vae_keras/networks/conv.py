"""A network of convolutions: strided ones in the encoder, transposed ones in the decoder."""

import keras
from keras import layers

from vae_keras.networks.network import Network
from vae_keras.networks.scales import grid_and_cropping, halvings

SMALLEST_GRID = 7  # the image is halved until its shorter side is at most this


@keras.saving.register_keras_serializable("vae_keras")
class ConvNetwork(Network):
    """Strided convolutions that halve the image until its shorter side is at most 7 pixels.

    Each halving doubles the filters, from `filters` to at most `max_filters`. For sides above 32
    pixels they start at half of `filters`, because filters cost most on large images. Transposed
    convolutions of the decoder double the image again (output = input × stride). It is then cropped
    to its size, so any height, width and number of channels fits. `features` are the units of the
    dense layers between convolutions and code.
    """

    name = "conv"

    def __init__(self, filters=32, max_filters=128, features=128, activation="gelu"):
        self.filters, self.max_filters = filters, max_filters
        self.features, self.activation = features, activation

    def get_config(self):
        return {
            "filters": self.filters,
            "max_filters": self.max_filters,
            "features": self.features,
            "activation": self.activation,
        }

    def encoder(self, input_shape) -> keras.Model:
        """[batch, height, width, channels] -> features [batch, features]."""
        return keras.Sequential(
            [
                keras.Input(input_shape),
                *(self._conv(layers.Conv2D, width) for width in self._widths(input_shape)),
                layers.Flatten(),
                layers.Dense(self.features, activation=self.activation),
            ],
            name="encoder_features",
        )

    def decoder(self, code_size: int, output_shape) -> keras.Model:
        """[batch, code_size] -> [batch, height, width, channels], unbounded."""
        widths = self._widths(output_shape)
        rows, columns, cropped = grid_and_cropping(output_shape, 2 ** len(widths))
        return keras.Sequential(
            [
                keras.Input((code_size,)),
                layers.Dense(self.features, activation=self.activation),
                layers.Dense(rows * columns * widths[-1], activation=self.activation),
                layers.Reshape((rows, columns, widths[-1])),
                *(self._conv(layers.Conv2DTranspose, width) for width in reversed(widths)),
                layers.Conv2D(output_shape[-1], 3, padding="same"),
                cropped,
            ],
            name="decoder",
        )

    def _conv(self, layer, filters):
        return layer(filters, 3, strides=2, padding="same", activation=self.activation)

    def _widths(self, image_shape) -> list[int]:
        first = self.filters if min(image_shape[:2]) <= 32 else self.filters // 2
        return halvings(image_shape, first, self.max_filters, SMALLEST_GRID)
