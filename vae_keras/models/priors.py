"""The prior of a model that states none: a Gaussian, fitted to the training codes."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("vae_keras")
class FittedGaussian(keras.layers.Layer):
    """N(mean, covariance) of the training codes, for a model whose loss states no prior.

    `mean` [latent_dim] and `scale` [latent_dim, latent_dim], the Cholesky factor of the covariance,
    are weights, so that they are saved with the model. Before `fit` it is N(0, I).
    """

    def __init__(self, latent_dim, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        frozen = dict(trainable=False)
        self.mean = self.add_weight(name="mean", shape=(latent_dim,), initializer="zeros", **frozen)
        square = (latent_dim, latent_dim)
        self.scale = self.add_weight(name="scale", shape=square, initializer="identity", **frozen)
        self.build((None, latent_dim))

    def compute_output_shape(self, input_shape):
        return input_shape

    def sample(self, count, seed):
        """Draw `count` codes, the same for the same `seed` (int32 [2]): [count, latent_dim]."""
        return self.drawn(tf.random.stateless_normal((count, self.latent_dim), seed))

    def drawn(self, standard):
        """Turn draws of N(0, I) into draws of this prior: [count, latent_dim]."""
        return self.mean + standard @ ops.transpose(self.scale)

    def fit(self, codes):
        """Set mean and covariance to those of the training codes.

        `codes` is a function that returns the codes [n, latent_dim], so that a prior without
        parameters need not compute them.
        """
        codes = codes()
        self.mean.assign(codes.mean(axis=0))
        covariance = np.atleast_2d(np.cov(codes.astype(np.float64), rowvar=False))
        # Units that never vary make the covariance singular.
        jitter = 1e-6 * max(np.trace(covariance) / self.latent_dim, 1e-6)
        self.scale.assign(np.linalg.cholesky(covariance + jitter * np.eye(self.latent_dim)))

    def distance(self, codes):
        """The Mahalanobis distance of codes [n, latent_dim] to this Gaussian: [n]."""
        away = ops.transpose(codes - self.mean)
        return ops.norm(ops.solve_triangular(self.scale, away, lower=True), axis=0)

    def from_standard(self, codes):
        """Map codes of N(0, I) to this prior's mean and standard deviations: [..., latent_dim].

        Each dimension is scaled by itself; correlations are left out.
        """
        return self.mean + codes * ops.norm(self.scale, axis=1)
