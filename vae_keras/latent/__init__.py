"""Tools for a latent space: codes, grids, paths between codes, and feature vectors."""

from vae_keras.latent.codes import code_batches, decode, encode, posterior
from vae_keras.latent.grids import normal_quantiles, prior_grid, spread, traversal

__all__ = [
    "code_batches",
    "decode",
    "encode",
    "normal_quantiles",
    "posterior",
    "prior_grid",
    "spread",
    "traversal",
]
