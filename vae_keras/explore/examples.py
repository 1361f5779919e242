"""Example images for the page: test images of the model's data set, or images of the model."""

import os
from dataclasses import dataclass

import numpy as np

from vae_keras import data
from vae_keras.data.drawn.faces import SEED, draw, sample
from vae_keras.data.images.scaling import to_unit_range
from vae_keras.errors import UserError
from vae_keras.export.exported_model import ExportedModel
from vae_keras.export.places import TRAINING
from vae_keras.training.run_folder import read_config

COUNT = 10
DOWNLOADED = ("mnist", "fashion_mnist", "cifar10")  # unless they lie in a data folder


@dataclass(frozen=True)
class ExampleImages:
    """Images [n, *example_shape] in [0, 1], the name of their source, and labels [n] or None."""

    images: np.ndarray
    source: str
    labels: np.ndarray | None = None


def example_images(model: ExportedModel, data_dir=None) -> ExampleImages:
    """COUNT test images of the model's data set, or images that the model generates.

    They are generated if the data set cannot be loaded without a download, or if its images have
    another shape. Raises UserError if `data_dir` is given and the data set cannot be loaded.
    """
    try:
        found = _test_images(model, data_dir)
    except UserError:
        if data_dir:  # the user has asked for these images
            raise
        found = None
    if found is not None and found.images.shape[1:] == model.example_shape:
        return found
    labels = model.labels_in_turn(COUNT)
    return ExampleImages(model.generate(COUNT, 1, labels), "drawn by the model", labels)


def _test_images(model, data_dir) -> ExampleImages | None:
    """Test images with the labels in turn; None if the data set is unknown or not on this machine.

    Raises UserError if it cannot be loaded.
    """
    if not (model.path / TRAINING).is_file():
        return None
    config = read_config(model.path / TRAINING)
    config = config.replace(data_dir=data_dir or config.data_dir)
    has_folder = config.data_dir or os.environ.get("VAE_KERAS_DATA_DIR")
    if config.dataset in DOWNLOADED and not has_folder:
        return None
    if config.dataset.partition(":")[0] == "faces":  # loading would draw all of them
        unseen = draw(sample(COUNT, seed=SEED + 1), model.example_shape[0])
        return ExampleImages(to_unit_range(unseen), "faces that it has not seen")
    dataset = data.load(config)
    chosen = slice(COUNT) if dataset.test.labels is None else _in_turn(dataset.test.own_labels)
    images, labels = dataset.test.take(chosen).arrays()
    source = f"test images of {dataset.name}"
    return ExampleImages(images, source, labels if model.takes_labels else None)


def _in_turn(labels) -> np.ndarray:
    """The first COUNT positions when labels take turns: the first of each, the second of each, …"""
    order = np.argsort(labels, kind="stable")
    _, first, group = np.unique(labels[order], return_index=True, return_inverse=True)
    rank = np.arange(len(order)) - first[group]  # among those of the same label
    return order[np.argsort(rank, kind="stable")[:COUNT]]
