"""Callbacks of a run: pictures, history, checkpoints and warnings at the end of every epoch."""

import json
import math
import time
from pathlib import Path

import keras
import numpy as np

from vae_keras import figures
from vae_keras.errors import UserError
from vae_keras.evaluation.code_use import mean_kl_per_dimension
from vae_keras.figures.codes import codes_figure
from vae_keras.files import remove_folder, whole_folder, write_table, write_text
from vae_keras.latent.codes import encode

UNUSED_NATS = 0.01  # nats of KL below which a dimension counts as unused
KEPT_CHECKPOINTS = 2  # the last one, and the one before it in case the disk lost the last


class LatentPlot(keras.callbacks.Callback):
    """Draws the codes of the first `most` examples to `folder`/latent_0001.png, … every epoch."""

    def __init__(self, examples, class_names, folder: Path, most=3_000):
        super().__init__()
        self.examples, self.class_names, self.folder = examples, class_names, Path(folder)
        self.most = most
        self.labels = examples.take(slice(most)).own_labels

    def on_epoch_end(self, epoch, logs=None):
        codes = encode(self.model, self.examples, self.most)
        figure = codes_figure(codes, self.labels, self.class_names, f"epoch {epoch + 1}")
        figures.save(figure, self.folder / f"latent_{epoch + 1:04d}.png")


class HistoryFile(keras.callbacks.Callback):
    """Writes history.csv, whole, after every epoch: a column for each logged figure.

    `rows` are those of the epochs before a resumed run.
    """

    def __init__(self, path: Path, rows=()):
        super().__init__()
        self.path, self.rows = Path(path), list(rows)

    def on_train_begin(self, logs=None):
        if self.rows:  # epochs after the checkpoint run again, so their old rows must go
            self._write()

    def on_epoch_end(self, epoch, logs=None):
        terms = self.model.trackers
        keys = [*terms, *(f"val_{name}" for name in terms)]
        self.rows.append({"epoch": epoch + 1, **{key: logs[key] for key in keys if key in logs}})
        self._write()

    def _write(self):
        write_table(self.path, self.rows)


class Checkpoint(keras.callbacks.Callback):
    """Saves model, optimizer, history and position to `folder`/epoch_0001, … after every epoch.

    The last KEPT_CHECKPOINTS stay. `seconds_before` is the training time before a resumed run.
    """

    def __init__(self, folder: Path, history: HistoryFile, seconds_before=0.0):
        super().__init__()
        self.folder, self.history, self.seconds_before = Path(folder), history, seconds_before

    def on_train_begin(self, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = self.seconds_before + time.perf_counter() - self.start
        state = {"epoch": epoch + 1, "train_seconds": seconds, "history": self.history.rows}
        with whole_folder(self.folder / f"epoch_{epoch + 1:04d}") as temporary:
            self.model.save(temporary / "model.keras")
            write_text(temporary / "state.json", json.dumps(state))
        for old in checkpoints(self.folder)[:-KEPT_CHECKPOINTS]:
            remove_folder(old)


def checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints in `folder`, oldest first."""
    return sorted(Path(folder).glob("epoch_*"))


class StopOnNaN(keras.callbacks.Callback):
    """Stops the run with a UserError of one line if the loss is no longer a number."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.step = epoch + 1, 0

    def on_train_batch_end(self, batch, logs=None):
        first, self.step = self.step + 1, batch + 1
        if math.isfinite(logs["loss"]):
            return
        steps = f"step {first}" if first == self.step else f"steps {first} to {self.step}"
        terms = [name for name in self.model.terms if not math.isfinite(logs[name])]
        raise UserError(
            f"the loss became {logs['loss']} in epoch {self.epoch}, {steps} "
            f"({', '.join(terms)} not finite): most likely the learning rate is too high; lower it "
            f"with --learning-rate; checkpoints: {self.epoch - 1} complete epochs"
        )


def unused_dimensions(model, examples, most=1_000) -> int:
    """How many dimensions have a KL below UNUSED_NATS, averaged over the first `most` examples."""
    kl = mean_kl_per_dimension(model, examples.take(slice(most)))
    return int(np.sum(kl < UNUSED_NATS))


class CollapseWarning(keras.callbacks.Callback):
    """Warns in one line if dimensions of a VAE's code are unused, and says what helps.

    A dimension is unused if its posterior is the prior: see `unused_dimensions`.
    """

    def __init__(self, examples):
        super().__init__()
        self.examples, self.said = examples, 0

    def on_epoch_end(self, epoch, logs=None):
        self.epoch = epoch + 1
        self.unused = unused_dimensions(self.model, self.examples)
        if (self.unused and not self.said) or self.unused == self.model.latent_dim != self.said:
            self._say()

    def on_train_end(self, logs=None):
        if self.unused != self.said:
            self._say()

    def _say(self):
        self.said, size = self.unused, self.model.latent_dim
        if not self.unused:
            print(f"\nepoch {self.epoch}: all {size} code dimensions are used now", flush=True)
            return
        if self.unused == size:
            what = "the code has collapsed: all posteriors are the prior and the decoder ignores z"
        else:
            what = (
                f"{self.unused} of {size} code dimensions are unused (KL below {UNUSED_NATS} nats)"
            )
        print(
            f"\nepoch {self.epoch}: {what}; if reconstructions suffer, lower --beta, raise "
            "--beta-warmup, or give --free-bits 0.1",
            flush=True,
        )


class TimeLeft(keras.callbacks.Callback):
    """Prints after the first epoch how long the others will take at most."""

    def __init__(self, first_epoch: int):
        super().__init__()
        self.first_epoch = first_epoch

    def on_train_begin(self, logs=None):
        self.start = None

    def on_train_batch_end(self, batch, logs=None):
        # Time counts from the first step on: the tracing of the graph before it is not repeated.
        if self.start is None:
            self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        left = self.params["epochs"] - epoch - 1
        if epoch == self.first_epoch and left:
            seconds = (time.perf_counter() - self.start) * left
            print(f"\nat most {duration(seconds)} to go for {left} more epochs", flush=True)


def duration(seconds: float) -> str:
    """A time in words: 42 s, 3 min 5 s, 2 h 10 min."""
    seconds = math.ceil(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
