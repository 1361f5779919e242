"""What the benchmarks share."""

from pathlib import Path

from vae_keras import TrainConfig, train
from vae_keras.training.run import Run
from vae_keras.training.run_folder import RunFolder


def finished(name: str, **options) -> Run:
    """The run `name`: trained, or taken up again if it was stopped."""
    is_begun = RunFolder.below(Path(), name).config.exists()
    return train(TrainConfig(name=name, resume=is_begun, **options))
