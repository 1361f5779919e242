"""Several devices and several processes learn what one does, and lose nothing."""

import json
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.commands import TRAIN
from tests.runs import history, wait_for, weights

OPTIONS = ["--epochs", "4", "--units", "16", "--batch-size", "60", "--binarize", "dynamic"]


def cluster(count: int, index: int, ports) -> dict:
    """The environment of one worker."""
    addresses = [f"127.0.0.1:{port}" for port in ports[:count]]
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return {**os.environ, "TF_CONFIG": json.dumps(config)}


def free_ports(count: int) -> list[int]:
    """Ports that no process has."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def start(folder, name, *options, count=2):
    """Start all workers of a run; return their processes, the chief first."""
    ports = free_ports(count)
    command = [sys.executable, TRAIN, "--strategy", "multiworker", "--name", name, *options]
    return [
        subprocess.Popen(
            command,
            cwd=folder,
            env=cluster(count, index, ports),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]


def ends(processes) -> list[tuple[int, str, str]]:
    """The exit status, the output and the errors of processes that come to their end."""
    said = [process.communicate() for process in processes]
    return [(process.returncode, *words) for process, words in zip(processes, said)]


@pytest.mark.slow
def test_workers_that_are_stopped_or_killed_and_resumed_end_like_those_that_are_not(tmp_path):
    for code, _, err in ends(start(tmp_path, "whole", *OPTIONS)):
        assert (code, err) == (0, "")
    often = ["--checkpoint-minutes", "1e-4"]
    checkpoints = tmp_path / "runs/cut/checkpoints"

    chief, other = start(tmp_path, "cut", *OPTIONS, *often)
    wait_for(lambda: list(checkpoints.glob("epoch_*_step_*")) or chief.poll() is not None)
    other.send_signal(signal.SIGTERM)
    (code, out, _), second = ends([chief, other])
    assert code == second[0] == 128 + signal.SIGTERM
    assert "SIGTERM: go on with python train.py --resume --name cut" in out
    assert second[1] == ""  # only the chief speaks

    chief, other = start(tmp_path, "cut", "--resume")
    drawn = tmp_path / "runs/cut/plots/latent_0002.png"
    wait_for(lambda: drawn.exists() or chief.poll() is not None)
    other.kill()
    (code, _, err), _ = ends([chief, other])
    assert code == 2
    assert err.startswith("error: another of the 2 workers has ended") and err.count("\n") == 1

    for code, _, err in ends(start(tmp_path, "cut", "--resume")):
        assert (code, err) == (0, "")
    whole, cut = tmp_path / "runs/whole", tmp_path / "runs/cut"
    for one, other in zip(history(cut), history(whole), strict=True):
        assert one == pytest.approx(other, rel=1e-6)  # means of an epoch are added up in parts
    of = [weights(run / "model.keras") for run in (cut, whole)]
    assert all(np.array_equal(*pair) for pair in zip(*of, strict=True))
