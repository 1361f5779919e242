"""Likelihoods p(x|z) and plain losses, which compare a decoder's output with its target.

Each class decides everything about the output: the range of the data, how many parameters the
decoder gives for each channel, and how these become a loss, a mean and samples. The parameters are
logits or unbounded means. No probability is ever computed only to take its logarithm, which would
lose precision.
"""

import math
from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from vae_keras.config.options import check_accepted
from vae_keras.errors import UserError, unknown
from vae_keras.objectives import replicas


def sum_over_features(values, mask=None):
    """Sum over all axes but the first: [batch, ...] -> [batch].

    With a `mask` of ones and zeros, which broadcasts to `values`, only the values at its ones
    count.
    """
    if mask is not None:
        values = values * mask
    return ops.sum(ops.reshape(values, (ops.shape(values)[0], -1)), axis=-1)


class Reconstruction(keras.layers.Layer):
    """Everything about a decoder's output: the data's range, the parameters, the loss and the mean.

    `parameters` is the decoder's output [batch, height, width, channels × parameters_per_channel],
    and `x` is [batch, height, width, channels] with values in `data_range`. `unit` is that of the
    loss.
    """

    data_range = (-math.inf, math.inf)
    parameters_per_channel = 1
    unit = ""

    def __init__(self, **kwargs):
        kwargs.setdefault("dtype", "float32")  # sums over thousands of pixels need it
        super().__init__(**kwargs)

    def loss(self, x, parameters, mask=None):
        """The reconstruction loss of each example: [batch].

        With a `mask` [height, width, 1] of ones and zeros, only the values at its ones count.
        """
        raise NotImplementedError

    def initial(self, mean):
        """The parameters at which a decoder best starts, from the mean example [..., channels]."""
        return mean

    def fit(self, x, parameters, mask=None):
        """Fit what gradients do not learn to a training batch, before its loss is computed."""

    def start_at(self, deviation: Callable[[], float]):
        """Set what is fitted beside the decoder to where it best starts.

        `deviation` gives how much the data deviate from their mean, and is called only if needed.
        """

    def calibrate(self, loss: Callable[[], float], count: int):
        """Fit what gradients do not learn to held-out data, at the end of training.

        `loss` gives their mean reconstruction loss, of `count` values in each example, and is
        called only if needed.
        """

    def mean(self, parameters):
        """The mean reconstruction: [batch, height, width, channels]."""
        return parameters

    def call(self, parameters):
        return self.mean(parameters)

    def compute_output_shape(self, input_shape):
        *space, parameters = input_shape
        return (*space, parameters // self.parameters_per_channel)

    def check(self, low: float, high: float):
        """Raise UserError if data with the extremes `low` and `high` leave `data_range`."""
        if math.isnan(low + high):
            raise UserError(
                f"{self.name} needs numbers, but some of the data are NaN: replace them"
            )
        if low < self.data_range[0] or high > self.data_range[1]:
            raise UserError(
                f"{self.name} needs data in {list(self.data_range)}, but these lie in "
                f"[{low:g}, {high:g}]: rescale them"
            )


@keras.saving.register_keras_serializable("vae_keras")
class SquaredError(Reconstruction):
    """The loss Σ (x − x̂)² over pixels and channels of each example; x̂ is unbounded.

    It is −log N(x; x̂, ½I) up to a constant: a Gaussian of variance ½, not 1.
    """

    unit = "squared error"

    def loss(self, x, parameters, mask=None):
        return sum_over_features(ops.square(x - parameters), mask)


@keras.saving.register_keras_serializable("vae_keras")
class RootMeanSquaredError(Reconstruction):
    """The loss √(mean (x − x̂)²) over pixels and channels of each example; x̂ is unbounded."""

    unit = "RMSE"

    def loss(self, x, parameters, mask=None):
        squared = sum_over_features(ops.square(x - parameters), mask)
        count = sum_over_features(ops.ones_like(x[:1]), mask)
        # The root has no gradient at 0, where a perfect reconstruction would be.
        return ops.sqrt(squared / count + 1e-12)


class Likelihood(Reconstruction):
    """A distribution of x whose parameters are the decoder's output.

    Its loss is the reconstruction loss −log p(x|z), in nats.
    """

    unit = "nats"

    def log_prob(self, x, parameters, mask=None):
        """log p(x|z) of each example, in nats: [batch].

        With a `mask` [height, width, 1] of ones and zeros, only the values at its ones count.
        """
        raise NotImplementedError

    def sample(self, parameters, seed):
        """Draw from p(x|z), shaped as x; the same `seed` (int32 [2]) gives the same draw."""
        raise NotImplementedError

    def loss(self, x, parameters, mask=None):
        return -self.log_prob(x, parameters, mask)


@keras.saving.register_keras_serializable("vae_keras")
class Bernoulli(Likelihood):
    """Independent pixels that are 0 or 1; the decoder's output is their logits.

    On grey values between 0 and 1 the same formula is the usual binary cross-entropy: a loss, but
    not a likelihood. Its figures cannot be compared with those of binarised data.
    """

    data_range = (0.0, 1.0)

    def log_prob(self, x, parameters, mask=None):
        # log sigmoid(a) = −softplus(−a), so x·log p + (1 − x)·log(1 − p) = x·a − softplus(a)
        return sum_over_features(x * parameters - ops.softplus(parameters), mask)

    def initial(self, mean):
        """The logits of the probabilities `mean`, which are clipped to [0.001, 0.999]."""
        mean = ops.clip(mean, 1e-3, 1 - 1e-3)
        return ops.log(mean) - ops.log1p(-mean)

    def mean(self, parameters):
        """The probability of a 1: the sigmoid of the logits."""
        return ops.sigmoid(parameters)

    def sample(self, parameters, seed):
        uniform = tf.random.stateless_uniform(ops.shape(parameters), seed)
        return ops.cast(uniform < ops.sigmoid(parameters), parameters.dtype)


@keras.saving.register_keras_serializable("vae_keras")
class ContinuousBernoulli(Bernoulli):
    """Independent pixels in [0, 1] with density ∝ p^x (1 − p)^(1−x); the output is logits of p.

    It is the Bernoulli's formula with the normaliser that makes it a density on grey values
    (Loaiza-Ganem and Cunningham 2019): log p(x) = x·a − log((exp(a) − 1) / a) for a logit a.
    """

    def log_prob(self, x, parameters, mask=None):
        return sum_over_features(x * parameters - _log_mean_exp(parameters), mask)

    def mean(self, parameters):
        # The mean is the derivative of log((exp(a) − 1) / a), which is 1 / (1 − exp(−a)) − 1 / a;
        # near 0 its series is exact enough.
        small = ops.abs(parameters) < 0.1
        large = ops.where(small, 1.0, ops.abs(parameters))
        exact = 1 / large + ops.exp(-large) / ops.expm1(-large)  # at −|a|, where nothing overflows
        series = 0.5 + parameters / 12 - parameters**3 / 720
        return ops.where(small, series, ops.where(parameters > 0, 1 - exact, exact))

    def sample(self, parameters, seed):
        # A draw is the inverse of F(x) = (exp(a·x) − 1) / (exp(a) − 1) at a uniform number. It is
        # computed at −|a|, where nothing overflows, and mirrored for a > 0.
        u = tf.random.stateless_uniform(ops.shape(parameters), seed)
        a = -ops.maximum(ops.abs(parameters), 1e-3)  # nearer to 0, x is uniform within 0.03 %
        x = ops.log1p(u * ops.expm1(a)) / a
        return ops.where(parameters > 0, 1 - x, x)


def _log_mean_exp(a):
    """log ∫ exp(a·t) dt over [0, 1] = log((exp(a) − 1) / a), for any a."""
    small = ops.abs(a) < 0.1
    large = ops.where(small, 1.0, ops.abs(a))
    # The value at −|a| is log((1 − exp(−|a|)) / |a|); the value at |a| is larger by |a|.
    exact = ops.log(-ops.expm1(-large) / large) + ops.relu(a)
    series = a / 2 + a**2 / 24 - a**4 / 2880  # near 0, where |a| has no gradient
    return ops.where(small, series, exact)


@keras.saving.register_keras_serializable("vae_keras")
class Gaussian(Likelihood):
    """The normal distribution N(x; x̂, σ²I) with one σ for all pixels; the output is x̂, unbounded.

    `sigma` is a number, "optimal" or "learned". The optimal σ is the root mean squared error of the
    training batches, which maximises the likelihood (Rybkin, Daniilidis and Levine 2021); it is
    kept as a moving average. The loss has no slope in σ there, so the gradient can treat σ as a
    constant. A learned σ is trained with the other weights, by which it moves slowly. At the end of
    `train` both are set to the root mean squared error of the validation data: that of the training
    data is too small where the model has learned these by heart.

    Raises UserError if `sigma` is neither a positive number nor one of these words.
    """

    def __init__(self, sigma="optimal", **kwargs):
        super().__init__(**kwargs)
        is_number = isinstance(sigma, (int, float)) and 0 < sigma < math.inf
        if not is_number and sigma not in ("learned", "optimal"):
            raise UserError(f"sigma {sigma!r} must be a positive number, 'learned' or 'optimal'")
        self.sigma = sigma
        self.log_sigma = self.add_weight(
            name="log_sigma",
            shape=(),
            initializer=keras.initializers.Constant(math.log(sigma) if is_number else -1.0),
            trainable=sigma == "learned",
            aggregation="mean",  # of the replicas
        )
        self.built = True

    def start_at(self, deviation):
        if self.sigma in ("learned", "optimal"):
            self.log_sigma.assign(math.log(max(deviation(), math.sqrt(SMALLEST_VARIANCE))))

    def calibrate(self, loss, count):
        def error():
            log_sigma = float(self.log_sigma.numpy())
            # loss / count = log σ + ½ log 2π + variance / (2 σ²)
            left = loss() / count - log_sigma - 0.5 * math.log(2 * math.pi)
            return math.sqrt(2 * left) * math.exp(log_sigma)

        self.start_at(error)

    def fit(self, x, parameters, mask=None):
        """Move an "optimal" σ towards the root mean squared error of a training batch."""
        if self.sigma != "optimal":
            return
        count = replicas.total(ops.sum(sum_over_features(ops.ones_like(x), mask)))
        squared = ops.sum(sum_over_features(ops.square(x - parameters), mask))
        variance = replicas.total(squared) / count
        log_sigma = 0.5 * ops.log(ops.maximum(variance, SMALLEST_VARIANCE))
        self.log_sigma.assign_add(MOVING * (log_sigma - self.log_sigma))

    def log_prob(self, x, parameters, mask=None):
        squared = ops.square((x - parameters) * ops.exp(-self.log_sigma))
        negative = 0.5 * (squared + math.log(2 * math.pi)) + self.log_sigma
        return -sum_over_features(negative, mask)

    def mean(self, parameters):
        return parameters

    def sample(self, parameters, seed):
        noise = tf.random.stateless_normal(ops.shape(parameters), seed)
        return parameters + ops.exp(self.log_sigma) * noise

    def get_config(self):
        return {**super().get_config(), "sigma": self.sigma}


SMALLEST_VARIANCE = 1e-8  # bounds an optimal σ where a model rebuilds the data perfectly
MOVING = 0.05  # the share of the newest batch in the moving average of an optimal log σ


@keras.saving.register_keras_serializable("vae_keras")
class DiscretizedLogistic(Likelihood):
    """Pixels of 256 levels: the probability of a level is the mass of a logistic around it.

    The decoder gives mean and scale of the logistic distribution for every value. The mass is that
    of the interval around the level; the intervals of 0 and 1 extend to −∞ and ∞, so the masses sum
    to 1 (Kingma et al. 2016, appendix A; Salimans et al. 2017, equation 2).
    """

    data_range = (0.0, 1.0)
    parameters_per_channel = 2
    half = 0.5 / 255  # half the width of an interval

    def initial(self, mean):
        """The given `mean`, and the raw scale 0, which stands for 0.1."""
        return ops.concatenate([mean, ops.zeros_like(mean)], axis=-1)

    def _mean_and_scale(self, parameters):
        mean, raw = ops.split(parameters, 2, axis=-1)
        return mean, ops.softplus(raw) / math.log(2) * 0.1 + 1e-3  # 0.1 before training

    def log_prob(self, x, parameters, mask=None):
        mean, scale = self._mean_and_scale(parameters)
        upper, lower = (x + self.half - mean) / scale, (x - self.half - mean) / scale
        # The mass is σ(u) − σ(l) = σ(u) · σ(−l) · (1 − exp(l − u)): a product whose factors have
        # stable logarithms.
        below, above = -ops.softplus(-upper), -ops.softplus(lower)
        inside = below + above + ops.log(-ops.expm1(-2 * self.half / scale))
        mass = ops.where(x < self.half, below, ops.where(x > 1 - self.half, above, inside))
        return sum_over_features(mass, mask)

    def mean(self, parameters):
        # E[x] = ∫ P(x > t) dt over [0, 1]; the sum over the levels is its midpoint rule.
        mean, scale = self._mean_and_scale(parameters)
        return scale * (ops.softplus(mean / scale) - ops.softplus((mean - 1) / scale))

    def sample(self, parameters, seed):
        mean, scale = self._mean_and_scale(parameters)
        u = tf.random.stateless_uniform(ops.shape(mean), seed, minval=1e-7)
        x = mean + scale * (ops.log(u) - ops.log1p(-u))
        return ops.round(ops.clip(x, 0, 1) * 255) / 255


@keras.saving.register_keras_serializable("vae_keras")
class Categorical(Likelihood):
    """Tokens of a sequence; the decoder's output is their logits, and padding does not count.

    `x` is int [batch, steps] and `parameters` are [batch, steps, vocabulary].
    """

    padding = 0

    def log_prob(self, x, parameters, mask=None):
        """log p(x|z) of each sequence, without its padding, in nats: [batch]. `mask` is unused."""
        negative = ops.sparse_categorical_crossentropy(x, parameters, from_logits=True)
        return -ops.sum(ops.where(x == self.padding, 0.0, negative), axis=-1)

    def mean(self, parameters):
        """The likeliest tokens: int [batch, steps]."""
        return ops.argmax(parameters, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]

    def sample(self, parameters, seed):
        flat = ops.reshape(parameters, (-1, ops.shape(parameters)[-1]))
        tokens = tf.random.stateless_categorical(flat, 1, seed, tf.int32)
        return ops.reshape(tokens, ops.shape(parameters)[:-1])


LIKELIHOODS = {
    "bernoulli": Bernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "gaussian": Gaussian,
    "discretized_logistic": DiscretizedLogistic,
}
LOSSES = {"mse": SquaredError, "rmse": RootMeanSquaredError, "bce": Bernoulli}


def likelihood_named(name: str, **options) -> Likelihood:
    """Make the likelihood called `name`.

    Raises UserError if there is none of that name, or if it does not have one of `options`.
    """
    if name not in LIKELIHOODS:
        raise unknown("likelihood", name, LIKELIHOODS)
    check_accepted("likelihood", name, LIKELIHOODS[name], options.keys())
    return LIKELIHOODS[name](name=name, **options)


def loss_named(name: str) -> Reconstruction:
    """Make the reconstruction loss called `name`: mse, rmse or bce.

    Raises UserError if there is none of that name.
    """
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name](name=name)
