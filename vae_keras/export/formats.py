"""The formats that a run is exported to, and what they need. It needs no TensorFlow."""

import importlib.util
from pathlib import Path

from vae_keras.errors import UserError

PACKAGES = {  # what writes a format or checks it, beside TensorFlow
    "saved_model": (),
    "onnx": ("tf2onnx", "onnx", "onnxruntime"),
    "litert": ("ai-edge-litert",),
}


def check_installed(format: str):
    """Raise UserError if a package that the format needs is not installed."""
    missing = [
        name for name in PACKAGES[format] if not importlib.util.find_spec(name.replace("-", "_"))
    ]
    if missing:
        raise UserError(
            f"--format {format} needs {', '.join(missing)}: pip install {' '.join(missing)}"
        )


def default_output(exported: Path, format: str) -> Path:
    """Where a run is written whose SavedModel is the folder `exported`: beside it."""
    return exported if format == "saved_model" else Path(f"{exported}-{format}")
