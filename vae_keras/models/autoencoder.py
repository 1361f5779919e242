"""The base of every rung: the only `train_step` and `test_step` of the project."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import layers, ops

from vae_keras.networks import network as network_called
from vae_keras.objectives.likelihoods import Likelihood

TRAINING, EVALUATION = 0, 1  # which stream of random numbers


class Batch(NamedTuple):
    """The named parts of a batch."""

    x: Any  # what the encoder sees
    target: Any  # what is to be rebuilt
    condition: Any  # what both encoder and decoder are told, or None
    index: Any  # which example of its split, int64 [batch]


class Autoencoder(keras.Model):
    """x → encoder → code z → decoder → reconstruction.

    A rung of the ladder states what it minimises in `objective`, one value per example and term,
    and how the terms are weighed in `term_weights`. Averages are taken here and nowhere else.

    `encoder` and `decoder` are Keras models of their own and can be used alone.
    """

    heads = ("z",)  # what the encoder puts out, [batch, latent_dim] each; the first is the code
    terms = ("reconstruction_loss",)

    def __init__(
        self, image_shape, latent_dim=2, network="dense", reconstruction=None, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        self.image_shape, self.latent_dim, self.seed = tuple(image_shape), latent_dim, seed
        self.network = network_called(network)
        self.reconstruction = reconstruction
        self.encoder = self._build_encoder(self.image_shape)
        *space, channels = self.image_shape
        parameters = (*space, channels * reconstruction.parameters_per_channel)
        self.decoder = self.network.decoder(latent_dim, parameters)
        self.trackers = {name: keras.metrics.Mean(name) for name in ("loss", *self.terms)}
        self.built = True

    def _build_encoder(self, input_shape) -> keras.Model:
        features = self.network.encoder(input_shape)
        outputs = [
            layers.Dense(self.latent_dim, dtype="float32", name=head)(features.outputs[0])
            for head in self.heads
        ]
        return keras.Model(features.inputs[0], outputs, name="encoder")

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "image_shape": list(self.image_shape),
            "latent_dim": self.latent_dim,
            "network": serialize(self.network),
            "reconstruction": serialize(self.reconstruction),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        def restored(value):
            if isinstance(value, dict) and "class_name" in value:
                return keras.saving.deserialize_keras_object(value, custom_objects)
            return value

        return cls(**{name: restored(value) for name, value in config.items()})

    # What a rung says of itself

    def objective(self, batch: Batch, training: bool) -> dict:
        """Each of `terms` per example, summed over features, unweighted: {name: [batch]}."""
        raise NotImplementedError

    def term_weights(self, step=None) -> dict:
        """The factor of each term at a training step, or in evaluation if `step` is None."""
        return {name: 1.0 for name in self.terms}

    # Using it

    def encode(self, x):
        """The code of each example, without noise: [batch, latent_dim]."""
        return self.encoder(x)[0]

    def decode(self, z):
        """The mean of p(x|z): [batch, *image_shape]."""
        return self.reconstruction.mean(self.decoder(z))

    def call(self, x):
        """The reconstruction through the code without noise."""
        return self.decode(self.encode(self.prepare(x).x))

    def sample_prior(self, count, seed):
        """Codes to generate from, the same for the same `seed` (int32 [2]): [count, latent_dim]."""
        raise NotImplementedError

    def endpoints(self) -> dict:
        """What an exported model offers: {name: (function, its input specifications)}."""
        x = tf.TensorSpec((None, *self.image_shape), tf.float32, "x")
        z = tf.TensorSpec((None, self.latent_dim), tf.float32, "z")
        n, seed = tf.TensorSpec((), tf.int32, "n"), tf.TensorSpec((2,), tf.int32, "seed")

        def encode(x):
            heads = dict(zip(self.heads, self.encoder(x), strict=True))
            return {"z": heads[self.heads[0]], **heads}

        found = {
            "reconstruct": (lambda x: {"reconstruction": self(x)}, [x]),
            "encode": (encode, [x]),
            "decode": (lambda z: {"x": self.decode(z)}, [z]),
            "generate": (lambda n, seed: {"x": self.decode(self.sample_prior(n, seed))}, [n, seed]),
        }
        if isinstance(self.reconstruction, Likelihood):
            log_prob = self.reconstruction.log_prob
            found["log_prob"] = (lambda x, z: {"log_prob": log_prob(x, self.decoder(z))}, [x, z])
        return found

    # Training and evaluation

    def prepare(self, data) -> Batch:
        """Name the parts of what `fit` was given.

        That is an array of examples, a pair (x, target), or a dictionary with `x` and, where there
        are any, `target`, `label` and `index`.
        """
        if isinstance(data, (tuple, list)):
            x, target, sample_weight = keras.utils.unpack_x_y_sample_weight(tuple(data))
            if sample_weight is not None:
                raise ValueError("sample_weight and class_weight are not supported")
            data = x if isinstance(x, dict) else {"x": x, "target": target}
        elif not isinstance(data, dict):
            data = {"x": data}
        x = ops.cast(data["x"], "float32")
        target, index = data.get("target"), data.get("index")
        return Batch(
            x=x,
            target=x if target is None else ops.cast(target, "float32"),
            condition=None,
            # without an index, the position in the batch tells the examples apart
            index=tf.range(tf.shape(x, tf.int64)[0]) if index is None else index,
        )

    def train_step(self, data):
        batch = self.prepare(data)
        with tf.GradientTape() as tape:
            terms = self.objective(batch, training=True)
            loss = self._weighted_sum(terms, self.optimizer.iterations)  # [batch]
            # A distribution strategy adds up the gradients of the replicas.
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            scaled = self.optimizer.scale_loss(ops.mean(loss) / replicas)
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self._track(loss, terms)

    def test_step(self, data):
        terms = self.objective(self.prepare(data), training=False)
        return self._track(self._weighted_sum(terms, step=None), terms)

    def _weighted_sum(self, terms, step):
        weights = self.term_weights(step)
        return sum(weights[name] * terms[name] for name in self.terms)

    def _track(self, loss, terms):
        for name, values in {"loss": loss, **terms}.items():
            self.trackers[name].update_state(values)  # weighs by the size of the batch
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    @property
    def metrics(self):
        return list(self.trackers.values())

    def noise(self, batch: Batch, shape: tuple, training: bool):
        """Standard normal noise [batch, *shape].

        In training a function of (seed, step, replica), so that a resumed run draws what the
        whole one would have; in evaluation of (seed, example), so that no figure depends on the
        batch size.
        """
        fold_in = tf.random.experimental.stateless_fold_in
        if training:
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            seed = fold_in(tf.constant([self.seed, TRAINING], tf.int64), self.optimizer.iterations)
            seed = fold_in(seed, tf.cast(replica, tf.int64))
            return tf.random.stateless_normal((tf.shape(batch.x)[0], *shape), seed)
        seed = tf.constant([self.seed, EVALUATION], tf.int64)
        return tf.map_fn(
            lambda example: tf.random.stateless_normal(shape, fold_in(seed, example)),
            tf.cast(batch.index, tf.int64),
            fn_output_signature=tf.TensorSpec(shape, tf.float32),
        )
