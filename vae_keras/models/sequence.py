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

NOT_TOLD = -1  # in the place of a token before


@keras.saving.register_keras_serializable("vae_keras")
class SequenceVAE(VAE):
    """A VAE whose decoder writes a sequence token by token, told z and the tokens before.

    After Bowman et al. 2016 (Generating sentences from a continuous space) and, for melodies,
    Roberts et al. 2018 (MusicVAE). x is int32 [batch, steps]; 0 is padding at the end, which counts
    nowhere. The condition of a batch is what the decoder is told at each step: the token before.

    Lest the decoder do without z, `word_dropout` keeps some tokens from it. Lest it rely on tokens
    before that are always right, a share of them is drawn from the model itself, which rises from 0
    to `scheduled_sampling` over the training (Bengio et al. 2015; drawn in one pass with the truth
    before, after Mihaylova and Martins 2019). `end` is the token after which padding comes.
    """

    Options = SequenceOptions
    options: SequenceOptions  # type: ignore[assignment]  # no likelihood to choose, unlike a VAE's
    default_network = "lstm"

    def __init__(self, steps: int, vocabulary, *args, end=None, **kwargs):
        self.vocabulary, self.end = tuple(vocabulary), end
        super().__init__((steps,), *args, **kwargs)

    @classmethod
    def arguments_for(cls, dataset, options):
        kind = dataset.kind
        return dict(steps=dataset.example_shape[0], vocabulary=kind.vocabulary, end=kind.end)

    def start_from(self, dataset):
        """Let the decoder start at how often each token comes in training."""
        tokens = dataset.train.arrays()[0]
        counts = np.bincount(tokens[tokens != PADDING], minlength=len(self.vocabulary))
        self.decoder.readout.bias.assign(np.log((counts + 1) / (counts + 1).sum()))

    def get_config(self):
        config = super().get_config()
        del config["reconstruction"], config["example_shape"]
        own = {"steps": self.example_shape[0], "vocabulary": self.vocabulary, "end": self.end}
        return {**config, **own}

    def build_reconstruction(self):
        return Categorical(name="categorical")

    def build_encoder(self, input_shape=None):
        return super().build_encoder((*self.example_shape, len(self.vocabulary)))

    def build_decoder(self, code_size=None):
        return self.network.decoder(self.latent_dim, (*self.example_shape, len(self.vocabulary)))

    def prepare(self, data) -> Batch:
        """Name the parts of a batch of tokens, an array or a dictionary with `x` and `index`."""
        x = ops.cast(data["x"] if isinstance(data, dict) else data, "int32")
        index = data.get("index") if isinstance(data, dict) else None
        index = tf.range(tf.shape(x, tf.int64)[0]) if index is None else index
        return Batch(x, x, tokens_before(x), index)

    def parameters(self, z, condition=None):
        """The logits of every token after those in `condition`: [batch, steps, vocabulary]."""
        return self.decoder([z, condition])

    def objective(self, batch: Batch, training: bool) -> dict:
        if training and (self.options.scheduled_sampling or self.options.word_dropout):
            batch = batch._replace(condition=self._heard(batch))
        return super().objective(batch, training)

    def _heard(self, batch: Batch):
        """The tokens before, as the decoder hears them in training."""
        heard = batch.condition
        if self.options.scheduled_sampling:
            steps = (self.epochs or 0) * (self.steps_per_epoch or 0)
            share = tf.cast(self.optimizer.iterations, tf.float32) / max(1, steps)
            share = self.options.scheduled_sampling * tf.minimum(1.0, share)
            guessed = tokens_before(self._guessed(batch))
            heard = tf.where(self._uniform(batch, noise.MIXING) < share, guessed, heard)
        if self.options.word_dropout:
            is_kept = self._uniform(batch, noise.DROPPING) >= self.options.word_dropout
            heard = tf.where(is_kept, heard, NOT_TOLD)
        return heard

    def _guessed(self, batch: Batch):
        """Tokens [batch, steps] that the model gives for a batch, told what is right before."""
        logits = tf.stop_gradient(self.parameters(self.code(batch), batch.condition))

        def draw(shape, seed):
            rows = tf.reshape(logits, (-1, logits.shape[-1]))
            tokens = tf.random.stateless_categorical(rows, 1, seed, tf.int32)
            return tf.reshape(tokens, shape)

        return self._drawn_by_step(draw, batch, noise.OWN)

    def _uniform(self, batch, stream):
        return self._drawn_by_step(tf.random.stateless_uniform, batch, stream)

    def _drawn_by_step(self, draw, batch, stream):
        """What `draw` gives for a training step: [batch, steps]."""
        step, count = self.optimizer.iterations, tf.shape(batch.x)[0]
        return noise.of_step(draw, self.seed, step, count, self.example_shape, stream)

    # From codes to tokens

    def decode(self, z, label=None, temperature=0.0, top_p=None, seed=(0, 0)):
        """Tokens int32 [batch, steps] of codes [batch, latent_dim].

        They are the likeliest at each step unless there is a `temperature`; with `top_p`
        they are drawn from the likeliest alone that have that probability together.
        """
        uniform = tf.random.stateless_uniform((tf.shape(z)[0], *self.example_shape), seed)
        return decoding.sampled(self.decoder, z, uniform, temperature, top_p, self.end)

    def search(self, z, beams=5):
        """The likeliest tokens of codes that a beam search finds: int32 [batch, steps]."""
        return decoding.beam_search(self.decoder, z, beams, self.end)

    def call(self, x):
        return self.decode(self.code(self.prepare(x)))

    def generate(self, count, seed, label=None, temperature=1.0, top_p=None):
        """Sequences drawn from p(x|z) for codes of the prior, the same for the same `seed`.

        `temperature` and `top_p` are those of `decode`.
        """
        seed = tf.broadcast_to(seed, (2,))
        z = self.prior.sample(count, seed)
        other = tf.random.experimental.stateless_fold_in(seed, 1)  # or z itself would decide
        return self.decode(z, None, temperature, top_p, other)


def tokens_before(tokens):
    """What stands before each of the tokens [batch, steps]."""
    return ops.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=START)
