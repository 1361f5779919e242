"""Keras describes, saves and exports the models as it does functional ones."""

import copy
import pickle

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tests.images import images
from vae_keras import UserError
from vae_keras.models import MODELS
from vae_keras.networks import (
    ConvNetwork,
    DenseNetwork,
    GridNetwork,
    RecurrentNetwork,
    ResidualNetwork,
)

X = images(3, (12, 10, 1))
LABELS = np.array([2, 0, 1], np.int32)
TOKENS = np.array([[1, 2, 0], [2, 2, 2]], np.int32)


def model_of(name, network=None):
    """An untrained model of a rung, and an input of it."""
    if name == "sequence":
        return MODELS[name](3, ["", "a", "b"], network=RecurrentNetwork((4, 4), 2)), TOKENS
    if name in ("linear", "sparse"):
        return MODELS[name](X.shape[1:]), X
    if name == "conditional":
        model = MODELS[name](X.shape[1:], classes=3, network=network or DenseNetwork((8,)))
        return model, {"x": X, "label": LABELS}
    return MODELS[name](X.shape[1:], network=network or DenseNetwork((8,))), X


SEQUENCE = pytest.param("sequence", marks=pytest.mark.slow)


@pytest.mark.parametrize("name", [*(name for name in MODELS if name != "sequence"), SEQUENCE])
def test_inputs_and_outputs_are_those_of_a_functional_model(name):
    model, given = model_of(name)
    shape = (None, *model.example_shape)
    assert [tensor.name for tensor in model.inputs] == list(given if name == "conditional" else "x")
    assert (model.inputs[0].shape, model.outputs[0].shape, model.output_shape) == (shape,) * 3
    assert model.inputs[0].dtype == ("int32" if name == "sequence" else "float32")
    functional = keras.Model(model.inputs, model.outputs[0])
    tensors = list(given.values()) if name == "conditional" else [given]
    np.testing.assert_array_equal(functional(tensors), model(given))
    assert functional.input_shape in (model.input_shape, [model.input_shape])
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again(given), model(given))


@pytest.mark.parametrize("name", MODELS)
def test_summary_knows_every_shape(name):
    model, lines = model_of(name)[0], []
    model.summary(print_fn=lines.append)
    (text,) = lines
    assert "prior" in text and f"(None, {model.latent_dim})" in text
    assert "?" not in text and "unbuilt" not in text


@pytest.mark.parametrize(
    ("name", "is_loaded"),
    [
        ("vae", False),
        pytest.param("conditional", True, marks=pytest.mark.slow),
        pytest.param("sequence", True, marks=pytest.mark.slow),
    ],
)
def test_export_without_arguments(name, is_loaded, tmp_path):
    model, given = model_of(name)
    one = model
    if is_loaded:
        model.save(tmp_path / "model.keras")
        one = keras.models.load_model(tmp_path / "model.keras")
    one.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.serve(given), model(given), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "name"),
    [
        (DenseNetwork((8,)), "vae"),
        (ConvNetwork(4, 8, 8), "vae"),
        (ResidualNetwork(4, 8, 1, 4, 8), "conditional"),
        (GridNetwork(4, 8, 1, 4, 8), "vae"),
        (DenseNetwork((8,), "silu"), "deep"),
    ],
    ids=["dense", "conv", "resnet and labels", "grid", "silu without a posterior"],
)
def test_export_to_other_runtimes(network, name, tmp_path):
    keras.utils.set_random_seed(0)
    model, given = model_of(name, network)
    named = given if name == "conditional" else {"x": given}
    for variable in model.weights:  # GELU far from 0, where an approximation would show
        variable.assign(2.0 * variable)
    expected = model(given)
    exact = dict(rtol=1e-4, atol=1e-5 * max(1.0, float(np.abs(expected).max())))
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    np.testing.assert_allclose(session.run(None, named)[0], expected, **exact)
    model.export(tmp_path / "model.tflite", format="litert", verbose=False)
    runner = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner()
    (found,) = runner(**named).values()
    np.testing.assert_allclose(found, expected, **exact)


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_sequences_are_not_converted(format, tmp_path):
    with pytest.raises(UserError, match=f"a loop, which is not converted to {format}"):
        model_of("sequence")[0].export(tmp_path / "model", format=format)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5"])
def test_hdf5_is_refused_in_one_line(name, tmp_path):
    with pytest.raises(UserError, match=r"save it as \.keras") as error:
        model_of("vae")[0].save(tmp_path / name)
    assert "\n" not in str(error.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["vae", "conditional", "sparse", SEQUENCE])
def test_weights_alone_are_saved(name, tmp_path):
    model, given = model_of(name)
    model.save_weights(tmp_path / "model.weights.h5")
    other = type(model).from_config(model.get_config())
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other(given), model(given))
