"""The linear autoencoder, against PCA."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from vae_keras import TrainConfig, UserError, evaluate, train
from vae_keras.data.images.archives import digits
from vae_keras.models.linear import LinearAutoencoder
from vae_keras.training.fitting import trained

SHAPE = (8, 8, 1)


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
def test_linear_autoencoder_finds_the_principal_components(tied):
    dataset = digits()
    model = trained(TrainConfig(model="linear", latent_dim=3, tied=tied, epochs=30), dataset)
    found = evaluate(model, dataset)
    flat = [split.arrays()[0].reshape(len(split), -1) for split in (dataset.train, dataset.test)]
    pca = PCA(3).fit(flat[0])
    error = ((flat[1] - pca.inverse_transform(pca.transform(flat[1]))) ** 2).sum(1).mean()
    assert found["loss"] == pytest.approx(error, rel=0.01)
    assert found["largest_angle_to_pca_degrees"] < 3
    components, variances = model.principal_components()
    cosines = np.abs(np.sum(components * pca.components_, axis=1))
    assert cosines.min() > np.cos(np.radians(3))  # one by one, in their order
    np.testing.assert_allclose(variances, pca.explained_variance_, rtol=0.03)


def test_tied_decoder_is_the_transposed_encoder(x):
    model = LinearAutoencoder(SHAPE, latent_dim=5, tied=True)
    kernel = model.encoder.get_layer("z").kernel.numpy()
    np.testing.assert_allclose(
        model(x), (x.reshape(-1, 64) @ kernel @ kernel.T).reshape(x.shape), atol=1e-5
    )
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 64 * 5 + 5 + 64


def test_linear_model_refuses_more_components_than_there_are(tmp_path):
    with pytest.raises(UserError, match="above the 64 components"):
        train(TrainConfig(model="linear", latent_dim=65, output_dir=tmp_path), verbose=0)
