"""The variational autoencoder: what it is, and what it minimises."""

import math

import keras
import numpy as np
from keras import layers, ops

from vae_keras.config.rungs import BoundOptions, VAEOptions, prior_named
from vae_keras.models.autoencoder import Autoencoder, Batch
from vae_keras.models.priors import Prior
from vae_keras.models.protocol import Proposal, gaussian_proposal
from vae_keras.networks.offset import Offset
from vae_keras.objectives.likelihoods import likelihood_named
from vae_keras.objectives.schedules import Warmup


@keras.saving.register_keras_serializable("vae_keras")
class Sampling(layers.Layer):
    """z = z_mean + exp(½ z_log_var) · ε with ε from N(0, I): the reparameterisation trick.

    ε comes from a distribution without parameters, so the gradient reaches the encoder through
    z_mean and z_log_var (Kingma and Welling 2014, section 2.4). `seed` is that of the ε which the
    layer draws itself.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, epsilon=None):
        """(z_mean, z_log_var) -> z, [batch, latent_dim] each; `epsilon` is drawn unless given."""
        z_mean, z_log_var = inputs
        if epsilon is None:
            epsilon = keras.random.normal(ops.shape(z_mean), seed=self.generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def kl_per_dimension(z_mean, z_log_var):
    """KL[N(z_mean, exp(z_log_var)) ‖ N(0, 1)] of each dimension, in nats: [batch, latent_dim]."""
    # The variance is computed from the standard deviation, as in `Sampling`: z_log_var then has few
    # uses, and the order in which their gradients are added is the same in every process.
    variance = ops.square(ops.exp(0.5 * z_log_var))
    return 0.5 * (variance + ops.square(z_mean) - z_log_var - 1.0)


def kl_to_standard_normal(z_mean, z_log_var):
    """KL[N(z_mean, exp(z_log_var)) ‖ N(0, I)] of each example, in nats: [batch].

    `z_mean` and `z_log_var` are [batch, latent_dim]. The formula is that of Kingma and Welling 2014
    (Auto-Encoding Variational Bayes), appendix B.
    """
    return ops.sum(kl_per_dimension(z_mean, z_log_var), axis=-1)


@keras.saving.register_keras_serializable("vae_keras")
class StandardNormal(Prior):
    """The prior p(z) = N(0, I) of codes with `latent_dim` dimensions."""

    maps_standard = True

    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.build((None, latent_dim))

    def kl(self, posterior, z=None):
        """KL[q(z|x) ‖ N(0, I)] of each example in closed form, in nats: [batch].

        `posterior` is (z_mean, z_log_var), [batch, latent_dim] each. The draw `z` is not needed in
        closed form; a learned prior needs it.
        """
        return kl_to_standard_normal(*posterior)

    def kl_terms(self, posterior, z=None):
        return kl_per_dimension(*posterior)

    def kl_per_dimension(self, posterior):
        """The terms of which `kl` is the sum: [batch, latent_dim], in nats."""
        return kl_per_dimension(*posterior)

    def log_prob(self, z):
        return -0.5 * ops.sum(ops.square(z) + math.log(2 * math.pi), axis=-1)

    def drawn(self, standard):
        return standard

    def moments(self):
        return ops.zeros(self.latent_dim), ops.ones(self.latent_dim)


@keras.saving.register_keras_serializable("vae_keras")
class VAE(Autoencoder):
    """The variational autoencoder: minimises −log p(x|z) + β · KL[q(z|x) ‖ p(z)].

    With `beta` 1 the loss is the negative evidence lower bound (Kingma and Welling 2014, equation
    10). Other values give the β-VAE (Higgins et al. 2017). With `beta_on` "reconstruction", β
    weighs the first term instead: that is the β-VAE of 1/β, times β. The unit is nats per example:
    terms are summed over features and averaged over the batch.

        VAE((28, 28, 1), latent_dim=2, beta=4.0, likelihood="bernoulli")

    Two options work against posterior collapse. The KL weight rises from 0 over `beta_warmup`
    epochs, `beta_cycles` times. A dimension's KL below `free_bits` nats is not minimised (Kingma et
    al. 2016, appendix C8, but for each example).

    Raises UserError if there is a warm-up and `steps_per_epoch` is missing, or `epochs` for cycles.
    """

    Options: type[BoundOptions] = VAEOptions
    options: VAEOptions
    heads = ("z_mean", "z_log_var")
    is_variational = True
    levels = 1  # of the code

    def __init__(self, example_shape, *args, **kwargs):
        super().__init__(example_shape, *args, **kwargs)
        self.sampling = Sampling(name="sampling", dtype="float32")
        self.sampling.build([(None, self.latent_dim)] * 2)
        warmup, cycles = self.options.beta_warmup or 0, self.options.beta_cycles
        self.warmup = Warmup(warmup, cycles, self.epochs, self.steps_per_epoch)

    @property
    def terms(self):  # type: ignore[override]
        """The names of the terms.

        With free bits, `free_bits_kl_loss` is minimised, and `kl_loss` is only reported.
        """
        minimised = ("free_bits_kl_loss",) if self.options.free_bits else ()
        return ("reconstruction_loss", "kl_loss", *minimised)

    def objective(self, batch: Batch, training: bool) -> dict:
        posterior = self.posterior(batch)
        z = self.sampling(posterior, self.noise(batch, (self.latent_dim,), training))
        return self.terms_at(z, posterior, batch, training)

    def terms_at(self, z, posterior, batch: Batch, training: bool) -> dict:
        """The terms of the loss at a draw `z` of the posterior: {name: [batch]}."""
        found = {
            "reconstruction_loss": self.reconstruction_loss(batch, z, training),
            "kl_loss": self.prior.kl(posterior, z),
        }
        if self.options.free_bits:
            kl = self.prior.kl_terms(posterior, z)  # of each dimension, or of all of them together
            free = self.options.free_bits * (self.latent_dim / kl.shape[-1])
            found["free_bits_kl_loss"] = ops.sum(ops.maximum(kl, free), axis=-1)
        return found

    def term_weights(self, step=None) -> dict:
        beta, beta_on = self.options.beta, self.options.beta_on
        kl = (beta if beta_on == "kl" else 1.0) * self.warmup(step)
        return {
            "reconstruction_loss": beta if beta_on == "reconstruction" else 1.0,
            "kl_loss": 0.0 if self.options.free_bits else kl,
            "free_bits_kl_loss": kl,
        }

    def posterior(self, batch: Batch):
        """`z_mean` and `z_log_var` of q(z|x) for a batch: [batch, latent_dim] each."""
        return self.head_outputs(batch.x, batch.condition)

    def proposal(self, batch: Batch) -> Proposal:
        """q(z|x) of a batch, from which an evaluation takes many draws."""
        return gaussian_proposal(self.posterior(batch))

    def log_likelihood(self, batch: Batch, z):
        """log p(x|z) of each example at its `z` [batch, latent_dim], in nats: [batch]."""
        return -self.reconstruction_loss(batch, z, training=False)

    def draw(self, batch: Batch, z, seed) -> Batch:
        """The batch with a draw of p(x|z) at `z` [batch, latent_dim] in the place of each example.

        Its condition stays. The same `seed` (int [2]) gives the same draws.
        """
        x = self.reconstruction.sample(self.parameters(z, batch.condition), seed)
        return batch._replace(x=x, target=x)

    def build_reconstruction(self):
        """Make the likelihood p(x|z) that the options name: Bernoulli if they name none.

        Raises UserError if there is a `sigma` and the likelihood is not Gaussian.
        """
        sigma = {} if self.options.sigma is None else {"sigma": self.options.sigma}
        return likelihood_named(self.options.likelihood or "bernoulli", **sigma)

    def build_prior(self) -> Prior:
        """Make the prior p(z) of the options. Raises UserError if this model cannot have it."""
        return prior_named(self.options.prior).of(self)

    def build_decoder(self, code_size=None):
        """Make the decoder, with an `Offset` that `start_from` sets to the mean example."""
        decoder = super().build_decoder(code_size)
        self.offset = Offset(name="offset", dtype="float32")
        return keras.Model(decoder.inputs[0], self.offset(decoder.outputs[0]), name="decoder")

    def start_from(self, dataset):
        """Let the decoder start from the mean example, and a Gaussian from the data's deviation."""
        mean = dataset.mean_example()
        self._start(mean, lambda: dataset.deviation(mean))
        self.prior.start_from(lambda count: dataset.train.spread(count).arrays()[0])

    def start_at(self, examples):
        """Start from the mean and the deviation of some examples [n, *example_shape]."""
        mean = np.mean(examples, axis=0, dtype=np.float64).astype(np.float32)
        self._start(mean, lambda: float(np.sqrt(np.mean(np.square(examples - mean)))))
        self.prior.start_from(lambda count: examples[:count])

    def _start(self, mean, deviation):
        self.start.assign(self.reconstruction.initial(mean))
        self.reconstruction.start_at(deviation)

    @property
    def start(self):
        """The offset of the decoder's output."""
        return self.offset.offset
