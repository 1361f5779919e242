"""Decode a batch of codes to sequences of tokens: greedily, by sampling or by beam search."""

import tensorflow as tf

from vae_keras.networks.recurrent import NEVER, PADDING, START


def sampled(decoder, z, uniform, temperature, top_p=None, end=None):
    """Draw a sequence of tokens for each code `z` [batch, latent_dim]: int32 [batch, steps].

    Each token is drawn from the decoder's distribution, given the tokens before it. `uniform`
    [batch, steps] are the random numbers in [0, 1) that decide the draws. Logits are divided by
    `temperature`; at 0 the likeliest token is taken. With `top_p` (above 0), tokens come only from
    the smallest set of likeliest ones whose probabilities sum to `top_p` or more (nucleus sampling,
    Holtzman et al. 2020). After the token `end`, unless that is None, comes padding.
    """
    batch = tf.shape(z)[0]
    tokens = tf.TensorArray(tf.int32, decoder.steps, element_shape=(None,))

    def step(t, before, ended, state, tokens):
        logits, state = decoder.step(z, before, state)
        token = chosen(logits, uniform[:, t], temperature, top_p)
        token = tf.where(ended, PADDING, token)
        return t + 1, token, ended | _is_end(token, end), state, tokens.write(t, token)

    first = (tf.fill((batch,), START), tf.fill((batch,), False), decoder.state(z))
    *_, tokens = tf.while_loop(lambda t, *_: t < decoder.steps, step, (0, *first, tokens))
    return tf.transpose(tokens.stack())


def chosen(logits, uniform, temperature, top_p=None):
    """Choose one token for each row of `logits` [batch, vocabulary]: int32 [batch].

    `uniform` [batch] decides the draw; `temperature` and `top_p` are those of `sampled`.
    """
    p = tf.nn.softmax(logits / tf.maximum(temperature, 1e-6))
    if top_p is not None:  # sorting takes longer than the decoder itself
        p = _nucleus(p, top_p)
    cumulative = tf.cumsum(p, axis=-1)
    level = uniform[:, None] * cumulative[:, -1:]
    drawn = tf.reduce_sum(tf.cast(cumulative <= level, tf.int32), axis=-1)
    return tf.where(temperature > 0, drawn, tf.argmax(logits, axis=-1, output_type=tf.int32))


def _nucleus(p, top_p: float):
    """Set the probabilities `p` [batch, vocabulary] of tokens outside the nucleus to 0."""
    falling = tf.sort(p, direction="DESCENDING")
    before = tf.cumsum(falling, axis=-1, exclusive=True)
    least = tf.reduce_min(tf.where(before < top_p, falling, 1.0), axis=-1, keepdims=True)
    return tf.where(p < least, 0.0, p)


def beam_search(decoder, z, beams, end=None):
    """The likeliest sequence that a beam search finds for each code: int32 [batch, steps].

    `z` is [batch, latent_dim]. The search keeps the `beams` likeliest sequences (1 or more) at
    every step; with one it is greedy decoding. After the token `end`, unless that is None, comes
    padding.
    """
    batch, vocabulary = tf.shape(z)[0], decoder.vocabulary
    z = tf.repeat(z, beams, axis=0)
    sequences = tf.zeros((batch, beams, decoder.steps), tf.int32)
    scores = tf.where(tf.range(beams) == 0, 0.0, NEVER)[None]  # all beams begin as one
    scores = tf.tile(scores, (batch, 1))
    only_padding = tf.one_hot(PADDING, vocabulary, 0.0, NEVER)

    def step(t, before, ended, state, scores, sequences):
        logits, state = decoder.step(z, tf.reshape(before, [-1]), state)
        log_p = tf.nn.log_softmax(logits)
        log_p = tf.reshape(log_p, (batch, beams, vocabulary))
        log_p = tf.where(ended[..., None], only_padding, log_p)
        total = tf.reshape(scores[..., None] + log_p, (batch, beams * vocabulary))
        scores, best = tf.math.top_k(total, beams)
        parent, token = best // vocabulary, best % vocabulary
        rows = tf.reshape(parent + beams * tf.range(batch)[:, None], [-1])
        state = [tf.gather(part, rows) for part in state]
        ended = tf.gather(ended, parent, batch_dims=1) | _is_end(token, end)
        here = tf.range(decoder.steps) == t
        sequences = tf.gather(sequences, parent, batch_dims=1)
        sequences = tf.where(here, token[..., None], sequences)
        return t + 1, token, ended, state, scores, sequences

    first = (tf.fill((batch, beams), START), tf.fill((batch, beams), False), decoder.state(z))
    *_, sequences = tf.while_loop(
        lambda t, *_: t < decoder.steps, step, (0, *first, scores, sequences)
    )
    return sequences[:, 0]


def _is_end(token, end):
    return tf.zeros_like(token, tf.bool) if end is None else token == end
