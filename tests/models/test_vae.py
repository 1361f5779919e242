"""The bound of a VAE, the weight of its KL term, and what keeps the code from collapsing."""

import math

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import tensorflow as tf
from sklearn.decomposition import PCA

from tests.images import images
from vae_keras import VAE, TrainConfig, UserError, train
from vae_keras.data.images.archives import digits
from vae_keras.evaluation.code_use import mean_kl_per_dimension
from vae_keras.models.vae import Sampling, kl_to_standard_normal
from vae_keras.networks import DenseNetwork
from vae_keras.objectives.likelihoods import Gaussian
from vae_keras.training.fitting import build

rng = np.random.default_rng(0)
SHAPE = (8, 8, 1)


def kl_weights(model, steps):
    return [float(model.term_weights(tf.constant(step, tf.int64))["kl_loss"]) for step in steps]


def test_beta_rises_during_the_warmup_and_is_final_in_validation():
    model = VAE(SHAPE, beta=2.0, beta_warmup=10, steps_per_epoch=1)
    assert kl_weights(model, (0, 5, 10, 99)) == pytest.approx([0.0, 1.0, 2.0, 2.0])
    assert model.term_weights()["kl_loss"] == 2.0


def test_beta_rises_again_in_every_cycle():
    model = VAE(SHAPE, beta=4.0, beta_warmup=10, beta_cycles=2, epochs=40, steps_per_epoch=1)
    steps = (0, 5, 10, 19, 20, 25, 30, 39, 40)
    assert kl_weights(model, steps) == pytest.approx([0, 2, 4, 4, 0, 2, 4, 4, 0])
    assert model.term_weights()["kl_loss"] == 4.0


def test_cycles_are_spread_evenly_over_the_run():
    dataset = digits()
    config = TrainConfig(epochs=12, beta_warmup=2, beta_cycles=3, batch_size=100).resolved(dataset)
    steps = 13  # of an epoch: 1,295 images
    model = build(config, dataset)
    assert (model.warmup.steps, model.warmup.every) == (2 * steps, 4 * steps)


@pytest.mark.parametrize(
    ("beta_on", "expected", "effective"),
    [("kl", (1.0, 4.0), 4.0), ("reconstruction", (4.0, 1.0), 0.25)],
)
def test_beta_weighs_either_term(beta_on, expected, effective):
    model = VAE(SHAPE, beta=4.0, beta_on=beta_on)
    weights = model.term_weights()
    assert (weights["reconstruction_loss"], weights["kl_loss"]) == expected
    assert TrainConfig(beta=4.0, beta_on=beta_on).effective_beta() == effective
    terms = {"reconstruction_loss": tf.constant([2.0]), "kl_loss": tf.constant([3.0])}
    assert float(model.weighted_sum(terms)[0]) == 2 * expected[0] + 3 * expected[1]


def test_free_bits_are_minimised_in_the_place_of_the_kl():
    model = VAE(SHAPE, latent_dim=3, beta=2.0, free_bits=0.5)
    x = digits().test.arrays()[0][:50]
    batch = model.prepare(x)
    found = {name: values.numpy() for name, values in model.objective(batch, False).items()}
    z_mean, z_log_var = (np.float64(head) for head in model.posterior(batch))
    kl = 0.5 * (np.exp(z_log_var) + z_mean**2 - z_log_var - 1)
    np.testing.assert_allclose(found["kl_loss"], kl.sum(1), atol=1e-5)
    np.testing.assert_allclose(found["free_bits_kl_loss"], np.maximum(kl, 0.5).sum(1), atol=1e-5)
    loss = found["reconstruction_loss"] + 2 * found["free_bits_kl_loss"]
    np.testing.assert_allclose(model.weighted_sum(found), loss, rtol=1e-5)


@pytest.mark.slow
def test_free_bits_keep_a_code_from_collapsing():
    """At β = 20 the plain model gives up its code; with free bits every dimension is used."""
    x = digits().train

    def kl(free_bits):
        keras.utils.set_random_seed(0)
        options = dict(beta=20.0, free_bits=free_bits, network=DenseNetwork((32,)))
        model = VAE(SHAPE, latent_dim=3, **options)
        model.compile(keras.optimizers.Adam(5e-3))
        model.fit(x.arrays()[0], epochs=10, batch_size=128, shuffle=False, verbose=0)
        return mean_kl_per_dimension(model, x)

    assert kl(0.0).max() < 0.01
    assert kl(0.5).min() > 0.2


@pytest.mark.slow
def test_history_has_both_the_kl_and_what_is_minimised(tmp_path):
    dataset = digits()
    model = build(TrainConfig(free_bits=0.3, units="8").resolved(dataset), dataset)
    x = dataset.train.arrays()[0]
    history = model.fit(x[:256], validation_data=(x[256:512], None), verbose=0).history
    for split in ("", "val_"):
        total, rebuilt, kl, minimised = (
            history[f"{split}{name}"][0] for name in ("loss", *model.terms)
        )
        assert total == pytest.approx(rebuilt + minimised) and minimised >= max(0.6, kl)
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").options.free_bits == 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(beta_warmup=11), "the warm-up of beta takes 11 epochs, but the run has 10"),
        (dict(beta_warmup=4, beta_cycles=3), "takes 12 epochs, but the run has 10"),
        (dict(beta_cycles=2), "give its epochs with --beta-warmup"),
        (dict(free_bits=-1.0), "--free-bits -1.0 must be at least 0"),
        (dict(beta_on="kll"), "unknown beta on 'kll': did you mean 'kl'?"),
    ],
)
def test_impossible_schedules_are_refused_before_anything_is_written(options, message, tmp_path):
    with pytest.raises(UserError, match="(?s).*" + message.replace("?", r"\?")):
        train(TrainConfig(epochs=10, output_dir=tmp_path, **options), verbose=0)
    assert not any(tmp_path.iterdir())


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


def test_draws_of_x_have_the_mean_that_is_decoded():
    model = VAE(SHAPE, latent_dim=2)
    z, batch = np.ones((4_000, 2), "float32"), model.prepare(np.zeros((4_000, *SHAPE), "float32"))
    drawn, other = (model.draw(batch, z, (0, seed)) for seed in (1, 2))
    x = drawn.target.numpy()
    assert drawn.x is drawn.target and set(np.unique(x)) == {0, 1}
    np.testing.assert_allclose(x.mean(axis=0), model.decode(z[:1])[0], atol=0.05)
    assert np.any(x != other.x)


def test_loss_is_the_negative_elbo_written_out():
    model = VAE((8, 8, 1), latent_dim=2, beta=3.0)
    model.compile("adam")
    x, index = images(7, (8, 8, 1)), np.arange(7)
    found = model.evaluate({"x": x, "index": index}, verbose=0, return_dict=True)

    z_mean, z_log_var = (part.numpy().astype("float64") for part in model.encoder(x))
    epsilon = model.noise(model.prepare({"x": x, "index": index}), (2,), training=False).numpy()
    logits = model.decoder((z_mean + np.exp(z_log_var / 2) * epsilon).astype("float32")).numpy()
    p = 1 / (1 + np.exp(-logits.astype("float64")))
    reconstruction = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3)).mean()
    kl = -0.5 * (1 + z_log_var - z_mean**2 - np.exp(z_log_var)).sum(1).mean()

    assert found["reconstruction_loss"] == pytest.approx(reconstruction, rel=1e-5)
    assert found["kl_loss"] == pytest.approx(kl, rel=1e-4)
    assert found["loss"] == pytest.approx(reconstruction + 3 * kl, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", ["learned", "optimal"])
def test_linear_vae_reaches_the_likelihood_of_probabilistic_pca_on_digits(sigma):
    """Lucas et al. 2019: the linear VAE's bound is tight at the maximum likelihood solution."""
    x, steps = digits().train.arrays()[0], 2_000
    keras.utils.set_random_seed(0)
    model = VAE((8, 8, 1), 4, DenseNetwork(()), Gaussian(sigma))
    schedule = keras.optimizers.schedules.CosineDecay(0.02, steps)
    model.compile(keras.optimizers.Adam(schedule), steps_per_execution=50)
    model.fit(tf.data.Dataset.from_tensors(x).repeat(steps), shuffle=False, verbose=0)
    draws = [{"x": x, "index": np.arange(len(x)) + len(x) * k} for k in range(5)]
    bounds = [model.evaluate(d, verbose=0, return_dict=True)["loss"] for d in draws]
    pixels = x.reshape(len(x), -1)
    exact = PCA(4).fit(pixels).score(pixels)  # Tipping and Bishop 1999
    assert exact - 0.1 < -np.mean(bounds) < exact + 0.02  # nats per example
