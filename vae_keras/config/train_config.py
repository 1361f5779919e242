"""The options of a training run: one object for command line, notebooks and config.json."""

import dataclasses
import json
import math
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from vae_keras.config.names import (
    ACTIVATIONS,
    COLOR_MODES,
    COLUMNS,
    DATASETS,
    JIT,
    NETWORKS,
    PRECISIONS,
    STRATEGIES,
)
from vae_keras.config.options import check_fields, flag, option
from vae_keras.config.recipes import SMALLEST_BATCH, code_size_of, epochs_of, jit_of, recipe_of
from vae_keras.config.rungs import (
    RUNGS,
    BoundOptions,
    RungOptions,
    SequenceOptions,
    VAEOptions,
    rung_named,
)
from vae_keras.errors import UserError, unknown

if TYPE_CHECKING:
    from vae_keras.data import Dataset

# These options may differ when a run resumes.
NOT_OF_THE_RUN = (
    "data_dir", "output_dir", "tensorboard", "checkpoint_minutes", "strategy", "resume",
    "overwrite",
)  # fmt: skip
LONGEST_NAME = 200  # bytes: there must be room for what is added, such as "-2" or ".partial-"
GIVEN = "given:"  # prefix for the name of a data set that `train` was given as an object

OptionsT = TypeVar("OptionsT", bound=RungOptions, covariant=True)


@dataclass(frozen=True, kw_only=True, init=False)
class TrainConfig(Generic[OptionsT]):
    """The configuration of a run: its data, its model and how the model is trained.

        TrainConfig(dataset="mnist", model="vae", beta=4.0).beta

    `model` names the rung. The rung's own options are given and read beside the others, and kept as
    `options`. Where a value is None, `resolved` takes it from the recipe of (data set, model). A
    configuration cannot be changed: `replace` gives another one. `network` may be a `Network` of
    one's own; it is kept in words, its registered name and its arguments.

    Raises UserError if there is no such option or rung, or if an option does not take its value.
    """

    dataset: str = option("digits", ", ".join(DATASETS))
    data_dir: str | None = option(
        None, "folder searched for archives before a download (or VAE_KERAS_DATA_DIR)"
    )
    image_size: str | None = option(
        None, "size of folder:DIR, celeba:DIR or faces: one number (64), or HEIGHTxWIDTH"
    )
    color_mode: str = option(
        "auto", "channels of folder:DIR: auto, grayscale or rgb", choices=COLOR_MODES
    )
    pixel_range: str | None = option(
        None,
        "values that are black and white in folder:DIR or arrays, such as 0,4095 or -1000,1000 "
        "(default: as type and values tell)",
    )
    metre: str | None = option(
        None,
        "metre of the tunes of midi:DIR that are learned, such as 3/4 (default: the most usual)",
    )
    keys: str | None = option(
        None,
        "arrays of FILE.npz: IMAGES, or IMAGES,LABELS (default: those with usual names)",
    )
    columns: str = option(
        "auto",
        "what the columns of FILE.csv are: pixels, numbers, or auto (as names and values tell)",
        choices=COLUMNS,
    )
    label_column: str | None = option(
        None,
        "column of FILE.csv that has the classes: its name, its number from 1, or none (default: "
        "one called label, class or the like, or the one with words)",
    )
    binarize: str = option(
        "none",
        "turn grey values into 0 and 1: none, dynamic (drawn at every step), static (drawn once), "
        "static:FILE or threshold",
    )
    model: str = option("vae", "rung of the ladder: " + ", ".join(RUNGS))
    network: str | None = option(None, "kind of encoder and decoder: " + ", ".join(NETWORKS))
    units: str | None = option(
        None, "hidden units, such as 512-256-128; for lstm, those of encoder and decoder"
    )
    activation: str | None = option(
        None, "activation of the hidden layers: " + ", ".join(ACTIVATIONS), choices=ACTIVATIONS
    )
    epochs: int | None = option(None, "epochs of training", at_least=1, at_most=1_000_000)
    passes: int | None = option(
        None, "passes over the training data in an epoch (default: 1, of few data more)", at_least=1
    )
    batch_size: int | None = option(None, "examples per step", at_least=1)
    learning_rate: float | None = option(None, "learning rate of Adam at the start", above=0)
    schedule: str = option(
        "cosine",
        "learning rate over the run: cosine (to 0), constant",
        choices=("cosine", "constant"),
    )
    clip_norm: float | None = option(None, "largest norm of the gradient", above=0)
    ema: float | None = option(
        None,
        "momentum of a moving average of the weights, which takes their place; 0: none",
        at_least=0,
        below=1,
    )
    keep: str | None = option(
        None,
        "epoch whose weights a run ends with: best (lowest validation loss; default) or last",
        choices=("best", "last"),
    )
    patience: int | None = option(
        None, "stop after so many epochs without a better validation loss", at_least=1
    )
    seed: int = option(
        0, "seed of weights, noise and order of the data", at_least=0, at_most=2**31 - 1
    )
    jit: str | None = option(
        None,
        "compile training steps with XLA: auto (dense networks that train for long), on, off; not "
        "on several devices",
        choices=JIT,
    )
    precision: str | None = option(
        None,
        "in which the networks compute: mixed_bfloat16, for processors that have it, or float32 "
        "(default: the policy of keras.config, which is float32)",
        choices=PRECISIONS,
    )
    strategy: str = option(
        "auto",
        "devices: auto (all GPUs of the machine), none (one device), mirrored (all GPUs, or all "
        "logical CPUs), multiworker (the cluster of TF_CONFIG or Slurm)",
        choices=STRATEGIES,
    )
    name: str | None = option(
        None, "name of the run; default: data set and model, numbered if taken"
    )
    output_dir: str = option(".", "folder in which runs/ and saved_models/ lie")
    tensorboard: bool = option(
        False, "also write runs/NAME/tensorboard/ (needs the extra tensorboard)"
    )
    checkpoint_minutes: float = option(
        10.0, "minutes between two checkpoints within a long epoch", above=0
    )
    resume: bool = option(False, "go on from the last checkpoint of the run")
    overwrite: bool = option(False, "replace a run of the same name")
    options: OptionsT

    @overload
    def __init__(
        self: "TrainConfig[VAEOptions]",
        *,
        model: Literal["vae", "conditional"] = ...,
        **values: Any,
    ) -> None: ...
    @overload
    def __init__(
        self: "TrainConfig[SequenceOptions]", *, model: Literal["sequence"], **values: Any
    ) -> None: ...
    @overload
    def __init__(self: "TrainConfig[RungOptions]", *, model: str, **values: Any) -> None: ...
    def __init__(self, *, model: str = "vae", **values: Any) -> None:
        rung = rung_named(model)
        common = [field for field in dataclasses.fields(self) if field.name != "options"]
        own = {field.name for field in dataclasses.fields(rung.options)}
        known = [*own, *(field.name for field in common)]
        for name in values:
            if name not in known:
                raise unknown(f"option of model {model!r}", name, known)
        set_field = object.__setattr__  # the dataclass is frozen
        for field in common:
            set_field(self, field.name, values.get(field.name, field.default))
        for place in ("dataset", "data_dir", "binarize", "output_dir"):
            set_field(self, place, _without_tilde(getattr(self, place)))
        network: Any = self.network
        if hasattr(network, "get_config"):
            from vae_keras.networks import described  # imports TensorFlow, which a network needs

            set_field(self, "network", described(network))
        set_field(self, "model", model)
        check_fields(self)
        set_field(self, "options", rung.options(**{k: v for k, v in values.items() if k in own}))
        self._check_words()

    def _check_words(self):
        if not (self.network is None or ">" in self.network or self.network in NETWORKS):
            raise unknown("network", self.network, NETWORKS)
        if self.units is not None and not re.fullmatch(r"[1-9]\d{0,4}(-[1-9]\d{0,4})*", self.units):
            raise UserError(
                f"{flag('units')} {self.units!r} must be numbers joined by -, such as 512-256"
            )
        if self.name is not None and not is_plain_name(self.name):
            raise UserError(
                f"run name {self.name!r} must be a plain name, without a path separator or a dot "
                f"in front, of at most {LONGEST_NAME} bytes: choose the folder with "
                f"{flag('output_dir')}"
            )
        if self.resume and self.overwrite:
            raise UserError("--resume and --overwrite contradict each other: give one of them")

    if not TYPE_CHECKING:  # with this method, a type checker would accept every name

        def __getattr__(self, name):
            options = self.__dict__.get("options")
            if name.startswith("_") or not hasattr(options, name):
                raise AttributeError(f"TrainConfig of model {self.model!r} has no {name!r}")
            return getattr(options, name)

    def replace(self, **changes) -> "TrainConfig":
        """A copy with some values changed. Raises UserError if `TrainConfig` does not take them."""
        return TrainConfig(**{**self.as_dict(), **changes})

    def as_dict(self) -> dict[str, Any]:
        """All options as {name: value}, those of the rung among them."""
        common = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del common["options"]
        return {**common, **self.options.as_dict()}

    def to_json(self, without=("resume", "overwrite")) -> str:
        """The text of config.json: all options but those in `without`.

        The options to resume a run or to replace another one do not belong to the run itself.
        """
        stored = {k: v for k, v in self.as_dict().items() if k not in without}
        return json.dumps(stored, indent=2) + "\n"

    def network_options(self) -> dict[str, Any]:
        """The network's options that are not left open, such as {"units": [512, 256]}."""
        units = None if self.units is None else [int(width) for width in self.units.split("-")]
        options = {"activation": self.activation, "units": units}
        return {name: value for name, value in options.items() if value is not None}

    def resolved(self, dataset: "Dataset") -> "TrainConfig[OptionsT]":
        """A copy in which every open choice is filled in for `dataset`, from its recipe.

        What the files of the data set have decided, such as the pixel range, is filled in as well.
        Raises UserError if configuration and data set do not fit: the batch is larger than the
        training data, the model or the network takes other examples, or the warm-up is longer than
        the run.
        """
        if self.batch_size is not None and self.batch_size > len(dataset.train):
            raise UserError(
                f"batch size {self.batch_size:,} is larger than the training data "
                f"({len(dataset.train):,} examples): choose a smaller --batch-size"
            )
        self._check_takes(dataset)
        count, options = len(dataset.train), self.options
        size = options.latent_dim or code_size_of(
            self.dataset, options.code_size, dataset.traits, dataset.example_shape, count
        )
        recipe = recipe_of(self.dataset, self.model, dataset.traits, size)
        recipe["latent_dim"] = size
        if self.units is not None and recipe["network"] in ("conv", "resnet"):
            recipe["network"] = "dense"
        if (self.network or recipe["network"]) not in ("dense", "lstm"):  # which have units
            recipe.pop("units", None)
        most = max(SMALLEST_BATCH, count // recipe.pop("fewest_steps"))
        recipe["batch_size"] = min(recipe["batch_size"], most, count)
        steps_per_pass = math.ceil(count / (self.batch_size or recipe["batch_size"]))
        recipe["epochs"], recipe["passes"] = epochs_of(recipe.pop("steps"), steps_per_pass)
        if self.epochs is not None:
            recipe["passes"] = 1  # what the user counts are passes
        values, choices = self.as_dict(), {**recipe, **dataset.settles}
        resolved = self.replace(**{k: v for k, v in choices.items() if values.get(k, 0) is None})
        options, epochs = resolved.options, self.epochs or recipe["epochs"]
        if isinstance(options, BoundOptions) and options.beta_warmup is None:
            resolved = resolved.replace(beta_warmup=options.warmup_of(epochs))
        resolved.options.check_epochs(epochs)
        if resolved.jit not in ("on", "off"):
            found = resolved.as_dict()
            seen = found["epochs"] * found["passes"] * count * math.prod(dataset.example_shape)
            resolved = resolved.replace(jit=jit_of(self.model, found["network"], seen))
        return resolved

    def _check_takes(self, dataset: "Dataset"):
        """Raise UserError unless model and network take the examples of the data set."""
        takes = {"model": {name: rung.takes for name, rung in RUNGS.items()}, "network": NETWORKS}
        for choice, known in takes.items():
            name = getattr(self, choice)
            fitting = [name for name, examples in known.items() if dataset.kind.family in examples]
            if name not in (None, *fitting) and name in known:
                raise UserError(
                    f"{flag(choice)} {name} is not for {dataset.kind.plural}, but {dataset.name} "
                    f"has these: use one of {', '.join(fitting)}"
                )


def _without_tilde(place):
    """A path, or NAME:PATH, with the user's home folder in the place of a "~" that it begins with.

    A shell leaves the one in folder:~/photos as it is. Other values stay.
    """
    if not isinstance(place, (str, os.PathLike)):
        return place
    name, colon, path = str(place).partition(":")
    if path.startswith("~") and "/" not in name:
        return name + colon + os.path.expanduser(path)
    return os.path.expanduser(place)


def is_plain_name(name: str) -> bool:
    """True if a folder can be called `name`: no separators, no leading dot, not empty or long."""
    plain = name != "" and not name.startswith(".") and not set(name) & set("/\\\0")
    return plain and len(os.fsencode(name)) <= LONGEST_NAME
