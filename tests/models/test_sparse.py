"""The sparse autoencoder."""

import numpy as np
import pytest
import scipy.special

from vae_keras import TrainConfig, evaluate
from vae_keras.data.images.archives import digits
from vae_keras.models.sparse import SparseAutoencoder
from vae_keras.training.fitting import trained

SHAPE = (8, 8, 1)


def test_sparsity_terms_are_their_formulas(x):
    model = SparseAutoencoder(SHAPE, latent_dim=100, sparsity="l1")
    code = model.encode(x).numpy()
    assert code.min() == 0
    np.testing.assert_allclose(model.penalty(code, False), code.sum(axis=1), rtol=1e-5)
    model = SparseAutoencoder(SHAPE, latent_dim=100, sparsity="kl", target_activity=0.1)
    code = model.encode(x).numpy().astype("float64")
    expected = scipy.special.rel_entr([0.1, 0.9], np.stack([code.mean(0), 1 - code.mean(0)], 1))
    np.testing.assert_allclose(
        model.penalty(code.astype("float32"), True), expected.sum(), rtol=1e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize(("sparsity", "epochs"), [("l1", 5), ("kl", 9)])
def test_penalty_makes_the_code_sparser(sparsity, epochs):
    dataset, plain = digits(), TrainConfig(model="sparse", sparsity=sparsity, epochs=epochs)
    configs = (plain.replace(sparsity_weight=weight) for weight in (0.0, 1.0))
    shares = [evaluate(trained(one, dataset), dataset)["active_share"] for one in configs]
    assert shares[1] < 0.7 * shares[0]
