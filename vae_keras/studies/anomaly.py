"""A study: how well the loss of a model detects a label that it never saw."""

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


def held_out_auroc(config, label, verbose=0) -> float:
    """Train a model without one label, and measure how well its loss detects that label.

    `config` describes the model; `label` is a class name or number. It returns the area under the
    ROC curve of `anomaly_scores` on the test set: 0.5 is chance. No files are left. Raises
    UserError if the model is conditional, if there is no such label, or if nothing is left to train
    on.
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
    """The data set with one label taken out of training and validation, but not out of the test.

    Raises UserError if no training or validation examples are left.
    """

    def others(examples):
        return examples.take(np.flatnonzero(examples.own_labels != label))

    train, validation = others(dataset.train), others(dataset.validation)
    if not len(train) or not len(validation):
        raise UserError(f"data set {dataset.name!r} has nothing left to train on without {label}")
    return dataclasses.replace(dataset, train=train, validation=validation)


def _label_called(dataset, name) -> int:
    """The label of that name or number. Raises UserError if training or test lack it."""
    dataset.require_labels()
    present = np.intersect1d(dataset.train.own_labels, dataset.test.own_labels)
    known = {dataset.class_names[label]: label for label in present.tolist()}
    if str(name) in known:
        return known[str(name)]
    if str(name).isdecimal() and int(name) in known.values():
        return int(name)
    raise UserError(f"data set {dataset.name!r} has no label {str(name)!r}: {', '.join(known)}")
