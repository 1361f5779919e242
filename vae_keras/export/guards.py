"""What the endpoints of a SavedModel refuse in words before they compute."""

import functools

import tensorflow as tf

MOST = 1_000_000  # examples that one call generates; their codes alone are some 100 MB


def guarded(endpoints: dict) -> dict:
    """The endpoints, {name: (function, specifications of its inputs)}, with a check of each input.

    Numbers must be finite, and `n` must be 0 to MOST. Shapes and types are TensorFlow's to refuse.
    """
    return {
        name: (_guarded(function, inputs), inputs) for name, (function, inputs) in endpoints.items()
    }


def _guarded(function, inputs):
    @functools.wraps(function)  # the names of its arguments are part of the export
    def checked(*tensors):
        checks = [
            check for spec, tensor in zip(inputs, tensors) for check in _checks(spec.name, tensor)
        ]
        with tf.control_dependencies(checks):
            return function(*map(tf.identity, tensors))

    return checked


def _checks(name: str, tensor) -> list:
    if tensor.dtype.is_floating:
        return [tf.debugging.assert_all_finite(tensor, f"{name} must be finite numbers")]
    if name == "n":
        message = f"n must be 0 to {MOST}; for more, call again with another seed"
        return [
            tf.debugging.assert_greater_equal(tensor, 0, message),
            tf.debugging.assert_less_equal(tensor, MOST, message),
        ]
    return []
