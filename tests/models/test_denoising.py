"""The denoising autoencoder."""

import numpy as np
import pytest

from vae_keras import TrainConfig, evaluate
from vae_keras.data.images.archives import digits
from vae_keras.models.denoising import DenoisingAutoencoder
from vae_keras.objectives.likelihoods import loss_named
from vae_keras.training.fitting import trained

SHAPE = (8, 8, 1)


@pytest.mark.parametrize(
    ("corruption", "level"), [("gaussian", 0.2), ("salt_and_pepper", 0.3), ("masking", 0.4)]
)
def test_corruption_is_what_its_name_says(corruption, level):
    model = DenoisingAutoencoder((50, 50, 1), corruption=corruption, corruption_level=level)
    clean = np.full((20, 50, 50, 1), 0.5, "float32")
    noisy = model.corrupt(model.prepare({"x": clean, "index": np.arange(20)})).numpy()
    if corruption == "gaussian":
        assert (noisy - clean).std() == pytest.approx(level, rel=0.03)
        return
    black, white = (noisy == 0).mean(), (noisy == 1).mean()
    share = (level / 2, level / 2) if corruption == "salt_and_pepper" else (level, 0)
    assert (black, white) == pytest.approx(share, abs=0.01)
    assert (noisy == 0.5).mean() == pytest.approx(1 - level, abs=0.01)


def test_corruption_is_drawn_afresh_in_training_and_left_out_in_evaluation(x):
    model = DenoisingAutoencoder(SHAPE)
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    batch = model.prepare(x)
    first = model.corrupt(batch, training=True).numpy()
    model.optimizer.iterations.assign_add(1)
    assert not np.array_equal(first, model.corrupt(batch, training=True).numpy())
    plain = model.objective(batch, training=False)["reconstruction_loss"]
    np.testing.assert_allclose(plain, loss_named("mse").loss(x, model(x)), rtol=1e-5)


@pytest.mark.slow
def test_denoising_beats_a_median_filter_and_pca():
    dataset = digits()
    model = trained(TrainConfig(model="denoising", units="256", epochs=15), dataset)
    found = evaluate(model, dataset)
    assert found["psnr_denoised"] > found["psnr_median_filter"] + 2
    assert found["psnr_denoised"] > found["psnr_pca"] + 2
    assert found["psnr_denoised"] > found["psnr_corrupted"] + 4
