"""Models that version 0.1 has saved are the same when they are loaded now."""

from pathlib import Path

import keras
import numpy as np
import pytest

from vae_keras.config import RUNGS

FOLDER = Path(__file__).with_name("earlier")
EXPECTED = np.load(FOLDER / "expected.npz")


@pytest.mark.parametrize("name", sorted(RUNGS.keys() - {"deep"}))
def test_model_of_version_0_1_is_the_same(name):
    model = keras.models.load_model(FOLDER / f"{name}.keras")
    x = EXPECTED["tokens" if name == "sequence" else "x"]
    label = EXPECTED["labels"] if name == "conditional" else None
    codes = model.encode(x, label) if label is not None else model.encode(x)
    np.testing.assert_allclose(codes, EXPECTED[name], atol=1e-6)
    weights = [float(model.term_weights(step)[model.terms[-1]]) for step in (3, 12, 25)]
    np.testing.assert_allclose(weights, EXPECTED[f"{name}_weights"], rtol=1e-6)
    assert int(model.optimizer.iterations) == 2


@pytest.mark.parametrize("name", ["vae", "sequence"])
def test_it_is_saved_again_as_a_model_of_today(name, tmp_path):
    model = keras.models.load_model(FOLDER / f"{name}.keras")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.options == model.options
    assert again.get_config() == model.get_config()
