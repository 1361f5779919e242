"""Priors that are learned: their densities, their draws, and the bounds that go through them."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from vae_keras import VAE, UserError
from vae_keras.config import TrainConfig
from vae_keras.config.rungs import PRIORS
from vae_keras.data import Examples
from vae_keras.evaluation.code_use import code_figures, kl_parts
from vae_keras.evaluation.likelihood import likelihood_figures
from vae_keras.export.endpoints import endpoints
from vae_keras.export.exported_model import ExportedPrior
from vae_keras.export.saved_model import write_endpoints
from vae_keras.models.conditional import ConditionalVAE
from vae_keras.models.sequence import SequenceVAE
from vae_keras.models.vae import StandardNormal
from vae_keras.networks import DenseNetwork

LEARNED = tuple(name for name in PRIORS if name != "normal")
SHAPE = (2, 3, 1)
rng = np.random.default_rng(0)
X = (rng.random((64, *SHAPE)) > 0.5).astype("float32")


def model_of(prior, latent_dim=2, **options):
    """A small VAE whose prior is not what it starts as."""
    keras.utils.set_random_seed(1)
    options = {"components": 5, "network": DenseNetwork((8,)), **options}
    model = VAE(SHAPE, latent_dim=latent_dim, prior=prior, **options)
    model.start_at(X)
    numbers = np.random.default_rng(2)
    for variable in model.prior.trainable_variables:
        scale = 0.07 if prior == "flow" else 0.4  # of a network or of the prior itself
        variable.assign(variable + scale * numbers.normal(size=variable.shape))
    return model


@pytest.fixture(scope="module", params=LEARNED)
def model(request):
    return model_of(request.param)


def grid(reach=12.0, side=401):
    values = np.linspace(-reach, reach, side)
    area = (values[1] - values[0]) ** 2
    return np.stack(np.meshgrid(values, values), -1).reshape(-1, 2).astype("float32"), area


def test_density_of_a_mixture_is_that_of_scipy():
    for name in ("mixture", "vamp"):
        model = model_of(name, latent_dim=3)
        z = rng.normal(size=(7, 3)).astype("float32")
        if name == "vamp":
            heads = model.head_outputs(model.prior.pseudo_inputs)
            weights = np.full(5, 1 / 5)
        else:
            heads, weights = (
                (model.prior.mean, model.prior.log_var),
                scipy.special.softmax(np.asarray(model.prior.logits)),
            )
        parts = [
            w * scipy.stats.multivariate_normal(m, np.diag(np.exp(v))).pdf(z)
            for w, m, v in zip(weights, *(np.asarray(head) for head in heads))
        ]
        np.testing.assert_allclose(
            model.prior.log_prob(z), np.log(np.sum(parts, axis=0)), rtol=1e-4
        )


@pytest.mark.parametrize("latent_dim", [2, 3])
def test_density_of_a_flow_is_that_of_its_draws(latent_dim):
    """log p(f(u)) = log N(u; 0, I) − log |det ∂f/∂u|, with the determinant by differences."""
    prior = model_of("flow", latent_dim).prior
    u = rng.normal(size=(4, latent_dim))
    step, columns = 1e-2, []
    for unit in np.eye(latent_dim):
        ends = [np.float64(prior.drawn((u + s * step * unit).astype("float32"))) for s in (1, -1)]
        columns.append((ends[0] - ends[1]) / (2 * step))
    determinants = np.linalg.det(np.stack(columns, axis=-1))
    expected = scipy.stats.norm.logpdf(u).sum(1) - np.log(np.abs(determinants))
    assert np.abs(determinants - 1).max() > 0.1  # not the identity that it starts as
    found = prior.log_prob(prior.drawn(u.astype("float32")))
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_a_prior_is_a_density_and_its_draws_follow_it(model):
    z, area = grid()
    density = np.exp(np.float64(model.prior.log_prob(z))) * area
    assert density.sum() == pytest.approx(1, abs=2e-3)
    drawn = np.float64(model.prior.sample(20_000, (3, 4)))
    for figure in (lambda z: z[:, 0], lambda z: z[:, 0] * z[:, 1], lambda z: np.cos(z).sum(1)):
        values = figure(drawn)
        error = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - density @ figure(z)) < 4.5 * error
    np.testing.assert_array_equal(drawn[:0], model.prior.sample(0, (3, 4)))
    np.testing.assert_array_equal(drawn, model.prior.sample(20_000, (3, 4)))
    assert np.any(drawn != model.prior.sample(20_000, (3, 5)))


def test_moments_and_distances_by_dimension_are_those_of_draws(model):
    mean, deviation = (np.asarray(moment) for moment in model.prior.moments())
    drawn = np.asarray(model.prior.sample(20_000, (3, 4)))
    np.testing.assert_allclose(mean, drawn.mean(0), atol=5 * drawn.std(0).max() / 80)
    np.testing.assert_allclose(deviation, drawn.std(0), rtol=0.1)
    same = (mean[None], 2 * np.log(deviation)[None])
    np.testing.assert_allclose(model.prior.kl_per_dimension(same), np.zeros((1, 2)), atol=1e-5)
    away = (mean[None] + 2 * deviation, 2 * np.log(deviation)[None])
    np.testing.assert_allclose(model.prior.kl_per_dimension(away), np.full((1, 2), 2), rtol=1e-4)
    corner = model.prior.from_standard(np.ones((1, 2), "float32"))[0]
    np.testing.assert_allclose(corner, mean + deviation, rtol=1e-4)


def test_kl_by_draws_is_without_bias(model):
    """Its mean over draws of q(z|x) is ∫ q log (q / p), by a sum over a grid."""
    heads = [np.asarray(head)[:1] for head in model.posterior(model.prepare(X))]
    z, area = grid()
    log_q = scipy.stats.norm.logpdf(z, heads[0], np.exp(0.5 * heads[1])).sum(1)
    exact = np.sum(np.exp(log_q) * (log_q - model.prior.log_prob(z))) * area
    draws = heads[0] + np.exp(0.5 * heads[1]) * rng.normal(size=(20_000, 2)).astype("float32")
    kl = np.asarray(model.prior.kl([np.repeat(head, 20_000, axis=0) for head in heads], draws))
    assert abs(kl.mean() - exact) < 4.5 * kl.std() / np.sqrt(len(kl)) + 2e-3


@pytest.mark.parametrize("latent_dim", [2, 5])
@pytest.mark.parametrize("prior", [*LEARNED, "normal"])
def test_bounds_are_those_of_numpy_over_the_exported_endpoints(prior, latent_dim, tmp_path):
    model, few, draws = model_of(prior, latent_dim), X[:6], 1_000
    rng = np.random.default_rng(4)
    write_endpoints(endpoints(model), model, tmp_path / "model")
    call = tf.saved_model.load(tmp_path / "model").signatures
    heads = call["encode"](x=tf.constant(few))
    mean, deviation = heads["z_mean"].numpy(), np.exp(0.5 * heads["z_log_var"].numpy())
    z = (mean + deviation * rng.normal(size=(draws, *mean.shape))).astype("float32")
    log_q = scipy.stats.norm.logpdf(z, mean, deviation).sum(-1)
    rows = tf.constant(z.reshape(-1, latent_dim))
    x = tf.constant(np.concatenate([few] * draws))
    log_px = call["log_prob"](x=x, z=rows)["log_prob"].numpy().reshape(draws, -1)
    if prior == "normal":
        assert "log_prior" not in call
        log_pz = scipy.stats.norm.logpdf(z).sum(-1)
    else:
        log_pz = call["log_prior"](z=rows)["log_prob"].numpy().reshape(draws, -1)
    found = likelihood_figures(model, Examples(few), draws)
    log_w = log_px + log_pz - log_q
    nll = np.log(draws) - scipy.special.logsumexp(log_w, axis=0)
    assert np.all(np.abs(nll - found["nll"]) < 6 * found["nll_error"] + 1e-4)
    error = log_w.std(0) / np.sqrt(draws)
    assert np.all(np.abs(-log_w.mean(0) - found["negative_elbo"]) < 8 * error + 1e-4)


def test_an_exported_prior_is_that_of_the_model(model, tmp_path):
    write_endpoints(endpoints(model), model, tmp_path / "model")
    signatures = tf.saved_model.load(tmp_path / "model").signatures
    prior = ExportedPrior(model.latent_dim, signatures)
    z = model.prior.sample(6, (1, 2))
    np.testing.assert_allclose(prior.sample(6, (1, 2)), z, atol=1e-5)
    rows = np.reshape(z, (2, 3, 2))
    np.testing.assert_allclose(prior.log_prob(rows), model.prior.log_prob(rows), atol=1e-5)
    new = signatures["generate"](n=tf.constant(6), seed=tf.constant([1, 2]))["x"]
    np.testing.assert_allclose(new, model.decode(z), atol=1e-5)


@pytest.mark.parametrize("prior", LEARNED)
def test_a_learned_prior_is_trained_saved_and_loaded(prior, tmp_path):
    model = model_of(prior)
    before = [np.array(variable) for variable in model.prior.trainable_variables]
    model.compile("adam")
    model.fit(X, epochs=1, batch_size=16, verbose=0)
    after = model.prior.trainable_variables
    assert before and all(np.any(one != other) for one, other in zip(before, after))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    z = rng.normal(size=(5, 2)).astype("float32")
    np.testing.assert_array_equal(again.prior.log_prob(z), model.prior.log_prob(z))


def test_a_flow_starts_as_the_standard_normal():
    prior = VAE(SHAPE, latent_dim=3, prior="flow").prior
    z = rng.normal(size=(5, 3)).astype("float32")
    np.testing.assert_allclose(prior.log_prob(z), StandardNormal(3).log_prob(z), rtol=1e-5)


def test_pseudo_inputs_start_as_training_examples():
    model = VAE(SHAPE, latent_dim=2, prior="vamp", components=4)
    model.start_at(X)
    np.testing.assert_array_equal(model.prior.pseudo_inputs, X[:4])


def test_classes_take_turns_over_the_pseudo_inputs_of_a_conditional_model():
    model = ConditionalVAE(SHAPE, 2, classes=3, prior="vamp", components=5)
    label = np.arange(5) % 3
    heads = model.head_outputs(model.prior.pseudo_inputs, model.condition(label))
    np.testing.assert_allclose(model.prior.components()[1], heads[0], atol=1e-6)


def test_free_bits_of_a_learned_prior_are_those_of_all_dimensions_together(model):
    free = model_of("mixture", free_bits=0.7)
    batch = free.prepare(X)
    found = free.objective(batch, training=False)
    expected = np.maximum(found["kl_loss"], 2 * 0.7)
    assert 0 < np.mean(np.asarray(found["kl_loss"]) < 1.4) < 1
    np.testing.assert_allclose(found["free_bits_kl_loss"], expected, rtol=1e-5)


def test_figures_of_the_code_name_no_bound_that_a_learned_prior_has_not(model):
    found = code_figures(model, Examples(X))
    assert found["aggregate_posterior_kl"] is None
    assert len(found["kl_per_dimension"]) == 2
    parts = kl_parts(model, Examples(X))
    bounds = likelihood_figures(model, Examples(X), 200)
    whole = parts["mutual_information"] + parts["marginal_kl"]
    assert whole == pytest.approx(bounds["kl_loss"].mean(), abs=0.4)  # of one draw each


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VAE(SHAPE, latent_dim=1, prior="flow"), "at least 2 dimensions"),
        (lambda: VAE(SHAPE, prior="vamp", components=0), "--components 0 must be at least 1"),
        (lambda: VAE(SHAPE, prior="vampp"), "did you mean 'vamp'"),
        (lambda: SequenceVAE(4, "abc", latent_dim=2, prior="vamp"), "--prior mixture or flow"),
        (lambda: TrainConfig(model="sparse", prior="vamp"), "unknown option of model 'sparse'"),
        (lambda: TrainConfig(model="linear", prior="flow"), "unknown option of model 'linear'"),
    ],
)
def test_a_prior_that_a_model_cannot_have_is_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_more_pseudo_inputs_than_examples_are_refused():
    model = VAE(SHAPE, latent_dim=2, prior="vamp", components=65)
    with pytest.raises(UserError, match="65 pseudo-inputs are more than the 64 training examples"):
        model.start_at(X)
