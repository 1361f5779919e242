"""The denoising autoencoder."""

import keras
import tensorflow as tf
from keras import ops

from vae_keras.config.rungs import DenoisingOptions
from vae_keras.errors import UserError
from vae_keras.models.autoencoder import Autoencoder, Batch


@keras.saving.register_keras_serializable("vae_keras")
class DenoisingAutoencoder(Autoencoder):
    """Rebuilds the clean example from a corrupted one (Vincent et al. 2008).

    The corruption is drawn anew at every training step. Validation and test see clean inputs,
    unless one calls `corrupt`. With Gaussian noise, the values of images are clipped to [0, 1],
    their range; numbers of a row have none.
    """

    Options = DenoisingOptions
    options: DenoisingOptions

    @classmethod
    def arguments_for(cls, dataset, options):
        """The shape of an example, as an argument of the constructor.

        Raises UserError if the corruption is one of pixels, and the examples have none.
        """
        if dataset.kind.family != "images" and options.corruption == "salt_and_pepper":
            raise UserError(
                "--corruption salt_and_pepper makes pixels black and white, but "
                f"{dataset.name} has {dataset.kind.plural}: give --corruption gaussian or masking"
            )
        return super().arguments_for(dataset, options)

    def objective(self, batch: Batch, training: bool) -> dict:
        if training:
            batch = batch._replace(x=self.corrupt(batch, training))
        return super().objective(batch, training)

    def corrupt(self, batch: Batch, training: bool = False):
        """The inputs of a batch with values corrupted: [batch, *example_shape].

        `training` decides the random numbers, see `noise`.
        """
        x, level = batch.x, self.options.corruption_level
        if self.options.corruption == "gaussian":
            noisy = x + level * self.noise(batch, self.example_shape, training)
            return ops.clip(noisy, 0.0, 1.0) if len(self.example_shape) == 3 else noisy
        draw = tf.random.stateless_uniform
        uniform = self.noise(batch, self.example_shape, training, draw)
        if self.options.corruption == "masking":
            return ops.where(uniform < level, 0.0, x)
        return ops.where(uniform < level / 2, 0.0, ops.where(uniform < level, 1.0, x))
