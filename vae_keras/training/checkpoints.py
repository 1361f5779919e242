"""Checkpoints: where a run stands, so that it can go on bit for bit. What is damaged is found."""

import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras

from vae_keras.config import TrainConfig
from vae_keras.errors import UserError
from vae_keras.files import remove_folder, whole_folder, write_text
from vae_keras.training.best_epoch import BestEpoch
from vae_keras.training.callbacks import HistoryFile, Seldom
from vae_keras.training.devices import Devices
from vae_keras.training.run_folder import MAY_CHANGE
from vae_keras.training.stopping import Stopped, Stops

MODEL, STATE, SUMS = "model.keras", "state.json", "checksums.json"
KEPT = 2  # the last one, and the one before it in case the disk lost the last
NAME = re.compile(r"epoch_(\d+)(?:_step_(\d+))?")


class Position(NamedTuple):
    """How far a training has come: complete epochs, and steps of the next one."""

    epoch: int
    step: int = 0

    @classmethod
    def of(cls, checkpoint: Path) -> "Position":
        """The position that the name of a checkpoint says."""
        return cls(*(int(number or 0) for number in NAME.fullmatch(checkpoint.name).groups()))

    @property
    def name(self) -> str:
        """The name of a checkpoint at this position."""
        return f"epoch_{self.epoch:04d}" + (f"_step_{self.step:06d}" if self.step else "")


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, oldest first."""
    found = (path for path in Path(folder).glob("epoch_*") if NAME.fullmatch(path.name))
    return sorted(found, key=Position.of)


class Checkpoint(keras.callbacks.Callback):
    """Saves model, optimizer, history, position and best epoch to `folder`/epoch_0001, …

    It does so after every epoch where that takes little time, otherwise more seldom, and at the
    end; within an epoch after `config.checkpoint_minutes` without one, and where a signal stops the
    training, which it then ends by raising `Stopped`. The last KEPT stay. `seconds` is the training
    time, at first that before a resumed run. Of the workers on `devices` only the chief writes.
    """

    def __init__(
        self,
        folder: Path,
        config: TrainConfig,
        history: HistoryFile,
        best: BestEpoch,
        stops: Stops,
        seconds: float,
        devices: Devices,
    ):
        super().__init__()
        self.folder, self.config, self.history, self.best = folder, config, history, best
        self.stops, self.seconds, self.saving = stops, seconds, Seldom()
        self.devices, self.signal = devices, None

    def on_train_begin(self, logs=None):
        self.start = time.perf_counter() - self.seconds
        self.stops.wait = True

    def on_train_end(self, logs=None):
        self.stops.wait = False
        if self.stops.signal:  # it came after the last checkpoint
            raise Stopped(self.stops.signal)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        step, minutes = batch + 1, (time.perf_counter() - self.saving.ended) / 60
        is_long = minutes >= self.config.checkpoint_minutes
        self.signal, is_long = self.devices.agreed(self.stops.signal, is_long)
        if step < self.params["steps"] and (self.signal or is_long):
            self._save(Position(self.epoch, step))

    def on_epoch_end(self, epoch, logs=None):
        self.signal, _ = self.devices.agreed(self.stops.signal)
        is_last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        if is_last or self.signal or self.saving.is_due():
            self._save(Position(epoch + 1))

    def _save(self, position: Position):
        found = means(self.model) if position.step else {}  # all workers add up theirs
        if self.devices.is_chief:
            self._write(position, found)
        if self.signal:
            raise Stopped(self.signal)

    def _write(self, position: Position, means: dict):
        with self.saving.measured():
            self.seconds = time.perf_counter() - self.start
            state = {
                **position._asdict(),
                "train_seconds": self.seconds,
                "history": self.history.rows,
                "means": means,
                "config": self.config.as_dict(),
            }
            with whole_folder(self.folder / position.name) as temporary:
                self.model.save(temporary / MODEL)
                self.best.write(temporary)
                write_text(temporary / STATE, json.dumps(state))
                write_text(temporary / SUMS, json.dumps(checksums(temporary)))
            older = [old for old in checkpoints(self.folder) if Position.of(old) <= position]
            for old in older[:-KEPT]:
                remove_folder(old)


def means(model) -> dict[str, list[float]]:
    """What the means of the running epoch are made of, by the name of the logged figure."""
    return {
        name: [float(variable.numpy()) for variable in tracker.variables]
        for name, tracker in model.trackers.items()
    }


def checksums(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in `folder`, by its name."""
    found = {}
    for file in sorted(folder.iterdir()):
        with open(file, "rb") as content:
            found[file.name] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def restore(
    model, folder: Path, config: TrainConfig, best: BestEpoch, say: Callable[[str], object]
) -> dict | None:
    """Load the newest whole checkpoint in `folder` into `model` and `best`; return its state.

    Of each damaged one it calls `say` with a line. Without checkpoints it returns None. Raises
    UserError if there are some, and none is whole.
    """
    found = checkpoints(folder)
    for checkpoint in reversed(found):
        try:
            state = _checked(checkpoint, config)
            model.load_weights(checkpoint / MODEL)
            best.read(checkpoint)
        except Exception as error:  # a damaged archive raises errors of many kinds
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            say(f"{checkpoint} is damaged ({reason}): the one before it is used")
        else:
            return state
    if found:
        raise UserError(
            f"no checkpoint in {str(folder)!r} is whole: start the run anew with --overwrite"
        )
    return None


def _checked(checkpoint: Path, config: TrainConfig) -> dict:
    """The state in a checkpoint. Raises ValueError if it is not what was written there."""
    state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    if "config" in state:  # earlier versions wrote neither this nor checksums
        written, found = json.loads((checkpoint / SUMS).read_text()), checksums(checkpoint)
        found.pop(SUMS)
        if different := {name for name, _ in written.items() ^ found.items()}:
            raise ValueError(f"{min(different)} is not as it was written")
    state = {"step": 0, "means": {}, "config": {}, **state}
    if Position(state["epoch"], state["step"]) != Position.of(checkpoint):
        raise ValueError(f"it is of epoch {state['epoch']}, step {state['step']}")
    now = config.as_dict()
    for option, value in state["config"].items():
        if option not in MAY_CHANGE and now.get(option, value) != value:
            raise ValueError(f"it is of a run with {option} {value}")
    return state
