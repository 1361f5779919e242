"""Likelihoods p(x|z): everything about a decoder's output in one place.

A likelihood says which range the data must have, how many parameters the decoder gives for each
channel, and turns these parameters into log-probabilities, a mean and samples. The parameters are
logits or unbounded means: a probability is never formed to be logged again.
"""

import inspect
import math

import keras
import tensorflow as tf
from keras import ops

from vae_keras.errors import UserError, unknown
from vae_keras.objectives.reconstruction import (
    Reconstruction,
    RootMeanSquaredError,
    SquaredError,
    sum_over_features,
)


class Likelihood(Reconstruction):
    """A distribution over x whose parameters are the decoder's output; its loss is −log p(x|z)."""

    unit = "nats"

    def log_prob(self, x, parameters, mask=None):
        """log p(x|z) of each example, in nats: [batch]; `mask` as in `loss`."""
        raise NotImplementedError

    def sample(self, parameters, seed):
        """A draw from p(x|z), the same for the same `seed` (int32 [2])."""
        raise NotImplementedError

    def loss(self, x, parameters, mask=None):
        return -self.log_prob(x, parameters, mask)


@keras.saving.register_keras_serializable("vae_keras")
class Bernoulli(Likelihood):
    """Independent pixels that are 0 or 1, with the decoder's output as logits.

    On grey values in between it is the usual cross-entropy, a loss but not a likelihood: its
    figures cannot be compared with those of binarised data.
    """

    data_range = (0.0, 1.0)

    def log_prob(self, x, parameters, mask=None):
        # log sigmoid(a) = −softplus(−a), so x·log p + (1 − x)·log(1 − p) = x·a − softplus(a)
        return sum_over_features(x * parameters - ops.softplus(parameters), mask)

    def mean(self, parameters):
        return ops.sigmoid(parameters)

    def sample(self, parameters, seed):
        uniform = tf.random.stateless_uniform(ops.shape(parameters), seed)
        return ops.cast(uniform < ops.sigmoid(parameters), parameters.dtype)


@keras.saving.register_keras_serializable("vae_keras")
class Gaussian(Likelihood):
    """N(x; f(z), σ²I) with one σ for all pixels: a number, or "learned" with the other weights."""

    def __init__(self, sigma="learned", **kwargs):
        super().__init__(**kwargs)
        self.learned = sigma == "learned"
        if not self.learned and not (isinstance(sigma, (int, float)) and 0 < sigma < math.inf):
            raise UserError(f"sigma {sigma!r} must be a positive number or 'learned'")
        self.sigma = sigma
        self.log_sigma = self.add_weight(
            name="log_sigma",
            shape=(),
            initializer=keras.initializers.Constant(-1.0 if self.learned else math.log(sigma)),
            trainable=self.learned,
        )
        self.built = True

    def log_prob(self, x, parameters, mask=None):
        squared = ops.square((x - parameters) * ops.exp(-self.log_sigma))
        negative = 0.5 * (squared + math.log(2 * math.pi)) + self.log_sigma
        return -sum_over_features(negative, mask)

    def mean(self, parameters):
        return parameters

    def sample(self, parameters, seed):
        noise = tf.random.stateless_normal(ops.shape(parameters), seed)
        return parameters + ops.exp(self.log_sigma) * noise

    def get_config(self):
        return {**super().get_config(), "sigma": self.sigma}


LIKELIHOODS = {"bernoulli": Bernoulli, "gaussian": Gaussian}
LOSSES = {"mse": SquaredError, "rmse": RootMeanSquaredError, "bce": Bernoulli}


def likelihood(name: str, **options) -> Likelihood:
    """The likelihood called `name`. Raises UserError if it is unknown or lacks an option."""
    if name not in LIKELIHOODS:
        raise unknown("likelihood", name, LIKELIHOODS)
    for option in options.keys() - inspect.signature(LIKELIHOODS[name]).parameters.keys():
        raise UserError(f"likelihood {name!r} has no {option}: leave --{option} out")
    return LIKELIHOODS[name](name=name, **options)


def loss(name: str) -> Reconstruction:
    """The reconstruction loss called `name`: mse, rmse or bce. Raises UserError if unknown."""
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name](name=name)
