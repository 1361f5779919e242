"""The policy that decides in which precision networks compute."""

import contextlib

import keras


@contextlib.contextmanager
def default_policy(policy):
    """Make `policy` that of all layers which are built inside the block and name none."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
