import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import tensorflow as tf

from vae_keras.models.vae import Sampling, kl_to_standard_normal
from vae_keras.objectives.likelihoods import Bernoulli, Gaussian, likelihood_named

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("mean", "log_var"), [(0.0, 0.0), (1.5, -2.0), (-0.3, 1.2), (4.0, 0.1), (0.0, -8.0)]
)
def test_kl_equals_numerical_integration(mean, log_var):
    posterior = scipy.stats.norm(mean, math.exp(0.5 * log_var))

    def integrand(z):
        return posterior.pdf(z) * (posterior.logpdf(z) - scipy.stats.norm.logpdf(z))

    low, high = posterior.ppf([1e-15, 1 - 1e-15])
    expected, _ = scipy.integrate.quad(integrand, low, high, limit=200)
    found = kl_to_standard_normal(np.float32([[mean]]), np.float32([[log_var]]))
    assert found.numpy() == pytest.approx([expected], rel=1e-4, abs=1e-6)


def test_kl_sums_over_dimensions_and_not_over_the_batch():
    z_mean, z_log_var = (rng.normal(size=(3, 4)).astype("float32") for _ in range(2))
    whole = kl_to_standard_normal(z_mean, z_log_var)
    parts = [
        sum(float(kl_to_standard_normal(m[None, None], v[None, None])[0]) for m, v in zip(*pair))
        for pair in zip(z_mean, z_log_var)
    ]
    assert whole.shape == (3,)
    assert whole.numpy() == pytest.approx(parts, rel=1e-5)


def test_bernoulli_log_prob_is_that_of_scipy():
    logits = rng.normal(scale=3, size=(5, 4, 3, 2)).astype("float32")
    x = rng.integers(0, 2, logits.shape).astype("float32")
    expected = scipy.stats.bernoulli.logpmf(x, 1 / (1 + np.exp(-logits.astype("float64"))))
    found = Bernoulli().log_prob(x, logits)
    assert found.numpy() == pytest.approx(expected.sum((1, 2, 3)), rel=1e-5)


def test_bernoulli_stays_finite_for_extreme_logits():
    logits = np.float32([[-1e4, 1e4]]).reshape(1, 1, 2, 1)
    found = Bernoulli().log_prob(np.float32([[1, 0]]).reshape(1, 1, 2, 1), logits)
    assert found.numpy() == pytest.approx([-2e4])


@pytest.mark.parametrize("sigma", [0.1, 1.0, 2.5])
def test_gaussian_log_prob_is_that_of_scipy(sigma):
    mean, x = (rng.normal(size=(5, 4, 3, 2)).astype("float32") for _ in range(2))
    expected = scipy.stats.norm.logpdf(x.astype("float64"), mean, sigma).sum((1, 2, 3))
    assert Gaussian(sigma).log_prob(x, mean).numpy() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["bernoulli", "gaussian"])
def test_samples_have_the_mean_and_repeat_with_their_seed(name):
    distribution = likelihood_named(name)
    parameters = np.float32([-1.0, 0.0, 0.7]).reshape(1, 1, 3, 1).repeat(50_000, axis=0)
    sample = distribution.sample(parameters, (3, 4)).numpy()
    mean = np.asarray(distribution.mean(parameters))
    error = sample.std(axis=0) / math.sqrt(len(sample))
    assert np.all(np.abs(sample.mean(axis=0) - mean[0]) < 4 * error)
    assert np.array_equal(sample, distribution.sample(parameters, (3, 4)).numpy())
    assert not np.array_equal(sample, distribution.sample(parameters, (3, 5)).numpy())


def test_gradient_through_sampling_equals_finite_differences():
    z_mean, z_log_var, epsilon = (tf.constant(rng.normal(size=(4, 3))) for _ in range(3))
    layer = Sampling(dtype="float64")

    def value(mean, log_var):
        return tf.reduce_sum(tf.sin(layer((mean, log_var), epsilon)))

    analytic, numeric = tf.test.compute_gradient(value, [z_mean, z_log_var])
    for one, other in zip(analytic, numeric):
        assert np.asarray(one) == pytest.approx(np.asarray(other), abs=1e-6)


def test_sampling_has_the_moments_of_the_posterior():
    z_mean = np.full((200_000, 2), [1.0, -2.0], "float32")
    z_log_var = np.full((200_000, 2), [0.0, math.log(9.0)], "float32")
    z = Sampling(seed=1)((z_mean, z_log_var)).numpy()
    assert z.mean(axis=0) == pytest.approx([1, -2], abs=0.03)
    assert z.std(axis=0) == pytest.approx([1, 3], rel=0.01)
