"""A classifier that is trained on real images, independently of a model, and judges its images."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

from vae_keras.data.dataset import Dataset, Examples

STEPS, BATCH = 1_500, 64  # training steps, and images in each
FEATURES = 128  # units of the last hidden layer
LARGE_SIDE = 32  # side in pixels above which the first convolution has a stride


@dataclass(frozen=True)
class Classifier:
    """A classifier of images, either by their class or by each of several attributes.

    `accuracy` is that on the real test images: one number for classes, [attributes] otherwise.
    """

    network: keras.Model
    accuracy: np.ndarray

    def probabilities(self, images) -> np.ndarray:
        """The probability of each class or attribute in images [n, *example_shape]: [n, k]."""
        return self.network.predict(np.clip(images, 0, 1), batch_size=200, verbose=0)

    def features(self, images) -> np.ndarray:
        """What the last hidden layer gives for images [n, *example_shape]: [n, FEATURES]."""
        return self._hidden.predict(np.clip(images, 0, 1), batch_size=200, verbose=0)

    @functools.cached_property
    def _hidden(self) -> keras.Model:
        return keras.Model(self.network.inputs, self.network.layers[-2].output)

    def classes(self, images) -> np.ndarray:
        """The likeliest class of each image: int [n]."""
        return self.probabilities(images).argmax(axis=-1)

    def sees(self, images) -> np.ndarray:
        """True where an attribute has a probability above ½: bool [n, attributes]."""
        return self.probabilities(images) > 0.5


def trained_classifier(
    dataset: Dataset, attributes: Sequence[str] = (), seed=0, steps: int | None = None
) -> Classifier:
    """Train a small convolutional network on the training images; measure it on the test images.

    It recognises the `attributes` with these names or, without names, the classes. It takes STEPS
    training steps unless `steps` are given, rounded up to whole epochs. Raises UserError if the
    classes are wanted and there are no labels of at least two of them.
    """
    if not attributes:
        dataset.require_labels()
    keras.utils.set_random_seed(seed)
    network = _network(dataset, len(attributes))
    epoch = math.ceil(len(dataset.train) / BATCH)
    epochs = math.ceil((steps or STEPS) / epoch)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * epoch)
    loss = "binary_crossentropy" if attributes else "sparse_categorical_crossentropy"
    network.compile(keras.optimizers.Adam(rate), loss)
    network.optimizer.build(network.trainable_variables)  # else the first step is traced twice
    targets = ops.convert_to_tensor(_truth(dataset, dataset.train, attributes))
    batches = dataset.train.shuffled_batches(BATCH, seed, 0, epochs)
    network.fit(
        batches.map(lambda batch: (batch["x"], ops.take(targets, batch["index"], axis=0))),
        epochs=epochs,
        steps_per_epoch=epoch,
        shuffle=False,
        verbose=0,
    )
    images, truth = dataset.test.arrays()[0], _truth(dataset, dataset.test, attributes)
    judge = Classifier(network, np.zeros(len(attributes)))
    found = judge.sees(images) if attributes else judge.classes(images)
    return Classifier(network, (found == truth).mean(axis=0))


def _network(dataset: Dataset, attributes: int) -> keras.Model:
    outputs = attributes or dataset.class_count
    kernel = [min(4, side) for side in dataset.example_shape[:2]]  # an image may be smaller
    stride = 4 if min(dataset.example_shape[:2]) > LARGE_SIDE else 1
    return keras.Sequential(
        [
            keras.Input(dataset.example_shape),
            layers.Conv2D(16, kernel, stride, activation="relu"),
            layers.Conv2D(64, 3, 2, padding="same", activation="relu"),
            layers.Conv2D(128, 3, 2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(FEATURES, activation="relu"),
            layers.Dense(outputs, activation="sigmoid" if attributes else "softmax"),
        ]
    )


def _truth(dataset: Dataset, examples: Examples, attributes: Sequence[str]) -> np.ndarray:
    """The targets for a split: attributes, float32 [n, k], or classes, int [n]."""
    truth = dataset.attributes_of(examples, attributes) if attributes else examples.own_labels
    assert truth is not None
    return truth
