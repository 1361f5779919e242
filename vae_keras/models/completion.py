"""Filling in the hidden quadrants of an image: prediction of structured output."""

import keras
import numpy as np
from keras import ops

from vae_keras.models.autoencoder import Autoencoder
from vae_keras.models.vae import VAE

QUADRANTS = ((1, 0), (0, 0), (0, 1))  # lower left, upper left, upper right: shown in this order


def hidden_mask(example_shape, visible: int) -> np.ndarray:
    """1 where a pixel is hidden, 0 in the first `visible` quadrants: [height, width, 1]."""
    height, width, _ = example_shape
    mask = np.ones((height, width, 1), np.float32)
    for lower, right in QUADRANTS[:visible]:
        rows = slice(height // 2, None) if lower else slice(None, height // 2)
        columns = slice(width // 2, None) if right else slice(None, width // 2)
        mask[rows, columns] = 0
    return mask


@keras.saving.register_keras_serializable("vae_keras")
class CompletionNetwork(Autoencoder):
    """The plain network: one prediction of the hidden quadrants from 1 to 3 `visible` ones."""

    def __init__(self, example_shape, *args, visible=1, loss="bce", **kwargs):
        super().__init__(example_shape, *args, loss=loss, **kwargs)
        self.visible, self.loss_mask = visible, hidden_mask(example_shape, visible)

    def get_config(self):
        return {**super().get_config(), "visible": self.visible}

    def prepare(self, data):
        batch = super().prepare(data)
        return batch._replace(x=batch.x * (1 - self.loss_mask))


@keras.saving.register_keras_serializable("vae_keras")
class CompletionVAE(VAE):
    """A VAE of p(hidden quadrants | visible quadrants) (Sohn, Lee and Yan 2015).

    The encoder sees the whole image, the decoder the code and features of what is visible. The
    prior is N(0, I): what it does not know of the visible part, the decoder can make up for.
    """

    def __init__(self, example_shape, *args, visible=1, **kwargs):
        super().__init__(example_shape, *args, **kwargs)
        self.visible, self.loss_mask = visible, hidden_mask(example_shape, visible)

    def build_decoder(self, code_size=None):
        self.condition_encoder = self.network.encoder(self.example_shape)
        features = self.condition_encoder.output_shape[-1]
        return super().build_decoder(self.latent_dim + features)

    def get_config(self):
        return {**super().get_config(), "visible": self.visible}

    def prepare(self, data):
        batch = super().prepare(data)
        return batch._replace(condition=batch.x * (1 - self.loss_mask))

    def parameters(self, z, condition=None):
        return self.decoder(ops.concatenate([z, self.condition_encoder(condition)], axis=-1))

    def complete(self, x, seed):
        """Images with their hidden quadrants drawn anew, from a sample of the prior for each."""
        batch = self.prepare(x)
        z = self.prior.sample(ops.shape(batch.x)[0], seed)
        drawn = self.reconstruction.mean(self.parameters(z, batch.condition))
        return batch.condition + drawn * self.loss_mask
