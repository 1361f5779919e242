import numpy as np
import pytest
import tensorflow as tf

from vae_keras import Examples, UserError
from vae_keras.data.dataset import split_dataset

COUNT = 23
IMAGES = np.arange(COUNT * 12, dtype=np.uint8).reshape(COUNT, 3, 4, 1)
LABELS = np.arange(COUNT) * 10


@pytest.fixture
def examples():
    return Examples(IMAGES, LABELS)


def order(batches):
    """The index of every example that `batches` gives, one after another."""
    return [int(index) for batch in batches for index in batch["index"].numpy()]


def epochs(examples, seed, first, last, batch_size=5):
    """The order within each of the epochs, as rows."""
    found = order(examples.shuffled_batches(batch_size, seed, first, last))
    return np.reshape(found, (last - first, len(examples)))


@pytest.mark.parametrize(
    ("count", "test_share", "sizes"),
    [
        (10, 0.1, (8, 1, 1)),
        (11, 0.1, (9, 1, 1)),
        (100, 0.1, (81, 9, 10)),
        (1797, 0.2, (1295, 143, 359)),
        (100_000, 0.1, (85_000, 5_000, 10_000)),
    ],
)
def test_splits_are_disjoint_and_complete(count, test_share, sizes):
    examples = Examples(np.zeros((count, 1, 1, 1), np.uint8))
    found = split_dataset("toy", examples, test_share=test_share)
    splits = (found.train, found.validation, found.test)
    assert tuple(map(len, splits)) == sizes
    rows = np.concatenate([split.rows for split in splits])
    np.testing.assert_array_equal(np.sort(rows), np.arange(count))


def test_splits_are_random_but_the_same_for_every_run():
    splits = []
    for seed in (1, 2):
        np.random.seed(seed)
        tf.random.set_seed(seed)
        found = split_dataset("toy", Examples(IMAGES, LABELS))
        splits.append([s.rows.tolist() for s in (found.train, found.validation, found.test)])
    assert splits[0] == splits[1]
    assert splits[0][2] != list(range(COUNT - 2, COUNT))


def test_validation_is_cut_from_training_when_there_is_a_test_set(examples):
    test = Examples(255 - IMAGES[:7])
    found = split_dataset("toy", examples, test)
    assert found.test is test
    assert found.validation.values is IMAGES
    rows = np.concatenate([found.train.rows, found.validation.rows])
    assert sorted(rows) == list(range(COUNT))
    assert len(found.validation) == 2


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_examples_are_refused(count):
    with pytest.raises(UserError, match=rf"toy: {count} .*at least 10"):
        split_dataset("toy", Examples(np.zeros((count, 1, 1, 1), np.uint8)))


@pytest.mark.parametrize(("channels", "kind"), [(1, "grey"), (3, "colour")])
def test_dataset_knows_its_shape_kind_and_classes(channels, kind):
    images = np.zeros((20, 5, 4, channels), np.uint8)
    found = split_dataset("toy", Examples(images), class_names=["a", "b"])
    assert found.example_shape == (5, 4, channels)
    assert (found.name, found.data_kind, found.class_names) == ("toy", kind, ("a", "b"))


def test_value_range_is_that_of_the_data():
    assert split_dataset("toy", Examples(IMAGES)).value_range() == (0, 1)
    floats = np.linspace(0.25, 0.75, 20, dtype=np.float32).reshape(20, 1, 1, 1)
    assert split_dataset("toy", Examples(floats)).value_range() == (0.25, 0.75)


@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_batches_give_every_example_once_in_order(examples, batch_size):
    batches = list(examples.batches(batch_size))
    assert order(batches) == list(range(COUNT))
    assert max(len(batch["x"]) for batch in batches) == min(batch_size, COUNT)
    x = np.concatenate([batch["x"] for batch in batches])
    np.testing.assert_array_equal(x, examples.arrays()[0])


@pytest.mark.parametrize("rows", [slice(3, 9), [20, 1, 1, 5], np.arange(COUNT) % 2 == 0])
def test_taken_examples_bring_their_own_images_and_labels(examples, rows):
    taken = examples.take(rows)
    expected = np.arange(COUNT)[rows]
    x, labels = taken.arrays()
    np.testing.assert_allclose(x, IMAGES[expected] / 255, atol=1e-7)
    np.testing.assert_array_equal(labels, LABELS[expected])
    assert len(taken) == len(expected)
    batch = next(iter(taken.batches(100)))
    np.testing.assert_allclose(batch["x"], IMAGES[expected] / 255, atol=1e-7)
    np.testing.assert_array_equal(batch["label"], LABELS[expected])
    np.testing.assert_array_equal(batch["index"], np.arange(len(expected)))


def test_examples_taken_twice_are_those_of_the_first_choice(examples):
    taken = examples.take(slice(10, 20)).take([0, 9])
    np.testing.assert_array_equal(taken.arrays()[1], LABELS[[10, 19]])


def test_images_and_labels_follow_the_shuffled_index(examples):
    part = examples.take([4, 8, 15, 16, 22])
    for batch in part.shuffled_batches(2, seed=0, first_epoch=0, epochs=3):
        rows = part.rows[batch["index"].numpy()]
        np.testing.assert_allclose(batch["x"], IMAGES[rows] / 255, atol=1e-7)
        np.testing.assert_array_equal(batch["label"], LABELS[rows])


@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_every_epoch_is_a_permutation_of_all_examples(examples, batch_size):
    found = epochs(examples, seed=3, first=0, last=4, batch_size=batch_size)
    np.testing.assert_array_equal(np.sort(found, axis=1), np.tile(np.arange(COUNT), (4, 1)))
    batches = list(examples.shuffled_batches(batch_size, 3, 0, 4))
    assert len(batches) == 4 * -(-COUNT // batch_size)


@pytest.mark.parametrize("first", [1, 2, 4])
def test_stream_from_a_later_epoch_is_the_tail_of_the_whole(examples, first):
    whole = epochs(examples, seed=3, first=0, last=5)
    np.testing.assert_array_equal(epochs(examples, 3, first, 5), whole[first:])


def test_order_depends_on_seed_and_epoch_only(examples):
    one, other = (epochs(examples, seed, 0, 3) for seed in (0, 1))
    assert len({tuple(row) for row in np.concatenate([one, other])}) == 6
    tf.random.set_seed(99)
    np.testing.assert_array_equal(epochs(examples, 0, 0, 3, batch_size=7), one)


def test_no_epochs_left_give_no_batches(examples):
    assert order(examples.shuffled_batches(5, seed=0, first_epoch=3, epochs=3)) == []


def test_bytes_and_floats_give_equal_x():
    values = np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)
    as_bytes, as_floats = Examples(values), Examples(values.astype(np.float32) / np.float32(255))
    for one, other in zip(as_bytes.batches(100), as_floats.batches(100), strict=True):
        assert one["x"].dtype == other["x"].dtype == tf.float32
        np.testing.assert_array_equal(one["x"], other["x"])
    np.testing.assert_array_equal(as_bytes.arrays()[0], as_floats.arrays()[0])


def test_examples_without_labels_give_none():
    unlabelled = Examples(IMAGES)
    assert unlabelled.arrays()[1] is None
    assert set(next(iter(unlabelled.batches(5)))) == {"x", "index"}


def test_batches_have_the_shape_of_the_images(examples):
    spec = examples.batches(5).element_spec
    assert spec["x"].shape.as_list() == [None, 3, 4, 1]
    assert (spec["x"].dtype, spec["label"].dtype, spec["index"].dtype) == (
        tf.float32,
        tf.int32,
        tf.int64,
    )


@pytest.mark.parametrize(
    ("values", "traits"),
    [
        (np.where(np.arange(64).reshape(8, 8, 1) % 3, 0, 255), ("grey",)),  # ink on paper
        (np.arange(64).reshape(8, 8, 1) + 90, ("grey", "photos", "few photos")),
        (np.zeros((8, 8, 3)), ("colour", "photos", "few photos")),
        (np.zeros((50, 60, 3)), ("colour", "photos", "large photos", "few photos")),
    ],
)
def test_traits_tell_photos_from_ink(values, traits):
    images = np.repeat(values[None].astype(np.uint8), 20, axis=0)
    assert split_dataset("toy", Examples(images)).traits == traits


def test_traits_tell_how_many_photos_there_are():
    photos = Examples(np.full((30_000, 4, 4, 1), 99, np.uint8))
    assert split_dataset("toy", photos).traits == ("grey", "photos", "many photos")


def test_deviation_is_that_from_the_mean_example():
    rng = np.random.default_rng(0)
    images = rng.random((40, 3, 3, 1), dtype=np.float32) * np.linspace(0, 1, 3)[:, None, None]
    dataset = split_dataset("toy", Examples(images.astype(np.float32)))
    x = dataset.train.arrays()[0]
    found = dataset.deviation(dataset.mean_example())
    assert found == pytest.approx(np.sqrt(np.mean((x - x.mean(axis=0)) ** 2)), rel=1e-5)
