"""What evaluation, latent tools and the page need of a model, live or exported."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class LatentModel(Protocol):
    """A model with codes. Arrays may be NumPy's or TensorFlow's.

    `vocabulary` has the words of the tokens, or nothing of images; `prior` says where the codes
    come from; `seed` decides the noise of an evaluation.
    """

    seed: int
    prior: Any

    @property
    def example_shape(self) -> tuple[int, ...]: ...

    @property
    def latent_dim(self) -> int: ...

    @property
    def vocabulary(self) -> tuple[str, ...]: ...

    @property
    def takes_labels(self) -> bool: ...

    @property
    def is_variational(self) -> bool: ...

    def prepare(self, data) -> Any:
        """The named parts of a batch of examples: a `Batch`."""

    def code(self, batch) -> Any:
        """The code of each example of a batch, without noise: [batch, latent_dim]."""

    def encode(self, x, label=None) -> Any:
        """The codes of examples, without noise: [batch, latent_dim]."""

    def decode(self, z, label=None) -> Any:
        """The mean reconstruction of codes: [batch, *example_shape]."""

    def generate(self, count, seed, label=None) -> Any:
        """Decoded samples of the prior, the same for the same seed: [count, *example_shape]."""


@runtime_checkable
class VariationalModel(LatentModel, Protocol):
    """A model with a posterior q(z|x) and a likelihood p(x|z)."""

    def posterior(self, batch) -> Any:
        """`z_mean` and `z_log_var` of q(z|x) for a batch: [batch, latent_dim] each."""

    def log_likelihood(self, batch, z) -> Any:
        """log p(x|z) of each example at its code, in nats: [batch]."""
