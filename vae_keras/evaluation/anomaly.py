"""Scores of examples, which are larger for unfamiliar ones, and the threshold of an alarm."""

import math

import numpy as np
import tensorflow as tf

from vae_keras.data.dataset import Examples
from vae_keras.errors import UserError
from vae_keras.evaluation.likelihood import likelihood_figures
from vae_keras.evaluation.probe import check_unconditional


def anomaly_scores(model, examples: Examples) -> np.ndarray:
    """The loss of each example of a split, which is larger for unfamiliar examples: [n].

    It is the loss of evaluation, with the final weights of the terms. Raises UserError if the model
    is conditional.
    """

    def loss(batch):
        return model.weighted_sum(model.objective(batch, training=False))

    return _of_batches(model, examples, loss)


def score_parts(model, examples: Examples, samples: int) -> dict[str, np.ndarray]:
    """The `loss` of each example, from which an anomaly is told, and its parts: {name: [n]}.

    The model may be a live or an exported one. For a variational model the loss is the negative
    ELBO, whatever the β of its training, and its parts are those of `likelihood_figures`, from
    `samples` draws. For others it is the reconstruction loss at the code. Raises UserError if the
    model is conditional.
    """
    if model.is_variational:
        check_unconditional(model)
        found = likelihood_figures(model, examples, samples)
        names = ("reconstruction_loss", "kl_loss", "nll", "nll_error")
        return {"loss": found["negative_elbo"], **{name: found[name] for name in names}}

    def loss(batch):
        return model.reconstruction_loss(batch, model.code(batch), training=False)

    losses = _of_batches(model, examples, loss)
    return {"loss": losses, "reconstruction_loss": losses}


def alarm_threshold(losses: np.ndarray, share: float) -> float:
    """The loss above which an example is called an anomaly, from `losses` of familiar ones [n].

    Another example of the same distribution exceeds it with a probability of at most `share`, on
    average over such sets of losses: the quantile of conformal prediction (Vovk, Gammerman and
    Shafer 2005). Raises UserError if `share` is not between 0 and 1, or if the losses are too few.
    """
    if not 0 < share < 1:
        raise UserError(f"--false-alarms {share:g} must be a share between 0 and 1, such as 0.05")
    rank = math.ceil((len(losses) + 1) * (1 - share) - 1e-9)
    if rank > len(losses):
        raise UserError(
            f"--false-alarms {share:g} needs at least {math.ceil(1 / share - 1 - 1e-9):,} "
            f"validation examples, and there are {len(losses):,}: raise it"
        )
    return float(np.sort(losses)[rank - 1])


def _of_batches(model, examples: Examples, loss) -> np.ndarray:
    check_unconditional(model)

    @tf.function(autograph=False)
    def of_batch(data):
        return loss(model.prepare(data))

    return np.concatenate([of_batch(batch) for batch in examples.batches()])
