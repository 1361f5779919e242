"""What the replicas of a distributed training compute together; a single one computes it alone."""

import tensorflow as tf
from keras import ops


def total(value):
    """The sum of `value` over all replicas."""
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def mean(values):
    """The mean of `values` [batch, ...] over the batch, of which each replica has a part."""
    return total(part_of_mean(values))


def part_of_mean(values):
    """What this replica's `values` [batch, ...] add to the mean over the batch of all replicas.

    Replicas may have different numbers of examples, or none.
    """
    count = ops.cast(ops.shape(values)[0], values.dtype)
    return ops.sum(values, axis=0) / total(count)


def logged(value):
    """A figure of `train_step` as Keras averages it over the replicas, a number or [1].

    Over several machines Keras concatenates what they give, so it must have an axis.
    """
    over_machines = isinstance(
        tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy
    )
    return tf.reshape(value, (1,)) if over_machines else value
