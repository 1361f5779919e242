"""The folders of runs: their paths and their names."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from vae_keras.config import NOT_OF_THE_RUN, TrainConfig
from vae_keras.errors import UserError
from vae_keras.files import remove_folder, write_text

EVALUATION = ("evaluation.json", "evaluation.png")  # written by the command evaluate


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run, `runs/NAME`, and of its export, `saved_models/NAME`."""

    path: Path
    exported: Path

    @classmethod
    def below(cls, root: Path, name: str) -> "RunFolder":
        """The folders of a run called `name`, below the output folder `root`."""
        return cls(root / "runs" / name, root / "saved_models" / name)

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.path.name

    @property
    def config(self) -> Path:
        """The path of the resolved configuration."""
        return self.path / "config.json"

    @property
    def history(self) -> Path:
        """The path of the losses of every epoch."""
        return self.path / "history.csv"

    @property
    def metrics(self) -> Path:
        """The path of the figures of the test set."""
        return self.path / "metrics.json"

    @property
    def evaluation(self) -> list[Path]:
        """The paths of the numbers and the picture that the command evaluate writes."""
        return [self.path / name for name in EVALUATION]

    @property
    def model(self) -> Path:
        """The path of the trained model."""
        return self.path / "model.keras"

    @property
    def plots(self) -> Path:
        """The folder of the pictures."""
        return self.path / "plots"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    def is_taken(self) -> bool:
        """True if there is a run or an export of that name."""
        return self.path.exists() or self.exported.exists()

    def create(self, config: TrainConfig):
        """Make the folders and write config.json.

        Raises FileExistsError if another process has made the folder of this new run, and UserError
        if the folders cannot be written.
        """
        try:
            self.exported.parent.mkdir(parents=True, exist_ok=True)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if config.overwrite and self.path.exists():
                remove_folder(self.path)
            self.path.mkdir(exist_ok=config.resume)  # of two processes, one alone succeeds
            for folder in (self.plots, self.checkpoints):
                folder.mkdir(parents=True, exist_ok=True)
            for leftover in self.checkpoints.glob(".epoch_*"):  # from a process that was killed
                shutil.rmtree(leftover)
            write_text(self.config, config.to_json())
        except OSError as error:
            if isinstance(error, FileExistsError) and self.path.is_dir():
                raise
            raise UserError(
                f"cannot write {str(self.path)!r} ({error.strerror}): choose another --output-dir"
            ) from error

    def read_config(self) -> TrainConfig:
        """The resolved configuration of the run, with the folder's name as its name.

        Raises UserError if config.json is missing or damaged.
        """
        if not self.config.is_file():
            raise UserError(f"no run {str(self.path)!r}: it has no config.json")
        return read_config(self.config, name=self.name)

    def load_model(self):
        """Load the trained model. Raises UserError if it is not there yet, or damaged."""
        if not self.model.is_file():
            raise UserError(
                f"run {str(self.path)!r} has no model.keras yet: finish it with train --resume "
                f"--name {self.name}"
            )
        import keras  # imports TensorFlow, so only when there is a model to load

        try:
            return keras.models.load_model(self.model)
        except Exception as error:  # a damaged archive raises errors of many kinds
            raise UserError(f"{self.model} cannot be read: {error}") from error

    def read_metrics(self) -> dict:
        """The figures of the test set. Raises UserError if metrics.json is damaged."""
        try:
            return json.loads(self.metrics.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{self.metrics} is damaged ({error}): restore it") from error

    def last_checkpoint(self) -> Path | None:
        """The newest complete checkpoint, or None."""
        return max(self.checkpoints.glob("epoch_*"), default=None)


def read_config(file: Path, **changes) -> TrainConfig:
    """The configuration in a config.json, with `changes`. Raises UserError if it is damaged.

    Options that there were not when it was written have the values that did the same.
    """
    try:
        stored = _as_now(json.loads(file.read_text(encoding="utf-8")))
        return TrainConfig(**{**stored, **changes})
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{file} is damaged ({error}): restore it") from error


def _as_now(stored: dict) -> dict:
    """The options of an earlier version, with values that do what it did for those it lacked."""
    older = {}
    if "metre" not in stored and str(stored.get("dataset")).startswith("midi:"):
        older["metre"] = "4/4"
    if "keep" not in stored:
        older |= {"keep": "last", "passes": 1}
        if stored.get("likelihood") == "gaussian" and stored.get("sigma") is None:
            older["sigma"] = "learned"
    return {**stored, **older}


def default_name(config: TrainConfig) -> str:
    """The data set and model: `digits_vae`; `photos_vae` for folder:some/photos."""
    return f"{short_name(config.dataset)}_{config.model}"


def short_name(dataset: str) -> str:
    """The name of a data set without its path: `digits`, or `photos` for folder:some/photos."""
    kind, _, rest = dataset.rpartition(":")
    file = Path(f"faces{rest}" if kind == "faces" else rest).resolve()  # "." and ".." get a name
    return file.name.split(".")[0]


def new_run(config: TrainConfig) -> RunFolder:
    """The folders of a new run. Without a given name, it takes a number if its name is taken.

    Raises UserError if the given name is taken and `config.overwrite` does not allow to replace it.
    """
    root = Path(config.output_dir)
    if config.name is not None:
        run = RunFolder.below(root, config.name)
        if run.is_taken() and not config.overwrite:
            raise UserError(
                f"a run or export named {config.name!r} exists in {str(root)!r}: choose another "
                "--name, go on with it by --resume, or replace it with --overwrite"
            )
        return run
    run, number = RunFolder.below(root, default_name(config)), 1
    while run.is_taken() and not config.overwrite:
        number += 1
        run = RunFolder.below(root, f"{default_name(config)}-{number}")
    return run


def claimed(run: RunFolder, config: TrainConfig, is_named: bool) -> RunFolder:
    """The folders of the run, made for this process alone.

    If another process has taken the name in the meantime, they are those of the next free number.
    Raises UserError if the name was given by the user, or if the folders cannot be written.
    """
    while True:
        try:
            run.create(config.replace(name=run.name))
            return run
        except FileExistsError:
            run = new_run(config.replace(name=config.name if is_named else None))


def run_to_resume(config: TrainConfig) -> RunFolder:
    """The run that `config` names, or else the newest one of its data set and model.

    Raises UserError if there is none.
    """
    root = Path(config.output_dir)
    name = config.name
    if name is None:
        pattern = re.compile(re.escape(default_name(config)) + r"(?:-(\d+))?")
        numbers = {
            int(found[1] or 1): folder.name
            for folder in (root / "runs").glob("*")
            if (found := pattern.fullmatch(folder.name))
        }
        name = numbers[max(numbers)] if numbers else default_name(config)
    run = RunFolder.below(root, name)
    if not run.config.is_file():
        raise UserError(f"no run {str(run.path)!r} to resume: leave --resume out, or name another")
    return run


def existing_run(path: str) -> RunFolder:
    """The run in the folder `path`, or in runs/`path`. Raises UserError if there is none."""
    for folder in (Path(path), Path("runs", path)):
        if (folder / "config.json").is_file():
            return RunFolder(folder, Path("saved_models", folder.resolve().name))
    raise UserError(f"no run {path!r}: give a folder such as runs/digits_vae")


def check_same(stored: TrainConfig, config: TrainConfig):
    """Raise UserError if `config` differs from the `stored` one that a run was started with.

    The epochs may differ, and the options of NOT_OF_THE_RUN.
    """
    for option, value in stored.as_dict().items():
        new = getattr(config, option, None)
        if option not in (*NOT_OF_THE_RUN, "name", "epochs") and new != value:
            raise UserError(
                f"run {stored.name!r} was started with {option.replace('_', ' ')} {value}, not "
                f"{new}: resume it with that, or start another run"
            )
