"""The prior that is fitted to codes."""

import numpy as np
import scipy.spatial

from vae_keras.models.priors import FittedGaussian

rng = np.random.default_rng(0)


def test_fitted_gaussian_has_the_moments_of_the_codes():
    codes = rng.multivariate_normal([1, -2, 0], [[2, 1, 0], [1, 3, 0], [0, 0, 1e-9]], 5_000)
    prior = FittedGaussian(3)
    prior.fit(lambda: codes.astype("float32"))
    sample = np.asarray(prior.sample(100_000, (0, 1)))
    np.testing.assert_allclose(sample.mean(0), codes.mean(0), atol=0.03)
    np.testing.assert_allclose(np.cov(sample.T), np.cov(codes.T), atol=0.06)
    corner = np.asarray(prior.from_standard(np.ones((1, 3), "float32")))[0]
    np.testing.assert_allclose(corner, codes.mean(0) + codes.std(0), atol=0.03)


def test_distances_are_those_of_mahalanobis():
    generator = np.random.default_rng(0)
    codes = generator.normal(size=(200, 3)) @ generator.normal(size=(3, 3)) + 5
    gaussian = FittedGaussian(3)
    gaussian.fit(lambda: codes.astype(np.float32))
    inverse = np.linalg.inv(np.cov(codes, rowvar=False))
    expected = [scipy.spatial.distance.mahalanobis(z, codes.mean(axis=0), inverse) for z in codes]
    found = gaussian.distance(codes.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-3)
