"""How much of the code a variational model uses."""

import math

import numpy as np
import scipy.special

from vae_keras.latent.codes import posterior
from vae_keras.models.protocol import VariationalModel

ACTIVE_VARIANCE = 0.01  # Burda et al. 2016, section 5.2


def code_figures(model: VariationalModel, examples) -> dict:
    """How the code is used.

    `kl_per_dimension` in nats; `active_units`, the dimensions whose mean varies by more than 0.01
    over the examples (Burda et al. 2016); `aggregate_posterior_kl`: KL[N(m, S) ‖ N(0, I)] in nats
    with mean and covariance of the codes of all examples together: 0 if these are those of the
    prior, which does not say that the shape is.
    """
    z_mean, z_log_var = posterior(model, examples)
    kl = model.prior.kl_per_dimension((z_mean, z_log_var)).numpy().mean(axis=0)
    z_mean, z_log_var = z_mean.astype(np.float64), z_log_var.astype(np.float64)
    mean = z_mean.mean(axis=0)
    covariance = np.atleast_2d(np.cov(z_mean, rowvar=False, bias=True))
    covariance = covariance + np.diag(np.exp(z_log_var).mean(axis=0))
    log_det = np.linalg.slogdet(covariance)[1]
    distance = 0.5 * (np.trace(covariance) + mean @ mean - len(mean) - log_det)
    return {
        "active_units": int(np.sum(z_mean.var(axis=0) > ACTIVE_VARIANCE)),
        "kl_per_dimension": kl.tolist(),
        "aggregate_posterior_kl": float(distance),
    }


def mutual_information(model: VariationalModel, examples, most=2_000) -> float:
    """How much the code tells of which of the first `most` examples it is, in nats.

    The mean KL of their posteriors to the mixture of them all, from one draw each (Hoffman and
    Johnson 2016, ELBO surgery). It cannot exceed log(most).
    """
    few = examples.take(slice(most))
    z_mean, z_log_var = (head.astype(np.float64) for head in posterior(model, few))
    epsilon = np.random.default_rng(model.seed).standard_normal(z_mean.shape)
    log_mixture = []
    for z in z_mean + np.exp(0.5 * z_log_var) * epsilon:
        squared = (z - z_mean) ** 2 * np.exp(-z_log_var) + z_log_var
        log_mixture.append(scipy.special.logsumexp(-0.5 * squared.sum(axis=1)))
    own = -0.5 * (epsilon**2 + z_log_var).sum(axis=1)
    return float(np.mean(own - log_mixture) + math.log(len(few)))


def mean_kl_per_dimension(model: VariationalModel, examples) -> np.ndarray:
    """KL[q(z|x) ‖ N(0, I)] of each dimension of the code, averaged: [latent_dim], in nats."""
    return model.prior.kl_per_dimension(posterior(model, examples)).numpy().mean(axis=0)
