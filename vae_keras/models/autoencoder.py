"""The base of every rung, and how all of them are trained: one `train_step`, one `test_step`."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import layers, ops

from vae_keras.config.rungs import AutoencoderOptions, RungOptions
from vae_keras.models import earlier, noise
from vae_keras.models.priors import FittedGaussian
from vae_keras.networks import network_named
from vae_keras.objectives.likelihoods import Reconstruction, loss_named


class Batch(NamedTuple):
    """The named parts of a batch."""

    x: Any  # what the encoder sees
    target: Any  # what is to be rebuilt
    condition: Any  # what both encoder and decoder are told, or None
    index: Any  # which example of its split, int64 [batch]


@keras.saving.register_keras_serializable("vae_keras")
class Autoencoder(keras.Model):
    """x → encoder → code z → decoder → reconstruction: minimises the reconstruction loss.

    A rung of the ladder states what it minimises in `objective`, one value per example and term,
    and how the terms are weighed in `term_weights`. Averages are taken here and nowhere else.

    `encoder` and `decoder` are Keras models of their own. `network` is a name or a `Network`; the
    keywords are the options of the rung, such as latent_dim=2, and are kept as `options`. A
    `Reconstruction` may be given in the place of a name. Some rungs change what they minimise while
    they are trained: `epochs` and `steps_per_epoch` tell them how long that is.
    """

    Options: type[RungOptions] = AutoencoderOptions
    options: Any
    heads: tuple[str, ...] = (
        "z",
    )  # what the encoder puts out, [batch, latent_dim]; first the code
    terms: tuple[str, ...] = ("reconstruction_loss",)
    code_activation: str | None = None
    default_network = "dense"
    prior_class: type = FittedGaussian
    takes_labels = False
    is_variational = False  # whether there is a posterior q(z|x)
    vocabulary: tuple[str, ...] = ()  # of the tokens, if the examples are rows of them
    loss_mask: Any = None  # [height, width, 1]: which values are to be rebuilt, if not all

    def __init__(
        self,
        example_shape,
        latent_dim=None,
        network=None,
        reconstruction: Reconstruction | None = None,
        *,
        seed=0,
        epochs=None,
        steps_per_epoch=None,
        name=None,
        **options,
    ):
        super().__init__(name=name)
        if latent_dim is not None:
            options["latent_dim"] = latent_dim
        for name_of, value in list(options.items()):
            if isinstance(value, Reconstruction):  # likelihood=Gaussian(0.5)
                reconstruction = options.pop(name_of)
        self.options = self.Options(**options)
        self.example_shape, self.seed = tuple(example_shape), seed
        self.epochs, self.steps_per_epoch = epochs, steps_per_epoch
        self.network = network_named(network or self.default_network)
        self.reconstruction = reconstruction or self.build_reconstruction()
        self.encoder = self.build_encoder()
        self.decoder = self.build_decoder()
        self.prior = self.prior_class(self.latent_dim, name="prior")
        self.trackers = {name: keras.metrics.Mean(name) for name in ("loss", *self.terms)}
        self.built = True

    @property
    def latent_dim(self) -> int:
        return self.options.latent_dim

    def build_reconstruction(self) -> Reconstruction:
        return loss_named(self.options.loss)

    def build_encoder(self, input_shape=None) -> keras.Model:
        """The network's encoder with a dense layer for each of `heads`."""
        features = self.network.encoder(input_shape or self.example_shape)
        outputs = [
            layers.Dense(self.latent_dim, self.code_activation, dtype="float32", name=head)(
                features.outputs[0]
            )
            for head in self.heads
        ]
        return keras.Model(features.inputs[0], outputs, name="encoder")

    def build_decoder(self, code_size=None) -> keras.Model:
        """The network's decoder to the parameters of the reconstruction."""
        *space, channels = self.example_shape
        shape = (*space, channels * self.reconstruction.parameters_per_channel)
        return self.network.decoder(code_size or self.latent_dim, shape)

    # What a rung says of itself

    def objective(self, batch: Batch, training: bool) -> dict:
        """Each of `terms` per example, summed over features, unweighted: {name: [batch]}."""
        return {"reconstruction_loss": self.reconstruction_loss(batch, self.code(batch), training)}

    def reconstruction_loss(self, batch: Batch, z, training: bool):
        """The first term of every rung's objective, at the codes `z`: [batch]."""
        parameters = self.parameters(z, batch.condition)
        if training:
            self.reconstruction.fit(batch.target, parameters, self.loss_mask)
        return self.reconstruction.loss(batch.target, parameters, self.loss_mask)

    def term_weights(self, step=None) -> dict:
        """The factor of each term at a training step, or in evaluation if `step` is None."""
        return {name: 1.0 for name in self.terms}

    # How it is trained

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

    def noise(self, batch: Batch, shape: tuple, training: bool, draw=tf.random.stateless_normal):
        """Standard normal noise, or what else `draw` gives of (shape, seed): [batch, *shape].

        It is the same whenever it is asked for again: in training a function of (seed, step,
        replica), so that a resumed run draws what the whole one would have; in evaluation of (seed,
        example), so that no figure depends on the batch size.
        """
        if training:
            count = tf.shape(batch.x)[0]
            return noise.of_step(draw, self.seed, self.optimizer.iterations, count, shape)
        return noise.of_examples(draw, self.seed, noise.EVALUATION, batch.index, shape)

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

    # How it is used

    def code(self, batch: Batch):
        """The code of each example of a batch, without noise: [batch, latent_dim]."""
        return self.head_outputs(batch.x, batch.condition)[0]

    def encode(self, x, label=None):
        """The codes of examples [batch, *example_shape], without noise: [batch, latent_dim]."""
        return self.code(self.prepare({"x": x, "label": label}))

    def decode(self, z, label=None):
        """The mean reconstruction of codes [batch, latent_dim]: [batch, *example_shape]."""
        return self.reconstruction.mean(self.parameters(z, self.condition(label)))

    def call(self, x):
        """The reconstruction through the code without noise."""
        batch = self.prepare(x)
        return self.reconstruction.mean(self.parameters(self.code(batch), batch.condition))

    def generate(self, count, seed, label=None):
        """Decoded samples of the prior, the same for the same `seed` (a number, or int32 [2])."""
        return self.decode(self.prior.sample(count, tf.broadcast_to(seed, (2,))), label)

    # How it is made from a data set, and from what was saved

    @classmethod
    def arguments_for(cls, dataset, options) -> dict:
        """What the constructor must know of a data set. Raises UserError if that does not fit."""
        return {"example_shape": dataset.example_shape}

    def start_from(self, dataset):
        """Set what the first weights should know of the training data."""

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "example_shape": list(self.example_shape),
            "network": serialize(self.network),
            "reconstruction": serialize(self.reconstruction),
            "seed": self.seed,
            "epochs": self.epochs,
            "steps_per_epoch": self.steps_per_epoch,
            **self.options.as_dict(),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        def restored(value):
            if isinstance(value, dict) and "class_name" in value:
                return keras.saving.deserialize_keras_object(value, custom_objects)
            return value

        config = earlier.renamed(config)
        return cls(**{name: restored(value) for name, value in config.items()})
