"""The variational autoencoder."""

from dataclasses import dataclass

import keras
import tensorflow as tf
from keras import layers, ops

from vae_keras.models.autoencoder import Autoencoder, Batch
from vae_keras.models.priors import StandardNormal
from vae_keras.objectives.divergences import kl_to_standard_normal
from vae_keras.objectives.likelihoods import LIKELIHOODS
from vae_keras.objectives.likelihoods import likelihood as likelihood_called
from vae_keras.options import option


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


@dataclass(frozen=True, kw_only=True)
class VAEOptions:
    beta: float = option(1.0, "weight of the KL term", at_least=0)
    beta_warmup: int = option(0, "epochs over which the KL weight rises from 0", at_least=0)
    likelihood: str | None = option(
        None, "p(x|z): bernoulli (default for grey), gaussian (for colour)", choices=LIKELIHOODS
    )
    sigma: float | str | None = option(
        None, "standard deviation of the gaussian likelihood: a number or 'learned' (its default)"
    )


@keras.saving.register_keras_serializable("vae_keras")
class VAE(Autoencoder):
    """The variational autoencoder: minimises −log p(x|z) + β · KL[q(z|x) ‖ N(0, I)].

    With `beta` 1 that is the negative evidence lower bound (Kingma and Welling 2014, equation 10);
    other values give the β-VAE (Higgins et al. 2017). In nats per example: summed over features,
    averaged over the batch. `likelihood` is a name or a `Likelihood`.
    """

    Options = VAEOptions
    heads = ("z_mean", "z_log_var")
    terms = ("reconstruction_loss", "kl_loss")
    prior_class = StandardNormal

    def __init__(
        self,
        image_shape,
        latent_dim=2,
        network="dense",
        likelihood="bernoulli",
        beta=1.0,
        beta_warmup_steps=0,
        **kwargs,
    ):
        if isinstance(likelihood, str):
            likelihood = likelihood_called(likelihood)
        super().__init__(image_shape, latent_dim, network, likelihood, **kwargs)
        self.beta, self.beta_warmup_steps = beta, beta_warmup_steps
        self.sampling = Sampling(name="sampling")

    @classmethod
    def from_options(cls, options, dataset, steps_per_epoch, **common) -> "VAE":
        chosen = {} if options.sigma is None else {"sigma": options.sigma}
        return cls(
            dataset.image_shape,
            likelihood=likelihood_called(options.likelihood, **chosen),
            beta=options.beta,
            beta_warmup_steps=options.beta_warmup * steps_per_epoch,
            **common,
        )

    def get_config(self):
        config = super().get_config()
        config["likelihood"] = config.pop("reconstruction")
        own = {"beta": self.beta, "beta_warmup_steps": self.beta_warmup_steps}
        return {**config, **own}

    def objective(self, batch: Batch, training: bool) -> dict:
        z_mean, z_log_var = self.head_outputs(batch.x, batch.condition)
        epsilon = self.noise(batch, (self.latent_dim,), training)
        z = self.sampling((z_mean, z_log_var), epsilon)
        parameters = self.parameters(z, batch.condition)
        return {
            "reconstruction_loss": self.reconstruction_loss(batch, parameters),
            "kl_loss": kl_to_standard_normal(z_mean, z_log_var),
        }

    def log_importance_weights(self, batch: Batch, epsilon):
        """log p(x|z) + log p(z) − log q(z|x) at z = z_mean + σ·ε, in nats: one for each ε.

        `epsilon` [batch, latent_dim] is the standard normal noise of one draw for each example;
        returns [batch]. Its mean is the ELBO; the logarithm of the mean of its exponentials over
        many draws tends to log p(x) (Burda et al. 2016, equation 8).
        """
        z_mean, z_log_var = self.head_outputs(batch.x, batch.condition)
        z = self.sampling((z_mean, z_log_var), epsilon)
        log_ratio = 0.5 * ops.sum(ops.square(epsilon) + z_log_var - ops.square(z), axis=-1)
        return log_ratio - self.reconstruction_loss(batch, self.parameters(z, batch.condition))

    def term_weights(self, step=None) -> dict:
        beta = self.beta
        if step is not None and self.beta_warmup_steps:
            beta *= tf.minimum(1.0, tf.cast(step, tf.float32) / self.beta_warmup_steps)
        return {"reconstruction_loss": 1.0, "kl_loss": beta}
