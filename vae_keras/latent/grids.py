"""Grids and lines of codes, as dense as the prior."""

from dataclasses import dataclass

import numpy as np

from vae_keras.latent.codes import BATCH


def prior_grid(latent_dim: int, side: int = 20, dimensions=(0, 1)) -> np.ndarray:
    """Codes on a grid over two `dimensions`, as dense as N(0, I): [side², latent_dim].

    The grid lies at the midpoints of `side` intervals of equal probability. Its rows go from bottom
    to top. The other dimensions are 0. A latent space of one dimension gives a single row.
    """
    values = normal_quantiles(side).astype(np.float32)
    across, up = np.meshgrid(values, values if latent_dim > 1 else [0.0])
    codes = np.zeros((across.size, latent_dim), np.float32)
    codes[:, dimensions[0]] = across.ravel()
    if latent_dim > 1:
        codes[:, dimensions[1]] = up.ravel()
    return codes


def normal_quantiles(steps: int) -> np.ndarray:
    """The midpoints of `steps` intervals to which N(0, 1) gives equal probability: [steps]."""
    import scipy.stats  # slow to import, and the command line needs only names from here

    return scipy.stats.norm.ppf((np.arange(steps) + 0.5) / steps)


@dataclass(frozen=True)
class Spread:
    """Centre and width of a model's codes in each dimension, and its use: [latent_dim] each.

    `width` is a standard deviation. `use` says how much a dimension tells about the examples, in
    `unit`: the KL in nats for a variational model, and otherwise the variance of the codes.
    """

    centre: np.ndarray
    width: np.ndarray
    use: np.ndarray
    unit: str

    def quantiles(self, steps: int) -> np.ndarray:
        """Codes at the midpoints of intervals of equal probability: [steps, latent_dim]."""
        return (self.centre + normal_quantiles(steps)[:, None] * self.width).astype(np.float32)


def spread(exported, count=4 * BATCH, seed=0) -> Spread:
    """The spread of the codes of `count` images that an exported model generates itself."""
    labels = exported.labels_in_turn(count)
    images = exported.generate(count, seed, labels)
    batch = exported.prepare({"x": images, "label": labels, "index": np.arange(count)})
    if exported.is_variational:
        use = exported.prior.kl_per_dimension(exported.posterior(batch)).numpy().mean(axis=0)
        centre, width = (np.asarray(moment) for moment in exported.prior.moments())
        return Spread(centre, width, use, "nats")
    codes = exported.code(batch).numpy()
    return Spread(codes.mean(axis=0), codes.std(axis=0), codes.var(axis=0), "variance")


def traversal(z, dimension: int, values) -> np.ndarray:
    """The code `z` [latent_dim] with each of `values` in one dimension: [values, latent_dim]."""
    codes = np.repeat(np.asarray(z, np.float32)[None], len(values), axis=0)
    codes[:, dimension] = values
    return codes
