"""The variational autoencoder of sequences of tokens: melodies and sentences."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from vae_keras.config.rungs import SequenceOptions
from vae_keras.models import decoding, noise
from vae_keras.models.autoencoder import Batch
from vae_keras.models.vae import VAE
from vae_keras.networks.recurrent import PADDING, START
from vae_keras.objectives.likelihoods import Categorical

HIDDEN = -1  # stands for a previous token that the decoder is not told


@keras.saving.register_keras_serializable("vae_keras")
class SequenceVAE(VAE):
    """A VAE whose decoder writes a sequence token by token, given z and the tokens before.

    It follows Bowman et al. 2016 (Generating sentences from a continuous space) and, for melodies,
    Roberts et al. 2018 (MusicVAE). x is int32 [batch, steps]. Token 0 is the padding at the end; it
    does not count in the loss. `end` is the token after which padding comes, or None. The condition
    of a batch is what the decoder is told at each step: the token before.

    `word_dropout` keeps some of these tokens from the decoder in training, so that it needs z. With
    `scheduled_sampling` some are drawn from the model itself, so that the decoder meets its own
    mistakes: their share rises from 0 to `scheduled_sampling` over the training (Bengio et al.
    2015). They are drawn in one pass that is told the true tokens (Mihaylova and Martins 2019).
    """

    Options = SequenceOptions
    options: SequenceOptions  # type: ignore[assignment]  # no likelihood to choose, unlike a VAE's
    default_network = "lstm"

    def __init__(self, steps: int, vocabulary, *args, end=None, **kwargs):
        self.vocabulary, self.end = tuple(vocabulary), end
        super().__init__((steps,), *args, **kwargs)

    @classmethod
    def arguments_for(cls, dataset, options):
        """The length of a sequence, the vocabulary and the end token, as arguments of the model."""
        kind = dataset.kind
        return dict(steps=dataset.example_shape[0], vocabulary=kind.vocabulary, end=kind.end)

    def start_from(self, dataset):
        """Let the decoder start from the frequency of each token in the training data."""
        self.start_at(dataset.train.arrays()[0])

    def start_at(self, examples):
        """Let the decoder start from the frequency of each token in `examples` [n, steps]."""
        tokens = np.asarray(examples, np.int32)
        counts = np.bincount(tokens[tokens != PADDING], minlength=len(self.vocabulary))
        self.start.assign(np.log((counts + 1) / (counts + 1).sum()))

    @property
    def start(self):
        """The bias of the logits."""
        return self.decoder.readout.bias

    def get_config(self):
        config = super().get_config()
        del config["reconstruction"], config["example_shape"]
        own = {"steps": self.example_shape[0], "vocabulary": self.vocabulary, "end": self.end}
        return {**config, **own}

    @property
    def parameters_shape(self):
        """The shape of the logits of one sequence: (steps, vocabulary)."""
        return (*self.example_shape, len(self.vocabulary))

    def build_reconstruction(self):
        """Make the likelihood of tokens; no option decides it."""
        likelihood = Categorical(name="categorical")
        likelihood.data_range = (0, len(self.vocabulary) - 1)
        return likelihood

    def build_encoder(self, input_shape=None):
        """Make the encoder: tokens int32 [batch, steps] -> the heads, [batch, latent_dim] each."""
        return super().build_encoder(self.parameters_shape)

    def build_decoder(self, code_size=None):
        """Make the decoder: (z, tokens before) -> logits [batch, steps, vocabulary]."""
        return self.network.decoder(self.latent_dim, self.parameters_shape)

    def prepare(self, data) -> Batch:
        """Turn tokens [batch, steps], or a dictionary with `x` and `index`, into a `Batch`."""
        batch = super().prepare(data)
        x = ops.cast(batch.x, "int32")
        return batch._replace(x=x, target=x, condition=tokens_before(x))

    def decoder_inputs(self, z, condition=None):
        """Codes `z` and the token before each one, in `condition` [batch, steps].

        The parameters are then the logits of every token, [batch, steps, vocabulary].
        """
        return [z, condition]

    def objective(self, batch: Batch, training: bool) -> dict:
        if training and (self.options.scheduled_sampling or self.options.word_dropout):
            batch = batch._replace(condition=self._decoder_inputs(batch))
        return super().objective(batch, training)

    def _decoder_inputs(self, batch: Batch):
        """The tokens before as the decoder is told them in training: some dropped, some guessed."""
        heard = batch.condition
        if self.options.scheduled_sampling:
            steps = (self.epochs or 0) * (self.steps_per_epoch or 0)
            share = tf.cast(self.optimizer.iterations, tf.float32) / max(1, steps)
            share = self.options.scheduled_sampling * tf.minimum(1.0, share)
            guessed = tokens_before(self._own_guesses(batch))
            heard = tf.where(self._uniform(batch, noise.MIXING) < share, guessed, heard)
        if self.options.word_dropout:
            is_kept = self._uniform(batch, noise.DROPPING) >= self.options.word_dropout
            heard = tf.where(is_kept, heard, HIDDEN)
        return heard

    def _own_guesses(self, batch: Batch):
        """Draw tokens [batch, steps] from the model at the codes of a batch, told the true ones."""
        logits = tf.stop_gradient(self.parameters(self.code(batch), batch.condition))

        def draw(shape, seed):
            rows = tf.reshape(logits, (-1, logits.shape[-1]))
            tokens = tf.random.stateless_categorical(rows, 1, seed, tf.int32)
            return tf.reshape(tokens, shape)

        return self.noise(batch, self.example_shape, True, draw, noise.OWN)

    def _uniform(self, batch, stream):
        """Numbers from 0 to 1 for the current training step: [batch, steps]."""
        draw = tf.random.stateless_uniform
        return self.noise(batch, self.example_shape, True, draw, stream)

    def decode(self, z, label=None, temperature=0.0, top_p=None, seed=(0, 0)):
        """Decode codes `z` [batch, latent_dim] to tokens int32 [batch, steps].

        At `temperature` 0 each token is the likeliest one; above 0 tokens are drawn, with logits
        divided by `temperature`. With `top_p` they come only from the smallest set of likeliest
        tokens whose probabilities sum to `top_p` or more. The same `seed` (int32 [2]) gives the
        same tokens. `label` is not used.
        """
        uniform = tf.random.stateless_uniform((tf.shape(z)[0], *self.example_shape), seed)
        return decoding.sampled(self.decoder, z, uniform, temperature, top_p, self.end)

    def draw(self, batch: Batch, z, seed) -> Batch:
        """The batch with a sequence drawn from p(x|z) in the place of each; see `VAE.draw`."""
        x = self.decode(z, temperature=1.0, seed=seed)
        return batch._replace(x=x, target=x, condition=tokens_before(x))

    def search(self, z, beams=5):
        """The likeliest sequence that a beam search finds for each code: int32 [batch, steps].

        `z` is [batch, latent_dim]; `beams` sequences are kept at every step.
        """
        return decoding.beam_search(self.decoder, z, beams, self.end)

    def call(self, x):
        """The likeliest tokens, step by step, at the code without noise: int32 [batch, steps]."""
        return self.decode(self.code(self.prepare(x)))

    def generate(self, count, seed, label=None, temperature=1.0, top_p=None):
        """Draw sequences from p(x|z) at codes of the prior: int32 [count, steps].

        The same `seed` (a number, or int32 [2]) gives the same sequences. `temperature` and `top_p`
        are those of `decode`. `label` is not used.
        """
        seed = tf.broadcast_to(seed, (2,))
        z = self.prior.sample(count, seed)
        other = tf.random.experimental.stateless_fold_in(seed, 1)  # draws independent of z
        return self.decode(z, None, temperature, top_p, other)


def tokens_before(tokens):
    """The token before each of `tokens` [batch, steps], the start token first: [batch, steps]."""
    return ops.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=START)
