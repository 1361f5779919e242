"""The contractive autoencoder, against the Jacobian."""

import numpy as np
import pytest
import tensorflow as tf

from vae_keras import TrainConfig, evaluate
from vae_keras.data.images.archives import digits
from vae_keras.models.contractive import ContractiveAutoencoder, squared_jacobian
from vae_keras.training.fitting import trained

SHAPE = (8, 8, 1)


def jacobian_norms(model, x):
    """‖∂h/∂x‖²_F of each example by one backward pass for each code unit."""
    x = tf.constant(x)
    total = 0
    for unit in range(model.latent_dim):
        with tf.GradientTape() as tape:
            tape.watch(x)
            h = model.encode(x)[:, unit]
        total += tf.reduce_sum(tape.gradient(h, x) ** 2, axis=(1, 2, 3)).numpy()
    return total


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_exact_contraction_is_the_norm_of_the_jacobian(network, x):
    model = ContractiveAutoencoder(SHAPE, latent_dim=4, network=network)
    _, penalty = squared_jacobian(model, model.prepare(x))
    np.testing.assert_allclose(penalty, jacobian_norms(model, x), rtol=1e-4)


@pytest.mark.slow
def test_projected_contraction_is_unbiased_and_has_the_stated_variance(x):
    model = ContractiveAutoencoder(SHAPE, latent_dim=4)
    one = np.repeat(x[:1], 20_000, axis=0)
    batch = model.prepare({"x": one, "index": np.arange(len(one))})
    _, draws = tf.function(lambda: model.projected(batch, training=False))()
    draws = draws.numpy().astype("float64")
    exact = jacobian_norms(model, x[:1])[0]
    assert abs(draws.mean() - exact) < 4 * draws.std() / np.sqrt(len(draws))
    with tf.GradientTape() as tape:
        inputs = tf.constant(x[:1])
        tape.watch(inputs)
        h = model.encode(inputs)
    jacobian = tape.jacobian(h, inputs).numpy().reshape(4, 64)
    gram = jacobian @ jacobian.T
    variance = 2 * (np.sum(gram**2) - np.sum(np.diag(gram) ** 2))
    assert draws.var() == pytest.approx(variance, rel=0.05)


@pytest.mark.slow
def test_contraction_lowers_the_jacobian():
    dataset = digits()
    plain = TrainConfig(model="contractive", units="32", epochs=6)
    configs = (plain.replace(contraction=weight) for weight in (0.0, 1.0))
    norms = [evaluate(trained(one, dataset), dataset)["contraction_loss"] for one in configs]
    assert norms[1] < 0.3 * norms[0]
