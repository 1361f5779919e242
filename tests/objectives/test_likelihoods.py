"""Each likelihood against SciPy, numerical integration or the sum over its levels."""

import math
from typing import NamedTuple

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from vae_keras import VAE, TrainConfig, UserError, load
from vae_keras.networks import DenseNetwork
from vae_keras.objectives.likelihoods import (
    LIKELIHOODS,
    Bernoulli,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    likelihood_named,
    loss_named,
)

rng = np.random.default_rng(0)
LEVELS = np.arange(256) / 255
LOGITS = [-60, -20, -3, -0.15, -0.1001, -0.0999, -0.05, -1e-4]
LOGITS = [*LOGITS, 0, *(-a for a in reversed(LOGITS))]
MEANS = [-50.0, -0.3, 0.0, 0.2, 0.5, 0.998, 1.0, 1.4, 50.0]  # images lie in [0, 1]
RAW_SCALES = [-50.0, -5.0, 0.0, 5.0, 50.0]  # scales from 0.001 to 7
MEANS_AND_SCALES = [(mean, raw) for mean in MEANS for raw in RAW_SCALES]


def images(values):
    """[n] as n images of a single value, or [n, 2] as the two parameters of each."""
    values = np.asarray(values, np.float32)
    return values.reshape(len(values), 1, 1, -1)


def log_prob(distribution, x, *parameters):
    """log p of each value of `x` for the same parameters, as float64."""
    repeated = np.tile(np.float32(parameters), (len(x), 1))
    return np.float64(distribution.log_prob(images(x), images(repeated)))


# The same distributions in float64


class ContinuousBernoulliOfSciPy(NamedTuple):
    """Density a · exp(a·x) / (exp(a) − 1): a truncated exponential or its mirror image."""

    a: float

    def _decreasing(self):
        return scipy.stats.truncexpon(abs(self.a), scale=1 / abs(self.a))

    def logpdf(self, x):
        if self.a == 0:
            return np.zeros_like(x)
        return self._decreasing().logpdf(x if self.a < 0 else 1 - x)

    def cdf(self, x):
        if self.a == 0:
            return np.clip(x, 0, 1)
        return self._decreasing().cdf(x) if self.a < 0 else self._decreasing().sf(1 - x)


class DiscretizedLogisticOfSciPy(NamedTuple):
    mean: float
    raw: float

    @property
    def scale(self):
        return 0.1 * np.logaddexp(0, self.raw) / math.log(2) + 0.001

    def logpmf(self, x):
        """Differences of the distribution function, taken in the tail where it is small."""
        x = np.asarray(x, np.float64)
        logistic = scipy.stats.logistic(self.mean, self.scale)
        low = np.where(x == 0, -np.inf, x - 0.5 / 255)
        high = np.where(x == 1, np.inf, x + 0.5 / 255)
        below = high < self.mean
        large = np.where(below, logistic.logcdf(high), logistic.logsf(low))
        small = np.where(below, logistic.logcdf(low), logistic.logsf(high))
        return large + np.log1p(-np.exp(small - large))

    def cdf(self, x):
        """At one of the levels."""
        up_to = scipy.stats.logistic.cdf(x + 0.5 / 255, self.mean, self.scale)
        return np.where(x > 1 - 0.5 / 255, 1.0, up_to)


# Probabilities


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_bernoulli_is_a_density_on_the_unit_interval(logit):
    nodes, weights = np.polynomial.legendre.leggauss(8)
    edges = np.linspace(0, 1, 101)
    x = (edges[:-1, None] + (nodes + 1) / 200).ravel()
    density = np.exp(log_prob(ContinuousBernoulli(), x, logit))
    integral = np.sum(density * np.tile(weights, 100)) / 200
    assert integral == pytest.approx(1, abs=1e-5)
    mean = np.sum(x * density * np.tile(weights, 100)) / 200
    assert float(ContinuousBernoulli().mean(np.float32(logit))) == pytest.approx(mean, abs=1e-5)


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_bernoulli_is_a_truncated_exponential(logit):
    x = np.linspace(0, 1, 201, dtype=np.float32)
    expected = ContinuousBernoulliOfSciPy(np.float64(np.float32(logit))).logpdf(np.float64(x))
    found = log_prob(ContinuousBernoulli(), x, logit)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=3e-6)


@pytest.mark.parametrize("sign", [-1, 1])
def test_continuous_bernoulli_has_no_step_where_its_series_begins(sign):
    ours, logits = ContinuousBernoulli(), sign * np.linspace(0.05, 0.15, 2_001)
    at_zero = ours.log_prob(np.zeros((2_001, 1, 1, 1), np.float32), images(logits))
    np.testing.assert_allclose(at_zero, -np.log(np.expm1(logits) / logits), atol=1e-6)
    mean = np.ravel(ours.mean(images(logits)))
    np.testing.assert_allclose(mean, 1 / -np.expm1(-logits) - 1 / logits, atol=3e-6)


@pytest.mark.parametrize(("mean", "raw"), MEANS_AND_SCALES)
def test_masses_of_the_256_levels_sum_to_one_and_have_the_mean(mean, raw):
    mass = np.exp(log_prob(DiscretizedLogistic(), LEVELS, mean, raw))
    assert mass.sum() == pytest.approx(1, abs=1e-4)
    found = float(DiscretizedLogistic().mean(images([[mean, raw]]))[0, 0, 0, 0])
    assert found == pytest.approx(np.sum(mass * LEVELS), abs=0.51 / 255)  # half a level
    if raw >= 0:  # the levels are close together beside the scale
        assert found == pytest.approx(np.sum(mass * LEVELS), abs=1e-4)


@pytest.mark.parametrize(("mean", "raw"), MEANS_AND_SCALES)
def test_discretized_logistic_is_a_difference_of_the_distribution_function(mean, raw):
    found = log_prob(DiscretizedLogistic(), LEVELS, mean, raw)
    expected = DiscretizedLogisticOfSciPy(np.float64(np.float32(mean)), raw).logpmf(LEVELS)
    # the distance to the mean in scales, of which float32 keeps seven digits
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sigma", [0.01, 1.0, 30.0])
def test_gaussian_is_that_of_scipy(sigma):
    x, mean = rng.random(100), 0.3
    expected = scipy.stats.norm.logpdf(x, mean, sigma)
    np.testing.assert_allclose(log_prob(Gaussian(sigma), x, mean), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("logit", LOGITS)
def test_bernoulli_is_that_of_scipy(logit):
    chance = 1 / (1 + np.exp(-np.float64(logit)))
    found = log_prob(Bernoulli(), [0, 1], logit)
    expected = [-np.logaddexp(0, logit), -np.logaddexp(0, -logit)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-6)
    if abs(logit) < 30:  # beyond, scipy's own chance is rounded to 1
        pmf = scipy.stats.bernoulli.logpmf([0, 1], chance)
        np.testing.assert_allclose(found, pmf, rtol=1e-5, atol=1e-6)


SHAPE = (6, 5, 4, 3)
DRAWN = {
    "bernoulli": (rng.integers(0, 2, SHAPE), rng.normal(size=SHAPE)),
    "continuous_bernoulli": (rng.random(SHAPE), rng.normal(scale=3, size=SHAPE)),
    "gaussian": (rng.random(SHAPE), rng.normal(size=SHAPE)),
    "discretized_logistic": (
        rng.integers(0, 256, SHAPE) / 255,
        np.concatenate([rng.random(SHAPE), rng.normal(size=SHAPE)], axis=-1),
    ),
}
DRAWN = {name: tuple(a.astype(np.float32) for a in pair) for name, pair in DRAWN.items()}


def test_every_likelihood_is_tested_here():
    assert DRAWN.keys() == LIKELIHOODS.keys() == DISTRIBUTIONS.keys()


@pytest.mark.parametrize("name", DRAWN)
def test_log_prob_sums_over_the_values_where_the_mask_is_one(name):
    distribution, (x, parameters) = likelihood_named(name), DRAWN[name]
    mask = rng.integers(0, 2, (5, 4, 1)).astype(np.float32)
    single = np.zeros(SHAPE)
    for place in np.ndindex(SHAPE[1:]):
        row, column, channel = place
        own = parameters[:, row, column, channel::3]  # mean and scale, if there are two
        single[:, *place] = distribution.log_prob(images(x[:, *place]), images(own))
    found = distribution.log_prob(x, parameters)
    assert found.shape == (6,)
    np.testing.assert_allclose(found, single.sum((1, 2, 3)), rtol=1e-4)
    found = distribution.log_prob(x, parameters, mask)
    np.testing.assert_allclose(found, (single * mask).sum((1, 2, 3)), rtol=1e-4)
    np.testing.assert_array_equal(distribution.loss(x, parameters, mask), -found)


# Samples

DISTRIBUTIONS = {
    "bernoulli": [(a, scipy.stats.bernoulli(scipy.special.expit(a))) for a in (-4.0, 0.0, 0.7)],
    "continuous_bernoulli": [(a, ContinuousBernoulliOfSciPy(a)) for a in LOGITS],
    "gaussian": [(a, scipy.stats.norm(a, 0.3)) for a in (-1.0, 0.5)],
    "discretized_logistic": [
        ((mean, raw), DiscretizedLogisticOfSciPy(mean, raw))
        for mean, raw in MEANS_AND_SCALES
        if abs(mean) < 2
    ],
}


@pytest.mark.parametrize(
    ("name", "parameters", "distribution"),
    [(name, *pair) for name, pairs in DISTRIBUTIONS.items() for pair in pairs],
)
def test_samples_follow_the_distribution_function(name, parameters, distribution):
    count = 20_000
    ours = likelihood_named(name, **({"sigma": 0.3} if name == "gaussian" else {}))
    repeated = images(np.tile(np.float32(parameters), (count, 1)))
    sample = np.float64(ours.sample(repeated, (1, 2))).ravel()
    values, counts = np.unique(sample, return_counts=True)
    distance = np.abs(np.cumsum(counts) / count - distribution.cdf(values)).max()
    assert distance < 1.95 / math.sqrt(count)  # Kolmogorov: 0.1 % of samples are further away
    low, high = ours.data_range
    assert low <= sample.min() <= sample.max() <= high
    error = sample.std() / math.sqrt(count)
    coarse = 0.51 / 255 if name == "discretized_logistic" else 1e-6
    assert abs(sample.mean() - np.mean(ours.mean(repeated))) < 4 * error + coarse


@pytest.mark.parametrize("name", DRAWN)
def test_samples_repeat_with_their_seed_and_differ_from_pixel_to_pixel(name):
    ours, (x, parameters) = likelihood_named(name), DRAWN[name]
    same = np.zeros_like(parameters)
    sample = np.asarray(ours.sample(same, (3, 4)))
    assert sample.shape == x.shape
    assert len(np.unique(sample[0])) > 1
    np.testing.assert_array_equal(sample, ours.sample(same, (3, 4)))
    for other in ((3, 5), (4, 4)):
        assert np.any(sample != ours.sample(same, other))


def test_samples_of_the_discretized_logistic_are_levels():
    sample = DiscretizedLogistic().sample(DRAWN["discretized_logistic"][1], (0, 0)).numpy()
    assert np.isin(sample, LEVELS.astype(np.float32)).all()


# Gradients

EXTREMES = [-1e4, -100.0, -60.0, -0.1, -1e-3, 0.0, 1e-3, 0.1, 60.0, 100.0, 1e4]


def gradient(function, parameters):
    parameters = tf.Variable(parameters)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(function(parameters))
    return tape.gradient(value, parameters).numpy()


def extreme_parameters(name):
    if name != "discretized_logistic":
        return images(EXTREMES)
    return images([(mean, raw) for mean in EXTREMES for raw in EXTREMES])


@pytest.mark.parametrize("value", [0.0, 1 / 255, 128 / 255, 1.0])
@pytest.mark.parametrize("name", DRAWN)
def test_log_prob_and_its_gradient_are_finite_at_extremes(name, value):
    ours, parameters = likelihood_named(name), extreme_parameters(name)
    x = np.full((len(parameters), 1, 1, 1), value, np.float32)
    assert np.isfinite(ours.log_prob(x, parameters)).all()
    assert np.isfinite(gradient(lambda p: ours.log_prob(x, p), parameters)).all()


@pytest.mark.parametrize("name", DRAWN)
def test_mean_is_within_the_range_and_its_gradient_finite_at_extremes(name):
    ours, parameters = likelihood_named(name), extreme_parameters(name)
    low, high = ours.data_range
    mean = np.asarray(ours.mean(parameters))
    assert low - 1e-3 <= mean.min() <= mean.max() <= high + 1e-3
    assert np.isfinite(gradient(ours.mean, parameters)).all()


@pytest.mark.parametrize("logit", LOGITS)
def test_gradient_of_the_continuous_bernoulli_is_the_distance_from_its_mean(logit):
    x = np.linspace(0, 1, 11, dtype=np.float32)
    ours, logits = ContinuousBernoulli(), images(np.full(11, logit))
    found = gradient(lambda a: ours.log_prob(images(x), a), logits).ravel()
    np.testing.assert_allclose(found, x - np.ravel(ours.mean(logits)), atol=1e-5)


@pytest.mark.parametrize(("mean", "raw"), [(0.3, 0.0), (-0.2, -5.0), (1.1, 3.0)])
def test_gradient_of_the_discretized_logistic_equals_finite_differences(mean, raw):
    parameters = np.tile([mean, raw], (256, 1)).astype(np.float32)
    ours = DiscretizedLogistic()
    found = gradient(lambda p: ours.log_prob(images(LEVELS), p), images(parameters)).reshape(256, 2)
    exact, step = np.float64(parameters[0]), 1e-6
    for position in (0, 1):
        up, down = exact.copy(), exact.copy()
        up[position] += step
        down[position] -= step
        up, down = (DiscretizedLogisticOfSciPy(*p).logpmf(LEVELS) for p in (up, down))
        np.testing.assert_allclose(
            found[:, position], (up - down) / (2 * step), rtol=2e-3, atol=1e-3
        )


# Range, options and saving


@pytest.mark.parametrize("name", ["bernoulli", "continuous_bernoulli", "discretized_logistic"])
@pytest.mark.parametrize("values", [(-0.01, 1.0), (0.0, 1.01), (0.0, 255.0)])
def test_data_outside_the_unit_interval_are_refused(name, values):
    likelihood_named(name).check(0.0, 1.0)
    with pytest.raises(UserError, match=name):
        likelihood_named(name).check(*values)


def test_gaussian_takes_data_of_any_range():
    likelihood_named("gaussian").check(-300.0, 300.0)


@pytest.mark.parametrize("sigma", [0, -1.0, math.inf, math.nan, "best", None])
def test_impossible_sigma_is_refused(sigma):
    with pytest.raises(UserError, match="positive number, 'learned' or 'optimal'"):
        Gaussian(sigma)


@pytest.mark.parametrize("name", sorted(set(LIKELIHOODS) - {"gaussian"}))
def test_sigma_is_an_option_of_the_gaussian_alone(name):
    with pytest.raises(UserError, match=f"{name!r} has no sigma"):
        likelihood_named(name, sigma=1.0)


@pytest.mark.parametrize(
    "ours",
    [
        *(likelihood_named(name) for name in DRAWN),
        Gaussian(0.25),
        Gaussian("optimal", name="other"),
    ],
    ids=lambda ours: f"{ours.name} {getattr(ours, 'sigma', '')}",
)
def test_likelihood_is_the_same_after_saving(ours):
    stored = keras.saving.serialize_keras_object(ours)
    again = keras.saving.deserialize_keras_object(stored)
    assert type(again) is type(ours)
    assert (again.name, again.get_config()) == (ours.name, ours.get_config())
    kind = next(name for name, cls in LIKELIHOODS.items() if cls is type(ours))
    np.testing.assert_array_equal(again.log_prob(*DRAWN[kind]), ours.log_prob(*DRAWN[kind]))
    assert len(again.trainable_weights) == len(ours.trainable_weights)


# The optimal σ


def fitted(batches, mask=None):
    ours = Gaussian("optimal")
    step = tf.function(lambda x, mean: ours.fit(x, mean, mask))  # many steps are sooner in a graph
    for x, mean in batches:
        step(tf.constant(x), tf.constant(mean))
    return ours


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("error", [0.01, 0.4, 5.0])
def test_optimal_sigma_tends_to_the_root_mean_squared_error_of_the_batches(error, masked):
    mask = np.zeros((4, 4, 1), np.float32) if masked else None
    if masked:
        mask[:2] = 1
    batches = []
    for _ in range(400):
        x = rng.random((16, 4, 4, 3), dtype=np.float32)
        mean = x + error * rng.normal(size=x.shape).astype(np.float32)
        if masked:
            mean[:, 2:] += 100  # does not count
        batches.append((x, mean))
    ours = fitted(batches, mask)
    assert math.exp(ours.log_sigma) == pytest.approx(error, rel=0.02)


def test_optimal_sigma_maximises_the_likelihood():
    x, mean = DRAWN["gaussian"]
    ours = fitted([(x, mean)] * 400)
    assert math.exp(ours.log_sigma) == pytest.approx(np.sqrt(np.mean((x - mean) ** 2)), rel=1e-4)
    best = np.sum(ours.log_prob(x, mean))
    for factor in (0.95, 1.05):
        other = Gaussian(factor * math.exp(ours.log_sigma))
        assert np.sum(other.log_prob(x, mean)) < best - 0.1


def test_optimal_sigma_of_a_perfect_reconstruction_is_small_but_finite():
    x = DRAWN["gaussian"][0]
    ours = fitted([(x, x)] * 400)
    assert 0 < math.exp(ours.log_sigma) < 1e-3
    assert np.isfinite(ours.log_prob(x, x)).all()


@pytest.mark.parametrize("sigma", [0.5, "learned"])
def test_only_an_optimal_sigma_is_fitted(sigma):
    ours, (x, mean) = Gaussian(sigma), DRAWN["gaussian"]
    before = float(ours.log_sigma)
    ours.fit(x, mean)
    assert float(ours.log_sigma) == before
    assert len(ours.trainable_weights) == (sigma == "learned")


@pytest.mark.parametrize("sigma", ["learned", "optimal"])
@pytest.mark.parametrize("before", [1.0, 0.2])
def test_calibration_gives_the_root_mean_squared_error(sigma, before):
    ours, (x, mean) = Gaussian(sigma), DRAWN["gaussian"]
    ours.start_at(lambda: before)
    ours.calibrate(lambda: float(np.mean(ours.loss(x, mean))), x[0].size)
    error = np.sqrt(np.mean((x - mean) ** 2))
    assert math.exp(ours.log_sigma) == pytest.approx(error, rel=1e-3)


def test_a_number_for_sigma_stays():
    ours = Gaussian(0.5)
    ours.start_at(lambda: 0.1)
    ours.calibrate(lambda: 3.0, 1)
    assert math.exp(ours.log_sigma) == pytest.approx(0.5)


def test_training_step_does_not_send_a_gradient_through_the_optimal_sigma():
    model = VAE((4, 4, 1), 2, DenseNetwork((8,)), Gaussian("optimal"))
    assert not any("log_sigma" in weight.path for weight in model.trainable_variables)
    assert any("log_sigma" in weight.path for weight in model.non_trainable_variables)


@pytest.mark.slow
def test_optimal_sigma_is_about_as_good_as_a_learned_one_on_digits_and_saved(tmp_path):
    digits, losses = load(TrainConfig()), {}
    train, test = digits.train.arrays()[0], digits.test.arrays()[0]
    for sigma in ("optimal", "learned"):
        keras.utils.set_random_seed(0)
        model = VAE((8, 8, 1), 2, DenseNetwork((32,)), Gaussian(sigma))
        model.compile(keras.optimizers.Adam(1e-2))
        model.fit(train, batch_size=128, epochs=8, verbose=0)
        fitted = float(model.reconstruction.log_sigma)
        losses[sigma] = model.evaluate(test, batch_size=512, verbose=0, return_dict=True)["loss"]
        assert float(model.reconstruction.log_sigma) == fitted  # evaluation leaves it alone
        if sigma == "optimal":
            error = math.sqrt(np.mean((test - np.asarray(model(test))) ** 2))
            assert math.exp(fitted) == pytest.approx(error, rel=0.1)
            model.save(tmp_path / "model.keras")
            again = keras.models.load_model(tmp_path / "model.keras")
            assert float(again.reconstruction.log_sigma) == fitted
    assert losses["optimal"] < losses["learned"] + 0.5


def test_losses_are_what_their_names_say(x):
    output = rng.normal(size=x.shape).astype("float32")
    squared = ((x - output) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(loss_named("mse").loss(x, output), squared, rtol=1e-5)
    np.testing.assert_allclose(loss_named("rmse").loss(x, output), np.sqrt(squared / 64), rtol=1e-5)
    p = scipy.special.expit(output.astype("float64"))
    entropy = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3))
    np.testing.assert_allclose(loss_named("bce").loss(x, output), entropy, rtol=1e-5)


def test_squared_error_is_a_gaussian_of_variance_one_half(x):
    output = rng.normal(size=x.shape).astype("float32")
    density = scipy.stats.norm.logpdf(x, output, np.sqrt(0.5)).sum((1, 2, 3))
    constant = 64 * np.log(np.sqrt(np.pi))
    np.testing.assert_allclose(loss_named("mse").loss(x, output), -density - constant, rtol=1e-4)


def test_rmse_has_a_gradient_at_a_perfect_reconstruction(x):
    output = tf.Variable(x)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(loss_named("rmse").loss(x, output))
    assert np.isfinite(tape.gradient(value, output)).all()


def test_bernoulli_log_prob_is_that_of_scipy():
    logits = rng.normal(scale=3, size=(5, 4, 3, 2)).astype("float32")
    x = rng.integers(0, 2, logits.shape).astype("float32")
    expected = scipy.stats.bernoulli.logpmf(x, 1 / (1 + np.exp(-logits.astype("float64"))))
    found = Bernoulli().log_prob(x, logits)
    assert found.numpy() == pytest.approx(expected.sum((1, 2, 3)), rel=1e-5)


def test_bernoulli_stays_finite_for_extreme_logits():
    logits = np.float32([[-1e4, 1e4]]).reshape(1, 1, 2, 1)
    found = Bernoulli().log_prob(np.float32([[1, 0]]).reshape(1, 1, 2, 1), logits)
    assert found.numpy() == pytest.approx([-2e4])


@pytest.mark.parametrize("sigma", [0.1, 1.0, 2.5])
def test_gaussian_log_prob_is_that_of_scipy(sigma):
    mean, x = (rng.normal(size=(5, 4, 3, 2)).astype("float32") for _ in range(2))
    expected = scipy.stats.norm.logpdf(x.astype("float64"), mean, sigma).sum((1, 2, 3))
    assert Gaussian(sigma).log_prob(x, mean).numpy() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["bernoulli", "gaussian"])
def test_samples_have_the_mean_and_repeat_with_their_seed(name):
    distribution = likelihood_named(name)
    parameters = np.float32([-1.0, 0.0, 0.7]).reshape(1, 1, 3, 1).repeat(50_000, axis=0)
    sample = distribution.sample(parameters, (3, 4)).numpy()
    mean = np.asarray(distribution.mean(parameters))
    error = sample.std(axis=0) / math.sqrt(len(sample))
    assert np.all(np.abs(sample.mean(axis=0) - mean[0]) < 4 * error)
    assert np.array_equal(sample, distribution.sample(parameters, (3, 4)).numpy())
    assert not np.array_equal(sample, distribution.sample(parameters, (3, 5)).numpy())


@pytest.fixture(scope="module")
def x():
    return load(TrainConfig()).test.take(slice(64)).arrays()[0]
