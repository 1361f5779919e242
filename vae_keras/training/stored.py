"""Opens a trained model by its name, with the data it was trained on: a run or an export."""

from dataclasses import dataclass
from pathlib import Path

from vae_keras import data
from vae_keras.config import TrainConfig
from vae_keras.data.kinds import Kind, kind_of
from vae_keras.data.tables.columns import Columns
from vae_keras.errors import UserError
from vae_keras.export import load_exported
from vae_keras.export.exported_model import ExportedModel
from vae_keras.export.places import TRAINING
from vae_keras.models import Autoencoder
from vae_keras.training.run_folder import existing_run, read_config


@dataclass(frozen=True)
class StoredModel:
    """A trained model with its configuration, and the folder in which it lies."""

    model: Autoencoder | ExportedModel
    config: TrainConfig
    folder: Path
    columns: Columns | None = None  # of the table that it was trained on

    @property
    def name(self) -> str:
        """The name of the model's folder."""
        return self.folder.resolve().name

    @property
    def kind(self) -> Kind:
        """The kind of its examples, as the training read them."""
        columns = self.columns.as_dict() if self.columns else None
        return kind_of(self.model.vocabulary, columns).as_trained(self.config.as_dict())

    @property
    def unit(self) -> str:
        """The unit of its loss."""
        if isinstance(self.model, ExportedModel):
            return self.model.unit
        return self.model.reconstruction.unit

    def files(self) -> list[Path]:
        """The files of which the model is made."""
        names = ("model.keras", "config.json", "saved_model.pb", TRAINING)
        found = [self.folder / name for name in names]
        return [*filter(Path.is_file, found), *(self.folder / "variables").glob("*")]

    def dataset(self, data_dir=None) -> data.Dataset:
        """Load the data that the model was trained on, archives from `data_dir` if it is given.

        Raises UserError if the data cannot be loaded, or if their shape is another one now.
        """
        try:
            dataset = data.load(self.config.replace(data_dir=data_dir or self.config.data_dir))
        except UserError as error:
            raise UserError(f"{self.folder} needs the data it was trained on: {error}") from error
        if dataset.example_shape != self.model.example_shape:
            raise UserError(
                f"{self.name} is for examples of shape {self.model.example_shape}, but those of "
                f"{self.config.dataset} are now of {dataset.example_shape}"
            )
        if self.columns is not None and dataset.kind.columns != self.columns:
            raise UserError(
                f"{self.name} is for rows that other means and deviations standardise than those "
                f"of {self.config.dataset} now: restore the file"
            )
        return dataset


def open_stored(name: str) -> StoredModel:
    """Open the run or the export that has this path or name.

    Raises UserError if there is neither, if it is damaged, or if an export lacks its configuration.
    """
    if not (Path(name) / "saved_model.pb").is_file():
        try:
            run = existing_run(name)
        except UserError:
            pass  # there may be an export of that name
        else:
            config = run.read_config()  # before the model, because it is easier to repair
            columns = run.read_metrics().get("columns") if run.metrics.is_file() else None
            columns = Columns(**columns) if columns else None
            return StoredModel(run.load_model(), config, run.path, columns)
    exported = load_exported(name)
    if not (exported.path / TRAINING).is_file():
        raise UserError(f"{str(exported.path)!r} has no {TRAINING}: export the run again")
    config = read_config(exported.path / TRAINING)
    return StoredModel(exported, config, exported.path, exported.kind.columns)
