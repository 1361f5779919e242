"""What every network is."""

import keras


class Network:
    """A pair of builders: an encoder to features and a decoder from codes, without any loss.

    Both know the shapes they are built for, so one network serves every model and likelihood. To
    bring your own, derive from this class, register it for saving, and pass it as `network`.
    """

    name = "network"

    def encoder(self, input_shape) -> keras.Model:
        """[batch, *input_shape] -> features [batch, n]."""
        raise NotImplementedError

    def decoder(self, code_size: int, output_shape) -> keras.Model:
        """[batch, code_size] -> [batch, *output_shape], unbounded."""
        raise NotImplementedError

    def get_config(self) -> dict:
        """The arguments that make the same network again."""
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
