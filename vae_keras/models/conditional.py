"""The conditional variational autoencoder."""

import keras
import tensorflow as tf
from keras import layers, ops

from vae_keras.config.rungs import ConditionalOptions
from vae_keras.errors import UserError
from vae_keras.models.vae import VAE


@keras.saving.register_keras_serializable("vae_keras")
class ConditionalVAE(VAE):
    """A VAE of p(x|label): encoder and decoder are told the label (Sohn, Lee and Yan 2015).

    The encoder sees it as one more channel of the image, a learned plane for each class, the
    decoder as a one-hot vector beside the code. So the code need not say which class it is, and is
    left with the style.
    """

    Options = ConditionalOptions
    takes_labels = True

    def __init__(self, example_shape, *args, classes=10, **kwargs):
        self.classes = classes  # before encoder and decoder are built
        super().__init__(example_shape, *args, **kwargs)

    @classmethod
    def arguments_for(cls, dataset, options):
        if dataset.train.labels is None:
            raise UserError(
                f"the conditional model needs labels, but {dataset.name} has none: use sub-folders "
                "as labels, an archive with y_train, or the model vae"
            )
        return {**super().arguments_for(dataset, options), "classes": dataset.class_count}

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}

    def build_encoder(self, input_shape=None):
        height, width, channels = self.example_shape
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
        """One-hot labels: int [batch] -> [batch, classes]. Raises UserError without labels."""
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
