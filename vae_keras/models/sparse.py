"""The sparse autoencoder."""

import keras
from keras import layers, ops

from vae_keras.config.rungs import SparseOptions
from vae_keras.models.autoencoder import Autoencoder, Batch
from vae_keras.objectives import replicas


@keras.saving.register_keras_serializable("vae_keras")
class SparseAutoencoder(Autoencoder):
    """Adds a penalty on active units of the code to the reconstruction loss.

    The code may have more units than the input has values. With `sparsity` "l1" the penalty is Σ|h|
    and the code is a ReLU. With "kl" it is Σ_j KL[ρ ‖ ρ̂_j] and the code is a sigmoid (Ng 2011,
    Sparse autoencoder): ρ is `target_activity` and ρ̂_j the mean activity of unit j, over the batch
    in training and as a running mean of training batches in evaluation.

    The decoder's weights from each unit have norm 1. Otherwise the code could shrink, and the
    penalty with it, while these weights grow.
    """

    Options = SparseOptions
    options: SparseOptions
    terms = ("reconstruction_loss", "sparsity_loss")
    default_network = "linear"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.mean_activity = self.add_weight(
            name="mean_activity",
            shape=(self.latent_dim,),
            initializer=keras.initializers.Constant(self.options.target_activity),
            trainable=False,
            dtype="float32",
            aggregation="mean",
        )

    @property
    def code_activation(self):  # type: ignore[override]
        """The activation of the code: relu for l1, sigmoid for kl."""
        return {"l1": "relu", "kl": "sigmoid"}[self.options.sparsity]

    def build_decoder(self, code_size=None):
        """Make the decoder, and keep its weights from each unit of the code at norm 1."""
        decoder = super().build_decoder(code_size)
        first = next(layer for layer in decoder.layers if isinstance(layer, layers.Dense))
        first.kernel.constraint = keras.constraints.UnitNorm(axis=1)
        return decoder

    def objective(self, batch: Batch, training: bool) -> dict:
        code = self.code(batch)
        return {
            "reconstruction_loss": self.reconstruction_loss(batch, code, training),
            "sparsity_loss": self.penalty(code, training),
        }

    def penalty(self, code, training: bool):
        """The sparsity loss of each example, from the codes [batch, latent_dim]: [batch].

        The KL penalty belongs to the whole batch, so all its examples have the same value. In
        training it updates the running mean of the activity, too.
        """
        if self.options.sparsity == "l1":
            return ops.sum(ops.abs(code), axis=-1)
        activity = self.mean_activity
        if training:
            activity = replicas.mean(code)
            self.mean_activity.assign(0.99 * self.mean_activity + 0.01 * activity)
        activity, target = ops.clip(activity, 1e-6, 1 - 1e-6), self.options.target_activity
        divergence = target * ops.log(target / activity) + (1 - target) * ops.log(
            (1 - target) / (1 - activity)
        )
        return ops.broadcast_to(ops.sum(divergence), (ops.shape(code)[0],))

    def term_weights(self, step=None):
        return {"reconstruction_loss": 1.0, "sparsity_loss": self.options.sparsity_weight}
