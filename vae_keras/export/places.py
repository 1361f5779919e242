"""Where exported models lie, and what lies in them. Nothing here needs TensorFlow."""

from pathlib import Path

import vae_keras
from vae_keras.errors import UserError

SAVED_MODELS = Path("saved_models")
PRETRAINED = SAVED_MODELS / "pretrained"
BESIDE = Path(vae_keras.__file__).resolve().parents[1] / PRETRAINED  # the package, in its clone
LABELS = "labels.json"
TRAINING = "training.json"  # the configuration it was trained with
FEATURES, FEATURES_PICTURE = "features.json", "features.png"  # if it has feature vectors


def find_exported(name_or_path: str) -> Path:
    """An exported model from its path, or its name in saved_models/ or among those that ship.

    Raises UserError if there is none.
    """
    folders = (SAVED_MODELS, PRETRAINED, BESIDE)
    for place in (Path(name_or_path), *(folder / name_or_path for folder in folders)):
        if (place / "saved_model.pb").is_file():
            return place
    raise UserError(
        f"no exported model {name_or_path!r}: give a folder that has a saved_model.pb, such as "
        "saved_models/digits_vae"
    )
