"""A study: what each term of the VAE's objective does."""

import keras
import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from vae_keras import figures
from vae_keras.evaluation.losses import evaluate
from vae_keras.latent import codes
from vae_keras.models import VAE
from vae_keras.studies.thinning import thinned
from vae_keras.training.fitting import trained


@keras.saving.register_keras_serializable("vae_keras")
class KLOnlyVAE(VAE):
    """A VAE that minimises only the KL term; the reconstruction loss is still measured."""

    def term_weights(self, step=None):
        return {**super().term_weights(step), "reconstruction_loss": 0.0}


def terms(configured, dataset):
    """Train a VAE with the reconstruction loss alone, with the KL term alone, and with both.

    The accuracies are those of the nearest training code's label for the test codes: for one sample
    of each posterior, and for the means. Means that almost coincide can still be told apart by it,
    because it does not depend on scale. It returns {column: {figure: number}} and the picture.
    Raises UserError if there are no labels of at least two classes.
    """
    dataset.require_labels()
    models = {
        "reconstruction only": trained(configured(beta=0.0), dataset),
        "KL only": trained(configured(), dataset, KLOnlyVAE),
        "both": trained(configured(), dataset),
    }
    found, means, samples = {}, {}, {}
    for name, model in models.items():
        train, test = (
            sampled_posterior(model, dataset.train),
            sampled_posterior(model, dataset.test),
        )
        labels = dataset.train.own_labels, dataset.test.own_labels
        found[name] = {
            **evaluate(model, dataset),
            "mean_sigma": float(test["sigma"].mean()),
            "accuracy_of_samples": nearest_label_accuracy(train["z"], test["z"], *labels),
            "accuracy_of_means": nearest_label_accuracy(train["z_mean"], test["z_mean"], *labels),
        }
        means[name], samples[name] = thinned(train["z_mean"]), thinned(train["z"])
    rows = {"mean of q(z|x)": means, "one sample of q(z|x)": samples}
    shown = thinned(dataset.train.own_labels)
    return found, figures.latent_scatters(rows, shown, dataset.class_names)


def sampled_posterior(model, examples) -> dict[str, np.ndarray]:
    """`z_mean`, `sigma` and one sample `z` of q(z|x) for every example: [n, latent_dim] each."""
    z_mean, z_log_var = codes.posterior(model, examples)
    sigma = np.exp(0.5 * z_log_var)
    noise = np.random.default_rng(model.seed).standard_normal(z_mean.shape, np.float32)
    return {"z_mean": z_mean, "sigma": sigma, "z": z_mean + sigma * noise}


def nearest_label_accuracy(train_codes, test_codes, train_labels, test_labels) -> float:
    """The share of test codes whose nearest training code has their label."""
    nearest = KNeighborsClassifier(1).fit(train_codes, train_labels)
    return float(nearest.score(test_codes, test_labels))
