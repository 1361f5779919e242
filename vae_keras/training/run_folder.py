"""The folders of runs: their paths, their names, and whose they are."""

import contextlib
import json
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import filelock

from vae_keras.config import NOT_OF_THE_RUN, TrainConfig
from vae_keras.errors import UserError
from vae_keras.export.places import (
    EVALUATION,
    FEATURES,
    FEATURES_PICTURE,
    MODEL_FILE,
    OF_AN_EXPORT,
)
from vae_keras.files import check_replaceable, remove_folder, sweep, write_text

OF_A_RUN = (  # what a run and the commands that take it write into its folder
    "config.json", "history.csv", "metrics.json", "model.keras", "plots", "checkpoints",
    "tensorboard", FEATURES, FEATURES_PICTURE, *EVALUATION,
)  # fmt: skip
MAY_CHANGE = (*NOT_OF_THE_RUN, "name", "epochs", "learning_rate")  # when a run is resumed


class Held(UserError):
    """Another process holds the run."""


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

    @contextlib.contextmanager
    def held(self):
        """Hold the run for this process alone, until the block ends or the process does.

        Raises Held, which names the process that has it, and UserError if it cannot be written.
        """
        lock = filelock.FileLock(self.path.parent / f".{self.name}.lock")
        try:
            with _told_if_not_writable(self.path):
                for folder in (self.path.parent, self.exported.parent):
                    folder.mkdir(parents=True, exist_ok=True)
                lock.acquire(blocking=False)
        except filelock.Timeout:
            raise Held(
                f"run {str(self.path)!r} is being written by {self._holder()}: wait until it has "
                "ended, or choose another --name"
            ) from None
        try:
            write_text(self.holder, f"process {os.getpid()} on {platform.node()}")
            yield
        finally:
            self.holder.unlink(missing_ok=True)
            lock.release()

    @property
    def holder(self) -> Path:
        """The file that says which process has the run."""
        return self.path.parent / f".{self.name}.process"

    def _holder(self) -> str:
        with contextlib.suppress(OSError):
            return self.holder.read_text(encoding="utf-8")
        return "another process"

    def create(self, config: TrainConfig):
        """Make the folders and write config.json, for the process that holds the run.

        Of a run that it replaces or resumes, it removes what is to be written anew, and what was
        left half written. Raises FileExistsError if there is a run and `config` says neither, and
        UserError if the folders cannot be written, or hold what no run has written.
        """
        with _told_if_not_writable(self.path):
            if config.overwrite:
                self.check_replaceable()
                if self.path.exists():
                    remove_folder(self.path)
            self.path.mkdir(parents=True, exist_ok=config.resume)
            write_text(self.config, config.to_json())  # first: it tells that the rest is a run's
            for folder in (self.plots, self.checkpoints):
                folder.mkdir(exist_ok=True)
            for folder in (self.path, self.plots, self.checkpoints):
                sweep(folder)
            sweep(self.exported.parent, self.name)

    def check_replaceable(self):
        """Raise UserError if run or export are links, or hold what no run has written."""
        check_replaceable(self.path, self.config.name, OF_A_RUN)
        check_replaceable(self.exported, MODEL_FILE, OF_AN_EXPORT)

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


@contextlib.contextmanager
def _told_if_not_writable(path: Path):
    """Give an OSError of writing a run as a UserError, unless the run is there or held already."""
    try:
        yield
    except filelock.Timeout:
        raise
    except OSError as error:
        if isinstance(error, FileExistsError) and path.is_dir():
            raise
        raise UserError(
            f"cannot write {str(path)!r} ({error.strerror}): choose another --output-dir"
        ) from error


def read_config(file: Path, **changes) -> TrainConfig:
    """The configuration in a config.json, with `changes`. Raises UserError if it is damaged.

    Options that there were not when it was written have the values that did the same.
    """
    try:
        stored = _as_now(json.loads(file.read_text(encoding="utf-8")))
        return TrainConfig(**{**stored, **changes})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{file} is damaged ({error}): restore it") from error


def _as_now(stored: dict) -> dict:
    """The options of an earlier version, with values that do what it did for those it lacked."""
    older = {}
    if "metre" not in stored and str(stored.get("dataset")).startswith("midi:"):
        older["metre"] = "4/4"
    if stored.get("ema") is None:
        older["ema"] = 0.0
        if (stored.get("network"), stored.get("units")) == ("dense", None):
            older["units"] = "512-256-128"
    if "jit" not in stored:  # XLA would draw other noise
        older["jit"] = "off"
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
        run = run_of_chief(config)
        if run.is_taken() and not config.overwrite:
            raise UserError(
                f"a run or export named {config.name!r} exists in {str(root)!r}: choose another "
                "--name, go on with it by --resume, or replace it with --overwrite"
            )
        return run
    run, number = run_of_chief(config), 1
    while run.is_taken() and not config.overwrite:
        number += 1
        run = RunFolder.below(root, f"{default_name(config)}-{number}")
    return run


def run_of_chief(config: TrainConfig) -> RunFolder:
    """The folders of a new run as far as another worker knows them, who does not write there."""
    return RunFolder.below(Path(config.output_dir), config.name or default_name(config))


@contextlib.contextmanager
def claimed(run: RunFolder, config: TrainConfig, is_named: bool):
    """The folders of the run, held by this process alone until the block ends.

    A new run has them made. If another process has taken its name in the meantime, they are those
    of the next free number. Raises UserError if the name was given by the user, if a run that is
    to be resumed or replaced is held by another process, or if the folders cannot be written.
    """
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(run.held())
                if not config.resume:
                    run.create(config.replace(name=run.name))
            except (FileExistsError, Held):
                if config.resume or config.overwrite:
                    raise
            else:
                yield run
                return
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

    The options in MAY_CHANGE may differ.
    """
    for option, value in stored.as_dict().items():
        new = getattr(config, option, None)
        if option not in MAY_CHANGE and new != value:
            raise UserError(
                f"run {stored.name!r} was started with {option.replace('_', ' ')} {value}, not "
                f"{new}: resume it with that, or start another run"
            )
