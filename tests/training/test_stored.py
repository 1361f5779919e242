"""A trained model by its name."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.exports import PRETRAINED, trained_on_photos
from vae_keras import UserError
from vae_keras.config.train_config import TrainConfig
from vae_keras.export.places import TRAINING
from vae_keras.training.stored import open_stored


@pytest.fixture
def model(tmp_path, photos, monkeypatch):
    return trained_on_photos(tmp_path, photos, monkeypatch)


def test_runs_and_exports_are_opened_with_their_configuration(digits_run, monkeypatch):
    monkeypatch.chdir(digits_run.folder.path.parents[1])
    by_name = open_stored("digits_vae")
    by_path = open_stored(digits_run.folder.exported)
    assert by_name.folder == Path("runs/digits_vae")
    assert by_path.folder == digits_run.folder.exported
    x = digits_run.dataset.test.arrays()[0]
    for found in (by_name, by_path):
        assert found.name == "digits_vae"
        assert found.config.latent_dim == digits_run.config.latent_dim
        np.testing.assert_allclose(found.model.encode(x), digits_run.model.encode(x), atol=1e-5)
        np.testing.assert_array_equal(found.dataset().test.arrays()[0], x)


def test_the_name_of_an_export_is_enough(tmp_path, monkeypatch):
    shutil.copytree(PRETRAINED / "digits_vae", tmp_path / "saved_models" / "mine")
    monkeypatch.chdir(tmp_path)
    assert open_stored("mine").folder == Path("saved_models/mine")


def test_what_cannot_be_opened_is_named(model, photos):
    (model.path / TRAINING).write_text(TrainConfig(dataset="digits").to_json())
    assert open_stored("model").dataset().example_shape == (8, 8, 1)
    others = {
        "nowhere.npz": "model needs the data it was trained on: .*nowhere",
        f"folder:{photos}": r"model is for examples of shape \(8, 8, 1\), but those .*64",
    }
    for dataset, reason in others.items():
        (model.path / TRAINING).write_text(TrainConfig(dataset=dataset).to_json())
        with pytest.raises(UserError, match=reason):
            open_stored("model").dataset()
