"""A signal ends a run after its step, and what was trained is not lost."""

import os
import signal
import subprocess
import sys

import pytest

from tests.commands import TRAIN
from tests.runs import PATIENCE, wait_for, weights
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


@pytest.mark.slow
def test_a_run_that_is_stopped_within_an_epoch_ends_like_one_that_is_not(tmp_path):
    options = ["--epochs", "3", "--units", "8", "--batch-size", "16", "--binarize", "dynamic"]
    options += ["--ema", "0.9", "--beta-warmup", "2", "--patience", "9"]

    def train(*more):
        command = [sys.executable, TRAIN, *more, "--output-dir", tmp_path]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    whole = train(*options, "--name", "whole")
    stopped = train(*options, "--name", "cut", "--checkpoint-minutes", "1e-4")
    checkpoints = tmp_path / "runs/cut/checkpoints"
    wait_for(lambda: list(checkpoints.glob("epoch_0001_step_*")) or stopped.poll() is not None)
    stopped.send_signal(signal.SIGTERM)
    output = stopped.communicate(timeout=PATIENCE)[0]
    assert stopped.returncode == 128 + signal.SIGTERM
    assert f"train.py --resume --name cut --output-dir {tmp_path}" in output.splitlines()[-1]
    assert not (tmp_path / "runs/cut/model.keras").exists()

    resumed = train("--resume", "--name", "cut")
    assert "after epoch 1 and" in resumed.communicate(timeout=PATIENCE)[0]
    assert whole.wait(PATIENCE) == resumed.returncode == 0
    histories = [(tmp_path / f"runs/{name}/history.csv").read_text() for name in ("whole", "cut")]
    assert histories[0] == histories[1]
    of = [weights(tmp_path / f"runs/{name}/model.keras") for name in ("whole", "cut")]
    assert all((a == b).all() for a, b in zip(*of, strict=True))
