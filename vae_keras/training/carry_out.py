"""Carries out a run: from the first weights, or its last checkpoint, to the export."""

import contextlib
import importlib.metadata
import json
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from vae_keras import data
from vae_keras.config import NOT_OF_THE_RUN, TrainConfig
from vae_keras.config.options import flag
from vae_keras.evaluation.losses import evaluate
from vae_keras.evaluation.rebuilt import column_errors, squared_errors
from vae_keras.export.saved_model import export
from vae_keras.files import write_text
from vae_keras.training import callbacks
from vae_keras.training.best_epoch import BestEpoch
from vae_keras.training.checkpoints import Checkpoint, Position, restore
from vae_keras.training.devices import Devices
from vae_keras.training.fitting import alone, build, finish, fit, steps_per_epoch, validation
from vae_keras.training.results import draw_results
from vae_keras.training.run import Run, tensorboard
from vae_keras.training.run_folder import RunFolder, claimed
from vae_keras.training.stopping import Stopped, Stops
from vae_keras.training.verdict import verdict


def carry_out(
    config: TrainConfig,
    dataset: data.Dataset,
    folder: RunFolder,
    is_named: bool,
    verbose,
    added_callbacks=(),
) -> Run:
    """Train, evaluate, draw and export what a resolved `config` describes; return the run.

    A resumed run starts from the last checkpoint in `folder`. If the name of a new one was not
    `is_named` by the user, it may change, because another process has taken it. `verbose` is that
    of Keras's `fit`; `added_callbacks` run after those of the run. Of the workers of a cluster only
    the chief writes and says anything; the others return a run without metrics. Raises UserError if
    the folder cannot be written, if the loss is no longer a number, or if a worker is lost.
    """
    devices = Devices(config.strategy)
    with devices.scope():
        model = build(config, dataset)
    with contextlib.ExitStack() as held:
        if devices.is_chief:
            folder = held.enter_context(claimed(folder, config, is_named))
            config = config.replace(name=folder.name)
        stops = held.enter_context(Stops())
        held.enter_context(devices.joined())
        training = Training(config, dataset, folder, devices, stops, verbose, added_callbacks)
        return training.carried_out(model) if devices.is_chief else training.assisted(model)


@dataclass(frozen=True)
class State:
    """How far a run has come: its position, seconds, rows of the history, and the best epoch."""

    done: Position
    train_seconds: float
    history: list[dict]
    best: BestEpoch
    epochs: int  # that are wanted
    means: dict[str, list[float]]  # of the logged figures of an epoch that has begun

    @property
    def epoch(self) -> int:
        """The number of complete epochs."""
        return self.done.epoch

    @property
    def is_trained(self) -> bool:
        """True if there is nothing more to train."""
        return self.epoch >= self.epochs or self.best.is_over(self.epoch)


@dataclass(frozen=True)
class Training:
    """What a run is made of: its configuration, its data, its folder and its devices.

    `stops` has the signals that end it, `verbose` is that of Keras's `fit`, and `added` are
    callbacks of the user.
    """

    config: TrainConfig
    dataset: data.Dataset
    folder: RunFolder
    devices: Devices
    stops: Stops
    verbose: object
    added: Sequence[keras.callbacks.Callback]

    def carried_out(self, model) -> Run:
        """Train, evaluate, draw and export the `model` in the folder, which is held."""
        try:
            return self._carried_out(model)
        except Stopped as stopped:
            self.say(f"\n{stopped}: go on with {command_to_go_on(self.config)}", flush=True)
            raise

    def assisted(self, model) -> Run:
        """Train the `model` with the chief of the cluster, and write nothing."""
        state = self.restored(model)
        if not state.is_trained:
            state = self.fitted(model, state)
        return Run(self.folder, self.config, self.dataset, model, _columns(state.history), {})

    def say(self, *words, **how):
        """Print a line, if anything is to be said by this process."""
        if self.verbose and self.devices.is_chief:
            print(*words, **how)

    def _carried_out(self, model) -> Run:
        config, dataset, folder = self.config, self.dataset, self.folder
        state = self.restored(model)
        finished = folder.metrics.is_file() and folder.exported.is_dir()
        is_shown = not config.tensorboard or tensorboard(folder).is_complete()
        if state.is_trained and finished and is_shown:
            self.say(f"{folder.path} is complete ({state.epoch} epochs); for more, raise --epochs")
            history = _columns(state.history)
            return Run(folder, config, dataset, folder.load_model(), history, folder.read_metrics())
        if config.resume:
            folder.create(config)
        board = tensorboard(folder) if config.tensorboard else None
        self.say(plan(config, dataset, model, state.done, self.devices))
        if board:
            board.begin(dataset, state.history)
        if not state.is_trained:
            state = self.fitted(model, state, board)
        if self.devices.strategy:  # what follows is done by one process, on one device
            model = alone(model, config, dataset)
        if config.keep == "best":
            model.set_weights(state.best.weights)  # with `ema` these are averages already
        elif config.ema:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        finish(model, dataset)
        metrics = _metrics(model, config, dataset, state, self.devices)
        history = _columns(state.history)
        self.say(f"drawing {folder.plots} and writing {folder.exported} …")
        for stale in folder.evaluation:  # an evaluation of the run before it was resumed
            stale.unlink(missing_ok=True)
        model.save(folder.model)
        draw_results(model, dataset, history, folder.plots)
        export(model, folder.exported, config, metrics)
        write_text(folder.metrics, json.dumps(metrics, indent=2) + "\n")
        self.say(summary(folder, dataset, metrics))
        for line in verdict(metrics, history):
            self.say(line)
        if board:
            board.write_projector(model)
            self.say(
                "to look at it: tensorboard --samples_per_plugin images=1000 --logdir "
                f"{board.folder}"
            )
        return Run(folder, config, dataset, model, history, metrics)

    def restored(self, model) -> State:
        """Load the newest whole checkpoint into `model`, and return its state."""
        config, best = self.config, BestEpoch(self.config.patience)
        state = None
        if config.resume:
            state = restore(model, self.folder.checkpoints, config, best, self.say)
        done = Position(state["epoch"], state["step"]) if state else Position(0)
        self.devices.check_same("last checkpoint", *done)
        if state is None:
            return State(done, 0.0, [], best, config.epochs, {})
        if config.schedule == "constant":  # it is a variable, which the checkpoint has set as well
            model.optimizer.learning_rate = config.learning_rate
        history, seconds = state["history"], state["train_seconds"]
        return State(done, seconds, history, best, config.epochs, state["means"])

    def fitted(self, model, state: State, board=None) -> State:
        """Train from the position of `state` to the last epoch; return the new state."""
        config, dataset, folder = self.config, self.dataset, self.folder
        writes = self.devices.is_chief
        verbose = self.verbose if writes else 0
        if verbose == "auto":  # outside a terminal or notebook, the bar would print each step
            is_seen = (sys.stdout and sys.stdout.isatty()) or "ipykernel" in sys.modules
            verbose = 1 if is_seen else 2
        history = callbacks.HistoryFile(folder.history if writes else None, state.history)
        checkpoint = Checkpoint(
            folder.checkpoints,
            config,
            history,
            state.best,
            self.stops,
            state.train_seconds,
            self.devices,
        )
        done = state.epoch + state.done.step / steps_per_epoch(config, dataset)
        warns = verbose and model.is_variational
        plots = [callbacks.LatentPlot(dataset.train, dataset.class_names, folder.plots)]
        fit(
            model,
            config,
            dataset,
            state.done,
            state.means,
            self.devices,
            **validation(dataset, self.devices),
            verbose=verbose,
            callbacks=[
                callbacks.StopOnNaN(folder.checkpoints),
                # Validation uses the averaged weights, with which the run ends.
                *([keras.callbacks.SwapEMAWeights()] if config.ema else []),
                *(plots if writes else []),
                *([board] if board else []),  # after LatentPlot, whose picture it shows
                history,
                state.best,
                *([callbacks.CollapseWarning(dataset.validation)] if warns else []),
                *([callbacks.TimeLeft(done)] if verbose else []),
                *self.added,
                checkpoint,  # after all that may stop the training, for its end is always saved
            ],
        )
        # The weights stay, because a callback may have brought back better ones.
        ended = Position(history.rows[-1]["epoch"])
        return State(ended, checkpoint.seconds, history.rows, state.best, config.epochs, {})


def _metrics(model, config, dataset, state, devices) -> dict:
    """The content of metrics.json."""
    seconds = state.train_seconds
    packages = ("tensorflow", "keras", "numpy", "vae_keras")
    return {
        **{f"test_{name}": value for name, value in evaluate(model, dataset).items()},
        **squared_errors(model, dataset),
        **_of_table(model, dataset),
        **_unused(model, dataset),
        "latent_dim": model.latent_dim,
        "parameters": model.count_params(),
        "epochs": state.epoch,
        **({"best_epoch": state.best.epoch} if config.keep == "best" else {}),
        "train_seconds": round(seconds, 2),
        "images_per_second": round(len(dataset.train) * config.passes * state.epoch / seconds),
        "data_kind": dataset.data_kind,
        "unit": model.reconstruction.unit,
        "class_names": list(dataset.class_names),
        "examples": {
            split: len(getattr(dataset, split)) for split in ("train", "validation", "test")
        },
        "command": command(config, dataset),
        "device": str(devices),
        "versions": {name: importlib.metadata.version(name) for name in packages}
        | {"python": platform.python_version()},
    }


def _of_table(model, dataset) -> dict[str, dict]:
    """What standardises the columns of a table, and the error of each; nothing of other data."""
    if dataset.kind.columns is None:
        return {}
    return {
        "columns": dataset.kind.columns.as_dict(),
        "column_errors": column_errors(model, dataset),
    }


def _unused(model, dataset) -> dict[str, int]:
    """How many dimensions of a variational model's code say nothing of the validation data."""
    if not model.is_variational:
        return {}
    return {"unused_dimensions": callbacks.unused_dimensions(model, dataset.validation)}


def plan(config: TrainConfig, dataset: data.Dataset, model, done: Position, devices) -> str:
    """A few lines that say what the run is about to do."""
    size = "×".join(map(str, dataset.example_shape))
    steps = steps_per_epoch(config, dataset)
    after = f", after epoch {done.epoch}" if any(done) else ""
    after += f" and {done.step} steps" if done.step else ""
    passes = f" ({config.passes} passes over the data)" if config.passes > 1 else ""
    with_ = " with cosine decay" if config.schedule == "cosine" else ""
    beta = ""
    if model.is_variational:
        beta = f"; effective beta {config.options.effective_beta():g}"
    notes = "".join(f"note: {note}\n" for note in dataset.notes)
    return (
        f"{config.name}: {type(model).__name__} on {config.dataset} ({dataset.data_kind}, {size}): "
        f"{len(dataset.train):,} training, {len(dataset.validation):,} validation, "
        f"{len(dataset.test):,} test examples\n"
        f"{notes}network {model.network.name}, {config.options.latent_dim}-D code, "
        f"{model.count_params():,} parameters; {model.reconstruction.name} reconstruction{beta}\n"
        f"{config.epochs} epochs of {steps} steps{passes}{after}; batch {config.batch_size}, "
        f"learning rate {config.learning_rate:g}{with_}, seed {config.seed}; on {devices}"
    )


def command(config: TrainConfig, dataset: data.Dataset) -> str:
    """The shortest command that repeats the run: the options that differ from their defaults."""
    plain = TrainConfig(dataset=config.dataset, model=config.model).resolved(dataset).as_dict()
    plain |= {"dataset": "digits", "model": "vae", **dict.fromkeys(dataset.settles)}
    plain["jit"] = config.replace(jit=None).resolved(dataset).jit  # it follows from the others
    return _train_command(
        {
            name: value
            for name, value in config.as_dict().items()
            if name not in (*NOT_OF_THE_RUN, "name") and value not in (None, plain[name])
        }
    )


def command_to_go_on(config: TrainConfig) -> str:
    """The command that resumes a run which was stopped."""
    options = {"resume": True, "name": config.name}
    for place in ("output_dir", "data_dir"):
        if (value := getattr(config, place)) != getattr(TrainConfig, place):
            options[place] = value
    return _train_command(options)


def _train_command(options: dict) -> str:
    """The command of a shell that trains with these options, {name: value}."""
    words = ["python", "train.py"]
    for name, value in options.items():
        words += [flag(name)] if value is True else [flag(name), str(value)]
    return shlex.join(words)


def summary(folder: RunFolder, dataset: data.Dataset, metrics: dict) -> str:
    """A few lines that say what a run has given, and where it lies."""
    terms = [k.removeprefix("test_") for k in metrics if k.startswith("test_") and k != "test_loss"]
    parts = ", ".join(f"{name} {metrics['test_' + name]:.4g}" for name in terms)
    return (
        f"test loss {metrics['test_loss']:.4g} {metrics['unit']} per example ({parts}) on "
        f"{len(dataset.test):,} examples, {metrics['data_kind']}\n"
        f"trained in {callbacks.duration(metrics['train_seconds'])}, "
        f"{metrics['images_per_second']:,} examples/s\n"
        f"{folder.path}: pictures in plots/, history.csv, metrics.json, model.keras\n"
        f"{folder.exported}: SavedModel, and model_card.md on how to use it"
    )


def _columns(rows: list[dict]) -> dict[str, list[float]]:
    return {key: [row[key] for row in rows] for key in rows[0]} if rows else {}
