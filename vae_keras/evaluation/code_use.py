"""How much a variational model uses its code."""

import math

import numpy as np
import scipy.special

from vae_keras.latent.codes import posterior
from vae_keras.models.protocol import VariationalModel

ACTIVE_VARIANCE = 0.01  # Burda et al. 2016, section 5.2


def code_figures(model: VariationalModel, examples) -> dict:
    """Figures of the use of the code, by name.

    `kl_per_dimension` is [latent_dim] in nats. `active_units` counts the dimensions whose mean
    varies over the examples with a variance above 0.01 (Burda et al. 2016).
    `aggregate_posterior_kl` is KL[N(m, S) ‖ N(0, I)] in nats, where m and S are mean and covariance
    of the aggregate posterior: it is 0 if these are those of the prior, whatever the shape.
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
    """The mutual information of code and example, in nats, over the first `most` examples.

    It is the mean KL of their posteriors to the mixture of all these, estimated from one draw each
    (Hoffman and Johnson 2016, ELBO surgery). It cannot exceed log(most).
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
    """KL[q(z|x) ‖ p(z)] of each dimension, averaged over examples: [latent_dim], in nats."""
    return model.prior.kl_per_dimension(posterior(model, examples)).numpy().mean(axis=0)
