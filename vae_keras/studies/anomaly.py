"""How well the loss of a model tells a label that it never saw."""

import dataclasses
import tempfile

import numpy as np
from sklearn.metrics import roc_auc_score

from vae_keras import data
from vae_keras.config import rung_named
from vae_keras.data.dataset import Dataset
from vae_keras.errors import UserError
from vae_keras.evaluation.anomaly import anomaly_scores
from vae_keras.evaluation.probe import check_unconditional
from vae_keras.training.run import train

# Anomalies


def held_out_auroc(config, label, verbose=0) -> float:
    """How well a model that never saw `label` tells it from the rest, by `anomaly_scores`.

    Trains what `config` describes without that label (a class name or number) and leaves no files.
    Returns the area under the ROC curve on the test set: 0.5 is chance. Raises UserError.
    """
    check_unconditional(rung_named(config.model).model())
    dataset = data.load(config)
    label = _label_called(dataset, label)
    with tempfile.TemporaryDirectory() as folder:
        config = config.replace(output_dir=folder, resume=False).resolved(dataset)
        model = train(config, without_label(dataset, label), verbose).model
    return float(
        roc_auc_score(dataset.test.own_labels == label, anomaly_scores(model, dataset.test))
    )


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
