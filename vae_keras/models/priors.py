"""Where the codes come from that a model without a prior of its own generates from."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("vae_keras")
class FittedGaussian(keras.layers.Layer):
    """N(mean, covariance) of the training codes, for models whose codes nothing keeps in place.

    `mean` [latent_dim] and `scale` [latent_dim, latent_dim], the covariance's Cholesky factor, are
    weights, so that they are saved with the model.
    """

    def __init__(self, latent_dim, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        frozen = dict(trainable=False)
        self.mean = self.add_weight(name="mean", shape=(latent_dim,), initializer="zeros", **frozen)
        square = (latent_dim, latent_dim)
        self.scale = self.add_weight(name="scale", shape=square, initializer="identity", **frozen)
        self.built = True

    def sample(self, count, seed):
        """`count` codes, the same for the same `seed` (int32 [2]): [count, latent_dim]."""
        standard = tf.random.stateless_normal((count, self.latent_dim), seed)
        return self.mean + standard @ ops.transpose(self.scale)

    def fit(self, codes):
        """Take mean and covariance of what the function `codes` gives: [n, latent_dim]."""
        codes = codes()
        self.mean.assign(codes.mean(axis=0))
        covariance = np.atleast_2d(np.cov(codes.astype(np.float64), rowvar=False))
        jitter = 1e-6 * max(np.trace(covariance) / self.latent_dim, 1e-6)  # dead units: rank lost
        self.scale.assign(np.linalg.cholesky(covariance + jitter * np.eye(self.latent_dim)))

    def from_standard(self, codes):
        """Codes in units of each dimension's standard deviation, moved to where the codes lie."""
        return self.mean + codes * ops.norm(self.scale, axis=1)
