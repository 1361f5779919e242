"""What a run watches while it trains."""

import csv
import os
import types

import keras
import numpy as np
import pytest

from tests.processes import said_by
from tests.runs import training_alone
from vae_keras import VAE, TrainConfig, train, trained
from vae_keras.data.images.archives import digits
from vae_keras.training import callbacks
from vae_keras.training.best_epoch import BestEpoch
from vae_keras.training.callbacks import CollapseWarning, Seldom, TimeLeft

SHAPE = (8, 8, 1)


def warning(model, capsys, epochs=1):
    callback = CollapseWarning(digits().validation)
    callback.set_model(model)
    for epoch in range(epochs):
        callback.on_epoch_end(epoch)
    callback.on_train_end()
    return capsys.readouterr().out.strip().splitlines()


def with_dead_dimensions(dead, latent_dim=3):
    """A model whose posterior is the prior in its first `dead` dimensions."""
    model = VAE(SHAPE, latent_dim=latent_dim)
    for head, value in (("z_mean", 0.0), ("z_log_var", 0.0)):
        layer = model.encoder.get_layer(head)
        kernel, bias = (weight.numpy() for weight in layer.weights)
        kernel[:, :dead] = value
        bias[:] = 1.0
        bias[:dead] = value
        layer.set_weights([kernel, bias])
    return model


def test_unused_dimensions_are_told_once_in_one_line(capsys):
    lines = warning(with_dead_dimensions(2), capsys, epochs=3)
    assert len(lines) == 1
    assert lines[0].startswith("epoch 1: 2 of 3 code dimensions are unused")
    assert "--free-bits" in lines[0]


def test_whole_collapse_is_called_one(capsys):
    (line,) = warning(with_dead_dimensions(3), capsys)
    assert "the code has collapsed" in line


def test_a_code_in_use_gives_no_warning(capsys):
    assert warning(with_dead_dimensions(0), capsys) == []


def test_dimensions_that_come_into_use_give_no_advice(capsys, monkeypatch):
    monkeypatch.setattr(callbacks, "SHARE", 1e9)  # it looks at every epoch
    callback = CollapseWarning(digits().validation)
    callback.set_model(with_dead_dimensions(2))
    callback.on_epoch_end(0)
    callback.set_model(with_dead_dimensions(0))
    callback.on_epoch_end(1)
    callback.on_train_end()
    *_, line = capsys.readouterr().out.strip().splitlines()
    assert line == "epoch 2: all 3 code dimensions are used now"


class Clock:
    """A clock that a test sets."""

    def __init__(self, monkeypatch):
        self.now = 1_000.0
        monkeypatch.setattr(callbacks.time, "perf_counter", lambda: self.now)


def test_what_takes_long_is_done_seldom(monkeypatch):
    clock, work = Clock(monkeypatch), Seldom()
    spent = 0.0
    for _ in range(100_000):
        clock.now += 0.01
        if work.is_due():
            with work.measured():
                clock.now += 0.3
                spent += 0.3
    assert 0.9 * callbacks.SHARE < spent / (clock.now - 1_000) < 1.1 * callbacks.SHARE


def test_the_time_to_go_is_told_again_and_again(monkeypatch, capsys):
    clock, callback = Clock(monkeypatch), TimeLeft(done=2)
    callback.set_params({"epochs": 12})
    callback.on_train_begin()
    for epoch in range(2, 12):
        clock.now += 100 * (epoch == 2)  # the tracing of the graph
        callback.on_train_batch_end(0)
        clock.now += 50 if epoch < 6 else 25
        callback.on_epoch_end(epoch)
    told = [line for line in capsys.readouterr().out.splitlines() if line]
    assert told[0] == "at most 9 min 0 s to go for 9 more epochs"  # 9 · 50 s and a fifth
    assert told[1] == "at most 7 min 0 s to go for 7 more epochs"  # a minute has passed
    assert len(told) == 4
    assert told[-1].endswith("2 more epochs")


def followed(losses, patience=None):
    """What is kept of epochs with these validation losses; the weights are the epoch's number."""
    model = types.SimpleNamespace(stop_training=False, optimizer=keras.optimizers.Adam())
    best = BestEpoch(patience)
    best.set_model(model)
    for epoch, loss in enumerate(losses):
        model.get_weights = lambda epoch=epoch: [np.full(2, epoch + 1.0), np.array(7)]
        best.on_epoch_end(epoch, {"val_loss": loss})
        if model.stop_training:
            break
    return best, epoch + 1


@pytest.mark.parametrize(
    ("losses", "kept"),
    [([3, 2, 1], 3), ([3, 1, 2], 2), ([1, 1, 1], 1), ([np.nan, 2, 3], 2), ([np.nan, np.nan], 2)],
)
def test_the_epoch_with_the_lowest_loss_is_kept(losses, kept, tmp_path):
    best, _ = followed(losses)
    assert best.epoch == kept and best.weights[0][0] == kept
    best.write(tmp_path)
    again = BestEpoch()
    again.read(tmp_path)
    assert again.epoch == kept and again.loss == pytest.approx(best.loss, nan_ok=True)
    for one, other in zip(again.weights, best.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_patience_ends_the_training():
    losses = [5, 4, 6, 4, 3, 3, 3, 3, 1]
    assert followed(losses)[1] == 9
    assert followed(losses, patience=3)[1] == 8  # epochs 6, 7 and 8 are no better than 5
    assert followed(losses, patience=1)[1] == 3


@pytest.fixture(scope="module")
def followed_run(tmp_path_factory):
    """A run with callbacks of the user: what one logs, what one sees, and the folder of both.

    Another stops it early and keeps the best epoch: the first, for the rate is far too high later.
    """
    folder, seen = tmp_path_factory.mktemp("followed"), []

    class Looks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(len((folder / "runs/r/history.csv").read_text().splitlines()))

    log = keras.callbacks.CSVLogger(folder / "log.csv")
    worse = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch == 0 else 0.5)
    stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    config = TrainConfig(epochs=5, units="4", schedule="constant", keep="last")
    config = config.replace(name="r", output_dir=folder)
    with pytest.MonkeyPatch.context() as patch:
        training_alone(patch)
        return train(config, verbose=0, callbacks=[log, Looks(), worse, stop]), seen, folder


@pytest.mark.slow
def test_callbacks_of_the_user_run_after_those_of_the_run(followed_run):
    run, seen, folder = followed_run
    assert seen == [2, 3]  # the row of the epoch is there
    with open(folder / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == run.history["val_loss"]


@pytest.mark.slow
def test_weights_that_a_callback_has_brought_back_are_those_of_the_run(followed_run):
    run, *_ = followed_run
    losses = run.history["val_loss"]
    assert len(losses) < 5 and losses[-1] > losses[0] + 0.1
    batches = run.dataset.validation.batches()
    for model in (run.model, run.folder.load_model()):
        found = model.evaluate(batches, verbose=0, return_dict=True)["loss"]
        assert found == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.slow
def test_mlflow_keeps_every_epoch_in_a_local_store(tmp_path):
    """The example of the README, in a process of its own: MLflow keeps a store for all of one."""
    program = """
import mlflow
from vae_keras import TrainConfig, train

mlflow.set_tracking_uri("sqlite:///mlflow.db")
with mlflow.start_run() as started:
    config = TrainConfig(epochs=2, network="linear")
    run = train(config, callbacks=[mlflow.keras.MlflowCallback()])
kept = mlflow.MlflowClient().get_metric_history(started.info.run_id, "val_kl_loss")
assert [metric.value for metric in kept] == run.history["val_kl_loss"]
"""
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    said_by(code=program, cwd=tmp_path, env=environment)


@pytest.mark.slow
def test_callbacks_of_the_user_see_what_trains_without_a_folder(tmp_path):
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    trained(TrainConfig(epochs=1, network="linear"), digits(), callbacks=[log])
    assert "kl_loss" in (tmp_path / "log.csv").read_text().splitlines()[0]
