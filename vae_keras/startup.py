"""Imports TensorFlow without its log lines. Imported before anything that needs TensorFlow."""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def _standard_error_held_back():
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


os.environ.setdefault("KERAS_BACKEND", "tensorflow")
if "TF_CPP_MIN_LOG_LEVEL" in os.environ:  # the user has said how much to show
    import tensorflow
else:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # read once; what fails raises an exception anyway
    with _standard_error_held_back():
        import tensorflow

        tensorflow.config.list_physical_devices()  # says whether it finds a GPU driver
    del os.environ["TF_CPP_MIN_LOG_LEVEL"]  # or child processes would take it for the user's wish

import keras  # noqa: E402

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"vae_keras needs Keras on TensorFlow, but its backend is {keras.backend.backend()!r}: "
        "set the environment variable KERAS_BACKEND=tensorflow"
    )
