"""The conditional variational autoencoder."""

import numpy as np
import pytest

from vae_keras import TrainConfig, UserError, train
from vae_keras.config import rung_named
from vae_keras.models.conditional import ConditionalVAE

SHAPE = (8, 8, 1)


def test_conditional_model_has_the_same_options():
    names = {"beta", "beta_on", "beta_warmup", "beta_cycles", "free_bits"}
    assert names <= set(rung_named("conditional").options().as_dict())
    model = ConditionalVAE(SHAPE, free_bits=0.1, classes=10)
    assert "free_bits_kl_loss" in model.trackers


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_conditional_model_uses_the_label(network, x):
    model = ConditionalVAE(SHAPE, latent_dim=3, network=network, classes=4)
    zeros, threes = np.zeros(64, int), np.full(64, 3)
    assert not np.allclose(model.encode(x, zeros), model.encode(x, threes))
    z = model.encode(x, zeros)
    assert not np.allclose(model.decode(z, zeros), model.decode(z, threes))
    new = model.generate(8, (0, 1))  # every class in turn
    np.testing.assert_array_equal(new, model.generate(8, (0, 1), np.arange(8) % 4))


def test_conditional_model_needs_labels(x, tmp_path):
    np.savez(tmp_path / "unlabelled.npz", x_train=x)
    config = TrainConfig(dataset=str(tmp_path / "unlabelled.npz"), model="conditional")
    with pytest.raises(UserError, match="needs labels"):
        train(config.replace(output_dir=tmp_path / "out"), verbose=0)
    assert not (tmp_path / "out").exists()
