"""What every data set is: three splits of examples that give `tf.data` pipelines."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import tensorflow as tf

from vae_keras.errors import UserError

SPLIT_SEED = 0  # splits are the same for every run, whatever its seed
MOST_VALIDATION = 5_000
MOST_BATCH_VALUES = 1_000_000  # in a batch of evaluation


@dataclass(frozen=True)
class Examples:
    """One split: the `rows` of `images` that belong to it, and their labels.

    `images` [n, height, width, channels] is uint8 (0 to 255) or float32 (0 to 1), an array or a
    memory map that is read batch by batch. `labels` is int [n] or None, `attributes` float32 [n, k]
    or None (1 and 0 for those that an example has or has not). `binarisation` says how
    the values were made 0 or 1 ("static"), are made so when they are read ("dynamic", "threshold"),
    or that they are as they are ("none").

    Sequences of tokens are int32 [n, steps] in the place of images. `augmentation` changes values
    when they are read for training: a function of (values, key), key as in `pixels`.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    rows: np.ndarray = field(default=None)
    binarisation: str = "none"
    attributes: np.ndarray | None = None
    augmentation: Callable | None = None

    def __post_init__(self):
        if self.rows is None:
            object.__setattr__(self, "rows", np.arange(len(self.images)))

    def __len__(self):
        return len(self.rows)

    @property
    def own_labels(self) -> np.ndarray | None:
        """The labels of this split alone: int [n], or None."""
        return None if self.labels is None else self.labels[self.rows]

    @property
    def own_attributes(self) -> np.ndarray | None:
        """The attributes of this split alone: float32 [n, k], or None."""
        return None if self.attributes is None else self.attributes[self.rows]

    def take(self, selection) -> "Examples":
        """The examples at the positions (or slice) `selection` of this split."""
        return replace(self, rows=self.rows[selection])

    def arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        """All images as float32 in [0, 1], and all labels. For small splits."""
        return _to_unit_range(self.pixels(slice(None))), self.own_labels

    def pixels(self, index, key=None) -> np.ndarray:
        """The images at the positions `index`, as they are stored or binarised to 0 and 255.

        What is drawn is a function of `key` (integers) if there is one, else of the example alone.
        """
        rows = self.rows[index]
        images = np.asarray(self.images[rows])
        if self.augmentation is not None and key is not None:
            images = self.augmentation(images, key).astype(images.dtype)
        if self.binarisation == "threshold":
            return _white(images >= (128 if images.dtype == np.uint8 else 0.5))
        if self.binarisation != "dynamic":
            return images
        if key is not None:
            return _drawn(images, key)
        return np.stack([_drawn(image, (row,)) for image, row in zip(images, rows)])

    def batches(self, batch_size: int | None = None) -> tf.data.Dataset:
        """The examples in order, once: dictionaries of x, index and, where there are any, label.

        Without a size the batches are large for small images, which is fast, and small for large
        ones, which saves memory.
        """
        if batch_size is None:
            batch_size = min(1_000, max(1, MOST_BATCH_VALUES // math.prod(self.images.shape[1:])))
        return self._gather(tf.data.Dataset.range(len(self)).batch(batch_size))

    def shuffled_batches(
        self, batch_size: int, seed: int, first_epoch: int, epochs: int
    ) -> tf.data.Dataset:
        """The batches of the epochs `first_epoch` to `epochs` (excluded), one after another.

        The order within an epoch is a function of (seed, epoch) alone, a dynamic binarisation one
        of (seed, step).
        """

        def order(epoch):
            rows = tf.range(len(self), dtype=tf.int64)
            shuffled = tf.random.experimental.stateless_shuffle(
                rows, tf.stack([tf.constant(seed, tf.int64), epoch])
            )
            return tf.data.Dataset.from_tensor_slices(shuffled).batch(batch_size)

        first_step = first_epoch * math.ceil(len(self) / batch_size)
        return self._gather(
            tf.data.Dataset.range(first_epoch, epochs).flat_map(order), seed, first_step
        )

    def _gather(self, order: tf.data.Dataset, seed=None, first_step=0) -> tf.data.Dataset:
        """The examples at the positions that `order` gives, batch by batch.

        With a `seed` they are binarised anew at every step.
        """
        shape, kind = self.images.shape[1:], tf.as_dtype(self.pixels(slice(1)).dtype)

        def pixels(step, index):
            return self.pixels(index, None if seed is None else (seed, step))

        def gather(step, index):
            images = tf.numpy_function(pixels, [step, index], kind)
            batch = {"x": _to_unit_range(tf.ensure_shape(images, (None, *shape))), "index": index}
            if self.labels is not None:
                batch["label"] = tf.gather(self.own_labels.astype(np.int32), index)
            return batch

        parallel = dict(num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return order.enumerate(first_step).map(gather, **parallel).prefetch(tf.data.AUTOTUNE)


def _drawn(images, key):
    """Each pixel white with its value as probability: exactly that, also for uint8."""
    generator = np.random.Generator(np.random.SFC64(key))
    if images.dtype == np.uint8:  # v of the 255 numbers 0 … 254 lie below v
        return _white(generator.integers(0, 255, images.shape, np.uint8) < images)
    return _white(generator.random(images.shape, np.float32) < images)


def _white(is_white):
    return is_white.astype(np.uint8) * np.uint8(255)


def _to_unit_range(images):
    """uint8 0…255 -> float32 0…1, for arrays and tensors; float32 stays as it is."""
    if images.dtype != np.uint8:
        return images
    if isinstance(images, np.ndarray):
        return images.astype(np.float32) / np.float32(255)
    return tf.cast(images, tf.float32) / 255.0


@dataclass(frozen=True)
class Dataset:
    """A named data set. Validation is cut from training; test is touched once, at the end."""

    name: str
    train: Examples
    validation: Examples
    test: Examples
    class_names: tuple[str, ...] = ()
    attribute_names: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()  # of tokens, if they are sequences
    end: int | None = None  # the token that ends a sequence, if there is one

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.train.images.shape[1:]

    @property
    def class_count(self) -> int:
        """How many classes the labels tell apart."""
        return len(self.class_names)

    def require_labels(self):
        """Raise UserError unless training and test examples are labelled, with several classes."""
        for split, examples in (("training", self.train), ("test", self.test)):
            if examples.labels is None:
                raise UserError(
                    f"data set {self.name!r} has no {split} labels, which this needs: use "
                    "sub-folders as labels, or an archive with y_train and y_test"
                )
            if len(np.unique(examples.own_labels)) < 2:
                raise UserError(f"data set {self.name!r} has a single {split} label: need two")

    def has_several_labels(self) -> bool:
        """Whether `require_labels` is content."""
        try:
            self.require_labels()
        except UserError:
            return False
        return True

    @property
    def kind(self) -> str:
        """What its figures compare with: grey, colour, dynamic, static, threshold or tokens."""
        if self.train.binarisation != "none":
            return self.train.binarisation
        if self.vocabulary:
            return "tokens"
        return "grey" if self.image_shape[-1] == 1 else "colour"

    def mean_image(self, most=10_000) -> np.ndarray:
        """The mean of at most so many training images, all along the split."""
        some = self.train.take(slice(None, None, math.ceil(len(self.train) / most)))
        total = sum(batch["x"].numpy().sum(axis=0, dtype=np.float64) for batch in some.batches())
        return (total / len(some)).astype(np.float32)

    def value_range(self) -> tuple[float, float]:
        """The smallest and largest value that an example can have."""
        if self.train.images.dtype == np.uint8 or self.train.binarisation != "none":
            return 0.0, 1.0
        return tuple(float(f(s.images)) for f, s in ((np.min, self.train), (np.max, self.train)))


def split_dataset(
    name,
    examples: Examples,
    test: Examples | None = None,
    class_names=(),
    test_share=0.1,
    attribute_names=(),
):
    """Split `examples` into training and validation, and set the test apart if there is none.

    Validation is a tenth of what is left after the test, at most 5,000 examples.
    """
    if len(examples) < 10:
        raise UserError(f"{name}: {len(examples)} training examples are too few, need at least 10")
    if examples.labels is not None:
        labels = [split.labels for split in (examples, test) if split is not None]
        largest = max(int(part.max()) for part in labels if part is not None)
        class_names = [*class_names, *map(str, range(len(class_names), largest + 1))]
    order = np.random.default_rng(SPLIT_SEED).permutation(len(examples))
    if test is None:
        held_out = max(1, round(test_share * len(order)))
        test, order = examples.take(np.sort(order[:held_out])), order[held_out:]
    held_out = min(max(1, len(order) // 10), MOST_VALIDATION)
    return Dataset(
        name=name,
        train=examples.take(np.sort(order[held_out:])),
        validation=examples.take(np.sort(order[:held_out])),
        test=test,
        class_names=tuple(class_names),
        attribute_names=tuple(attribute_names),
    )
