"""The base of every rung, and how all of them are trained: one `train_step`, one `test_step`."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import layers, ops

from vae_keras.config.rungs import AutoencoderOptions, RungOptions
from vae_keras.models import earlier, given, noise, precision
from vae_keras.models.described import DescribedModel
from vae_keras.models.priors import FittedGaussian, Prior
from vae_keras.networks import network_of
from vae_keras.objectives import replicas
from vae_keras.objectives.likelihoods import Reconstruction, loss_named


class Batch(NamedTuple):
    """The named parts of a batch of examples."""

    x: Any  # what the encoder sees, [batch, *example_shape]
    target: Any  # what the decoder is to rebuild, as `x`
    condition: Any  # what the decoder is told beside the code, or None
    index: Any  # the number of each example in its split, int64 [batch]

    def repeated(self, count: int) -> "Batch":
        """Each example `count` times, one after another: [batch × count, …]."""
        return Batch(*(None if part is None else tf.repeat(part, count, axis=0) for part in self))


@keras.saving.register_keras_serializable("vae_keras")
class Autoencoder(DescribedModel):
    """x → encoder → code z → decoder → reconstruction: minimises the reconstruction loss.

    A rung of the ladder is a subclass. It states in `objective` what it minimises, one value for
    each example and term, and in `term_weights` how the terms are weighed. Only `train_step` and
    `test_step` of this class average over the batch.

    `encoder` and `decoder` are Keras models. The decoder gives the parameters of the
    reconstruction, such as logits, and `decode` the pixels. `network` is the name of a network or
    a `Network`; in its place, `encoder` and `decoder` may be Keras models, see `OfModels`.
    The keywords are the options of the rung, such as latent_dim=2, and are kept as `options`. A
    `Reconstruction`, such as likelihood=Gaussian(0.5), may stand for the name of one. Some rungs
    change what they minimise during training: `epochs` and `steps_per_epoch` say how long that is.
    `dtype` is the policy of the networks, such as "mixed_bfloat16"; unless it is given, that of
    `keras.config`. Codes, parameters and losses are float32 whatever it is.

    Raises UserError if an option has a value that it does not take, if no network has the name, or
    if the channels of `example_shape` come first.
    """

    Options: type[RungOptions] = AutoencoderOptions
    options: Any
    heads: tuple[str, ...] = ("z",)  # names of the encoder's outputs; the first one is the code
    terms: tuple[str, ...] = ("reconstruction_loss",)
    code_activation: str | None = None
    default_network = "dense"
    takes_labels = False
    is_variational = False  # True if the encoder gives a posterior q(z|x)
    vocabulary: tuple[str, ...] = ()  # the word for each token; empty for images
    loss_mask: Any = None  # [height, width, 1], 1 where a value counts in the loss; None: all count

    def __init__(
        self,
        example_shape,
        latent_dim=None,
        network=None,
        reconstruction: Reconstruction | None = None,
        *,
        encoder=None,
        decoder=None,
        seed=0,
        epochs=None,
        steps_per_epoch=None,
        dtype=None,
        name=None,
        **options,
    ):
        super().__init__(name=name, dtype=dtype, autocast=False)  # `x` keeps its precision
        options["latent_dim"] = self.Options.code_size if latent_dim is None else latent_dim
        for name_of, value in list(options.items()):
            if isinstance(value, Reconstruction):  # likelihood=Gaussian(0.5)
                reconstruction = options.pop(name_of)
        self.options = self.Options(**options)
        given.check_example_shape(example_shape)
        self.example_shape, self.seed = tuple(example_shape), seed
        self.epochs, self.steps_per_epoch = epochs, steps_per_epoch
        self.network = network_of(network, encoder, decoder, self.default_network)
        self.reconstruction = reconstruction or self.build_reconstruction()
        with precision.default_policy(self.dtype_policy):
            self.encoder = self.build_encoder()
            self.decoder = self.build_decoder()
        self.reconstruction.build((None, *self.parameters_shape))
        self.prior = self.build_prior()
        self.trackers = {name: keras.metrics.Mean(name) for name in ("loss", *self.terms)}
        self.built = True

    @property
    def latent_dim(self) -> int:
        """The number of dimensions of a code."""
        return self.options.latent_dim

    @property
    def parameters_shape(self) -> tuple[int, ...]:
        """The shape of the decoder's output for one example."""
        *space, channels = self.example_shape
        return (*space, channels * self.reconstruction.parameters_per_channel)

    def build_reconstruction(self) -> Reconstruction:
        """Make the reconstruction loss that the options name."""
        return loss_named(self.options.loss)

    def build_encoder(self, input_shape=None) -> keras.Model:
        """Make the encoder: that of the network, and behind it a dense layer for each of `heads`.

        It maps [batch, *input_shape] to one output [batch, latent_dim] for each head. `input_shape`
        is that of an example unless it is given.
        """
        features = self.network.encoder(input_shape or self.example_shape)
        outputs = [
            layers.Dense(self.latent_dim, self.code_activation, dtype="float32", name=head)(
                features.outputs[0]
            )
            for head in self.heads
        ]
        return keras.Model(features.inputs[0], outputs, name="encoder")

    def build_decoder(self, code_size=None) -> keras.Model:
        """Make the decoder: [batch, code_size] -> the parameters of the reconstruction.

        `code_size` is `latent_dim` unless it is given.
        """
        return self.network.decoder(code_size or self.latent_dim, self.parameters_shape)

    def build_prior(self) -> Prior:
        """Make the prior whose samples `generate` decodes: here, one that is fitted to codes."""
        return FittedGaussian.of(self)

    # What a rung defines

    def objective(self, batch: Batch, training: bool) -> dict:
        """The terms of the loss, by name: each per example, summed over features: {name: [batch]}.

        They are not weighted: `term_weights` says how much each counts. Training, validation and
        evaluation all call this method.
        """
        return {"reconstruction_loss": self.reconstruction_loss(batch, self.code(batch), training)}

    def reconstruction_loss(self, batch: Batch, z, training: bool):
        """The reconstruction loss of each example at its code `z` [batch, latent_dim]: [batch].

        It is the first term of every rung. In training, what the reconstruction fits without
        gradients (the σ of an optimal Gaussian) is fitted to the batch first.
        """
        parameters = self.parameters(z, batch.condition)
        if training:
            self.reconstruction.fit(batch.target, parameters, self.loss_mask)
        return self.reconstruction.loss(batch.target, parameters, self.loss_mask)

    def term_weights(self, step=None) -> dict:
        """The factor of each term, by name, at a training step; at None, those of evaluation."""
        return {name: 1.0 for name in self.terms}

    # How it is trained

    def fit(self, *args, **kwargs):
        """Train as Keras does, after a look at the data; an untrained model starts from their mean.

        Raises UserError if they are not what this model learns from: of another shape, outside the
        range of the reconstruction, or with weights.
        """
        seen = given.check(self, *args, **kwargs)
        if seen is not None and given.is_untrained(self):
            self.start_at(seen)
        if self.optimizer is not None and not self.optimizer.built:
            # A first step that makes the optimizer's variables is traced twice.
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
        return super().fit(*args, **kwargs)

    def train_step(self, data):
        """Minimise the weighted sum of the terms on one batch; give the means of this epoch."""
        batch = self.prepare(data)
        with tf.GradientTape() as tape:
            terms = self.objective(batch, training=True)
            loss = self.weighted_sum(terms, self.optimizer.iterations)  # [batch]
            # The optimizer adds up the gradients of the replicas.
            scaled = self.optimizer.scale_loss(replicas.part_of_mean(loss))
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self._track(loss, terms)

    def test_step(self, data):
        """Evaluate the same objective on one batch, with the final weights of the terms."""
        terms = self.objective(self.prepare(data), training=False)
        return self._track(self.weighted_sum(terms), terms)

    def weighted_sum(self, terms, step=None):
        """The loss of each example, from its terms and their weights at `step`: [batch]."""
        shapes = {name: len(values.shape) for name, values in terms.items()}
        if shapes != dict.fromkeys(self.terms, 1):
            raise ValueError(
                f"objective of {type(self).__name__} must give {', '.join(self.terms)}, [batch] "
                f"each, but gives {shapes} (name and number of dimensions)"
            )
        weights = self.term_weights(step)
        return sum(weights[name] * terms[name] for name in self.terms)

    def _track(self, loss, terms):
        for name, values in {"loss": loss, **terms}.items():
            self.trackers[name].update_state(values)  # weighs by the size of the batch
        return {name: replicas.logged(mean.result()) for name, mean in self.trackers.items()}

    @property
    def metrics(self):
        return list(self.trackers.values())

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Do nothing: the model is built. Keras would add up the parts of several devices."""

    def prepare(self, data) -> Batch:
        """Turn what `fit` was given into a `Batch`.

        `data` is an array of examples, a pair (x, target), or a dictionary with `x` and, where
        there are any, `target`, `label` and `index`. Without a target, x is to be rebuilt. If the
        model takes labels, a pair may be (x, label). Raises UserError if x or the target have
        another shape than an example, or if there are sample weights.
        """
        data = given.parts(data, self.example_shape, self.takes_labels)
        x = ops.cast(data["x"], "float32")
        target, index = data.get("target"), data.get("index")
        return Batch(
            x=x,
            target=x if target is None else ops.cast(target, "float32"),
            condition=self.condition(data.get("label")),
            # Without an index, the position in the batch tells the examples apart.
            index=tf.range(tf.shape(x, tf.int64)[0]) if index is None else index,
        )

    def noise(
        self,
        batch: Batch,
        shape: tuple,
        training: bool,
        draw=tf.random.stateless_normal,
        stream=noise.TRAINING,
    ):
        """Random numbers for a batch, standard normal unless `draw` is another: [batch, *shape].

        `draw` is a stateless function of (shape, seed). The numbers are a function of their use. In
        training they depend on (seed, step, replica), so that a resumed run draws what an
        uninterrupted one would. In evaluation they depend on (seed, example), so that no figure
        depends on the batch size. Draws of the same use are independent if they differ in `stream`.
        """
        if training:
            step, count = self.optimizer.iterations, tf.shape(batch.x)[0]
            return noise.of_step(draw, self.seed, step, count, shape, stream)
        return noise.of_examples(draw, self.seed, noise.EVALUATION, batch.index, shape, stream)

    # How a condition enters; a model without one ignores it

    def condition(self, label):
        """Turn labels, int [batch], into the condition of a `Batch`; this model ignores them."""
        return None

    def head_outputs(self, x, condition=None) -> list:
        """The encoder's outputs in the order of `heads`: [batch, latent_dim] each."""
        outputs = self.encoder(x)
        return outputs if len(self.heads) > 1 else [outputs]  # Keras unpacks a single one

    def head_biases(self) -> list:
        """The biases of the encoder's heads, which are 0 before the first step."""
        return [self.encoder.get_layer(head).bias for head in self.heads]

    def decoder_inputs(self, z, condition=None):
        """What the decoder sees for codes `z` [batch, latent_dim]: the codes and nothing else."""
        return z

    def parameters(self, z, condition=None):
        """The decoder's output at codes `z` [batch, latent_dim]: parameters of the reconstruction.

        They are float32, whatever the policy of the decoder. For images they are [batch, height,
        width, channels × parameters_per_channel].
        """
        return ops.cast(self.decoder(self.decoder_inputs(z, condition)), "float32")

    # How it is used

    def code(self, batch: Batch):
        """The code of each example of a batch, without noise: [batch, latent_dim]."""
        return self.head_outputs(batch.x, batch.condition)[0]

    def encode(self, x, label=None):
        """The codes of examples `x` [batch, *example_shape], without noise: [batch, latent_dim]."""
        return self.code(self.prepare({"x": x, "label": label}))

    def decode(self, z, label=None):
        """The mean reconstruction at codes `z` [batch, latent_dim]: [batch, *example_shape]."""
        return self.reconstruction.mean(self.parameters(z, self.condition(label)))

    def call(self, x):
        """The mean reconstruction at the code without noise, shaped as `x`."""
        batch = self.prepare(x)
        return self.reconstruction.mean(self.parameters(self.code(batch), batch.condition))

    def generate(self, count, seed, label=None):
        """Decode `count` samples of the prior: [count, *example_shape].

        The same `seed` (a number, or int32 [2]) gives the same examples.
        """
        return self.decode(self.prior.sample(count, tf.broadcast_to(seed, (2,))), label)

    # How it is made from a data set, and from what was saved

    @classmethod
    def arguments_for(cls, dataset, options) -> dict:
        """The arguments of the constructor that a data set decides, by name.

        `options` are those of the rung. A rung raises UserError if it cannot learn from the data
        set.
        """
        return {"example_shape": dataset.example_shape}

    def start_from(self, dataset):
        """Set the initial weight that depends on the training data, as `start_at` does."""

    def start_at(self, examples):
        """Set `start` by training examples [n, *example_shape]; here there is nothing to set."""

    @property
    def start(self) -> Any:
        """The weight that depends on the training data before the first step, or None."""
        return None

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
            "dtype": serialize(self.dtype_policy),
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
