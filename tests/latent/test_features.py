import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from vae_keras import UserError
from vae_keras.data import Examples
from vae_keras.latent import features
from vae_keras.latent.features import FeatureVector, feature_vector, feature_vectors
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
    codes = 0.5 + attributes @ EFFECTS + 0.1 * rng.normal(size=(count, 4))
    return Examples(as_images(codes), attributes=attributes)


def as_images(codes):
    """Images of which `Reading` reads these codes [n, 4]."""
    images = np.zeros((len(codes), 2, 4, 1), "float32")
    images[:, 0, :, 0] = codes
    return images


def all_kinds(count=2_500):
    """Examples with attributes of all kinds, some of which come together, and codes to match.

    yes and no, three colours of which each has one, a measure, and a constant.
    """
    yes = rng.random((count, 2)) < 0.4
    yes[:, 1] ^= yes[:, 0] & (rng.random(count) < 0.7)
    colour = rng.integers(3, size=count)
    measure = 2_000 + 3 * rng.normal(size=count) + yes[:, 0]
    columns = (yes, colour[:, None] == np.arange(3), measure, np.full(count, 0.3))
    values = np.column_stack(columns).astype("float32")
    codes = (values - values.mean(axis=0)) @ rng.normal(size=(7, 4)) + rng.normal(size=(count, 4))
    return Examples(as_images(codes), attributes=values)


KINDS = ("glasses", "old", "red", "green", "blue", "size", "fixed")


def test_means_find_the_effect_of_an_attribute(model):
    found = feature_vector(model, examples(), NAMES, "glasses")
    np.testing.assert_allclose(found.vector, EFFECTS[0], atol=0.03)
    z = rng.normal(size=(3, 4))
    np.testing.assert_allclose(found.add(z, 0.5), z + 0.5 * found.vector)


def test_vector_is_the_difference_of_the_means_of_what_was_seen(model):
    some = examples(1_500)
    found = feature_vector(model, some, NAMES, "glasses", tolerance=0.0)
    codes, has = some.values[:, 0, :, 0], some.attributes[:, 0] == 1
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


def test_it_stops_at_nothing_that_depends_on_the_order_of_the_examples(model):
    """Of the first half, glasses change the code otherwise than of the second."""
    count = 40_000
    glasses = rng.random(count) < 0.4
    effects = np.where(np.arange(count)[:, None] < count / 2, EFFECTS[0], EFFECTS[1])
    images = as_images(glasses[:, None] * effects + 0.1 * rng.normal(size=(count, 4)))
    some = Examples(images, attributes=np.stack([glasses, glasses], axis=1).astype("float32"))
    found = feature_vector(model, some, NAMES, "glasses", tolerance=0.05)
    assert sum(found.counts) < count / 2
    np.testing.assert_allclose(found.vector, EFFECTS.mean(axis=0), atol=0.1)


def test_selected_examples_keep_their_attributes(model):
    some = examples(3_000).take(slice(500, 2_500))
    found = feature_vector(model, some, NAMES, "glasses")
    np.testing.assert_allclose(found.vector, EFFECTS[0], atol=0.04)


SOUGHT = ("old", "size", "glasses")


@pytest.fixture(scope="module")
def mixed():
    return all_kinds()


def test_means_of_many_attributes_are_those_of_each(model, mixed):
    found = feature_vectors(model, mixed, KINDS, SOUGHT, "means", tolerance=0)
    codes = mixed.values[:, 0, :, 0].astype(float)
    assert list(found) == list(SOUGHT)
    for name, vector in found.items():
        values = mixed.attributes[:, KINDS.index(name)]
        has = values > (np.median(values) if name == "size" else 0)
        assert vector.counts == ((~has).sum(), has.sum())
        expected = codes[has].mean(axis=0) - codes[~has].mean(axis=0)
        np.testing.assert_allclose(vector.vector, expected, atol=1e-5)


def regressed(mixed, sought):
    """The coefficients [k, 4] of all attributes, those of `sought` cut at their medians."""
    values = mixed.attributes.astype(float)
    for column in map(KINDS.index, sought):
        low, high = values[:, column].min(), values[:, column].max()
        cut = 0.5 if (low, high) == (0, 1) else np.median(values[:, column])
        values[:, column] = values[:, column] > cut
    return LinearRegression().fit(values, mixed.values[:, 0, :, 0].astype(float)).coef_.T


def test_regression_of_many_attributes_is_that_of_scikit_learn(model, mixed):
    for sought in (SOUGHT, ("glasses", "old"), ("red", "blue")):
        found = feature_vectors(model, mixed, KINDS, sought, "regression", tolerance=0)
        expected = regressed(mixed, sought)
        for name, vector in found.items():
            np.testing.assert_allclose(vector.vector, expected[KINDS.index(name)], atol=2e-5)


@settings(max_examples=10, deadline=None)
@given(
    shift=st.floats(-50, 50),
    scale=st.floats(-12, 12).map(lambda power: 10**power),
    method=st.sampled_from(list(features.METHODS)),
)
def test_vectors_depend_neither_on_the_middle_of_the_codes_nor_on_units(
    model, mixed, shift, scale, method
):
    images, values = mixed.values.astype(float), mixed.attributes.copy()
    images[:, 0] += shift
    values[:, KINDS.index("size")] = (values[:, KINDS.index("size")] - 2_000) * scale
    other = Examples(images.astype("float32"), attributes=values)
    sought = ("glasses", "green", "old")
    before = feature_vectors(model, mixed, KINDS, sought, method, tolerance=0)
    after = feature_vectors(model, other, KINDS, sought, method, tolerance=0)
    for name in sought:
        np.testing.assert_allclose(after[name].vector, before[name].vector, atol=1e-4)


@pytest.mark.parametrize(
    "values, having",
    [
        ([0, 1], 1),
        ([1, 2], 2),
        ([1, 2, 2, 2], 2),
        ([-3, 5, 5], 5),
        ([1, 2, 3, 4], [3, 4]),
        ([1, 2, 3, 5, 5, 5, 5], 5),
        ([1, 1, 1, 1, 2, 3], [2, 3]),
        ([0, 0, 0.5], 0.5),
    ],
)
def test_what_has_an_attribute_lies_above_its_median(model, values, having):
    column = rng.permutation(np.repeat(np.float32(values), 20))
    attributes = np.stack([column, column], axis=1)
    some = Examples(as_images(rng.normal(size=(len(column), 4))), attributes=attributes)
    found = feature_vector(model, some, NAMES, "glasses", tolerance=0)
    has = np.isin(column, having)
    assert found.counts == ((~has).sum(), has.sum())


def test_attributes_of_yes_and_no_are_those_with_enough_of_both():
    columns = {
        "just": np.arange(40) < 10,
        "rare": np.arange(40) < 9,
        "common": np.arange(40) < 30,
        "most": np.arange(40) < 31,
        "none": np.zeros(40),
        "all": np.ones(40),
        "measure": np.linspace(0, 1, 40),
        "two": 1 + (np.arange(40) < 20),
    }
    values = np.stack(list(columns.values()), axis=1).astype("float32")
    some = Examples(np.zeros((40, 2, 4, 1)), attributes=values)
    assert features.binary(some, list(columns)) == ["just", "common"]
    few = Examples(np.zeros((40, 2, 4, 1)), attributes=values[:, 3:])
    with pytest.raises(UserError, match=r"no attribute is 0 or 1.*most, none, all, measure, two"):
        features.binary(few, list(columns)[3:])


def test_examples_without_attributes_are_refused(model):
    bare = Examples(np.zeros((40, 2, 4, 1), "float32"))
    for find in (
        lambda: features.binary(bare, ()),
        lambda: feature_vector(model, bare, (), "glasses"),
    ):
        with pytest.raises(
            UserError, match=r"no attributes: use faces, celeba:DIR or attributes\.csv"
        ):
            find()


def test_a_method_that_does_not_exist_is_named(model):
    with pytest.raises(UserError, match="unknown method 'mean': did you mean 'means'"):
        feature_vector(model, examples(100), NAMES, "glasses", "mean")


def test_a_story_tells_how_a_vector_was_found():
    vector = FeatureVector("hat", np.zeros(3), "means", (12_345, 678), [0.5, 0.25, 0.0123])
    assert vector.story() == (
        "hat: means of 678 images with it and 12,345 without; the last of 4 batches moved it by "
        "1.2%"
    )
    alone = FeatureVector("hat", np.zeros(3), "pair", (1, 1))
    assert alone.story() == "hat: pair of 1 images with it and 1 without"


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
    file.write_text(json.dumps({"hat": {"vector": 3, "method": "pair", "counts": [1, 1]}}))
    with pytest.raises(UserError, match="'hat' is of 1 dimensions, but the model has 4"):
        features.load(file, latent_dim=4)


@pytest.mark.parametrize("content", ["", "[1]", json.dumps({"a": 1}), json.dumps({"a": {}})])
def test_other_files_are_not_taken_for_vectors(content, tmp_path):
    file = tmp_path / "features.json"
    file.write_text(content)
    with pytest.raises(UserError, match="not a file of feature vectors"):
        features.load(file)
    with pytest.raises(UserError, match="cannot be read"):
        features.load(tmp_path / "missing.json")
