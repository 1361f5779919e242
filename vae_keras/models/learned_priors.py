"""Priors that are trained with the model: a mixture, pseudo-inputs and a flow."""

import math

import keras
import tensorflow as tf
from keras import layers, ops

from vae_keras.config.options import flag
from vae_keras.errors import UserError
from vae_keras.models.priors import Prior, drawn_components, log_normal

COUPLINGS, WIDTH = 6, 64  # of a flow: its layers, and the hidden units in each of them
MOST_LOG_SCALE = 2.0  # of a coupling layer: more makes a step of the training too large


class MixtureOfGaussians(Prior):
    """p(z) = Σ_k w_k N(z; μ_k, diag σ_k²); subclasses state the components."""

    def components(self):
        """The Gaussians: log w [components], and mean and log variance [components, latent_dim]."""
        raise NotImplementedError

    def log_prob(self, z):
        log_weights, mean, log_var = self.components()
        return ops.logsumexp(log_weights + log_normal(z[..., None, :], mean, log_var), axis=-1)

    def sample(self, count, seed):
        log_weights, mean, log_var = self.components()
        chosen, epsilon = drawn_components(log_weights, count, self.latent_dim, seed)
        deviation = ops.exp(0.5 * ops.take(log_var, chosen, axis=0))
        return ops.take(mean, chosen, axis=0) + deviation * epsilon


@keras.saving.register_keras_serializable("vae_keras")
class Mixture(MixtureOfGaussians):
    """A mixture of `size` Gaussians whose weights, means and variances are learned."""

    def __init__(self, latent_dim, size, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.size = size
        self.logits = self.add_weight(name="logits", shape=(size,), initializer="zeros")
        shape = (size, latent_dim)
        # Together, wide Gaussians at draws of N(0, I/2) are about N(0, I), and yet each is another.
        normal = keras.initializers.RandomNormal(stddev=math.sqrt(0.5))
        self.mean = self.add_weight(name="mean", shape=shape, initializer=normal)
        half = keras.initializers.Constant(math.log(0.5))
        self.log_var = self.add_weight(name="log_var", shape=shape, initializer=half)
        self.build((None, latent_dim))

    @classmethod
    def of(cls, model):
        return cls(model.latent_dim, model.options.components, name="prior")

    def components(self):
        return ops.log_softmax(self.logits), self.mean, self.log_var


@keras.saving.register_keras_serializable("vae_keras")
class Vamp(MixtureOfGaussians):
    """The mean of q(z|u) over `size` learned pseudo-inputs u: a variational mixture of posteriors.

    See Tomczak and Welling 2018 (VAE with a VampPrior). `posterior` is a function of pseudo-inputs
    [size, *example_shape] that gives their z_mean and z_log_var, [size, latent_dim] each. The
    pseudo-inputs start as training examples, and later need not be images: no range bounds them.
    """

    def __init__(self, latent_dim, size, example_shape, posterior, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.size, self.posterior = size, posterior
        self.pseudo_inputs = self.add_weight(
            name="pseudo_inputs", shape=(size, *example_shape), initializer="random_uniform"
        )
        self.build((None, latent_dim))

    @classmethod
    def of(cls, model):
        """The prior of a VAE whose encoder exists already.

        Raises UserError if its examples are tokens, which no gradient can change. If the encoder is
        told a label, the classes take turns over the pseudo-inputs.
        """
        if model.vocabulary:
            raise UserError(
                "tokens cannot be learned as pseudo-inputs: take --prior mixture or flow"
            )
        size = model.options.components

        def posterior(inputs):
            label = tf.range(size) % model.classes if model.takes_labels else None
            return model.head_outputs(inputs, model.condition(label))

        return cls(model.latent_dim, size, model.example_shape, posterior, name="prior")

    def start_from(self, examples):
        found = examples(self.size)
        if len(found) < self.size:
            raise UserError(
                f"{self.size:,} pseudo-inputs are more than the {len(found):,} training examples "
                f"that they start from: lower {flag('components')}"
            )
        self.pseudo_inputs.assign(found)

    def components(self):
        mean, log_var = self.posterior(self.pseudo_inputs)
        return ops.full((self.size,), -math.log(self.size)), mean, log_var


@keras.saving.register_keras_serializable("vae_keras")
class Flow(Prior):
    """z = f(u) of u from N(0, I), where f are affine coupling layers.

    See Dinh, Sohl-Dickstein and Bengio 2017 (Density estimation using Real NVP). Each layer scales
    and shifts one half of the dimensions by functions of the other half, and then the halves change
    places. At first f is the identity. Raises UserError for a code of one dimension, which has no
    halves.
    """

    maps_standard = True

    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)
        if latent_dim < 2:
            raise UserError("a flow needs a code of at least 2 dimensions: raise --latent-dim")
        self.kept = latent_dim // 2
        self.couplings = [self._coupling() for _ in range(COUPLINGS)]
        self.build((None, latent_dim))

    def _coupling(self):
        inner = dict(dtype=self.dtype_policy)
        outputs = 2 * (self.latent_dim - self.kept)
        return keras.Sequential(
            [
                keras.Input((self.kept,)),
                layers.Dense(WIDTH, "tanh", **inner),
                layers.Dense(WIDTH, "tanh", **inner),
                layers.Dense(outputs, kernel_initializer="zeros", **inner),
            ]
        )

    def _shift_and_log_scale(self, coupling, kept):
        rows = ops.reshape(kept, (-1, self.kept))
        found = ops.reshape(
            coupling(rows), (*ops.shape(kept)[:-1], 2 * (self.latent_dim - self.kept))
        )
        shift, log_scale = ops.split(found, 2, axis=-1)
        return shift, MOST_LOG_SCALE * ops.tanh(log_scale / MOST_LOG_SCALE)

    def log_prob(self, z):
        log_det = 0.0
        for coupling in self.couplings:
            kept, moved = z[..., : self.kept], z[..., self.kept :]
            shift, log_scale = self._shift_and_log_scale(coupling, kept)
            z = ops.concatenate([(moved - shift) * ops.exp(-log_scale), kept], axis=-1)
            log_det -= ops.sum(log_scale, axis=-1)
        return log_normal(z, 0.0, ops.zeros(self.latent_dim)) + log_det

    def drawn(self, standard):
        z = standard
        for coupling in reversed(self.couplings):
            moved, kept = z[..., : -self.kept], z[..., -self.kept :]
            shift, log_scale = self._shift_and_log_scale(coupling, kept)
            z = ops.concatenate([kept, moved * ops.exp(log_scale) + shift], axis=-1)
        return z
