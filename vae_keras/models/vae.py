"""The variational autoencoder."""

import math
from dataclasses import dataclass

import keras
import tensorflow as tf
from keras import layers, ops

from vae_keras.config.options import option
from vae_keras.errors import UserError
from vae_keras.models.autoencoder import Autoencoder, Batch
from vae_keras.models.priors import StandardNormal
from vae_keras.objectives.divergences import kl_per_dimension, kl_to_standard_normal
from vae_keras.objectives.likelihoods import LIKELIHOODS, likelihood_named


@keras.saving.register_keras_serializable("vae_keras")
class Sampling(layers.Layer):
    """z = z_mean + exp(½ z_log_var) · ε with ε from N(0, I): the reparameterisation trick.

    ε comes from a distribution without parameters, so the gradient passes through z_mean and
    z_log_var alone. Kingma and Welling 2014, section 2.4.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, epsilon=None):
        """(z_mean, z_log_var) [batch, latent_dim] -> z; `epsilon` is drawn here unless given."""
        z_mean, z_log_var = inputs
        if epsilon is None:
            epsilon = keras.random.normal(ops.shape(z_mean), seed=self.generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable("vae_keras")
class Offset(layers.Layer):
    """Adds a constant to the decoder's output: the parameters of the mean example.

    A decoder that starts there need not learn it first, and meanwhile do without its code.
    """

    def build(self, input_shape):
        shape = input_shape[1:]
        self.offset = self.add_weight(
            name="offset", shape=shape, trainable=False, initializer="zeros"
        )

    def call(self, parameters):
        return parameters + self.offset


@dataclass(frozen=True, kw_only=True)
class BoundOptions:
    beta: float = option(1.0, "weight of one of the two terms", at_least=0)
    beta_on: str = option(
        "kl", "the term that beta weighs: kl, or reconstruction", choices=("kl", "reconstruction")
    )
    beta_warmup: int = option(0, "epochs over which the KL weight rises from 0", at_least=0)
    beta_cycles: int = option(1, "times that the KL weight rises, evenly over the run", at_least=1)
    free_bits: float = option(
        0.0, "nats of KL that each code dimension may use without paying", at_least=0
    )

    def effective_beta(self) -> float:
        """The weight of the KL term relative to that of the reconstruction term."""
        if self.beta_on == "kl":
            return self.beta
        return 1 / self.beta if self.beta else math.inf

    def of_the_bound(self, steps_per_epoch: int) -> dict:
        """The arguments of `VAE` that say how the bound is weighed. Raises UserError."""
        epochs, cycles = self.beta_warmup * self.beta_cycles, self.beta_cycles
        if cycles > 1 and not self.beta_warmup:
            raise UserError(
                f"--beta-cycles {cycles} repeats a warm-up that there is not: give its epochs with "
                "--beta-warmup"
            )
        if epochs > self.epochs:
            raise UserError(
                f"the warm-up of beta takes {epochs} epochs, but the run has {self.epochs}: lower "
                "--beta-warmup or --beta-cycles, or raise --epochs"
            )
        return dict(
            beta=self.beta,
            beta_on=self.beta_on,
            beta_warmup_steps=self.beta_warmup * steps_per_epoch,
            beta_cycle_steps=self.epochs * steps_per_epoch // cycles if cycles > 1 else 0,
            free_bits=self.free_bits,
        )


@dataclass(frozen=True, kw_only=True)
class VAEOptions(BoundOptions):
    likelihood: str | None = option(
        None,
        "p(x|z): " + ", ".join(LIKELIHOODS) + " (default: bernoulli for grey, gaussian for colour)",
        choices=LIKELIHOODS,
    )
    sigma: float | str | None = option(
        None, "of the gaussian likelihood: a number, 'learned' (its default) or 'optimal'"
    )


@keras.saving.register_keras_serializable("vae_keras")
class VAE(Autoencoder):
    """The variational autoencoder: minimises −log p(x|z) + β · KL[q(z|x) ‖ N(0, I)].

    With `beta` 1 that is the negative evidence lower bound (Kingma and Welling 2014, equation 10);
    other values give the β-VAE (Higgins et al. 2017), or with `beta_on` "reconstruction" that of
    1/β. In nats per example: summed over features, averaged over the batch. `likelihood` is a name
    or a `Likelihood`.

    Against a collapse of the code: the KL weight rises from 0 over `beta_warmup_steps`, again every
    `beta_cycle_steps` if these are not 0 (Fu et al. 2019), and a dimension's KL below `free_bits`
    is not minimised (after Kingma et al. 2016, appendix C8, for each example).
    """

    Options = VAEOptions
    heads = ("z_mean", "z_log_var")
    prior_class = StandardNormal
    is_variational = True

    def __init__(
        self,
        image_shape,
        latent_dim=2,
        network="dense",
        likelihood="bernoulli",
        beta=1.0,
        beta_on="kl",
        beta_warmup_steps=0,
        beta_cycle_steps=0,
        free_bits=0.0,
        **kwargs,
    ):
        self.free_bits = free_bits  # before the trackers of the terms are made
        if isinstance(likelihood, str):
            likelihood = likelihood_named(likelihood)
        super().__init__(image_shape, latent_dim, network, likelihood, **kwargs)
        self.beta, self.beta_on = beta, beta_on
        self.beta_warmup_steps, self.beta_cycle_steps = beta_warmup_steps, beta_cycle_steps
        self.sampling = Sampling(name="sampling")

    @classmethod
    def from_options(cls, options, dataset, steps_per_epoch, **common) -> "VAE":
        chosen = {} if options.sigma is None else {"sigma": options.sigma}
        model = cls(
            dataset.image_shape,
            likelihood=likelihood_named(options.likelihood, **chosen),
            **options.of_the_bound(steps_per_epoch),
            **common,
        )
        model.offset.offset.assign(model.reconstruction.initial(dataset.mean_image()))
        return model

    def build_decoder(self, code_size=None):
        decoder, self.offset = super().build_decoder(code_size), Offset(name="offset")
        return keras.Model(decoder.inputs[0], self.offset(decoder.outputs[0]), name="decoder")

    def get_config(self):
        config = super().get_config()
        config["likelihood"] = config.pop("reconstruction")
        own = ("beta", "beta_on", "beta_warmup_steps", "beta_cycle_steps", "free_bits")
        return {**config, **{name: getattr(self, name) for name in own}}

    @property
    def terms(self):
        """With free bits, what is minimised in the place of the KL stands beside it."""
        minimised = ("free_bits_kl_loss",) if self.free_bits else ()
        return ("reconstruction_loss", "kl_loss", *minimised)

    def objective(self, batch: Batch, training: bool) -> dict:
        z_mean, z_log_var = self.posterior(batch)
        epsilon = self.noise(batch, (self.latent_dim,), training)
        z = self.sampling((z_mean, z_log_var), epsilon)
        parameters = self.parameters(z, batch.condition)
        if training:
            self.reconstruction.fit(batch.target, parameters, self.loss_mask)
        found = {
            "reconstruction_loss": self.reconstruction_loss(batch, parameters),
            "kl_loss": kl_to_standard_normal(z_mean, z_log_var),
        }
        if self.free_bits:
            kl = ops.maximum(kl_per_dimension(z_mean, z_log_var), self.free_bits)
            found["free_bits_kl_loss"] = ops.sum(kl, axis=-1)
        return found

    def term_weights(self, step=None) -> dict:
        kl = self.beta if self.beta_on == "kl" else 1.0
        if step is not None and self.beta_warmup_steps:
            kl *= self._warmup(step)
        return {
            "reconstruction_loss": self.beta if self.beta_on == "reconstruction" else 1.0,
            "kl_loss": 0.0 if self.free_bits else kl,
            "free_bits_kl_loss": kl,
        }

    def _warmup(self, step):
        """How much of its weight the KL has at a training step: from 0 to 1."""
        if self.beta_cycle_steps:
            step %= self.beta_cycle_steps
        return tf.minimum(1.0, tf.cast(step, tf.float32) / self.beta_warmup_steps)

    # What evaluation needs

    def posterior(self, batch: Batch):
        """`z_mean` and `z_log_var` of q(z|x): [batch, latent_dim] each."""
        return self.head_outputs(batch.x, batch.condition)

    def log_likelihood(self, batch: Batch, z):
        """log p(x|z) of each example at its code `z` [batch, latent_dim], in nats: [batch]."""
        return -self.reconstruction_loss(batch, self.parameters(z, batch.condition))
