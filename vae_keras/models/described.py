"""What Keras knows of a functional model, for models that are written as a class."""

import functools

import keras

from vae_keras.errors import UserError
from vae_keras.models import onnx_operators


class DescribedModel(keras.Model):
    """A model that states what `call` takes, so that Keras can describe and export it untouched.

    A subclass sets `example_shape`, `vocabulary` and `takes_labels` before these are used.
    """

    example_shape: tuple[int, ...]
    vocabulary: tuple[str, ...]
    takes_labels: bool

    def call_inputs(self):
        """What `call` takes, as tensors without values: examples x, or also their labels.

        Examples are [batch, *example_shape]: float32, or int32 if they are tokens. A model with
        labels takes {"x": examples, "label": int32 [batch]}.
        """
        dtype = "int32" if self.vocabulary else "float32"
        x = keras.Input(self.example_shape, dtype=dtype, name="x")
        if not self.takes_labels:
            return x
        return {"x": x, "label": keras.Input((), dtype="int32", name="label")}

    @functools.cached_property
    def _ends(self) -> tuple[list, list]:
        """The tensors without values that `call` takes, and those that it gives."""
        inputs = self.call_inputs()
        in_order = list(inputs.values()) if isinstance(inputs, dict) else [inputs]
        return in_order, [self(inputs)]

    @property
    def inputs(self) -> list:
        """The input tensors, as those of a functional model."""
        return self._ends[0]

    @property
    def outputs(self) -> list:
        """The output tensors, as those of a functional model: the mean reconstruction."""
        return self._ends[1]

    @property
    def input_shape(self):
        """The shape of the examples, (None, *example_shape); beside labels, a list of shapes."""
        shapes = [tensor.shape for tensor in self.inputs]
        return shapes if len(shapes) > 1 else shapes[0]

    @property
    def output_shape(self):
        """The shape of the output: (None, *example_shape)."""
        return self.outputs[0].shape

    def export(
        self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs
    ):
        """Export `call`, the mean reconstruction, as Keras does: without a call before.

        `format` is that of Keras, such as "tf_saved_model", "onnx" or "litert". All other endpoints
        are written by `python -m vae_keras export`. Raises UserError if tf2onnx is not installed,
        which "onnx" needs, or if the format is "onnx" or "litert" and the model is of sequences.
        """
        if input_signature is None:
            input_signature = [keras.tree.map_structure(_spec, self.call_inputs())]
        if format in ("onnx", "litert") and self.vocabulary:
            raise UserError(
                f"a model of sequences decodes in a loop, which is not converted to {format}: "
                "export it as a SavedModel"
            )
        if format == "onnx":
            onnx_operators.register()
        return super().export(filepath, format, verbose, input_signature, **kwargs)

    def save(self, filepath, *args, **kwargs):
        """Save the model to a .keras file, as Keras does. Raises UserError if it is to be HDF5."""
        if str(filepath).endswith((".h5", ".hdf5")):
            raise UserError(
                f"{str(filepath)!r} would be HDF5, from which Keras cannot load this model: save "
                "it as .keras, or its weights alone with save_weights, as .weights.h5"
            )
        return super().save(filepath, *args, **kwargs)


def _spec(tensor) -> keras.InputSpec:
    return keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
