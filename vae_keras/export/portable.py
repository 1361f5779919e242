"""Writes models for ONNX Runtime and LiteRT, which need neither TensorFlow nor this package."""

import logging
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from vae_keras.errors import UserError
from vae_keras.export.endpoints import endpoints
from vae_keras.export.model_card import model_card
from vae_keras.export.saved_model import write_endpoints, write_names
from vae_keras.files import whole_folder, write_text
from vae_keras.models import onnx_operators
from vae_keras.startup import standard_error_held_back

NAMES = ("encode", "decode", "reconstruct", "generate")  # the last one needs the prior
TOLERANCE = 1e-5  # of a value near 0; of a large value it is this share
SIZES = (3, 1)  # of the batches on which a file is checked


def convert(model, path, config, metrics: dict, format: str):
    """Write `model` in the `format` "onnx" or "litert" into the folder `path`, with its model card.

    The endpoints are those of the SavedModel without `log_prob`. `generate` takes z from N(0, I),
    because random numbers are not converted; it is left out if the prior is no map of N(0, I), as a
    mixture. ONNX has a file for each endpoint; LiteRT has one,
    model.tflite, in which they are signatures. All are computed once by their runtime, and must
    give what the SavedModel gives.

    Raises UserError if the model is of sequences, if something of it cannot be converted, or if the
    runtime gives something else; nothing is written then.
    """
    if model.vocabulary:
        raise UserError(
            f"a model of sequences, network {model.network.name}, decodes in a loop, which is not "
            f"converted to {format}: export it without --format"
        )
    model = _of_float32(model)
    found = portable_endpoints(model)
    with tempfile.TemporaryDirectory() as saved, whole_folder(path) as temporary:
        write_endpoints(found, model, saved)
        try:
            run = WRITERS[format](found, saved, temporary)
        except Exception as error:  # the converters raise errors of many kinds
            raise _not_converted("the model", format, error) from error
        classes = model.classes if model.takes_labels else 0
        _check(tf.saved_model.load(saved), run, found, classes, format)
        write_names(model, metrics, temporary)
        card = model_card(model, config, metrics, found, format)
        write_text(temporary / "model_card.md", card)


def _of_float32(model):
    """The model itself, or one with its weights that computes in float32, as the runtimes do."""
    if model.dtype_policy.name == "float32":
        return model
    other = type(model).from_config({**model.get_config(), "dtype": "float32"})
    other.set_weights(model.get_weights())
    return other


def portable_endpoints(model) -> dict:
    """The endpoints of a model that can be converted: {name: (function, specifications)}."""
    found = endpoints(model)
    decode, specs = found["decode"]

    def generate(z, *label):
        return decode(model.prior.drawn(z), *label)

    found["generate"] = (generate, specs)
    names = NAMES if model.prior.maps_standard else NAMES[:-1]
    return {name: found[name] for name in names}


def to_onnx(found: dict, saved: str, folder: Path) -> Callable:
    """Write a file for each endpoint; return what runs one: (name, inputs) -> {output: values}."""
    onnx_operators.register()
    import onnxruntime
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # what fails is told once, below
    for name, (function, specs) in found.items():
        traced = tf.function(function, input_signature=specs)
        file = str(folder / f"{name}.onnx")
        tf2onnx.convert.from_function(traced, input_signature=specs, output_path=file)

    def run(name, inputs):
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, inputs), strict=True))

    return run


def to_litert(found: dict, saved: str, folder: Path) -> Callable:
    """Write the endpoints as signatures of model.tflite; return what runs one, as `to_onnx`."""
    from ai_edge_litert.interpreter import Interpreter

    converter = tf.lite.TFLiteConverter.from_saved_model(saved, signature_keys=list(found))
    (folder / "model.tflite").write_bytes(converter.convert())
    interpreter = Interpreter(str(folder / "model.tflite"))

    def run(name, inputs):
        with standard_error_held_back():  # it tells how it computes
            return interpreter.get_signature_runner(name)(**inputs)

    return run


WRITERS = {"onnx": to_onnx, "litert": to_litert}


def _check(saved_model, run: Callable, found: dict, classes: int, format: str):
    """Raise UserError unless all endpoints give what those of the SavedModel give.

    `classes` is the number of labels.
    """
    numbers = np.random.default_rng(0)
    for name, (_, specs) in found.items():
        for size in SIZES:
            inputs = {spec.name: _drawn(spec, size, classes, numbers) for spec in specs}
            expected = saved_model.signatures[name](
                **{key: tf.constant(value) for key, value in inputs.items()}
            )
            try:
                given = run(name, inputs)
            except Exception as error:  # a file that does not load raises errors of many kinds
                raise _not_converted(name, format, error) from error
            differences = {
                key: _difference(given[key], value.numpy()) if key in given else math.inf
                for key, value in expected.items()
            }
            worst = max(differences, key=lambda key: differences[key])
            if not differences[worst] <= TOLERANCE:
                raise UserError(
                    f"{worst} of {name} differs by {differences[worst]:.1e} between {format} and "
                    "TensorFlow: the model is not written; use its SavedModel"
                )


def _not_converted(what: str, format: str, error: Exception) -> UserError:
    return UserError(f"{what} cannot be converted to {format}, use the SavedModel: {error}")


def _drawn(spec: tf.TensorSpec, size: int, classes: int, numbers) -> np.ndarray:
    """An input for an endpoint: labels in turn, codes from N(0, I), or noise in [0, 1]."""
    shape = (size, *spec.shape[1:])
    if spec.name == "label":
        return np.arange(size, dtype=np.int32) % classes
    draw = numbers.standard_normal if spec.name == "z" else numbers.random
    return draw(shape, np.float32)


def _difference(given, expected) -> float:
    """The largest difference, relative to values above 1; infinite if the shapes differ."""
    if given.shape != expected.shape:
        return math.inf
    return float(np.max(np.abs(given - expected) / np.maximum(1.0, np.abs(expected))))
