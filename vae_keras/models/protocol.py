"""What evaluation, latent tools and the page need of a model, be it live or exported."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class LatentModel(Protocol):
    """A model with codes. Its methods take and give arrays of NumPy or TensorFlow.

    `prior` draws the codes of generated examples. `seed` decides the noise of an evaluation.
    """

    seed: int
    prior: Any

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of one example, such as (28, 28, 1)."""

    @property
    def latent_dim(self) -> int:
        """The number of dimensions of a code."""

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The word for each token; empty for images."""

    @property
    def takes_labels(self) -> bool:
        """True if encoder and decoder must be told a label."""

    @property
    def is_variational(self) -> bool:
        """True if there is a posterior q(z|x): the model is then a `VariationalModel`."""

    def prepare(self, data) -> Any:
        """Turn a dictionary with `x`, `index` and perhaps `label` into a `Batch`.

        A model that takes labels needs `label`.
        """

    def code(self, batch) -> Any:
        """The code of each example of a batch, without noise: [batch, latent_dim]."""

    def encode(self, x, label=None) -> Any:
        """The codes of examples `x` [batch, *example_shape], without noise: [batch, latent_dim]."""

    def decode(self, z, label=None) -> Any:
        """The mean reconstruction at codes `z` [batch, latent_dim]: [batch, *example_shape]."""

    def generate(self, count, seed, label=None) -> Any:
        """Decode `count` samples of the prior: [count, *example_shape].

        The same `seed` gives the same examples.
        """


@runtime_checkable
class VariationalModel(LatentModel, Protocol):
    """A model with a posterior q(z|x) and a likelihood p(x|z)."""

    def posterior(self, batch) -> Any:
        """`z_mean` and `z_log_var` of q(z|x) for a batch: [batch, latent_dim] each."""

    def log_likelihood(self, batch, z) -> Any:
        """log p(x|z) of each example at its code, in nats: [batch]."""
