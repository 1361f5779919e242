import json

import keras
import numpy as np
import pytest

from vae_keras import UserError, features
from vae_keras.data import Examples
from vae_keras.features import feature_vector
from vae_keras.models import Autoencoder

NAMES = ("glasses", "old")
rng = np.random.default_rng(0)
EFFECTS = rng.normal(size=(2, 4))  # of each attribute on the code


class Reading(Autoencoder):
    """A model whose code is the first row of the image: so the codes are known."""

    def code(self, batch):
        return keras.ops.reshape(batch.x[:, 0], (-1, 4))


@pytest.fixture(scope="module")
def model():
    return Reading((2, 4, 1), 4)


def examples(count=6_000, together=0.5):
    """Images whose code is a constant, the effects of their attributes and noise.

    `together` is how often "old" is as "glasses" is.
    """
    glasses = rng.random(count) < 0.4
    old = np.where(rng.random(count) < together, glasses, ~glasses)
    attributes = np.stack([glasses, old], axis=1).astype("float32")
    images = np.zeros((count, 2, 4, 1), "float32")
    images[:, 0, :, 0] = 0.5 + attributes @ EFFECTS + 0.1 * rng.normal(size=(count, 4))
    return Examples(images, attributes=attributes)


def test_means_find_the_effect_of_an_attribute(model):
    found = feature_vector(model, examples(), NAMES, "glasses")
    np.testing.assert_allclose(found.vector, EFFECTS[0], atol=0.03)
    z = rng.normal(size=(3, 4))
    np.testing.assert_allclose(found.add(z, 0.5), z + 0.5 * found.vector)


def test_vector_is_the_difference_of_the_means_of_what_was_seen(model):
    some = examples(1_500)
    found = feature_vector(model, some, NAMES, "glasses", tolerance=0.0)
    codes, has = some.images[:, 0, :, 0], some.attributes[:, 0] == 1
    expected = codes[has].mean(axis=0) - codes[~has].mean(axis=0)
    np.testing.assert_allclose(found.vector, expected, atol=1e-5)
    assert found.counts == ((~has).sum(), has.sum())


def test_regression_leaves_out_what_comes_with_the_attribute(model):
    entangled = examples(together=0.9)
    means = feature_vector(model, entangled, NAMES, "glasses", tolerance=0.0)
    regression = feature_vector(model, entangled, NAMES, "glasses", "regression", tolerance=0.0)
    np.testing.assert_allclose(regression.vector, EFFECTS[0], atol=0.03)
    assert np.linalg.norm(means.vector - EFFECTS[0]) > 0.5 * np.linalg.norm(EFFECTS[1])


def test_it_stops_when_the_direction_no_longer_moves(model):
    many = examples(20_000)
    found = feature_vector(model, many, NAMES, "glasses", tolerance=0.02)
    assert sum(found.counts) < len(many)
    assert max(found.movement[-3:]) < 0.02
    all_ = feature_vector(model, many, NAMES, "glasses", tolerance=0.0)
    assert sum(all_.counts) == len(many)
    assert len(all_.movement) > len(found.movement)


def test_selected_examples_keep_their_attributes(model):
    some = examples(3_000).take(slice(500, 2_500))
    found = feature_vector(model, some, NAMES, "glasses")
    np.testing.assert_allclose(found.vector, EFFECTS[0], atol=0.04)


def test_difference_of_a_pair(model):
    bare, wearing = np.zeros((2, 4, 1)), np.ones((2, 4, 1))
    found = features.pair_difference(model, "glasses", bare, wearing)
    np.testing.assert_allclose(found.vector, np.ones(4))


@pytest.mark.parametrize(
    ("attribute", "column", "message"),
    [
        ("glases", None, "unknown attribute 'glases': did you mean 'glasses'"),
        ("glasses", 0.0, "0 of 100 examples have it"),
        ("glasses", 1.0, "0 of 100 examples lack it"),
    ],
)
def test_attributes_that_give_no_vector_are_refused(model, attribute, column, message):
    some = examples(100)
    if column is not None:
        some.attributes[:, 0] = column
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        feature_vector(model, some, NAMES, attribute)


def test_vectors_are_saved_with_their_names_and_loaded_again(model, tmp_path):
    file = tmp_path / "features.json"
    vectors = [feature_vector(model, examples(2_000), NAMES, name) for name in NAMES]
    features.save(vectors, file)
    again = features.load(file, latent_dim=4)
    assert list(again) == list(NAMES)
    for vector in vectors:
        np.testing.assert_array_equal(again[vector.name].vector, vector.vector)
        assert again[vector.name].counts == vector.counts
    with pytest.raises(UserError, match="'glasses' is of 4 dimensions, but the model has 5"):
        features.load(file, latent_dim=5)


@pytest.mark.parametrize("content", ["", "[1]", json.dumps({"a": 1}), json.dumps({"a": {}})])
def test_other_files_are_not_taken_for_vectors(content, tmp_path):
    file = tmp_path / "features.json"
    file.write_text(content)
    with pytest.raises(UserError, match="not a file of feature vectors"):
        features.load(file)
    with pytest.raises(UserError, match="cannot be read"):
        features.load(tmp_path / "missing.json")
