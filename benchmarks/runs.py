"""Runs that several benchmarks train or resume."""

from pathlib import Path

from vae_keras import TrainConfig, train
from vae_keras.training.run import Run
from vae_keras.training.run_folder import RunFolder


def finished(name: str, **options) -> Run:
    """Train the run `name`, or resume it if it was stopped. `options` are those of TrainConfig."""
    is_begun = RunFolder.below(Path(), name).config.exists()
    return train(TrainConfig(name=name, resume=is_begun, **options))
