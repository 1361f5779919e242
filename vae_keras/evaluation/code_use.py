"""How much a variational model uses its code."""

import math

import numpy as np
import scipy.special

from vae_keras.latent.codes import posterior
from vae_keras.models.protocol import VariationalModel
from vae_keras.models.vae import StandardNormal

ACTIVE_VARIANCE = 0.01  # Burda et al. 2016, section 5.2


def code_figures(model: VariationalModel, examples) -> dict:
    """Figures of the use of the code, by name.

    `kl_per_dimension` is [latent_dim] in nats; see `Prior.kl_per_dimension`. `active_units` counts
    the dimensions whose mean varies over the examples with a variance above 0.01 (Burda et al.
    2016). `aggregate_posterior_kl` is KL[N(m, S) ‖ N(0, I)] in nats, where m and S are mean and
    covariance of the aggregate posterior q(z). It is a lower bound of KL[q(z) ‖ N(0, I)], and 0 if
    m and S are those of the prior, whatever the shape of q(z); see `kl_parts` for the other figure.
    A learned prior has no such bound: None.
    """
    z_mean, z_log_var = posterior(model, examples)
    kl = model.prior.kl_per_dimension((z_mean, z_log_var)).numpy().mean(axis=0)
    z_mean, z_log_var = z_mean.astype(np.float64), z_log_var.astype(np.float64)
    mean = z_mean.mean(axis=0)
    covariance = np.atleast_2d(np.cov(z_mean, rowvar=False, bias=True))
    covariance = covariance + np.diag(np.exp(z_log_var).mean(axis=0))
    log_det = np.linalg.slogdet(covariance)[1]
    is_standard = isinstance(model.prior, StandardNormal)
    distance = 0.5 * (np.trace(covariance) + mean @ mean - len(mean) - log_det)
    return {
        "active_units": int(np.sum(z_mean.var(axis=0) > ACTIVE_VARIANCE)),
        "kl_per_dimension": kl.tolist(),
        "aggregate_posterior_kl": float(distance) if is_standard else None,
    }


def kl_parts(model: VariationalModel, examples, most=2_000) -> dict:
    """What the mean KL[q(z|x) ‖ p(z)] of the first `most` examples consists of, in nats.

    It is the sum of `mutual_information`, of code and example, and `marginal_kl`, KL[q(z) ‖ p(z)]
    of their aggregate posterior q(z) (Hoffman and Johnson 2016, ELBO surgery). The first is
    estimated from one draw of each posterior, the second is the rest; `kl_parts_error` is the
    standard error of the first. The mutual information cannot exceed the logarithm of the number of
    examples. More examples would fill the gaps between these: `marginal_kl` is, in the mean, an
    upper bound of that of all data. A single example has no error: None.
    """
    few = examples.take(slice(most))
    heads = posterior(model, few)
    z_mean, z_log_var = (head.astype(np.float64) for head in heads)
    epsilon = np.random.default_rng(model.seed).standard_normal(z_mean.shape)
    drawn, log_mixture = z_mean + np.exp(0.5 * z_log_var) * epsilon, []
    for z in drawn:
        squared = (z - z_mean) ** 2 * np.exp(-z_log_var) + z_log_var
        log_mixture.append(scipy.special.logsumexp(-0.5 * squared.sum(axis=1)))
    own = -0.5 * (epsilon**2 + z_log_var).sum(axis=1)
    each = own - log_mixture + math.log(len(few))
    kl = model.prior.kl(heads, drawn.astype(np.float32)).numpy()
    error = each.std(ddof=1) / math.sqrt(len(few)) if len(few) > 1 else None
    return {
        "mutual_information": float(each.mean()),
        "marginal_kl": float(kl.mean() - each.mean()),
        "kl_parts_error": None if error is None else float(error),
        "kl_parts_examples": len(few),
    }


def mutual_information(model: VariationalModel, examples, most=2_000) -> float:
    """The mutual information of code and example, in nats, as `kl_parts` estimates it."""
    return kl_parts(model, examples, most)["mutual_information"]


def mean_kl_per_dimension(model: VariationalModel, examples) -> np.ndarray:
    """`Prior.kl_per_dimension`, averaged over examples: [latent_dim], in nats."""
    return model.prior.kl_per_dimension(posterior(model, examples)).numpy().mean(axis=0)
