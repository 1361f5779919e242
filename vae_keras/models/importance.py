"""The importance-weighted autoencoder, which minimises a tighter bound of −log p(x)."""

import math

import keras
import tensorflow as tf
from keras import ops

from vae_keras.config.rungs import ImportanceOptions
from vae_keras.models.autoencoder import Batch
from vae_keras.models.priors import log_normal
from vae_keras.models.vae import VAE


@keras.saving.register_keras_serializable("vae_keras")
class ImportanceWeightedAutoencoder(VAE):
    """Minimises −log (1/k Σ w_i), where w_i = p(x|z_i) p(z_i) / q(z_i|x) of k draws of q(z|x).

    The bound falls towards −log p(x) with k, which is `samples` (Burda et al. 2016, Importance
    weighted autoencoders, equation 8). With one draw this is the VAE, whose KL is in closed form if
    the prior has one.

    With many draws the plain gradient of the encoder is more and more noise (Rainforth et al.
    2018). The doubly reparameterised one does not go through the parameters of log q(z|x), and
    weighs the path through each z_i by the square of its share of the weights (Tucker et al. 2019,
    equation 8). Both have the same mean.
    """

    Options = ImportanceOptions
    options: ImportanceOptions

    @property
    def terms(self):  # type: ignore[override]
        """The names of the terms: `importance_loss` is minimised, the others are reported."""
        return ("reconstruction_loss", "kl_loss", "importance_loss")

    def term_weights(self, step=None) -> dict:
        return {"reconstruction_loss": 0.0, "kl_loss": 0.0, "importance_loss": 1.0}

    def objective(self, batch: Batch, training: bool) -> dict:
        count = self.options.samples
        if count == 1:
            found = super().objective(batch, training)
            return {**found, "importance_loss": found["reconstruction_loss"] + found["kl_loss"]}
        posterior = [head[:, None] for head in self.posterior(batch)]
        z = self.sampling(posterior, self.noise(batch, (count, self.latent_dim), training))
        if self.options.gradient == "doubly_reparameterised":
            share: list = []  # of the weights, which are computed from z
            z = with_gradient_times(z, share)
            density = [ops.stop_gradient(head) for head in posterior]
        else:
            share, density = [], posterior
        rows = ops.reshape(z, (-1, self.latent_dim))
        reconstruction = self.reconstruction_loss(batch.repeated(count), rows, training)
        reconstruction = ops.reshape(reconstruction, (-1, count))
        log_weight = self.prior.log_prob(z) - log_normal(z, *density) - reconstruction
        share.append(ops.softmax(log_weight, axis=-1))
        return {
            "reconstruction_loss": ops.mean(reconstruction, axis=-1),
            "kl_loss": ops.mean(self.prior.kl(posterior, z), axis=-1),
            "importance_loss": math.log(count) - ops.logsumexp(log_weight, axis=-1),
        }


def with_gradient_times(z, share: list):
    """`z` [batch, count, latent_dim]; a gradient that comes back is multiplied by `share`.

    `share` is filled with the one factor, [batch, count], after this call and before the gradient
    is asked for.
    """

    @tf.custom_gradient
    def unchanged(z):
        def gradient(upstream):
            (factor,) = share
            return upstream * ops.stop_gradient(factor)[..., None]

        return tf.identity(z), gradient

    return unchanged(z)
