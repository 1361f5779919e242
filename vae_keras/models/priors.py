"""Priors p(z): what every one can do, and the one of a model that states none."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

MOMENT_DRAWS = 10_000  # from which the moments of a prior are estimated


def log_normal(z, mean, log_var):
    """log N(z; mean, exp(log_var)) of codes [..., latent_dim], in nats: [...]."""
    distance = ops.square(z - mean) * ops.exp(-log_var)
    return -0.5 * ops.sum(distance + log_var + math.log(2 * math.pi), axis=-1)


def drawn_components(log_weights, count, latent_dim: int, seed):
    """The component of each of `count` draws of a mixture, int [count], and noise for them.

    The noise is standard normal, [count, latent_dim]; `seed` is int32 [2].
    """
    chosen = tf.random.stateless_categorical(log_weights[None], count, seed)[0]
    other = tf.random.experimental.stateless_fold_in(tf.convert_to_tensor(seed), 1)
    return chosen, tf.random.stateless_normal((count, latent_dim), other)


class Prior(layers.Layer):
    """A prior p(z) of codes with `latent_dim` dimensions.

    A kind of prior is a subclass that states `sample` and `log_prob`. All else follows from these,
    unless it has a closed form.
    """

    maps_standard = False  # True if `drawn` turns draws of N(0, I) into draws of this prior

    def __init__(self, latent_dim, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.latent_dim = latent_dim

    @classmethod
    def of(cls, model) -> "Prior":
        """The prior of an autoencoder that is being made: its encoder and options are there."""
        return cls(model.latent_dim, name="prior")

    def compute_output_shape(self, input_shape):
        return input_shape

    def sample(self, count, seed):
        """Draw `count` codes, the same for the same `seed` (int32 [2]): [count, latent_dim]."""
        return self.drawn(tf.random.stateless_normal((count, self.latent_dim), seed))

    def drawn(self, standard):
        """Turn draws of N(0, I), [count, latent_dim], into draws of this prior."""
        raise NotImplementedError

    def log_prob(self, z):
        """log p(z) of codes [..., latent_dim], in nats: [...]."""
        raise NotImplementedError

    def kl(self, posterior, z):
        """KL[q(z|x) ‖ p(z)] of each example, in nats: [...]; unbiased in the mean over draws `z`.

        `posterior` is (z_mean, z_log_var); these and `z` are [..., latent_dim].
        """
        return ops.sum(self.kl_terms(posterior, z), axis=-1)

    def kl_terms(self, posterior, z):
        """The terms of which `kl` is the sum: [..., 1]; in closed form, one for each dimension."""
        return (log_normal(z, *posterior) - self.log_prob(z))[..., None]

    def kl_per_dimension(self, posterior):
        """How far the posterior is from the prior in each dimension, in nats: [..., latent_dim].

        It is KL[q(z_i|x) ‖ N(m_i, s_i²)], where m and s are the `moments` of the prior. The sum is
        not `kl` unless the prior is such a Gaussian.
        """
        mean, deviation = self.moments()
        (z_mean, z_log_var), log_var = posterior, 2 * ops.log(deviation)
        variance = ops.exp(z_log_var - log_var) + ops.square((z_mean - mean) / deviation)
        return 0.5 * (variance - z_log_var + log_var - 1.0)

    def moments(self):
        """Mean and standard deviation of each dimension: [latent_dim] each."""
        z = self.sample(MOMENT_DRAWS, (0, 0))
        return ops.mean(z, axis=0), ops.std(z, axis=0)

    def from_standard(self, codes):
        """Map codes of N(0, I) to this prior's mean and standard deviations: [..., latent_dim].

        Each dimension is scaled by itself; how they depend on each other is left out.
        """
        mean, deviation = self.moments()
        return mean + codes * deviation

    def start_from(self, examples):
        """Set what depends on the training data before the first step; most have nothing to set.

        `examples` is a function of a count that returns so many training examples, or all there are
        if these are fewer.
        """

    def fit(self, codes):
        """Fit the prior to the codes after the training, if it is not part of what is trained.

        `codes` is a function that returns the codes of the training examples [n, latent_dim], so
        that a prior which is not fitted need not compute them.
        """


@keras.saving.register_keras_serializable("vae_keras")
class FittedGaussian(Prior):
    """N(mean, covariance) of the training codes, for a model whose loss states no prior.

    `mean` [latent_dim] and `scale` [latent_dim, latent_dim], the Cholesky factor of the covariance,
    are weights, so that they are saved with the model. Before `fit` it is N(0, I).
    """

    maps_standard = True

    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)
        frozen = dict(trainable=False)
        self.mean = self.add_weight(name="mean", shape=(latent_dim,), initializer="zeros", **frozen)
        square = (latent_dim, latent_dim)
        self.scale = self.add_weight(name="scale", shape=square, initializer="identity", **frozen)
        self.build((None, latent_dim))

    def drawn(self, standard):
        return self.mean + standard @ ops.transpose(self.scale)

    def moments(self):
        return ops.convert_to_tensor(self.mean), ops.norm(self.scale, axis=1)

    def fit(self, codes):
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


class FittedMixture(Prior):
    """A mixture of Gaussians with full covariances, fitted to codes by scikit-learn.

    It replaces the prior of a trained model, whose codes need not lie where that prior says.
    """

    def __init__(self, mixture, **kwargs):
        """`mixture` is a fitted sklearn.mixture.GaussianMixture of covariance type "full"."""
        super().__init__(mixture.means_.shape[1], **kwargs)
        scales = np.linalg.cholesky(mixture.covariances_)
        values = {"log_weights": np.log(mixture.weights_), "mean": mixture.means_, "scale": scales}
        for name, value in values.items():
            initializer = keras.initializers.Constant(value)
            weight = self.add_weight(name=name, shape=value.shape, initializer=initializer)
            setattr(self, name, weight)
        self.built = True

    def sample(self, count, seed):
        chosen, epsilon = drawn_components(self.log_weights, count, self.latent_dim, seed)
        scaled = ops.einsum("nij,nj->ni", ops.take(self.scale, chosen, axis=0), epsilon)
        return ops.take(self.mean, chosen, axis=0) + scaled

    def log_prob(self, z):
        rows = ops.reshape(z, (-1, self.latent_dim))
        away = ops.transpose(rows - self.mean[:, None], (0, 2, 1))  # [components, latent_dim, n]
        standard = ops.solve_triangular(self.scale, away, lower=True)
        log_scale = ops.sum(ops.log(ops.diagonal(self.scale, axis1=1, axis2=2)), axis=-1)
        distance = ops.sum(ops.square(standard) + math.log(2 * math.pi), axis=1)
        each = (self.log_weights - log_scale)[:, None] - 0.5 * distance
        return ops.reshape(ops.logsumexp(each, axis=0), ops.shape(z)[:-1])
