"""How good a model is."""

import math

import numpy as np
import tensorflow as tf


def evaluate(model, dataset) -> dict[str, float]:
    """The loss and its terms on the test set, per example and averaged, and the model's figures.

    The noise of an example is a function of the model's seed and of the example, so nothing depends
    on the size of the batches.
    """
    found = model.evaluate(dataset.test.batches(), return_dict=True, verbose=0)
    return {**{name: found[name] for name in model.trackers}, **model.figures(dataset)}


def importance_weighted_nll(model, examples, samples: int) -> np.ndarray:
    """−log p(x) of each example, in nats, estimated with `samples` draws from q(z|x): [n].

    Burda et al. 2016 (Importance weighted autoencoders), equation 8: an upper bound that falls
    towards the truth with the number of samples. The draws are summed up one after another, so the
    memory does not grow with it; they depend on the model's seed and the example alone.
    """

    @tf.function
    def log_mean_weight(data):
        batch = model.prepare(data)
        total = tf.fill(tf.shape(batch.x)[:1], -math.inf)
        for draw in tf.range(samples, dtype=tf.int64):
            numbered = batch._replace(index=batch.index * samples + draw)  # a draw for each
            epsilon = model.noise(numbered, (model.latent_dim,), training=False)
            total = tf.reduce_logsumexp(
                [total, model.log_importance_weights(batch, epsilon)], axis=0
            )
        return total - math.log(samples)

    return -np.concatenate([log_mean_weight(data) for data in examples.batches()])
