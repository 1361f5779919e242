"""Images as rows of pixels: principal components and PSNR."""

import math

import numpy as np
from sklearn.decomposition import PCA

MOST_PCA_VALUES = 50_000_000  # pixels that PCA is fitted to: all of MNIST fits


def fitted_pca(examples, components) -> PCA:
    """Principal component analysis of the pixels of a split, of as many images as memory allows."""
    most = MOST_PCA_VALUES // math.prod(examples.example_shape)
    return PCA(components, random_state=0).fit(flat_values(examples.take(slice(most))))


def flat_values(examples) -> np.ndarray:
    """The pixels of all examples of a split, in [0, 1]: [n, pixels]."""
    return examples.arrays()[0].reshape(len(examples), -1)


def signed_images(vectors, image_shape) -> np.ndarray:
    """Signed weights [n, pixels] as images: 0 becomes mid-grey, the largest one black or white."""
    largest = np.abs(vectors).max(axis=1, keepdims=True) + 1e-12
    return (0.5 + 0.5 * vectors / largest).reshape(-1, *image_shape)


def psnr(clean, other) -> float:
    """The peak signal-to-noise ratio of images in [0, 1], in decibels, averaged over images.

    Both arrays are [n, height, width, channels]; `other` is clipped to [0, 1].
    """
    error = np.mean((clean - np.clip(other, 0, 1)) ** 2, axis=(1, 2, 3))
    return float(np.mean(-10 * np.log10(np.maximum(error, 1e-10))))
