"""The sparse autoencoder."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

from vae_keras.config.options import option
from vae_keras.errors import UserError
from vae_keras.evaluation.pixels import _as_images
from vae_keras.models.autoencoder import Autoencoder, AutoencoderOptions, Batch
from vae_keras.models.denoising import MOST_IMAGES
from vae_keras.networks import DenseNetwork


@dataclass(frozen=True, kw_only=True)
class SparseOptions(AutoencoderOptions):
    latent_dim: int = option(128, "size of the code", at_least=1)
    sparsity: str = option(
        "l1", "penalty: l1 (of a ReLU code) or kl (to a target activity)", choices=("l1", "kl")
    )
    sparsity_weight: float | None = option(None, "weight of the penalty", at_least=0)
    target_activity: float = option(0.05, "mean activity for kl", above=0)


@keras.saving.register_keras_serializable("vae_keras")
class SparseAutoencoder(Autoencoder):
    """Adds a penalty on an active code, which may have more units than the input has pixels.

    "l1": Σ|h| of a ReLU code. "kl": Σ KL[ρ ‖ ρ̂_j], the divergence of a unit's mean activity ρ̂_j
    from the target ρ, of a sigmoid code (Ng 2011, Sparse autoencoder). The mean is that of the
    batch in training, and a running mean of the training data in evaluation.

    The decoder's weights from each code unit have length 1: otherwise the code could shrink, and
    the penalty with it, while they grow.
    """

    Options = SparseOptions
    terms = ("reconstruction_loss", "sparsity_loss")

    def __init__(
        self,
        image_shape,
        latent_dim=128,
        network="linear",
        reconstruction="mse",
        sparsity="l1",
        sparsity_weight=0.1,
        target_activity=0.05,
        **kwargs,
    ):
        if not 0 < target_activity < 1:
            raise UserError(f"--target-activity {target_activity} must lie between 0 and 1")
        self.code_activation = {"l1": "relu", "kl": "sigmoid"}[sparsity]
        super().__init__(image_shape, latent_dim, network, reconstruction, **kwargs)
        self.sparsity, self.sparsity_weight = sparsity, sparsity_weight
        self.target_activity = target_activity
        self.mean_activity = self.add_weight(
            name="mean_activity",
            shape=(latent_dim,),
            initializer=keras.initializers.Constant(target_activity),
            trainable=False,
            aggregation="mean",
        )

    def build_decoder(self, code_size=None):
        decoder = super().build_decoder(code_size)
        first = next(layer for layer in decoder.layers if isinstance(layer, layers.Dense))
        first.kernel.constraint = keras.constraints.UnitNorm(axis=1)
        return decoder

    def get_config(self):
        own = ("sparsity", "sparsity_weight", "target_activity")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}

    def objective(self, batch: Batch, training: bool) -> dict:
        code = self.code(batch)
        output = self.parameters(code)
        return {
            "reconstruction_loss": self.reconstruction_loss(batch, output),
            "sparsity_loss": self.penalty(code, training),
        }

    def penalty(self, code, training: bool):
        """The sparsity loss of each example: [batch]."""
        if self.sparsity == "l1":
            return ops.sum(ops.abs(code), axis=-1)
        activity = self.mean_activity
        if training:
            activity = ops.mean(code, axis=0)
            self.mean_activity.assign(0.99 * self.mean_activity + 0.01 * activity)
        activity, target = ops.clip(activity, 1e-6, 1 - 1e-6), self.target_activity
        divergence = target * ops.log(target / activity) + (1 - target) * ops.log(
            (1 - target) / (1 - activity)
        )
        return ops.broadcast_to(ops.sum(divergence), (ops.shape(code)[0],))

    def term_weights(self, step=None):
        return {"reconstruction_loss": 1.0, "sparsity_loss": self.sparsity_weight}

    def figures(self, dataset):
        """The share of units that an image activates: above a tenth of the range of activities."""
        images, _ = dataset.test.take(slice(MOST_IMAGES)).arrays()
        codes = np.abs(self.encode(images))
        largest = 1.0 if self.sparsity == "kl" else codes.max()  # sigmoids end at 1
        return {"active_share": float(np.mean(codes > 0.1 * largest))}

    def exhibits(self, dataset):
        """The code units that are most active, as what the decoder draws for each.

        For a dense encoder also its first layer; without hidden layers that is the same units.
        """
        images, _ = dataset.test.take(slice(MOST_IMAGES)).arrays()
        activity = np.abs(self.encode(images)).mean(axis=0)
        units = np.argsort(-activity, kind="stable")[:10]
        origin = np.zeros((1, self.latent_dim), np.float32)
        drawn = self.parameters(np.eye(self.latent_dim, dtype=np.float32)) - self.parameters(origin)
        drawn = np.asarray(drawn).reshape(self.latent_dim, -1)
        rows = {"decoder": _as_images(drawn[units], self.image_shape)}
        if isinstance(self.network, DenseNetwork):
            kernel = np.asarray(self.encoder.layers[2].kernel).T  # [units, pixels]
            if self.network.units:
                units = np.argsort(-np.linalg.norm(kernel, axis=1), kind="stable")[:10]
            rows = {"encoder": _as_images(kernel[units], self.image_shape), **rows}
        return {**super().exhibits(dataset), "learned_features": rows}
