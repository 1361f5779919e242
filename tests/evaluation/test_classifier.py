"""The classifier that judges images: of classes, and of attributes."""

import numpy as np
import pytest

from vae_keras import TrainConfig, data
from vae_keras.data.drawn.face_factors import BINARY
from vae_keras.data.drawn.faces import faces_dataset
from vae_keras.evaluation.classifier import FEATURES, trained_classifier


@pytest.fixture(scope="module")
def digits():
    return data.load(TrainConfig(dataset="digits"))


@pytest.fixture(scope="module")
def reader(digits):
    return trained_classifier(digits, steps=500)


@pytest.mark.slow
def test_it_reads_digits(digits, reader):
    images, labels = digits.test.arrays()
    right = np.mean(
        [row.argmax() == label for row, label in zip(reader.probabilities(images), labels)]
    )
    assert reader.accuracy == pytest.approx(right) and right > 0.95
    np.testing.assert_array_equal(
        reader.classes(images), reader.probabilities(images).argmax(axis=1)
    )


@pytest.mark.slow
def test_features_are_what_the_last_layer_decides_by(digits, reader):
    images, _ = digits.test.take(slice(30)).arrays()
    weights, bias = reader.network.layers[-1].get_weights()
    logits = reader.features(images) @ weights + bias
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, reader.probabilities(images), atol=1e-5)
    assert reader.features(images).shape == (30, FEATURES)


@pytest.mark.slow
def test_it_is_unsure_of_what_is_no_digit(digits, reader):
    images, _ = digits.test.arrays()
    halves = (images[:-1] + images[1:]) / 2
    assert reader.probabilities(halves).max(axis=1).mean() < 0.9
    assert reader.probabilities(images).max(axis=1).mean() > 0.95


@pytest.mark.slow
def test_the_same_seed_gives_the_same_classifier(digits):
    few = (split.take(slice(256)) for split in (digits.train, digits.validation, digits.test))
    few = data.Dataset("few", *few, class_names=digits.class_names)
    images, _ = digits.test.take(slice(20)).arrays()
    first, again, other = (
        trained_classifier(few, seed=seed, steps=8).probabilities(images) for seed in (0, 0, 1)
    )
    np.testing.assert_allclose(again, first, atol=1e-5)
    assert np.abs(other - first).max() > 0.01


@pytest.mark.slow
def test_it_sees_attributes_of_faces(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path))
    faces, names = faces_dataset(600, (16, 16)), tuple(BINARY)
    judge = trained_classifier(faces, names, steps=80)
    images, truth = faces.test.arrays()[0], faces.attributes_of(faces.test, names)
    p = judge.probabilities(images)
    right = ((p > 0.5) == truth).mean(axis=0)
    np.testing.assert_array_equal(judge.sees(images), p > 0.5)
    np.testing.assert_allclose(judge.accuracy, right)
    assert right[names.index("long_hair")] > 0.8  # half of the faces have it
    outside = np.where(images == 1, 9, images)  # as a model may decode
    np.testing.assert_allclose(judge.probabilities(outside), p, atol=1e-6)
