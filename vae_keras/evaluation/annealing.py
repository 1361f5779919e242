"""Annealed importance sampling: log p(x) from chains that lead from the prior to the posterior."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.special
import tensorflow as tf

from vae_keras.errors import UserError
from vae_keras.models import noise
from vae_keras.models.priors import Prior
from vae_keras.models.protocol import VariationalModel
from vae_keras.models.vae import VAE, StandardNormal
from vae_keras.progress import progress

CHAINS, TEMPERATURES = 16, 500
ROWS = 1_000  # examples × chains that move at a time
# Wu et al. 2017 take 10 leaps, of which 0.65 are accepted. At the same cost, twice as many
# temperatures of half the leaps have smaller errors: 0.42 for 0.59 nats with a 40-D code of MNIST.
LEAPS, ACCEPTANCE = 5, 0.8  # of the leapfrog in one trajectory; the share that steps aim at
TUNING_CHAINS = 4  # by their acceptance the steps of an example are found
FIRST_STEP, ADAPTATION = 0.5, 0.3  # a step grows by exp(ADAPTATION · (acceptance − ACCEPTANCE))
JITTER = 0.3  # of log steps: else a trajectory may end where it began, again and again
FARTHEST = 1e4  # no code lies there: a trajectory that does has diverged, and is not accepted


class Point(NamedTuple):
    """Where chains are; `rows` are examples × chains."""

    z: Any  # [rows, latent_dim]: codes, or what the prior maps to them
    log_prior: Any  # log p(z), [rows]
    log_px: Any  # log p(x|z), [rows]
    prior_slope: Any  # the gradient of log p(z), [rows, latent_dim]
    px_slope: Any  # that of log p(x|z), [rows, latent_dim]

    def log_joint(self, temperature, momentum):
        """The logarithm of what a trajectory keeps: p(z) p(x|z)^t times the momenta's density."""
        kinetic = 0.5 * tf.reduce_sum(tf.square(momentum), axis=1)
        return self.log_prior + temperature * self.log_px - kinetic


def annealed_nll(
    model: VariationalModel, examples, chains=CHAINS, temperatures=TEMPERATURES
) -> dict[str, np.ndarray]:
    """The estimate of −log p(x) by annealed importance sampling, for each example.

    `nll` and `nll_error`, its standard error by the spread of the chains, are [n] in nats. Chains
    start from draws of the prior and move by Hamiltonian Monte Carlo through p(z) p(x|z)^t, for
    `temperatures` values of t that rise from 0 to 1 (Neal 2001; Wu et al. 2017, On the quantitative
    analysis of decoder-based generative models). The encoder has no part in it, so the estimate
    finds places that q(z|x) misses. Like importance weighting it is an upper bound in the mean, and
    falls towards −log p(x) with more temperatures.

    Step sizes are found by other chains first and are fixed then, as the bound needs it. The
    random numbers depend only on the model's seed and the example. For each of the latter there are
    5 · (chains + 4) · temperatures passes through the decoder and back.

    Raises UserError if there are fewer than two chains or temperatures, if p(x|z) has no gradient,
    as in the export of a model of sequences, or if the model is an export with levels: it does not
    tell the map of its prior, and behind the map chains diverge.
    """
    if model.levels > 1 and not model.prior.maps_standard:
        raise UserError(
            "the levels of an exported model cannot be annealed: take the model of its run"
        )
    found = _streamed(model, examples, chains, temperatures, own=False)
    return {"nll": -_log_mean(found["forward"]), "nll_error": _relative_error(found["forward"])}


def annealing_gap(
    model: VAE, examples, chains=CHAINS, temperatures=TEMPERATURES
) -> dict[str, np.ndarray]:
    """How far off annealing can be: bounds of log p(x) from both sides, [n] each, in nats.

    They are of draws of the model's own, one in the place of each example and given what the
    decoder is told of that one, such as its label. The code that x was drawn from is an exact
    sample of its posterior, so chains can also start there and go back to the prior (Grosse et al.
    2015, Sandwiching the marginal likelihood using bidirectional Monte Carlo). In the mean `lower`,
    by the chains of `annealed_nll`, is not above log p(x), and `upper`, by those that go back, is
    not below; `gap` is their difference.

    Raises UserError if there are fewer than two chains or temperatures, or if the model is an
    exported one, which cannot draw x.
    """
    if not isinstance(model, VAE):
        raise UserError("an exported model cannot draw x from p(x|z): take the model of its run")
    found = _streamed(model, examples, chains, temperatures, own=True)
    lower, upper = _log_mean(found["forward"]), -_log_mean(found["backward"])
    return {"lower": lower, "upper": upper, "gap": upper - lower}


def _log_mean(log_weights):
    """The logarithm of the mean weight of each example: [n, chains] -> [n]."""
    return scipy.special.logsumexp(log_weights, axis=1) - math.log(log_weights.shape[1])


def _relative_error(log_weights):
    """The standard error of the mean weight, as a share of it: [n, chains] -> [n]."""
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    spread = weights.std(axis=1, ddof=1) / weights.mean(axis=1)
    return spread / math.sqrt(log_weights.shape[1])


def _streamed(model, examples, chains: int, temperatures: int, own: bool) -> dict:
    if chains < 2 or temperatures < 2:
        raise UserError(
            f"{chains} chains and {temperatures} temperatures cannot anneal: "
            "at least 2 of each are needed"
        )
    annealed = _annealer(model, examples, chains, _schedule(temperatures), own)
    batches = examples.batches(max(1, ROWS // chains))
    what = f"annealing, {temperatures:,} temperatures"
    found = [
        {name: values.numpy() for name, values in annealed(data).items()}
        for data in progress(batches, what, len(batches))
    ]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _schedule(count: int) -> np.ndarray:
    """0 and `count` temperatures that rise to 1, densely at both ends (Wu et al. 2017)."""
    sigmoid = scipy.special.expit(np.linspace(-4, 4, count + 1))
    return (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])


def _annealer(model, examples, chains: int, rising: np.ndarray, own: bool):
    """A function of a batch of examples that gives log weights [batch, chains] by direction.

    With `own`, the model draws other examples in their place, from which chains go backward, too.
    """

    base, code_at = _base_of(model.prior)

    def of_base(shape, seed):
        return base.sample(shape[0], seed)

    # AutoGraph would wrap the line of a UserError in many others.
    @tf.function(input_signature=[examples.batches().element_spec], autograph=False)
    def annealed(data):
        batch = model.prepare(data)

        def codes(stream, count):
            shape = (count, model.latent_dim)
            return noise.of_examples(of_base, model.seed, stream, batch.index, shape)

        if own:
            source = codes(noise.SOURCE, 1)
            seed = noise.of_batch(model.seed, noise.SOURCE, batch.index)
            batch = model.draw(batch, code_at(source[:, 0]), seed)
        tuning, forward = codes(noise.TUNING, TUNING_CHAINS), codes(noise.FORWARD, chains)
        _, steps = _anneal(model, batch, tuning, rising, noise.TUNING)
        found = {"forward": _anneal(model, batch, forward, rising, noise.FORWARD, steps)[0]}
        if own:
            start, back = tf.repeat(source, chains, axis=1), tf.reverse(steps, [0])
            weights, _ = _anneal(model, batch, start, rising[::-1], noise.BACKWARD, back)
            found["backward"] = weights
        return found

    return annealed


def _anneal(model, batch, z, temperatures: np.ndarray, stream: int, steps=None):
    """Move codes `z` [batch, chains, latent_dim] through rising or falling temperatures.

    It returns the log weights, float64 [batch, chains], and the step size of each trajectory,
    [temperatures − 2, batch]. These are `steps`, or adapt to the acceptance unless there are any.
    """
    chains = z.shape[1]
    point_at = _points(model, batch.repeated(chains))
    spans = tf.constant(np.diff(temperatures))  # float64, as a sum of many small parts needs it
    levels = tf.constant(temperatures, tf.float32)

    def move(number, point, log_weight, step, used):
        if steps is not None:
            step = steps[number - 1]
        shape = (chains, model.latent_dim + 3)
        draw = tf.random.stateless_normal
        normal = noise.of_examples(draw, model.seed, stream, batch.index, shape, number)
        normal = tf.reshape(normal, (-1, shape[1]))
        each_step = tf.repeat(step, chains)
        point, acceptance = _moved(point_at, point, normal, each_step, levels[number])
        log_weight += spans[number] * tf.cast(point.log_px, tf.float64)
        used = used.write(number - 1, step)
        acceptance = tf.reduce_mean(tf.reshape(acceptance, (-1, chains)), axis=1)
        step *= tf.exp(ADAPTATION * (acceptance - ACCEPTANCE))
        return number + 1, point, log_weight, step, used

    start = point_at(tf.reshape(z, (-1, model.latent_dim)))
    log_weight = spans[0] * tf.cast(start.log_px, tf.float64)
    step = tf.fill(tf.shape(batch.index), FIRST_STEP)
    count = len(temperatures) - 2  # no chain moves at the first temperature and the last
    used = tf.TensorArray(tf.float32, count, element_shape=(None,))
    _, _, log_weight, _, used = tf.while_loop(
        lambda number, *_: number <= count, move, (1, start, log_weight, step, used)
    )
    return tf.reshape(log_weight, (-1, chains)), used.stack()


def _base_of(prior: Prior) -> tuple[Prior, Callable]:
    """The density that chains start from, and the code at a point of theirs, [rows, latent_dim].

    A prior that maps N(0, I) to its codes is annealed in front of the map. p(x) is the same, and
    chains start where all is round, not where levels are narrow given those above, or a flow bends.
    """
    if prior.maps_standard:
        return StandardNormal(prior.latent_dim), prior.drawn
    return prior, lambda z: z


def _points(model, batch):
    """A function that gives the `Point` at `z` [rows, latent_dim], for a batch of as many."""
    base, code_at = _base_of(model.prior)

    @tf.function(autograph=False)  # so that a model of many parts is traced once
    def point_at(z):
        try:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(z)
                log_prior = base.log_prob(z)
                log_px = tf.reshape(model.log_likelihood(batch, code_at(z)), (-1,))
            px_slope = tape.gradient(log_px, z)
            if px_slope is None:
                raise ValueError("it does not depend on z")
        except (LookupError, ValueError) as error:  # loops of an export have lost theirs
            raise UserError(
                "log p(x|z) has no gradient: if the model is an export, take that of its run"
            ) from error
        return Point(z, log_prior, log_px, tape.gradient(log_prior, z), px_slope)

    return point_at


def _moved(point_at, point: Point, normal, step, temperature):
    """The points after one transition of Hamiltonian Monte Carlo, and how likely it was: [rows].

    The transition keeps p(z) p(x|z)^temperature (Neal 2011, MCMC using Hamiltonian dynamics). All
    that it draws is `normal` [rows, latent_dim + 3]; `step` is [rows].
    """
    momentum, jitter, pair = tf.split(normal, [normal.shape[1] - 3, 1, 2], axis=1)
    step = step[:, None] * tf.exp(JITTER * jitter)

    def pushed(momentum, point):
        return momentum + 0.5 * step * (point.prior_slope + temperature * point.px_slope)

    def leap(count, point, momentum):
        momentum = pushed(momentum, point)
        point = point_at(tf.clip_by_value(point.z + step * momentum, -FARTHEST, FARTHEST))
        return count + 1, point, pushed(momentum, point)

    _, proposed, last = tf.while_loop(lambda count, *_: count < LEAPS, leap, (0, point, momentum))
    gain = proposed.log_joint(temperature, last) - point.log_joint(temperature, momentum)
    gain = tf.where(tf.math.is_nan(gain), -math.inf, gain)
    # Half the squared length of two standard normal numbers is −log u of a uniform u.
    is_accepted = -gain < 0.5 * tf.reduce_sum(tf.square(pair), axis=1)
    moved = [
        tf.where(is_accepted[:, None] if new.shape.rank == 2 else is_accepted, new, old)
        for new, old in zip(proposed, point, strict=True)
    ]
    return Point(*moved), tf.exp(tf.minimum(gain, 0.0))
