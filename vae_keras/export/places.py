"""Where exported models lie, and the files in them. It needs no TensorFlow."""

from pathlib import Path

import vae_keras
from vae_keras.errors import UserError

SAVED_MODELS = Path("saved_models")
PRETRAINED = SAVED_MODELS / "pretrained"
BESIDE = Path(vae_keras.__file__).resolve().parents[1] / PRETRAINED  # in a clone of the project
LABELS = "labels.json"
TRAINING = "training.json"  # the configuration of the training
FEATURES, FEATURES_PICTURE = "features.json", "features.png"  # only if there are feature vectors
EVALUATION = ("evaluation.json", "evaluation.png")  # written by the command evaluate
MODEL_FILE = "saved_model.pb"
OF_AN_EXPORT = (  # what is written into the folder of an export, in any format
    MODEL_FILE, "fingerprint.pb", "variables", "assets", "model_card.md", "*.onnx", "*.tflite",
    LABELS, TRAINING, FEATURES, FEATURES_PICTURE, *EVALUATION,
)  # fmt: skip


def find_exported(name_or_path: str) -> Path:
    """The folder of an exported model, from its path or its name.

    A name is looked for in saved_models/ and among the models that the project ships. Raises
    UserError if there is none.
    """
    folders = (SAVED_MODELS, PRETRAINED, BESIDE)
    for place in (Path(name_or_path), *(folder / name_or_path for folder in folders)):
        if (place / MODEL_FILE).is_file():
            return place
    raise UserError(
        f"no exported model {name_or_path!r}: give a folder that has a saved_model.pb, such as "
        "saved_models/digits_vae"
    )
