"""A trained model by its name: a run or an export, and the data it was trained on."""

from dataclasses import dataclass
from pathlib import Path

from vae_keras import data
from vae_keras.config import TrainConfig
from vae_keras.errors import UserError
from vae_keras.export import load_exported
from vae_keras.export.exported_model import ExportedModel
from vae_keras.export.places import TRAINING
from vae_keras.models import Autoencoder
from vae_keras.training.run_folder import existing_run, read_config


@dataclass(frozen=True)
class StoredModel:
    """A model with its configuration, and the folder where it lies."""

    model: Autoencoder | ExportedModel
    config: TrainConfig
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    def dataset(self, data_dir=None) -> data.Dataset:
        """The data it was trained on. Raises UserError if they are not there, or are others now."""
        try:
            dataset = data.load(self.config.replace(data_dir=data_dir or self.config.data_dir))
        except UserError as error:
            raise UserError(f"{self.folder} needs the data it was trained on: {error}") from error
        if dataset.example_shape != self.model.example_shape:
            raise UserError(
                f"{self.name} is for images of shape {self.model.example_shape}, but those of "
                f"{self.config.dataset} are now of {dataset.example_shape}"
            )
        return dataset


def open_stored(name: str) -> StoredModel:
    """The run or export of that path or name. Raises UserError."""
    if not (Path(name) / "saved_model.pb").is_file():
        try:
            run = existing_run(name)
        except UserError:
            pass  # an export of that name?
        else:
            config = run.read_config()  # before the model: it is what is easier to mend
            return StoredModel(run.load_model(), config, run.path)
    exported = load_exported(name)
    if not (exported.path / TRAINING).is_file():
        raise UserError(f"{str(exported.path)!r} has no {TRAINING}: export the run again")
    return StoredModel(exported, read_config(exported.path / TRAINING), exported.path)
