"""The loss of a model on the test set, and the figures of its rung."""

from vae_keras.evaluation.by_rung import figures_of


def evaluate(model, dataset) -> dict[str, float]:
    """The loss and its terms on the test set, averaged over examples, and the figures of the rung.

    The noise of an example is a function of the model's seed and the example, so the batch size has
    no influence.
    """
    found = model.evaluate(dataset.test.batches(), return_dict=True, verbose=0)
    return {**{name: found[name] for name in model.trackers}, **figures_of(model, dataset)}
