"""`train`, which finds what is wrong with its input before TensorFlow is imported."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vae_keras import data
from vae_keras.config import GIVEN, TrainConfig
from vae_keras.training.cluster import place
from vae_keras.training.run_folder import (
    RunFolder,
    check_same,
    new_run,
    run_of_chief,
    run_to_resume,
    short_name,
)

if TYPE_CHECKING:
    from vae_keras.models import Autoencoder


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its configuration and data set, and its results."""

    folder: RunFolder
    config: TrainConfig
    dataset: data.Dataset
    model: "Autoencoder"
    history: dict[str, list[float]]  # a list for each column of history.csv
    metrics: dict  # the content of metrics.json


def train(config: TrainConfig, dataset=None, verbose="auto", callbacks=()) -> Run:
    """Train, draw, evaluate and export what `config` describes.

    `dataset` replaces the one that `config.dataset` names: a `Dataset`, an array of images, or a
    pair of images and labels. `verbose` is that of Keras's `fit`; with 0 nothing is printed.
    `callbacks` are Keras callbacks, which run after those of the run; what they know is not stored
    for a resumed run. Raises UserError if options or data do not fit, or if the run's name is
    taken; nothing is written then. Raises UserError, too, if the loss is no longer a number.
    """
    is_chief = place(config.strategy).is_chief
    make = run_to_resume if config.resume else new_run if is_chief else run_of_chief
    folder = make(config)
    if config.tensorboard:
        tensorboard(folder)  # is it installed?
    is_named = config.name is not None
    stored = folder.read_config() if config.resume else None
    if stored is not None:
        config = config.replace(**_open_choices(config, stored))
    if dataset is None:
        dataset = data.load(config)
    else:
        if not isinstance(dataset, data.Dataset):
            parts = dataset if isinstance(dataset, tuple) else (dataset,)
            dataset = data.of_arrays(*parts)
        if config.dataset != dataset.source and short_name(config.dataset) != dataset.name:
            # The configuration must say that the data were given as an object.
            config = config.replace(dataset=GIVEN + dataset.name)
        dataset = data.binarised(dataset, config.binarize)
    config = config.replace(name=folder.name).resolved(dataset)
    if stored is not None:
        check_same(stored.resolved(dataset), config)  # an earlier version stored fewer choices
    from vae_keras.training.carry_out import carry_out

    return carry_out(config, dataset, folder, is_named, verbose, callbacks)


def _open_choices(config: TrainConfig, stored: TrainConfig) -> dict:
    """The values of the stored run for options that `config` leaves open."""
    return {
        key: value
        for key, value in stored.as_dict().items()
        if getattr(config, key, 0) is None and key not in ("data_dir", "name")
    }


def tensorboard(folder: RunFolder):
    """Make the callback for TensorBoard. Raises UserError if TensorBoard is not installed."""
    from vae_keras.training.tensorboard import TensorBoard  # an extra

    return TensorBoard(folder.path / "tensorboard", folder.plots)
