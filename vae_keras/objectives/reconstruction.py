"""What a decoder's output is compared with its target by."""

import math

import keras
from keras import ops

from vae_keras.errors import UserError


def sum_over_features(values, mask=None):
    """Sum everything but the first axis, where the `mask` is 1: [batch, ...] -> [batch]."""
    if mask is not None:
        values = values * mask
    return ops.sum(ops.reshape(values, (ops.shape(values)[0], -1)), axis=-1)


class Reconstruction(keras.layers.Layer):
    """Everything about a decoder's output: its range, its parameters, its loss, its picture.

    `parameters` is the decoder's output [batch, height, width, channels × parameters_per_channel],
    `x` is [batch, height, width, channels] within `data_range`.
    """

    data_range = (-math.inf, math.inf)
    parameters_per_channel = 1
    unit = ""  # of the loss

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")  # sums over thousands of pixels need it
        super().__init__(**kwargs)

    def loss(self, x, parameters, mask=None):
        """The reconstruction loss of each example: [batch].

        With a `mask` [height, width, 1] of ones and zeros, only the values at its ones count.
        """
        raise NotImplementedError

    def initial(self, mean):
        """The parameters with which a decoder best starts: those of `mean` [..., channels]."""
        return mean

    def fit(self, x, parameters, mask=None):
        """Fit what is not learned by gradients to a training batch, before its loss is taken."""

    def mean(self, parameters):
        """The reconstruction itself: [batch, height, width, channels]."""
        return parameters

    def call(self, parameters):
        return self.mean(parameters)

    def check(self, low: float, high: float):
        """Refuse data whose smallest and largest value lie outside `data_range`."""
        if low < self.data_range[0] or high > self.data_range[1]:
            raise UserError(
                f"{self.name} needs data in {list(self.data_range)}, but these lie in "
                f"[{low:g}, {high:g}]: rescale them"
            )


@keras.saving.register_keras_serializable("vae_keras")
class SquaredError(Reconstruction):
    """Σ (x − x̂)² over pixels and channels; the output is unbounded.

    It is −log N(x; x̂, ½I) up to a constant: a Gaussian of variance ½, not 1.
    """

    unit = "squared error"

    def loss(self, x, parameters, mask=None):
        return sum_over_features(ops.square(x - parameters), mask)


@keras.saving.register_keras_serializable("vae_keras")
class RootMeanSquaredError(Reconstruction):
    """√(mean (x − x̂)²) over pixels and channels of each example; the output is unbounded."""

    unit = "RMSE"

    def loss(self, x, parameters, mask=None):
        squared = sum_over_features(ops.square(x - parameters), mask)
        count = sum_over_features(ops.ones_like(x[:1]), mask)
        # The root has no gradient at 0, where a perfect reconstruction would be.
        return ops.sqrt(squared / count + 1e-12)
