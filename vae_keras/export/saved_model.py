"""Export to a SavedModel, which needs only TensorFlow to be used."""

import contextlib
import io
import json
import logging
import shutil

import keras
import tensorflow as tf

from vae_keras.config import NOT_OF_THE_RUN
from vae_keras.data.kinds import kind_of
from vae_keras.export.endpoints import endpoints
from vae_keras.export.model_card import model_card
from vae_keras.export.places import LABELS, TRAINING
from vae_keras.files import whole_folder, write_text


def export(model, path, config, metrics: dict, beside=()):
    """Write `model` as a SavedModel with its endpoints, whole or not at all.

    Beside it stand `model_card.md`, the configuration it was trained with and, if the endpoints
    take labels, `labels.json` with their names in the order of their numbers; if they take tokens,
    the words of these, one a line; and copies of the files `beside`.
    """
    # The endpoints name their variables; tracking the model as well would store each one twice.
    archive = keras.export.ExportArchive()
    for name, (function, inputs) in endpoints(model).items():
        archive.add_endpoint(name, function, inputs)
    with whole_folder(path) as temporary:
        with _quiet():
            archive.write_out(temporary, verbose=False)
        write_text(temporary / "model_card.md", model_card(model, config, metrics))
        write_text(temporary / TRAINING, config.to_json(without=NOT_OF_THE_RUN))
        for file in beside:
            shutil.copy(file, temporary)
        kind_of(model.vocabulary).write_assets(temporary)
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
