"""The VAE whose code has levels."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from vae_keras import UserError
from vae_keras.config import TrainConfig
from vae_keras.data import Examples
from vae_keras.evaluation.likelihood import likelihood_figures
from vae_keras.export import load_exported
from vae_keras.export.endpoints import endpoints
from vae_keras.export.saved_model import write_endpoints
from vae_keras.models.ladder import LadderVAE
from vae_keras.networks import DenseNetwork

SHAPE = (2, 3, 1)
rng = np.random.default_rng(0)
X = (rng.random((40, *SHAPE)) > 0.5).astype("float32")


def model_of(levels=2, latent_dim=7):
    """A small ladder whose weights are not those it starts with."""
    keras.utils.set_random_seed(1)
    model = LadderVAE(SHAPE, latent_dim=latent_dim, levels=levels, network=DenseNetwork((8,)))
    numbers = np.random.default_rng(2)
    for layer in (*model.prior.heads, *model.changes):
        layer.kernel.assign(0.1 * numbers.normal(size=layer.kernel.shape))
    return model


@pytest.fixture(scope="module", params=[2, 3])
def model(request):
    return model_of(request.param)


def normal(z, mean, log_var):
    return scipy.stats.norm.logpdf(z, mean, np.exp(0.5 * np.asarray(log_var))).sum(-1)


def test_the_dimensions_are_shared_among_the_levels():
    assert model_of(2, 48).prior.sizes == (24, 24)
    assert model_of(3, 7).prior.sizes == (2, 2, 3)


def test_a_level_depends_on_those_above_it_and_on_no_other(model):
    z = rng.normal(size=(1, 7)).astype("float32")
    start = [
        np.asarray(part)
        for part in (*model.prior.along(z), *model.heads_at(model.encoder(X[:1]), z))
    ]
    ends = np.cumsum(model.prior.sizes)
    for level, end in enumerate(ends):
        other = z.copy()
        other[:, end - 1] += 1
        again = [*model.prior.along(other), *model.heads_at(model.encoder(X[:1]), other)]
        for one, two in zip(start, again):
            moved = np.asarray(two) != one
            assert not moved[:, :end].any()
            assert moved[:, end:].any() or level == len(ends) - 1
    np.testing.assert_array_equal(start[0][:, : ends[0]], 0)  # the top level is N(0, I)
    np.testing.assert_array_equal(start[1][:, : ends[0]], 0)


def test_density_of_the_prior_is_that_of_its_draws(model):
    """Given the levels above, what `drawn` makes of noise is normal with that noise."""
    noise = rng.normal(size=(50, 7)).astype("float32")
    z = np.asarray(model.prior.drawn(noise))
    mean, log_var = (np.asarray(part) for part in model.prior.along(z))
    np.testing.assert_allclose((z - mean) * np.exp(-0.5 * log_var), noise, atol=1e-4)
    np.testing.assert_allclose(model.prior.log_prob(z), normal(z, mean, log_var), rtol=1e-4)
    assert np.abs(mean[:, -1]).max() > 0.1


def test_codes_are_finite_where_a_variance_would_explode():
    model = model_of(3)
    for head in model.prior.heads:
        head.bias.assign(np.where(np.arange(head.units) < head.units // 2, 0.0, 300.0))
    z = np.asarray(model.prior.sample(1_000, (0, 1)))
    assert np.all(np.isfinite(z)) and np.all(np.isfinite(model.prior.log_prob(z)))
    assert z[:, -1].std() > 5


def test_terms_are_those_of_the_levels_one_by_one(model):
    batch = model.prepare(X)
    epsilon = np.asarray(model.noise(batch, (7,), False))
    found = model.objective(batch, training=False)
    z = np.zeros_like(epsilon)
    for _ in range(model.levels):  # each time one more level is right
        z_mean, z_log_var = (np.asarray(head) for head in model.heads_at(model.encoder(X), z))
        z = z_mean + np.exp(0.5 * z_log_var) * epsilon
    mean, log_var = (np.asarray(part) for part in model.prior.along(z))
    ratio = np.exp(z_log_var - log_var)
    kl = 0.5 * (ratio + (z_mean - mean) ** 2 / np.exp(log_var) - 1 - np.log(ratio)).sum(1)
    np.testing.assert_allclose(found["kl_loss"], kl, rtol=1e-4)
    log_px = np.asarray(model.log_likelihood(batch, z))
    np.testing.assert_allclose(found["reconstruction_loss"], -log_px, rtol=1e-4)


def test_kl_is_that_of_draws_in_the_mean(model):
    batch = model.prepare(np.repeat(X[:1], 4_000, axis=0))
    epsilon = np.random.default_rng(3).normal(size=(4_000, 7)).astype("float32")
    z, posterior = model.drawn(model.encoder(batch.x), epsilon)
    by_draws = normal(z, *map(np.asarray, posterior)) - np.asarray(model.prior.log_prob(z))
    closed = np.asarray(model.prior.kl(posterior, z))
    difference = by_draws - closed
    assert abs(difference.mean()) < 4.5 * difference.std() / np.sqrt(len(difference))
    assert closed.std() > 1e-3  # of a lower level it depends on the draws of the upper ones


def test_bounds_are_those_of_numpy_over_the_exported_endpoints(model, tmp_path):
    write_endpoints(endpoints(model), model, tmp_path / "model")
    call, few, draws = tf.saved_model.load(tmp_path / "model").signatures, X[:6], 300
    epsilon = rng.normal(size=(draws * 6, 7)).astype("float32")
    x, z = tf.constant(np.concatenate([few] * draws)), tf.zeros((draws * 6, 7))
    for _ in range(model.levels):
        heads = call["posterior"](x=x, z=z)
        z = heads["z_mean"] + tf.exp(0.5 * heads["z_log_var"]) * epsilon
    log_q = normal(z, heads["z_mean"], heads["z_log_var"])
    log_joint = call["log_prob"](x=x, z=z)["log_prob"] + call["log_prior"](z=z)["log_prob"]
    log_w = (np.float64(log_joint) - log_q).reshape(draws, 6)
    nll = np.log(draws) - scipy.special.logsumexp(log_w, axis=0)
    found = likelihood_figures(model, Examples(few), draws)
    assert np.all(np.abs(nll - found["nll"]) < 6 * found["nll_error"] + 1e-3)
    error = log_w.std(0) / np.sqrt(draws)
    assert np.all(np.abs(-log_w.mean(0) - found["negative_elbo"]) < 8 * error + 1e-3)


def test_an_export_is_evaluated_as_the_model_is(tmp_path):
    model = model_of()
    write_endpoints(endpoints(model), model, tmp_path / "model")
    again = load_exported(tmp_path / "model")
    again._training = lambda: {"levels": 2}
    live, exported = (likelihood_figures(one, Examples(X[:5]), 60) for one in (model, again))
    for name in ("reconstruction_loss", "nll", "nll_error"):
        np.testing.assert_allclose(exported[name], live[name], rtol=1e-3, atol=1e-4)
    # The export does not know what its prior is conditioned on: its KL is that of the draws.
    np.testing.assert_allclose(exported["kl_loss"], live["kl_loss"], atol=0.3)


def test_a_ladder_learns_and_is_loaded_again(tmp_path):
    model = model_of()
    model.compile(keras.optimizers.Adam(3e-3))
    losses = model.fit(np.repeat(X, 10, axis=0), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(X), model(X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(levels=0), "--levels 0 must be at least 2"),
        (dict(levels=9), "--levels 9 must be at most 5"),
        (dict(levels=3, latent_dim=2), "need a code of at least 3 dimensions"),
        (dict(prior="vamp"), "leave --prior out"),
    ],
)
def test_impossible_levels_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        TrainConfig(model="ladder", **options)
