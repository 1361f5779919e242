"""Encode and decode many examples, batch by batch."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vae_keras.models.protocol import LatentModel, VariationalModel

BATCH = 128  # codes or files: enough to be fast, and few enough for large images


def encode(model: "LatentModel", examples, most=None) -> np.ndarray:
    """The codes of the examples of a split, without noise: [n, latent_dim].

    With `most`, only the first `most` examples are encoded.
    """
    return np.concatenate(list(code_batches(model, examples.take(slice(most)))))


def code_batches(model: "LatentModel", examples):
    """Yield the codes of a split, without noise, batch by batch: [batch, latent_dim]."""
    for batch in examples.batches():
        yield np.asarray(model.code(model.prepare(batch)))


def posterior(model: "VariationalModel", examples) -> tuple[np.ndarray, np.ndarray]:
    """`z_mean` and `z_log_var` of q(z|x) for all examples of a split: [n, latent_dim] each."""
    batches = (model.posterior(model.prepare(batch)) for batch in examples.batches())
    z_mean, z_log_var = (np.concatenate(head) for head in zip(*batches, strict=True))
    return z_mean, z_log_var


def decode(model: "LatentModel", z) -> np.ndarray:
    """The mean reconstructions at codes `z` [n, latent_dim]: [n, *example_shape].

    They are decoded in batches. The model must not need labels.
    """
    batches = (z[start : start + BATCH] for start in range(0, len(z), BATCH))
    return np.concatenate([np.asarray(model.decode(batch)) for batch in batches])
