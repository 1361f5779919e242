"""The base of every rung: the only `train_step` and `test_step` of the project."""

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import layers, ops

from vae_keras.config.options import option
from vae_keras.models import noise
from vae_keras.models.priors import FittedGaussian
from vae_keras.networks import network_named
from vae_keras.objectives.likelihoods import LOSSES, Likelihood, loss_named


class Batch(NamedTuple):
    """The named parts of a batch."""

    x: Any  # what the encoder sees
    target: Any  # what is to be rebuilt
    condition: Any  # what both encoder and decoder are told, or None
    index: Any  # which example of its split, int64 [batch]


@dataclass(frozen=True, kw_only=True)
class AutoencoderOptions:
    loss: str = option("mse", "of the reconstruction: mse (summed), rmse or bce", choices=LOSSES)


@keras.saving.register_keras_serializable("vae_keras")
class Autoencoder(keras.Model):
    """x → encoder → code z → decoder → reconstruction: minimises the reconstruction loss.

    A rung of the ladder states what it minimises in `objective`, one value per example and term,
    and how the terms are weighed in `term_weights`. Averages are taken here and nowhere else.

    `encoder` and `decoder` are Keras models of their own and can be used alone. `network` is a name
    or a `Network`, `reconstruction` a name or a `Reconstruction`.
    """

    Options = AutoencoderOptions
    heads = ("z",)  # what the encoder puts out, [batch, latent_dim] each; the first is the code
    terms = ("reconstruction_loss",)
    code_activation = None
    prior_class = FittedGaussian
    takes_labels = False
    takes_tokens = False  # sequences of these, not images
    vocabulary = ()  # of the tokens, if the examples are sequences of them
    is_variational = False  # whether there is a posterior q(z|x)
    loss_mask = None  # [height, width, 1]: which values are to be rebuilt, if not all

    def __init__(
        self, image_shape, latent_dim=2, network="dense", reconstruction="mse", seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        if isinstance(reconstruction, str):
            reconstruction = loss_named(reconstruction)
        self.image_shape, self.latent_dim, self.seed = tuple(image_shape), latent_dim, seed
        self.network, self.reconstruction = network_named(network), reconstruction
        self.encoder = self.build_encoder()
        self.decoder = self.build_decoder()
        self.prior = self.prior_class(latent_dim, name="prior")
        self.trackers = {name: keras.metrics.Mean(name) for name in ("loss", *self.terms)}
        self.built = True

    @classmethod
    def from_options(cls, options, dataset, steps_per_epoch, **common) -> "Autoencoder":
        """The model that `options` describe for `dataset`; `common` goes to every rung."""
        own = {f.name: getattr(options, f.name) for f in dataclasses.fields(cls.Options)}
        return cls(dataset.image_shape, reconstruction=own.pop("loss"), **{**own, **common})

    def build_encoder(self, input_shape=None) -> keras.Model:
        """The network's encoder with a dense layer for each of `heads`."""
        features = self.network.encoder(input_shape or self.image_shape)
        outputs = [
            layers.Dense(self.latent_dim, self.code_activation, dtype="float32", name=head)(
                features.outputs[0]
            )
            for head in self.heads
        ]
        return keras.Model(features.inputs[0], outputs, name="encoder")

    def build_decoder(self, code_size=None) -> keras.Model:
        """The network's decoder to the parameters of the reconstruction."""
        *space, channels = self.image_shape
        shape = (*space, channels * self.reconstruction.parameters_per_channel)
        return self.network.decoder(code_size or self.latent_dim, shape)

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
        parameters = self.parameters(self.code(batch), batch.condition)
        return {"reconstruction_loss": self.reconstruction_loss(batch, parameters)}

    def reconstruction_loss(self, batch: Batch, parameters):
        """The first term of every rung's objective: [batch]."""
        return self.reconstruction.loss(batch.target, parameters, self.loss_mask)

    def term_weights(self, step=None) -> dict:
        """The factor of each term at a training step, or in evaluation if `step` is None."""
        return {name: 1.0 for name in self.terms}

    def figures(self, dataset) -> dict[str, float]:
        """What else there is to report of the test set, beside the terms."""
        return {}

    def exhibits(self, dataset) -> dict[str, dict]:
        """Pictures to draw: {file name: {row name: images}}."""
        x, label = dataset.test.take(slice(10)).arrays()
        return {"reconstructions": {"input": x, "reconstruction": self({"x": x, "label": label})}}

    # How a condition enters; a model without one ignores it

    def condition(self, label):
        """What encoder and decoder are told of a label."""
        return None

    def head_outputs(self, x, condition=None) -> list:
        """The encoder's outputs, in the order of `heads`."""
        outputs = self.encoder(x)
        return outputs if len(self.heads) > 1 else [outputs]  # Keras unpacks a single one

    def parameters(self, z, condition=None):
        """The decoder's output: the parameters of the reconstruction."""
        return self.decoder(z)

    # Using it

    def code(self, batch: Batch):
        """The code of each example, without noise: [batch, latent_dim]."""
        return self.head_outputs(batch.x, batch.condition)[0]

    def encode(self, x, label=None):
        """The code of each example, without noise: [batch, latent_dim]."""
        return self.code(self.prepare({"x": x, "label": label}))

    def decode(self, z, label=None):
        """The mean reconstruction: [batch, *image_shape]."""
        return self.reconstruction.mean(self.parameters(z, self.condition(label)))

    def call(self, x):
        """The reconstruction through the code without noise."""
        batch = self.prepare(x)
        return self.reconstruction.mean(self.parameters(self.code(batch), batch.condition))

    def generate(self, count, seed, label=None):
        """Decoded samples of the prior, the same for the same `seed` (int32 [2])."""
        return self.decode(self.prior.sample(count, seed), label)

    def endpoints(self) -> dict:
        """What an exported model offers: {name: (function, its input specifications)}."""
        x = tf.TensorSpec((None, *self.image_shape), tf.float32, "x")
        z = tf.TensorSpec((None, self.latent_dim), tf.float32, "z")
        n, seed = tf.TensorSpec((), tf.int32, "n"), tf.TensorSpec((2,), tf.int32, "seed")
        label = [tf.TensorSpec((None,), tf.int32, "label")] if self.takes_labels else []

        def reconstruct(x, *label):
            return {"reconstruction": self.decode(self.encode(x, *label), *label)}

        def encode(x, *label):
            outputs = self.head_outputs(x, self.condition(*label) if label else None)
            heads = dict(zip(self.heads, outputs, strict=True))
            return {"z": heads[self.heads[0]], **heads}

        def decode(z, *label):
            return {"x": self.decode(z, *label)}

        def generate(n, seed, *label):
            return {"x": self.generate(n, seed, *label)}

        def log_prob(x, z, *label):
            parameters = self.parameters(z, self.condition(*label) if label else None)
            return {"log_prob": self.reconstruction.log_prob(x, parameters)}

        found = {
            "reconstruct": (reconstruct, [x, *label]),
            "encode": (encode, [x, *label]),
            "decode": (decode, [z, *label]),
            "generate": (generate, [n, seed, *label]),
        }
        if isinstance(self.reconstruction, Likelihood):
            found["log_prob"] = (log_prob, [x, z, *label])
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
            condition=self.condition(data.get("label")),
            # without an index, the position in the batch tells the examples apart
            index=tf.range(tf.shape(x, tf.int64)[0]) if index is None else index,
        )

    def train_step(self, data):
        batch = self.prepare(data)
        with tf.GradientTape() as tape:
            terms = self.objective(batch, training=True)
            loss = self.weighted_sum(terms, self.optimizer.iterations)  # [batch]
            # A distribution strategy adds up the gradients of the replicas.
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            scaled = self.optimizer.scale_loss(ops.mean(loss) / replicas)
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self._track(loss, terms)

    def test_step(self, data):
        terms = self.objective(self.prepare(data), training=False)
        return self._track(self.weighted_sum(terms), terms)

    def weighted_sum(self, terms, step=None):
        """The loss of each example, from its terms and their weights at `step`: [batch]."""
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
        """Standard normal noise [batch, *shape], the same whenever it is asked for again.

        In training it is a function of (seed, step, replica), so that a resumed run draws what the
        whole one would have; in evaluation of (seed, example), so that no figure depends on the
        batch size.
        """
        return self.random(tf.random.stateless_normal, batch, shape, training)

    def random(self, draw, batch: Batch, shape: tuple, training: bool):
        """As `noise`, drawn by `draw`: a stateless function of (shape, seed)."""
        if training:
            count = tf.shape(batch.x)[0]
            return noise.of_step(draw, self.seed, self.optimizer.iterations, count, shape)
        return noise.of_examples(draw, self.seed, noise.EVALUATION, batch.index, shape)
