"""Prepares the imports of TensorFlow and Keras, whoever makes them.

The log lines that TensorFlow writes while it is imported are held back. Keras gets to know the
models of the package, so that it can load them from files.
"""

import contextlib
import importlib
import importlib.abc
import os
import sys
import tempfile
from importlib.machinery import PathFinder

from vae_keras.errors import UserError

LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def prepare():
    """Prepare the imports of TensorFlow and Keras, or adapt Keras if it is imported already.

    Raises UserError, here or when Keras is imported, if its backend is not TensorFlow.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "tensorflow" not in sys.modules or "keras" not in sys.modules:
        sys.meta_path.insert(0, _Imports())
    if "keras" in sys.modules:
        _check_backend(sys.modules["keras"].backend.backend())
        importlib.import_module("vae_keras.models")


def attributes_of(package: str, places: dict[str, tuple[str, ...]]):
    """A `__getattr__` for `package`, which imports each name only when it is used.

    `places` is {module: names}.
    """

    def __getattr__(name: str):
        for module, names in places.items():
            if name in names:
                return getattr(importlib.import_module(f"{package}.{module}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return __getattr__


class _Imports(importlib.abc.MetaPathFinder):
    """Finds TensorFlow and Keras as usual, but runs their imports by functions of this module."""

    def find_spec(self, fullname, path, target=None):
        around = {"tensorflow": _import_tensorflow, "keras": _import_keras}.get(fullname)
        spec = around and PathFinder.find_spec(fullname, path)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module
        spec.loader.exec_module = lambda module: around(execute, module)
        return spec


def _import_tensorflow(execute, module):
    if os.environ.get(LEVEL) == "0":  # the user wants to see all log lines
        return execute(module)
    with log_level_restored(), standard_error_held_back():
        os.environ[LEVEL] = "3"  # TensorFlow reads it once; errors raise exceptions anyway
        execute(module)
        module.config.list_physical_devices()  # logs whether there is a GPU driver


@contextlib.contextmanager
def log_level_restored():
    """Restore TensorFlow's log level in the environment, which child processes would inherit."""
    level = os.environ.get(LEVEL)
    try:
        yield
    finally:
        os.environ.pop(LEVEL, None)
        if level is not None:
            os.environ[LEVEL] = level


def _import_keras(execute, module):
    _check_backend(os.environ["KERAS_BACKEND"])  # before Keras imports another one
    execute(module)
    if not any(f"vae_keras.{room}" in sys.modules for room in ("networks", "objectives")):
        importlib.import_module("vae_keras.models")  # these two import it at their end


def _check_backend(name: str):
    if name != "tensorflow":
        raise UserError(
            f"vae_keras needs Keras on TensorFlow, but its backend is {name!r}: set the "
            "environment variable KERAS_BACKEND=tensorflow"
        )


@contextlib.contextmanager
def standard_error_held_back():
    """Hold back what C++ code writes to standard error; show it after all if the block fails."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
