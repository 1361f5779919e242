"""Paths from one code to another. Every function takes and gives codes [..., latent_dim]."""

import itertools

import numpy as np

from vae_keras.errors import UserError


def linear(start, end, steps: int) -> np.ndarray:
    """The straight line z_A (1 − α) + z_B α, for `steps` values of α: [steps, latent_dim]."""
    alpha = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    return (1 - alpha) * start + alpha * end


def spherical(start, end, steps: int) -> np.ndarray:
    """The arc between the directions of two codes, while the length changes evenly.

    It returns [steps, latent_dim]. The codes of N(0, I) lie near a sphere of radius √latent_dim,
    and a straight line leaves that sphere (White 2016, Sampling generative networks). Codes that
    lie in one line with 0 are joined by `linear`.
    """
    start, end = np.asarray(start, np.float32), np.asarray(end, np.float32)
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) == 0:
        return linear(start, end, steps)
    angle = np.arccos(np.clip(start @ end / lengths[0] / lengths[1], -1, 1))
    if np.sin(angle) < 1e-3:
        return linear(start, end, steps)
    alpha = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    first = np.sin((1 - alpha) * angle) / np.sin(angle) * (start / lengths[0])
    second = np.sin(alpha * angle) / np.sin(angle) * (end / lengths[1])
    return (first + second) * linear(lengths[0], lengths[1], steps)


METHODS = {"linear": linear, "spherical": spherical}


def halfway(start, end) -> np.ndarray:
    """The code in the middle: the first one plus half of the difference to the second."""
    start, end = np.asarray(start), np.asarray(end)
    return start + 0.5 * (end - start)


def path(codes, steps: int, method="linear") -> np.ndarray:
    """A path through all `codes` [n, latent_dim], with `steps` codes from each one to the next.

    It returns [(n − 1) · (steps − 1) + 1, latent_dim]; a code between two legs is there once.
    `method` is "linear" or "spherical". Raises UserError if there are fewer than two codes or
    steps.
    """
    if len(codes) < 2 or steps < 2:
        raise UserError(f"a path needs two codes and two steps, not {len(codes)} and {steps}")
    legs = [METHODS[method](one, next_, steps) for one, next_ in itertools.pairwise(codes)]
    return np.concatenate([leg[:-1] for leg in legs] + [legs[-1][-1:]])


def between_corners(corners, side: int, method="linear") -> np.ndarray:
    """A square of codes between four `corners`: upper left, upper right, lower left, lower right.

    It returns [side², latent_dim], row by row.
    """
    move = METHODS[method]
    left, right = move(corners[0], corners[2], side), move(corners[1], corners[3], side)
    return np.concatenate([move(*ends, side) for ends in zip(left, right)])
