"""The variational autoencoder of sequences of tokens: melodies and sentences."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from vae_keras.config.options import option
from vae_keras.models import decoding, noise
from vae_keras.models.autoencoder import Batch
from vae_keras.models.vae import VAE, BoundOptions
from vae_keras.networks.recurrent import START
from vae_keras.objectives.likelihoods import Categorical

NOT_TOLD = -1  # in the place of a token before


@dataclass(frozen=True, kw_only=True)
class SequenceOptions(BoundOptions):
    word_dropout: float = option(
        0.0, "share of the tokens before that the decoder is not told", at_least=0, at_most=1
    )
    scheduled_sampling: float = option(
        0.0,
        "share of these that are the model's own, at the end of training",
        at_least=0,
        at_most=1,
    )


@keras.saving.register_keras_serializable("vae_keras")
class SequenceVAE(VAE):
    """A VAE whose decoder writes a sequence token by token, told z and the tokens before.

    After Bowman et al. 2016 (Generating sentences from a continuous space) and, for melodies,
    Roberts et al. 2018 (MusicVAE). x is int32 [batch, steps]; 0 is padding at the end, which counts
    nowhere. The condition of a batch is what the decoder is told at each step: the token before.

    Lest the decoder do without z, `word_dropout` keeps some tokens from it. Lest it rely on tokens
    before that are always right, a share of them is drawn from the model itself, which rises from 0
    to `scheduled_sampling` over `sampling_steps` (Bengio et al. 2015; drawn in one pass with the
    truth before, after Mihaylova and Martins 2019). `end` is the token after which padding comes.
    """

    Options = SequenceOptions
    takes_tokens = True

    def __init__(
        self,
        steps: int,
        vocabulary,
        latent_dim=128,
        network="lstm",
        word_dropout=0.0,
        scheduled_sampling=0.0,
        sampling_steps=1,
        end=None,
        **kwargs,
    ):
        self.vocabulary, self.end = tuple(vocabulary), end
        self.word_dropout, self.scheduled_sampling = word_dropout, scheduled_sampling
        self.sampling_steps = sampling_steps
        super().__init__((steps,), latent_dim, network, Categorical(name="categorical"), **kwargs)

    @classmethod
    def from_options(cls, options, dataset, steps_per_epoch, **common):
        model = cls(
            dataset.image_shape[0],
            dataset.vocabulary,
            word_dropout=options.word_dropout,
            scheduled_sampling=options.scheduled_sampling,
            sampling_steps=options.epochs * steps_per_epoch,
            end=dataset.end,
            **options.of_the_bound(steps_per_epoch),
            **common,
        )
        model.decoder.readout.bias.assign(_log_frequencies(dataset))
        return model

    def get_config(self):
        config = super().get_config()
        del config["likelihood"]
        steps = config.pop("image_shape")[0]
        names = ("vocabulary", "word_dropout", "scheduled_sampling", "sampling_steps", "end")
        own = {name: getattr(self, name) for name in names}
        return {**config, **own, "steps": steps}

    def build_encoder(self, input_shape=None):
        return super().build_encoder((*self.image_shape, len(self.vocabulary)))

    def build_decoder(self, code_size=None):
        return self.network.decoder(self.latent_dim, (*self.image_shape, len(self.vocabulary)))

    def prepare(self, data) -> Batch:
        x = ops.cast(data["x"] if isinstance(data, dict) else data, "int32")
        index = data.get("index") if isinstance(data, dict) else None
        index = tf.range(tf.shape(x, tf.int64)[0]) if index is None else index
        return Batch(x, x, _before(x), index)

    def parameters(self, z, condition=None):
        """The logits of every token after those in `condition`: [batch, steps, vocabulary]."""
        return self.decoder([z, condition])

    def objective(self, batch: Batch, training: bool) -> dict:
        if training and (self.scheduled_sampling or self.word_dropout):
            batch = batch._replace(condition=self._told(batch))
        return super().objective(batch, training)

    def _told(self, batch: Batch):
        """The tokens before as the decoder is told them in training."""
        told = batch.condition
        if self.scheduled_sampling:
            share = tf.cast(self.optimizer.iterations, tf.float32) / self.sampling_steps
            share = self.scheduled_sampling * tf.minimum(1.0, share)
            own = _before(self._own(batch))
            told = tf.where(self._uniform(batch, noise.MIXING) < share, own, told)
        if self.word_dropout:
            is_kept = self._uniform(batch, noise.DROPPING) >= self.word_dropout
            told = tf.where(is_kept, told, NOT_TOLD)
        return told

    def _own(self, batch: Batch):
        """Tokens [batch, steps] that the model gives for a batch, told what is right before."""
        logits = tf.stop_gradient(self.parameters(self.code(batch), batch.condition))

        def draw(shape, seed):
            flat = tf.reshape(logits, (-1, logits.shape[-1]))
            tokens = tf.random.stateless_categorical(flat, 1, seed, tf.int32)
            return tf.reshape(tokens, shape)

        return self._of_step(draw, batch, noise.OWN)

    def _uniform(self, batch, stream):
        return self._of_step(tf.random.stateless_uniform, batch, stream)

    def _of_step(self, draw, batch, stream):
        """What `draw` gives for a training step: [batch, steps]."""
        step, count = self.optimizer.iterations, tf.shape(batch.x)[0]
        return noise.of_step(draw, self.seed, step, count, self.image_shape, stream)

    # From codes to tokens

    def decode(self, z, label=None, temperature=0.0, top_p=1.0, seed=(0, 0)):
        """Tokens int32 [batch, steps]; the likeliest at each step unless there is a temperature."""
        uniform = tf.random.stateless_uniform((tf.shape(z)[0], *self.image_shape), seed)
        return decoding.sampled(self.decoder, z, uniform, temperature, top_p, self.end)

    def search(self, z, beams=5):
        """The likeliest tokens that a beam search finds: int32 [batch, steps]."""
        return decoding.beam_search(self.decoder, z, beams, self.end)

    def call(self, x):
        return self.decode(self.code(self.prepare(x)))

    def generate(self, count, seed, label=None, temperature=1.0, top_p=1.0):
        """Sequences drawn from p(x|z) for codes of the prior, the same for the same `seed`."""
        z = self.prior.sample(count, seed)
        other = tf.random.experimental.stateless_fold_in(seed, 1)  # or z itself would decide
        return self.decode(z, None, temperature, top_p, other)

    # What there is to tell of it

    def figures(self, dataset):
        """The bound per token, and how many tokens come right, padding left out.

        `forced_accuracy`: the likeliest token, told the right ones before; `sampled_accuracy`: told
        those that the model has given itself. Both from the mean code.
        """
        losses, counts, right = 0.0, 0, np.zeros(2)
        for data in dataset.test.batches():
            batch = self.prepare(data)
            found = self._rebuilt(batch)
            is_token = batch.x.numpy() != decoding.PADDING
            counts += is_token.sum()
            losses += found["loss"].numpy().sum()
            tokens = (found["forced"], found["sampled"])
            right += [np.sum((one.numpy() == batch.x.numpy()) & is_token) for one in tokens]
        per_token = float(losses / counts)
        return {
            "nats_per_token": per_token,
            "perplexity": float(np.exp(per_token)),
            "forced_accuracy": float(right[0] / counts),
            "sampled_accuracy": float(right[1] / counts),
        }

    @tf.function(autograph=False)
    def _rebuilt(self, batch: Batch) -> dict:
        z = self.code(batch)
        terms = self.objective(batch, training=False)
        return {
            "loss": terms["reconstruction_loss"] + terms["kl_loss"],
            "forced": tf.argmax(self.parameters(z, batch.condition), axis=-1, output_type=tf.int32),
            "sampled": self.decode(z),
        }

    def endpoints(self):
        steps = self.image_shape[0]
        tokens = tf.TensorSpec((None, steps), tf.int32, "x")
        z = tf.TensorSpec((None, self.latent_dim), tf.float32, "z")
        n, seed = tf.TensorSpec((), tf.int32, "n"), tf.TensorSpec((2,), tf.int32, "seed")
        temperature = tf.TensorSpec((), tf.float32, "temperature")

        def encode(x):
            z_mean, z_log_var = self.posterior(self.prepare(self.checked(x)))
            return {"z": z_mean, "z_mean": z_mean, "z_log_var": z_log_var}

        def log_prob(x, z):
            batch = self.prepare(self.checked(x))
            return {"log_prob": self.log_likelihood(batch, z)}

        return {
            "reconstruct": (lambda x: {"reconstruction": self(self.checked(x))}, [tokens]),
            "encode": (encode, [tokens]),
            "decode": (lambda z: {"x": self.decode(z)}, [z]),
            "generate": (
                lambda n, seed, t: {"x": self.generate(n, seed, temperature=t)},
                [n, seed, temperature],
            ),
            "log_prob": (log_prob, [tokens, z]),
        }

    def checked(self, tokens):
        """The tokens, if the vocabulary has them; else the graph fails with a line that says so."""
        most = len(self.vocabulary) - 1
        message = f"tokens must be 0 to {most}"
        checks = [
            tf.debugging.assert_non_negative(tokens, message),
            tf.debugging.assert_less_equal(tokens, most, message),
        ]
        with tf.control_dependencies([check for check in checks if check is not None]):
            return tf.identity(tokens)

    def exhibits(self, dataset):
        return {}


def _before(tokens):
    """What stands before each of the tokens [batch, steps]."""
    return ops.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=START)


def _log_frequencies(dataset) -> np.ndarray:
    """How often each token comes in training: [vocabulary], logarithms."""
    tokens = dataset.train.images[dataset.train.rows]
    counts = np.bincount(tokens[tokens != decoding.PADDING], minlength=len(dataset.vocabulary))
    return np.log((counts + 1) / (counts + 1).sum())
