"""The loss of each example, as a score of how little the model knows it."""

import numpy as np
import tensorflow as tf

from vae_keras.data.dataset import Examples
from vae_keras.evaluation.probe import check_unconditional


def anomaly_scores(model, examples: Examples) -> np.ndarray:
    """The loss of each example as in evaluation, larger for what the model knows less: [n]."""
    check_unconditional(model)

    @tf.function(autograph=False)
    def score(batch):
        return model.weighted_sum(model.objective(model.prepare(batch), training=False))

    return np.concatenate([score(batch) for batch in examples.batches()])
