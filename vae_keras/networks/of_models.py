"""A network that is made of two Keras models."""

import keras

from vae_keras.errors import UserError
from vae_keras.networks.network import Network


@keras.saving.register_keras_serializable("vae_keras")
class OfModels(Network):
    """The network of an encoder and a decoder that exist already, as Keras models.

    The encoder maps examples to features [batch, n]: the model puts its own dense layers behind
    them, such as z_mean and z_log_var. The decoder maps codes to the parameters of the
    reconstruction, such as logits, shaped as an example. Both are used as they are, with their
    weights and their policy.

    Raises UserError, when a model is built, if one of them is of other shapes.
    """

    name = "of_models"

    def __init__(self, encoder: keras.Model, decoder: keras.Model):
        self.models = {"encoder": encoder, "decoder": decoder}

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {name: serialize(model) for name, model in self.models.items()}

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        return cls(**{name: deserialize(model) for name, model in config.items()})

    def encoder(self, input_shape) -> keras.Model:
        """The encoder, if it maps [batch, *input_shape] to features [batch, n]."""
        return self._fitting("encoder", tuple(input_shape), None)

    def decoder(self, code_size: int, output_shape) -> keras.Model:
        """The decoder, if it maps [batch, code_size] to [batch, *output_shape]."""
        return self._fitting("decoder", (code_size,), tuple(output_shape))

    def _fitting(self, name: str, input_shape: tuple, output_shape: tuple | None) -> keras.Model:
        """One of the two models. Raises UserError if its shapes are not these ones."""
        model = self.models[name]
        if not isinstance(model, keras.Model):
            raise UserError(f"{name} {model!r} must be a keras.Model: give encoder and decoder")
        if not getattr(model, "inputs", None):  # a class with its own call, or not built
            raise UserError(f"the {name} has no inputs: make it functional, or with keras.Input")
        found = [tensor.shape[1:] for tensor in (*model.inputs, *model.outputs)]
        wanted = f"one input {input_shape} and one output {output_shape or 'of features (n,)'}"
        is_wanted = len(found) == 2 and found[0] == input_shape
        if not is_wanted or (found[1] != output_shape if output_shape else len(found[1]) != 1):
            raise UserError(
                f"the {name} has the shapes {', '.join(map(str, found))}, but this model needs "
                f"{wanted} for each example"
            )
        return model
