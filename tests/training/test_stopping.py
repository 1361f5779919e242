"""A signal ends a run after its step, and what was trained is not lost."""

import os
import signal
import subprocess
import sys

import pytest

from tests.commands import TRAIN
from tests.runs import PATIENCE, wait_for, weights
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


@pytest.mark.slow
@pytest.mark.parametrize("jit", ["off", "on"])
def test_a_run_that_is_stopped_within_an_epoch_ends_like_one_that_is_not(jit, tmp_path):
    options = dict(epochs=2, network="linear", batch_size=16, binarize="dynamic", ema=0.9)
    options |= dict(beta_warmup=2, patience=9, output_dir=tmp_path, jit=jit)

    def command(**options):
        words = [sys.executable, TRAIN]
        for name, value in options.items():
            words += [flag(name)] if value is True else [flag(name), str(value)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    stopped = command(**options, name="cut", checkpoint_minutes=1e-4)
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
    whole = train(TrainConfig(**options, name="whole"), verbose=0)
    history = (tmp_path / "runs/cut/history.csv").read_text()
    assert history == whole.folder.history.read_text()
    of = [weights(tmp_path / f"runs/{name}/model.keras") for name in ("whole", "cut")]
    assert all((a == b).all() for a, b in zip(*of, strict=True))
