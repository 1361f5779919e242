"""What each reconstruction loss penalises."""

import numpy as np
import scipy.special
from keras import ops

from vae_keras import figures
from vae_keras.objectives.likelihoods import LOSSES, Bernoulli, loss_named
from vae_keras.training.fitting import trained

HALF_LEVEL = 1 / 510  # half a grey level of 256


# What each reconstruction loss penalises


def losses(configured, dataset):
    """Train the deep autoencoder with each loss, and measure each by all of them.

    Its output is unbounded with mse and rmse; for the cross-entropy, and for it alone, that is
    clipped to half a grey level (1/510) above 0 and below 1.
    """
    images = dataset.test.take(slice(8)).arrays()[0]
    found, rows = {}, {"input": images}
    for name in LOSSES:
        model = trained(configured(model="deep", loss=name, latent_dim=8), dataset)
        found[f"trained with {name}"] = reconstruction_errors(model, dataset.test)
        rows[name] = np.asarray(model(images))
    return found, figures.loss_comparison(pixel_losses(), found, rows)


def pixel_losses(targets=(0.0, 0.5, 1.0), points=401) -> dict:
    """Each loss of one pixel by its prediction: {target: {loss: [points]}}, and "prediction".

    Less the loss's smallest value at that target, which is 0 but for the cross-entropy: there it is
    the entropy of the target.
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
    """The loss called `name` of images of one pixel: [n]."""
    parameters = scipy.special.logit(predictions) if name == "bce" else predictions
    return np.asarray(loss_named(name).loss(x, parameters.reshape(x.shape)))


def reconstruction_errors(model, examples) -> dict[str, float]:
    """The test error of a model by each of LOSSES, per example and averaged.

    In squared error, RMSE and nats; sums over pixels but for the RMSE. Even a perfect
    reconstruction of grey values has a cross-entropy, their entropy: `bce_above_minimum` is
    without it.
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
    """The entropy of independent Bernoulli variables with the means `x`, summed, in nats."""
    x = np.asarray(x, np.float64)
    return float((scipy.special.entr(x) + scipy.special.entr(1 - x)).sum())


def logit(p):
    """The inverse of the sigmoid."""
    return ops.log(p) - ops.log1p(-p)
