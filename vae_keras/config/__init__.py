"""What a run is: its options, the options of every rung, and recipes. It needs no TensorFlow."""

from vae_keras.config.rungs import RUNGS, RungOptions, rung_named
from vae_keras.config.train_config import GIVEN, NOT_OF_THE_RUN, TrainConfig, is_plain_name

__all__ = [
    "GIVEN",
    "NOT_OF_THE_RUN",
    "RUNGS",
    "RungOptions",
    "TrainConfig",
    "is_plain_name",
    "rung_named",
]
