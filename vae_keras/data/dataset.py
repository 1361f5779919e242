"""A data set: three splits of examples, which give `tf.data` pipelines.

TensorFlow is imported only when a pipeline is asked for, so that errors in a file show at once.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vae_keras.data.images.scaling import to_unit_range
from vae_keras.data.kinds import IMAGES, Kind
from vae_keras.errors import UserError
from vae_keras.files import printable

if TYPE_CHECKING:
    import tensorflow as tf

SPLIT_SEED = 0  # splits are the same for every run, whatever its seed
MOST_VALIDATION = 5_000  # examples
MOST_LOOKED_AT = 1_000  # examples, to tell what they are like
LARGE_SIDE = 40  # pixels of the shorter side above which images are large
FEW, MANY = 1_000, 20_000  # examples: below FEW there are few, from MANY on there are many
MOST_BATCH_VALUES = 1_000_000  # pixels or tokens in a batch of evaluation


class Share(NamedTuple):
    """Which parts of every batch a process reads: those at `own`, of `count` equal ones."""

    own: range
    count: int

    def of(self, key, index):
        """The (key, positions) of its parts of the batch that has a `key` and an `index`."""
        import tensorflow as tf

        size = tf.shape(index, tf.int64)[0]
        parts = tf.data.Dataset.range(self.own.start, self.own.stop)
        return parts.map(
            lambda part: (
                tf.concat([key, [part]], axis=0),
                index[size * part // self.count : size * (part + 1) // self.count],
            )
        )


@dataclass(frozen=True)
class Examples:
    """One split of a data set: those `rows` of `values` that belong to it, with their labels.

    `values` are images [n, height, width, channels], uint8 (0 to 255) or float32 (0 to 1), or rows
    of tokens, int32 [n, steps]. They are an array in memory, or a memory map that is read batch by
    batch. `labels` is int [n] or None. `attributes` is float32 [n, k] or None; a yes-or-no
    attribute is 1 or 0. All three cover every split; `rows` selects this one, and is all of them
    unless it is given.

    `binarisation` is "none"; "static" if the values are 0 or 1 already; "dynamic" or "threshold" if
    they become so when they are read. `augmentation` changes values that are read for training: it
    is a function of (values, key), with the key of `read`.
    """

    values: np.ndarray
    labels: np.ndarray | None = None
    rows: np.ndarray = field(default=None)  # type: ignore[arg-type]  # set in __post_init__
    binarisation: str = "none"
    attributes: np.ndarray | None = None
    augmentation: Callable | None = None

    def __post_init__(self):
        if self.rows is None:
            object.__setattr__(self, "rows", np.arange(len(self.values)))

    def __len__(self):
        return len(self.rows)

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of one example, such as (28, 28, 1)."""
        return self.values.shape[1:]

    @property
    def own_labels(self) -> np.ndarray | None:
        """The labels of this split: int [n], or None."""
        return None if self.labels is None else self.labels[self.rows]

    @property
    def own_attributes(self) -> np.ndarray | None:
        """The attributes of this split: float32 [n, k], or None."""
        return None if self.attributes is None else self.attributes[self.rows]

    def take(self, selection) -> "Examples":
        """The examples at the positions, or in the slice, `selection` of this split."""
        return replace(self, rows=self.rows[selection])

    def spread(self, count: int) -> "Examples":
        """At most `count` examples at equal distances, so that none of a sorted split is missed."""
        if count >= len(self):
            return self
        return self.take(np.linspace(0, len(self) - 1, count).round().astype(int))

    def arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        """All values, images as float32 in [0, 1], and all labels or None; for small splits."""
        return to_unit_range(self.read(slice(None))), self.own_labels

    def read(self, index, key=None) -> np.ndarray:
        """The values at the positions `index` of this split, as stored or binarised to 0 and 255.

        Random numbers are a function of `key` (integers) if it is given, and otherwise of the
        example alone. Values are augmented only if there is a key.
        """
        rows = self.rows[index]
        values = np.asarray(self.values[rows])
        if self.augmentation is not None and key is not None:
            values = self.augmentation(values, key).astype(values.dtype)
        if self.binarisation == "threshold":
            return _white(values >= (128 if values.dtype == np.uint8 else 0.5))
        if self.binarisation != "dynamic":
            return values
        if key is not None:
            return _drawn(values, key, _many_below_255)
        return np.stack([_drawn(value, (row,)) for value, row in zip(values, rows)])

    def batches(
        self, batch_size: int | None = None, share: Share | None = None
    ) -> "tf.data.Dataset":
        """All examples once, in order: batches that are dictionaries of x, index and maybe label.

        There is a label if the examples have labels. Unless `batch_size` is given, batches are
        large for small examples, which is fast, and small for large examples, which saves memory.
        With a `share` there are the parts of the batches that are its own, one after another.
        """
        import tensorflow as tf

        if batch_size is None:
            batch_size = min(1_000, max(1, MOST_BATCH_VALUES // math.prod(self.example_shape)))
        return self._gather(tf.data.Dataset.range(len(self)).batch(batch_size), share)

    def shuffled_batches(
        self,
        batch_size: int,
        seed: int,
        first_epoch: int,
        epochs: int,
        skip: int = 0,
        share: Share | None = None,
    ) -> "tf.data.Dataset":
        """The batches of the epochs from `first_epoch` to before `epochs`, one after another.

        The first `skip` of them are left out. The order within an epoch is a function of (seed,
        epoch) alone. A dynamic binarisation or an augmentation is a function of (seed, step), and
        of the part of the batch if there is a `share`, as `batches` has it.
        """
        import tensorflow as tf

        def order(epoch):
            rows = tf.range(len(self), dtype=tf.int64)
            shuffled = tf.random.experimental.stateless_shuffle(
                rows, tf.stack([tf.constant(seed, tf.int64), epoch])
            )
            return tf.data.Dataset.from_tensor_slices(shuffled).batch(batch_size)

        first_step = first_epoch * math.ceil(len(self) / batch_size)
        batches = tf.data.Dataset.range(first_epoch, epochs).flat_map(_as_it_is(order)).skip(skip)
        return self._gather(batches, share, seed, first_step + skip)

    def _gather(self, order, share, seed=None, first_step=0) -> "tf.data.Dataset":
        """The examples at the positions that the pipeline `order` gives, batch by batch.

        With a `seed` they are augmented and binarised anew at every step.
        """
        import tensorflow as tf

        dtype, labels = tf.as_dtype(self.read(slice(1)).dtype), self.own_labels

        def read(key, index):
            return self.read(index, None if seed is None else (seed, *key))

        def gather(key, index):
            values = tf.numpy_function(read, [key, index], dtype)
            values = tf.ensure_shape(values, (None, *self.example_shape))
            if dtype == tf.uint8:
                values = tf.cast(values, tf.float32) / 255.0
            batch = {"x": values, "index": index}
            if labels is not None:
                batch["label"] = tf.gather(labels.astype(np.int32), index)
            return batch

        parallel = dict(num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        numbered = order.enumerate(first_step)
        if share is None:  # one function to trace: a pass over a small split takes half the time
            one = _as_it_is(lambda step, index: gather([step], index))
            return numbered.map(one, **parallel).prefetch(tf.data.AUTOTUNE)
        keyed = numbered.map(_as_it_is(lambda step, index: ([step], index)))
        parts = keyed.flat_map(_as_it_is(share.of))
        return parts.map(_as_it_is(gather), **parallel).prefetch(tf.data.AUTOTUNE)


def _as_it_is(function):
    """`function` for a pipeline without AutoGraph, which writes a temporary file for each."""
    import tensorflow as tf

    return tf.autograph.experimental.do_not_convert(function)


def _below_255(generator, shape):
    """Independent numbers 0 … 254, uint8."""
    return generator.integers(0, 255, shape, np.uint8)


def _many_below_255(generator, shape):
    """The same in a third of the time, which counts in training; other numbers than these."""
    count = math.prod(shape)
    raw = generator.bit_generator.random_raw(-(-count // 8))
    numbers = raw.view(np.uint8)[:count].reshape(shape)
    rejected = numbers == 255
    numbers[rejected] = _below_255(generator, np.count_nonzero(rejected))
    return numbers


def _drawn(values, key, below_255=_below_255):
    """Draw each pixel white with its value as probability, which is exact for uint8, too."""
    generator = np.random.Generator(np.random.SFC64(key))
    if values.dtype == np.uint8:  # of the 255 numbers 0 … 254, v lie below v
        return _white(below_255(generator, values.shape) < values)
    return _white(generator.random(values.shape, np.float32) < values)


def _white(is_white):
    return is_white.astype(np.uint8) * np.uint8(255)


@dataclass(frozen=True)
class Dataset:
    """A named data set of three splits.

    Validation is cut from the training data. The test split is used once, at the end, and decides
    nothing. `kind` knows how such examples are read, written and shown. `source` is the name by
    which `TrainConfig.dataset` calls the data set, or None if it was made in Python. `notes` say
    what a user should know of how the files were read. `settles` has the options of a run that the
    files have decided, such as {"pixel_range": "0,4095"}: a run keeps them, so that other files are
    read alike later. Names that come from files may hold bytes that are not UTF-8; these become
    escapes.
    """

    name: str
    train: Examples
    validation: Examples
    test: Examples
    class_names: tuple[str, ...] = ()
    attribute_names: tuple[str, ...] = ()
    kind: Kind = IMAGES
    source: str | None = None
    notes: tuple[str, ...] = ()
    settles: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "name", printable(self.name))
        object.__setattr__(self, "class_names", tuple(map(printable, self.class_names)))

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of one example, such as (28, 28, 1)."""
        return self.train.example_shape

    @property
    def class_count(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def require_labels(self):
        """Raise UserError unless training and test examples have labels of two classes or more."""
        for split, examples in (("training", self.train), ("test", self.test)):
            labels = examples.own_labels
            if labels is None:
                raise UserError(
                    f"data set {self.name!r} has no {split} labels, which this needs: use "
                    "sub-folders as labels, or an archive with y_train and y_test"
                )
            if len(np.unique(labels)) < 2:
                raise UserError(f"data set {self.name!r} has a single {split} label: need two")

    def has_several_labels(self) -> bool:
        """True if training and test examples have labels of two classes or more."""
        try:
            self.require_labels()
        except UserError:
            return False
        return True

    @property
    def data_kind(self) -> str:
        """The kind of the data: grey, colour, dynamic, static, threshold or tokens.

        Losses and likelihoods of different kinds cannot be compared.
        """
        if self.train.binarisation != "none":
            return self.train.binarisation
        return self.kind.data_kind(self.example_shape)

    @functools.cached_property
    def traits(self) -> tuple[str, ...]:
        """Words for what the examples are like, by which a recipe is chosen; general ones first.

        "photos" are images in colour, or of which most values are neither black nor white. They may
        be "large", in pixels, and "many" or "few", in number.
        """
        if not self.kind.is_pictured or self.train.binarisation != "none":
            return (self.data_kind,)
        values = self.train.spread(MOST_LOOKED_AT).arrays()[0]
        if values.shape[-1] == 1 and np.mean((values > 0.1) & (values < 0.9)) <= 0.5:
            return (self.data_kind,)
        size, side = len(self.train), min(self.example_shape[:2])
        fits = {"many": size >= MANY, "large": side > LARGE_SIDE, "few": size < FEW}
        words = (f"{word} photos" for word, it_does in fits.items() if it_does)
        return (self.data_kind, "photos", *words)

    def attributes_of(self, examples: Examples, names: Sequence[str]) -> np.ndarray:
        """The attributes `names` of some of its examples: float32 [n, names]."""
        return examples.own_attributes[:, [self.attribute_names.index(name) for name in names]]

    def mean_example(self, most=10_000) -> np.ndarray:
        """The mean of the training examples, float32 [*example_shape].

        Of larger splits it takes at most `most` examples, at equal distances.
        """
        some = self.train.take(slice(None, None, math.ceil(len(self.train) / most)))
        total: Any = sum(b["x"].numpy().sum(axis=0, dtype=np.float64) for b in some.batches())
        return (total / len(some)).astype(np.float32)

    def deviation(self, mean: np.ndarray, most=10_000) -> float:
        """The root mean square of what training examples differ from their `mean` by.

        Of larger splits it takes at most `most` examples, at equal distances.
        """
        some = self.train.spread(most)
        total = sum(float(np.square(b["x"].numpy() - mean).sum()) for b in some.batches())
        return math.sqrt(total / (len(some) * mean.size))

    def value_range(self) -> tuple[float, float]:
        """The smallest and the largest value of the data; (0, 1) for uint8 and binarised images."""
        if self.train.values.dtype == np.uint8 or self.train.binarisation != "none":
            return 0.0, 1.0
        return float(np.min(self.train.values)), float(np.max(self.train.values))


def split_dataset(
    name,
    examples: Examples,
    test: Examples | None = None,
    class_names=(),
    test_share=0.1,
    attribute_names=(),
    validation: Examples | None = None,
) -> Dataset:
    """Make a data set: cut the test split and validation from `examples`, if they are not given.

    The test split is `test_share` of the examples. Validation is a tenth of the others, at most
    MOST_VALIDATION examples. Splits do not depend on the seed of a run. Classes without a name are
    called by their number. Raises UserError if there are fewer than ten examples.
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
    if validation is None:
        held_out = min(max(1, len(order) // 10), MOST_VALIDATION)
        validation, order = examples.take(np.sort(order[:held_out])), order[held_out:]
    return Dataset(
        name=name,
        train=examples.take(np.sort(order)),
        validation=validation,
        test=test,
        class_names=tuple(class_names),
        attribute_names=tuple(attribute_names),
    )
