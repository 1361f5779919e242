"""Where codes lie, and grids of them."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.exports import PRETRAINED, divergence
from vae_keras import load_exported
from vae_keras.latent.grids import Spread, spread, traversal


@pytest.fixture(scope="module")
def digits():
    return load_exported(PRETRAINED / "digits_vae")


@pytest.fixture(scope="module")
def conditional():
    return load_exported(PRETRAINED / "mnist_cvae")


def test_use_of_a_dimension_is_its_divergence_from_the_prior(digits):
    found = spread(digits, count=300, seed=4)
    np.testing.assert_allclose(found.use, divergence(digits, digits.generate(300, 4)), rtol=1e-4)
    assert found.unit == "nats"
    np.testing.assert_array_equal(found.centre, [0, 0])
    np.testing.assert_array_equal(found.width, [1, 1])


def test_codes_of_a_conditional_model_are_those_of_all_its_classes(conditional):
    found, label = spread(conditional, count=50), np.arange(50) % 10
    images = conditional.generate(50, 0, label)
    expected = divergence(conditional, images, label=label.astype(np.int32))
    np.testing.assert_allclose(found.use, expected, rtol=1e-4, atol=1e-7)


def test_use_without_a_prior_is_the_variance_of_the_codes(colour):
    found, codes = spread(colour, count=200, seed=1), colour.encode(colour.generate(200, 1))
    assert found.unit == "variance"
    np.testing.assert_allclose(found.centre, codes.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.width, codes.std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.use, codes.std(axis=0) ** 2, rtol=1e-4)


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_quantiles_are_the_middles_of_equal_shares(steps):
    centre, width = np.array([0.0, -5.0]), np.array([1.0, 0.3])
    codes = Spread(centre, width, width, "nats").quantiles(steps)
    assert codes.shape == (steps, 2)
    shares = scipy.stats.norm(centre, width).cdf(codes)
    middles = np.repeat((np.arange(steps)[:, None] + 0.5) / steps, 2, axis=1)
    np.testing.assert_allclose(shares, middles, atol=1e-6)


@given(data=st.data(), size=st.integers(1, 6), steps=st.integers(1, 5))
def test_a_traversal_changes_one_dimension_alone(data, size, steps):
    numbers = st.floats(-1e6, 1e6, width=32)
    z, values = (data.draw(arrays(np.float32, n, elements=numbers)) for n in (size, steps))
    dimension, before = data.draw(st.integers(0, size - 1)), z.copy()
    codes = traversal(z, dimension, values)
    np.testing.assert_array_equal(codes[:, dimension], values)
    others = np.delete(codes, dimension, axis=1)
    np.testing.assert_array_equal(others, np.tile(np.delete(z, dimension), (steps, 1)))
    np.testing.assert_array_equal(z, before)
