"""What people would use instead, written anew: the same layers, losses, optimizer and batch.

A rival is made from training images, float32 [n, 28, 28, 1] between 0 and 1. `epoch` trains once on
all of them, and `test_loss` is the mean of reconstruction loss and KL on other images, in nats.
PyTorch is needed for two of them: pip install torch.
"""

import math

import keras
import numpy as np
from keras import layers, ops

from vae_keras.networks import Network

BATCH = 128


@keras.saving.register_keras_serializable("benchmarks")
class ExampleNetwork(Network):
    """The convolutional encoder and decoder of the example "vae" of keras.io."""

    name = "example"

    def encoder(self, input_shape):
        """[batch, 28, 28, 1] -> features [batch, 16]."""
        return keras.Sequential(
            [
                keras.Input(input_shape),
                layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
                layers.Flatten(),
                layers.Dense(16, activation="relu"),
            ]
        )

    def decoder(self, code_size, output_shape):
        """[batch, code_size] -> logits [batch, 28, 28, 1]."""
        return keras.Sequential(
            [
                keras.Input((code_size,)),
                layers.Dense(7 * 7 * 64, activation="relu"),
                layers.Reshape((7, 7, 64)),
                layers.Conv2DTranspose(64, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2DTranspose(1, 3, padding="same"),
            ]
        )


@keras.saving.register_keras_serializable("benchmarks")
class PlainVAE(keras.Model):
    """A VAE as short as the example's: probabilities at the decoder's end, one `train_step`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        features = ExampleNetwork().encoder((28, 28, 1))
        heads = [layers.Dense(2)(features.outputs[0]) for _ in range(2)]
        self.encoder = keras.Model(features.inputs, heads)
        logits = ExampleNetwork().decoder(2, (28, 28, 1))
        self.decoder = keras.Model(logits.inputs, ops.sigmoid(logits.outputs[0]))
        names = ("loss", "reconstruction_loss", "kl_loss")
        self.means = [keras.metrics.Mean(name) for name in names]
        self.generator = keras.random.SeedGenerator(0)

    @property
    def metrics(self):
        return self.means

    def losses_of(self, x):
        """The mean loss of a batch, and its two parts."""
        z_mean, z_log_var = self.encoder(x)
        noise = keras.random.normal(ops.shape(z_mean), seed=self.generator)
        rebuilt = self.decoder(z_mean + ops.exp(0.5 * z_log_var) * noise)
        each = keras.losses.binary_crossentropy(x, rebuilt)  # the mean over the one channel
        reconstruction = ops.mean(ops.sum(each, axis=(1, 2)))
        kl = -0.5 * (1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var))
        kl = ops.mean(ops.sum(kl, axis=1))
        return reconstruction + kl, reconstruction, kl

    def tracked(self, found):
        """What a step returns."""
        for mean, value in zip(self.means, found):
            mean.update_state(value)
        return {mean.name: mean.result() for mean in self.means}

    def train_step(self, x):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            found = self.losses_of(x)
        gradients = tape.gradient(found[0], self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
        return self.tracked(found)

    def test_step(self, x):
        return self.tracked(self.losses_of(x))


class KerasExample:
    """The example of keras.io in a plain `fit`, with the data in memory."""

    def __init__(self, images):
        keras.utils.set_random_seed(0)
        self.model, self.images = PlainVAE(), images
        self.model.compile(keras.optimizers.Adam())

    def epoch(self):
        self.model.fit(self.images, batch_size=BATCH, verbose=0)

    def test_loss(self, images):
        return self.model.evaluate(images, batch_size=1000, verbose=0, return_dict=True)["loss"]


class TorchRival:
    """A VAE in PyTorch, step by step, with the data in memory."""

    channels_last = False

    def __init__(self, images):
        import torch

        torch.manual_seed(0)
        self.torch = torch
        self.images = self.tensor(images)
        self.build()
        if self.channels_last:
            self.module.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.module.parameters(), 1e-3)

    def tensor(self, images):
        """Images as PyTorch has them, [n, 1, 28, 28]."""
        found = self.torch.from_numpy(np.moveaxis(images, -1, 1).copy())
        form = self.torch.channels_last if self.channels_last else self.torch.contiguous_format
        return found.to(memory_format=form)

    def loss(self, x):
        """The sum of reconstruction loss and KL over a batch."""
        torch = self.torch
        features = self.features(x)
        z_mean, z_log_var = self.z_mean(features), self.z_log_var(features)
        rebuilt = self.decoder(z_mean + torch.exp(0.5 * z_log_var) * torch.randn_like(z_mean))
        entropy = torch.nn.functional.binary_cross_entropy
        reconstruction = entropy(rebuilt.reshape(x.shape), x, reduction="sum")
        return reconstruction - 0.5 * torch.sum(1 + z_log_var - z_mean**2 - z_log_var.exp())

    def epoch(self):
        for rows in self.torch.randperm(len(self.images)).split(BATCH):
            self.optimizer.zero_grad()
            (self.loss(self.images[rows]) / self.share(len(rows))).backward()
            self.optimizer.step()

    def share(self, count):
        """What the loss of `count` images is divided by."""
        return count

    def test_loss(self, images):
        with self.torch.no_grad():
            parts = self.tensor(images).split(1000)
            return float(sum(self.loss(part) for part in parts)) / len(images)


class TorchExample(TorchRival):
    """The example "vae" of PyTorch: one hidden layer of 400 on both sides, 20 numbers in a code.

    The loss that it minimises is the sum over the batch.
    """

    def build(self):
        nn = self.torch.nn
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU())
        self.z_mean, self.z_log_var = nn.Linear(400, 20), nn.Linear(400, 20)
        self.decoder = nn.Sequential(
            nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid()
        )
        parts = (self.features, self.z_mean, self.z_log_var, self.decoder)
        self.module = nn.ModuleList(parts)

    def share(self, count):
        return 1


class TorchConv(TorchRival):
    """The network of keras.io's example in PyTorch."""

    def build(self):
        nn = self.torch.nn

        def up(channels, filters):
            return nn.ConvTranspose2d(channels, filters, 3, 2, padding=1, output_padding=1)

        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 64, 3, 2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(7 * 7 * 64, 16), nn.ReLU(),
        )  # fmt: skip
        self.z_mean, self.z_log_var = nn.Linear(16, 2), nn.Linear(16, 2)
        self.decoder = nn.Sequential(
            nn.Linear(2, 7 * 7 * 64), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
            up(64, 64), nn.ReLU(), up(64, 32), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip
        parts = (self.features, self.z_mean, self.z_log_var, self.decoder)
        self.module = nn.ModuleList(parts)


class TorchConvChannelsLast(TorchConv):
    """The same with the channels last in memory."""

    channels_last = True


RIVALS = {
    rival.__name__: rival
    for rival in (KerasExample, TorchExample, TorchConv, TorchConvChannelsLast)
}


def multiplications(model) -> int:
    """The multiplications of dense layers in a training step, for one example.

    The gradients need two products where the output needs one, but the first layer has no gradient
    to hand on.
    """
    layers_of = [*model.encoder._flatten_layers(), *model.decoder._flatten_layers()]
    kernels = [math.prod(layer.kernel.shape) for layer in layers_of if hasattr(layer, "kernel")]
    return 3 * sum(kernels) - kernels[0]
