"""Data sets in files of arrays: .npz and .npy, IDX, and what Keras downloads."""

import contextlib
import gzip
import math
import zlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae_keras.data.dataset import Dataset, Examples, split_dataset
from vae_keras.data.images import keys as npz_keys
from vae_keras.data.images.class_names import file_beside, read_class_names
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
    splits = {
        "train": Arrays(f"{name}: training", x_train, y_train),
        "test": Arrays(f"{name}: test", x_test, y_test),
    }
    return image_dataset(name, splits, class_names)


def npz(
    path: Path, name: str | None = None, class_names=(), pixel_range=None, keys: str | None = None
) -> Dataset:
    """Load the images in an .npz file, with their labels and other splits, if there are any.

    Their keys are those that `keys` says, IMAGES or IMAGES,LABELS, or have usual names: see
    `usual_keys`. Images are [n, height, width] or [n, height, width, channels]. Type and values
    tell which of their numbers are black and white, unless `pixel_range` does. Labels are integers
    or names; the classes are those that occur. Without a test split a tenth of the images is the
    test. Raises UserError if the file is missing or damaged, if its keys do not tell what they are,
    if an array has another form, or if it is not clear what is white.
    """
    path = _existing(path)
    with _readable(path), np.load(path, allow_pickle=False) as archive:
        found = _splits_in(path, archive, keys)
    notes = []
    if found["train"].what != f"{path}: x_train":
        notes = ["; ".join(f"{split}: {arrays.names()}" for split, arrays in found.items())]
    return image_dataset(name or path.stem, found, class_names, pixel_range, path, notes)


def _splits_in(path: Path, archive, asked: str | None) -> dict[str, "Arrays"]:
    """The arrays of each split in an open .npz file. Raises UserError if its keys do not tell."""
    known = archive.files
    chosen = npz_keys.chosen_keys(asked, known) if asked else npz_keys.usual_keys(known)
    if not chosen:
        shapes = ", ".join(f"{key} {archive[key].shape}" for key in known) or "none"
        raise UserError(
            f"{path}: the names of its arrays do not say which has the images ({shapes}): say it "
            f"with {npz_keys.OPTION}"
        )
    found = {}
    for split, (images, labels) in chosen.items():
        arrays = [None if key is None else archive[key] for key in (images, labels)]
        if not all(array is None or isinstance(array, np.ndarray) for array in arrays):
            raise ValueError("a member is not an array")
        found[split] = Arrays(f"{path}: {images}", *arrays, labels)
    return found


def npy(path: Path, pixel_range=None) -> Dataset:
    """Load the array of images in an .npy file.

    What is said of images in `npz` holds here, too. A tenth of the images is the test.
    """
    path = _existing(path)
    with _readable(path):
        images = np.load(path, allow_pickle=False)
        if not isinstance(images, np.ndarray):
            raise ValueError("not an array")
    return image_dataset(path.stem, {"train": Arrays(str(path), images)}, (), pixel_range)


@contextlib.contextmanager
def _readable(path: Path):
    """Turn what goes wrong while NumPy reads `path` into a UserError of one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # a damaged zip or header raises errors of many kinds
        if "Object arrays" in str(error):
            raise UserError(
                f"{path}: holds Python objects, which are not loaded because they can run code: "
                "save plain numeric arrays"
            ) from error
        raise UserError(
            f"{path}: not a readable {path.suffix.lower()} file ({_first_line(error)})"
        ) from error


def npz_images(path: Path) -> dict[str, np.ndarray]:
    """The arrays of images in an .npz file by name: those with usual names, or the only array.

    Raises UserError if the file is missing or damaged, or if there are no such arrays.
    """
    path = _existing(path)
    with _readable(path), np.load(path, allow_pickle=False) as archive:
        if len(archive.files) == 1:
            return {"": archive[archive.files[0]]}
        keys = npz_keys.image_keys(archive.files)
        if not keys:
            known = ", ".join(archive.files) or "nothing"
            raise UserError(f"{path}: has {known}: call the array of images x_test")
        return {key: archive[key] for key in keys}


def of_arrays(images, labels=None, name="array") -> Dataset:
    """The data set of an array of images and, if there are any, their labels.

    What is said of arrays in `npz` holds here, too. A tenth of the images is the test.
    """
    labels = None if labels is None else np.asarray(labels)
    return image_dataset(name, {"train": Arrays("the array", np.asarray(images), labels)})


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
    files = {"train": path, "test": _beside(path, ("train", "t10k"))}
    splits = {split: _idx_pair(file) for split, file in files.items() if file}
    return image_dataset(name or path.name.split(".")[0], splits, class_names, pixel_range, path)


class Arrays(NamedTuple):
    """The images of a split as they were read, with what a message calls them, and their labels."""

    what: str
    images: np.ndarray
    labels: np.ndarray | None = None
    labels_key: str | None = None

    def names(self) -> str:
        """What note tells of a split in an .npz file: the keys of its images and labels."""
        key = self.what.rpartition(": ")[2]
        return f"images {key}" + (f", labels {self.labels_key}" if self.labels_key else "")


def image_dataset(
    name: str,
    splits: dict[str, Arrays],
    class_names=(),
    pixel_range: PixelRange | None = None,
    path: Path | None = None,
    notes=(),
) -> Dataset:
    """The data set of the arrays of `splits`: "train" and maybe "validation" and "test".

    Without `class_names`, a file of them may lie beside `path`: see `file_beside`. Raises UserError
    if an array has a form that `npz` does not know.
    """
    images = {split: _checked_images(*arrays[:2]) for split, arrays in splits.items()}
    train = images["train"]
    for split, others in images.items():
        if others.shape[1:] != train.shape[1:]:
            raise UserError(
                f"{splits[split].what}: {split} images are of shape {others.shape[1:]}, but "
                f"training images of {train.shape[1:]}"
            )
    ranges = {
        split: pixel_range or _range_of(arrays.what, images[split], images.values())
        for split, arrays in splits.items()
    }
    labels = {
        split: None
        if arrays.labels is None
        else _checked_labels(arrays.what, arrays.labels, len(images[split]))
        for split, arrays in splits.items()
    }
    file = file_beside(path) if path and not class_names and _has_numbers(labels) else None
    positions, names = class_positions(labels, class_names, file)
    examples = {
        split: Examples(ranges[split].scaled(images[split]), positions[split]) for split in splits
    }
    dataset = split_dataset(name, examples.pop("train"), class_names=names, **examples)
    notes = [*notes, *([f"the names of the classes are those in {file}"] if file else [])]
    usual = (0, 255) if train.dtype == np.uint8 else None if _is_integer(train) else (0, 1)
    found = ranges["train"]
    if found == usual:
        return replace(dataset, notes=tuple(notes))
    settles = {"pixel_range": found.as_option()} if len(set(ranges.values())) == 1 else {}
    return replace(dataset, notes=(*notes, f"of the pixels, {found}"), settles=settles)


def _checked_images(what: str, images: np.ndarray) -> np.ndarray:
    """Images with an axis for their channels. Raises UserError if they have another form."""
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape:
        rows = "; rows of pixels must be reshaped, and a table of numbers saved as FILE.csv"
        raise UserError(
            f"{what} has shape {images.shape}: it must be [n, height, width] or "
            f"[n, height, width, channels], and not empty{rows if images.ndim == 2 else ''}"
        )
    check_channels_last(f"{what}: an image", images.shape[1:])
    check_numbers(what, images)
    return images


def _range_of(what: str, images: np.ndarray, splits: Collection[np.ndarray]) -> PixelRange:
    """Black and white of images, and of all `splits` that hold numbers like theirs."""
    alike = [one for one in splits if _is_integer(one) == _is_integer(images)]
    low, high = min(one.min() for one in alike), max(one.max() for one in alike)
    return range_of(what, _is_integer(images), float(low), float(high))


def _is_integer(values: np.ndarray) -> bool:
    return np.issubdtype(values.dtype, np.integer)


def _has_numbers(labels: dict) -> bool:
    """True if there are labels, and all of them are integers."""
    given = [one for one in labels.values() if one is not None]
    return bool(given) and all(map(_is_integer, given))


def class_positions(labels: dict, class_names=(), file: Path | None = None):
    """The position of each label in the names of the classes, and these names.

    Without `class_names` or a `file` of them the classes are the labels that occur, in their order.
    """
    given = [one for one in labels.values() if one is not None]
    if not given:
        return labels, class_names
    values = np.unique(np.concatenate(given))
    if file:
        values, class_names = read_class_names(file, values)
    elif class_names:
        values = np.arange(max(len(class_names), int(values.max()) + 1))
    names = [*class_names, *map(str, values[len(class_names) :])]
    return {
        what: None if one is None else np.searchsorted(values, one) for what, one in labels.items()
    }, names


def _idx_pair(path: Path) -> Arrays:
    labels = _beside(path, ("images", "labels"), ("idx3", "idx1"))
    return Arrays(str(path), read_idx(path), read_idx(labels) if labels else None)


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
