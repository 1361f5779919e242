"""What version 0.1 has saved, models, a run and an export, is the same when it is loaded now."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.commands import refused
from tests.runs import training_alone
from vae_keras import TrainConfig, load_exported, train
from vae_keras.training.stored import open_stored

FOLDER = Path(__file__).with_name("earlier")
EXPECTED = np.load(FOLDER / "expected.npz")


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.keras")))
def test_model_of_version_0_1_is_the_same(name):
    model = keras.models.load_model(FOLDER / f"{name}.keras")
    x = EXPECTED["tokens" if name == "sequence" else "x"]
    label = EXPECTED["labels"] if name == "conditional" else None
    codes = model.encode(x, label) if label is not None else model.encode(x)
    np.testing.assert_allclose(codes, EXPECTED[name], atol=1e-6)
    weights = [float(model.term_weights(step)[model.terms[-1]]) for step in (3, 12, 25)]
    np.testing.assert_allclose(weights, EXPECTED[f"{name}_weights"], rtol=1e-6)
    assert int(model.optimizer.iterations) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae", "sequence"])
def test_it_is_saved_again_as_a_model_of_today(name, tmp_path):
    model = keras.models.load_model(FOLDER / f"{name}.keras")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.options == model.options
    assert again.get_config() == model.get_config()


# A run of two epochs and its export, without their pictures


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working folder of version 0.1: `runs/earlier` and `saved_models/earlier`."""
    shutil.unpack_archive(FOLDER / "run.tar.xz", tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["runs/earlier", "saved_models/earlier"])
def test_a_run_and_an_export_of_version_0_1_are_opened(place, name):
    found = open_stored(name)
    x = EXPECTED["run_x"]
    np.testing.assert_array_equal(found.dataset().test.take(slice(3)).arrays()[0], x)
    np.testing.assert_allclose(found.model.encode(x), EXPECTED["run_codes"], atol=1e-6)
    assert (found.name, found.config.units, found.config.epochs) == ("earlier", "3", 2)


def test_an_export_of_version_0_1_encodes_and_decodes_as_it_did(place):
    exported = load_exported("earlier")
    codes = exported.encode(EXPECTED["run_x"])
    np.testing.assert_allclose(codes, EXPECTED["run_codes"], atol=1e-6)
    np.testing.assert_allclose(exported.decode(codes), EXPECTED["run_decoded"], atol=1e-6)


@pytest.mark.slow
def test_a_run_of_version_0_1_goes_on_as_it_did(place, monkeypatch):
    training_alone(monkeypatch)
    config = TrainConfig(name="earlier", units="3", batch_size=256, epochs=3, resume=True)
    run = train(config, verbose=0)
    np.testing.assert_allclose(run.history["loss"], EXPECTED["run_losses"], rtol=1e-6)


def test_a_run_of_version_0_1_does_not_go_on_with_other_options(place, capsys):
    error = refused(capsys, "train", "--resume", "--name", "earlier", "--units", 4)
    assert "was started with units 3, not 4" in error
