"""The contractive autoencoder."""

from dataclasses import dataclass

import keras
import tensorflow as tf
from keras import ops

from vae_keras.config.options import option
from vae_keras.models.autoencoder import Autoencoder, AutoencoderOptions, Batch
from vae_keras.objectives.likelihoods import sum_over_features


@dataclass(frozen=True, kw_only=True)
class ContractiveOptions(AutoencoderOptions):
    contraction: float = option(0.1, "weight of the squared Jacobian norm", at_least=0)
    jacobian: str = option(
        "projection",
        "exact, or projection: an unbiased estimate for the price of one more pass",
        choices=("exact", "projection"),
    )


@keras.saving.register_keras_serializable("vae_keras")
class ContractiveAutoencoder(Autoencoder):
    """Adds ‖∂h/∂x‖²_F, the squared norm of the encoder's Jacobian (Rifai et al. 2011).

    "exact" takes one pass for each code unit. "projection" takes one in all: ‖vᵀJ‖² with
    independent signs v has the expectation ‖J‖²_F and the variance 2 Σ_{i≠j} (JJᵀ)²_ij (Hutchinson
    1990), which the average over the batch divides by its size. Evaluation is always exact.
    """

    Options = ContractiveOptions
    terms = ("reconstruction_loss", "contraction_loss")

    def __init__(
        self,
        image_shape,
        latent_dim=2,
        network="dense",
        reconstruction="mse",
        contraction=0.1,
        jacobian="projection",
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, network, reconstruction, **kwargs)
        self.contraction, self.jacobian = contraction, jacobian

    def get_config(self):
        own = {"contraction": self.contraction, "jacobian": self.jacobian}
        return {**super().get_config(), **own}

    def objective(self, batch: Batch, training: bool) -> dict:
        estimate = training and self.jacobian == "projection"
        code, penalty = self.projected(batch) if estimate else squared_jacobian(self, batch)
        return {
            "reconstruction_loss": self.reconstruction_loss(batch, self.parameters(code)),
            "contraction_loss": penalty,
        }

    def projected(self, batch: Batch, training: bool = True):
        """The code and an unbiased estimate of ‖∂h/∂x‖²_F, for one more pass."""
        signs = ops.sign(self.noise(batch, (self.latent_dim,), training))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch.x)
            code = self.code(batch)
        gradient = tape.gradient(code, batch.x, output_gradients=signs)
        return code, sum_over_features(ops.square(gradient))

    def term_weights(self, step=None):
        return {"reconstruction_loss": 1.0, "contraction_loss": self.contraction}


def squared_jacobian(model: Autoencoder, batch: Batch):
    """The code [batch, latent_dim] of any model and ‖∂h/∂x‖²_F of each example [batch]."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(batch.x)
        code = model.code(batch)
    return code, sum_over_features(ops.square(tape.batch_jacobian(code, batch.x)))
