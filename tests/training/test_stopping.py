"""A signal ends a run after its step, and what was trained is not lost."""

import os
import signal

import keras
import pytest

from tests.commands import TRAIN
from tests.processes import Started
from tests.runs import PATIENCE, training_alone, wait_for, weights
from vae_keras import TrainConfig, train
from vae_keras.config.options import flag
from vae_keras.training.stopping import Stopped, Stops


def test_a_signal_waits_where_it_is_asked_to_and_a_second_one_does_not():
    before = signal.getsignal(signal.SIGTERM)
    with Stops() as stops:
        stops.wait = True
        os.kill(os.getpid(), signal.SIGTERM)
        assert stops.signal == signal.SIGTERM
        with pytest.raises(Stopped) as stopped:
            os.kill(os.getpid(), signal.SIGINT)
        assert stopped.value.signal == signal.SIGINT
    assert signal.getsignal(signal.SIGTERM) == before
    with Stops(), pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        os.kill(os.getpid(), signal.SIGTERM)


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stops() as stops:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stops.signal is None
    finally:
        signal.signal(signal.SIGHUP, before)


def options(folder, jit) -> dict:
    """Those of a run of two epochs in which much depends on the step."""
    plain = dict(epochs=2, network="linear", batch_size=32, binarize="dynamic", ema=0.9)
    return {**plain, "beta_warmup": 2, "patience": 9, "output_dir": folder, "jit": jit}


def assert_that_it_ended_like_one_that_was_not_stopped(folder, jit):
    """The run `cut` is like one with the same options."""
    whole = train(TrainConfig(**options(folder, jit), name="whole"), verbose=0)
    history = (folder / "runs/cut/history.csv").read_text()
    assert history == whole.folder.history.read_text()
    of = [weights(folder / f"runs/{name}/model.keras") for name in ("whole", "cut")]
    assert all((a == b).all() for a, b in zip(*of, strict=True))


class Terminates(keras.callbacks.Callback):
    """Sends a signal to the own process within the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 7):
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.slow
def test_a_run_that_is_stopped_within_an_epoch_ends_like_one_that_is_not(
    tmp_path, monkeypatch, capfd
):
    training_alone(monkeypatch)
    config = TrainConfig(**options(tmp_path, "off"), name="cut")
    with pytest.raises(Stopped, match="SIGTERM"):
        train(config, verbose=2, callbacks=[Terminates()])
    assert f"train.py --resume --name cut --output-dir {tmp_path}" in capfd.readouterr().out
    assert not (tmp_path / "runs/cut/model.keras").exists()
    train(config.replace(resume=True), verbose=2)
    assert "after epoch 1 and 8 steps" in capfd.readouterr().out
    assert_that_it_ended_like_one_that_was_not_stopped(tmp_path, "off")


@pytest.mark.slow
def test_a_command_that_is_stopped_goes_on_in_another_process(tmp_path, monkeypatch):
    """Its steps are compiled, in each process anew."""

    def command(**options):
        words = [TRAIN]
        for name, value in options.items():
            words += [flag(name)] if value is True else [flag(name), str(value)]
        return Started(*words)

    stopped = command(**options(tmp_path, "on"), name="cut", checkpoint_minutes=1e-4)
    checkpoints = tmp_path / "runs/cut/checkpoints"
    wait_for(lambda: list(checkpoints.glob("epoch_0001_step_*")) or stopped.poll() is not None)
    stopped.send_signal(signal.SIGTERM)
    output = stopped.communicate(timeout=PATIENCE)[0]
    assert stopped.returncode == 128 + signal.SIGTERM
    assert f"train.py --resume --name cut --output-dir {tmp_path}" in output.splitlines()[-1]
    assert not (tmp_path / "runs/cut/model.keras").exists()

    resumed = command(resume=True, name="cut", output_dir=tmp_path, checkpoint_minutes=9)
    output, error = resumed.communicate(timeout=PATIENCE)
    assert (resumed.returncode, error) == (0, "")
    assert "after epoch 1 and" in output
    training_alone(monkeypatch)
    assert_that_it_ended_like_one_that_was_not_stopped(tmp_path, "on")
