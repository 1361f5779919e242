"""A network of residual convolutions whose weights are shared over the image."""

import keras
from keras import layers

from vae_keras.networks.residual import SMALLEST_GRID, ResidualNetwork
from vae_keras.networks.scales import grid_and_cropping, halvings


@keras.saving.register_keras_serializable("vae_keras")
class GridNetwork(ResidualNetwork):
    """Strided convolutions to a coarse grid, 28×28 => 14×14 => 7×7, and residual blocks on the way.

    The code goes to the coarse grid by a single dense layer, and from there on all weights are
    those of convolutions. With so few weights that belong to one place the decoder fits less of
    what is only in the training images, which is what stops a dense network. The filters double
    with each halving, from `filters` to at most `max_filters`. `blocks` are those of the decoder's
    coarse grid; the encoder's has one, and each finer grid of the decoder, too. The grid has `neck`
    channels where a dense layer meets it, and `features` are the units of the encoder's dense
    layer.
    """

    name = "grid"

    def __init__(
        self, filters=32, max_filters=64, blocks=2, neck=16, features=256, activation="gelu"
    ):
        super().__init__(filters, max_filters, blocks, neck, features, activation)

    def encoder(self, input_shape) -> keras.Model:
        """[batch, height, width, channels] -> features [batch, features]."""
        x = inputs = keras.Input(input_shape)
        for width in self._widths(input_shape):
            x = self._convolved(layers.Conv2D, x, width, 4, 2)
        return self._encoder_to_features(inputs, self._block(x))

    def decoder(self, code_size: int, output_shape) -> keras.Model:
        """[batch, code_size] -> [batch, height, width, channels], unbounded."""
        *finer, coarsest = widths = self._widths(output_shape)
        rows, columns, cropped = grid_and_cropping(output_shape, 2 ** len(widths))
        inputs = keras.Input((code_size,))
        x = layers.Dense(rows * columns * self.neck)(inputs)
        x = layers.Reshape((rows, columns, self.neck))(x)
        x = self._convolved(layers.Conv2D, x, coarsest, 1)
        for _ in range(self.blocks):
            x = self._block(x)
        for filters in reversed(finer):
            x = self._block(self._convolved(layers.Conv2DTranspose, x, filters, 4, 2))
        # Of 6×6 weights, so that each pixel sees 3×3 positions of the grid.
        x = layers.Conv2DTranspose(output_shape[-1], 6, 2, padding="same")(x)
        return keras.Model(inputs, cropped(x), name="decoder")

    def _block(self, x):
        width = x.shape[-1]
        change = layers.Conv2D(width, 1)(self._convolved(layers.Conv2D, x, width, 3))
        return layers.Add()([x, change])

    def _widths(self, image_shape) -> list[int]:
        return halvings(image_shape, self.filters, self.max_filters, SMALLEST_GRID)
