"""The sparse autoencoder."""

import numpy as np
import pytest
import scipy.special

from vae_keras import TrainConfig, train
from vae_keras.models.sparse import SparseAutoencoder

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
@pytest.mark.parametrize("sparsity", ["l1", "kl"])
def test_penalty_makes_the_code_sparser(sparsity, tmp_path):
    shares = [
        train(
            TrainConfig(
                model="sparse",
                sparsity=sparsity,
                sparsity_weight=weight,
                epochs=15,
                output_dir=tmp_path,
            ),
            verbose=0,
        ).metrics["test_active_share"]
        for weight in (0.0, 1.0)
    ]
    assert shares[1] < 0.7 * shares[0]
