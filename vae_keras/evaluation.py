"""How good a model is."""

BATCH = 128  # large enough to be fast, small enough for a convolution over large images


def evaluate(model, examples) -> dict[str, float]:
    """The loss and its terms on a split, in nats per example, averaged over the examples.

    The noise of an example is a function of the model's seed and of the example, so the figures do
    not depend on the size of the batches.
    """
    found = model.evaluate(examples.batches(BATCH), return_dict=True, verbose=0)
    return {name: found[name] for name in model.trackers}
