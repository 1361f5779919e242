"""The linear autoencoder."""

import math
from dataclasses import dataclass

import keras
import numpy as np
import scipy.ndimage
from keras import layers, ops

from vae_keras.config.options import option
from vae_keras.errors import UserError
from vae_keras.evaluation.pixels import _as_images, fitted_pca, flat_values
from vae_keras.models.autoencoder import Autoencoder, AutoencoderOptions
from vae_keras.networks import LinearNetwork


@dataclass(frozen=True, kw_only=True)
class LinearOptions(AutoencoderOptions):
    tied: bool = option(False, "use the transposed weights of the encoder in the decoder")


class Transposed(layers.Layer):
    """A dense layer with the transposed kernel of another one and a bias of its own."""

    def __init__(self, dense, **kwargs):
        super().__init__(**kwargs)
        self.kernel = lambda: dense.kernel  # a function: the weight stays the other layer's
        size = dense.kernel.shape[0]
        self.bias = self.add_weight(name="bias", shape=(size,), initializer="zeros")
        self.built = True

    def call(self, z):
        return z @ ops.transpose(self.kernel()) + self.bias


@keras.saving.register_keras_serializable("vae_keras")
class LinearAutoencoder(Autoencoder):
    """x̂ = W_g (W_f x + b) + c: at its optimum the subspace of principal component analysis.

    Baldi and Hornik 1989 (Neural networks and principal component analysis). With `tied`, W_g is
    the transposed W_f.
    """

    Options = LinearOptions

    def __init__(self, image_shape, latent_dim=2, network="linear", tied=False, **kwargs):
        self.tied = tied  # before the decoder is built
        super().__init__(image_shape, latent_dim, network, **kwargs)
        if not isinstance(self.network, LinearNetwork):
            raise UserError("the linear model has the linear network: leave --network out")

    @classmethod
    def from_options(cls, options, dataset, steps_per_epoch, **common):
        most = min(len(dataset.train), math.prod(dataset.image_shape))
        if common["latent_dim"] > most:
            raise UserError(
                f"--latent-dim {common['latent_dim']} is above the {most:,} components that "
                f"{len(dataset.train):,} images of {math.prod(dataset.image_shape):,} values have"
            )
        return super().from_options(options, dataset, steps_per_epoch, **common)

    def build_decoder(self, code_size=None):
        if not self.tied:
            return super().build_decoder(code_size)
        return keras.Sequential(
            [
                keras.Input((self.latent_dim,)),
                Transposed(self.encoder.get_layer("z")),
                layers.Reshape(self.image_shape),
            ],
            name="decoder",
        )

    def get_config(self):
        return {**super().get_config(), "tied": self.tied}

    def principal_components(self) -> tuple[np.ndarray, np.ndarray]:
        """The principal components [latent_dim, pixels] and their variances, largest first.

        The decoder's columns span the principal subspace, but in no particular basis. Scaled by the
        square root of the codes' covariance their singular vectors are the components themselves
        (after Plaut 2018, From principal subspaces to principal components). Needs a trained model.
        """
        origin = np.zeros((1, self.latent_dim), np.float32)
        units = np.eye(self.latent_dim, dtype=np.float32)
        columns = np.asarray(self.decoder(units) - self.decoder(origin))
        columns = columns.reshape(self.latent_dim, -1).T  # [pixels, latent_dim]
        vectors, scales, _ = scipy.linalg.svd(columns @ np.asarray(self.prior.scale), False)
        return vectors.T, scales**2

    def figures(self, dataset):
        """Test error of PCA with as many components, ours relative to it, and the largest angle."""
        pca, test = fitted_pca(dataset.train, self.latent_dim), flat_values(dataset.test)
        pca_error = np.sum((test - pca.inverse_transform(pca.transform(test))) ** 2, axis=1).mean()
        own = np.asarray(self.predict(dataset.test.batches(), verbose=0)).reshape(test.shape)
        vectors, _ = self.principal_components()
        angle = scipy.linalg.subspace_angles(vectors.T, pca.components_.T)[0]
        return {
            "pca_squared_error": float(pca_error),
            "squared_error_over_pca": float(np.sum((test - own) ** 2, axis=1).mean() / pca_error),
            "largest_angle_to_pca_degrees": float(np.degrees(angle)),
        }

    def exhibits(self, dataset):
        pca, (vectors, _) = fitted_pca(dataset.train, self.latent_dim), self.principal_components()
        shown = slice(10)
        signs = np.sign(np.sum(vectors * pca.components_, axis=1, keepdims=True))
        rows = {"from the weights": signs * vectors, "PCA": pca.components_}
        components = {
            name: _as_images(vectors[shown], self.image_shape) for name, vectors in rows.items()
        }
        return {**super().exhibits(dataset), "principal_components": components}
