"""Several devices and several processes learn what one does, and lose nothing."""

import json
import os
import signal
import socket

import numpy as np
import pytest

from tests.commands import TRAIN, refused
from tests.processes import Started, said_by
from tests.runs import PATIENCE, history, wait_for, weights
from vae_keras.training.cluster import ALONE, SLURM, Place, place, set_tf_config

OPTIONS = "--epochs 4 --network linear --batch-size 60 --binarize dynamic".split()


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
    command = [TRAIN, "--strategy", "multiworker", "--name", name, *options]
    return [
        Started(*command, cwd=folder, env=cluster(count, index, ports)) for index in range(count)
    ]


def ends(processes) -> list[tuple[int, str, str]]:
    """The exit status, the output and the errors of processes that come to their end."""
    said = [process.communicate() for process in processes]
    return [(process.returncode, *words) for process, words in zip(processes, said)]


@pytest.mark.parametrize(
    ("cluster", "task", "expected"),
    [
        ({"worker": ["a:1", "b:1"]}, ("worker", 0), Place(0, 2, True)),
        ({"worker": ["a:1", "b:1"]}, ("worker", 1), Place(1, 2, False)),
        ({"worker": ["a:1", "b:1"], "chief": ["c:1"]}, ("worker", 0), Place(1, 3, False)),
        ({"worker": ["a:1", "b:1"], "chief": ["c:1"]}, ("chief", 0), Place(0, 3, True)),
    ],
)
def test_one_worker_is_the_chief(cluster, task, expected, monkeypatch):
    config = {"cluster": cluster, "task": dict(zip(("type", "index"), task))}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert place("multiworker") == expected
    assert place("mirrored") == ALONE  # whatever the environment says


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"cluster": {}}', '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}',
     '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}'],
)  # fmt: skip
def test_a_cluster_that_is_none_is_named(text, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TF_CONFIG", text)
    command = ["train", "--strategy", "multiworker", "--output-dir", tmp_path]
    assert "TF_CONFIG is not that of a worker" in refused(capsys, *command)
    monkeypatch.delenv("TF_CONFIG")
    assert "set TF_CONFIG for every worker" in refused(capsys, *command)
    assert not list(tmp_path.iterdir())


def test_tasks_of_slurm_have_the_addresses_of_their_nodes(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    values = ("2", "5", "node[2,10]", "3,2", "123456")
    for name, value in zip(SLURM, values, strict=True):
        monkeypatch.setenv(name, value)
    assert place("multiworker") == Place(2, 5, False)
    set_tf_config()
    config = json.loads(os.environ["TF_CONFIG"])
    workers = ["node2:23456", "node2:23457", "node2:23458", "node10:23456", "node10:23457"]
    assert config == {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 2}}


TWO_DEVICES = """
import json, sys
import keras
import vae_keras
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from vae_keras import TrainConfig, data
from vae_keras.training.devices import Devices
from vae_keras.training.fitting import build, fit, validation

def learned(strategy, noisy, **options):
    dataset = data.load(TrainConfig())
    config = TrainConfig(epochs=1, batch_size=600, units="8", **options).resolved(dataset)
    devices = Devices(strategy)
    with devices.scope():
        model = build(config, dataset)
    if not noisy:
        model.noise = lambda batch, shape, training: tf.zeros((tf.shape(batch.x)[0], *shape))
    rows = []
    end = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rows.append(logs))
    more = validation(dataset, devices)
    fit(model, config, dataset, devices=devices, callbacks=[end], verbose=0, **more)
    return {name: float(value) for name, value in rows[0].items()}

CASES = [
    dict(),
    dict(likelihood="gaussian", sigma="optimal", ema=0.9),
    dict(model="sparse", sparsity="kl", network="dense"),
    dict(model="conditional", free_bits=0.1),
]
for options in CASES:
    print(json.dumps([learned(strategy, False, **options) for strategy in ("none", "mirrored")]))
print(json.dumps([learned(strategy, True) for strategy in ("none", "mirrored")]))
"""


@pytest.mark.slow
def test_two_devices_learn_what_one_does_from_batches_that_they_share_unequally():
    """The noise is the exception: other draws for each device, as many independent ones."""
    out, _ = said_by(code=TWO_DEVICES)
    *quiet, noisy = [json.loads(line) for line in out.splitlines()]
    assert len(quiet) == 4
    for one, two in quiet:
        assert two == pytest.approx(one, rel=1e-5)
    assert noisy[1] != pytest.approx(noisy[0], rel=1e-5)
    assert noisy[1] == pytest.approx(noisy[0], rel=0.05)


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

    for epoch, fault in ((2, signal.SIGKILL), (3, signal.SIGSTOP)):  # it ends, or it hangs
        chief, other = start(tmp_path, "cut", "--resume")
        drawn = tmp_path / f"runs/cut/plots/latent_{epoch:04}.png"
        wait_for(lambda drawn=drawn, chief=chief: drawn.exists() or chief.poll() is not None)
        other.send_signal(fault)
        _, err = chief.communicate(timeout=PATIENCE)
        other.kill()
        other.communicate()
        assert chief.returncode == 2
        assert err.startswith("error: another of the 2 workers has ended, or does not answer")
        assert err.count("\n") == 1

    for code, _, err in ends(start(tmp_path, "cut", "--resume")):
        assert (code, err) == (0, "")
    whole, cut = tmp_path / "runs/whole", tmp_path / "runs/cut"
    for one, other in zip(history(cut), history(whole), strict=True):
        assert one == pytest.approx(other, rel=1e-6)  # means of an epoch are added up in parts
    of = [weights(run / "model.keras") for run in (cut, whole)]
    assert all(np.array_equal(*pair) for pair in zip(*of, strict=True))


@pytest.mark.slow
def test_four_workers_learn_what_one_process_does(tmp_path):
    """A plain autoencoder draws no noise, so it is the same but for the order of sums."""
    options = "--model deep --network linear --epochs 1 --batch-size 600".split()
    for code, _, err in ends(start(tmp_path, "four", *options, count=4)):
        assert (code, err) == (0, "")
    said_by(TRAIN, *options, "--name", "one", cwd=tmp_path)
    (one,), (four,) = (history(tmp_path / "runs" / name) for name in ("one", "four"))
    assert four == pytest.approx(one, rel=1e-5)
