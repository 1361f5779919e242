"""Models that fill in the hidden quadrants of an image (Sohn, Lee and Yan 2015)."""

import keras
import numpy as np
from keras import ops

from vae_keras.models.autoencoder import Autoencoder
from vae_keras.models.vae import VAE

# (lower, right) of the quadrants in the order in which they are shown: lower left, upper left,
# upper right. The lower right one is always hidden.
QUADRANTS = ((1, 0), (0, 0), (0, 1))


def hidden_mask(example_shape, visible: int) -> np.ndarray:
    """A mask [height, width, 1]: 1 where pixels are hidden, 0 where they are visible.

    The visible pixels are those of the first `visible` of `QUADRANTS`; `example_shape` is (height,
    width, channels).
    """
    height, width, _ = example_shape
    mask = np.ones((height, width, 1), np.float32)
    for lower, right in QUADRANTS[:visible]:
        rows = slice(height // 2, None) if lower else slice(None, height // 2)
        columns = slice(width // 2, None) if right else slice(None, width // 2)
        mask[rows, columns] = 0
    return mask


@keras.saving.register_keras_serializable("vae_keras")
class CompletionNetwork(Autoencoder):
    """A plain network that predicts the hidden quadrants of an image from 1 to 3 `visible` ones.

    The encoder sees the visible quadrants alone. Only hidden pixels count in the loss.
    """

    def __init__(self, example_shape, *args, visible=1, loss="bce", **kwargs):
        super().__init__(example_shape, *args, loss=loss, **kwargs)
        self.visible, self.loss_mask = visible, hidden_mask(example_shape, visible)

    def get_config(self):
        return {**super().get_config(), "visible": self.visible}

    def prepare(self, data):
        """Turn whole images into a `Batch` whose `x` is 0 where pixels are hidden."""
        batch = super().prepare(data)
        return batch._replace(x=batch.x * (1 - self.loss_mask))


@keras.saving.register_keras_serializable("vae_keras")
class CompletionVAE(VAE):
    """A VAE of p(hidden quadrants | visible quadrants) (Sohn, Lee and Yan 2015).

    From 1 to 3 quadrants are `visible`. The encoder sees the whole image; the decoder sees the code
    and features of the visible part. The prior is N(0, I) whatever is visible: the decoder can make
    up for that, because it sees the visible part itself. Only hidden pixels count in the loss.
    """

    def __init__(self, example_shape, *args, visible=1, **kwargs):
        super().__init__(example_shape, *args, **kwargs)
        self.visible, self.loss_mask = visible, hidden_mask(example_shape, visible)

    def build_decoder(self, code_size=None):
        """Make the decoder of a code beside features of the visible part, and their encoder."""
        self.condition_encoder = self.network.encoder(self.example_shape)
        features = self.condition_encoder.output_shape[-1]
        return super().build_decoder(self.latent_dim + features)

    def get_config(self):
        return {**super().get_config(), "visible": self.visible}

    def prepare(self, data):
        """Turn whole images into a `Batch` whose `condition` is 0 where pixels are hidden."""
        batch = super().prepare(data)
        return batch._replace(condition=batch.x * (1 - self.loss_mask))

    def decoder_inputs(self, z, condition=None):
        """Codes `z` [batch, latent_dim] beside features of the visible part.

        `condition` holds images that are 0 where pixels are hidden.
        """
        return ops.concatenate([z, self.condition_encoder(condition)], axis=-1)

    def complete(self, x, seed):
        """Images `x` with other hidden quadrants: the mean at one sample of the prior for each.

        `seed` is int32 [2]; the images keep their shape [batch, height, width, channels].
        """
        batch = self.prepare(x)
        z = self.prior.sample(ops.shape(batch.x)[0], seed)
        drawn = self.reconstruction.mean(self.parameters(z, batch.condition))
        return batch.condition + drawn * self.loss_mask
