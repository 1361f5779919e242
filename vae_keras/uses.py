"""What an autoencoder is good for: compression, denoising, features, finding anomalies."""

import contextlib
import dataclasses
import itertools
import math
import os
import tempfile
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_keras import data
from vae_keras.data.dataset import Dataset, Examples
from vae_keras.data.folder import image_files, read_pixels
from vae_keras.errors import UserError
from vae_keras.export import ExportedModel, load_exported
from vae_keras.files import whole_file, whole_folder
from vae_keras.latent import BATCH, encode
from vae_keras.models import model_class
from vae_keras.models.regularised import fitted_pca, flat, psnr
from vae_keras.pictures import to_image, to_pixels
from vae_keras.training import train

CODE = np.dtype("<f2")  # how a code is stored: half precision
COLOR_MODES = {1: "grayscale", 3: "rgb"}  # of a model with so many channels
MOST_VALUES = 20_000 * 784  # that a probe holds at once: 20,000 images of MNIST's size


# Images through an exported model


def compress(model, folder, output) -> dict[str, float]:
    """Encode every image below `folder` to the file `output`, which `restore` turns back.

    `model` is the path or name of an export. The file is an .npz with `names` [n] and `codes`,
    float16 [n, latent_dim]. Images are brought to the model's size, as those of folder:DIR are.

    Returns the sizes in bytes (`pixel_bytes` are those of the resized images in uint8), and the
    mean squared error of restored images (of values in [0, 1]) with their PSNR in decibels,
    averaged over images. Raises UserError, and has then written nothing.
    """
    exported, folder = load_for_images(model, "encode", "decode"), Path(folder)
    files = image_files(folder)
    names, sums = _names(files, folder), np.zeros(2)
    with (
        whole_file(output) as temporary,
        _code_file(temporary, names, exported.latent_dim) as member,
    ):
        for pixels in _read_pixels(files, exported.image_shape):
            images = _to_floats(pixels)
            codes = _stored(exported.encode(images))
            member.write(codes.tobytes())
            restored = _to_floats(to_pixels(exported.decode(codes)))
            sums += len(images) * np.array(
                [np.mean((images - restored) ** 2), psnr(images, restored)]
            )
    error, ratio = sums / len(files)
    return {
        "images": len(files),
        "original_bytes": sum(file.stat().st_size for file in files),
        "pixel_bytes": len(files) * math.prod(exported.image_shape),
        "code_bytes": len(files) * exported.latent_dim * CODE.itemsize,
        "archive_bytes": Path(output).stat().st_size,
        "mean_squared_error": float(error),
        "psnr": float(ratio),
    }


def restore(model, file, output) -> int:
    """Decode the codes in `file` to PNG files below the folder `output`; return how many.

    They have the names of the originals. What else is in `output` stays. Raises UserError if the
    file is damaged, is of a model with codes of another size, or holds a name outside `output`.
    """
    exported = load_for_images(model, "decode")
    names = _stored_names(file, exported.latent_dim)
    batches = map(exported.decode, _stored_codes(file))
    _write_images(output, names, batches)
    return len(names)


def denoise(model, folder, output) -> int:
    """Write the reconstruction of every image below `folder` as PNG to the folder `output`.

    Images are brought to the model's size. Returns how many there are; what else is in `output`
    stays. Raises UserError, and has then written nothing.
    """
    exported, folder = load_for_images(model, "reconstruct"), Path(folder)
    files = image_files(folder)
    batches = (
        exported.reconstruct(_to_floats(pixels))
        for pixels in _read_pixels(files, exported.image_shape)
    )
    _write_images(output, _names(files, folder), batches)
    return len(files)


def load_for_images(model, *endpoints, with_labels=False) -> ExportedModel:
    """The export `model`, or of that path or name, if it can do `endpoints` with images alone.

    With `with_labels` it may be a conditional one.
    """
    exported = model if isinstance(model, ExportedModel) else load_exported(model)
    name = str(exported.path)
    for endpoint in endpoints:
        if endpoint not in exported.endpoints:
            raise UserError(f"model {name!r} has no endpoint {endpoint!r}: use another one")
    if exported.vocabulary:
        raise UserError(f"model {name!r} is of sequences: use one of images")
    if exported.takes_labels and not with_labels:
        raise UserError(
            f"model {name!r} is conditional and would need a label for each image: use one "
            "without labels"
        )
    if exported.image_shape[-1] not in COLOR_MODES:
        raise UserError(
            f"model {name!r} is of {exported.image_shape[-1]} channels: images have 1 or 3"
        )
    return exported


def read_images(files, image_shape) -> np.ndarray:
    """The images in `files`, cropped and resized: float32 [n, *image_shape] in [0, 1]."""
    return np.concatenate([_to_floats(pixels) for pixels in _read_pixels(files, image_shape)])


def _names(files, folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]


def _read_pixels(files, image_shape):
    """The images in `files`, resized, in batches: uint8 [batch, *image_shape]."""
    *size, channels = image_shape
    with ThreadPoolExecutor() as pool:  # Pillow decodes without holding Python's lock
        for first in range(0, len(files), BATCH):
            chunk = files[first : first + BATCH]
            images = pool.map(lambda file: read_pixels(file, size, COLOR_MODES[channels]), chunk)
            yield np.stack(list(images))


def _write_images(output, names, batches):
    """Write images [batch, height, width, channels] in [0, 1] below `output`, all or none."""
    images = itertools.chain.from_iterable(map(to_pixels, batches))
    with _into_folder(Path(output)) as temporary:
        for name, image in zip(_png_names(names), images, strict=True):
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            to_image(image).save(path)


@contextlib.contextmanager
def _into_folder(output: Path):
    """Yield a folder whose files are in `output` at the end; others that are there stay."""
    if not output.exists():
        with whole_folder(output) as temporary:
            yield temporary
        return
    with tempfile.TemporaryDirectory(prefix=".", dir=output.parent) as temporary:
        yield Path(temporary)
        for file in Path(temporary).rglob("*.png"):
            target = output / file.relative_to(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)


def _png_names(names) -> list[str]:
    """photo.jpg becomes photo.png; or photo.jpg.png, as all do, if two would be called the same."""
    short = [Path(name).with_suffix(".png").as_posix() for name in names]
    is_unique = len({name.lower() for name in short}) == len(short)  # some disks ignore the case
    return short if is_unique else [f"{name}.png" for name in names]


def _to_floats(pixels) -> np.ndarray:
    return pixels / np.float32(255)


# The file of codes


@contextlib.contextmanager
def _code_file(path, names, latent_dim):
    """A new .npz file that has the names already; yields its member for their codes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("names.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, np.array(names), allow_pickle=False)
        with archive.open("codes.npy", "w", force_zip64=True) as member:
            shape = (len(names), latent_dim)
            header = {"descr": CODE.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, header)
            yield member


def _stored(codes) -> np.ndarray:
    with np.errstate(over="ignore"):
        stored = codes.astype(CODE)
    if not np.isfinite(stored).all():
        raise UserError(f"a code is beyond ±{np.finfo(CODE).max:,.0f}, the range of float16")
    return stored


def _stored_names(file, latent_dim) -> list[str]:
    """The names in a file of codes of that size. Raises UserError if it is not to be trusted."""
    with _reading(file) as archive:
        with archive.open("names.npy") as member:
            names = np.lib.format.read_array(member, allow_pickle=False)
        with archive.open("codes.npy") as member:
            count, size = _codes_shape(member)
        if names.dtype.kind != "U" or names.shape != (count,):
            raise ValueError("names and codes do not go together")
        list(map(os.fsencode, names.tolist()))  # fails for what no file can be called
    for name in names.tolist():
        if not _stays_inside(name):
            raise UserError(f"{file}: the name {name!r} leaves the output folder: not restored")
    if size != latent_dim:
        raise UserError(
            f"{file}: codes are of size {size}, but those of the model of size {latent_dim}: "
            "give the model that compressed them"
        )
    return names.tolist()


def _stored_codes(file):
    """The codes in `file` in batches: float16 [batch, latent_dim]."""
    with _reading(file) as archive, archive.open("codes.npy") as member:
        count, size = _codes_shape(member)
        for first in range(0, count, BATCH):
            shape = (min(BATCH, count - first), size)
            content = member.read(shape[0] * size * CODE.itemsize)
            yield np.frombuffer(content, CODE).reshape(shape)


def _codes_shape(member) -> tuple[int, int]:
    version = np.lib.format.read_magic(member)
    shape, is_fortran, kind = np.lib.format.read_array_header_1_0(member)
    if version != (1, 0) or is_fortran or kind != CODE or len(shape) != 2:
        raise ValueError("codes are not float16 [n, size]")
    return shape


@contextlib.contextmanager
def _reading(file):
    """The open zip archive `file`, whatever is wrong with it raised as UserError."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except UserError:
        raise
    except Exception as error:  # damaged archives raise errors of many kinds
        raise UserError(f"{file}: not a readable file of codes ({error})") from error


def _stays_inside(name: str) -> bool:
    """Whether a file of that relative name lies inside its folder, on this system."""
    path = Path(name)
    return not path.anchor and ".." not in path.parts and path.name != "" and "\0" not in name


# A linear probe


def probe(model, dataset: Dataset, sizes=(100, 1_000), seed=0) -> list[dict]:
    """Test accuracy of a linear classifier on a model's codes, on pixels and on PCA of that size.

    One row {"labels": n, "codes": accuracy, "pixels": accuracy, "pca": accuracy} for each of
    `sizes` below the number of training labels, and one for all of these. `seed` chooses which
    labels, in the proportions of the classes; a row's are among the next one's.

    Of no more images than `most_in_memory` says are pixels used, neither for training, which gives
    a row of its own and None for the pixels below, nor for PCA and test. Raises UserError.
    """
    dataset.require_labels()
    _check_unconditional(model)
    most = most_in_memory(dataset)
    train, test = stratified(dataset.train, seed), stratified(dataset.test, seed)
    few, test = train.take(slice(most)), test.take(slice(most))
    pca = fitted_pca(few, min(model.latent_dim, len(few), math.prod(dataset.image_shape)))
    features = {
        "codes": (encode(model, train), encode(model, test)),
        "pixels": (flat(few), flat(test)),
        "pca": (_projected(pca, train), _projected(pca, test)),
    }
    rows = []
    for count in sorted({min(n, len(train)) for n in (*sizes, most, len(train))}):
        first = train.take(slice(count))
        accuracies = {name: _accuracy(*both, first, test) for name, both in features.items()}
        rows.append({"labels": count, **accuracies})
    return rows


def probe_accuracy(model, dataset: Dataset, labels=10_000, seed=0) -> float:
    """Test accuracy of a linear classifier on the codes of that many labelled images."""
    dataset.require_labels()
    _check_unconditional(model)
    train = stratified(dataset.train, seed).take(slice(labels))
    return _accuracy(encode(model, train), encode(model, dataset.test), train, dataset.test)


def most_in_memory(dataset: Dataset) -> int:
    """How many images a probe has in memory at once."""
    return MOST_VALUES // math.prod(dataset.image_shape)


def _accuracy(features, test_features, train, test) -> float | None:
    """Of a logistic regression that was fitted to the first features, if there are enough."""
    if len(train) > len(features):
        return None
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=100))
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        classifier.fit(features[: len(train)], train.own_labels)  # more steps change little
    return float(classifier.score(test_features, test.own_labels))


def _check_unconditional(model):
    if model.takes_labels:
        raise UserError(
            "a conditional model needs the labels that are to be found here: use another model"
        )


def stratified(examples: Examples, seed=0) -> Examples:
    """The examples in a random order whose first n have the proportions of the classes, for any n.

    Each class comes once before any comes twice.
    """
    labels, generator = examples.own_labels, np.random.default_rng(seed)
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        position[members] = np.arange(len(members)) / len(members)
    return examples.take(np.argsort(position, kind="stable"))


def _projected(pca, examples) -> np.ndarray:
    """The principal components of a split, batch by batch: [n, components]."""
    images = (batch["x"] for batch in examples.batches().as_numpy_iterator())
    return np.concatenate([pca.transform(x.reshape(len(x), -1)) for x in images])


# Anomalies


def held_out_auroc(config, label, verbose=0) -> float:
    """How well a model that never saw `label` tells it from the rest, by `anomaly_scores`.

    Trains what `config` describes without that label (a class name or number) and leaves no files.
    Returns the area under the ROC curve on the test set: 0.5 is chance. Raises UserError.
    """
    _check_unconditional(model_class(config.model))
    dataset = data.load(config)
    label = _label_called(dataset, label)
    with tempfile.TemporaryDirectory() as folder:
        config = config.replace(output_dir=folder, resume=False)
        model = train(config, without_label(dataset, label), verbose).model
    return float(
        roc_auc_score(dataset.test.own_labels == label, anomaly_scores(model, dataset.test))
    )


def anomaly_scores(model, examples: Examples) -> np.ndarray:
    """The loss of each example as in evaluation, larger for what the model knows less: [n]."""
    _check_unconditional(model)

    @tf.function(autograph=False)
    def score(batch):
        return model.weighted_sum(model.objective(model.prepare(batch), training=False))

    return np.concatenate([score(batch) for batch in examples.batches()])


def without_label(dataset: Dataset, label: int) -> Dataset:
    """The data set with one label taken out of training and validation, but not of the test."""

    def others(examples):
        return examples.take(np.flatnonzero(examples.own_labels != label))

    train, validation = others(dataset.train), others(dataset.validation)
    if not len(train) or not len(validation):
        raise UserError(f"data set {dataset.name!r} has nothing left to train on without {label}")
    return dataclasses.replace(dataset, train=train, validation=validation)


def _label_called(dataset, name) -> int:
    """The label of that name or number, if both splits have it and others."""
    dataset.require_labels()
    present = np.intersect1d(dataset.train.own_labels, dataset.test.own_labels)
    known = {dataset.class_names[label]: label for label in present.tolist()}
    if str(name) in known:
        return known[str(name)]
    if str(name).isdecimal() and int(name) in known.values():
        return int(name)
    raise UserError(f"data set {dataset.name!r} has no label {str(name)!r}: {', '.join(known)}")
