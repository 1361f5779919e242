"""A prior that is fitted to the codes of a trained model, and the export with it."""

import keras
import numpy as np
import pytest
import scipy.stats
import sklearn.mixture
import tensorflow as tf

from vae_keras import UserError, load_exported
from vae_keras.data import Examples
from vae_keras.export.endpoints import endpoints
from vae_keras.export.refitted import refitted_endpoints
from vae_keras.export.saved_model import write_endpoints
from vae_keras.latent.codes import posterior
from vae_keras.models.ladder import LadderVAE
from vae_keras.models.priors import FittedMixture
from vae_keras.networks import DenseNetwork
from vae_keras.studies.refit import drawn_codes, refit

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def mixture():
    codes = np.concatenate([rng.normal(m, s, (300, 3)) for m, s in ((-2, 0.5), (1, 1), (3, 0.2))])
    codes[:, 1] += 0.7 * codes[:, 0]
    return sklearn.mixture.GaussianMixture(3, random_state=0).fit(codes)


def test_a_fitted_mixture_is_the_one_of_scikit_learn(mixture):
    prior = FittedMixture(mixture)
    z = rng.normal(size=(2, 5, 3)).astype("float32")
    expected = mixture.score_samples(z.reshape(-1, 3)).reshape(2, 5)
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-3)
    drawn, other = np.asarray(prior.sample(20_000, (0, 1))), mixture.sample(20_000)[0]
    np.testing.assert_allclose(drawn.mean(0), other.mean(0), atol=0.12)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(other.T), atol=0.3)
    for n in range(3):
        assert scipy.stats.ks_2samp(drawn[:, n], other[:, n]).statistic < 0.03


@pytest.fixture(scope="module")
def refitted(digits_run, tmp_path_factory):
    output = tmp_path_factory.mktemp("refit") / "digits-mixture"
    refit(str(digits_run.folder.path), components=10, output=output)
    return load_exported(output)


def test_codes_lie_where_the_refitted_prior_says(digits_run, refitted):
    codes = drawn_codes(refitted, digits_run.dataset.train).astype("float32")
    before = scipy.stats.norm.logpdf(codes).sum(1).mean()
    assert np.asarray(refitted.prior.log_prob(codes)).mean() > before + 0.005
    z = np.asarray(refitted.prior.sample(2_000, (0, 1)))
    assert scipy.stats.ks_2samp(z[:, 0], codes[:, 0]).statistic < 0.12


def test_a_refitted_export_is_the_model_but_for_its_prior(digits_run, refitted):
    x = digits_run.dataset.test.take(slice(6)).arrays()[0]
    before = load_exported(digits_run.folder.exported)
    z = refitted.encode(x)
    for one, other in (
        (z, before.encode(x)),
        (refitted.reconstruct(x), before.reconstruct(x)),
        (refitted.decode(z), before.decode(z)),
        (refitted.log_prob(x, z), before.log_prob(x, z)),
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    drawn = refitted.decode(refitted.prior.sample(7, (0, 3)))
    np.testing.assert_allclose(refitted.generate(7, (0, 3)), drawn, atol=1e-5)
    card = (refitted.path / "model_card.md").read_text()
    assert "a mixture of 10 Gaussians" in card and "refit" in card and "--components 10" in card
    module = tf.saved_model.load(refitted.path)  # without the package
    assert module.sample_prior(tf.constant(3), tf.constant([0, 1]))["z"].shape == (3, 2)


def test_codes_of_a_variational_model_are_draws_of_its_posteriors(digits_run, refitted):
    examples = digits_run.dataset.test
    codes, (z_mean, z_log_var) = drawn_codes(refitted, examples), posterior(refitted, examples)
    standard = (codes - z_mean) * np.exp(-0.5 * z_log_var)
    assert scipy.stats.kstest(standard.ravel(), "norm").statistic < 0.05


def test_levels_are_drawn_one_given_the_other_and_kept(tmp_path):
    """A ladder's z_mean and z_log_var along its means are not those at a draw."""
    keras.utils.set_random_seed(1)
    model = LadderVAE((2, 3, 1), latent_dim=6, levels=2, network=DenseNetwork((8,)))
    for layer in model.of_above:  # at the start the upper level tells the lower one little
        layer.kernel.assign(100 * layer.kernel)
    x = (rng.random((300, 2, 3, 1)) > 0.5).astype("float32")
    codes = drawn_codes(model, Examples(x))
    z_mean, z_log_var = (np.asarray(head) for head in model.heads_at(model.encoder(x), codes))
    standard = (codes - z_mean) * np.exp(-0.5 * z_log_var)
    assert scipy.stats.kstest(standard.ravel(), "norm").statistic < 0.05
    write_endpoints(endpoints(model), model, tmp_path / "ladder")
    prior = FittedMixture(sklearn.mixture.GaussianMixture(2, random_state=0).fit(codes))
    call, _ = refitted_endpoints(load_exported(tmp_path / "ladder"), prior)["posterior"]
    found = call(tf.constant(x), tf.constant(codes))
    np.testing.assert_allclose(found["z_mean"], z_mean, atol=1e-4)


def test_what_cannot_be_refitted_is_refused_and_nothing_is_written(digits_run, talk, tmp_path):
    run = str(digits_run.folder.path)
    with pytest.raises(UserError, match="components are more than the 1,295 codes"):
        refit(run, components=1_296, output=tmp_path / "new")
    with pytest.raises(UserError, match="of sequences"):
        refit(str(talk[0] / "runs/talk_sequence"), output=tmp_path / "new")
    with pytest.raises(UserError, match="nothing"):
        refit(str(tmp_path / "nothing"), output=tmp_path / "new")
    assert not any(tmp_path.iterdir())
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="exists"):
        refit(run, output=tmp_path / "mine")
