"""A VAE whose code has levels, each drawn given the levels above it."""

import keras
from keras import layers, ops

from vae_keras.config.rungs import LadderOptions
from vae_keras.models.autoencoder import Batch
from vae_keras.models.priors import Prior, log_normal
from vae_keras.models.protocol import Proposal
from vae_keras.models.vae import VAE, kl_per_dimension

WIDTH = 256  # of what a level tells the level below, and of what the encoder tells each
MOST_LOG_VAR = 5.0  # of a level: else one draw in 300,000 of an upper one made the lower infinite


class Descent(Prior):
    """p(z) = p(z_L) p(z_{L−1}|z_L) … p(z_1|z_2 … z_L): a Gaussian for each level, from the top.

    A code is the levels one after another, the top one first: `sizes` are their dimensions. The top
    level is N(0, I). Mean and variance of the others come from all codes above, by a hidden layer.
    """

    maps_standard = True

    def __init__(self, sizes, **kwargs):
        super().__init__(sum(sizes), **kwargs)
        self.sizes = tuple(sizes)
        inner = dict(dtype=self.dtype_policy)
        self.of_codes = [layers.Dense(WIDTH, "gelu", **inner) for _ in sizes[1:]]
        # At zero, each level starts as N(0, I), whatever is above it.
        self.heads = [layers.Dense(2 * n, kernel_initializer="zeros", **inner) for n in sizes[1:]]
        for level, (hidden, heads) in enumerate(zip(self.of_codes, self.heads), 1):
            hidden.build((None, sum(sizes[:level])))
            heads.build((None, WIDTH))
        self.build((None, self.latent_dim))

    @classmethod
    def of(cls, model):
        return cls(model.options.sizes(), name="prior")

    def descend(self, code_of):
        """Go down the levels; `code_of(level, features, mean, log_var)` gives the code of each.

        `mean` and `log_var` are those of p(z_l|z above), [..., size], and `features` is the hidden
        layer that they come from, [..., WIDTH]; it is None at the top. It returns the code, and
        mean and log variance of the prior along it, [..., latent_dim] each.
        """
        codes: list = []
        means, log_vars = [], []
        for level in range(len(self.sizes)):
            features, mean, log_var = None, 0.0, 0.0
            if codes:
                features = self.of_codes[level - 1](ops.concatenate(codes, axis=-1))
                mean, log_var = ops.split(self.heads[level - 1](features), 2, axis=-1)
                log_var = ops.minimum(log_var, MOST_LOG_VAR)
            z = code_of(level, features, mean, log_var)
            codes.append(z)
            means.append(mean + ops.zeros_like(z))
            log_vars.append(log_var + ops.zeros_like(z))
        return tuple(ops.concatenate(parts, axis=-1) for parts in (codes, means, log_vars))

    def parts(self, z) -> list:
        """A code [..., latent_dim], split into its levels."""
        ends = [sum(self.sizes[:level]) for level in range(1, len(self.sizes))]
        return ops.split(z, ends, axis=-1)

    def along(self, z):
        """Mean and log variance of each level given those above it in `z`: [..., latent_dim]."""
        parts = self.parts(z)
        return self.descend(lambda level, *_: parts[level])[1:]

    def log_prob(self, z):
        return log_normal(z, *self.along(z))

    def drawn(self, standard):
        parts = self.parts(standard)
        return self.descend(lambda n, _, mean, log_var: mean + ops.exp(0.5 * log_var) * parts[n])[0]

    def kl_terms(self, posterior, z):
        """KL of each dimension given the levels above it at `z`, in closed form: [..., latent_dim].

        In the mean over draws of the upper levels the sum is the KL of the whole code.
        """
        mean, log_var = self.along(z)
        z_mean, z_log_var = posterior
        return kl_per_dimension((z_mean - mean) * ops.exp(-0.5 * log_var), z_log_var - log_var)

    def kl_per_dimension(self, posterior):
        """`kl_terms` along the means of the posterior."""
        return self.kl_terms(posterior, posterior[0])


@keras.saving.register_keras_serializable("vae_keras")
class LadderVAE(VAE):
    """A VAE with `levels` of codes and inference from the top: minimises the bound of a VAE.

    The encoder goes up from x, without noise. Then posterior and prior go down together: q(z_l|x, z
    above) is p(z_l|z above), moved and scaled by what the encoder says (Sønderby et al. 2016,
    Ladder variational autoencoders; Vahdat and Kautz 2020, NVAE, whose moves are not in units of
    the standard deviation, as they are here).
    The code is all levels, one after another, the top one first.
    """

    Options = LadderOptions
    options: LadderOptions

    @property
    def levels(self) -> int:  # type: ignore[override]
        """The number of levels of the code."""
        return self.options.levels

    def build_encoder(self, input_shape=None):
        """Make the encoder: x -> what it tells each level, from the top, [batch, WIDTH] each."""
        features = self.network.encoder(input_shape or self.example_shape)
        told = [layers.Dense(WIDTH, dtype="float32")(features.outputs[0])]
        for _ in range(self.options.levels - 1):
            above = layers.Dense(WIDTH, "gelu", dtype="float32")(ops.gelu(told[0]))
            told.insert(0, told[0] + above)
        return keras.Model(features.inputs[0], told, name="encoder")

    def build_prior(self):
        """Make the prior of all levels, and what turns the encoder's words into posteriors."""
        sizes = self.options.sizes()
        self.of_above = [layers.Dense(WIDTH, dtype="float32") for _ in sizes[1:]]
        self.changes = [layers.Dense(2 * size, dtype="float32") for size in sizes]
        for layer in (*self.of_above, *self.changes):
            layer.build((None, WIDTH))
        return Descent.of(self)

    def level_heads(self, told, level: int, features, mean, log_var):
        """z_mean and z_log_var of q(z_l|x, z above): [..., size of the level] each.

        `told` is what the encoder says, [..., WIDTH] for each level; the rest is as in `descend`.
        """
        seen = told[level]
        if features is not None:
            seen = seen + self.of_above[level - 1](features)
        change, log_change = ops.split(self.changes[level](ops.gelu(seen)), 2, axis=-1)
        return mean + ops.exp(0.5 * ops.convert_to_tensor(log_var)) * change, log_var + log_change

    def inferred(self, told, code_of):
        """A code, and z_mean and z_log_var along it; `code_of(level, *heads)` gives each level."""
        found = []

        def code(level, features, mean, log_var):
            heads = self.level_heads(told, level, features, mean, log_var)
            z = code_of(level, *heads)
            found.append([head + ops.zeros_like(z) for head in heads])
            return z

        z = self.prior.descend(code)[0]
        return z, [ops.concatenate(parts, axis=-1) for parts in zip(*found)]

    def drawn(self, told, epsilon):
        """The code that noise `epsilon` [..., latent_dim] makes, and the posterior along it."""
        parts = self.prior.parts(epsilon)
        return self.inferred(
            told, lambda n, mean, log_var: self.sampling((mean, log_var), parts[n])
        )

    def objective(self, batch: Batch, training: bool) -> dict:
        epsilon = self.noise(batch, (self.latent_dim,), training)
        z, posterior = self.drawn(self.encoder(batch.x), epsilon)
        return self.terms_at(z, posterior, batch, training)

    def head_outputs(self, x, condition=None):
        """z_mean and z_log_var along the means of all levels: [batch, latent_dim] each."""
        return self.inferred(self.encoder(x), lambda _, mean, log_var: mean)[1]

    def head_biases(self) -> list:
        return [layer.bias for layer in self.changes]

    def heads_at(self, told, z):
        """z_mean and z_log_var of each level given those above it in `z`: [..., latent_dim]."""
        parts = self.prior.parts(z)
        return self.inferred(told, lambda level, *_: parts[level])[1]

    def proposal(self, batch: Batch) -> Proposal:
        told = [part[:, None] for part in self.encoder(batch.x)]
        return Proposal(
            draw=lambda epsilon: self.drawn(told, epsilon)[0],
            heads_at=lambda z: self.heads_at(told, z),
        )
