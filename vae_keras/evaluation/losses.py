"""The loss of a model on the test set, and what its rung reports beside."""

from vae_keras.evaluation.by_rung import figures_of


def evaluate(model, dataset) -> dict[str, float]:
    """The loss and its terms on the test set, per example and averaged, and the model's figures.

    The noise of an example is a function of the model's seed and of the example, so nothing depends
    on the size of the batches.
    """
    found = model.evaluate(dataset.test.batches(), return_dict=True, verbose=0)
    return {**{name: found[name] for name in model.trackers}, **figures_of(model, dataset)}
