"""Binarised images: their pixels are 0 or 1, so that a Bernoulli likelihood is a true one."""

import dataclasses
from pathlib import Path

import numpy as np

from vae_keras.config.names import BINARISATIONS
from vae_keras.data.dataset import Dataset
from vae_keras.data.images import archives
from vae_keras.data.images.scaling import PixelRange
from vae_keras.errors import UserError, unknown

SPLITS = ("train", "validation", "test")


def binarised(dataset: Dataset, choice: str) -> Dataset:
    """The data set with grey values turned into 0 or 1, as `choice` says; "none" changes nothing.

    "dynamic" draws each pixel with its grey value as probability, anew at every training step;
    "static" draws it once. "static:FILE" takes images that were drawn once from a file. "threshold"
    cuts at one half. Raises UserError if the images are not grey, if there is no such choice, or if
    the file does not fit the data set.
    """
    method, _, file = choice.partition(":")
    if choice == "none":
        return dataset
    found = dataset.kind.data_kind(dataset.example_shape)
    if found != "grey":
        what = f"{dataset.example_shape[-1]} channels" if found == "colour" else dataset.kind.plural
        grey = ", or for a folder give --color-mode grayscale" if found == "colour" else ""
        raise UserError(
            f"--binarize {choice} needs grey images, but {dataset.name} has {what}: leave it "
            f"out{grey}"
        )
    if method == "static" and file:
        return _static(dataset, Path(file))
    if choice == "static":
        return _drawn_once(dataset)
    if choice not in BINARISATIONS:
        raise unknown("binarisation", choice, BINARISATIONS)
    changed = {s: dataclasses.replace(getattr(dataset, s), binarisation=choice) for s in SPLITS}
    return dataclasses.replace(dataset, **changed)


def _drawn_once(dataset) -> Dataset:
    """The images, each drawn as "dynamic" draws those of an evaluation: a function of its row."""
    drawn: dict[int, np.ndarray] = {}  # by the array that several splits may share

    def once(examples):
        values = examples.values
        if id(values) not in drawn:
            everything = dataclasses.replace(examples, rows=None, binarisation="dynamic")
            drawn[id(values)] = everything.read(slice(None))
        return dataclasses.replace(examples, values=drawn[id(values)], binarisation="static")

    return dataclasses.replace(dataset, **{s: once(getattr(dataset, s)) for s in SPLITS})


def _static(dataset, file: Path) -> Dataset:
    """The data set with the images of `file`, an .npz or `..._train.amat` with its partners.

    Images of an .npz are in the order of the data set, so they keep its labels.
    """
    is_amat = file.suffix == ".amat"
    whatever = PixelRange(0, 255)  # two values stay two
    drawn = archives.amat(file) if is_amat else archives.npz(file, pixel_range=whatever)
    pooled = dataset.test.values is dataset.train.values  # the test was cut from the same array
    if not pooled and drawn.test.values is drawn.train.values:
        raise UserError(f"{file}: has no x_test, but {dataset.name} has test images of its own")

    def replaced(examples, images):
        if images.shape != examples.values.shape:
            raise UserError(
                f"{file}: holds images of shape {images.shape}, but {dataset.name} has "
                f"{examples.values.shape}: it is not a binarisation of this data set"
            )
        white = images.max()
        if not np.isin(images, (0, white)).all():
            raise UserError(f"{file}: holds values other than two: it is not binarised")
        labels = None if is_amat else examples.labels  # an .amat has an order of its own
        images = (255 * (images > 0)).astype(np.uint8)
        return dataclasses.replace(examples, values=images, labels=labels, binarisation="static")

    train = replaced(dataset.train, drawn.train.values)
    test_images = train.values if pooled else drawn.test.values
    return dataclasses.replace(
        dataset,
        train=train,
        validation=dataclasses.replace(train, rows=dataset.validation.rows),
        test=replaced(dataset.test, test_images),
        class_names=() if is_amat else dataset.class_names,
    )
