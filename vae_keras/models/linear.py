"""The linear autoencoder."""

import math

import keras
import numpy as np
import scipy.linalg
from keras import layers, ops

from vae_keras.config.rungs import LinearOptions
from vae_keras.errors import UserError
from vae_keras.models.autoencoder import Autoencoder
from vae_keras.networks import LinearNetwork


class Transposed(layers.Layer):
    """A dense layer with the transposed kernel of another layer and a bias of its own."""

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
    """x̂ = W_g (W_f x + b) + c: the optimum spans the subspace of principal component analysis.

    See Baldi and Hornik 1989 (Neural networks and principal component analysis). With `tied`, W_g
    is the transposed W_f. Raises UserError if `network` is not the linear one.
    """

    Options = LinearOptions
    options: LinearOptions
    default_network = "linear"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not isinstance(self.network, LinearNetwork):
            raise UserError("the linear model has the linear network: name no other one")

    @classmethod
    def arguments_for(cls, dataset, options):
        """The shape of an example, as an argument of the constructor.

        Raises UserError if the code has more dimensions than the training data have components.
        """
        most = min(len(dataset.train), math.prod(dataset.example_shape))
        if options.latent_dim > most:
            raise UserError(
                f"a code of {options.latent_dim} numbers is above the {most:,} components that "
                f"{len(dataset.train):,} examples of {math.prod(dataset.example_shape):,} values "
                "have"
            )
        return super().arguments_for(dataset, options)

    def build_decoder(self, code_size=None):
        """Make the decoder; with `tied`, of the transposed weights of the encoder."""
        if not self.options.tied:
            return super().build_decoder(code_size)
        return keras.Sequential(
            [
                keras.Input((self.latent_dim,)),
                Transposed(self.encoder.get_layer("z"), dtype="float32"),
                layers.Reshape(self.example_shape),
            ],
            name="decoder",
        )

    def principal_components(self) -> tuple[np.ndarray, np.ndarray]:
        """The components [latent_dim, values] and their variances [latent_dim], largest first.

        The decoder's columns span the principal subspace, but in no particular basis. Multiplied by
        a square root of the codes' covariance, they have the components as left singular vectors
        and the standard deviations as singular values (after Plaut 2018, From principal subspaces
        to principal components). The model must be trained and its prior fitted.
        """
        origin = np.zeros((1, self.latent_dim), np.float32)
        units = np.eye(self.latent_dim, dtype=np.float32)
        columns = np.asarray(self.decoder(units) - self.decoder(origin))
        columns = columns.reshape(self.latent_dim, -1).T  # [values, latent_dim]
        vectors, scales, _ = scipy.linalg.svd(columns @ np.asarray(self.prior.scale), False)
        return vectors.T, scales**2
