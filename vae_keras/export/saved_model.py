"""Export to a SavedModel, which needs only TensorFlow to be used."""

import contextlib
import io
import json
import logging
import shutil
from pathlib import Path

import keras
import tensorflow as tf

from vae_keras.config.train_config import NOT_OF_THE_RUN
from vae_keras.errors import UserError
from vae_keras.export.model_card import model_card
from vae_keras.files import whole_folder, write_text

SAVED_MODELS = Path("saved_models")
LABELS = "labels.json"
TRAINING = "training.json"  # the configuration it was trained with
VOCABULARY = "assets/vocabulary.txt"  # of a model of sequences: the words of the tokens 0, 1, …
FEATURES, FEATURES_PICTURE = "features.json", "features.png"  # if it has feature vectors
PRETRAINED = SAVED_MODELS / "pretrained"


def export(model, path, config, metrics: dict, beside=()):
    """Write `model` as a SavedModel with its endpoints, whole or not at all.

    Beside it stand `model_card.md`, the configuration it was trained with and, if the endpoints
    take labels, `labels.json` with their names in the order of their numbers; if they take tokens,
    the words of these, one a line; and copies of the files `beside`.
    """
    # The endpoints name their variables; tracking the model as well would store each one twice.
    archive = keras.export.ExportArchive()
    for name, (function, inputs) in model.endpoints().items():
        archive.add_endpoint(name, function, inputs)
    with whole_folder(path) as temporary:
        with _quiet():
            archive.write_out(temporary, verbose=False)
        write_text(temporary / "model_card.md", model_card(model, config, metrics))
        write_text(temporary / TRAINING, config.to_json(without=NOT_OF_THE_RUN))
        for file in beside:
            shutil.copy(file, temporary)
        if model.vocabulary:
            (temporary / VOCABULARY).parent.mkdir(exist_ok=True)
            write_text(temporary / VOCABULARY, "".join(f"{word}\n" for word in model.vocabulary))
        if model.takes_labels:
            write_text(temporary / LABELS, json.dumps(metrics["class_names"]) + "\n")


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
