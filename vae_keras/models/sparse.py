"""The sparse autoencoder."""

import keras
from keras import layers, ops

from vae_keras.config.rungs import SparseOptions
from vae_keras.models.autoencoder import Autoencoder, Batch


@keras.saving.register_keras_serializable("vae_keras")
class SparseAutoencoder(Autoencoder):
    """Adds a penalty on an active code, which may have more units than the input has values.

    "l1": Σ|h| of a ReLU code. "kl": Σ KL[ρ ‖ ρ̂_j], the divergence of a unit's mean activity ρ̂_j
    from the target ρ, of a sigmoid code (Ng 2011, Sparse autoencoder). The mean is that of the
    batch in training, and a running mean of the training data in evaluation.

    The decoder's weights from each code unit have length 1: otherwise the code could shrink, and
    the penalty with it, while they grow.
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
            aggregation="mean",
        )

    @property
    def code_activation(self):  # type: ignore[override]
        return {"l1": "relu", "kl": "sigmoid"}[self.options.sparsity]

    def build_decoder(self, code_size=None):
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
        """The sparsity loss of each example of a batch of codes [batch, latent_dim]: [batch]."""
        if self.options.sparsity == "l1":
            return ops.sum(ops.abs(code), axis=-1)
        activity = self.mean_activity
        if training:
            activity = ops.mean(code, axis=0)
            self.mean_activity.assign(0.99 * self.mean_activity + 0.01 * activity)
        activity, target = ops.clip(activity, 1e-6, 1 - 1e-6), self.options.target_activity
        divergence = target * ops.log(target / activity) + (1 - target) * ops.log(
            (1 - target) / (1 - activity)
        )
        return ops.broadcast_to(ops.sum(divergence), (ops.shape(code)[0],))

    def term_weights(self, step=None):
        return {"reconstruction_loss": 1.0, "sparsity_loss": self.options.sparsity_weight}
