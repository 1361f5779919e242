"""What a user gives to a model, sorted into the named parts of a batch, and checked."""

import inspect
import warnings
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_keras.errors import UserError, check_channels_last


def parts(data, example_shape: tuple, takes_labels: bool) -> dict[str, Any]:
    """The parts `x`, `target`, `label` and `index` of a batch, as far as they are given.

    `data` is an array of examples, a dictionary of the parts, or a pair. The second of a pair is a
    target if it has the shape of an example; otherwise it is the label, if the model takes labels.
    Raises UserError if a part has another shape, if a dictionary has no `x`, or if there are sample
    weights.
    """
    x, y, weight = data, None, None
    if isinstance(data, (tuple, list)):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(tuple(data))
    if isinstance(x, (tuple, list)):  # fit((x, labels))
        x, y = x
    if weight is not None:
        raise _unused("sample_weight")
    found = dict(x) if isinstance(x, dict) else {"x": x}
    if "x" not in found:
        raise UserError(f"the examples of a dictionary are called 'x', but it has {list(found)}")
    if not _fits(found["x"], example_shape):
        raise _misfit(found["x"].shape, example_shape)
    if y is not None:
        found["label" if takes_labels and not _fits(y, example_shape) else "target"] = y
    if found.get("target") is not None and not _fits(found["target"], example_shape):
        raise UserError(
            f"y has shape {tuple(found['target'].shape)}, but what is to be rebuilt has "
            f"{_batch_of(example_shape)}: give x alone, without labels, as in "
            "dataset.map(lambda x, y: x); a ConditionalVAE learns from labels"
        )
    return found


def _fits(values, example_shape) -> bool:
    return tf.TensorShape(values.shape).is_compatible_with([None, *example_shape])


def _misfit(shape, example_shape) -> UserError:
    what = f"x has shape {tuple(shape)}, but the model takes {_batch_of(example_shape)}"
    if tuple(shape)[1:] == example_shape[:-1]:
        return UserError(f"{what}: add the axis of the channels, x[..., None]")
    return UserError(f"{what}: reshape x, or make the model for its shape")


def _unused(name: str) -> UserError:
    return UserError(f"{name} is not used: every example counts the same")


def _batch_of(example_shape) -> str:
    return f"(batch, {', '.join(map(str, example_shape))})"


LOOKED_AT = 10  # batches of a pipeline
ENOUGH = 10_000  # examples, from which a model starts


def check(model, *args, **kwargs) -> np.ndarray | None:
    """Raise UserError if `model` cannot learn from what `fit` is given; return what it rebuilds.

    All of an array is looked at, and the first batches of a pipeline; a generator, which gives its
    batches only once, is not, and then it returns None. It warns of a loss or of metrics that
    `compile` was given.
    """
    compiled = model.get_compile_config() or {}
    if compiled.get("loss") is not None or compiled.get("metrics") is not None:
        warnings.warn(
            "loss and metrics of compile are not used: the model states its own", stacklevel=3
        )
    given = inspect.signature(keras.Model.fit).bind(model, *args, **kwargs).arguments
    for name in ("sample_weight", "class_weight"):
        if given.get(name) is not None:
            raise _unused(name)
    x, y = given.get("x"), given.get("y")
    _checked(model, given.get("validation_data"))
    return _checked(model, x if y is None else (x, y))


def _checked(model, data) -> np.ndarray | None:
    """What is rebuilt of `data`, as far as it is looked at: checked; None if nothing is."""
    looked_at = []
    for batch in _first_of(data):
        found = parts(batch, model.example_shape, model.takes_labels)
        model.condition(found.get("label"))  # looks at the labels
        values = np.asarray(found["x"] if found.get("target") is None else found["target"])
        if len(values):
            model.reconstruction.check(float(values.min()), float(values.max()))
            looked_at.append(values)
    if not looked_at:
        return None
    values = np.concatenate(looked_at) if len(looked_at) > 1 else looked_at[0]
    return values[:: -(-len(values) // ENOUGH)]  # at equal distances


def _first_of(data) -> list:
    """An array or a tuple or dictionary of arrays as the only batch, or the first of a pipeline."""
    if isinstance(data, tf.data.Dataset):
        return list(data.take(LOOKED_AT))
    if isinstance(data, keras.utils.PyDataset):
        return [data[position] for position in range(min(LOOKED_AT, len(data)))]
    arrays = [one for one in tf.nest.flatten(data) if one is not None]
    return [data] if arrays and all(hasattr(one, "shape") for one in arrays) else []


def is_untrained(model) -> bool:
    """True if no weight has left its first value by a step, by `start_at`, or by loading others.

    The biases of the encoder's heads tell, which are 0 only in the beginning.
    """
    if model.start is None or model.optimizer is None:
        return False
    weights = [model.optimizer.iterations, model.start, *model.head_biases()]
    return not any(np.any(tf.convert_to_tensor(weight)) for weight in weights)


def check_example_shape(shape: tuple):
    """Raise UserError if images of `shape` have their channels first, or Keras is set to that."""
    if len(shape) != 3:
        return
    if keras.config.image_data_format() == "channels_first":
        raise UserError(
            'keras.json has "image_data_format": "channels_first", but images are [height, width, '
            'channels] here: set it to "channels_last"'
        )
    check_channels_last("an example", shape)
