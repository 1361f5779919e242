"""Draws against their probabilities, and that they repeat when they must and only then."""

import dataclasses
import filecmp
import math
import shutil

import numpy as np
import pytest
import scipy.stats
from PIL import Image

from tests.runs import training_alone
from vae_keras import TrainConfig, UserError, load, train
from vae_keras.data import Examples, binarised
from vae_keras.data.dataset import split_dataset
from vae_keras.data.images import archives

rng = np.random.default_rng(0)
LEVELS = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
GREY = rng.integers(1, 255, (23, 6, 5, 1), np.uint8)
LABELS = np.arange(23) % 3
SPLITS = ("train", "validation", "test")


def as_floats(images):
    return images.astype(np.float32) / np.float32(255)


def dynamic(images, labels=None):
    return Examples(images, labels, binarisation="dynamic")


def x_of(batches):
    return np.concatenate([batch["x"] for batch in batches])


def message_of(action):
    with pytest.raises(UserError) as caught:
        action()
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# Dynamic draws

COUNT = 20_000


def drawn_in_training(images):
    batches = dynamic(np.repeat(images, 1_000, axis=0)).shuffled_batches(500, 3, 0, COUNT // 1_000)
    return x_of(batches)


def drawn_in_evaluation(images):
    return x_of(dynamic(np.broadcast_to(images, (COUNT, *images.shape[1:]))).batches())


@pytest.mark.slow
@pytest.mark.parametrize("draw", [drawn_in_training, drawn_in_evaluation])
@pytest.mark.parametrize("images", [LEVELS, as_floats(LEVELS)], ids=["bytes", "floats"])
def test_every_grey_value_is_white_with_itself_as_probability(images, draw):
    x = draw(images)
    assert x.dtype == np.float32
    assert np.isin(x, (0, 1)).all()
    white = x.sum(axis=0, dtype=np.float64).ravel()
    assert (white[0], white[255]) == (0, COUNT)
    chance = np.arange(1, 255) / 255
    squares = (white[1:255] - COUNT * chance) ** 2 / (COUNT * chance * (1 - chance))
    # v/256 for v/255 would give 600 here, so a wrong end of the range would be seen
    assert 1e-4 < scipy.stats.chi2.sf(squares.sum(), 254) < 1 - 1e-4
    assert squares.max() < 20


def test_pixels_examples_and_steps_are_drawn_independently():
    grey = np.full((100, 10, 10, 1), 0.5, np.float32)
    x = x_of(dynamic(grey).shuffled_batches(50, seed=0, first_epoch=0, epochs=4))
    x = x.reshape(8, 50, 100)
    neighbours = (x[1:] == x[:-1], x[:, 1:] == x[:, :-1], x[:, :, 1:] == x[:, :, :-1])
    for equal in neighbours:
        assert abs(equal.mean() - 0.5) < 4 * 0.5 / math.sqrt(equal.size)


@pytest.mark.slow
@pytest.mark.parametrize("images", [GREY, as_floats(GREY)], ids=["bytes", "floats"])
def test_training_draws_are_a_function_of_seed_and_step(images):
    same = np.repeat(images[:1], 20, axis=0)  # so that the order does not matter

    def steps(seed):
        return [batch["x"].numpy() for batch in dynamic(same).shuffled_batches(5, seed, 0, 3)]

    first = steps(0)
    assert len(first) == 12
    np.testing.assert_array_equal(first, steps(0))
    np.random.seed(1)  # nor do others draw from the same source
    np.testing.assert_array_equal(first, steps(0))
    different = {draw.tobytes() for draw in (*first, *steps(1), *steps(2))}
    assert len(different) == 36


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["none", "dynamic", "threshold", "static"])
@pytest.mark.parametrize("batch_size", [5, 23, 100])
def test_resumed_run_sees_the_batches_of_the_whole_one(choice, batch_size):
    examples = Examples(GREY, LABELS, binarisation=choice)
    whole = list(examples.shuffled_batches(batch_size, 7, 0, 5).as_numpy_iterator())
    for first_epoch in (1, 2, 4):
        rest = list(examples.shuffled_batches(batch_size, 7, first_epoch, 5).as_numpy_iterator())
        tail = whole[first_epoch * math.ceil(23 / batch_size) :]
        assert len(rest) == len(tail) > 0
        for one, other in zip(rest, tail):
            for name in ("x", "index", "label"):
                np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("images", [GREY, as_floats(GREY)], ids=["bytes", "floats"])
@pytest.mark.parametrize("batch_size", [None, 1, 7, 23])
def test_evaluation_draws_do_not_depend_on_the_batches(images, batch_size):
    examples = dynamic(images, LABELS)
    expected, labels = examples.arrays()
    batches = list(examples.batches(batch_size))
    np.testing.assert_array_equal(x_of(batches), expected)
    np.testing.assert_array_equal(np.concatenate([b["label"] for b in batches]), labels)
    assert expected.dtype == np.float32
    assert np.isin(expected, (0, 1)).all()


@pytest.mark.parametrize("selection", [slice(3, 9), [20, 1, 1, 5], np.arange(23) % 2 == 0])
def test_evaluation_draws_do_not_depend_on_the_selection(selection):
    whole = dynamic(GREY, LABELS)
    expected, labels = (part[selection] for part in whole.arrays())
    taken = whole.take(selection)
    np.testing.assert_array_equal(taken.arrays()[0], expected)
    np.testing.assert_array_equal(taken.arrays()[1], labels)
    np.testing.assert_array_equal(x_of(taken.batches(4)), expected)
    np.testing.assert_array_equal(x_of(taken.take([2, 0]).batches()), expected[[2, 0]])


def test_evaluation_draws_differ_from_example_to_example():
    x = dynamic(np.repeat(GREY[:1], 50, axis=0)).arrays()[0]
    assert len({image.tobytes() for image in x}) == 50


# The other kinds


@pytest.mark.parametrize("images", [LEVELS, as_floats(LEVELS)], ids=["bytes", "floats"])
def test_threshold_cuts_at_one_half(images):
    examples = Examples(images, binarisation="threshold")
    expected = (np.arange(256) / 255 >= 0.5).reshape(LEVELS.shape)
    np.testing.assert_array_equal(examples.arrays()[0], expected)
    np.testing.assert_array_equal(x_of(examples.batches()), expected)
    np.testing.assert_array_equal(x_of(examples.shuffled_batches(1, 0, 0, 1)), expected)


def test_one_half_itself_is_white():
    half = np.full((1, 2, 2, 1), 0.5, np.float32)
    assert Examples(half, binarisation="threshold").arrays()[0].min() == 1


@pytest.fixture
def toy():
    """Training and test images in two arrays."""
    return split_dataset(
        "toy", Examples(GREY, LABELS), Examples(GREY[:7] + 1, LABELS[:7]), ("a", "b")
    )


def drawn(images):
    return rng.integers(0, 2, images.shape, np.uint8)


def test_static_images_are_drawn_once_as_a_dynamic_evaluation_draws_them(toy):
    found, dynamic = binarised(toy, "static"), binarised(toy, "dynamic")
    for split in ("train", "validation", "test"):
        once, evaluated = getattr(found, split), getattr(dynamic, split)
        assert once.binarisation == "static" and once.labels is getattr(toy, split).labels
        np.testing.assert_array_equal(once.arrays()[0], evaluated.arrays()[0])
        assert set(np.unique(once.values)) <= {0, 255}
        first, second = (once.read(slice(3), key=(0, step)) for step in (0, 1))
        np.testing.assert_array_equal(first, second)  # in training as well
    assert found.data_kind == "static"
    if toy.train.values is toy.validation.values:
        assert found.train.values is found.validation.values


def static_npz(path, dataset):
    """A draw of the data set in its order; returns the file and its images as floats."""
    train, test = drawn(dataset.train.values), drawn(dataset.test.values)
    np.savez(path, x_train=train[..., 0] * np.uint8(255), x_test=test.astype(np.float64))
    return path, train.astype(np.float32), test.astype(np.float32)


def test_static_images_take_the_place_of_those_they_were_drawn_from(toy, tmp_path):
    file, train_images, test_images = static_npz(tmp_path / "drawn.npz", toy)
    found = binarised(toy, f"static:{file}")
    for name, images in zip(SPLITS, (train_images, train_images, test_images)):
        before, after = getattr(toy, name), getattr(found, name)
        np.testing.assert_array_equal(after.rows, before.rows)
        x, labels = after.arrays()
        np.testing.assert_array_equal(x, images[before.rows])
        np.testing.assert_array_equal(labels, before.own_labels)
    assert found.class_names == toy.class_names


@pytest.mark.parametrize("with_test", [False, True])
def test_static_images_of_digits_are_those_of_its_one_array(tmp_path, with_test):
    grey = archives.digits()
    assert grey.test.values is grey.train.values
    images = drawn(grey.train.values)
    extra = {"x_test": images[:5]} if with_test else {}
    np.savez(tmp_path / "drawn.npz", x_train=images, **extra)
    found = binarised(grey, f"static:{tmp_path / 'drawn.npz'}")
    for name in SPLITS:
        before, after = getattr(grey, name), getattr(found, name)
        x, labels = after.arrays()
        np.testing.assert_array_equal(x, images[before.rows])
        np.testing.assert_array_equal(labels, before.own_labels)


AMAT_COUNTS = {"train": 20, "valid": 5, "test": 6}


def write_amat(folder, counts=AMAT_COUNTS, separator=" "):
    """The three files; returns the first, and the images in each as numbers."""
    images = {part: drawn(np.empty((count, 28, 28, 1))) for part, count in counts.items()}
    for part, values in images.items():
        lines = [separator.join(map(str, image.ravel())) + separator for image in values]
        (folder / f"binarized_{part}.amat").write_text("\n".join(lines) + "\n")
    return folder / "binarized_train.amat", images


@pytest.fixture
def large(tmp_path):
    """Grey images of the sizes and numbers that the .amat files have."""
    content = {
        f"{name}_{split}": values
        for split, count in (("train", 25), ("test", 6))
        for name, values in (
            ("x", rng.integers(0, 256, (count, 28, 28), np.uint8)),
            ("y", np.arange(count) % 2),
        )
    }
    np.savez(tmp_path / "large.npz", **content)
    return archives.npz(tmp_path / "large.npz")


@pytest.mark.parametrize("separator", [" ", "", "\t"])
def test_amat_files_hold_training_validation_and_test(large, tmp_path, separator):
    file, images = write_amat(tmp_path, separator=separator)
    found = binarised(large, f"static:{file}")
    pooled = np.concatenate([images["train"], images["valid"]])
    for name, values in zip(SPLITS, (pooled, pooled, images["test"])):
        x, labels = getattr(found, name).arrays()
        np.testing.assert_array_equal(x, values[getattr(large, name).rows])
        assert labels is None  # the images are in another order than those with labels
    assert found.class_names == ()


@pytest.mark.parametrize("choice", ["dynamic", "threshold", "static"])
def test_binarised_data_are_zeros_and_ones_of_their_own_kind(toy, tmp_path, choice):
    toy = dataclasses.replace(toy, train=dataclasses.replace(toy.train, values=as_floats(GREY)))
    given = f"static:{static_npz(tmp_path / 'drawn.npz', toy)[0]}" if choice == "static" else choice
    found = binarised(toy, given)
    assert (toy.data_kind, found.data_kind) == ("grey", choice)
    assert 0 < toy.value_range()[0] < toy.value_range()[1] < 1
    assert found.value_range() == (0, 1)
    for name in SPLITS:
        split = getattr(found, name)
        assert split.binarisation == choice
        for batches in (split.batches(), split.shuffled_batches(4, 0, 0, 1)):
            assert np.isin(x_of(batches), (0, 1)).all()


def test_no_binarisation_leaves_the_data_as_they_are(toy):
    assert binarised(toy, "none") is toy
    colour = split_dataset("c", Examples(np.repeat(GREY, 3, axis=-1)))
    assert binarised(colour, "none").data_kind == "colour"


@pytest.mark.parametrize("choice", ["dynamic", "threshold", "static", "amat"])
def test_binarising_twice_is_as_good_as_once(toy, large, tmp_path, choice):
    given, grey = choice, toy
    if choice == "static":
        given = f"static:{static_npz(tmp_path / 'drawn.npz', toy)[0]}"
    elif choice == "amat":
        given, grey = f"static:{write_amat(tmp_path)[0]}", large
    once = binarised(grey, given)
    twice = binarised(once, given)
    assert (once.data_kind, once.class_names) == (twice.data_kind, twice.class_names)
    for name in SPLITS:
        one, two = getattr(once, name), getattr(twice, name)
        np.testing.assert_array_equal(one.arrays()[0], two.arrays()[0])
        np.testing.assert_array_equal(one.own_labels, two.own_labels)
        pair = (split.shuffled_batches(4, 0, 0, 1) for split in (one, two))
        np.testing.assert_array_equal(*map(x_of, pair))


def photos(folder, mode):
    folder.mkdir()
    for number in range(12):
        pixels = rng.integers(0, 256, (9, 9, 3), np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{number}.png")
    return f"folder:{folder}"


def test_images_in_a_folder_are_drawn_too(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path / "cache"))
    config = TrainConfig(dataset=photos(tmp_path / "photos", "L"), image_size="9")
    grey, found = load(config), load(config.replace(binarize="dynamic"))
    assert isinstance(grey.train.values, np.memmap)
    assert found.data_kind == "dynamic"
    values, x = grey.train.arrays()[0], x_of(found.train.batches())
    assert np.isin(x, (0, 1)).all()
    assert np.corrcoef(values.ravel(), x.ravel())[0, 1] > 0.2


# Bad input


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("dynamc", "unknown binarisation 'dynamc': did you mean 'dynamic'"),
        ("treshold", "did you mean 'threshold'"),
        ("dynamic:file.npz", "unknown binarisation 'dynamic:file.npz'"),
        ("static:", "did you mean 'static'"),
        ("statik", "did you mean 'static'"),
        ("", "unknown binarisation ''"),
        ("static:missing.npz", "'missing.npz' does not exist"),
        ("static:missing_train.amat", "'missing_train.amat' does not exist"),
        ("static:images.amat", "images.amat: name the file of the training images"),
    ],
)
def test_unknown_choice_is_refused(toy, choice, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said in message_of(lambda: binarised(toy, choice))


@pytest.mark.parametrize("choice", ["dynamic", "threshold", "static:any.npz", "nonsense"])
def test_colour_images_are_refused(choice):
    colour = split_dataset("photos", Examples(np.zeros((20, 4, 4, 3), np.uint8)))
    said = message_of(lambda: binarised(colour, choice))
    assert f"--binarize {choice} needs grey images, but photos has 3 channels" in said


def test_colour_folder_is_told_of_the_option_that_makes_it_grey(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path / "cache"))
    config = TrainConfig(dataset=photos(tmp_path / "photos", "RGB"), binarize="dynamic")
    assert "--color-mode grayscale" in message_of(lambda: load(config))
    assert load(config.replace(color_mode="grayscale")).data_kind == "dynamic"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (dict(x_train=drawn(GREY[:22]), x_test=drawn(GREY[:7])), "(22, 6, 5, 1)"),
        (dict(x_train=drawn(GREY[:, 1:]), x_test=drawn(GREY[:7, 1:])), "(23, 5, 5, 1)"),
        (dict(x_train=drawn(GREY), x_test=drawn(GREY[:8])), "(8, 6, 5, 1)"),
        (dict(x_train=np.repeat(drawn(GREY), 3, -1), x_test=drawn(GREY[:7])), "of shape (6, 5, 1)"),
        (dict(x_train=drawn(GREY)), "drawn.npz: "),
        (dict(x_train=GREY, x_test=drawn(GREY[:7])), "values other than two"),
        (dict(x_train=drawn(GREY), x_test=GREY[:7]), "values other than two"),
        (dict(x_train=drawn(GREY) + 1, x_test=drawn(GREY[:7])), "values other than two"),
        (dict(x_train=as_floats(GREY), x_test=drawn(GREY[:7])), "values other than two"),
        (dict(x_test=drawn(GREY)), "do not say which has the images"),
    ],
)
def test_static_file_that_is_not_of_the_data_is_refused(toy, tmp_path, content, said):
    np.savez(tmp_path / "drawn.npz", **content)
    message = message_of(lambda: binarised(toy, f"static:{tmp_path / 'drawn.npz'}"))
    assert said in message
    assert "drawn.npz" in message


def test_static_file_without_test_images_is_refused_when_the_sizes_agree(tmp_path):
    grey = split_dataset("toy", Examples(GREY), Examples(GREY + 1))
    np.savez(tmp_path / "drawn.npz", x_train=drawn(GREY))
    message_of(lambda: binarised(grey, f"static:{tmp_path / 'drawn.npz'}"))


@pytest.mark.parametrize("part", ["valid", "test"])
def test_missing_partner_of_an_amat_file_is_named(large, tmp_path, part):
    file, _ = write_amat(tmp_path)
    (tmp_path / f"binarized_{part}.amat").unlink()
    message = message_of(lambda: binarised(large, f"static:{file}"))
    assert f"binarized_{part}.amat" in message


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"0 1 0\n", b"2 " * 784, b"x " * 784, b"0.5 " * 784, b"\xff" * 784]
)
def test_file_that_is_no_amat_is_refused(large, tmp_path, content):
    file, _ = write_amat(tmp_path)
    file.write_bytes(content)
    message = message_of(lambda: binarised(large, f"static:{file}"))
    assert f"{file}: is not lines of 784 zeros and ones" in message


def test_amat_files_of_other_sizes_than_the_data_are_refused(large, tmp_path):
    file, _ = write_amat(tmp_path, {**AMAT_COUNTS, "valid": 6})
    assert "(26, 28, 28, 1)" in message_of(lambda: binarised(large, f"static:{file}"))


# In a run


@pytest.mark.slow
def test_resumed_run_on_drawn_images_is_the_uninterrupted_one(large, tmp_path, monkeypatch):
    training_alone(monkeypatch)
    config = TrainConfig(
        dataset=str(tmp_path / "large.npz"),
        binarize="dynamic",
        units="8",
        epochs=2,
        batch_size=6,
        name="whole",
        output_dir=tmp_path,
    )
    whole = train(config, large, verbose=0)  # data that are given are binarised as well
    assert whole.metrics["data_kind"] == "dynamic"
    assert "--binarize dynamic" in whole.metrics["command"]
    assert whole.folder.read_config().binarize == "dynamic"
    cut = shutil.copytree(whole.folder.path, tmp_path / "runs" / "cut")
    shutil.rmtree(cut / "checkpoints" / "epoch_0002")
    again = train(config.replace(name="cut", resume=True), verbose=0)
    assert filecmp.cmp(whole.folder.history, again.folder.history, shallow=False)
    with pytest.raises(UserError, match="binarize dynamic, not none"):
        train(config.replace(name="cut", resume=True, binarize="none"), verbose=0)
