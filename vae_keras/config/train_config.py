"""The options of a training run: one object for command line, notebooks and config.json."""

import contextlib
import dataclasses
import functools
import json
import math
import numbers
import re
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from vae_keras.config.options import option
from vae_keras.data import Dataset
from vae_keras.data.images.folder import COLOR_MODES
from vae_keras.errors import UserError, unknown
from vae_keras.models import MODELS, model_class
from vae_keras.networks import NETWORKS, Network, network

ACTIVATIONS = ("gelu", "relu", "tanh", "silu", "elu", "leaky_relu")


# may differ when it resumes
NOT_OF_THE_RUN = ("data_dir", "output_dir", "tensorboard", "resume", "overwrite")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The common options; an instance also has those of the chosen model.

    `TrainConfig(model="vae", beta=4.0)` is of the class that `config_class("vae")` makes. Values
    that are None are filled in from the recipe of (data set, model). Raises UserError.
    """

    dataset: str = option(
        "digits",
        "digits, mnist, fashion_mnist, cifar10, faces, faces:COUNT, folder:DIR, celeba:DIR, "
        "FILE.npz, IDX file; melodies, midi:DIR; sentences, text:FILE",
    )
    data_dir: str | None = option(
        None, "folder searched for archives before a download (or VAE_KERAS_DATA_DIR)"
    )
    image_size: str | None = option(
        None, "of folder:DIR, celeba:DIR and faces: one number (64), or HEIGHTxWIDTH"
    )
    color_mode: str = option("auto", "of folder:DIR: auto, grayscale, rgb", choices=COLOR_MODES)
    binarize: str = option(
        "none",
        "grey values to 0 and 1: none, dynamic (drawn at every step), threshold, static:FILE",
    )
    model: str = option("vae", "rung of the ladder: " + ", ".join(MODELS))
    network: str | None = option(None, "of encoder and decoder: " + ", ".join(NETWORKS))
    units: str | None = option(
        None, "hidden units, such as 512-256-128; of lstm those of encoder and decoder"
    )
    activation: str | None = option(
        None, "of the hidden layers: " + ", ".join(ACTIVATIONS), choices=ACTIVATIONS
    )
    latent_dim: int = option(2, "size of the code", at_least=1, at_most=65_536)
    epochs: int | None = option(
        None, "passes over the training data", at_least=1, at_most=1_000_000
    )
    batch_size: int | None = option(None, "examples per step", at_least=1)
    learning_rate: float | None = option(None, "Adam's, at the start", above=0)
    schedule: str = option(
        "cosine", "of the learning rate: cosine (to 0), constant", choices=("cosine", "constant")
    )
    clip_norm: float | None = option(None, "largest norm of the gradient, if any", above=0)
    ema: float | None = option(
        None, "momentum of a moving average that replaces the weights at the end", above=0
    )
    seed: int = option(0, "of weights, noise and order of the data", at_least=0, at_most=2**31 - 1)
    name: str | None = option(None, "of the run; default: data set and model, numbered if taken")
    output_dir: str = option(".", "folder of runs/ and saved_models/")
    tensorboard: bool = option(
        False, "also write runs/NAME/tensorboard/ (needs the extra tensorboard)"
    )
    resume: bool = option(False, "go on from the last checkpoint of the run")
    overwrite: bool = option(False, "replace a run of the same name")

    def __new__(cls, *, model: str = "vae", **options):
        config = config_class(model)
        for name in options.keys() - config.__dataclass_fields__.keys():
            raise unknown(f"option of model {model!r}", name, config.__dataclass_fields__)
        return super().__new__(config)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = _converted(field, type_of(type(self), field.name), getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        if self.network is not None and self.network not in NETWORKS:
            raise unknown("network", self.network, NETWORKS)
        if self.units is not None and not re.fullmatch(r"[1-9]\d{0,4}(-[1-9]\d{0,4})*", self.units):
            raise UserError(f"--units {self.units!r} must be numbers joined by -, such as 512-256")
        if self.name is not None and not is_plain_name(self.name):
            raise UserError(
                f"run name {self.name!r} must be a plain name, without a path separator or a dot "
                "in front: choose the folder with --output-dir"
            )
        if self.ema is not None and self.ema >= 1:
            raise UserError(f"--ema {self.ema} must be below 1, such as 0.999")
        if self.resume and self.overwrite:
            raise UserError("--resume and --overwrite contradict each other: give one of them")

    def replace(self, **changes) -> "TrainConfig":
        """The same configuration with some values changed."""
        return TrainConfig(**{**self.as_dict(), **changes})

    def as_dict(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def built_network(self) -> Network:
        """The network of a resolved configuration. Raises UserError for an option it lacks."""
        options = {"activation": self.activation, "units": self.units}
        if self.units is not None:
            options["units"] = [int(width) for width in self.units.split("-")]
        given = {name: value for name, value in options.items() if value is not None}
        return network(self.network, **given)

    def to_json(self, without=("resume", "overwrite")) -> str:
        """What config.json holds: everything but how to deal with what is there already."""
        stored = {k: v for k, v in self.as_dict().items() if k not in without}
        return json.dumps(stored, indent=2) + "\n"

    def resolved(self, dataset: Dataset) -> "TrainConfig":
        """With every open choice filled in for `dataset`. Raises UserError if they do not fit."""
        if self.batch_size is not None and self.batch_size > len(dataset.train):
            raise UserError(
                f"batch size {self.batch_size:,} is larger than the training data "
                f"({len(dataset.train):,} examples): choose a smaller --batch-size"
            )
        self._check_kind(dataset)
        recipe = recipe_of(self.dataset, self.model, dataset.kind, self.latent_dim)
        recipe["batch_size"] = min(recipe["batch_size"], len(dataset.train))
        steps = math.ceil(len(dataset.train) / (self.batch_size or recipe["batch_size"]))
        recipe["epochs"] = max(MIN_EPOCHS, round(recipe.pop("steps") / steps))
        open_choices = {k: v for k, v in recipe.items() if getattr(self, k, 0) is None}
        return self.replace(**open_choices)

    def _check_kind(self, dataset: Dataset):
        """Raise UserError unless model and network are for what there is: images or tokens."""
        is_of_tokens = bool(dataset.vocabulary)
        for choice, known in (("model", MODELS), ("network", NETWORKS)):
            name = getattr(self, choice)
            fitting = [name for name, one in known.items() if one.takes_tokens == is_of_tokens]
            if name not in (None, *fitting):
                what = "sequences" if is_of_tokens else "images"
                raise UserError(
                    f"--{choice} {name} is not for {what}, but {dataset.name} has these: use one "
                    f"of {', '.join(fitting)}"
                )


MIN_EPOCHS = 10
WIDE = 4  # dimensions of a code: beyond, slower steps pay
SENTENCES = dict(units="128-256", batch_size=64, steps=1_600, learning_rate=2e-3)
RECIPES = {
    # Each entry adds to the one before. "steps" are weight updates, whatever the size of the data.
    "any": dict(network="dense", batch_size=256, steps=6_400, learning_rate=2e-3),
    "wide vae": dict(batch_size=128, steps=12_800, learning_rate=1e-3),
    "wide conditional": dict(batch_size=128, steps=12_800, learning_rate=1e-3),
    "linear": dict(network="linear", learning_rate=1e-2),
    "sparse": dict(network="linear", sparsity_weight=0.1),
    "vae": dict(likelihood="bernoulli"),
    "conditional": dict(likelihood="bernoulli"),
    "sequence": dict(
        network="lstm", batch_size=128, steps=10_300, learning_rate=1.5e-3, clip_norm=1.0
    ),
    "sentences sequence": SENTENCES,
    "text sequence": SENTENCES,
    "digits": dict(batch_size=64, steps=2_000, learning_rate=2e-3),
    "digits linear": dict(learning_rate=5e-2),
    "colour": dict(network="conv", batch_size=64, steps=3_000, learning_rate=1e-3),
    "faces": dict(network="resnet", batch_size=64, steps=6_400, learning_rate=2e-3),
    "colour vae": dict(likelihood="gaussian"),
    "colour conditional": dict(likelihood="gaussian"),
}


def recipe_of(dataset: str, model: str, kind: str, latent_dim: int) -> dict[str, Any]:
    """The default choices for a data set, the kind of its values, a model and the size of its code.

    A code of more than WIDE dimensions has the entry "wide MODEL".
    """
    wide = f"wide {model}" if latent_dim > WIDE else ""
    dataset = dataset.partition(":")[0]
    keys = ("any", wide, kind, model, f"{kind} {model}", dataset, f"{dataset} {model}")
    return functools.reduce(lambda found, key: {**found, **RECIPES.get(key, {})}, keys, {})


def is_plain_name(name: str) -> bool:
    """Whether `name` can be that of a folder: no separators, no leading dot, not empty."""
    return name != "" and not name.startswith(".") and not set(name) & set("/\\\0")


@functools.cache
def config_class(model: str) -> type[TrainConfig]:
    """TrainConfig with the options of the rung `model`. Raises UserError for an unknown one."""
    options = model_class(model).Options
    return dataclass(frozen=True, kw_only=True)(
        type(f"{options.__name__}TrainConfig", (options, TrainConfig), {})
    )


def type_of(cls: type, field: str) -> tuple[type, ...]:
    """The types that a field accepts: `int | None` -> (int, NoneType)."""
    hint = get_type_hints(cls)[field]
    return get_args(hint) if get_origin(hint) is types.UnionType else (hint,)


def _converted(field: dataclasses.Field, accepted: tuple[type, ...], value):
    """The value in its field's type and within its bounds. Raises UserError."""
    flag = "--" + field.name.replace("_", "-")
    if value is None and type(None) in accepted:
        return None
    if isinstance(value, Path) and str in accepted:
        value = str(value)
    if int in accepted and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        value = int(value)  # NumPy has integers of its own
    if float in accepted and not isinstance(value, (bool, np.bool)):
        with contextlib.suppress(
            TypeError, ValueError, OverflowError
        ):  # a word, if words are accepted too
            value = float(value)
    if type(value) not in accepted:
        kinds = " or ".join(kind.__name__ for kind in accepted if kind is not type(None))
        raise UserError(f"{flag} {value!r} must be of type {kinds}")
    low, above, high, choices = (
        field.metadata[key] for key in ("at_least", "above", "at_most", "choices")
    )
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{flag} {value} must be finite")
    if low is not None and value < low:
        raise UserError(f"{flag} {value} must be at least {low}")
    if above is not None and value <= above:
        raise UserError(f"{flag} {value} must be above {above}")
    if high is not None and value > high:
        raise UserError(f"{flag} {value} must be at most {high:,}")
    if choices and value not in choices:
        raise unknown(field.name.replace("_", " "), value, choices)
    return value
