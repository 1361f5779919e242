"""Autoencoders that differ in what they add to the reconstruction loss, or in what they see."""

import math
from dataclasses import dataclass

import keras
import numpy as np
import scipy.linalg
import scipy.ndimage
import tensorflow as tf
from keras import layers, ops
from sklearn.decomposition import PCA

from vae_keras.errors import UserError
from vae_keras.models.autoencoder import Autoencoder, AutoencoderOptions, Batch
from vae_keras.networks import DenseNetwork, LinearNetwork
from vae_keras.objectives.reconstruction import sum_over_features
from vae_keras.options import option

MOST_VALUES = 50_000_000  # of the images that PCA is fitted to: all of MNIST
MOST_IMAGES = 2_000  # for figures that are slow to compute


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
        pca, test = fitted_pca(dataset.train, self.latent_dim), flat(dataset.test)
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


def fitted_pca(examples, components) -> PCA:
    """Principal component analysis of the examples' pixels, of as many as fit in memory."""
    most = MOST_VALUES // math.prod(examples.images.shape[1:])
    return PCA(components, random_state=0).fit(flat(examples.take(slice(most))))


def flat(examples) -> np.ndarray:
    """The examples' pixels in [0, 1]: [n, pixels]."""
    return examples.arrays()[0].reshape(len(examples), -1)


def _as_images(vectors, image_shape) -> np.ndarray:
    """Signed weights [n, pixels] as images: 0 becomes mid-grey, the largest black or white."""
    largest = np.abs(vectors).max(axis=1, keepdims=True) + 1e-12
    return (0.5 + 0.5 * vectors / largest).reshape(-1, *image_shape)


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


@dataclass(frozen=True, kw_only=True)
class DenoisingOptions(AutoencoderOptions):
    latent_dim: int = option(32, "size of the code", at_least=1)
    corruption: str = option(
        "salt_and_pepper",
        "of the input: gaussian, salt_and_pepper or masking",
        choices=("gaussian", "salt_and_pepper", "masking"),
    )
    corruption_level: float = option(
        0.3, "share of pixels; for gaussian the standard deviation", at_least=0
    )


@keras.saving.register_keras_serializable("vae_keras")
class DenoisingAutoencoder(Autoencoder):
    """Rebuilds the clean input from a corrupted one (Vincent et al. 2008).

    The corruption is drawn afresh at every training step; validation and test see clean inputs,
    unless `corrupt` is called. Gaussian noise is cut off at 0 and 1, the range of the data.
    """

    Options = DenoisingOptions

    def __init__(
        self,
        image_shape,
        latent_dim=32,
        network="dense",
        reconstruction="mse",
        corruption="salt_and_pepper",
        corruption_level=0.3,
        **kwargs,
    ):
        super().__init__(image_shape, latent_dim, network, reconstruction, **kwargs)
        if corruption != "gaussian" and corruption_level > 1:
            raise UserError(f"--corruption-level {corruption_level} is a share: at most 1")
        self.corruption, self.corruption_level = corruption, corruption_level

    def get_config(self):
        own = {"corruption": self.corruption, "corruption_level": self.corruption_level}
        return {**super().get_config(), **own}

    def objective(self, batch: Batch, training: bool) -> dict:
        if training:
            batch = batch._replace(x=self.corrupt(batch, training))
        return super().objective(batch, training)

    def corrupt(self, batch: Batch, training: bool = False):
        """The corrupted inputs [batch, *image_shape]; which pixels is as in `noise`."""
        x, level = batch.x, self.corruption_level
        if self.corruption == "gaussian":
            return ops.clip(x + level * self.noise(batch, self.image_shape, training), 0.0, 1.0)
        uniform = self.random(tf.random.stateless_uniform, batch, self.image_shape, training)
        if self.corruption == "masking":
            return ops.where(uniform < level, 0.0, x)
        return ops.where(uniform < level / 2, 0.0, ops.where(uniform < level, 1.0, x))

    def figures(self, dataset):
        """Peak signal-to-noise ratio in decibels on corrupted test images: ours and two others."""
        clean, noisy, denoised = self._corrupted(dataset, MOST_IMAGES)
        size = (1, 3, 3, 1)  # a median over 3×3 pixels of each image and channel
        pca = fitted_pca(dataset.train, min(self.latent_dim, len(dataset.train), clean[0].size))
        pixels = noisy.reshape(len(noisy), -1)
        return {
            "psnr_corrupted": psnr(clean, noisy),
            "psnr_denoised": psnr(clean, denoised),
            "psnr_median_filter": psnr(clean, scipy.ndimage.median_filter(noisy, size)),
            "psnr_pca": psnr(
                clean, pca.inverse_transform(pca.transform(pixels)).reshape(noisy.shape)
            ),
        }

    def exhibits(self, dataset):
        clean, noisy, denoised = self._corrupted(dataset, 10)
        rows = {"clean": clean, "corrupted": noisy, "denoised": denoised}
        return {**super().exhibits(dataset), "denoising": rows}

    def _corrupted(self, dataset, most):
        clean, _ = dataset.test.take(slice(most)).arrays()
        noisy = np.asarray(self.corrupt(self.prepare(clean)))
        return clean, noisy, self.predict(noisy, verbose=0)


def psnr(clean, other) -> float:
    """Peak signal-to-noise ratio of images in [0, 1], in decibels, averaged over images."""
    error = np.mean((clean - np.clip(other, 0, 1)) ** 2, axis=(1, 2, 3))
    return float(np.mean(-10 * np.log10(np.maximum(error, 1e-10))))


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
