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
    Raises UserError if a part has another shape, or if there are sample weights.
    """
    x, y, weight = data, None, None
    if isinstance(data, (tuple, list)):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(tuple(data))
    if isinstance(x, (tuple, list)):  # fit((x, labels))
        x, y = x
    if weight is not None:
        raise _unused("sample_weight")
    found = dict(x) if isinstance(x, dict) else {"x": x}
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


def check(model, *args, **kwargs):
    """Raise UserError if `model` cannot learn from what `fit` is given.

    All of an array is looked at, and the first batch of a pipeline; a generator, which gives its
    batches only once, is not. It warns of a loss or of metrics that `compile` was given.
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
    pairs = (given.get("x"), given.get("y")), (given.get("validation_data"), None)
    for x, y in pairs:
        data = _first_of(x) if y is None else (x, y)
        if data is None:
            continue
        found = parts(data, model.example_shape, model.takes_labels)
        values = np.asarray(found["x"] if found.get("target") is None else found["target"])
        if len(values):
            model.reconstruction.check(float(values.min()), float(values.max()))


def _first_of(data):
    """An array or a tuple or dictionary of arrays as it is, or the first batch of a pipeline."""
    if isinstance(data, tf.data.Dataset):
        return next(iter(data), None)
    if isinstance(data, keras.utils.PyDataset):
        return data[0]
    arrays = [one for one in tf.nest.flatten(data) if one is not None]
    return data if arrays and all(hasattr(one, "shape") for one in arrays) else None


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
