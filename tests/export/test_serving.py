"""The request of docs/serving is one that a SavedModel takes."""

import json
from pathlib import Path

import tensorflow as tf

from tests.exports import PRETRAINED

FOLDER = Path(__file__).parents[2] / "docs" / "serving"


def test_the_request_names_an_endpoint_and_its_inputs():
    request = json.loads((FOLDER / "generate.json").read_text())
    model = tf.saved_model.load(str(PRETRAINED / "mnist_vae_2d"))
    signature = model.signatures[request["signature_name"]]
    specs = signature.structured_input_signature[1]
    inputs = {
        name: tf.constant(value, specs[name].dtype) for name, value in request["inputs"].items()
    }
    assert signature(**inputs)["x"].shape == (4, 28, 28, 1)
    assert "saved_models/pretrained/mnist_vae_2d " in (FOLDER / "README.md").read_text()
    assert 'base_path: "/models/mnist_vae"' in (FOLDER / "models.config").read_text()
