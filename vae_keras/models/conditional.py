"""The conditional variational autoencoder."""

import math

import keras
import tensorflow as tf
from keras import layers, ops

from vae_keras.config.rungs import ConditionalOptions
from vae_keras.errors import UserError
from vae_keras.models.vae import VAE


@keras.saving.register_keras_serializable("vae_keras")
class ConditionalVAE(VAE):
    """A VAE of p(x|label): encoder and decoder are told the label (Sohn, Lee and Yan 2015).

    The encoder sees the label as one more channel of the image, a learned plane for each class. The
    decoder sees it as a one-hot vector beside the code. So the code need not say which class an
    example has, and is left for the style. `classes` is the number of labels.
    """

    Options = ConditionalOptions
    takes_labels = True

    def __init__(self, example_shape, *args, classes=10, **kwargs):
        self.classes = classes  # before encoder and decoder are built
        super().__init__(example_shape, *args, **kwargs)

    @classmethod
    def arguments_for(cls, dataset, options):
        """The shape of an example and the number of classes, as arguments of the constructor.

        Raises UserError if the training or the test data have no labels.
        """
        if dataset.train.labels is None:
            raise UserError(
                f"the conditional model needs labels, but {dataset.name} has none: use sub-folders "
                "as labels, an archive with y_train, or the model vae"
            )
        if dataset.test.labels is None:
            raise UserError(
                f"the conditional model needs labels, but the test set of {dataset.name} has none: "
                "add y_test, leave out x_test, or use the model vae"
            )
        return {**super().arguments_for(dataset, options), "classes": dataset.class_count}

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}

    def build_encoder(self, input_shape=None):
        """Make the encoder of an image with the label's plane as one more channel.

        Beside the numbers of a row it sees as many numbers of the label as there are classes.
        """
        *space, channels = self.example_shape
        plane = (*space, 1) if space else (self.classes,)
        self.label_plane = keras.Sequential(
            [
                keras.Input((self.classes,)),
                layers.Dense(math.prod(plane), use_bias=False),
                layers.Reshape(plane),
            ],
            name="label_plane",
        )
        return super().build_encoder((*space, channels + plane[-1]))

    def build_decoder(self, code_size=None):
        """Make the decoder of a code beside a one-hot label."""
        return super().build_decoder(self.latent_dim + self.classes)

    def condition(self, label):
        """One-hot labels: [batch] or [batch, 1] -> [batch, classes]; one-hot ones stay.

        Raises UserError if there are no labels, if they are words or have another shape, or if one
        is not a whole number from 0 to classes − 1; inside a graph, the last of these is
        TensorFlow's InvalidArgumentError.
        """
        if label is None:
            raise UserError("a conditional model needs labels beside the images: fit((x, labels))")
        label = tf.convert_to_tensor(label)
        if label.dtype == tf.string:
            raise UserError("labels are words: give the number of each class, from 0 on")
        if label.shape.rank == 2 and label.shape[1] == self.classes > 1:
            one_hot = tf.cast(label, tf.float32)
            label = tf.argmax(one_hot, axis=-1)
            message = "labels of this shape must be one-hot"
            check = _asserted_equal(tf.one_hot(label, self.classes), one_hot, message)
        elif label.shape.rank == 1 or label.shape[1:] == [1]:
            label = tf.reshape(label, (-1,))
            message = f"labels must be whole numbers from 0 to {self.classes - 1}"
            number = tf.cast(label, tf.float32)
            whole = tf.clip_by_value(tf.round(number), 0, self.classes - 1)
            check = _asserted_equal(number, whole, message)
        else:
            raise UserError(
                f"labels have shape {tuple(label.shape)}: give a number for each image, "
                f"[batch], or one-hot rows [batch, {self.classes}]"
            )
        with tf.control_dependencies([] if check is None else [check]):
            return tf.one_hot(tf.cast(label, tf.int32), self.classes)

    def head_outputs(self, x, condition=None):
        return super().head_outputs(ops.concatenate([x, self.label_plane(condition)], axis=-1))

    def decoder_inputs(self, z, condition=None):
        return ops.concatenate([z, condition], axis=-1)

    def generate(self, count, seed, label=None):
        """Decode `count` samples of the prior, with labels int [count]: [count, *example_shape].

        Without `label` the classes take turns. The same `seed` (a number, or int32 [2]) gives the
        same images.
        """
        if label is None:
            label = tf.range(count) % self.classes
        return super().generate(count, seed, label)


def _asserted_equal(found, expected, message: str):
    """Raise UserError if two tensors differ; inside a graph, return the operation to assert it."""
    try:
        return tf.debugging.assert_equal(found, expected, message)
    except tf.errors.InvalidArgumentError as error:
        raise UserError(message) from error
