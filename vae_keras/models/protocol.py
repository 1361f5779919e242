"""What evaluation, latent tools and the page need of a model, be it live or exported."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import tensorflow as tf


class Proposal(NamedTuple):
    """q(z|x) of a batch, from which an evaluation takes many draws.

    `draw` turns noise of N(0, I) into codes, both [batch, draws, latent_dim]. `heads_at` gives the
    z_mean and z_log_var at codes; they broadcast to these. If the code has levels, those of a lower
    level depend on the levels above, so that log q(z|x) is the normal density at `heads_at(z)`.
    """

    draw: Callable
    heads_at: Callable


def gaussian_proposal(posterior) -> Proposal:
    """The proposal of a posterior (z_mean, z_log_var), [batch, latent_dim] each, without levels."""
    z_mean, z_log_var = (head[:, None] for head in posterior)
    return Proposal(
        draw=lambda epsilon: z_mean + tf.exp(0.5 * z_log_var) * epsilon,
        heads_at=lambda z: (z_mean, z_log_var),
    )


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

    @property
    def levels(self) -> int:
        """The levels of the code: 1 unless q(z|x) of some dimensions depends on others."""

    def posterior(self, batch) -> Any:
        """`z_mean` and `z_log_var` of q(z|x) for a batch: [batch, latent_dim] each."""

    def proposal(self, batch) -> Proposal:
        """q(z|x) of a batch, from which an evaluation takes many draws."""

    def log_likelihood(self, batch, z) -> Any:
        """log p(x|z) of each example at its code, in nats: [batch]."""
