"""Weights that change while a model is trained."""

from typing import Any

import tensorflow as tf

from vae_keras.errors import UserError


class Warmup:
    """The factor of a weight that rises from 0 to 1 over the first `warmup` epochs.

    With several `cycles` it does so again, at equal distances over the `epochs` of the training (Fu
    et al. 2019, Cyclical annealing schedule). Raises UserError if there is a warm-up and
    `steps_per_epoch` is missing, or `epochs` if there are cycles.
    """

    def __init__(self, warmup: int, cycles: int, epochs: int | None, steps_per_epoch: int | None):
        if warmup and not (steps_per_epoch and (epochs or cycles == 1)):
            raise UserError(
                f"a warm-up of {warmup} epochs has no steps yet: give steps_per_epoch, and epochs "
                "if it has cycles"
            )
        self.steps = warmup * (steps_per_epoch or 0)
        self.every = (epochs or 0) * (steps_per_epoch or 0) // cycles if cycles > 1 else 0

    def __call__(self, step) -> Any:
        """The factor, from 0 to 1, at a training step; in evaluation `step` is None and it is 1."""
        if step is None or not self.steps:
            return 1.0
        if self.every:
            step %= self.every
        return tf.minimum(1.0, tf.cast(step, tf.float32) / self.steps)
