"""The base class of networks."""

import keras


class Network:
    """A pair of builders: `encoder` makes an encoder to features, and `decoder` one from codes.

    Neither knows a loss. Both are told the shapes to build for, so one network serves every model
    and likelihood. To use a network of your own, derive a class from this one, register it with
    Keras for saving, and pass an instance as `network`, to a model or to `TrainConfig`.
    """

    name = "network"

    def encoder(self, input_shape) -> keras.Model:
        """Make the encoder: [batch, *input_shape] -> features [batch, n]."""
        raise NotImplementedError

    def decoder(self, code_size: int, output_shape) -> keras.Model:
        """Make the decoder: [batch, code_size] -> [batch, *output_shape], unbounded."""
        raise NotImplementedError

    def get_config(self) -> dict:
        """The arguments of the constructor that make the same network again."""
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
