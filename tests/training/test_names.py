"""Folders may be called anything that a file system allows: a run and its files take every name."""

import os
import warnings

import numpy as np
import pytest
from PIL import Image

from tests.commands import printed
from tests.names import NAMES
from vae_keras import load_exported


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("names")
    noise = np.random.default_rng(0)
    for name in NAMES:
        os.mkdir(os.fsencode(place) + b"/" + name)
        for number in range(6):
            image = Image.fromarray(noise.integers(0, 255, (8, 8), np.uint8))
            with open(os.fsencode(place) + b"/" + name + b"/%d.png" % number, "wb") as file:
                image.save(file, "PNG")
    return place


@pytest.mark.slow
def test_a_run_takes_every_name_of_a_class_and_of_the_data(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.symlink(place, b"M\xfcnchen $")
    data = "folder:" + os.fsdecode(b"M\xfcnchen $")
    options = "--model conditional --image-size 8 --epochs 1 --units 8 --batch-size 4 --name odd"
    with warnings.catch_warnings(action="error", category=UserWarning):
        printed(capsys, "train", "--dataset", data, "--tensorboard", *options.split())
        printed(capsys, "evaluate", "odd", "--samples=2", "--naive-samples=2")
        printed(capsys, "train", "--resume", "--name", "odd", "--epochs", "2")
    shown = load_exported(tmp_path / "saved_models/odd").class_names
    assert sorted(shown) == sorted(NAMES.values())
    assert (tmp_path / "runs/odd/plots/latent_0002.png").is_file()
    (table,) = tmp_path.glob("runs/odd/**/metadata.tsv")
    labels = {line.split("\t")[0] for line in table.read_text("utf-8").splitlines()[1:]}
    assert labels <= {" ".join(name.split()) for name in NAMES.values()}
    card = (tmp_path / "saved_models/odd/model_card.md").read_text("utf-8")
    assert "M\\udcfcnchen $" in card
