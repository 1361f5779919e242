import gzip
import struct
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vae_keras import TrainConfig, UserError, load
from vae_keras.data.images import archives
from vae_keras.data.images.scaling import PixelRange

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 3, 4), np.uint8)
LABELS = np.arange(40, dtype=np.uint8) % 7
EIGHT_BITS = PixelRange(0, 255)
IDX_NAMES = ("images-idx3-ubyte", "labels-idx1-ubyte")


def idx_bytes(array):
    kind = array.dtype.str[1:]
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, CODES[kind], array.ndim]) + shape + array.astype(f">{kind}").tobytes()


def write_idx(path, array, ending=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = idx_bytes(array)
    path.with_name(path.name + ending).write_bytes(
        gzip.compress(content, mtime=0) if ending else content
    )


def write_mnist_idx(folder, images=IMAGES, ending="", names=IDX_NAMES):
    write_idx(folder / f"train-{names[0]}", images, ending)
    write_idx(folder / f"train-{names[1]}", LABELS, ending)
    write_idx(folder / f"t10k-{names[0]}", images[:9], ending)
    write_idx(folder / f"t10k-{names[1]}", LABELS[:9], ending)


def write_npz(path, **content):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **content)
    return path


def whole(dataset, with_test=False):
    """All that the file holds, in its order: the stored images and their labels."""
    splits = [dataset.train, dataset.validation] + [dataset.test] * with_test
    rows = np.concatenate([split.rows for split in splits])
    assert sorted(rows) == list(range(len(dataset.train.values)))
    return dataset.train.values, dataset.train.labels


def message_of(action):
    with pytest.raises(UserError) as caught:
        action()
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("archives")


@pytest.fixture
def offline(monkeypatch):
    def load_data():
        raise Exception("URL fetch failure: Name or service not known\nand more")

    for name in ("mnist", "fashion_mnist", "cifar10"):
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", load_data)
    monkeypatch.delenv("VAE_KERAS_DATA_DIR", raising=False)


def test_digits_come_without_a_download(offline):
    digits = load(TrainConfig(dataset="digits"))
    assert [len(s) for s in (digits.test, digits.validation, digits.train)] == [359, 143, 1295]
    x, labels = digits.train.arrays()
    assert (x.shape[1:], x.dtype, x.min(), x.max()) == ((8, 8, 1), np.float32, 0, 1)
    assert set(labels) == set(range(10))
    assert digits.class_names == tuple("0123456789")


UNIT = np.linspace(0, 1, 40 * 12).reshape(40, 3, 4)
RGB = np.zeros((40, 8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (IMAGES, IMAGES / 255),
        (IMAGES.astype(">i2"), IMAGES / 255),
        (IMAGES.astype(np.int64), IMAGES / 255),
        (IMAGES > 127, IMAGES > 127),
        (UNIT.astype(np.float16), UNIT.astype(np.float16)),
        (UNIT.astype(np.float32), UNIT),
        (UNIT.astype(">f4"), UNIT),
        (UNIT, UNIT),
    ],
    ids=lambda array: array.dtype.str,
)
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_npz_values_become_floats_from_0_to_1(tmp_path, stored, expected, channels):
    if channels:
        stored, expected = (np.repeat(a[..., None], channels, -1) for a in (stored, expected))
    dataset = archives.npz(write_npz(tmp_path / "own.npz", x_train=stored))
    assert (dataset.name, dataset.example_shape) == ("own", (3, 4, channels or 1))
    x, labels = dataset.train.arrays()
    expected = expected.reshape(40, *dataset.example_shape)[dataset.train.rows]
    assert x.dtype == np.float32
    assert labels is None
    np.testing.assert_allclose(x, expected, atol=1e-7)


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(np.int32), LABELS[:, None]])
@pytest.mark.parametrize("with_test", [False, True])
def test_npz_labels_stay_with_their_images(tmp_path, labels, with_test):
    content = dict(x_train=IMAGES, y_train=labels)
    if with_test:
        content |= dict(x_test=IMAGES[:7], y_test=labels[:7])
    dataset = archives.npz(write_npz(tmp_path / "own.npz", **content))
    images, found = whole(dataset, with_test=not with_test)
    np.testing.assert_array_equal(images[..., 0], IMAGES)
    np.testing.assert_array_equal(found, LABELS)
    assert len(dataset.test) == (7 if with_test else 4)
    x, y = dataset.test.arrays()
    expected = np.arange(7) if with_test else dataset.test.rows
    np.testing.assert_allclose(x[..., 0], IMAGES[expected] / 255, atol=1e-7)
    np.testing.assert_array_equal(y, LABELS[expected])


@settings(deadline=None, max_examples=50)
@given(
    images=arrays.arrays(
        np.uint8,
        arrays.array_shapes(min_dims=3, max_dims=3, max_side=5).map(lambda s: (s[0] + 9, *s[1:])),
    )
)
def test_npz_and_idx_round_trip_any_images(shared, images):
    write_idx(shared / "any-idx3-ubyte", images)
    for dataset in (
        archives.npz(write_npz(shared / "any.npz", x_train=images), pixel_range=EIGHT_BITS),
        archives.idx(shared / "any-idx3-ubyte", pixel_range=EIGHT_BITS),
    ):
        np.testing.assert_array_equal(whole(dataset, with_test=True)[0][..., 0], images)


GOOD = dict(x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        (
            dict(x_train=None),
            "(y_train (40,), x_test (40, 3, 4), y_test (40,)): say it with",
        ),
        (dict(x_train=IMAGES.astype(float)), "from 0 to 255"),
        (dict(x_train=UNIT - 0.5), "from -0.5 to 0.5"),
        (dict(x_train=np.where(UNIT > 0.999, np.nan, UNIT)), "1 values that are NaN"),
        (dict(x_train=np.where(UNIT > 0.999, np.inf, UNIT)), "to inf"),
        (dict(x_train=np.where(UNIT > 0.999, -np.inf, UNIT)), "from -inf"),
        (dict(x_train=IMAGES.astype(int) - 300), "integers from -300"),
        (dict(x_train=IMAGES.astype(int) * 300), "integers from 0 to 76"),
        (dict(x_train=IMAGES // 16 % 8, x_test=IMAGES // 16 % 8), "does not tell what is white"),
        (dict(x_train=np.moveaxis(RGB, -1, 1)), "channels first"),
        (dict(x_train=IMAGES.astype(complex)), "complex128"),
        (dict(x_train=IMAGES.astype(str)), "<U"),
        (dict(x_train=IMAGES.astype(object)), "Python objects"),
        (dict(x_train=IMAGES[:, 0]), "(40, 4)"),
        (dict(x_train=IMAGES[..., None, None]), "(40, 3, 4, 1, 1)"),
        (dict(x_train=IMAGES[:0], y_train=LABELS[:0]), "empty"),
        (dict(x_train=IMAGES[:, :0]), "empty"),
        (dict(x_train=np.uint8(7)), "shape ()"),
        (dict(x_test=IMAGES[:, :2]), "test images are of shape (2, 4, 1)"),
        (dict(x_test=IMAGES[:0], y_test=LABELS[:0]), "empty"),
        (dict(x_test=IMAGES.astype(float)), "x_test has floats"),
        (dict(y_train=LABELS[1:]), "40 images but labels of shape (39,)"),
        (dict(y_test=LABELS[1:]), "40 images but labels of shape (39,)"),
        (dict(y_train=np.eye(40, dtype=int)), "(40, 40)"),
        (dict(y_train=np.int64(1)), "labels of shape ()"),
        (dict(y_train=LABELS.astype(float)), "float64"),
        (dict(y_train=LABELS.astype(object)), "Python objects"),
    ],
)
def test_bad_arrays_are_refused_by_name_of_the_file(tmp_path, changes, wrong):
    content = {name: array for name, array in (GOOD | changes).items() if array is not None}
    path = write_npz(tmp_path / "bad.npz", **content)
    message = message_of(lambda: archives.npz(path))
    assert message.startswith(str(path))
    assert wrong in message


# Keys


OTHER = dict(x=255 - IMAGES[:11], y=LABELS[:11])


@pytest.mark.parametrize(
    "keys",
    [
        "train_images train_labels val_images val_labels test_images test_labels",  # MedMNIST
        "X_train Y_train X_valid Y_valid X_test Y_test",
        "training_data training_target validation_data validation_target testing_data "
        "testing_target",
        "images_train labels_train images_val labels_val images_test labels_test",
    ],
)
def test_splits_are_found_by_their_usual_names(tmp_path, keys):
    names = keys.split()
    arrays = (IMAGES, LABELS[:, None], OTHER["x"], OTHER["y"], IMAGES[:7], LABELS[:7])
    path = write_npz(tmp_path / "medical.npz", **dict(zip(names, arrays)))
    dataset = load(TrainConfig(dataset=str(path)))
    np.testing.assert_array_equal(dataset.train.values[dataset.train.rows][..., 0], IMAGES)
    np.testing.assert_array_equal(dataset.train.own_labels, LABELS)
    np.testing.assert_array_equal(dataset.validation.values[..., 0], OTHER["x"])
    np.testing.assert_array_equal(dataset.validation.own_labels, OTHER["y"])
    np.testing.assert_array_equal(dataset.test.values[..., 0], IMAGES[:7])
    (note,) = dataset.notes
    assert f"train: images {names[0]}, labels {names[1]}; validation: images {names[2]}" in note


@pytest.mark.parametrize(
    ("keys", "images", "labels"),
    [
        ("arr_0", "arr_0", None),
        ("arr_0 arr_1", "arr_0", "arr_1"),
        ("X y", "X", "y"),
        ("label image", "image", "label"),
        ("data target extra", "data", "target"),
        ("data images target", "images", "target"),  # as of scikit-learn's digits
        ("latents imgs", "imgs", None),
        ("faces", "faces", None),  # the only one
    ],
)
def test_images_without_splits_are_found_by_their_usual_names(tmp_path, keys, images, labels):
    content = {key: LABELS for key in keys.split()} | {images: IMAGES}
    dataset = archives.npz(write_npz(tmp_path / "a.npz", **content))
    found, own = whole(dataset, with_test=True)
    np.testing.assert_array_equal(found[..., 0], IMAGES)
    assert (own is None) == (labels is None)
    assert dataset.notes == (f"train: images {images}" + (f", labels {labels}" if labels else ""),)


@pytest.mark.parametrize("keys", ["arr_0 arr_1 arr_2 arr_3", "left right", "x_test", ""])
def test_keys_that_tell_nothing_are_listed(tmp_path, keys):
    path = write_npz(tmp_path / "a.npz", **{key: IMAGES for key in keys.split()})
    message = message_of(lambda: archives.npz(path))
    assert message.startswith(str(path)) and "--keys IMAGES,LABELS" in message
    assert all(f"{key} (40, 3, 4)" in message for key in keys.split())


def test_keys_can_be_said(tmp_path):
    path = write_npz(tmp_path / "a.npz", left=IMAGES, right=255 - IMAGES, kind=LABELS, x=LABELS)

    def loaded(keys):
        return load(TrainConfig(dataset=str(path), keys=keys))

    np.testing.assert_array_equal(loaded("right").train.values[..., 0], 255 - IMAGES)
    assert loaded("right").train.labels is None
    np.testing.assert_array_equal(loaded("left, kind").train.labels, LABELS)
    assert "'rigth': did you mean 'right'" in message_of(lambda: loaded("rigth"))
    assert "--keys 'a,b,c'" in message_of(lambda: loaded("a,b,c"))
    assert "not for 'digits'" in message_of(lambda: load(TrainConfig(keys="x")))


def test_keys_that_are_said_bring_their_other_splits(tmp_path):
    content = dict(left_train=IMAGES, left_test=IMAGES[:5], kind_train=LABELS, kind_test=LABELS[:5])
    path = write_npz(tmp_path / "a.npz", **content, x_train=255 - IMAGES)
    dataset = archives.npz(path, keys="left_train,kind_train")
    np.testing.assert_array_equal(dataset.test.values[..., 0], IMAGES[:5])
    np.testing.assert_array_equal(dataset.test.own_labels, LABELS[:5])
    assert archives.npz(path, keys="left_train").test.own_labels is None


@pytest.mark.parametrize("images", [IMAGES, UNIT, RGB])
def test_npy_is_an_array_of_images(tmp_path, images):
    np.save(tmp_path / "own.npy", images)
    dataset = load(TrainConfig(dataset=str(tmp_path / "own.npy")))
    assert (dataset.name, len(dataset.test)) == ("own", 4)
    x = np.concatenate([s.arrays()[0] for s in (dataset.train, dataset.validation, dataset.test)])
    assert (x.shape[0], *x.shape[1:3]) == images.shape[:3]
    expected = images if images is UNIT else images / 255
    assert x.sum() == pytest.approx(expected.sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "not a readable .npy file"),
        (b"\x93NUMPY\x01\0", "not a readable .npy file"),
        (b"PK\x03\x04", "not a readable .npy file"),
        (IMAGES[0, 0], "has shape (4,)"),
        (IMAGES.astype(object), "Python objects"),
    ],
)
def test_bad_npy_is_refused(tmp_path, content, wrong):
    path = tmp_path / "bad.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    message = message_of(lambda: archives.npy(path))
    assert message.startswith(str(path)) and wrong in message


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04", bytes(1000), b"\0\0\x08\3"])
def test_file_that_is_no_zip_is_refused(tmp_path, content):
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    assert str(path) in message_of(lambda: archives.npz(path))


@settings(deadline=None)
@given(data=st.data())
def test_npz_cut_anywhere_is_refused(shared, data):
    content = write_npz(shared / "whole.npz", **GOOD).read_bytes()
    path = shared / "cut.npz"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert str(path) in message_of(lambda: archives.npz(path))


def test_npz_with_a_damaged_byte_of_an_image_is_refused(tmp_path):
    path = write_npz(tmp_path / "bad.npz", **GOOD)
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(content)
    assert "not a readable .npz file" in message_of(lambda: archives.npz(path))


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("names", [IDX_NAMES, ("images.idx3-ubyte", "labels.idx1-ubyte")])
def test_idx_finds_labels_and_test_pair_beside_it(tmp_path, ending, names):
    write_mnist_idx(tmp_path, ending=ending, names=names)
    dataset = load(TrainConfig(dataset=str(tmp_path / f"train-{names[0]}{ending}")))
    images, labels = whole(dataset)
    np.testing.assert_array_equal(images[..., 0], IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    x, y = dataset.test.arrays()
    np.testing.assert_allclose(x[..., 0], IMAGES[:9] / 255, atol=1e-7)
    np.testing.assert_array_equal(y, LABELS[:9])


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "pictures"])
def test_idx_alone_sets_a_tenth_aside(tmp_path, name):
    write_idx(tmp_path / name, IMAGES)
    dataset = load(TrainConfig(dataset=str(tmp_path / name)))
    assert dataset.train.labels is None
    assert len(dataset.test) == 4
    np.testing.assert_array_equal(whole(dataset, with_test=True)[0][..., 0], IMAGES)


@settings(deadline=None)
@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda kind: arrays.arrays(kind, arrays.array_shapes(max_dims=5, max_side=4))
    ),
    ending=st.sampled_from(["", ".gz"]),
)
def test_idx_round_trips_every_type_and_rank(shared, array, ending):
    write_idx(shared / "any", array, ending)
    found = archives.read_idx(shared / f"any{ending}")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("ending", ["", ".gz"])
@settings(deadline=None)
@given(data=st.data())
def test_idx_cut_anywhere_is_refused(shared, ending, data):
    content = idx_bytes(IMAGES)
    content = gzip.compress(content, mtime=0) if ending else content
    path = shared / f"cut-idx3-ubyte{ending}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert str(path) in message_of(lambda: archives.idx(path))


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "89 50 4e 47"),
        (b"\0\0\x0a\3" + idx_bytes(IMAGES)[4:], "00 00 0a 03"),
        (b"\0\1" + idx_bytes(IMAGES)[2:], "00 01 08 03"),
        (gzip.compress(b"no IDX inside", mtime=0), "not an IDX file"),
        (b"\x1f\x8b no gzip", "not a readable IDX file"),
        (gzip.compress(b"", mtime=0)[:10] + b"\xff" * 20, "not a readable IDX file"),
        (idx_bytes(IMAGES) + b"\0", "header speaks of 480 bytes of numbers, but there are more"),
        (idx_bytes(IMAGES)[:-5], "header speaks of 480 bytes of numbers, but there are 475"),
        (gzip.compress(idx_bytes(IMAGES) + bytes(10**8), mtime=0), "but there are more"),
        (b"\0\0\x08\3" + b"\xff" * 12, "truncated or damaged"),
        (idx_bytes(LABELS), "shape (40,)"),
        (idx_bytes(IMAGES[:0]), "empty"),
        (idx_bytes(IMAGES.astype("i2") - 1), "from -1"),
        (idx_bytes(IMAGES.astype("f4")), "from 0 to 255"),
    ],
)
def test_bad_idx_is_refused_with_the_reason(tmp_path, content, wrong):
    path = tmp_path / "bad-idx3-ubyte"
    path.write_bytes(content)
    message = message_of(lambda: archives.idx(path))
    assert message.startswith(str(path))
    assert wrong in message


@pytest.mark.parametrize("split", ["train", "t10k"])
def test_idx_with_labels_for_other_images_is_refused(tmp_path, split):
    write_mnist_idx(tmp_path)
    write_idx(tmp_path / f"{split}-labels-idx1-ubyte", LABELS[:3])
    message = message_of(lambda: archives.idx(tmp_path / "train-images-idx3-ubyte"))
    assert str(tmp_path / f"{split}-images-idx3-ubyte") in message
    assert "labels of shape (3,)" in message


@pytest.mark.parametrize("name", ["own.npz", "own-idx3-ubyte"])
def test_missing_archive_is_named(tmp_path, name):
    path = tmp_path / name
    message = message_of(lambda: load(TrainConfig(dataset=str(path))))
    assert message == f"file {str(path)!r} does not exist"


@pytest.mark.parametrize("place", [".", "mnist"])
@pytest.mark.parametrize("form", ["npz", "idx", "idx.gz"])
def test_mnist_is_found_in_the_data_folder(tmp_path, offline, place, form):
    if form == "npz":
        write_npz(tmp_path / place / "mnist.npz", **GOOD)
    else:
        write_mnist_idx(tmp_path / place, ending=form.removeprefix("idx"))
    dataset = load(TrainConfig(dataset="mnist", data_dir=tmp_path))
    assert (dataset.name, dataset.class_names) == ("mnist", tuple("0123456789"))
    images, labels = whole(dataset)
    np.testing.assert_array_equal(images[..., 0], IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


def test_data_folder_may_come_from_the_environment(tmp_path, offline, monkeypatch):
    write_npz(tmp_path / "one" / "mnist.npz", **GOOD)
    write_npz(tmp_path / "other" / "mnist.npz", **GOOD | dict(x_train=255 - IMAGES))
    monkeypatch.setenv("VAE_KERAS_DATA_DIR", str(tmp_path / "one"))
    images = load(TrainConfig(dataset="mnist")).train.values
    np.testing.assert_array_equal(images[..., 0], IMAGES)
    images = load(TrainConfig(dataset="mnist", data_dir=tmp_path / "other")).train.values
    np.testing.assert_array_equal(images[..., 0], 255 - IMAGES)


@pytest.mark.parametrize("folder", ["fashion_mnist", "fashion-mnist"])
def test_idx_files_of_mnist_and_fashion_mnist_are_told_apart(tmp_path, offline, folder):
    write_mnist_idx(tmp_path)
    message = message_of(lambda: archives.keras_archive("fashion_mnist", tmp_path))
    assert "fashion_mnist" in message
    write_mnist_idx(tmp_path / folder, 255 - IMAGES)
    fashion = archives.keras_archive("fashion_mnist", tmp_path)
    np.testing.assert_array_equal(fashion.train.values[..., 0], 255 - IMAGES)
    assert fashion.class_names[1] == "trouser"
    mnist = archives.keras_archive("mnist", tmp_path)
    np.testing.assert_array_equal(mnist.train.values[..., 0], IMAGES)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_failed_download_names_what_needs_none(tmp_path, offline, name):
    for data_dir, where in ((None, "no --data-dir given"), (tmp_path, str(tmp_path))):
        message = message_of(lambda data_dir=data_dir: archives.keras_archive(name, data_dir))
        assert message.startswith(f"{name}: ")
        assert where in message
        assert "Name or service not known" in message
        assert "--dataset digits" in message
        assert f"{name}.npz" in message


def test_missing_data_folder_is_named(tmp_path, offline):
    message = message_of(lambda: archives.keras_archive("mnist", tmp_path / "nowhere"))
    assert str(tmp_path / "nowhere") in message


def test_damaged_archive_in_the_data_folder_is_not_replaced_by_a_download(tmp_path, offline):
    (tmp_path / "mnist.npz").write_bytes(b"PK\x03\x04")
    assert "mnist.npz" in message_of(lambda: archives.keras_archive("mnist", tmp_path))


def test_downloaded_arrays_are_split_like_those_of_a_file(monkeypatch):
    images = np.repeat(IMAGES[..., None], 3, -1)
    pair = (images, LABELS[:, None])
    cifar10 = SimpleNamespace(load_data=lambda: (pair, (images[:5], LABELS[:5, None])))
    monkeypatch.setattr(keras.datasets, "cifar10", cifar10)
    dataset = archives.keras_archive("cifar10", None)
    assert dataset.class_names[6] == "frog"
    assert dataset.data_kind == "colour"
    found, labels = whole(dataset)
    np.testing.assert_array_equal(found, images)
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(dataset.test.arrays()[1], LABELS[:5])


# Which numbers are black and white


@pytest.mark.parametrize(
    ("white", "kind"),
    [
        *((1, "u1"), (1, "i8"), (1, "?"), (15, "u1"), (16, "i8"), (16, "u1"), (255, "i4")),
        *((1_000, "u2"), (4_095, "u2"), (4_000, "i4"), (16_383, "u2"), (60_000, "u2")),
    ],
)
def test_integers_are_scaled_by_what_type_and_values_say(white, kind, tmp_path):
    full = {1_000: 1_023, 4_000: 4_095, 60_000: 65_535}.get(white, white)
    values = np.random.default_rng(0).integers(0, white + 1, (40, 3, 4))
    values[0, 0, 0] = white
    path = write_npz(
        tmp_path / "a.npz", x_train=values.astype(kind), x_test=values[:9].astype(kind)
    )
    dataset = archives.npz(path)
    x = np.concatenate([dataset.train.arrays()[0], dataset.validation.arrays()[0]])
    rows = np.concatenate([dataset.train.rows, dataset.validation.rows])
    np.testing.assert_allclose(x[..., 0], values[rows] / full, atol=1e-6)
    np.testing.assert_allclose(dataset.test.arrays()[0][..., 0], values[:9] / full, atol=1e-6)
    told = () if kind == "?" else (f"of the pixels, 0 is black and {full:g} is white",)
    assert dataset.notes == told


def test_training_and_test_images_have_one_scale(tmp_path):
    dark, bright = np.full((40, 3, 4), 900, np.uint16), np.full((40, 3, 4), 4_000, np.uint16)
    dataset = archives.npz(write_npz(tmp_path / "a.npz", x_train=dark, x_test=bright))
    assert dataset.train.arrays()[0].max() == pytest.approx(900 / 4_095)
    assert dataset.test.arrays()[0].max() == pytest.approx(4_000 / 4_095)


def test_black_and_white_can_be_said(tmp_path):
    values = np.linspace(-1_500, 1_500, 40 * 12).reshape(40, 3, 4)
    path = write_npz(tmp_path / "ct.npz", x_train=values)
    assert "--pixel-range LOW,HIGH" in message_of(lambda: load(TrainConfig(dataset=str(path))))
    dataset = load(TrainConfig(dataset=str(path), pixel_range="-1000,1000"))
    x = dataset.train.values[..., 0]
    np.testing.assert_allclose(x, ((values + 1_000) / 2_000).clip(0, 1), atol=1e-6)
    assert "-1000 is black and 1000 is white" in dataset.notes[0]


@pytest.mark.parametrize("wrong", ["7", "a,b", "5,5", "9,1", "0,inf", "nan,1", "1,2,3", ""])
def test_a_range_is_two_rising_numbers(wrong):
    config = TrainConfig(dataset="folder:nowhere", pixel_range=wrong)
    assert "--pixel-range" in message_of(lambda: load(config))


def test_a_range_is_for_files_of_the_user_alone():
    assert "not for 'digits'" in message_of(lambda: load(TrainConfig(pixel_range="0,1")))


# Classes


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.arange(40) % 4 + 1, "1 2 3 4"),
        (np.arange(40) % 4 * 100 + 100, "100 200 300 400"),
        (np.where(np.arange(40) % 2, 1, -1), "-1 1"),
        (np.array(["cat", "dog"])[np.arange(40) % 2], "cat dog"),
    ],
)
def test_classes_are_the_labels_that_occur(labels, names, tmp_path):
    dataset = archives.npz(write_npz(tmp_path / "a.npz", x_train=IMAGES, y_train=labels))
    assert dataset.class_names == tuple(names.split())
    found = [dataset.class_names[one] for one in dataset.train.labels]
    assert found == [str(one) for one in labels]


def test_classes_of_the_test_set_alone_count_as_well(tmp_path):
    content = dict(x_train=IMAGES, y_train=LABELS % 2, x_test=IMAGES, y_test=LABELS % 2 + 5)
    dataset = archives.npz(write_npz(tmp_path / "a.npz", **content))
    assert dataset.class_names == ("0", "1", "5", "6")
    assert sorted(set(dataset.test.labels)) == [2, 3]


def test_a_run_keeps_the_scale_of_its_arrays(tmp_path):
    path, images = tmp_path / "a.npz", np.zeros((20, 4, 4), np.uint16)
    images[0] = 3_000
    np.savez(path, x_train=images)
    config = TrainConfig(dataset=str(path))
    assert config.resolved(load(config)).pixel_range == "0,4095"
    np.savez(path, x_train=(images / 4_095).astype(np.float32))
    assert config.resolved(load(config)).pixel_range is None
    np.savez(path, x_train=images, x_test=(images / 4_095).astype(np.float32))
    assert config.resolved(load(config)).pixel_range is None  # two scales are not one


@pytest.mark.parametrize(
    ("labels", "names", "found"),
    [
        (LABELS, "a b c d e f g", "a b c d e f g"),
        (LABELS + 1, "a b c d e f g", "a b c d e f g"),
        (LABELS * 10, "a b c d e f g", "a b c d e f g"),
        (np.minimum(LABELS, 5), "a b c d e f g h", "a b c d e f g h"),
    ],
)
@pytest.mark.parametrize("file", ["classes.txt", "class_names.txt", "labels.txt"])
def test_class_names_may_lie_beside_the_images(tmp_path, file, labels, names, found):
    (tmp_path / file).write_text("\n".join(names.split()) + "\n\n", encoding="utf-8")
    write_mnist_idx(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels.astype("u1"))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", labels[:9].astype("u1"))
    path = write_npz(tmp_path / "a.npz", x_train=IMAGES, y_train=labels)
    for dataset in (archives.npz(path), archives.idx(tmp_path / "train-images-idx3-ubyte")):
        assert dataset.class_names == tuple(found.split())
        assert dataset.notes == (f"the names of the classes are those in {tmp_path / file}",)
        own = np.array(dataset.class_names)[dataset.train.labels]
        expected = np.searchsorted(np.unique(labels), labels)
        np.testing.assert_array_equal(own, np.array(names.split())[expected])


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (b"a\nb\n", "2 names of classes, but the labels have 7 values, from 0 to 6"),
        (b"a\nb\nc\nd\ne\nf\na\n", "has the class 'a' twice"),
        (b"", "0 names"),
        (b"\xff", "cannot be read"),
    ],
)
def test_class_names_that_do_not_fit_are_refused(tmp_path, names, wrong):
    (tmp_path / "classes.txt").write_bytes(names)
    message = message_of(
        lambda: archives.npz(write_npz(tmp_path / "a.npz", x_train=IMAGES, y_train=LABELS))
    )
    assert message.startswith(str(tmp_path / "classes.txt")) and wrong in message


def test_class_names_are_for_numbers_alone(tmp_path):
    (tmp_path / "classes.txt").write_text("one\n")
    words = np.array(["cat", "dog"])[np.arange(40) % 2]
    for content in (dict(), dict(y_train=words)):
        dataset = archives.npz(write_npz(tmp_path / "a.npz", x_train=IMAGES, **content))
        assert dataset.notes == () and "one" not in dataset.class_names
