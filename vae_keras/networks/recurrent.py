"""A network for sequences of tokens: an LSTM encoder and an autoregressive LSTM decoder."""

import keras
from keras import layers, ops

from vae_keras.errors import UserError
from vae_keras.networks.network import Network

PADDING = 0
START = PADDING  # the token before the first one: padding, since it stands before no other token
NEVER = -1e9  # the logit of a token that cannot come


@keras.saving.register_keras_serializable("vae_keras")
class RecurrentNetwork(Network):
    """A bidirectional LSTM that reads a sequence, and another LSTM that writes one, token by token.

    `units` are two numbers: the units of the encoder in each direction, and those of the decoder.
    `embedding` is the size of a token's vector. Shapes are (steps, vocabulary): `steps` tokens,
    each an integer below `vocabulary`; 0 is padding. Raises UserError if `units` are not two
    numbers.
    """

    name = "lstm"

    def __init__(self, units=(256, 512), embedding=64):
        if len(units) != 2:
            raise UserError(
                f"network 'lstm' takes two numbers of units, not {len(units)}: those of encoder "
                "and decoder, such as --units 256-512"
            )
        self.units, self.embedding = tuple(units), embedding

    def get_config(self):
        return {"units": list(self.units), "embedding": self.embedding}

    def encoder(self, input_shape) -> keras.Model:
        """Make the encoder: tokens int32 [batch, steps] -> features [batch, 2 · units[0]]."""
        steps, vocabulary = input_shape
        tokens = keras.Input((steps,), dtype="int32")
        embedded = layers.Embedding(vocabulary, self.embedding)(tokens)
        features = layers.Bidirectional(layers.LSTM(self.units[0]))(embedded)
        return keras.Model(tokens, features, name="encoder_features")

    def decoder(self, code_size: int, output_shape) -> "RecurrentDecoder":
        """Make the decoder: (z [batch, code_size], tokens before [batch, steps]) -> logits.

        The logits are [batch, steps, vocabulary].
        """
        steps, vocabulary = output_shape
        return RecurrentDecoder(code_size, steps, vocabulary, self.units[1], self.embedding)


class RecurrentDecoder(keras.Model):
    """An LSTM whose first state comes from z; at every step it sees z and the token before."""

    def __init__(self, code_size, steps, vocabulary, units, embedding):
        super().__init__(name="decoder")
        self.steps, self.vocabulary = steps, vocabulary
        self.embed = layers.Embedding(vocabulary, embedding)
        self.begin = layers.Dense(2 * units, activation="tanh")
        self.lstm = layers.LSTM(units, return_sequences=True)
        self.readout = layers.Dense(vocabulary, dtype="float32")
        self([keras.KerasTensor((None, code_size)), keras.KerasTensor((None, steps), "int32")])

    def call(self, inputs):
        """The logits [batch, steps, vocabulary] of all tokens, each given those before it.

        `inputs` are z [batch, code_size] and the token before each one, int32 [batch, steps]: in
        training the true ones (teacher forcing). A negative number stands for a token that the
        decoder is not told.
        """
        z, before = inputs
        told = ops.cast(before >= 0, self.compute_dtype)[..., None]
        embedded = self.embed(ops.maximum(before, 0)) * told
        everywhere = ops.repeat(z[:, None], ops.shape(before)[1], axis=1)
        x = ops.concatenate([embedded, everywhere], axis=-1)
        return self._logits(self.lstm(x, initial_state=self.state(z)))

    def state(self, z) -> list:
        """The LSTM's state before the first step, from z [batch, code_size]: two [batch, units]."""
        return ops.split(self.begin(z), 2, axis=-1)

    def step(self, z, before, state):
        """The logits [batch, vocabulary] of the token after `before` [batch], and the next state.

        The steps one by one give the same logits as `call`.
        """
        x = ops.concatenate([self.embed(before), z], axis=-1)
        output, state = self.lstm.cell(x, state)
        return self._logits(output), state

    def _logits(self, output):
        """The logits of all tokens; that of padding is `NEVER`, as no sequence contains it."""
        is_padding = ops.arange(self.vocabulary) == PADDING
        return ops.where(is_padding, NEVER, self.readout(output))
