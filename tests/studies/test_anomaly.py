"""The search for a class that was held out."""

import numpy as np
import pytest

from tests.commands import printed
from vae_keras import TrainConfig, load
from vae_keras.studies.anomaly import without_label


def test_label_is_taken_out_of_training_but_not_of_the_test():
    dataset = load(TrainConfig())
    kept = without_label(dataset, 3)
    assert 3 not in kept.train.arrays()[1]
    assert 3 not in kept.validation.arrays()[1]
    assert 3 in kept.test.arrays()[1]
    all_but_3 = np.sum(dataset.train.arrays()[1] != 3)
    assert len(kept.train) == all_but_3


@pytest.mark.slow
def test_digit_that_was_held_out_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    options = ("--model", "linear", "--latent-dim", 8, "--epochs", 5)
    out = printed(capsys, "anomaly", "--held-out", 0, *options)
    area = float(out.split("AUROC ")[1].split()[0])
    assert 0.75 < area <= 1
    assert not list(tmp_path.iterdir())
