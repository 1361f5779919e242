"""The completion of images of which some quadrants are seen."""

import numpy as np
import pytest
import scipy.special

from vae_keras.data.images import archives
from vae_keras.models.completion import CompletionNetwork, CompletionVAE, hidden_mask
from vae_keras.networks import DenseNetwork

rng = np.random.default_rng(0)
SHAPE = (8, 8, 1)


@pytest.mark.parametrize("visible", [1, 2, 3])
def test_hidden_quadrants_are_predicted_from_the_visible_ones_alone(visible, x):
    mask = hidden_mask(SHAPE, visible)
    assert mask.sum() == 64 - 16 * visible
    changed = np.where(mask == 1, 1 - x, x)
    network = CompletionNetwork(SHAPE, latent_dim=4, visible=visible)
    np.testing.assert_array_equal(network(x), network(changed))
    model = CompletionVAE(SHAPE, latent_dim=4, visible=visible)
    completed = model.complete(x, (0, 1)).numpy()
    np.testing.assert_array_equal(completed, model.complete(changed, (0, 1)))
    np.testing.assert_array_equal(completed * (1 - mask), x * (1 - mask))
    batch = model.prepare(x)
    parameters = model.parameters(model.code(batch), batch.condition)
    p = scipy.special.expit(np.float64(parameters))
    entropy = -(x * np.log(p) + (1 - x) * np.log(1 - p))
    found = model.reconstruction_loss(batch, model.code(batch), training=False)
    np.testing.assert_allclose(found, (entropy * mask).sum((1, 2, 3)), rtol=1e-4)


def test_hidden_quadrants_alone_count_where_the_others_are_given():
    x = archives.digits().test.take(slice(6)).arrays()[0]
    model = CompletionVAE((8, 8, 1), 2, DenseNetwork((8,)), visible=2)
    batch, z = model.prepare(x), rng.normal(size=(6, 2)).astype("float32")
    p = scipy.special.expit(np.float64(model.parameters(z, batch.condition)))
    log_prob = x * np.log(p) + (1 - x) * np.log(1 - p)
    expected = (log_prob * model.loss_mask).sum((1, 2, 3))
    np.testing.assert_allclose(model.log_likelihood(batch, z), expected, rtol=1e-4)
