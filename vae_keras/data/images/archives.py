"""Data sets in files of arrays: .npz in Keras's layout, IDX, and what Keras downloads."""

import gzip
import math
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from vae_keras.data.dataset import Dataset, Examples, split_dataset
from vae_keras.data.images.scaling import PixelRange, check_numbers, range_of
from vae_keras.errors import UserError, check_channels_last

CHUNK = 2**20  # bytes
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
IDX_IMAGES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")
CLASS_NAMES = {
    "mnist": "0 1 2 3 4 5 6 7 8 9".split(),
    "fashion_mnist": "T-shirt trouser pullover dress coat sandal shirt sneaker bag boot".split(),
    "cifar10": "airplane automobile bird cat deer dog frog horse ship truck".split(),
}


def digits() -> Dataset:
    """The 1,797 handwritten digits of scikit-learn, 8×8 grey: no download. A fifth is the test."""
    from sklearn.datasets import load_digits  # takes half a second, so only for this data set

    archive = load_digits()
    images = (archive.images / 16).astype(np.float32)[..., None]
    examples = Examples(images, archive.target)
    return split_dataset("digits", examples, class_names=CLASS_NAMES["mnist"], test_share=0.2)


def keras_archive(name: str, data_dir: Path | None) -> Dataset:
    """The data set mnist, fashion_mnist or cifar10, from `data_dir` if it is there, or downloaded.

    A file in `data_dir` may be NAME.npz in Keras's layout. For the first two it may also be IDX:
    the files of Fashion-MNIST have the names of MNIST's, so they must lie in a folder with
    "fashion" in its name. Raises UserError if `data_dir` does not exist, a file is damaged or the
    download fails.
    """
    names = CLASS_NAMES[name]
    for folder in _places(name, data_dir):
        if (folder / f"{name}.npz").is_file():
            return npz(folder / f"{name}.npz", name, names)
        is_fashion = "fashion" in folder.resolve().name.lower()
        if name == "cifar10" or is_fashion != (name == "fashion_mnist"):
            continue
        for file in (folder / (stem + ending) for stem in IDX_IMAGES for ending in ("", ".gz")):
            if file.is_file():
                return idx(file, name, names)
    return _downloaded(name, data_dir, names)


def _places(name, data_dir):
    if data_dir is None:
        return []
    if not data_dir.is_dir():
        raise UserError(
            f"data folder {str(data_dir)!r} does not exist: correct --data-dir "
            "or VAE_KERAS_DATA_DIR"
        )
    return [data_dir, data_dir / name, data_dir / name.replace("_", "-")]


def _downloaded(name, data_dir, class_names):
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        where = f"not in {str(data_dir)!r}" if data_dir else "no --data-dir given"
        raise UserError(
            f"{name}: {where}, and the download failed ({_first_line(error)}): put {name}.npz in a "
            "folder and name it with --data-dir, or use --dataset digits, which needs no download"
        ) from error
    splits = {f"{name}: training": (x_train, y_train), f"{name}: test": (x_test, y_test)}
    return _dataset(name, splits, class_names)


def npz(path: Path, name: str | None = None, class_names=(), pixel_range=None) -> Dataset:
    """Load an .npz file with `x_train` and, if there are any, `y_train`, `x_test` and `y_test`.

    Images are [n, height, width] or [n, height, width, channels]. Type and values tell which of
    their numbers are black and white, unless `pixel_range` does. Labels are integers or names; the
    classes are those that occur. Without `x_test` a tenth of the images is the test. Raises
    UserError if the file is missing or damaged, if an array has another form, or if it is not clear
    what is white.
    """
    path = _existing(path)
    arrays = _arrays(path, lambda key: key[:2] in ("x_", "y_"))
    if "x_train" not in arrays:
        found = ", ".join(arrays) or "none of x_train, y_train, x_test, y_test"
        raise UserError(f"{path}: has no array x_train (found {found})")
    splits = {
        f"{path}: x_{part}": (arrays[f"x_{part}"], arrays.get(f"y_{part}"))
        for part in ("train", "test")
        if f"x_{part}" in arrays
    }
    return _dataset(name or path.stem, splits, class_names, pixel_range)


def npz_images(path: Path) -> dict[str, np.ndarray]:
    """The arrays of images in an .npz file by name: those called x_…, or the only array.

    Raises UserError if the file is missing or damaged, or if there are no such arrays.
    """
    arrays = _arrays(_existing(path), lambda key: True)
    found = {key: array for key, array in arrays.items() if key.startswith("x_")}
    if not found and len(arrays) != 1:
        known = ", ".join(arrays) or "nothing"
        raise UserError(f"{path}: has {known}: call the array of images x_test")
    return found or {"": next(iter(arrays.values()))}


def _arrays(path: Path, is_wanted) -> dict[str, np.ndarray]:
    """The arrays in an .npz file whose names are wanted. Raises UserError if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files if is_wanted(key)}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("a member is not an array")
    except Exception as error:  # a damaged zip or header raises errors of many kinds
        if "Object arrays" in str(error):
            raise UserError(
                f"{path}: holds Python objects, which are not loaded because they can run code: "
                "save plain numeric arrays"
            ) from error
        raise UserError(f"{path}: not a readable .npz file ({_first_line(error)})") from error
    return arrays


def of_arrays(images, labels=None, name="array") -> Dataset:
    """The data set of an array of images and, if there are any, their labels.

    What is said of arrays in `npz` holds here, too. A tenth of the images is the test.
    """
    labels = None if labels is None else np.asarray(labels)
    return _dataset(name, {"the array": (np.asarray(images), labels)}, ())


def amat(path: Path) -> Dataset:
    """Load binarised MNIST in text, `..._train.amat`: Larochelle's fixed draw, without labels.

    A line holds the pixels of an image, 0 or 1. The files `..._valid.amat` and `..._test.amat` must
    lie beside it. Raises UserError if one is missing or holds anything else, or if "train" is not
    in the name.
    """
    parts = [
        path.with_name(path.name.replace("train", part)) for part in ("train", "valid", "test")
    ]
    if len(set(parts)) < 3:
        raise UserError(f"{path}: name the file of the training images, such as x_train.amat")
    train, valid, test = map(_read_amat, parts)
    return split_dataset(path.stem, Examples(np.concatenate([train, valid])), Examples(test))


def _read_amat(path: Path) -> np.ndarray:
    content = np.frombuffer(_existing(path).read_bytes(), np.uint8)
    pixels = content[~np.isin(content, np.frombuffer(b" \t\r\n", np.uint8))] - ord("0")
    if not len(pixels) or len(pixels) % 784 or pixels.max() > 1:
        raise UserError(f"{path}: is not lines of 784 zeros and ones")
    return pixels.reshape(-1, 28, 28, 1)


def idx(path: Path, name: str | None = None, class_names=(), pixel_range=None) -> Dataset:
    """Load an IDX file of images, plain or gzipped, with the labels and test images beside it.

    They are found by their usual names: `train-labels-idx1-ubyte` and `t10k-images-idx3-ubyte`
    beside `train-images-idx3-ubyte`. Without test images a tenth is the test. What is said of
    pixels and classes in `npz` holds here, too. Raises UserError if a file is missing or damaged,
    or if the images and labels do not fit each other.
    """
    path = _existing(path)
    files = [path, *filter(None, [_beside(path, ("train", "t10k"))])]
    splits = {str(file): _idx_pair(file) for file in files}
    return _dataset(name or path.name.split(".")[0], splits, class_names, pixel_range)


def _dataset(
    name: str, splits: dict, class_names, pixel_range: PixelRange | None = None
) -> Dataset:
    """The data set of `splits`: {what a message calls it: (images, labels or None)}, one or two."""
    images = {what: _checked_images(what, images) for what, (images, _) in splits.items()}
    train = next(iter(images.values()))
    for what, test in images.items():
        if test.shape[1:] != train.shape[1:]:
            raise UserError(
                f"{what}: test images are of shape {test.shape[1:]}, but training images of "
                f"{train.shape[1:]}"
            )
    ranges = {what: pixel_range or _range_of(what, images) for what in images}
    labels = {
        what: None if labels is None else _checked_labels(what, labels, len(images[what]))
        for what, (_, labels) in splits.items()
    }
    positions, names = _classes(labels, class_names)
    examples = [Examples(ranges[what].scaled(images[what]), positions[what]) for what in splits]
    dataset = split_dataset(name, *examples, class_names=names)
    usual = (0, 255) if train.dtype == np.uint8 else None if _is_integer(train) else (0, 1)
    found = ranges[next(iter(ranges))]
    if found == usual:
        return dataset
    settles = {"pixel_range": found.as_option()} if len(set(ranges.values())) == 1 else {}
    return replace(dataset, notes=(f"of the pixels, {found}",), settles=settles)


def _checked_images(what: str, images: np.ndarray) -> np.ndarray:
    """Images with an axis for their channels. Raises UserError if they have another form."""
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape:
        raise UserError(
            f"{what} has shape {images.shape}: it must be [n, height, width] or "
            "[n, height, width, channels], and not empty"
        )
    check_channels_last(f"{what}: an image", images.shape[1:])
    check_numbers(what, images)
    return images


def _range_of(what: str, splits: dict[str, np.ndarray]) -> PixelRange:
    """Black and white of the images `what`, and of all splits that hold numbers like theirs."""
    alike = [one for one in splits.values() if _is_integer(one) == _is_integer(splits[what])]
    low, high = min(one.min() for one in alike), max(one.max() for one in alike)
    return range_of(what, _is_integer(splits[what]), float(low), float(high))


def _is_integer(values: np.ndarray) -> bool:
    return np.issubdtype(values.dtype, np.integer)


def _classes(labels: dict, class_names):
    """The position of each label in the names of the classes, and these names.

    Without `class_names` the classes are the labels that occur, in their order.
    """
    given = [one for one in labels.values() if one is not None]
    if not given:
        return labels, class_names
    if class_names:
        values = np.arange(max(len(class_names), *(int(one.max()) + 1 for one in given)))
    else:
        values = np.unique(np.concatenate(given))
    names = [*class_names, *map(str, values[len(class_names) :])]
    return {
        what: None if one is None else np.searchsorted(values, one) for what, one in labels.items()
    }, names


def _idx_pair(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    labels = _beside(path, ("images", "labels"), ("idx3", "idx1"))
    return read_idx(path), read_idx(labels) if labels else None


def _beside(path: Path, *replaced: tuple[str, str]) -> Path | None:
    """The file beside `path` with parts of its name replaced, plain or gzipped, or None."""
    name = path.name.removesuffix(".gz")
    for old, new in replaced:
        name = name.replace(old, new)
    found = [path.with_name(name + ending) for ending in ("", ".gz")]
    return next((file for file in found if file != path and file.is_file()), None)


def is_idx(path: Path) -> bool:
    """True if a file begins like an IDX file, or is called so and gzipped."""
    with open(path, "rb") as file:
        start = file.read(4)
    if start[:2] == b"\x1f\x8b":
        return "idx" in path.name
    return len(start) == 4 and start[:2] == b"\0\0" and start[2] in IDX_TYPES


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file (http://yann.lecun.com/exdb/mnist), plain or gzipped.

    Raises UserError if the file cannot be read, is no IDX file, is empty or truncated.
    """
    try:
        with open(path, "rb") as file:
            is_zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_zipped else open(path, "rb") as file:
            header = file.read(4)
            if len(header) < 4 or header[:2] != b"\0\0" or header[2] not in IDX_TYPES:
                raise UserError(f"{path}: not an IDX file (its first bytes are {header.hex(' ')})")
            kind, rank = np.dtype(IDX_TYPES[header[2]]), header[3]
            sides = file.read(4 * rank)
            if not 1 <= rank <= 8 or len(sides) < 4 * rank:
                raise UserError(f"{path}: truncated or damaged: its header says {rank} dimensions")
            shape = np.frombuffer(sides, ">u4").tolist()
            wanted = math.prod(shape) * kind.itemsize
            if 0 in shape:
                raise UserError(f"{path}: is empty, of shape {tuple(shape)}")
            content = _read(file, wanted + 1)  # a small file may unpack to any size
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a readable IDX file ({_first_line(error)})") from error
    if len(content) != wanted:
        found = "more" if len(content) > wanted else f"{len(content):,}"
        raise UserError(
            f"{path}: truncated or damaged: its header speaks of {wanted:,} bytes of numbers, "
            f"but there are {found}"
        )
    return np.frombuffer(content, kind).reshape(shape).astype(kind.newbyteorder("="))


def _read(file, most: int) -> bytes:
    """The next `most` bytes of a file, or all if it has fewer. `file.read` would reserve `most`."""
    parts = []
    while most and (part := file.read(min(most, CHUNK))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _checked_labels(what, labels, count) -> np.ndarray:
    """Labels [n]: integers, or text. Raises UserError if they have another form."""
    if labels.ndim == 2 and labels.shape[1] == 1:  # as CIFAR's labels
        labels = labels[:, 0]
    if labels.shape != (count,):
        raise UserError(f"{what} has {count:,} images but labels of shape {labels.shape}")
    if not (np.issubdtype(labels.dtype, np.integer) or np.issubdtype(labels.dtype, np.str_)):
        raise UserError(f"{what}: labels must be integers or names, not {labels.dtype}")
    return labels


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"file {str(path)!r} does not exist")
    return path


def _first_line(error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
