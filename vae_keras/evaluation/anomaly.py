"""Anomaly scores: the loss of each example."""

import numpy as np
import tensorflow as tf

from vae_keras.data.dataset import Examples
from vae_keras.evaluation.probe import check_unconditional


def anomaly_scores(model, examples: Examples) -> np.ndarray:
    """The loss of each example of a split, which is larger for unfamiliar examples: [n].

    It is the loss of evaluation, with the final weights of the terms. Raises UserError if the model
    is conditional.
    """
    check_unconditional(model)

    @tf.function(autograph=False)
    def score(batch):
        return model.weighted_sum(model.objective(model.prepare(batch), training=False))

    return np.concatenate([score(batch) for batch in examples.batches()])
