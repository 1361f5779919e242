"""A network of residual blocks on patches of the image, which needs little computing on a CPU."""

import keras
from keras import layers

from vae_keras.networks.network import Network
from vae_keras.networks.scales import grid_and_cropping

LARGE_SIDE = 28  # pixels of the shorter side from which patches have 4×4 pixels, else 2×2
SMALLEST_GRID = 8  # the grid of patches is halved until its shorter side is at most this


@keras.saving.register_keras_serializable("vae_keras")
class ResidualNetwork(Network):
    """A convolution to patches, others that halve their grid to 8×8 or less, and residual blocks.

    Convolutions near the pixels have few channels and many positions, which is slow on a CPU. So
    there is only one, with a stride as wide as its kernel. A convolution to `neck` channels leads
    to the dense layer, which would have most of the weights otherwise. The decoder mirrors the
    encoder, and its output is cropped to the size of the image.
    """

    name = "resnet"

    def __init__(
        self, filters=64, max_filters=128, blocks=1, neck=32, features=256, activation="gelu"
    ):
        self.filters, self.max_filters, self.blocks = filters, max_filters, blocks
        self.neck, self.features, self.activation = neck, features, activation

    def get_config(self):
        names = ("filters", "max_filters", "blocks", "neck", "features", "activation")
        return {name: getattr(self, name) for name in names}

    def encoder(self, input_shape) -> keras.Model:
        """[batch, height, width, channels] -> features [batch, features]."""
        patch, widths = self._scales(input_shape)
        x = inputs = keras.Input(input_shape)
        for scale, width in enumerate(widths):
            kernel, stride = (4, 2) if scale else (patch, patch)
            x = self._convolved(layers.Conv2D, x, width, kernel, stride)
        return self._encoder_to_features(inputs, self._residual(x, widths[-1]))

    def decoder(self, code_size: int, output_shape) -> keras.Model:
        """[batch, code_size] -> [batch, height, width, channels], unbounded."""
        patch, widths = self._scales(output_shape)
        rows, columns, cropped = grid_and_cropping(output_shape, patch * 2 ** (len(widths) - 1))
        inputs = keras.Input((code_size,))
        x = layers.Dense(self.features, activation=self.activation)(inputs)
        x = layers.Dense(rows * columns * self.neck, activation=self.activation)(x)
        x = layers.Reshape((rows, columns, self.neck))(x)
        x = self._convolved(layers.Conv2D, x, widths[-1], 1)
        x = self._residual(x, widths[-1])
        for filters in reversed(widths[:-1]):
            x = self._convolved(layers.Conv2DTranspose, x, filters, 4, 2)
        x = layers.Conv2DTranspose(output_shape[-1], patch, patch)(x)
        return keras.Model(inputs, cropped(x), name="decoder")

    def _encoder_to_features(self, inputs, x) -> keras.Model:
        """The encoder whose convolutions end in `x`: the neck and the dense layer come last."""
        x = layers.Flatten()(self._convolved(layers.Conv2D, x, self.neck, 1))
        x = layers.Dense(self.features, activation=self.activation)(x)
        return keras.Model(inputs, x, name="encoder_features")

    def _convolved(self, layer, x, filters, kernel, stride=1):
        options = dict(strides=stride, padding="same", activation=self.activation)
        return layer(filters, kernel, **options)(x)

    def _residual(self, x, width):
        for _ in range(self.blocks):
            change = self._convolved(layers.Conv2D, x, width, 3)
            x = layers.Add()([x, self._convolved(layers.Conv2D, change, width, 1)])
        return x

    def _scales(self, image_shape) -> tuple[int, list[int]]:
        """The side of a patch, and the filters of each scale: 64×64 -> 4, [64, 128]."""
        side = min(image_shape[:2])
        patch = 4 if side >= LARGE_SIDE else 2
        side, widths = -(-side // patch), [self.filters]
        while side > SMALLEST_GRID:
            side = -(-side // 2)
            widths.append(min(2 * widths[-1], self.max_filters))
        return patch, widths
