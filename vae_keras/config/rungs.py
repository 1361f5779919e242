"""The rungs of the ladder: the options of each, and the registry of all.

Help texts and bounds of the options are written only here. The command line shows them,
`TrainConfig` checks them, and a model takes the options as keywords and keeps them as
`model.options`.
"""

import dataclasses
import importlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from vae_keras.config.names import LIKELIHOODS, LOSSES
from vae_keras.config.options import check_fields, flag, option
from vae_keras.errors import UserError, unknown

if TYPE_CHECKING:
    from vae_keras.models import Autoencoder
    from vae_keras.models.priors import Prior


PRIORS = {  # module:class, as `Rung.where`
    "normal": "vae:StandardNormal",
    "mixture": "learned_priors:Mixture",
    "vamp": "learned_priors:Vamp",
    "flow": "learned_priors:Flow",
}


@dataclass(frozen=True, kw_only=True)
class RungOptions:
    """The options that every rung has.

    A code of `latent_dim` None has the size that a recipe gives it, or else `code_size`. Raises
    UserError if a value has the wrong type or is outside the bounds of its option.
    """

    code_size: ClassVar[int] = 2
    latent_dim: int | None = option(None, "size of the code", at_least=1, at_most=65_536)

    def __post_init__(self):
        check_fields(self)

    def check_epochs(self, epochs: int):
        """Raise UserError if the options need a longer training than `epochs`."""

    def as_dict(self) -> dict[str, Any]:
        """The options as {name: value}; `type(options)(**values)` makes them again."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclass(frozen=True, kw_only=True)
class AutoencoderOptions(RungOptions):
    """The options of the rung deep: an autoencoder with a plain reconstruction loss."""

    loss: str = option("mse", "reconstruction loss: mse (summed), rmse or bce", choices=LOSSES)


@dataclass(frozen=True, kw_only=True)
class LinearOptions(AutoencoderOptions):
    """The options of the rung linear."""

    tied: bool = option(False, "use the transposed weights of the encoder in the decoder")


@dataclass(frozen=True, kw_only=True)
class SparseOptions(AutoencoderOptions):
    """The options of the rung sparse."""

    code_size = 128
    sparsity: str = option(
        "l1", "penalty: l1 (of a ReLU code) or kl (to a target activity)", choices=("l1", "kl")
    )
    sparsity_weight: float = option(0.1, "weight of the penalty", at_least=0)
    target_activity: float = option(0.05, "mean activity for kl", above=0, below=1)


@dataclass(frozen=True, kw_only=True)
class DenoisingOptions(AutoencoderOptions):
    """The options of the rung denoising.

    Raises UserError, too, if the corruption is a share of pixels and its level above 1.
    """

    code_size = 32
    corruption: str = option(
        "salt_and_pepper",
        "noise in the input: gaussian, salt_and_pepper or masking",
        choices=("gaussian", "salt_and_pepper", "masking"),
    )
    corruption_level: float = option(
        0.3, "share of corrupted pixels; for gaussian, the standard deviation", at_least=0
    )

    def __post_init__(self):
        super().__post_init__()
        if self.corruption != "gaussian" and self.corruption_level > 1:
            name = flag("corruption_level")
            raise UserError(f"{name} {self.corruption_level} is a share: at most 1")


@dataclass(frozen=True, kw_only=True)
class ContractiveOptions(AutoencoderOptions):
    """The options of the rung contractive."""

    contraction: float = option(0.1, "weight of the squared Jacobian norm", at_least=0)
    jacobian: str = option(
        "projection",
        "exact, or projection: an unbiased estimate that takes one more pass",
        choices=("exact", "projection"),
    )


@dataclass(frozen=True, kw_only=True)
class BoundOptions(RungOptions):
    """The options of every rung that minimises the bound: how its two terms are weighed.

    Raises UserError, too, if there are cycles without a warm-up.
    """

    beta: float = option(1.0, "weight of the term that beta_on names", at_least=0)
    beta_on: str = option(
        "kl", "the term that beta weighs: kl, or reconstruction", choices=("kl", "reconstruction")
    )
    beta_warmup: int | None = option(
        None,
        "epochs over which the KL weight rises from 0 (default: 0; a third of all where a flow or "
        "levels have to be learned as well)",
        at_least=0,
    )
    beta_cycles: int = option(1, "times that the KL weight rises, evenly over the run", at_least=1)
    free_bits: float | None = option(
        0.0, "nats of KL that each code dimension may use at no cost", at_least=0
    )
    prior: str = option(
        "normal",
        "p(z): normal (N(0, I)), or learned: mixture (of Gaussians), vamp (posteriors of "
        "pseudo-inputs), flow",
        choices=tuple(PRIORS),
    )
    components: int = option(
        100, "Gaussians of a mixture, or pseudo-inputs of vamp", at_least=1, at_most=10_000
    )

    def __post_init__(self):
        super().__post_init__()
        if self.beta_cycles > 1 and not self.beta_warmup:
            raise UserError(
                f"{flag('beta_cycles')} {self.beta_cycles} repeats a warm-up that there is not: "
                f"give its epochs with {flag('beta_warmup')}"
            )

    def check_epochs(self, epochs: int):
        """Raise UserError if all warm-ups together take more than `epochs`."""
        taken = (self.beta_warmup or 0) * self.beta_cycles
        if taken > epochs:
            raise UserError(
                f"the warm-up of beta takes {taken} epochs, but the run has {epochs}: lower "
                f"{flag('beta_warmup')} or {flag('beta_cycles')}, or raise {flag('epochs')}"
            )

    def warmup_of(self, epochs: int) -> int:
        """The warm-up of a run that leaves it open, in epochs.

        Before a flow has learned anything, it and q(z|x) agree soonest where codes say nothing.
        """
        return epochs // 3 if self.prior == "flow" else 0

    def effective_beta(self) -> float:
        """The weight of the KL term relative to that of the reconstruction term."""
        if self.beta_on == "kl":
            return self.beta
        return 1 / self.beta if self.beta else math.inf


@dataclass(frozen=True, kw_only=True)
class VAEOptions(BoundOptions):
    """The options of the rung vae."""

    likelihood: str | None = option(
        None,
        "p(x|z): " + ", ".join(LIKELIHOODS) + " (default: bernoulli for grey, gaussian for colour)",
        choices=LIKELIHOODS,
    )
    sigma: float | str | None = option(
        None,
        "standard deviation of the gaussian likelihood: a number, 'optimal' (default) or 'learned'",
    )


@dataclass(frozen=True, kw_only=True)
class ImportanceOptions(VAEOptions):
    """The options of the rung iwae.

    Raises UserError, too, if there is a weight of the KL term: the bound is not a sum with one.
    """

    code_size = 50
    samples: int = option(5, "draws of q(z|x) for each example", at_least=1, at_most=10_000)
    gradient: str = option(
        "doubly_reparameterised",
        "of the encoder: doubly_reparameterised, or plain, whose noise grows with samples",
        choices=("doubly_reparameterised", "plain"),
    )

    def __post_init__(self):
        super().__post_init__()
        weights = {
            "beta": self.beta != 1,
            "beta_warmup": self.beta_warmup,
            "free_bits": self.free_bits,
        }
        for name, is_given in weights.items():
            if is_given:
                raise UserError(
                    f"the importance-weighted bound has no KL term to weigh: leave {flag(name)} out"
                )

    def warmup_of(self, epochs: int) -> int:
        return 0


@dataclass(frozen=True, kw_only=True)
class LadderOptions(VAEOptions):
    """The options of the rung ladder: its levels share the dimensions of the code.

    Raises UserError, too, if the code is too small for the levels, or if a prior is named: that of
    a ladder is made of its levels.
    """

    code_size = 48
    levels: int = option(
        2, "levels of the code, with as many dimensions each", at_least=2, at_most=5
    )

    def __post_init__(self):
        super().__post_init__()
        if self.prior != "normal":
            raise UserError(f"the levels of a ladder are its prior: leave {flag('prior')} out")
        if self.latent_dim is not None and self.latent_dim < self.levels:
            raise UserError(
                f"{self.levels} levels need a code of at least {self.levels} dimensions: "
                f"raise {flag('latent_dim')}"
            )

    def warmup_of(self, epochs: int) -> int:
        return epochs // 3

    def sizes(self) -> tuple[int, ...]:
        """The dimensions of each level, from the top one to the bottom."""
        size = self.latent_dim or self.code_size
        upper = [size // self.levels] * (self.levels - 1)
        return (*upper, size - sum(upper))


@dataclass(frozen=True, kw_only=True)
class ConditionalOptions(VAEOptions):
    """The options of the rung conditional."""

    code_size = 10


@dataclass(frozen=True, kw_only=True)
class SequenceOptions(BoundOptions):
    """The options of the rung sequence."""

    code_size = 32
    likelihood: ClassVar[str] = "categorical"  # the only one of tokens, so it is no option
    free_bits: float | None = option(
        None,
        "nats of KL that each code dimension may use at no cost (default: of midi: and text: 0.3)",
        at_least=0,
    )
    word_dropout: float = option(
        0.0, "share of previous tokens that the decoder is not told", at_least=0, at_most=1
    )
    scheduled_sampling: float = option(
        0.0,
        "share of previous tokens that are the model's own at the end of training",
        at_least=0,
        at_most=1,
    )


def _class_at(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(f"vae_keras.models.{module}"), name)


class Rung(NamedTuple):
    """A rung: its options, where its class is, and what it takes, such as images."""

    options: type[RungOptions]
    where: str  # module:class; imported only when there is a model to build, as it needs TensorFlow
    takes: tuple[str, ...] = ("images", "numbers")

    def model(self) -> "type[Autoencoder]":
        """The class of the rung's model, a subclass of Autoencoder."""
        return _class_at(self.where)


RUNGS = {
    "linear": Rung(LinearOptions, "linear:LinearAutoencoder"),
    "deep": Rung(AutoencoderOptions, "autoencoder:Autoencoder"),
    "sparse": Rung(SparseOptions, "sparse:SparseAutoencoder"),
    "denoising": Rung(DenoisingOptions, "denoising:DenoisingAutoencoder"),
    "contractive": Rung(ContractiveOptions, "contractive:ContractiveAutoencoder"),
    "vae": Rung(VAEOptions, "vae:VAE"),
    "iwae": Rung(ImportanceOptions, "importance:ImportanceWeightedAutoencoder"),
    "ladder": Rung(LadderOptions, "ladder:LadderVAE"),
    "conditional": Rung(ConditionalOptions, "conditional:ConditionalVAE"),
    "sequence": Rung(SequenceOptions, "sequence:SequenceVAE", takes=("tokens",)),
}


def rung_named(name: str) -> Rung:
    """The rung called `name`. Raises UserError if there is none."""
    if not isinstance(name, str) or name not in RUNGS:
        raise unknown("model", name, RUNGS)
    return RUNGS[name]


def prior_named(name: str) -> "type[Prior]":
    """The class of the prior called `name`, one of PRIORS."""
    return _class_at(PRIORS[name])
