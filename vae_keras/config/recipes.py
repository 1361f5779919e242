"""Recipes: the values of the options that a run leaves open."""

import functools
import math
from typing import Any

MIN_EPOCHS, MOST_EPOCHS = 4, 100  # of small sets, an epoch passes over the data several times
SMALLEST_BATCH = 8  # to which "fewest_steps" shrinks a batch at most
WIDE = 4  # dimensions: a larger code is trained better with more and smaller steps
JIT_VALUES = 4e8  # pixels that a training reads; XLA saves less time on fewer than it compiles
PLANAR = ("digits", "mnist", "fashion_mnist")  # a map of two dimensions is worth their blur
CODE_SIZE = 32  # of other images
LARGE_CODE = 128  # of many colour photos, which show more than 32 numbers hold
SENTENCES = dict(units="128-256", batch_size=64, steps=1_600, learning_rate=2e-3)


def for_vaes(trait: str, **options) -> dict[str, dict[str, Any]]:
    """The entries of a recipe that each of the rungs has which have a prior to be sampled."""
    models = ("vae", "iwae", "ladder", "conditional")
    return {f"{trait} {model}".lstrip(): options for model in models}


RECIPES: dict[str, dict[str, Any]] = {
    # `recipe_of` goes through the entries that fit; a later one replaces values of an earlier one.
    # "steps" are weight updates, whatever the size of the data; "fewest_steps" are those of an
    # epoch, for which a batch shrinks, so that a small table does not take hundreds of epochs.
    "any": dict(
        keep="best",
        network="dense",
        batch_size=256,
        steps=6_400,
        fewest_steps=1,
        learning_rate=2e-3,
        ema=0.0,
    ),
    # A third layer, or weights that are not averaged, take twice as long to as good a loss. 125
    # divides 55,000, the training images of MNIST: XLA compiles a single size of a batch.
    **for_vaes("wide", units="512-256", batch_size=125, steps=13_200, learning_rate=2e-3, ema=0.99),
    "linear": dict(network="linear", learning_rate=1e-2),
    "sparse": dict(network="linear"),
    **for_vaes("", likelihood="bernoulli"),
    "sequence": dict(
        network="lstm", batch_size=128, steps=10_300, learning_rate=1.5e-3, clip_norm=1.0
    ),
    "melodies sequence": dict(units="128-256", steps=10_400, learning_rate=3e-3),
    # Without free bits the codes of tunes and sentences of one's own have collapsed in each try.
    "midi sequence": dict(units="128-256", steps=2_400, learning_rate=3e-3, free_bits=0.3),
    "sentences sequence": SENTENCES,
    "text sequence": SENTENCES | dict(free_bits=0.3),
    "digits": dict(units=None, batch_size=64, steps=2_000, learning_rate=2e-3, ema=0.0),
    "digits linear": dict(learning_rate=5e-2),
    "photos": dict(
        network="conv", units=None, batch_size=64, steps=3_000, learning_rate=1e-3, ema=0.0
    ),
    "many photos": dict(network="resnet", steps=8_400),
    "large photos": dict(network="resnet", steps=1_200),
    "few photos": dict(batch_size=32, steps=800),
    **for_vaes("photos", likelihood="gaussian"),
    "faces": dict(network="resnet", batch_size=64, steps=6_400, learning_rate=2e-3),
    "numbers": dict(
        network="dense", units="64-32", batch_size=128, steps=2_000, fewest_steps=20, ema=0.0
    ),
    **for_vaes("numbers", likelihood="gaussian"),
}


def recipe_of(dataset: str, model: str, traits: tuple[str, ...], latent_dim: int) -> dict[str, Any]:
    """The options that a recipe decides: network, batch size, steps, learning rate and others.

    They depend on the name of the data set, the rung, the `traits` of the data, such as "colour" or
    "photos", and the size of the code: above WIDE dimensions the entry "wide MODEL" counts, too.
    "steps" are weight updates; `TrainConfig.resolved` turns them into epochs.
    """
    wide = f"wide {model}" if latent_dim > WIDE else ""
    name = dataset.partition(":")[0]
    of_traits = (*traits, model, *(f"{trait} {model}" for trait in traits))
    keys = ("any", wide, *of_traits, name, f"{name} {model}")
    nothing: dict[str, Any] = {}
    return functools.reduce(lambda found, key: {**found, **RECIPES.get(key, {})}, keys, nothing)


def code_size_of(
    dataset: str, of_rung: int, traits: tuple[str, ...], example_shape: tuple[int, ...], count: int
) -> int:
    """The dimensions of a code for `count` training examples, where the user names none.

    `of_rung` is what the rung has by itself; images that are not PLANAR need more.
    """
    if dataset in PLANAR or len(example_shape) != 3:
        return of_rung
    size = LARGE_CODE if {"colour", "many photos"} <= set(traits) else CODE_SIZE
    return max(of_rung, min(size, math.prod(example_shape) // 4, count // 4))


def jit_of(model: str, network: str, values: float) -> str:
    """Whether XLA pays for a training that reads so many `values`: "on" or "off".

    On a processor it makes dense networks faster and convolutions slower, and its random numbers
    are slow, of which a denoising autoencoder draws one for each pixel.
    """
    pays = network == "dense" and model != "denoising" and values > JIT_VALUES
    return "on" if pays else "off"


def epochs_of(steps: int, steps_per_pass: int) -> tuple[int, int]:
    """Turn `steps` of training into epochs, and the passes over the data in each of them."""
    epochs = max(MIN_EPOCHS, round(steps / steps_per_pass))
    passes = math.ceil(epochs / MOST_EPOCHS)
    return math.ceil(epochs / passes), passes
