"""Callbacks of a run: pictures, history, checkpoints and warnings at the end of every epoch."""

import contextlib
import math
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from vae_keras import figures
from vae_keras.errors import UserError
from vae_keras.evaluation.code_use import mean_kl_per_dimension
from vae_keras.figures.codes import codes_figure
from vae_keras.files import write_table

UNUSED_NATS = 0.01  # nats of KL below which a dimension counts as unused
SHARE = 0.005  # of the time of a run that checkpoints may take, and looks for a collapse as well


class Seldom:
    """Says when to do again what takes long, so that it takes at most SHARE of the time."""

    def __init__(self):
        self.ended, self.seconds = time.perf_counter(), 0.0

    def is_due(self) -> bool:
        """True if enough time has passed since it was done."""
        return time.perf_counter() - self.ended >= self.seconds / SHARE

    @contextlib.contextmanager
    def measured(self):
        """Measure how long it takes."""
        start = time.perf_counter()
        yield
        self.ended = time.perf_counter()
        self.seconds = self.ended - start


class LatentPlot(keras.callbacks.Callback):
    """Draws the codes of the first `most` examples to `folder`/latent_0001.png, … every epoch."""

    def __init__(self, examples, class_names, folder: Path, most=2_000):
        super().__init__()
        some = examples.take(slice(most))
        self.labels, self.batches = some.own_labels, some.batches()
        self.class_names, self.folder = class_names, Path(folder)

    def set_model(self, model):
        super().set_model(model)
        how = dict(input_signature=[self.batches.element_spec], autograph=False)
        self.code = tf.function(lambda data: model.code(model.prepare(data)), **how)

    def on_epoch_end(self, epoch, logs=None):
        codes = np.concatenate([self.code(data).numpy() for data in self.batches])
        figure = codes_figure(codes, self.labels, self.class_names, f"epoch {epoch + 1}")
        path = self.folder / f"latent_{epoch + 1:04d}.png"
        figures.save(figure, path, pil_kwargs={"compress_level": 1})  # a fifth larger, and faster


class HistoryFile(keras.callbacks.Callback):
    """Writes history.csv, whole, after every epoch: a column for each logged figure.

    The learning rate is that at the end of the epoch. `rows` are those of the epochs before a
    resumed run. Without a `path` they are kept and not written.
    """

    def __init__(self, path: Path | None, rows=()):
        super().__init__()
        self.path, self.rows = path, list(rows)

    def on_train_begin(self, logs=None):
        if self.rows:  # epochs after the checkpoint run again, so their old rows must go
            self._write()

    def on_epoch_end(self, epoch, logs=None):
        terms = self.model.trackers
        keys = [*terms, *(f"val_{name}" for name in terms)]
        rate = float(self.model.optimizer.learning_rate)
        logged = {key: logs[key] for key in keys if key in logs}
        self.rows.append({"epoch": epoch + 1, **logged, "learning_rate": rate})
        self._write()

    def _write(self):
        if self.path is not None:
            write_table(self.path, self.rows)


class StopOnNaN(keras.callbacks.Callback):
    """Stops the run with a UserError of one line if the loss is no longer a number.

    The line says how to go on if there is something in the folder `checkpoints`.
    """

    def __init__(self, checkpoints: Path | None = None):
        super().__init__()
        self.checkpoints = checkpoints

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.step = epoch + 1, 0

    def on_train_batch_end(self, batch, logs=None):
        first, self.step = self.step + 1, batch + 1
        if math.isfinite(logs["loss"]):
            return
        steps = f"step {first}" if first == self.step else f"steps {first} to {self.step}"
        terms = [name for name in self.model.terms if not math.isfinite(logs[name])]
        has_some = self.checkpoints is not None and any(self.checkpoints.glob("epoch_*"))
        raise UserError(
            f"the loss became {logs['loss']} in epoch {self.epoch}, {steps} "
            f"({', '.join(terms)} not finite): most likely the learning rate is too high; lower it "
            f"with --learning-rate{', and go on from the last checkpoint with --resume' * has_some}"
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
        self.examples, self.said, self.looking = examples, 0, Seldom()

    def on_epoch_end(self, epoch, logs=None):
        self.epoch = epoch + 1
        if not self.looking.is_due():
            return
        self._look()
        if (self.unused and not self.said) or self.unused == self.model.latent_dim != self.said:
            self._say()

    def on_train_end(self, logs=None):
        self._look()
        if self.unused != self.said:
            self._say()

    def _look(self):
        with self.looking.measured():
            self.unused = unused_dimensions(self.model, self.examples)

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
    """Prints how long the training takes at most: after its first epoch, and then now and then.

    It is the time of the epochs so far for each of those to come, and RESERVE more. `done` are
    those before a resumed run, with the part of the one in which it begins.
    """

    RESERVE = 0.2  # epochs of equal work take longer on a machine that others use as well
    PAUSE = 60  # seconds between two lines

    def __init__(self, done: float):
        super().__init__()
        self.done = done

    def on_train_begin(self, logs=None):
        self.start = self.said = None

    def on_train_batch_end(self, batch, logs=None):
        # Time counts from the first step on: the tracing of the graph before it is not repeated.
        if self.start is None:
            self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        left, now = self.params["epochs"] - epoch - 1, time.perf_counter()
        if not left or (self.said is not None and now - self.said < self.PAUSE):
            return
        seconds = (now - self.start) / (epoch + 1 - self.done) * left * (1 + self.RESERVE)
        print(f"\nat most {duration(seconds)} to go for {left} more epochs", flush=True)
        self.said = now


def duration(seconds: float) -> str:
    """A time in words: 42 s, 3 min 5 s, 2 h 10 min."""
    seconds = math.ceil(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
