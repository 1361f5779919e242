"""The conditional variational autoencoder."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from vae_keras.config.options import option
from vae_keras.errors import UserError
from vae_keras.models.vae import VAE, VAEOptions


@dataclass(frozen=True, kw_only=True)
class ConditionalOptions(VAEOptions):
    latent_dim: int = option(10, "size of the code", at_least=1)


@keras.saving.register_keras_serializable("vae_keras")
class ConditionalVAE(VAE):
    """A VAE of p(x|label): encoder and decoder are told the label (Sohn, Lee and Yan 2015).

    The encoder sees it as one more channel of the image, a learned plane for each class, the
    decoder as a one-hot vector beside the code. So the code need not say which class it is, and is
    left with the style.
    """

    Options = ConditionalOptions
    takes_labels = True

    def __init__(self, image_shape, *args, classes=10, **kwargs):
        self.classes = classes  # before encoder and decoder are built
        super().__init__(image_shape, *args, **kwargs)

    @classmethod
    def from_options(cls, options, dataset, steps_per_epoch, **common):
        if dataset.train.labels is None:
            raise UserError(
                f"the conditional model needs labels, but {dataset.name} has none: use sub-folders "
                "as labels, an archive with y_train, or --model vae"
            )
        classes = dataset.class_count
        return super().from_options(options, dataset, steps_per_epoch, classes=classes, **common)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}

    def build_encoder(self, input_shape=None):
        height, width, channels = self.image_shape
        self.label_plane = keras.Sequential(
            [
                keras.Input((self.classes,)),
                layers.Dense(height * width, use_bias=False),
                layers.Reshape((height, width, 1)),
            ],
            name="label_plane",
        )
        return super().build_encoder((height, width, channels + 1))

    def build_decoder(self, code_size=None):
        return super().build_decoder(self.latent_dim + self.classes)

    def condition(self, label):
        """One-hot labels: int [batch] -> [batch, classes]."""
        if label is None:
            raise UserError("a conditional model needs labels beside the images")
        label = tf.convert_to_tensor(label)
        message = f"labels must be 0 to {self.classes - 1}"
        in_range = [
            tf.debugging.assert_non_negative(label, message),
            tf.debugging.assert_less(label, tf.cast(self.classes, label.dtype), message),
        ]
        with tf.control_dependencies([check for check in in_range if check is not None]):
            return tf.one_hot(label, self.classes)

    def head_outputs(self, x, condition=None):
        return super().head_outputs(ops.concatenate([x, self.label_plane(condition)], axis=-1))

    def parameters(self, z, condition=None):
        return self.decoder(ops.concatenate([z, condition], axis=-1))

    def generate(self, count, seed, label=None):
        """Decoded samples of the prior; without `label` every class in turn."""
        if label is None:
            label = tf.range(count) % self.classes
        return super().generate(count, seed, label)

    def exhibits(self, dataset):
        styles, labels = 8, np.arange(self.classes)
        z = np.asarray(self.prior.sample(styles, (self.seed, 1)))
        rows = {
            f"style {i + 1}": self.decode(np.repeat(z[i : i + 1], self.classes, axis=0), labels)
            for i in range(styles)
        }
        return {**super().exhibits(dataset), "styles": rows}
