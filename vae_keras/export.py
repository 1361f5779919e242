"""Export to a SavedModel, which needs only TensorFlow to be used, and loading one again."""

import contextlib
import io
import logging
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from vae_keras.errors import UserError
from vae_keras.files import whole_folder, write_text

SAVED_MODELS = Path("saved_models")
PRETRAINED = SAVED_MODELS / "pretrained"


def export(model, path, card: str):
    """Write `model` as a SavedModel with its endpoints and `model_card.md`, whole or not at all."""
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, (function, inputs) in model.endpoints().items():
        archive.add_endpoint(name, function, inputs)
    with whole_folder(path) as temporary:
        with _quiet():
            archive.write_out(temporary, verbose=False)
        write_text(temporary / "model_card.md", card)


@contextlib.contextmanager
def _quiet():
    """Without TensorFlow's line on the assets that a SavedModel has."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def find_exported(name_or_path: str) -> Path:
    """An exported model from its path, or its name in saved_models/ or among those that ship."""
    places = [Path(name_or_path), *(folder / name_or_path for folder in (SAVED_MODELS, PRETRAINED))]
    for place in places:
        if (place / "saved_model.pb").is_file():
            return place
    raise UserError(
        f"no exported model {name_or_path!r}: give a folder that has a saved_model.pb, such as "
        "saved_models/digits_vae"
    )


class ExportedModel:
    """A SavedModel with the endpoints of an export: arrays in, arrays out.

    `image_shape` and `latent_dim` say what it takes; `endpoints` what it offers.
    """

    def __init__(self, path):
        self.path = find_exported(str(path))
        try:
            self.model = tf.saved_model.load(str(self.path))
        except Exception as error:  # a damaged file raises errors of many kinds
            raise UserError(f"{str(self.path)!r} cannot be read: {error}") from error
        self.endpoints = [name for name in self.model.signatures if name != "serving_default"]
        self.image_shape = tuple(self._input("reconstruct", "x").shape[1:])
        self.latent_dim = self._input("decode", "z").shape[1]

    def _input(self, endpoint, name) -> tf.TensorSpec:
        return self.model.signatures[endpoint].structured_input_signature[1][name]

    def call(self, endpoint: str, **inputs) -> dict[str, np.ndarray]:
        """All outputs of an endpoint by name."""
        tensors = {
            name: tf.convert_to_tensor(value, self._input(endpoint, name).dtype)
            for name, value in inputs.items()
        }
        outputs = self.model.signatures[endpoint](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}

    def reconstruct(self, x):
        """[batch, *image_shape] in [0, 1] -> the same after encoding and decoding."""
        return self.call("reconstruct", x=x)["reconstruction"]

    def encode(self, x):
        """[batch, *image_shape] in [0, 1] -> z [batch, latent_dim], the mean."""
        return self.call("encode", x=x)["z"]

    def decode(self, z):
        """[batch, latent_dim] -> [batch, *image_shape]."""
        return self.call("decode", z=z)["x"]

    def generate(self, n: int, seed=0):
        """`n` new examples, the same for the same seed (a number or a pair): [n, *image_shape]."""
        return self.call("generate", n=n, seed=np.broadcast_to(seed, 2))["x"]

    def log_prob(self, x, z):
        """log p(x|z) in nats: [batch]."""
        return self.call("log_prob", x=x, z=z)["log_prob"]


def load_exported(path) -> ExportedModel:
    """The model in the folder `path`, or of that name. Raises UserError if there is none."""
    return ExportedModel(path)
