"""Estimates of −log p(x), which importance weighting and Monte Carlo make from samples."""

import math

import numpy as np
import tensorflow as tf

from vae_keras.config.recipes import jit_of
from vae_keras.errors import UserError
from vae_keras.models import noise
from vae_keras.models.priors import log_normal
from vae_keras.models.protocol import Proposal, VariationalModel
from vae_keras.models.vae import VAE
from vae_keras.progress import progress

DRAWS = 100  # for one example at a time, so that memory does not grow with the number of samples
ROWS = 1_000  # examples × draws in one pass of the decoder
MOST_ERROR = 0.5  # nats: above it one draw outweighs the others; it is 1 if only one draw counts


def likelihood_figures(model: VariationalModel, examples, samples: int) -> dict[str, np.ndarray]:
    """The negative ELBO and the importance-weighted estimate of −log p(x), for each example.

    All are [n] in nats, from `samples` draws of q(z|x). `negative_elbo` is `reconstruction_loss` +
    `kl_loss`; the latter is in closed form if the prior is N(0, I). `nll` is equation 8 of Burda et
    al. 2016 (Importance weighted autoencoders): an upper bound that falls towards −log p(x) with
    the number of samples. `nll_error` is the standard error of its sampling, NaN for a single
    sample.

    The draws depend only on the model's seed and the example. They are summed up as they come, so
    memory does not grow with their number. `samples` is at least 1.
    """
    estimator = _estimator(model, examples, samples=samples)
    found = _streamed(estimator, examples, samples, "importance weighting")
    return {"negative_elbo": found["reconstruction_loss"] + found["kl_loss"], **found}


def convergence(model: VariationalModel, examples, samples: int, naive_samples: int) -> list[dict]:
    """Three estimates of −log p(x), averaged over `examples`, for 1, 10, 100 … samples.

    `importance_weighted` draws from q(z|x). It hardly ever finds a second place that x may come
    from, so it can be too high, and its error too small. `naive` is the logarithm of the mean of
    p(x|z) over draws of the prior, most of which have nothing to do with x. `defensive` is
    importance weighting that draws from either with probability ½ (Hesterberg 1995); it has neither
    fault if the code is small. All three tend to −log p(x).

    It returns a row {"samples": n, "importance_weighted": nats, …} for each n. The standard errors
    of the sampling are `..._error`, or None where a single draw has most of the weight. The first
    estimate ends at `samples`, the others end at `naive_samples`. Raises UserError if one of these
    is below 1.
    """
    estimates = {
        "importance_weighted": (_estimator(model, examples), samples),
        "naive": (_estimator(model, examples, noise.PRIOR), naive_samples),
        "defensive": (_estimator(model, examples, noise.DEFENSIVE), naive_samples),
    }
    rows: dict[int, dict] = {}
    for name, (estimator, most) in estimates.items():
        for count in [*(10**k for k in range(len(str(most))) if 10**k < most), most]:
            what = f"{name.replace('_', ' ')}, {count:,} samples"
            found = _streamed(estimator, examples, count, what)
            row = rows.setdefault(count, {"samples": count})
            row |= mean_estimate(name, found)
    return [rows[count] for count in sorted(rows)]


def mean_estimate(name: str, found: dict[str, np.ndarray]) -> dict[str, float | None]:
    """The mean `nll` of some examples as `name`, and as `..._error` the error of its sampling.

    `found` has `nll` and `nll_error` of each example, [n]. The error is None where a single draw
    has most of the weight, because it does not say how much others would differ.
    """
    nll, errors = found["nll"], found["nll_error"]
    is_known = np.median(errors) <= MOST_ERROR  # not for NaN, the error of a single draw
    error = math.sqrt(np.sum(errors**2)) / len(errors) if is_known else None
    return {name: float(nll.mean()), f"{name}_error": error}


def _estimator(model, examples, proposal=noise.IMPORTANCE, samples=0):
    """A function (batch of examples, samples) that gives the estimates for each example.

    It takes DRAWS draws of the proposal at a time. `samples` tells how many there will be of each
    example: decoding many is compiled by XLA where that pays, and only that, for random numbers are
    slow with it.
    """
    decoded = model.log_likelihood
    values = len(examples) * samples * math.prod(examples.example_shape)
    if isinstance(model, VAE) and jit_of("vae", model.network.name, values) == "on":
        decoded = tf.function(decoded, jit_compile=True, autograph=False)

    @tf.function(input_signature=[examples.batches().element_spec, tf.TensorSpec((), tf.int32)])
    def accumulated(data, samples):
        batch = model.prepare(data)
        q = model.proposal(batch)
        repeated = batch.repeated(DRAWS)
        nothing = tf.zeros(tf.shape(batch.index))
        total, squares = nothing - math.inf, nothing - math.inf
        reconstruction, kl = nothing, nothing
        for part in tf.range(-(-samples // DRAWS)):
            z, log_ratio, kl_of_draws = _codes(model, batch.index, q, part, proposal)
            log_px = decoded(repeated, tf.reshape(z, (-1, model.latent_dim)))
            log_px = tf.reshape(log_px, (-1, DRAWS))
            counts = part * DRAWS + tf.range(DRAWS) < samples
            log_weight = tf.where(counts, log_px + log_ratio, -math.inf)
            total = _log_add(total, log_weight)
            squares = _log_add(squares, 2 * log_weight)
            reconstruction -= tf.reduce_sum(tf.where(counts, log_px, 0.0), axis=1)
            kl += tf.reduce_sum(tf.where(counts, kl_of_draws, 0.0), axis=1)
        count = tf.cast(samples, tf.float32)
        # The variance of the mean weight over its square; a single weight has none.
        relative = (tf.exp(squares - 2 * total) - 1 / count) * count / (count - 1)
        return {
            "reconstruction_loss": reconstruction / count,
            "kl_loss": kl / count,
            "nll": tf.math.log(count) - total,
            "nll_error": tf.where(count > 1, tf.sqrt(tf.maximum(relative, 0.0)), math.nan),
        }

    return accumulated


def _streamed(estimator, examples, samples: int, what: str) -> dict[str, np.ndarray]:
    if samples < 1:
        raise UserError(f"{samples} samples cannot estimate a likelihood: at least 1 is needed")
    batches = examples.batches(ROWS // DRAWS)
    found = [
        {name: values.numpy() for name, values in estimator(data, samples).items()}
        for data in progress(batches, what, len(batches))
    ]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _codes(model, index, q: Proposal, part, proposal: int):
    """Draw codes [batch, DRAWS, latent_dim]; give log p(z) − log proposal(z) and the KL of each."""

    def drawn(draw, stream, size):
        return noise.of_examples(draw, model.seed, stream, index, (DRAWS, size), part)

    def of_prior(shape, seed):
        return model.prior.sample(shape[0], seed)

    def of_posterior():
        return q.draw(drawn(tf.random.stateless_normal, noise.IMPORTANCE, model.latent_dim))

    if proposal == noise.IMPORTANCE:
        z = of_posterior()
    else:
        z = drawn(of_prior, noise.PRIOR, model.latent_dim)
    if proposal == noise.DEFENSIVE:
        coin = drawn(tf.random.stateless_normal, noise.DEFENSIVE, 1)
        z = tf.where(coin > 0, z, of_posterior())
    posterior = q.heads_at(z)
    log_prior, log_posterior = model.prior.log_prob(z), log_normal(z, *posterior)
    log_density = {
        noise.IMPORTANCE: log_posterior,
        noise.PRIOR: log_prior,
        noise.DEFENSIVE: tf.reduce_logsumexp([log_prior, log_posterior], axis=0) - math.log(2),
    }[proposal]
    return z, log_prior - log_density, model.prior.kl(posterior, z)


def _log_add(total, values):
    """log(exp(total) + Σ exp(values)) over the last axis of `values`."""
    return tf.reduce_logsumexp(tf.concat([total[:, None], values], axis=1), axis=1)
