"""Writes models as SavedModels, for which only TensorFlow is needed."""

import contextlib
import io
import json
import logging
import shutil

import tensorflow as tf

from vae_keras.config import NOT_OF_THE_RUN
from vae_keras.data.kinds import kind_of
from vae_keras.errors import UserError
from vae_keras.export.endpoints import endpoints
from vae_keras.export.guards import guarded
from vae_keras.export.model_card import model_card
from vae_keras.export.places import LABELS, TRAINING
from vae_keras.files import whole_folder, write_text


def export(model, path, config, metrics: dict, beside=()):
    """Write `model` as a SavedModel with its endpoints into the folder `path`, whole or not at all.

    The folder also gets `model_card.md`, the configuration of the training, and copies of the files
    `beside`. If endpoints take labels, `labels.json` has the names of the labels in order. If they
    take tokens, `assets/vocabulary.txt` has the word of each token, one a line; if they take rows
    of a table, `assets/columns.json` has what standardises its columns.
    """
    with whole_folder(path) as temporary:
        write_endpoints(guarded(endpoints(model)), model, temporary)
        write_text(temporary / "model_card.md", model_card(model, config, metrics))
        write_text(temporary / TRAINING, config.to_json(without=NOT_OF_THE_RUN))
        for file in beside:
            shutil.copy(file, temporary)
        write_names(model, metrics, temporary)


def write_names(model, metrics: dict, folder):
    """Write what gives meaning to the numbers of an export: labels, and words or columns."""
    kind_of(model.vocabulary, metrics.get("columns")).write_assets(folder)
    if model.takes_labels:
        write_text(folder / LABELS, json.dumps(metrics["class_names"]) + "\n")


def write_endpoints(found: dict, model, folder):
    """Write endpoints of `model` as a SavedModel: {name: (function, specifications of its inputs)}.

    Raises UserError if they cannot be written, as to a full disk.
    """
    write_functions(found, [variable.value for variable in model.variables], folder)


def write_functions(found: dict, used: list, folder):
    """Write endpoints as a SavedModel with all variables `used` by them, as `write_endpoints`."""
    # Keras's ExportArchive would trace each function twice: first to find the variables it uses.
    archive = tf.Module()
    archive.used = used
    for name, (function, inputs) in found.items():
        setattr(archive, name, tf.function(function, input_signature=inputs, autograph=False))
    signatures = {name: getattr(archive, name) for name in found}
    signatures["serving_default"] = signatures[next(iter(found))]
    try:
        with _quiet():
            tf.saved_model.save(archive, folder, signatures)
    except tf.errors.OpError as error:
        raise UserError(f"cannot write the export ({error.message.splitlines()[0]})") from error


@contextlib.contextmanager
def _quiet():
    """Suppress what TensorFlow prints about the assets of a SavedModel."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
