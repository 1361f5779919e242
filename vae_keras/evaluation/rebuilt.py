"""How well a model rebuilds images, beside the mean image and PCA with as many numbers."""

import numpy as np

from vae_keras.evaluation.pixels import fitted_pca, flat_values

MOST_TRAIN, MOST_TEST = 2_000, 1_000  # images, which take about a second


def squared_errors(model, dataset) -> dict[str, float]:
    """Squared errors of test images, summed over pixels: of the model and of two plain ones.

    They are empty for a model of sequences.
    """
    if not dataset.kind.is_pictured:
        return {}
    train, test = dataset.train.spread(MOST_TRAIN), dataset.test.spread(MOST_TEST)
    x = flat_values(test)
    pca = fitted_pca(train, min(model.latent_dim, len(train), x.shape[1]))
    rebuilt = {
        "squared_error": np.concatenate([np.asarray(model(batch)) for batch in test.batches()]),
        "squared_error_of_mean_image": dataset.mean_example(MOST_TRAIN)[None],
        "squared_error_of_pca": pca.inverse_transform(pca.transform(x)),
    }
    return {
        name: float(np.square(x - images.reshape(len(images), -1)).sum(axis=1).mean())
        for name, images in rebuilt.items()
    }
