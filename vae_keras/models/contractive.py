"""The contractive autoencoder."""

import keras
import tensorflow as tf
from keras import ops

from vae_keras.config.rungs import ContractiveOptions
from vae_keras.models.autoencoder import Autoencoder, Batch
from vae_keras.objectives.likelihoods import sum_over_features


@keras.saving.register_keras_serializable("vae_keras")
class ContractiveAutoencoder(Autoencoder):
    """Adds ‖J‖²_F, the squared Frobenius norm of J = ∂h/∂x, to the loss (Rifai et al. 2011).

    J is the Jacobian of the code h. With `jacobian` "exact" it takes one backward pass for each
    dimension of the code. With "projection" it takes one pass in all: ‖vᵀJ‖² with independent
    random signs v has the mean ‖J‖²_F and the variance 2 Σ_{i≠j} (JJᵀ)²_ij (Hutchinson 1990). The
    average over a batch divides this variance by the batch size. Evaluation is always exact.
    """

    Options = ContractiveOptions
    options: ContractiveOptions
    terms = ("reconstruction_loss", "contraction_loss")

    def objective(self, batch: Batch, training: bool) -> dict:
        estimate = training and self.options.jacobian == "projection"
        code, penalty = self.projected(batch) if estimate else squared_jacobian(self, batch)
        return {
            "reconstruction_loss": self.reconstruction_loss(batch, code, training),
            "contraction_loss": penalty,
        }

    def projected(self, batch: Batch, training: bool = True):
        """The code [batch, latent_dim] and an unbiased estimate of ‖∂h/∂x‖²_F [batch].

        The estimate takes one backward pass. `training` decides its random signs, see `noise`.
        """
        signs = ops.sign(self.noise(batch, (self.latent_dim,), training))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch.x)
            code = self.code(batch)
        gradient = tape.gradient(code, batch.x, output_gradients=signs)
        return code, sum_over_features(ops.square(gradient))

    def term_weights(self, step=None):
        return {"reconstruction_loss": 1.0, "contraction_loss": self.options.contraction}


def squared_jacobian(model: Autoencoder, batch: Batch):
    """The code [batch, latent_dim] and ‖∂h/∂x‖²_F [batch] of each example, for any `model`.

    It takes one backward pass for each dimension of the code.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(batch.x)
        code = model.code(batch)
    return code, sum_over_features(ops.square(tape.batch_jacobian(code, batch.x)))
