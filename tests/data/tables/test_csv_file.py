"""Tables of numbers and images in tables: which they are, and what is standardised."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets

from tests.tables import iris_values, write, write_iris
from vae_keras import TrainConfig, UserError, load
from vae_keras.data.tables.columns import Columns, only_count
from vae_keras.data.tables.csv_file import csv_file

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (60, 64))
CLASSES = np.arange(60) % 3
NAMES = [f"pixel{n}" for n in range(64)]
NUMBERS = np.round(RANDOM.normal(size=(60, 3)) * [1, 20, 300] + [0, 5, 1_000], 3)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def loaded(path, **options):
    return load(TrainConfig(dataset=str(path), **options))


def message_of(path, **options):
    with pytest.raises(UserError) as caught:
        loaded(path, **options)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def in_order(dataset, values=None):
    """All examples of a data set, or `values`, in the order of its rows; and their labels."""
    splits = [dataset.train, dataset.validation, dataset.test]
    order = np.argsort(np.concatenate([split.rows for split in splits]))
    x = np.concatenate([split.arrays()[0] for split in splits])[order]
    if dataset.train.labels is None:
        return x, None
    return x, np.concatenate([split.own_labels for split in splits])[order]


# Pixels


@pytest.mark.parametrize(
    ("rows", "header", "has_labels"),
    [
        (np.c_[CLASSES, PIXELS], ["label", *NAMES], True),  # Kaggle
        (np.c_[PIXELS, CLASSES], [*NAMES, "label"], True),
        (np.c_[CLASSES, PIXELS], ["emotion", *NAMES], True),
        (PIXELS, NAMES, False),
        (np.c_[CLASSES, PIXELS], None, True),
        (np.c_[PIXELS, CLASSES], None, True),
        (PIXELS, None, False),
        (np.c_[CLASSES, PIXELS], range(65), True),  # pandas
        (np.c_[np.arange(60), PIXELS, CLASSES], ["", *range(64), "class"], True),
        (np.c_[CLASSES, PIXELS], ["label", *(f"{n // 8}x{n % 8}" for n in range(64))], True),
        (np.c_[CLASSES, PIXELS.astype(float)], None, True),
        (np.c_[CLASSES, PIXELS], ["0", *(f"0.{n}" for n in range(1, 65))], True),
    ],
    ids=range(12),
)
def test_columns_of_pixels_become_images(tmp_path, rows, header, has_labels):
    dataset = loaded(write(tmp_path / "own.csv", rows.tolist(), header and list(header)))
    assert (dataset.name, dataset.example_shape, dataset.data_kind) == ("own", (8, 8, 1), "grey")
    x, labels = in_order(dataset)
    np.testing.assert_allclose(x.reshape(60, 64), PIXELS / 255, atol=1e-7)
    if has_labels:
        np.testing.assert_array_equal(labels, CLASSES)
        assert dataset.class_names == ("0", "1", "2")
    else:
        assert labels is None


def test_three_values_side_by_side_are_a_pixel_in_colour(tmp_path):
    images = RANDOM.integers(0, 256, (30, 8, 8, 3))
    path = write(tmp_path / "a.csv", np.c_[CLASSES[:30], images.reshape(30, -1)].tolist())
    x, _ = in_order(loaded(path))
    np.testing.assert_allclose(x, images / 255, atol=1e-7)


def test_scikit_learns_digits_have_17_levels(tmp_path):
    digits = datasets.load_digits()
    rows = np.c_[digits.data[:200], digits.target[:200]]
    dataset = loaded(write(tmp_path / "optdigits.csv", rows.astype(int).tolist()))
    x, labels = in_order(dataset)
    np.testing.assert_allclose(x[..., 0], digits.images[:200] / 16, atol=1e-6)
    np.testing.assert_array_equal(labels, digits.target[:200])
    assert "of the pixels, 0 is black and 16 is white" in dataset.notes
    assert any("64 columns are taken for pixels of 8×8" in note for note in dataset.notes)


def test_the_user_can_say_what_the_columns_are(tmp_path):
    scaled = PIXELS / 255
    path = write(tmp_path / "scaled.csv", scaled.tolist())
    taken = loaded(path)
    assert taken.data_kind == "numbers"
    assert "for pixels of 8×8, give --columns pixels" in " ".join(taken.notes)
    x, _ = in_order(loaded(path, columns="pixels"))
    np.testing.assert_allclose(x.reshape(60, 64), scaled, atol=1e-6)
    whole = write(tmp_path / "whole.csv", PIXELS.tolist(), NAMES)
    assert loaded(whole, columns="numbers").data_kind == "numbers"
    deep = write(tmp_path / "deep.csv", (PIXELS * 16).tolist(), NAMES)
    assert loaded(deep).train.arrays()[0].max() <= 1
    x, _ = in_order(loaded(deep, pixel_range="0,8000"))
    np.testing.assert_allclose(x.reshape(60, 64), (PIXELS * 16 / 8_000).clip(0, 1), atol=1e-6)


def test_pixels_of_no_square_image_are_refused(tmp_path):
    path = write(tmp_path / "a.csv", PIXELS[:, :50].tolist(), NAMES[:50])
    assert "50 columns are no pixels of a square image" in message_of(path)
    other = write(tmp_path / "b.csv", NUMBERS.tolist())
    assert "--columns numbers" in message_of(other, columns="pixels")


def test_columns_with_words_for_names_are_numbers(tmp_path):
    names = [f"{word} of a cell" for word in NAMES]
    dataset = loaded(write(tmp_path / "a.csv", PIXELS.tolist(), names))
    assert (dataset.data_kind, dataset.example_shape) == ("numbers", (64,))


def test_names_of_classes_may_lie_beside_the_file(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\ndog\ncow\n")
    path = write(tmp_path / "a.csv", np.c_[CLASSES, PIXELS].tolist(), ["label", *NAMES])
    assert loaded(path).class_names == ("cat", "dog", "cow")


# Numbers


def test_iris_is_standardised_by_its_training_rows(tmp_path):
    for header in (True, False):
        dataset = loaded(write_iris(tmp_path / "iris.csv", header))
        assert dataset.class_names == ("setosa", "versicolor", "virginica")
        x, labels = in_order(dataset)
        values = iris_values()
        train = values[dataset.train.rows]
        np.testing.assert_allclose(x, (values - train.mean(0)) / train.std(0), atol=1e-6)
        np.testing.assert_array_equal(labels, datasets.load_iris().target)
        np.testing.assert_allclose(dataset.kind.columns.restored(x), values, atol=1e-6)
        assert x.dtype == np.float32
    assert dataset.kind.columns.names == tuple(f"column {n}" for n in range(1, 5))


@pytest.mark.parametrize(
    ("header", "rows", "names", "classes"),
    [
        ("Id a b c Species", lambda n, k, x: [n + 1, *x, f"s{k}"], "a b c", "s0 s1 s2"),
        (", a b c target", lambda n, k, x: [n, *x, k], "a b c", "0 1 2"),
        ("class a b c", lambda n, k, x: [k + 1, *x], "a b c", "1 2 3"),
        ("id diagnosis a b c", lambda n, k, x: [n * 7 + 84, "BM"[k % 2], *x], "a b c", "B M"),
        ("a b c quality", lambda n, k, x: [*x, k], "a b c quality", ""),
        ("a b c target", lambda n, k, x: [*x, k + 0.5], "a b c target", ""),
        ("a b c target", lambda n, k, x: [*x, n], "a b c target", ""),
    ],
)
def test_labels_and_numbers_of_rows_are_found(tmp_path, header, rows, names, classes):
    content = [rows(n, k, x) for n, (k, x) in enumerate(zip(CLASSES.tolist(), NUMBERS.tolist()))]
    header = ["" if name == "," else name for name in header.split()]
    dataset = loaded(write(tmp_path / "a.csv", content, header))
    assert dataset.kind.columns.names == tuple(names.split())
    assert dataset.class_names == tuple(classes.split())
    x, _ = in_order(dataset)
    np.testing.assert_allclose(dataset.kind.columns.restored(x)[:, :3], NUMBERS, rtol=1e-5)


def test_the_user_can_say_which_column_has_the_classes(tmp_path):
    rows = [[*x, k, "ab"[k % 2]] for k, x in zip(CLASSES.tolist(), NUMBERS.tolist())]
    path = write(tmp_path / "a.csv", rows, ["x", "y", "z", "group", "word"])
    assert "words are in column 'word'" in message_of(path, label_column="group")
    assert loaded(path).class_names == ("a", "b")
    plain = write(tmp_path / "b.csv", [row[:4] for row in rows], ["x", "y", "z", "group"])
    for asked in ("group", "4"):
        dataset = loaded(plain, label_column=asked)
        assert dataset.class_names == ("0", "1", "2")
        np.testing.assert_array_equal(in_order(dataset)[1], CLASSES)
    labelled = write(tmp_path / "c.csv", [row[:4] for row in rows], ["x", "y", "z", "label"])
    assert loaded(labelled, label_column="none").example_shape == (4,)
    assert "'gruop': did you mean 'group'" in message_of(plain, label_column="gruop")
    assert "not whole" in message_of(plain, label_column="x")


def test_words_in_other_columns_are_refused_by_name(tmp_path):
    rows = [[*x, "ab"[n % 2], "cd"[n % 2]] for n, x in enumerate(NUMBERS.tolist())]
    message = message_of(write(tmp_path / "a.csv", rows, "x y z sex town".split()))
    assert "words are in column 'sex', 'town'" in message
    names = [[f"name {n}", *x] for n, x in enumerate(NUMBERS.tolist())]
    message = message_of(write(tmp_path / "b.csv", names, "who x y z".split()))
    assert "column 'who' has 60 different values in 60 rows, which are no classes" in message


def test_constant_and_empty_columns_are_left_out_and_told(tmp_path):
    rows = [[*x, 7, "", 0.1] for x in NUMBERS.tolist()]
    dataset = loaded(write(tmp_path / "a.csv", rows, "x y z seven nothing tenth".split()))
    assert dataset.kind.columns.names == ("x", "y", "z")
    told = " ".join(dataset.notes)
    assert "'nothing' is empty" in told and "left out: 'seven', 'tenth'" in told
    message = message_of(write(tmp_path / "b.csv", [[1, 2]] * 20))
    assert "all columns are constant" in message
    huge = [[n, n * 1e300] for n in range(20)]
    assert "column 'b' has numbers that are too large" in message_of(
        write(tmp_path / "c.csv", huge, ["a", "b"])
    )


def test_other_splits_lie_beside_a_file_called_train(tmp_path):
    for name, part in (("train", slice(40)), ("valid", slice(40, 50)), ("test", slice(50, 60))):
        write(tmp_path / f"x_{name}.csv", NUMBERS[part].tolist(), list("abc"))
    dataset = loaded(tmp_path / "x_train.csv")
    train = NUMBERS[:40]
    for split, part in (
        ("train", slice(40)),
        ("validation", slice(40, 50)),
        ("test", slice(50, 60)),
    ):
        expected = (NUMBERS[part] - train.mean(0)) / train.std(0)
        np.testing.assert_allclose(getattr(dataset, split).arrays()[0], expected, atol=1e-5)
    assert sum("split is" in note for note in dataset.notes) == 2
    write(tmp_path / "x_test.csv", NUMBERS[:, :2].tolist(), list("ab"))
    dataset = loaded(tmp_path / "x_train.csv")
    assert len(dataset.test) == 4
    assert any("with other columns, not used" in note for note in dataset.notes)


@settings(deadline=None, max_examples=25)
@given(
    values=st.lists(
        st.tuples(st.floats(-1e12, 1e12), st.floats(-1e-3, 1e-3), st.integers(-9, 9)),
        min_size=12,
        max_size=40,
    )
)
def test_any_table_comes_back_from_its_standard_units(shared, values):
    path = shared / "a.csv"
    write(path, [list(map(repr, row)) for row in values], ["large", "small", "whole"])
    try:
        dataset = csv_file(path)
    except UserError as error:  # of a file whose columns are constant in the training rows
        assert "constant" in str(error)
        return
    columns = dataset.kind.columns
    x, _ = in_order(dataset)
    kept = [["large", "small", "whole"].index(name) for name in columns.names]
    expected = np.array(values, float)[:, kept]
    scale = np.abs(expected).max(axis=0) + np.array(columns.deviations)
    assert np.isfinite(x).all()
    assert (np.abs(columns.restored(x) - expected) <= 1e-5 * scale * (1 + np.abs(x))).all()


def test_options_of_tables_are_for_tables_alone():
    for options, named in (
        (dict(columns="pixels"), "--columns"),
        (dict(label_column="a"), "--lab"),
    ):
        with pytest.raises(UserError, match=named):
            load(TrainConfig(**options))


def test_columns_must_fit_each_other():
    assert only_count(["V1", "V2"]) and only_count(["0", "1"]) and not only_count(["V1", "W2"])
    for wrong in (dict(names=["a"]), dict(means=[1.0]), dict(deviations=[1.0, 0.0])):
        with pytest.raises(UserError):
            Columns(**{**dict(names=["a", "b"], means=[0.0, 0.0], deviations=[1.0, 1.0]), **wrong})


def test_rows_of_ones_own_are_read_by_the_columns_of_the_training(tmp_path):
    training = write(tmp_path / "a.csv", NUMBERS, header=["a", "b", "c"])
    kind = loaded(training).kind
    path = write(
        tmp_path / "b.csv", np.hstack([NUMBERS[:5, [2, 0, 1]], np.ones((5, 1))]), list("cabd")
    )
    found = kind.read_all(path, (3,))
    np.testing.assert_allclose(kind.restored(found.values), NUMBERS[:5], rtol=1e-4)
    assert found.names == ["1", "2", "3", "4", "5"]
    kind.save_pairs(found.values, found.values, found.names, tmp_path / "pairs.csv")
    pairs = (tmp_path / "pairs.csv").read_text().splitlines()
    assert pairs[0] == "row,what,a,b,c" and len(pairs) == 11
    with pytest.raises(UserError, match="no column 'b'"):
        kind.read_all(write(tmp_path / "c.csv", NUMBERS[:5], header=["a", "B", "c"]), (3,))
