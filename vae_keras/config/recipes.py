"""Recipes: the values of the options that a run leaves open."""

import functools
from typing import Any

MIN_EPOCHS = 10
SMALLEST_BATCH = 8  # to which "fewest_steps" shrinks a batch at most
WIDE = 4  # dimensions: a larger code is trained better with more and smaller steps
SENTENCES = dict(units="128-256", batch_size=64, steps=1_600, learning_rate=2e-3)
RECIPES: dict[str, dict[str, Any]] = {
    # `recipe_of` goes through the entries that fit; a later one replaces values of an earlier one.
    # "steps" are weight updates, whatever the size of the data; "fewest_steps" are those of an
    # epoch, for which a batch shrinks, so that a small table does not take hundreds of epochs.
    "any": dict(network="dense", batch_size=256, steps=6_400, learning_rate=2e-3, fewest_steps=1),
    "wide vae": dict(batch_size=128, steps=12_800, learning_rate=1e-3),
    "wide conditional": dict(batch_size=128, steps=12_800, learning_rate=1e-3),
    "linear": dict(network="linear", learning_rate=1e-2),
    "sparse": dict(network="linear"),
    "vae": dict(likelihood="bernoulli"),
    "conditional": dict(likelihood="bernoulli"),
    "sequence": dict(
        network="lstm", batch_size=128, steps=10_300, learning_rate=1.5e-3, clip_norm=1.0
    ),
    "melodies sequence": dict(units="128-256", steps=10_400, learning_rate=3e-3),
    "sentences sequence": SENTENCES,
    "text sequence": SENTENCES,
    "digits": dict(batch_size=64, steps=2_000, learning_rate=2e-3),
    "digits linear": dict(learning_rate=5e-2),
    "colour": dict(network="conv", batch_size=64, steps=3_000, learning_rate=1e-3),
    "faces": dict(network="resnet", batch_size=64, steps=6_400, learning_rate=2e-3),
    "numbers": dict(network="dense", units="64-32", batch_size=128, steps=2_000, fewest_steps=20),
    "numbers vae": dict(likelihood="gaussian"),
    "numbers conditional": dict(likelihood="gaussian"),
    "colour vae": dict(likelihood="gaussian"),
    "colour conditional": dict(likelihood="gaussian"),
}


def recipe_of(dataset: str, model: str, data_kind: str, latent_dim: int) -> dict[str, Any]:
    """The options that a recipe decides: network, batch size, steps, learning rate and others.

    They depend on the name of the data set, the rung, the data's kind, such as "grey" or "colour",
    and the size of the code: above WIDE dimensions the entry "wide MODEL" counts, too. "steps" are
    weight updates; `TrainConfig.resolved` turns them into epochs.
    """
    wide = f"wide {model}" if latent_dim > WIDE else ""
    name = dataset.partition(":")[0]
    keys = ("any", wide, data_kind, model, f"{data_kind} {model}", name, f"{name} {model}")
    nothing: dict[str, Any] = {}
    return functools.reduce(lambda found, key: {**found, **RECIPES.get(key, {})}, keys, nothing)
