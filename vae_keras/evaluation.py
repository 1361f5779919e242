"""How good a model is."""

BATCH = 128  # large enough to be fast, small enough for a convolution over large images


def evaluate(model, dataset) -> dict[str, float]:
    """The loss and its terms on the test set, per example and averaged, and the model's figures.

    The noise of an example is a function of the model's seed and of the example, so nothing depends
    on the size of the batches.
    """
    found = model.evaluate(dataset.test.batches(BATCH), return_dict=True, verbose=0)
    return {**{name: found[name] for name in model.trackers}, **model.figures(dataset)}
