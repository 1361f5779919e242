"""A linear classifier on codes, which says what they know of the labels."""

import math
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_keras.data.dataset import Dataset, Examples
from vae_keras.errors import UserError
from vae_keras.evaluation.pixels import fitted_pca, flat_values
from vae_keras.latent.codes import encode

MOST_PROBED_VALUES = 20_000 * 784  # that a probe holds at once: 20,000 images of MNIST's size


def probe(model, dataset: Dataset, sizes=(100, 1_000), seed=0) -> list[dict]:
    """Test accuracy of a linear classifier on a model's codes, on pixels and on PCA of that size.

    One row {"labels": n, "codes": accuracy, "pixels": accuracy, "pca": accuracy} for each of
    `sizes` below the number of training labels, and one for all of these. `seed` chooses which
    labels, in the proportions of the classes; a row's are among the next one's.

    Of no more images than `most_in_memory` says are pixels used, neither for training, which gives
    a row of its own and None for the pixels below, nor for PCA and test. Raises UserError.
    """
    dataset.require_labels()
    check_unconditional(model)
    most = most_in_memory(dataset)
    train, test = stratified(dataset.train, seed), stratified(dataset.test, seed)
    few, test = train.take(slice(most)), test.take(slice(most))
    pca = fitted_pca(few, min(model.latent_dim, len(few), math.prod(dataset.example_shape)))
    features = {
        "codes": (encode(model, train), encode(model, test)),
        "pixels": (flat_values(few), flat_values(test)),
        "pca": (_projected(pca, train), _projected(pca, test)),
    }
    rows = []
    for count in sorted({min(n, len(train)) for n in (*sizes, most, len(train))}):
        first = train.take(slice(count))
        accuracies = {
            name: _accuracy(*both, first, test) if count <= len(both[0]) else None
            for name, both in features.items()
        }
        rows.append({"labels": count, **accuracies})
    return rows


def probe_accuracy(model, dataset: Dataset, labels=10_000, seed=0) -> float:
    """Test accuracy of a linear classifier on the codes of that many labelled images.

    A conditional model is told the label of an image when it encodes it. Raises UserError if the
    data set has no labels.
    """
    dataset.require_labels()
    train = stratified(dataset.train, seed).take(slice(labels))
    return _accuracy(encode(model, train), encode(model, dataset.test), train, dataset.test)


def most_in_memory(dataset: Dataset) -> int:
    """How many images a probe has in memory at once."""
    return MOST_PROBED_VALUES // math.prod(dataset.example_shape)


def _accuracy(features, test_features, train, test) -> float:
    """Of a logistic regression that was fitted to the first features."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=100))
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        classifier.fit(features[: len(train)], train.own_labels)  # more steps change little
    return float(classifier.score(test_features, test.own_labels))


def check_unconditional(model):
    if model.takes_labels:
        raise UserError(
            "a conditional model needs the labels that are to be found here: use another model"
        )


def stratified(examples: Examples, seed=0) -> Examples:
    """The examples in a random order whose first n have the proportions of the classes, for any n.

    Each class comes once before any comes twice.
    """
    labels, generator = examples.own_labels, np.random.default_rng(seed)
    assert labels is not None  # as `require_labels` has made sure
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        position[members] = np.arange(len(members)) / len(members)
    return examples.take(np.argsort(position, kind="stable"))


def _projected(pca, examples) -> np.ndarray:
    """The principal components of a split, batch by batch: [n, components]."""
    images = (batch["x"] for batch in examples.batches().as_numpy_iterator())
    return np.concatenate([pca.transform(x.reshape(len(x), -1)) for x in images])
