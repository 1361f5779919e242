import importlib
import itertools
import math

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from vae_keras import Dataset, Examples, TrainConfig, evaluate
from vae_keras.data.kinds import Kind
from vae_keras.evaluation.likelihood import likelihood_figures
from vae_keras.models import noise
from vae_keras.models.sequence import HIDDEN, SequenceVAE
from vae_keras.networks.recurrent import RecurrentNetwork
from vae_keras.objectives.likelihoods import Categorical
from vae_keras.training.fitting import build, fit

DATASET = importlib.import_module("vae_keras.data.dataset")
WORDS, STEPS, END = ("<pad>", "<end>", "a", "b", "c"), 4, 1


class Tokens(Kind):
    """Sequences of any words."""

    def __init__(self, vocabulary, end):
        self.vocabulary, self.end = vocabulary, end


def made(words=WORDS, steps=STEPS, latent_dim=2, end=END, seed=0, **options) -> SequenceVAE:
    """A small model with a decoder that has its preferences."""
    keras.utils.set_random_seed(seed)
    network = RecurrentNetwork((4, 8), embedding=5)
    model = SequenceVAE(steps, words, latent_dim, network, seed=seed, end=end, **options)
    generator = np.random.default_rng(seed)
    for weight in model.decoder.weights:
        weight.assign(generator.normal(0, 0.7, weight.shape))
    mean = model.encoder.get_layer("z_mean").kernel
    mean.assign(4 * mean)
    model.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)  # a graph takes longer to make
    return model


def every_sequence(words=WORDS, steps=STEPS, end=END):
    """All that a model can write: [n, steps]."""
    found = set()
    for row in itertools.product(range(1, len(words)), repeat=steps):
        length = row.index(end) + 1 if end in row else steps
        found.add(row[:length] + (steps - length) * (0,))
    return np.array(sorted(found), np.int32)


def sequences(count, words=WORDS, steps=STEPS, seed=0):
    """Some of these, at random."""
    possible = every_sequence(words, steps)
    return possible[np.random.default_rng(seed).integers(0, len(possible), count)]


def dataset(x, name="words", words=WORDS, end=END):
    """A fifth of it to test, and a fifth for validation."""
    examples, fifth = Examples(x), len(x) // 5
    parts = slice(2 * fifth, None), slice(fifth, 2 * fifth), slice(fifth)
    return Dataset(name, *map(examples.take, parts), kind=Tokens(words, end))


def before(x):
    """The tokens before each one: 0 is before the first."""
    return np.pad(x[:, :-1], ((0, 0), (1, 0)))


def codes(count, latent_dim=2, seed=1):
    return np.random.default_rng(seed).normal(size=(count, latent_dim)).astype(np.float32)


# --- The likelihood ---


def test_categorical_is_the_log_softmax_of_the_tokens_without_padding():
    generator = np.random.default_rng(0)
    x, logits = generator.integers(0, 6, (9, 7)), generator.normal(0, 3, (9, 7, 6))
    expected = [
        sum(np.log(scipy.special.softmax(a)[token]) for token, a in zip(row, rows) if token != 0)
        for row, rows in zip(x, logits)
    ]
    likelihood = Categorical()
    assert (x == 0).any(axis=1).any() and not (x == 0).any(axis=1).all()
    found = likelihood.log_prob(x, logits.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(likelihood.loss(x, logits.astype(np.float32)), -found)


def test_categorical_draws_tokens_as_often_as_it_says():
    logits = np.random.default_rng(0).normal(size=(1, 3, 5)).astype(np.float32)
    tokens = Categorical().sample(np.repeat(logits, 5_000, axis=0), (1, 2)).numpy()
    assert tokens.shape == (5_000, 3) and tokens.dtype == np.int32
    for place in range(3):
        seen = np.bincount(tokens[:, place], minlength=5)
        expected = 5_000 * scipy.special.softmax(logits[0, place])
        assert scipy.stats.chisquare(seen, expected, sum_check=False).pvalue > 0.01
    np.testing.assert_array_equal(Categorical().mean(logits), logits.argmax(axis=-1))


@pytest.mark.parametrize("end", [None, END])
def test_probabilities_of_all_sequences_add_up_to_one(end):
    model, possible = made(end=end), every_sequence(end=end)
    for z in 2 * codes(3):
        repeated = np.repeat(z[None], len(possible), axis=0)
        log_p = model.log_likelihood(model.prepare(possible), repeated).numpy()
        assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-5)
        assert log_p.std() > 1


@pytest.mark.parametrize("end", [None, END])
def test_draws_have_the_probabilities_of_the_sequences(end):
    model, possible = made(end=end), every_sequence(end=end)
    z = np.repeat(codes(1), len(possible), axis=0)
    p = np.exp(model.log_likelihood(model.prepare(possible), z).numpy())
    given = model.prepare(np.repeat(possible[:1], 4_000, axis=0))
    drawn = model.draw(given, np.repeat(codes(1), 4_000, axis=0), (0, 1))
    same = (drawn.target.numpy()[:, None] == possible).all(axis=-1)
    assert same.any(axis=1).all()
    np.testing.assert_allclose(same.mean(axis=0), p, atol=5 * math.sqrt(0.25 / 4_000))
    np.testing.assert_array_equal(drawn.condition, model.prepare(drawn.x).condition)


def test_a_token_is_told_those_before_and_no_other():
    model, x, z = made(), sequences(30, seed=3), codes(30)
    logits = model.parameters(z, model.prepare(x).condition).numpy()
    for place in range(STEPS):
        other = x.copy()
        other[:, place] = 2 + (x[:, place] - 1) % 3
        changes = np.abs(model.parameters(z, model.prepare(other).condition) - logits)
        assert not changes[:, : place + 1].any()
        assert (changes[:, place + 1 :].max(axis=-1) > 1e-4).all()


@pytest.mark.slow
def test_importance_weighting_agrees_with_integration_over_the_code():
    model, x = made(latent_dim=1), every_sequence()
    z = np.linspace(-8, 8, 801, dtype=np.float32)
    log_prior = scipy.stats.norm.logpdf(z) + np.log(z[1] - z[0])
    batch = model.prepare(np.repeat(x, len(z), axis=0))
    log_px = model.log_likelihood(batch, np.tile(z, len(x))[:, None]).numpy()
    exact = -scipy.special.logsumexp(log_px.reshape(len(x), len(z)) + log_prior, axis=1)
    assert np.exp(-exact).sum() == pytest.approx(1, abs=1e-4)
    found = likelihood_figures(model, Examples(x), samples=2_000)
    errors = (found["nll"] - exact) / found["nll_error"]
    assert np.abs(errors).max() < 4 and 0.7 < errors.std() < 1.3
    assert found["nll_error"].max() < 0.05
    assert np.all(found["negative_elbo"] > exact)
    assert (found["negative_elbo"] - exact).mean() > 0.05


# --- What the decoder is told in training ---


def told(model, x, step=0, training=True):
    """The tokens before, as the decoder was told them to minimise the loss."""
    model.optimizer.iterations.assign(step)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        whole = model.parameters

        def parameters(z, condition):
            seen.append(np.asarray(condition))
            return whole(z, condition)

        patch.setattr(model, "parameters", parameters)
        model.objective(model.prepare(x), training)
    return seen[-1]


def test_the_tokens_before_begin_with_the_start():
    x = sequences(20)
    np.testing.assert_array_equal(told(made(), x), before(x))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_word_dropout_keeps_tokens_from_the_decoder(share):
    model, x = made(word_dropout=share), sequences(2_000)
    found = told(model, x)
    is_dropped = found == HIDDEN
    np.testing.assert_allclose(is_dropped.mean(axis=0), share, atol=0.04)
    np.testing.assert_array_equal(found[~is_dropped], before(x)[~is_dropped])
    np.testing.assert_array_equal(told(model, x), found)
    if share < 1:
        assert np.any(told(model, x, step=1) != found)
    few = x[:50]  # in evaluation, each example has draws of its own
    np.testing.assert_array_equal(told(model, few, training=False), before(few))


def test_without_the_tokens_before_the_decoder_has_the_code_alone():
    model, x = made(word_dropout=1.0), sequences(50)
    one = np.repeat(codes(1), 50, axis=0)
    logits = np.asarray(model.parameters(one, told(model, x)))
    np.testing.assert_allclose(logits, np.repeat(logits[:1], 50, axis=0), atol=1e-6)
    assert np.abs(np.diff(logits[0, :, 1:], axis=0)).max() > 0.1  # the place it knows
    model.decoder.embed.embeddings.assign_add(tf.ones_like(model.decoder.embed.embeddings))
    np.testing.assert_array_equal(model.parameters(one, told(model, x)), logits)  # and no word
    logits = np.asarray(model.parameters(codes(50), told(model, x)))
    assert logits[:, :, 1:].std(axis=0).min() > 0.1


def parrot(**options) -> SequenceVAE:
    """A model of 40 words, of which it would itself say the seventh alone."""
    model = made(
        tuple(f"w{n}" for n in range(40)), end=None, epochs=100, steps_per_epoch=1, **options
    )
    model.decoder.readout.bias.assign_add(50.0 * np.eye(40)[7])
    return model


@pytest.mark.slow
def test_scheduled_sampling_rises_with_the_steps():
    model, x = parrot(scheduled_sampling=0.6), np.full((1_000, STEPS), 3, np.int32)
    for step, share in ((0, 0), (25, 0.15), (50, 0.3), (100, 0.6), (250, 0.6)):
        found = told(model, x, step)
        assert not found[:, 0].any()
        assert set(np.unique(found[:, 1:])) <= {3, 7}
        assert np.mean(found[:, 1:] == 7) == pytest.approx(share, abs=0.03)
    few = x[:50]
    np.testing.assert_array_equal(told(model, few, 100, training=False), before(few))


def test_tokens_of_its_own_are_kept_from_it_as_often_as_others():
    model, x = parrot(scheduled_sampling=0.5, word_dropout=0.5), np.full((2_000, STEPS), 3)
    found = told(model, x, step=100)[:, 1:]
    for token, share in ((HIDDEN, 0.5), (3, 0.25), (7, 0.25)):
        assert np.mean(found == token) == pytest.approx(share, abs=0.03)


@pytest.mark.slow
def test_own_tokens_are_drawn_as_the_model_would():
    """With all tokens its own, the first of them is of the distribution after the start."""
    model = made(scheduled_sampling=1.0)
    x = np.repeat(sequences(1), 5_000, axis=0)
    own = told(model, x, step=10)[:, 1]
    z = model.encode(x[:1])
    logits = np.asarray(model.parameters(z, before(x[:1])))[0, 0]
    expected = 5_000 * scipy.special.softmax(logits)[1:]
    seen = np.bincount(own, minlength=len(WORDS))
    assert seen[0] == 0
    assert scipy.stats.chisquare(seen[1:], expected, sum_check=False).pvalue > 0.01


# --- A function of seed and step ---


def fitted(seed=0):
    model = made(seed=0, word_dropout=0.3, scheduled_sampling=0.5, epochs=3, steps_per_epoch=1)
    model.seed = seed
    model.fit(sequences(16), batch_size=8, shuffle=False, verbose=0)
    return [weight.numpy() for weight in model.weights]


@pytest.mark.slow
def test_two_fits_are_the_same_and_another_seed_is_not():
    one, again, other = fitted(), fitted(), fitted(seed=1)
    assert all(map(np.array_equal, one, again))
    assert not all(map(np.array_equal, one, other))


def test_the_draws_of_a_step_are_independent():
    """Noise of the code, tokens of its own, which of them it is told, and which not at all."""

    def drawn(stream, seed=3, step=5):
        draw, step = tf.random.stateless_uniform, tf.constant(step, tf.int64)
        return noise.of_step(draw, seed, step, 4_000, (STEPS,), stream).numpy().ravel()

    streams = (noise.TRAINING, noise.OWN, noise.MIXING, noise.DROPPING)
    other = drawn(noise.OWN, seed=4), drawn(noise.OWN, step=6)
    correlations = np.corrcoef([*map(drawn, streams), *other]) - np.eye(6)
    assert np.abs(correlations).max() < 0.03
    np.testing.assert_array_equal(drawn(noise.OWN), drawn(noise.OWN))


@pytest.mark.slow
def test_figures_do_not_depend_on_the_size_of_the_batches(monkeypatch):
    model, data = made(), dataset(sequences(100))
    whole = evaluate(model, data)
    monkeypatch.setattr(DATASET, "MOST_BATCH_VALUES", 7 * STEPS)
    assert len(list(data.test.batches())) == 3
    parts = evaluate(model, data)
    assert whole == pytest.approx(parts, rel=1e-4)
    for name in ("forced_accuracy", "sampled_accuracy"):
        assert parts[name] == whole[name]


# --- Figures ---


@pytest.mark.slow
def test_figures_by_hand():
    model, data = made(), dataset(sequences(60))
    x, found = data.test.read(slice(None)), evaluate(model, data)
    batch = model.prepare({"x": x, "index": np.arange(len(x))})
    z_mean, z_log_var = (head.numpy() for head in model.posterior(batch))
    z = z_mean + np.exp(0.5 * z_log_var) * model.noise(batch, (2,), training=False).numpy()
    drawn, likeliest = (
        scipy.special.log_softmax(model.parameters(code, before(x)), axis=-1)
        for code in (z.astype(np.float32), z_mean)
    )
    own = model.decode(z_mean).numpy()
    nats, forced, sampled, count = 0.0, 0, 0, 0
    for row, place in zip(*np.nonzero(x)):
        token = x[row, place]
        nats -= drawn[row, place, token]
        forced += likeliest[row, place].argmax() == token
        sampled += own[row, place] == token
        count += 1
    kl = 0.5 * np.sum(z_mean**2 + np.exp(z_log_var) - z_log_var - 1)
    assert found["loss"] == pytest.approx((nats + kl) / len(x), rel=1e-5)
    assert found["nats_per_token"] == pytest.approx((nats + kl) / count, rel=1e-5)
    assert found["perplexity"] == pytest.approx(np.exp((nats + kl) / count), rel=1e-5)
    assert found["forced_accuracy"] == pytest.approx(forced / count)
    assert found["sampled_accuracy"] == pytest.approx(sampled / count)
    assert 0 < forced < count < x.size and 0 < sampled < count


# --- From the prior ---


def test_what_is_drawn_is_a_function_of_seed_and_temperature():
    model = made()
    drawn = model.generate(50, (3, 4)).numpy()
    np.testing.assert_array_equal(model.generate(50, (3, 4)), drawn)
    assert np.any(model.generate(50, (3, 5)) != drawn)
    assert np.any(model.generate(50, (3, 4), temperature=0.3) != drawn)
    greedy = model.generate(50, (3, 4), temperature=0.0)
    np.testing.assert_array_equal(greedy, model.decode(model.prior.sample(50, (3, 4))))
    nucleus = model.generate(50, (3, 4), top_p=0.01)
    np.testing.assert_array_equal(nucleus, greedy)


def test_the_draws_of_tokens_do_not_depend_on_the_code():
    """With as many dimensions as steps, the same seed would give the same numbers for both."""
    model = made(latent_dim=STEPS, end=None)
    readout = model.decoder.readout
    readout.kernel.assign(tf.zeros_like(readout.kernel))
    z, tokens = model.prior.sample(8_000, (0, 0)).numpy(), model.generate(8_000, (0, 0)).numpy()
    for value in (np.hypot(z[:, 0], z[:, 1]), z[:, 0], np.abs(z[:, 1])):
        part = np.digitize(value, np.quantile(value, (0.25, 0.5, 0.75)))
        counts = [np.bincount(tokens[part == n, 0], minlength=len(WORDS))[1:] for n in range(4)]
        assert scipy.stats.chi2_contingency(counts).pvalue > 1e-3


def test_the_mean_code_is_decoded_greedily_or_searched():
    model, x = made(), sequences(40)
    z = model.encode(x)
    np.testing.assert_array_equal(model(x), model.decode(z))
    searched = model.search(z, beams=125)
    log_p = [model.log_likelihood(model.prepare(rows), z) for rows in (model(x), searched)]
    assert np.all(log_p[1] >= log_p[0] - 1e-5) and np.any(log_p[1] > log_p[0] + 0.01)


# --- Saving ---


@pytest.mark.slow
def test_a_saved_model_is_the_same(tmp_path):
    x = sequences(20)
    model = made(
        word_dropout=0.1,
        scheduled_sampling=0.2,
        epochs=3,
        steps_per_epoch=1,
        beta=0.5,
        free_bits=0.1,
    )
    model.fit(x, batch_size=20, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    assert (again.vocabulary, again.end, again.example_shape) == (WORDS, END, (STEPS,))
    z = model.encode(x)
    batch = model.prepare(x)
    for first, second in (
        (again.encode(x), z),
        (again.log_likelihood(batch, z), model.log_likelihood(batch, z)),
        (again(x), model(x)),
        (again.generate(30, (1, 2)), model.generate(30, (1, 2))),
    ):
        np.testing.assert_array_equal(first, second)
    model.fit(x, batch_size=20, verbose=0)
    again.run_eagerly = True
    again.fit(x, batch_size=20, verbose=0)
    for first, second in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(first, second)


# --- From a configuration ---


def configured(data, **options):
    plain = dict(model="sequence", units="16-32", latent_dim=4, epochs=3)
    config = TrainConfig(**{**plain, **options}).resolved(data)
    return build(config, data), config


def test_options_reach_the_model():
    data = dataset(sequences(50))
    options = dict(word_dropout=0.2, scheduled_sampling=0.4, beta=0.3, beta_warmup=2, free_bits=0.1)
    model, config = configured(data, batch_size=7, **options)
    assert (model.vocabulary, model.end, model.example_shape) == (WORDS, END, (STEPS,))
    assert (model.options.word_dropout, model.options.scheduled_sampling) == (0.2, 0.4)
    assert (model.epochs, model.steps_per_epoch) == (3, 5) and model.warmup.steps == 2 * 5
    assert (model.options.beta, model.options.free_bits, model.latent_dim) == (0.3, 0.1, 4)
    assert model.network.units == (16, 32) and config.network == "lstm"
    (dropped,) = np.unique(told(model, np.full((1, STEPS), 2, np.int32), training=False))[1:]
    assert dropped == 2


def test_a_new_model_gives_tokens_as_often_as_they_come():
    data = dataset(sequences(1_000))
    model, _ = configured(data)
    x = data.train.read(slice(None))
    frequencies = np.bincount(x[x != 0], minlength=len(WORDS))
    logits = model.parameters(0 * codes(1, 4), np.full((1, STEPS), HIDDEN))
    bias = model.decoder.readout.bias.numpy()
    expected = (frequencies + 1) / (frequencies + 1).sum()
    np.testing.assert_allclose(scipy.special.softmax(bias), expected, rtol=1e-5)
    assert np.abs(scipy.special.softmax(logits, axis=-1) - expected).max() < 0.1


@pytest.mark.slow
def test_a_model_learns_to_write_what_it_has_read():
    words = ("<pad>", *"abcdef")
    x = np.random.default_rng(0).integers(1, 7, (8, STEPS)).astype(np.int32)
    data = dataset(np.tile(x, (50, 1)), words=words, end=None)
    model, config = configured(data, epochs=20, batch_size=24, learning_rate=1e-2, beta=0.01)
    first = model.evaluate(data.test.batches(), return_dict=True, verbose=0)
    nats = first["reconstruction_loss"] + first["kl_loss"]
    assert nats / STEPS == pytest.approx(np.log(6), abs=0.2)
    fit(model, config, data, verbose=0)
    found = evaluate(model, data)
    assert found["reconstruction_loss"] < 0.2
    assert found["forced_accuracy"] == found["sampled_accuracy"] == 1
    for written in (model(x), model.search(model.encode(x))):
        np.testing.assert_array_equal(written, x)
