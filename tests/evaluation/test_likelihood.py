"""The figures of `evaluate` against NumPy over an export's endpoints, and against exact ones."""

import math

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from vae_keras import VAE, UserError
from vae_keras.data import Examples
from vae_keras.evaluation import likelihood
from vae_keras.evaluation.likelihood import convergence, likelihood_figures
from vae_keras.models import noise
from vae_keras.networks import DenseNetwork
from vae_keras.objectives.likelihoods import Gaussian

rng = np.random.default_rng(0)


# A model whose likelihood is known: x = Wz + σε


def linear_model(likelihood=None):
    """A linear VAE of 3 pixels and a 2-D code, with a posterior that is not quite the true one."""
    keras.utils.set_random_seed(0)
    model = VAE((3, 1, 1), 2, DenseNetwork(()), likelihood or Gaussian(0.7))
    w = decoder_matrix(model)
    precision = np.eye(2) + w.T @ w / 0.49
    mean = np.linalg.solve(precision, w.T / 0.49)  # of the true posterior
    log_var = np.log(1.5 / np.diag(precision))  # wider than the true one
    model.encoder.get_layer("z_mean").set_weights([0.8 * mean.T, np.full(2, 0.1)])
    model.encoder.get_layer("z_log_var").set_weights([np.zeros((3, 2)), log_var])
    return model


def decoder_matrix(model):
    return np.asarray(model.decoder(np.eye(2, dtype="float32"))).reshape(2, 3).T


def exact_nll(model, x):
    w = decoder_matrix(model)
    exact = scipy.stats.multivariate_normal(np.zeros(3), w @ w.T + 0.49 * np.eye(3))
    return -exact.logpdf(x.reshape(len(x), 3))


POINTS = np.random.default_rng(1).normal(size=(50, 3, 1, 1)).astype("float32")


@pytest.mark.slow
def test_importance_weighted_nll_is_the_exact_likelihood_of_a_linear_model():
    """With a linear decoder x = Wz + b + σε, log p(x) is that of N(b, WWᵀ + σ²I)."""
    model, exact = linear_model(), exact_nll(linear_model(), POINTS)
    first, last = (likelihood_figures(model, Examples(POINTS), k) for k in (1, 5_000))
    assert first["nll"].mean() - exact.mean() > 0.05
    assert np.all(np.abs(last["nll"] - exact) < 5 * last["nll_error"])
    assert last["nll"].mean() == pytest.approx(exact.mean(), abs=0.005)
    assert last["negative_elbo"].mean() > exact.mean() + 0.05
    model.compile("adam")
    elbo = model.evaluate({"x": POINTS, "index": np.arange(50)}, verbose=0, return_dict=True)
    assert last["negative_elbo"].mean() == pytest.approx(elbo["loss"], abs=0.5)  # of one draw


SAMPLES, NAIVE_SAMPLES = 500, 5_000


@pytest.fixture(scope="module")
def linear_rows():
    """How the estimates of the linear model converge."""
    return convergence(linear_model(), Examples(POINTS), SAMPLES, NAIVE_SAMPLES)


def assert_that_the_estimates_meet(rows):
    """Those by importance weighting and by naive Monte Carlo, and that the latter take longer."""
    assert [row["samples"] for row in rows] == [1, 10, 100, SAMPLES, 1_000, NAIVE_SAMPLES]
    weighted = [row["importance_weighted"] for row in rows[:4]]
    naive = [row["naive"] for row in rows if "naive" in row]
    assert len(naive) == 5
    assert naive[0] > weighted[0] + 0.5  # most draws of the prior are elsewhere
    assert naive[0] > naive[1] > naive[-1]
    assert not any("importance_weighted" in row for row in rows[4:])
    assert rows[0]["naive_error"] is rows[0]["importance_weighted_error"] is None
    errors = rows[3]["importance_weighted_error"], rows[-1]["naive_error"]
    assert 0 < min(errors) < max(errors) < 0.3
    assert weighted[-1] == pytest.approx(naive[-1], abs=4 * math.hypot(*errors))


@pytest.mark.slow
def test_naive_monte_carlo_meets_importance_weighting_on_digits(digits_run):
    examples = digits_run.dataset.test.take(slice(5))
    rows = convergence(digits_run.model, examples, SAMPLES, NAIVE_SAMPLES)
    assert_that_the_estimates_meet(rows)


@pytest.mark.slow
def test_naive_monte_carlo_meets_importance_weighting_at_the_exact_likelihood(linear_rows):
    assert_that_the_estimates_meet(linear_rows)
    weighted = [row["importance_weighted"] for row in linear_rows[:4]]
    assert weighted[:3] == sorted(weighted[:3], reverse=True)
    assert weighted[3] < weighted[2] + 4 * linear_rows[3]["importance_weighted_error"]
    exact = exact_nll(linear_model(), POINTS).mean()
    for row, name in ((linear_rows[3], "importance_weighted"), (linear_rows[-1], "naive")):
        assert row[name] == pytest.approx(exact, abs=4 * row[f"{name}_error"])


@pytest.mark.slow
def test_draws_of_both_find_what_a_posterior_in_the_wrong_place_misses():
    model = linear_model()
    model.encoder.get_layer("z_mean").set_weights([np.zeros((3, 2)), np.full(2, 2.0)])
    model.encoder.get_layer("z_log_var").set_weights([np.zeros((3, 2)), np.full(2, -4.0)])
    (row,) = convergence(model, Examples(POINTS), 5_000, 5_000)[-1:]
    exact = exact_nll(model, POINTS).mean()
    assert row["importance_weighted"] > exact + 0.5
    for name in ("naive", "defensive"):
        assert row[name] == pytest.approx(exact, abs=4 * row[f"{name}_error"])
        assert row[f"{name}_error"] < 0.02


@pytest.fixture(params=["near the true posterior", "the prior"])
def sampled_model(request):
    """A linear model with a good proposal, or with the one of naive Monte Carlo."""
    model = linear_model()
    if request.param == "the prior":
        weights = model.encoder.get_weights()
        model.encoder.set_weights([0 * weight for weight in weights])
    return model


@pytest.mark.slow
def test_standard_errors_are_the_spread_of_repeated_estimates(sampled_model):
    copies = np.repeat(POINTS[:8], 150, axis=0)  # each has draws of its own
    found = likelihood_figures(sampled_model, Examples(copies), 200)
    nll, stated = (found[name].reshape(8, 150) for name in ("nll", "nll_error"))
    spread = nll.std(axis=1, ddof=1)  # known to 6 %
    np.testing.assert_allclose(stated.mean(axis=1), spread, rtol=0.25)
    assert np.sum(stated.mean(axis=1)) == pytest.approx(np.sum(spread), rel=0.1)


def error_of_average(found):
    """The standard error of the average of independent estimates."""
    return math.sqrt(np.sum(found["nll_error"] ** 2)) / len(found["nll"])


@pytest.mark.slow
def test_standard_error_of_an_average_is_that_of_its_parts(linear_rows):
    found, row = likelihood_figures(linear_model(), Examples(POINTS), SAMPLES), linear_rows[3]
    assert row["importance_weighted"] == pytest.approx(found["nll"].mean(), rel=1e-6)
    assert row["importance_weighted_error"] == pytest.approx(error_of_average(found), rel=1e-5)


@pytest.mark.slow
def test_from_the_prior_both_estimates_are_the_same_but_for_the_draws():
    model = linear_model()
    model.encoder.set_weights([0 * weight for weight in model.encoder.get_weights()])
    (row,) = convergence(model, Examples(POINTS), 200, 200)[-1:]
    found = likelihood_figures(model, Examples(POINTS), 200)
    expected = error_of_average(found)
    assert row["importance_weighted_error"] == pytest.approx(expected, rel=1e-5)
    assert row["naive_error"] == pytest.approx(expected, rel=0.15)
    assert row["naive"] == pytest.approx(row["importance_weighted"], abs=6 * expected)
    assert row["naive"] != row["importance_weighted"]


@pytest.mark.slow
def test_no_error_is_stated_where_one_draw_has_most_of_the_weight(linear_rows):
    first, *others = [row["naive_error"] for row in linear_rows if "naive" in row]
    assert first is None and None not in others
    rows = convergence(linear_model(Gaussian(0.02)), Examples(POINTS), 1, 100)
    assert [row["naive_error"] for row in rows] == [None, None, None]


@pytest.mark.slow
def test_draws_are_a_function_of_the_seed_of_the_model():
    model, found = linear_model(), []
    for seed in (0, 0, 1):
        model.seed = seed
        found.append(likelihood_figures(model, Examples(POINTS[:5]), 20)["nll"])
    np.testing.assert_array_equal(found[0], found[1])
    assert np.all(found[0] != found[2])


@pytest.mark.slow
def test_figures_of_an_example_do_not_depend_on_the_others(monkeypatch):
    model, examples = linear_model(), Examples(POINTS)
    whole = likelihood_figures(model, examples, 130)
    part = likelihood_figures(model, examples.take(slice(7)), 130)
    monkeypatch.setattr(likelihood, "ROWS", 3 * likelihood.DRAWS)
    small = likelihood_figures(model, examples, 130)
    assert {values.shape for values in whole.values()} == {(50,)}
    for name, values in whole.items():
        np.testing.assert_allclose(small[name], values, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(part[name], values[:7], rtol=1e-5, atol=1e-6)


@keras.saving.register_keras_serializable("tests")
class CountingVAE(VAE):
    """Notes how many codes are decoded at a time."""

    def log_likelihood(self, batch, z):
        tf.numpy_function(lambda count: self.counts.append(int(count)), [tf.shape(z)[0]], [])
        return super().log_likelihood(batch, z)


@pytest.mark.parametrize("samples", [100, 101, 2_000])
def test_codes_in_memory_do_not_grow_with_the_samples(samples):
    model = CountingVAE((3, 1, 1), 2, DenseNetwork(()), Gaussian(0.7))
    model.counts = []
    likelihood_figures(model, Examples(POINTS), samples)
    assert max(model.counts) == likelihood.ROWS
    batches = math.ceil(len(POINTS) / (likelihood.ROWS // likelihood.DRAWS))
    assert len(model.counts) == batches * math.ceil(samples / likelihood.DRAWS)


@pytest.mark.slow
def test_every_sample_counts_once_whatever_the_parts_it_is_drawn_in(monkeypatch):
    """The draws of a part are a function of its number: 7 parts of 10 are 70 draws, not 100."""
    monkeypatch.setattr(likelihood, "DRAWS", 10)
    model, examples = linear_model(), Examples(POINTS[:5])
    batch = model.prepare({"x": POINTS[:5], "index": np.arange(5)})
    q = model.proposal(batch)
    parts = [likelihood._codes(model, batch.index, q, n, noise.IMPORTANCE) for n in range(8)]
    draws = np.concatenate([part[0] for part in parts], axis=1).swapaxes(0, 1)
    log_px = np.stack([model.log_likelihood(batch, z) for z in draws], axis=1)
    weights = np.float64(log_px + np.concatenate([part[1] for part in parts], axis=1))
    assert len(np.unique(log_px)) == log_px.size
    for count in (1, 10, 73):
        found = likelihood_figures(model, examples, count)
        used = weights[:, :count]
        expected = math.log(count) - scipy.special.logsumexp(used, axis=1)
        np.testing.assert_allclose(found["nll"], expected, rtol=1e-5)
        np.testing.assert_allclose(
            found["reconstruction_loss"], -log_px[:, :count].mean(axis=1), rtol=1e-5
        )
        if count > 1:
            relative = np.exp(used - used.max(axis=1, keepdims=True))
            error = relative.std(axis=1) / relative.mean(axis=1) / math.sqrt(count)
            np.testing.assert_allclose(found["nll_error"], error, rtol=0.1, atol=1e-3)


@pytest.mark.parametrize("samples", [0, -5])
def test_fewer_samples_than_one_are_refused(samples):
    with pytest.raises(UserError, match="at least 1"):
        likelihood_figures(linear_model(), Examples(POINTS), samples)
