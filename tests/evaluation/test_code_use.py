"""How the code is used, by models of known posteriors."""

import math

import numpy as np
import pytest
import scipy.stats

from vae_keras import VAE
from vae_keras.data import Examples
from vae_keras.evaluation.code_use import code_figures, kl_parts, mutual_information
from vae_keras.networks import DenseNetwork

rng = np.random.default_rng(0)


def model_with_posteriors(latent_dim):
    """A model that reads means and logarithms of variances from the two rows of an image."""
    model = VAE((2, latent_dim, 1), latent_dim, DenseNetwork(()))
    selection = np.eye(2 * latent_dim, dtype="float32")
    for name, rows in (("z_mean", slice(None, latent_dim)), ("z_log_var", slice(latent_dim, None))):
        layer = model.encoder.get_layer(name)
        layer.set_weights([selection[:, rows], np.zeros(latent_dim)])
    return model


def test_code_figures_are_those_of_the_posteriors():
    z_mean = rng.multivariate_normal([0.5, -1, 0, 0], np.diag([2, 0.3, 0.012, 0.008]), 1_500)
    z_mean[:, 1] += 0.4 * z_mean[:, 0]
    z_log_var = rng.normal([-3, -1, 0, 0.2], 0.3, (1_500, 4))
    x = np.stack([z_mean, z_log_var], axis=1)[..., None].astype("float32")
    found = code_figures(model_with_posteriors(4), Examples(x))

    variance = np.exp(z_log_var)
    each = 0.5 * (z_mean**2 + variance - z_log_var - 1)
    np.testing.assert_allclose(found["kl_per_dimension"], each.mean(axis=0), rtol=1e-4, atol=1e-6)
    assert [round(v, 3) > 0.01 for v in z_mean.var(axis=0)] == [True, True, True, False]
    assert found["active_units"] == 3

    mean = z_mean.mean(axis=0)  # moments of the mixture of all posteriors
    second = np.einsum("ni,nj->ij", z_mean, z_mean) / 1_500 + np.diag(variance.mean(axis=0))
    covariance = second - np.outer(mean, mean)
    draws = rng.multivariate_normal(mean, covariance, 400_000)
    gaussian = scipy.stats.multivariate_normal(mean, covariance)
    prior = scipy.stats.multivariate_normal(np.zeros(4))
    log_ratio = gaussian.logpdf(draws) - prior.logpdf(draws)
    expected, error = log_ratio.mean(), log_ratio.std() / math.sqrt(len(draws))
    assert found["aggregate_posterior_kl"] == pytest.approx(expected, abs=5 * error)
    closed = 0.5 * (np.trace(second) - 4 - math.log(np.linalg.det(covariance)))
    assert found["aggregate_posterior_kl"] == pytest.approx(closed, rel=1e-4)


def test_code_that_is_the_prior_has_no_active_unit_and_no_distance():
    z_mean, z_log_var = np.zeros((20, 3)), np.zeros((20, 3))
    x = np.stack([z_mean, z_log_var], axis=1)[..., None].astype("float32")
    found = code_figures(model_with_posteriors(3), Examples(x))
    assert found["active_units"] == 0
    assert found["kl_per_dimension"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert found["aggregate_posterior_kl"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_posteriors_that_fill_the_prior_together_have_no_distance(latent_dim):
    z_mean = scipy.stats.norm.ppf((np.arange(4_000) + 0.5) / 4_000)
    z_mean = np.stack([rng.permutation(z_mean) for _ in range(latent_dim)], axis=1) * 0.8
    z_log_var = np.full(z_mean.shape, math.log(1 - 0.64))
    x = np.stack([z_mean, z_log_var], axis=1)[..., None].astype("float32")
    found = code_figures(model_with_posteriors(latent_dim), Examples(x))
    assert found["active_units"] == latent_dim
    assert sum(found["kl_per_dimension"]) > 0.5 * latent_dim
    assert found["aggregate_posterior_kl"] == pytest.approx(0, abs=2e-3)


def test_kl_is_mutual_information_and_the_distance_that_moments_do_not_see():
    """Codes in two narrow peaks, with the prior's mean and variance: truth by quadrature."""
    z_mean = 0.9 * np.repeat([-1.0, 1.0], 750)[:, None]
    z_log_var = np.full(z_mean.shape, math.log(1 - 0.81))
    x = np.stack([z_mean, z_log_var], axis=1)[..., None].astype("float32")
    model, examples = model_with_posteriors(1), Examples(x)
    grid, step = np.linspace(-8, 8, 20_001, retstep=True)
    peaks = [scipy.stats.norm.logpdf(grid, mean, math.sqrt(0.19)) for mean in (-0.9, 0.9)]
    log_q = np.logaddexp(*peaks) - math.log(2)
    marginal_kl = np.sum(np.exp(log_q) * (log_q - scipy.stats.norm.logpdf(grid))) * step
    information = np.sum(np.exp(peaks[1]) * (peaks[1] - log_q)) * step

    found = kl_parts(model, examples)
    assert found["kl_parts_examples"] == 1_500
    assert 0 < found["kl_parts_error"] < 0.01
    apart = 4 * found["kl_parts_error"]
    assert found["mutual_information"] == pytest.approx(information, abs=apart)
    assert found["marginal_kl"] == pytest.approx(marginal_kl, abs=apart)
    assert marginal_kl > 0.15
    assert code_figures(model, examples)["aggregate_posterior_kl"] == pytest.approx(0, abs=1e-3)
    kl = sum(code_figures(model, examples)["kl_per_dimension"])
    assert found["mutual_information"] + found["marginal_kl"] == pytest.approx(kl, rel=1e-5)


def test_few_examples_say_the_logarithm_of_their_number_and_one_has_no_error():
    z_mean = np.arange(12.0).reshape(6, 2) * 10
    x = np.stack([z_mean, np.full((6, 2), -4.0)], axis=1)[..., None].astype("float32")
    model = model_with_posteriors(2)
    assert mutual_information(model, Examples(x)) == pytest.approx(math.log(6), abs=1e-6)
    found = kl_parts(model, Examples(x), most=1)
    assert found["mutual_information"] == pytest.approx(0, abs=1e-9)
    assert found["kl_parts_error"] is None
    assert found["kl_parts_examples"] == 1
