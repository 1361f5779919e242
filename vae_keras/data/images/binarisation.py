"""Pixels that are 0 or 1, of which a Bernoulli likelihood really is one."""

import dataclasses
from pathlib import Path

import numpy as np

from vae_keras.data.dataset import Dataset
from vae_keras.data.images import archives
from vae_keras.errors import UserError, unknown

CHOICES = ("none", "dynamic", "threshold", "static:FILE")
SPLITS = ("train", "validation", "test")


def binarised(dataset: Dataset, choice: str) -> Dataset:
    """The data set with its grey values made 0 or 1 as `choice` says. Raises UserError.

    "dynamic" draws each pixel with its grey value as probability, in training at every step anew;
    "threshold" cuts at one half; "static:FILE" takes the drawn images from a file.
    """
    method, _, file = choice.partition(":")
    if choice == "none":
        return dataset
    if dataset.vocabulary:
        raise UserError(
            f"--binarize {choice} needs grey images, but {dataset.name} has sequences: leave it out"
        )
    if dataset.image_shape[-1] != 1:
        raise UserError(
            f"--binarize {choice} needs grey images, but {dataset.name} has "
            f"{dataset.image_shape[-1]} channels: leave it out, or for a folder give "
            "--color-mode grayscale"
        )
    if method == "static" and file:
        return _static(dataset, Path(file))
    if choice not in CHOICES or method == "static":
        raise unknown("binarisation", choice, CHOICES)
    changed = {s: dataclasses.replace(getattr(dataset, s), binarisation=choice) for s in SPLITS}
    return dataclasses.replace(dataset, **changed)


def _static(dataset, file: Path) -> Dataset:
    """The images of `file`, an .npz with x_train and x_test, or `..._train.amat` and its partners.

    In an .npz they stand in the order of the data set, whose labels they keep.
    """
    is_amat = file.suffix == ".amat"
    drawn = archives.amat(file) if is_amat else archives.npz(file)
    pooled = dataset.test.images is dataset.train.images  # one array, of which a part is the test
    if not pooled and drawn.test.images is drawn.train.images:
        raise UserError(f"{file}: has no x_test, but {dataset.name} has test images of its own")

    def replaced(examples, images):
        if images.shape != examples.images.shape:
            raise UserError(
                f"{file}: holds images of shape {images.shape}, but {dataset.name} has "
                f"{examples.images.shape}: it is not a binarisation of this data set"
            )
        white = images.max()
        if not np.isin(images, (0, white)).all():
            raise UserError(f"{file}: holds values other than two: it is not binarised")
        labels = None if is_amat else examples.labels  # their order is not the data set's
        images = (255 * (images > 0)).astype(np.uint8)
        return dataclasses.replace(examples, images=images, labels=labels, binarisation="static")

    train = replaced(dataset.train, drawn.train.images)
    test_images = train.images if pooled else drawn.test.images
    return dataclasses.replace(
        dataset,
        train=train,
        validation=dataclasses.replace(train, rows=dataset.validation.rows),
        test=replaced(dataset.test, test_images),
        class_names=() if is_amat else dataset.class_names,
    )
