"""The commands compress, restore, denoise, probe and anomaly."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from tests.commands import printed, refused
from tests.folders import listing
from vae_keras import TrainConfig
from vae_keras.evaluation import probe
from vae_keras.export.saved_model import export
from vae_keras.models import MODELS

ARCHIVE = dict(x_train=np.zeros((40, 8, 8), np.uint8), x_test=np.zeros((9, 8, 8), np.uint8))


@pytest.fixture
def place(tmp_path, monkeypatch, digits_run):
    """The working folder of the commands: bad folders, models and runs."""
    metrics = {**digits_run.metrics, "class_names": ["0", "1", "2"]}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "taken").write_text("here first")
    shutil.copytree(digits_run.folder.exported, "model")
    conditional, two_channels = MODELS["conditional"], MODELS["deep"]((8, 8, 2), 2)
    export(conditional((8, 8, 1), 2, classes=3), "conditional", digits_run.config, metrics)
    export(two_channels, "two_channels", digits_run.config, metrics)
    tf.saved_model.save(tf.Module(), "foreign")
    np.savez("unlabelled.npz", **ARCHIVE)
    labels = {f"y_{split}": np.full(len(ARCHIVE[f"x_{split}"]), 1) for split in ("train", "test")}
    np.savez("single.npz", **ARCHIVE, **labels)
    for name in ("unlabelled", "single"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        config = TrainConfig(dataset=f"{name}.npz", network="dense").to_json()
        (tmp_path / "runs" / name / "config.json").write_text(config)
    return tmp_path


@pytest.mark.slow
def test_bad_input_ends_with_one_line_and_writes_nothing(place, mixed_photos, capsys):
    said = {
        "compress model missing --output new": "'missing' does not exist",
        "compress model empty --output new": "'empty' is empty",
        "compress model bad --output new": "corrupt.png",
        "compress model {photos} --output taken": "'taken' exists",
        "compress model {photos} --output no/where": "'no' does not exist",
        "compress nothing {photos} --output new": "no exported model 'nothing'",
        "compress foreign {photos} --output new": "'foreign' has no endpoint",
        "compress conditional {photos} --output new": "'conditional' is conditional",
        "compress two_channels {photos} --output new": "2 channels",
        "restore conditional taken --output new": "'conditional' is conditional",
        "restore model taken --output bad": "'bad' exists",
        "restore model taken --output taken --overwrite": "not a folder",
        "denoise model missing --output new": "'missing' does not exist",
        "denoise model bad --output new": "corrupt.png",
        "denoise conditional {photos} --output new": "'conditional' is conditional",
        "denoise foreign {photos} --output new": "'foreign' has no endpoint",
        "probe missing": "no run 'missing'",
        "probe unlabelled": "no training labels",
        "probe single": "a single training label",
        "anomaly --held-out 10": "no label '10'",
        "anomaly --held-out none": "no label 'none'",
        "anomaly --dataset unlabelled.npz --held-out 0": "no training labels",
        "anomaly --dataset single.npz --held-out 1": "a single training label",
        "anomaly --held-out 0 --model conditional": "conditional",
        "anomaly --held-out 0 --epochs 0": "--epochs 0",
        "anomaly": "--held-out",
    }
    before = listing(place)
    for line, reason in said.items():
        assert reason in refused(capsys, *line.format(photos=mixed_photos).split()), line
        assert listing(place) == before, line


def test_probe_says_where_pixels_are_too_many(digits_run, monkeypatch, capsys):
    monkeypatch.setattr(probe, "MOST_PROBED_VALUES", 200 * 64)
    lines = printed(capsys, "probe", digits_run.folder.path).splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["100", "200", "1,000", "1,295"]
    assert [line.split()[2] == "–" for line in lines[2:6]] == [False, False, True, True]
    assert "of 200 at most" in lines[-1]
