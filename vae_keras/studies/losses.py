"""A study: what each reconstruction loss penalises."""

import numpy as np
import scipy.special
from keras import ops

from vae_keras import figures
from vae_keras.objectives.likelihoods import LOSSES, Bernoulli, loss_named
from vae_keras.training.fitting import trained

HALF_LEVEL = 1 / 510  # half a grey level of 256


def losses(configured, dataset):
    """Train the deep autoencoder with each loss, and measure each model by all losses.

    The output of a model of mse or rmse is unbounded. For the cross-entropy, and only for it, that
    is clipped to half a grey level (1/510) above 0 and below 1. It returns {column: {figure:
    number}} and the picture.
    """
    images = dataset.test.spread(8).arrays()[0]
    found, rows = {}, {"input": images}
    for name in LOSSES:
        model = trained(configured(model="deep", loss=name, latent_dim=8), dataset)
        found[f"trained with {name}"] = reconstruction_errors(model, dataset.test)
        rows[name] = np.asarray(model(images))
    return found, figures.loss_comparison(pixel_losses(), found, rows)


def pixel_losses(targets=(0.0, 0.5, 1.0), points=401) -> dict:
    """Each loss of one pixel by its prediction: {"prediction": [points], target: {loss: [points]}}.

    The smallest value of a loss at a target is subtracted. It is 0 but for the cross-entropy, where
    it is the entropy of the target.
    """
    predictions = np.linspace(HALF_LEVEL, 1 - HALF_LEVEL, points).astype(np.float32)
    found = {"prediction": predictions}
    for target in targets:
        entropy = bernoulli_entropy(target)
        x = np.full((points, 1, 1, 1), target, np.float32)
        found[target] = {
            name: pixel_loss(name, x, predictions) - (entropy if name == "bce" else 0)
            for name in LOSSES
        }
    return found


def pixel_loss(name: str, x, predictions):
    """The loss called `name` of images `x` [n, 1, 1, 1] at predictions [n]: [n]."""
    parameters = scipy.special.logit(predictions) if name == "bce" else predictions
    return np.asarray(loss_named(name).loss(x, parameters.reshape(x.shape)))


def reconstruction_errors(model, examples) -> dict[str, float]:
    """The test error of a model by each of LOSSES, averaged over examples.

    The units are squared error, RMSE and nats; all but the RMSE are sums over pixels. Even a
    perfect reconstruction of grey values has a cross-entropy, which is their entropy:
    `bce_above_minimum` is without it.
    """
    measures = {name: loss_named(name) for name in LOSSES}
    totals = dict.fromkeys((*LOSSES, "bce_above_minimum"), 0.0)
    for batch in map(model.prepare, examples.batches()):
        output = model.parameters(model.code(batch))
        mean = model.reconstruction.mean(output)
        bounded = isinstance(model.reconstruction, Bernoulli)
        logits = output if bounded else logit(ops.clip(mean, HALF_LEVEL, 1 - HALF_LEVEL))
        for name, measure in measures.items():
            parameters = logits if name == "bce" else mean
            totals[name] += float(ops.sum(measure.loss(batch.x, parameters)))
        totals["bce_above_minimum"] -= bernoulli_entropy(batch.x)
    totals["bce_above_minimum"] += totals["bce"]
    return {name: total / len(examples) for name, total in totals.items()}


def bernoulli_entropy(x) -> float:
    """The sum of the entropies of independent Bernoulli variables with means `x`, in nats."""
    x = np.asarray(x, np.float64)
    return float((scipy.special.entr(x) + scipy.special.entr(1 - x)).sum())


def logit(p):
    """The inverse of the sigmoid."""
    return ops.log(p) - ops.log1p(-p)
