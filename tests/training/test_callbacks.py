"""What a run watches while it trains."""

import csv

import keras
import pytest

from vae_keras import VAE, TrainConfig, train, trained
from vae_keras.data.images.archives import digits
from vae_keras.training.callbacks import CollapseWarning

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


def test_dimensions_that_come_into_use_give_no_advice(capsys):
    callback = CollapseWarning(digits().validation)
    callback.set_model(with_dead_dimensions(2))
    callback.on_epoch_end(0)
    callback.set_model(with_dead_dimensions(0))
    callback.on_epoch_end(1)
    callback.on_train_end()
    *_, line = capsys.readouterr().out.strip().splitlines()
    assert line == "epoch 2: all 3 code dimensions are used now"


@pytest.mark.slow
def test_callbacks_of_the_user_run_after_those_of_the_run(tmp_path):
    seen = []

    class Looks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(len(list((tmp_path / "runs/r/checkpoints").iterdir())))

    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    config = TrainConfig(epochs=2, units="4", name="r", output_dir=tmp_path)
    run = train(config, verbose=0, callbacks=[log, Looks()])
    assert seen == [1, 2]  # the checkpoint of the epoch is there
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == run.history["val_loss"]


def test_callbacks_of_the_user_see_what_trains_without_a_folder(tmp_path):
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    trained(TrainConfig(epochs=1, units="4"), digits(), callbacks=[log])
    assert "kl_loss" in (tmp_path / "log.csv").read_text().splitlines()[0]


@pytest.mark.slow
def test_weights_that_a_callback_has_brought_back_are_those_of_the_run(tmp_path):
    """Early stopping keeps the best epoch: here the first, for the rate is far too high later."""
    config = TrainConfig(epochs=5, units="4", name="r", output_dir=tmp_path, schedule="constant")
    worse = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch == 0 else 0.5)
    stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    run = train(config, verbose=0, callbacks=[worse, stop])
    losses = run.history["val_loss"]
    assert len(losses) < 5 and losses[-1] > losses[0] + 0.1
    batches = run.dataset.validation.batches()
    for model in (run.model, run.folder.load_model()):
        found = model.evaluate(batches, verbose=0, return_dict=True)["loss"]
        assert found == pytest.approx(losses[0], rel=1e-5)
