"""How well a model rebuilds examples, beside the mean one and PCA with as many numbers."""

import numpy as np

from vae_keras.evaluation.pixels import fitted_pca, flat_values

MOST_TRAIN, MOST_TEST = 2_000, 1_000  # images, which take about a second


def squared_errors(model, dataset) -> dict[str, float]:
    """Squared errors of test examples, summed over values: of the model and of two plain ones.

    They are empty for a model of sequences.
    """
    if dataset.kind.family == "tokens":
        return {}
    train, test = dataset.train.spread(MOST_TRAIN), dataset.test.spread(MOST_TEST)
    x = flat_values(test)
    pca = fitted_pca(train, min(model.latent_dim, len(train), x.shape[1]))
    rebuilt = {
        "squared_error": _rebuilt(model, test),
        "squared_error_of_mean_image": dataset.mean_example(MOST_TRAIN)[None],
        "squared_error_of_pca": pca.inverse_transform(pca.transform(x)),
    }
    return {
        name: float(np.square(x - images.reshape(len(images), -1)).sum(axis=1).mean())
        for name, images in rebuilt.items()
    }


def column_errors(model, dataset) -> dict[str, float]:
    """The root mean squared error of each column of the test rows, in its standard deviations.

    It is about 1 for the mean row. It is empty for a model of anything but a table.
    """
    if dataset.kind.columns is None:
        return {}
    errors = np.square(_rebuilt(model, dataset.test) - flat_values(dataset.test))
    return dict(zip(dataset.kind.columns.names, np.sqrt(errors.mean(axis=0)).tolist(), strict=True))


def _rebuilt(model, examples) -> np.ndarray:
    return np.concatenate([np.asarray(model(batch)) for batch in examples.batches()])
