"""Annealing against exact likelihoods, and against integrals over all codes."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from tests.evaluation.test_likelihood import (
    POINTS,
    decoder_matrix,
    error_of_average,
    exact_nll,
    linear_model,
)
from tests.exports import PRETRAINED
from vae_keras import VAE, Examples, UserError, load_exported
from vae_keras.evaluation import annealing
from vae_keras.evaluation.annealing import annealed_nll, annealing_gap
from vae_keras.evaluation.likelihood import likelihood_figures
from vae_keras.models.conditional import ConditionalVAE
from vae_keras.models.ladder import LadderVAE
from vae_keras.models.sequence import SequenceVAE
from vae_keras.models.vae import StandardNormal
from vae_keras.networks import DenseNetwork
from vae_keras.networks.recurrent import RecurrentNetwork
from vae_keras.objectives.likelihoods import Gaussian


def assert_exact(found, exact, most_error=0.03):
    """Estimates that differ from the exact ones by no more than their errors, which are small."""
    assert np.all(np.abs(found["nll"] - exact) < 7 * found["nll_error"])  # of 16 chains
    error = error_of_average(found)
    assert 0 < error < most_error
    assert found["nll"].mean() == pytest.approx(exact.mean(), abs=4 * error)


def integrated_nll(model, x):
    """−log ∫ p(z) p(x|z) dz of examples `x`, over a grid of codes of one dimension."""
    grid = np.linspace(-7, 7, 701)
    batch = model.prepare({"x": np.repeat(x, 701, axis=0), "index": np.arange(701 * len(x))})
    log_px = model.log_likelihood(batch, np.tile(grid, len(x))[:, None].astype("float32"))
    log_joint = np.reshape(np.float64(log_px), (-1, 701)) + scipy.stats.norm.logpdf(grid)
    return -scipy.special.logsumexp(log_joint, axis=1) - math.log(grid[1] - grid[0])


@pytest.fixture(scope="module")
def by_seed():
    """The estimates of the linear model for three seeds."""
    model, found = linear_model(), []
    for seed in range(3):
        model.seed = seed
        found.append(annealed_nll(model, Examples(POINTS), temperatures=60))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_annealed_nll_is_the_exact_likelihood_of_a_linear_model(by_seed, seed):
    assert_exact(by_seed[seed], exact_nll(linear_model(), POINTS))


def test_chains_are_a_function_of_the_seed_of_the_model(by_seed):
    assert np.all(by_seed[0]["nll"] != by_seed[1]["nll"])


def test_figures_of_an_example_do_not_depend_on_the_others(by_seed, monkeypatch):
    monkeypatch.setattr(annealing, "ROWS", 3 * annealing.CHAINS)
    part = annealed_nll(linear_model(), Examples(POINTS[:7]), temperatures=60)
    for name, values in by_seed[0].items():
        assert values.shape == (50,)
        np.testing.assert_allclose(part[name], values[:7], rtol=1e-3, atol=1e-4)


def test_more_temperatures_bring_the_estimate_from_above_to_the_likelihood():
    """A likelihood so narrow that only trajectories of small steps are accepted."""
    model = linear_model(Gaussian(0.1))
    (data,) = Examples(POINTS[:20]).batches()
    x = model.draw(model.prepare(data), model.prior.sample(20, (0, 1)), (0, 2)).x.numpy()
    w, examples = decoder_matrix(model), Examples(x)
    law = scipy.stats.multivariate_normal(np.zeros(3), w @ w.T + 0.1**2 * np.eye(3))
    exact = -law.logpdf(x.reshape(20, 3))
    few, many = (annealed_nll(model, examples, temperatures=count) for count in (3, 300))
    assert few["nll"].mean() > exact.mean() + 0.5
    assert_exact(many, exact, 0.08)


@pytest.mark.slow
def test_errors_are_the_spread_of_repeated_estimates():
    copies = np.repeat(POINTS[:4], 150, axis=0)  # each has draws of its own
    found = annealed_nll(linear_model(), Examples(copies), temperatures=4)
    nll, stated = (found[name].reshape(4, 150) for name in ("nll", "nll_error"))
    spread = nll.std(axis=1, ddof=1)  # known to 6 %
    np.testing.assert_allclose(stated.mean(axis=1), spread, rtol=0.3)
    assert np.sum(stated.mean(axis=1)) == pytest.approx(np.sum(spread), rel=0.15)


def test_chains_of_an_example_differ_and_end_in_its_posterior(monkeypatch):
    """At the last temperature but one they have the moments of p(z|x), which is a Gaussian."""
    ends = []
    moved = annealing._moved

    def recorded(*args):
        point, acceptance = moved(*args)
        tf.numpy_function(lambda z, a: ends.append((z, a)), [point.z, acceptance], [])
        return point, acceptance

    monkeypatch.setattr(annealing, "_moved", recorded)
    model, chains = linear_model(), 400
    annealed_nll(model, Examples(POINTS[:2]), chains=chains, temperatures=30)
    z, acceptance = ends[-1]
    w = decoder_matrix(model)
    precision = np.eye(2) + w.T @ w / 0.49
    for codes, x in zip(z.reshape(2, chains, 2), POINTS[:2].reshape(2, 3), strict=True):
        mean = np.linalg.solve(precision, w.T @ x / 0.49)
        covariance = np.linalg.inv(precision)
        apart = (codes.mean(axis=0) - mean) / np.sqrt(np.diag(covariance) / chains)
        assert np.all(np.abs(apart) < 4.5)
        np.testing.assert_allclose(np.cov(codes.T), covariance, atol=0.3 * covariance.max())
    assert acceptance.mean() == pytest.approx(annealing.ACCEPTANCE, abs=0.15)


@keras.saving.register_keras_serializable("tests")
class FoldedVAE(VAE):
    """Decodes z², so that each example may come from two places."""

    def decoder_inputs(self, z, condition=None):
        return tf.square(z)


def test_a_second_mode_that_the_posterior_misses_is_found():
    keras.utils.set_random_seed(0)
    model = FoldedVAE((3, 1, 1), 1, DenseNetwork(()), Gaussian(0.2))
    decoded = np.asarray(model.decode(np.full((1, 1), 1.5, "float32")))  # from z = −1.5, too
    x = np.repeat(decoded, 10, axis=0)
    model.encoder.get_layer("z_mean").set_weights([np.zeros((3, 1)), np.full(1, 1.5)])
    model.encoder.get_layer("z_log_var").set_weights([np.zeros((3, 1)), np.full(1, -3.0)])
    exact = integrated_nll(model, x)
    weighted = likelihood_figures(model, Examples(x), 500)["nll"]
    assert weighted.mean() == pytest.approx(exact.mean() + math.log(2), abs=0.1)
    assert_exact(annealed_nll(model, Examples(x), chains=64, temperatures=200), exact, 0.05)


def test_a_conditional_model_is_annealed_given_the_label():
    """With a linear decoder log p(x|label) is that of N(b, WWᵀ + σ²I), where b is the label's."""
    keras.utils.set_random_seed(0)
    model = ConditionalVAE((3, 1, 1), 2, DenseNetwork(()), Gaussian(0.5), classes=2)
    labels = np.arange(16) % 2
    zeros = np.zeros((2, 2), "float32")
    b = np.asarray(model.decode(zeros, np.arange(2))).reshape(2, 3)
    columns = np.asarray(model.decode(np.eye(2, dtype="float32"), np.zeros(2, int)))
    w = (columns.reshape(2, 3) - b[0]).T
    law = scipy.stats.multivariate_normal(np.zeros(3), w @ w.T + 0.25 * np.eye(3))
    exact = -law.logpdf(POINTS[:16].reshape(16, 3) - b[labels])
    examples = Examples(POINTS[:16], labels)
    assert_exact(annealed_nll(model, examples, temperatures=20), exact, 0.05)


# Bounds from both sides


@pytest.fixture
def drawn(monkeypatch):
    """What models draw from p(x|z) during a test."""
    found, draw = [], VAE.draw

    def recorded(model, *args):
        batch = draw(model, *args)
        tf.numpy_function(found.append, [batch.x], [])
        return batch

    monkeypatch.setattr(VAE, "draw", recorded)
    return found


@pytest.mark.parametrize("temperatures, least", [(3, 0.1), (150, 0.0)])
def test_exact_likelihood_lies_between_the_bounds(drawn, temperatures, least):
    model = linear_model(Gaussian(0.3))
    found = annealing_gap(model, Examples(np.repeat(POINTS, 4, axis=0)), 4, temperatures)
    x = np.concatenate(drawn).reshape(200, 3)
    w = decoder_matrix(model)
    law = scipy.stats.multivariate_normal(np.zeros(3), w @ w.T + 0.09 * np.eye(3))
    np.testing.assert_allclose(np.cov(x.T), law.cov, rtol=0.5, atol=0.3)  # they are draws of p(x)
    for short in (law.logpdf(x) - found["lower"], found["upper"] - law.logpdf(x)):
        error = short.std(ddof=1) / math.sqrt(200)
        assert short.mean() > least - 4 * error
        assert least or abs(short.mean()) < 0.1
    np.testing.assert_allclose(found["gap"], found["upper"] - found["lower"])
    assert found["gap"].mean() > 2 * least


@pytest.mark.slow
def test_sequences_are_annealed():
    keras.utils.set_random_seed(0)
    words = ("<pad>", "<end>", "a", "b")
    model = SequenceVAE(3, words, 1, RecurrentNetwork((4, 8), embedding=5), end=1)
    for weight in model.decoder.weights:
        weight.assign(np.random.default_rng(0).normal(0, 1, weight.shape))
    x = np.array([[2, 3, 1], [3, 3, 3], [1, 0, 0], [2, 2, 3]] * 4, np.int32)
    exact = integrated_nll(model, x)
    assert np.ptp(exact) > 0.5
    assert_exact(annealed_nll(model, Examples(x), temperatures=20), exact, 0.05)


@pytest.mark.parametrize("prior", ["flow", "mixture"])
def test_annealed_nll_under_a_learned_prior_is_the_integral(prior):
    """Chains start in front of the map of a flow, and from the draws of a mixture."""
    keras.utils.set_random_seed(0)
    model = VAE((3, 1, 1), 2, DenseNetwork(()), Gaussian(0.7), prior=prior, components=3)
    numbers = np.random.default_rng(2)
    for variable in model.prior.trainable_variables:
        variable.assign(variable + 0.25 * numbers.normal(size=variable.shape))
    side = np.linspace(-12, 12, 401)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2).astype("float32")
    log_prior = np.asarray(model.prior.log_prob(grid), float)
    far = np.abs(log_prior - StandardNormal(2).log_prob(grid))[np.abs(grid).max(axis=1) < 2]
    assert np.mean(far) > 0.5, "the prior is another one"
    points = POINTS[:12]
    decoded = grid @ decoder_matrix(model).T
    distances = np.sum((points.reshape(12, 1, 3) - decoded) ** 2, axis=2)
    log_px = -0.5 * distances / 0.49 - 1.5 * math.log(2 * math.pi * 0.49)
    exact = -scipy.special.logsumexp(log_prior + log_px, axis=1) - 2 * math.log(side[1] - side[0])
    assert_exact(annealed_nll(model, Examples(points), temperatures=150), exact, 0.12)


@pytest.mark.slow
def test_an_export_is_annealed_like_its_run(digits_run):
    examples = digits_run.dataset.test.take(slice(4))
    exported = load_exported(digits_run.folder.exported)
    of_run, of_export = (
        annealed_nll(model, examples, temperatures=30) for model in (digits_run.model, exported)
    )
    error = math.hypot(error_of_average(of_run), error_of_average(of_export))
    assert of_export["nll"].mean() == pytest.approx(of_run["nll"].mean(), abs=4 * error)
    weighted = likelihood_figures(digits_run.model, examples, 5_000)
    error = math.hypot(error_of_average(of_run), error_of_average(weighted))
    assert of_run["nll"].mean() == pytest.approx(weighted["nll"].mean(), abs=4 * error + 0.05)
    with pytest.raises(UserError, match="model of its run"):
        annealing_gap(exported, examples)


@pytest.mark.slow
def test_levels_are_annealed_in_a_run_and_refused_in_an_export():
    shipped = load_exported(PRETRAINED / "mnist_ladder")
    with pytest.raises(UserError, match="levels of an exported model cannot be annealed"):
        annealed_nll(shipped, Examples(np.zeros((1, 28, 28, 1), np.float32)))
    keras.utils.set_random_seed(0)
    model = LadderVAE((2, 3, 1), latent_dim=4, levels=2, network=DenseNetwork((8,)))
    examples = Examples((np.random.default_rng(0).random((6, 2, 3, 1)) > 0.5).astype("float32"))
    annealed = annealed_nll(model, examples, temperatures=60)
    weighted = likelihood_figures(model, examples, 2_000)
    error = math.hypot(error_of_average(annealed), error_of_average(weighted))
    assert annealed["nll"].mean() == pytest.approx(weighted["nll"].mean(), abs=4 * error + 0.01)


def test_a_model_without_gradients_is_refused_in_one_line():
    model = SimpleNamespace(
        seed=0,
        latent_dim=2,
        levels=1,
        prior=StandardNormal(2),
        prepare=linear_model().prepare,
        log_likelihood=lambda batch, z: tf.stop_gradient(tf.reduce_sum(z, axis=1)),
    )
    with pytest.raises(UserError, match=r"^log p\(x\|z\) has no gradient: .* export, [^\n]*$"):
        annealed_nll(model, Examples(POINTS[:2]))


@pytest.mark.parametrize("numbers", [dict(chains=1), dict(temperatures=1), dict(chains=-3)])
@pytest.mark.parametrize("estimate", [annealed_nll, annealing_gap])
def test_too_few_chains_or_temperatures_are_refused(estimate, numbers):
    with pytest.raises(UserError, match="at least 2"):
        estimate(linear_model(), Examples(POINTS), **numbers)
