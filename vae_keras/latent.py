"""What one does with a latent space."""

import numpy as np
import scipy.stats

BATCH = 128  # codes or files at a time: fast enough, and small enough for large images


def encode(model, examples, most=None) -> np.ndarray:
    """The codes of the first `most` examples of a split, without noise: [n, latent_dim]."""
    return np.concatenate(list(code_batches(model, examples.take(slice(most)))))


def code_batches(model, examples):
    """The same batch by batch."""
    for batch in examples.batches():
        yield np.asarray(model.code(model.prepare(batch)))


def decode(model, z) -> np.ndarray:
    """The mean reconstructions of `z` [n, latent_dim], batch by batch: [n, *image_shape]."""
    batches = (z[start : start + BATCH] for start in range(0, len(z), BATCH))
    return np.concatenate([np.asarray(model.decode(batch)) for batch in batches])


def prior_grid(latent_dim: int, side: int = 20, dimensions=(0, 1)) -> np.ndarray:
    """Codes on a grid over two `dimensions` of N(0, I), the others 0.

    The grid lies at the midpoints of `side` intervals of equal probability, so its rows and columns
    are as dense as the prior. Returns the codes [side², latent_dim], rows from bottom to top. A
    latent space of one dimension gives a single row.
    """
    values = scipy.stats.norm.ppf((np.arange(side) + 0.5) / side).astype(np.float32)
    across, up = np.meshgrid(values, values if latent_dim > 1 else [0.0])
    codes = np.zeros((across.size, latent_dim), np.float32)
    codes[:, dimensions[0]] = across.ravel()
    if latent_dim > 1:
        codes[:, dimensions[1]] = up.ravel()
    return codes
