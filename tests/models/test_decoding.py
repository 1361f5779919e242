import itertools

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vae_keras.models.decoding import PADDING, beam_search, chosen, sampled
from vae_keras.networks.recurrent import START, RecurrentNetwork

VOCABULARY, STEPS, CODE, END = 5, 4, 3, 1
SIXTEENTHS = arrays.arrays(np.float32, 6, elements=st.integers(-100, 100), unique=True)


def made(steps=STEPS, vocabulary=VOCABULARY, seed=0):
    """A decoder that is anything but even-handed."""
    keras.utils.set_random_seed(seed)
    found = RecurrentNetwork((2, 6), embedding=4).decoder(CODE, (steps, vocabulary))
    generator = np.random.default_rng(seed)
    for weight in found.weights:
        weight.assign(generator.normal(0, 0.9, weight.shape))
    return found


@pytest.fixture(scope="module")
def decoder():
    return made()


def codes(count, seed=1):
    return np.random.default_rng(seed).normal(size=(count, CODE)).astype(np.float32)


def uniforms(count, seed=2):
    return np.random.default_rng(seed).random((count, STEPS), np.float32)


def before(tokens):
    return np.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=START)


def log_softmax(decoder, z, tokens, temperature=1.0):
    """Those of all tokens after the ones before, told the right ones: [n, steps, vocabulary]."""
    logits = decoder([z, before(tokens)]).numpy()
    return scipy.special.log_softmax(logits / temperature, axis=-1)


def log_probability(decoder, z, tokens, temperature=1.0):
    """Of whole sequences [n, steps], one for each code; the padding after an end is certain."""
    log_p = log_softmax(decoder, z, tokens, temperature)
    log_p = np.take_along_axis(log_p, tokens[..., None], axis=-1)[..., 0]
    return np.where(tokens == PADDING, 0, log_p).sum(axis=1)


def every_sequence(end=None, steps=STEPS, vocabulary=VOCABULARY):
    """All that a decoder can write: [n, steps]."""
    words = itertools.product(range(1, vocabulary), repeat=steps)
    return np.array(list(dict.fromkeys(ended(row, end) for row in words)), np.int32)


def ended(row, end):
    row = list(row)
    length = row.index(end) + 1 if end in row else len(row)
    return tuple(row[:length] + [PADDING] * (len(row) - length))


# --- A step at a time ---


def test_steps_give_the_logits_of_the_whole(decoder):
    z, told = codes(7), np.random.default_rng(0).integers(0, VOCABULARY, (7, STEPS))
    told[:, 0] = START
    whole, state = decoder([z, told]), decoder.state(z)
    for t in range(STEPS):
        logits, state = decoder.step(z, told[:, t], state)
        np.testing.assert_allclose(logits, whole[:, t], atol=1e-5)


@pytest.mark.parametrize("end", [None, END])
def test_greedy_decoding_takes_the_likeliest_token_each_time(decoder, end):
    z = codes(200)
    tokens = sampled(decoder, z, uniforms(200), 0.0, end=end).numpy()
    likeliest = log_softmax(decoder, z, tokens).argmax(axis=-1)
    is_token = tokens != PADDING
    np.testing.assert_array_equal(tokens[is_token], likeliest[is_token])
    assert tokens.shape == (200, STEPS) and tokens.dtype == np.int32
    assert len(np.unique(tokens)) == VOCABULARY - (end is None)  # it is a test of all tokens
    other = sampled(decoder, z, uniforms(200, seed=3), 0.0, end=end)
    np.testing.assert_array_equal(other, tokens)


@pytest.mark.parametrize(("temperature", "end"), [(1.0, None), (1.0, END), (0.5, END), (2.0, END)])
def test_samples_come_as_often_as_the_model_says(decoder, temperature, end):
    count, possible = 20_000, every_sequence(end)
    z = np.repeat(codes(1), count, axis=0)
    found = sampled(decoder, z, uniforms(count), temperature, end=end).numpy()
    rows = {tuple(row): number for number, row in enumerate(possible.tolist())}
    seen = np.bincount([rows[tuple(row)] for row in found.tolist()], minlength=len(rows))

    def p_value(temperature):
        log_p = log_probability(decoder, z[: len(possible)], possible, temperature)
        expected = count * np.exp(log_p)
        assert expected.sum() == pytest.approx(count, rel=1e-4)
        often = expected > max(5, expected.min())  # the others together
        counts = [np.append(n[often], n[~often].sum()) for n in (seen, expected)]
        return scipy.stats.chisquare(*counts, sum_check=False).pvalue

    assert p_value(temperature) > 0.01
    assert p_value(1.3 * temperature) < 1e-6 and p_value(temperature / 1.3) < 1e-6


def test_temperature_sharpens(decoder):
    z = np.repeat(codes(1), 4_000, axis=0)
    greedy = sampled(decoder, z[:1], uniforms(1), 0.0).numpy()
    shares = [
        np.mean(np.all(sampled(decoder, z, uniforms(4_000), t) == greedy, axis=1))
        for t in (1e-7, 0.1, 0.5, 1.0, 3.0)
    ]
    assert shares[0] == 1 and np.all(np.diff(shares) < 0)


def test_temperature_may_be_a_tensor(decoder):
    z, uniform = codes(50), uniforms(50)
    for temperature in (0.0, 0.7):
        one, other = (
            sampled(decoder, z, uniform, t) for t in (temperature, tf.constant(temperature))
        )
        np.testing.assert_array_equal(one, other)


def test_a_sequence_does_not_depend_on_the_others(decoder):
    z, uniform = codes(20), uniforms(20)
    for decode in (
        lambda rows: sampled(decoder, z[rows], uniform[rows], 1.0, end=END),
        lambda rows: beam_search(decoder, z[rows], 3),
    ):
        whole = decode(slice(None)).numpy()
        assert len(np.unique(whole, axis=0)) > 5
        np.testing.assert_array_equal(decode(slice(7, 9)), whole[7:9])


# --- One token of a row of logits ---


@given(SIXTEENTHS, st.floats(0, 1, exclude_max=True, width=32), st.floats(0.01, 1))
@settings(max_examples=60, deadline=None)
def test_no_token_is_drawn_from_outside_of_the_nucleus(sixteenths, uniform, top_p):
    logits = sixteenths / 16
    token = int(chosen(logits[None], tf.constant([uniform]), 1.0, top_p)[0])
    p = scipy.special.softmax(logits.astype(np.float64))
    assert p[p > p[token]].sum() < top_p + 1e-6


def test_within_the_nucleus_tokens_come_as_often_as_before():
    p = np.array([0.1, 0.3, 0.05, 0.35, 0.2])
    logits = np.tile(np.log(p).astype(np.float32), (10_000, 1))
    uniform = (np.arange(10_000, dtype=np.float32) + 0.5) / 10_000
    for top_p, nucleus in ((0.34, [3]), (0.36, [1, 3]), (0.84, [1, 3, 4]), (1.0, range(5))):
        counts = np.bincount(chosen(logits, uniform, 1.0, top_p), minlength=5)
        expected = np.where(np.isin(range(5), nucleus), p, 0)
        np.testing.assert_allclose(counts, 10_000 * expected / expected.sum(), atol=3)


def test_a_small_nucleus_is_the_likeliest_token(decoder):
    z = codes(50)
    greedy = sampled(decoder, z, uniforms(50), 0.0)
    np.testing.assert_array_equal(sampled(decoder, z, uniforms(50), 1.0, top_p=0.01), greedy)
    assert np.any(sampled(decoder, z, uniforms(50), 1.0) != greedy)


@pytest.mark.parametrize("temperature", [0.0, 1e-9, 1.0, 100.0])
@pytest.mark.parametrize("uniform", [0.0, 0.5, 1 - 2.0**-23])
def test_what_cannot_come_never_does(temperature, uniform):
    logits = np.array([[-1e9, 0.0, 2.0, -1e9], [-1e9, 80.0, -80.0, -1e9]], np.float32)
    tokens = chosen(logits, tf.constant([uniform, uniform]), temperature).numpy()
    assert set(tokens) <= {1, 2}


# --- Beams ---


@pytest.mark.parametrize("end", [None, END])
def test_enough_beams_find_the_likeliest_sequence(decoder, end):
    z, possible = codes(12), every_sequence(end)
    prefixes = (VOCABULARY - 1) ** (STEPS - 1)
    found = beam_search(decoder, z, prefixes, end).numpy()
    greedy = sampled(decoder, z, uniforms(12), 0.0, end=end).numpy()
    for code, best in zip(z, found):
        log_p = log_probability(decoder, np.repeat(code[None], len(possible), 0), possible)
        np.testing.assert_array_equal(best, possible[log_p.argmax()])
    assert np.any(found != greedy)  # which a search is for


@pytest.mark.parametrize("end", [None, END])
def test_one_beam_is_greedy_and_more_are_mostly_better(decoder, end):
    """A wider search may lose the greedy sequence, so it holds on average alone."""
    z = codes(100)
    greedy = sampled(decoder, z, uniforms(100), 0.0, end=end).numpy()
    np.testing.assert_array_equal(beam_search(decoder, z, 1, end), greedy)
    means = [
        log_probability(decoder, z, beam_search(decoder, z, beams, end).numpy()).mean()
        for beams in (1, 2, 4, 64)
    ]
    assert means[0] < means[1] <= means[2] <= means[3]


def test_there_may_be_more_beams_than_sequences():
    decoder = made(steps=2, vocabulary=3)
    z, possible = codes(5), every_sequence(steps=2, vocabulary=3)
    found = beam_search(decoder, z, 50).numpy()
    for code, best in zip(z, found):
        log_p = log_probability(decoder, np.repeat(code[None], 4, 0), possible)
        np.testing.assert_array_equal(best, possible[log_p.argmax()])


# --- Padding ---


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("end", [None, END])
def test_padding_comes_after_the_end_and_nowhere_else(seed, end):
    decoder, z = made(seed=seed), codes(300)
    decoder.readout.bias.assign([50.0, 1.0, 0.0, 0.0, 0.0])  # tempts it to padding and to the end
    for tokens in (
        sampled(decoder, z, uniforms(300), 0.0, end=end),
        sampled(decoder, z, uniforms(300), 1.0, end=end),
        sampled(decoder, z, uniforms(300), 100.0, 0.9, end=end),
        beam_search(decoder, z, 3, end),
    ):
        tokens = tokens.numpy()
        for row in tokens.tolist():
            assert tuple(row) == ended([token or END for token in row], end)
        assert np.any(tokens == PADDING) == (end is not None)


# --- In one graph ---


def graph_size(decode, decoder):
    """How many operations there are in the graph of a function of codes."""
    function = tf.function(lambda z: decode(decoder, z))
    graph = function.get_concrete_function(tf.TensorSpec((None, CODE))).graph.as_graph_def()
    return len(graph.node) + sum(len(part.node_def) for part in graph.library.function)


@pytest.mark.slow
@pytest.mark.parametrize(
    "decode",
    [
        lambda decoder, z: sampled(
            decoder, z, tf.random.stateless_uniform((tf.shape(z)[0], decoder.steps), (0, 1)), 1.0
        ),
        lambda decoder, z: beam_search(decoder, z, 3, END),
    ],
    ids=["sampled", "beam_search"],
)
def test_graph_does_not_grow_with_the_steps(decode):
    assert graph_size(decode, made(steps=3)) == graph_size(decode, made(steps=30))


@pytest.mark.slow
def test_graph_does_what_the_functions_do(decoder):
    z, uniform = codes(10), uniforms(10)
    signature = [tf.TensorSpec((None, CODE)), tf.TensorSpec((None, STEPS))]

    @tf.function(input_signature=signature)
    def both(z, uniform):
        return sampled(decoder, z, uniform, 1.0, 0.9, END), beam_search(decoder, z, 3, END)

    for rows in (slice(None), slice(3)):
        one, other = both(z[rows], uniform[rows])
        expected = sampled(decoder, z[rows], uniform[rows], 1.0, 0.9, END)
        np.testing.assert_array_equal(one, expected)
        np.testing.assert_array_equal(other, beam_search(decoder, z[rows], 3, END))
