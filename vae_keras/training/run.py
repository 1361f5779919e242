"""train(config): what can be wrong with the input is found before TensorFlow is imported."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vae_keras import data
from vae_keras.config import GIVEN, TrainConfig
from vae_keras.training.run_folder import RunFolder, check_same, new_run, run_to_resume, short_name

if TYPE_CHECKING:
    from vae_keras.models import Autoencoder


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, and what came of it."""

    folder: RunFolder
    config: TrainConfig
    dataset: data.Dataset
    model: "Autoencoder"
    history: dict[str, list[float]]  # a list for each column of history.csv
    metrics: dict  # the content of metrics.json


def train(config: TrainConfig, dataset: data.Dataset | None = None, verbose="auto") -> Run:
    """Train, draw, evaluate and export what `config` describes.

    `dataset` takes the place of the one that `config.dataset` names. `verbose` is that of Keras's
    `fit`; with 0 nothing is printed. Raises UserError for options or data that do not fit, and has
    then written nothing.
    """
    folder = run_to_resume(config) if config.resume else new_run(config)
    board = _tensorboard(folder) if config.tensorboard else None
    stored = folder.read_config() if config.resume else None
    if stored is not None:
        config = config.replace(**_open_choices(config, stored))
    if dataset is None:
        dataset = data.load(config)
    else:
        is_named = dataset.source == config.dataset or dataset.name == short_name(config.dataset)
        if not is_named:  # what it was trained on is told as it was
            config = config.replace(dataset=GIVEN + dataset.name)
        dataset = data.binarised(dataset, config.binarize)
    config = config.replace(name=folder.name).resolved(dataset)
    if stored is not None:
        check_same(stored, config)
    from vae_keras.training.carry_out import carry_out

    return carry_out(config, dataset, folder, board, verbose)


def _open_choices(config: TrainConfig, stored: TrainConfig) -> dict:
    """What `config` leaves to the recipe and the stored run has decided."""
    return {
        key: value
        for key, value in stored.as_dict().items()
        if getattr(config, key, 0) is None and key not in ("data_dir", "name")
    }


def _tensorboard(folder: RunFolder):
    """What writes for TensorBoard. Raises UserError if that is not installed."""
    from vae_keras.training.tensorboard import TensorBoard  # an extra

    return TensorBoard(folder.path / "tensorboard", folder.plots)
