"""The denoising autoencoder."""

from dataclasses import dataclass

import keras
import numpy as np
import scipy.ndimage
import tensorflow as tf
from keras import ops

from vae_keras.config.options import option
from vae_keras.errors import UserError
from vae_keras.evaluation.pixels import fitted_pca, psnr
from vae_keras.models.autoencoder import Autoencoder, AutoencoderOptions, Batch

MOST_IMAGES = 2_000  # for figures that are slow to compute


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
