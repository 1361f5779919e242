"""Random numbers that are a function of their use: of the seed, and the step or the example."""

import tensorflow as tf

# One seed has a stream of random numbers for each use. The last three of the first line serve
# `SequenceVAE`: they decide what its decoder is told in training. Those of the second line serve
# annealing. A new rung that draws twice takes a number from 12 on.
TRAINING, EVALUATION, IMPORTANCE, PRIOR, DEFENSIVE, OWN, MIXING, DROPPING = range(8)
TUNING, FORWARD, BACKWARD, SOURCE = range(8, 12)


def of_step(draw, seed: int, step, count, shape: tuple, stream=TRAINING):
    """Draw random numbers for a training step, other ones on each replica: [count, *shape].

    `draw` is a stateless function of (shape, seed), such as tf.random.stateless_normal.
    """
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    key = _fold_in(_key(seed, stream), step)
    return draw((count, *shape), _fold_in(key, tf.cast(replica, tf.int64)))


def of_examples(draw, seed: int, stream: int, index, shape: tuple, part=0):
    """Draw random numbers for each example `index` [batch]: [batch, *shape].

    They do not depend on the other examples of the batch. `draw` is a stateless function of
    (shape, seed). `part` numbers the draws of one example, if it gets several.
    """
    key = _fold_in(_key(seed, stream), tf.cast(part, tf.int64))
    return _of_keys(draw, key, tf.cast(index, tf.int64), tuple(shape))


def of_batch(seed: int, stream: int, index):
    """A seed, int64 [2], for what is drawn for a whole batch at once: that of its first example."""
    return _fold_in(_key(seed, stream), tf.cast(index[0], tf.int64))


# Without a graph, a thousand examples take seconds.
@tf.function(reduce_retracing=True, autograph=False)
def _of_keys(draw, key, index, shape):
    return tf.map_fn(
        lambda example: draw(shape, _fold_in(key, example)),
        index,
        fn_output_signature=tf.TensorSpec(shape, tf.float32),
    )


def _key(seed, stream):
    return tf.constant([seed, stream], tf.int64)


_fold_in = tf.random.experimental.stateless_fold_in
