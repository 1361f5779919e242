"""The models that ship: they load without the package, and say what they are and how good."""

import json
import subprocess
import sys

import pytest

from tests.exports import PRETRAINED
from vae_keras import load_exported
from vae_keras.training.stored import open_stored

MODELS = sorted(path for path in PRETRAINED.iterdir() if path.is_dir())
MOST_BYTES = 12_000_000


def test_the_models_that_the_readme_names_ship():
    names = {path.name for path in MODELS}
    mnist = {"mnist_vae_2d", "mnist_vae_20d", "mnist_cvae"}
    mnist |= {"mnist_grid", "mnist_flow", "mnist_ladder"}
    assert mnist | {"digits_vae", "faces_vae", "melodies_vae", "sentences_vae"} <= names
    for path in MODELS:
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        assert size <= MOST_BYTES, f"{path.name}: {size:,} bytes"


@pytest.mark.slow
def test_every_model_runs_in_a_process_that_cannot_import_the_package():
    script = """
import sys
sys.modules["vae_keras"] = sys.modules["keras"] = None  # an import of either fails
import numpy as np, tensorflow as tf
for path in sys.argv[1:]:
    model = tf.saved_model.load(path)
    inputs = model.signatures["encode"].structured_input_signature[1]
    label = [tf.fill([64], 3)] if "label" in inputs else []
    is_of_tokens = inputs["x"].dtype == tf.int32
    temperature = [tf.constant(1.0)] if is_of_tokens else []
    drawn = model.generate(tf.constant(64), tf.constant([0, 1]), *label, *temperature)["x"]
    code = model.encode(drawn, *label)
    again = model.decode(code["z"], *label)["x"].numpy()
    log_prob = model.log_prob(drawn, code["z_mean"], *label)["log_prob"]
    assert again.shape == drawn.shape == (64, *inputs["x"].shape[1:])
    if is_of_tokens:  # a model knows its own sequences from others
        assert np.mean(again == drawn) > np.mean(again[::-1] == drawn) + 0.01, path
    else:
        assert np.abs(again - drawn).mean() < 0.1, path
    assert log_prob.shape == (64,) and np.all(np.isfinite(log_prob))
print("done")
"""
    command = [sys.executable, "-c", script, *map(str, MODELS)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.stdout == "done\n", run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name)
def test_every_model_has_a_card_a_command_and_its_figures(path):
    card = (path / "model_card.md").read_text(encoding="utf-8")
    assert "python train.py" in card
    trained = open_stored(str(path))
    model, config = trained.model, trained.config
    assert config.data_dir is None
    assert model.latent_dim == load_exported(path).latent_dim == config.latent_dim
    found = json.loads((path / "evaluation.json").read_text(encoding="utf-8"))
    assert found["model"] == path.name
    assert found["dataset"] == config.dataset
    assert found["nll"] < found["negative_elbo"]
