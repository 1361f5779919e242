"""The importance-weighted autoencoder: its bound, and the two gradients of its encoder."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from vae_keras import VAE, UserError
from vae_keras.config import TrainConfig
from vae_keras.models.importance import ImportanceWeightedAutoencoder
from vae_keras.networks import DenseNetwork

SHAPE = (2, 3, 1)
rng = np.random.default_rng(0)
X = (rng.random((32, *SHAPE)) > 0.5).astype("float32")


def model_of(samples, cls=ImportanceWeightedAutoencoder, latent_dim=2, **options):
    keras.utils.set_random_seed(1)
    if cls is ImportanceWeightedAutoencoder:
        options["samples"] = samples
    return cls(SHAPE, latent_dim=latent_dim, network=DenseNetwork((8,)), **options)


@pytest.mark.parametrize("gradient", ["plain", "doubly_reparameterised"])
def test_one_sample_is_a_vae_to_the_last_bit(gradient):
    trained = []
    for model in (model_of(1, gradient=gradient), model_of(1, VAE)):
        model.compile("adam")
        model.fit(X, epochs=2, batch_size=8, shuffle=False, verbose=0)
        losses = model.evaluate(X, verbose=0, return_dict=True)
        trained.append([losses["loss"], losses["kl_loss"], *model.get_weights()])
    for one, other in zip(*trained, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("gradient", ["plain", "doubly_reparameterised"])
@pytest.mark.parametrize("prior", ["normal", "mixture"])
def test_the_loss_is_the_bound_of_burda_by_numpy(gradient, prior):
    model = model_of(7, gradient=gradient, prior=prior)
    batch = model.prepare(X)
    found = {name: np.asarray(v) for name, v in model.objective(batch, False).items()}
    epsilon = np.asarray(model.noise(batch, (7, 2), False))
    mean, log_var = (np.asarray(head)[:, None] for head in model.posterior(batch))
    z = (mean + np.exp(0.5 * log_var) * epsilon).astype("float32")
    log_q = scipy.stats.norm.logpdf(z, mean, np.exp(0.5 * log_var)).sum(-1)
    log_pz = np.asarray(model.prior.log_prob(z))
    log_px = np.stack([model.log_likelihood(batch, z[:, i]) for i in range(7)], axis=1)
    log_w = log_px + log_pz - log_q
    bound = np.log(7) - scipy.special.logsumexp(log_w, axis=1)
    np.testing.assert_allclose(found["importance_loss"], bound, atol=2e-5)
    np.testing.assert_allclose(found["reconstruction_loss"], -log_px.mean(1), atol=2e-5)
    np.testing.assert_array_equal(model.weighted_sum(found), found["importance_loss"])


def gradients(model, repeats, x=X[:1]):
    """Gradients of the loss of one image for many draws: of the encoder's head, of the decoder."""
    batch = model.prepare(np.repeat(x, repeats, axis=0))
    kernels = model.encoder.get_layer("z_mean").bias, model.decoder.trainable_variables[-1]
    with tf.GradientTape(persistent=True) as tape:
        loss = model.weighted_sum(model.objective(batch, training=False))
    parts = [tape.jacobian(loss, kernel).numpy().reshape(repeats, -1) for kernel in kernels]
    return [np.float64(part) for part in parts]


def test_both_gradients_have_the_same_mean_and_that_of_the_decoder_is_the_same():
    both = [model_of(4, gradient=name) for name in ("plain", "doubly_reparameterised")]
    (plain, decoder), (doubly, other) = (gradients(model, 1_000) for model in both)
    np.testing.assert_allclose(decoder, other, atol=1e-5)
    assert np.abs(plain - doubly).max() > 0.01  # of a single draw they differ
    difference = (plain - doubly).mean(axis=0)
    error = (plain - doubly).std(axis=0) / np.sqrt(len(plain))
    assert np.all(np.abs(difference) < 4.5 * error)
    assert np.abs(doubly.mean(axis=0)).max() > 0.01  # and it is not 0


def test_the_plain_gradient_drowns_in_noise_and_the_other_does_not():
    """Rainforth et al. 2018: the ratio of mean to deviation falls with the samples, or rises."""

    def clarity(samples, gradient):
        encoder, _ = gradients(model_of(samples, gradient=gradient), 400)
        return np.linalg.norm(encoder.mean(axis=0)) / np.linalg.norm(encoder.std(axis=0))

    few, many = (clarity(samples, "doubly_reparameterised") for samples in (2, 64))
    assert many > 1.5 * few
    assert clarity(64, "plain") < 0.5 * many


def test_more_samples_give_a_tighter_bound():
    losses = []
    for samples in (1, 5, 50):
        model = model_of(samples, latent_dim=4)
        model.compile("adam")
        losses.append(model.evaluate(np.repeat(X, 20, axis=0), verbose=0, return_dict=True)["loss"])
    assert losses[0] > losses[1] + 0.01 > losses[2] + 0.015


def test_memory_of_a_step_grows_no_faster_than_the_samples():
    """The encoder runs once, whatever the samples: what grows is the decoder's share."""

    def largest(samples):
        model = model_of(samples)
        model.compile("adam")
        step = tf.function(model.train_step).get_concrete_function(X)
        sizes = [t.shape.num_elements() for op in step.graph.get_operations() for t in op.outputs]
        return max(size for size in sizes if size)

    assert largest(40) <= 4 * largest(10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(samples=0), "--samples 0 must be at least 1"),
        (dict(beta=2.0), "leave --beta out"),
        (dict(beta_warmup=3), "leave --beta-warmup out"),
        (dict(free_bits=0.1), "leave --free-bits out"),
        (dict(gradient="double"), "did you mean 'doubly_reparameterised'"),
    ],
)
def test_what_the_bound_has_not_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        TrainConfig(model="iwae", **options)
