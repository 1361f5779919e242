"""A study: why a plain autoencoder does not generate."""

import math

import numpy as np
import scipy.special

from vae_keras import figures
from vae_keras.evaluation.classifier import trained_classifier
from vae_keras.latent.codes import decode, encode
from vae_keras.models.vae import StandardNormal
from vae_keras.studies.thinning import thinned
from vae_keras.training.fitting import trained

SAMPLES = 10_000  # samples of the prior that the figures are computed from
SHOWN_SAMPLES = 36  # decoded samples in a picture


def generation(configured, dataset):
    """Sample an autoencoder and a VAE of the same network, and judge the decoded images.

    Both have a Bernoulli decoder. The autoencoder is sampled from N(0, I), as the VAE is, and from
    the Gaussian that is fitted to its codes. It returns {column: {figure: number}} and the picture.
    Raises UserError if there are no labels of at least two classes.
    """
    dataset.require_labels()
    plain = trained(configured(model="deep", loss="bce"), dataset)
    vae = trained(configured(model="vae", likelihood="bernoulli"), dataset)
    standard = StandardNormal(vae.latent_dim)
    compared = {
        "autoencoder, N(0, I)": (plain, standard),
        "autoencoder, fitted Gaussian": (plain, plain.prior),
        "VAE, N(0, I)": (vae, standard),
    }
    print("training the classifier …", flush=True)
    classifier = trained_classifier(dataset)
    found, panels = {}, {}
    for name, (model, prior) in compared.items():
        z = np.asarray(prior.sample(SAMPLES, (model.seed, 0)))
        codes = encode(model, dataset.train)
        images = decode(model, z)
        found[name] = {
            **gaps(z, codes),
            **class_areas(z, codes, dataset.train.own_labels),
            **confidence(classifier, images),
        }
        panels[name] = {"codes": thinned(codes), "samples": z, "images": images[:SHOWN_SAMPLES]}
    found["test images"] = {
        **confidence(classifier, dataset.test.arrays()[0]),
        "classifier_accuracy": float(classifier.accuracy),
    }
    shown = thinned(dataset.train.own_labels)
    return found, figures.codes_and_samples(panels, shown, dataset.class_names)


def gaps(samples, codes) -> dict[str, float]:
    """The distances of `samples` [n, latent_dim] from the nearest of `codes` [m, latent_dim].

    They are the median and the 95 % quantile, in the units of the latent space and in spacings. A
    spacing is the mean distance of a code to its nearest neighbour.
    """
    tree = scipy.spatial.cKDTree(codes)
    spacing = tree.query(codes, k=2)[0][:, 1].mean()
    median, quantile = np.quantile(tree.query(samples)[0], (0.5, 0.95))
    return {
        "code_spacing": float(spacing),
        "gap_median": float(median),
        "gap_95_percent": float(quantile),
        "gap_median_in_spacings": float(median / spacing),
        "gap_95_percent_in_spacings": float(quantile / spacing),
    }


def class_areas(samples, codes, labels) -> dict[str, float]:
    """Figures of how evenly `samples` [n, latent_dim] fall to the classes of the nearest `codes`.

    They are the smallest and the largest share of a class, and the entropy of the shares divided by
    log(classes): 1 if all are equal, 0 if one class has everything.
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    nearest = scipy.spatial.cKDTree(codes).query(samples)[1]
    shares = np.bincount(numbers[nearest], minlength=len(classes)) / len(samples)
    return {
        "class_entropy": float(scipy.special.entr(shares).sum() / math.log(len(classes))),
        "smallest_class_share": float(shares.min()),
        "largest_class_share": float(shares.max()),
    }


def confidence(classifier, images) -> dict[str, float]:
    """The mean of the largest class probability of an image, and the share of images above 0.9."""
    largest = classifier.probabilities(images).max(axis=1)
    return {"confidence": float(largest.mean()), "confident_share": float((largest > 0.9).mean())}
