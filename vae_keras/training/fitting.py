"""Builds, compiles and fits the model that a configuration describes."""

import math

import keras
import tensorflow as tf

from vae_keras import data
from vae_keras.config import TrainConfig, rung_named
from vae_keras.latent.codes import encode
from vae_keras.models import Autoencoder
from vae_keras.networks import network_named
from vae_keras.training.callbacks import StopOnNaN
from vae_keras.training.devices import Devices

STEPS_PER_EXECUTION = 16  # the most steps between two returns to Python, which take time
FEW_STEPS = 500  # of a whole run: returning to Python takes less time than to trace such a loop

ONE_DEVICE = Devices()


def build(config: TrainConfig, dataset: data.Dataset) -> Autoencoder:
    """Make the compiled model that a resolved `config` describes, with its first weights.

    Raises UserError if the model or its likelihood cannot learn from the data set.
    """
    keras.utils.set_random_seed(config.seed)
    steps = steps_per_epoch(config, dataset)
    model_class = rung_named(config.model).model()
    model = model_class(
        **model_class.arguments_for(dataset, config.options),
        **config.options.as_dict(),
        network=network_named(config.network, **config.network_options()),
        seed=config.seed,
        epochs=config.epochs,
        steps_per_epoch=steps,
        dtype=config.precision,
        name=config.model,
    )
    model.start_from(dataset)
    model.reconstruction.check(*dataset.value_range())
    most = STEPS_PER_EXECUTION if steps * config.epochs > FEW_STEPS else 1
    per_execution = max(n for n in range(1, most + 1) if steps % n == 0)
    # If `per_execution` did not divide the steps of an epoch, Keras would run into the next one.
    model.compile(optimizer(config, steps), steps_per_execution=per_execution)
    model.optimizer.build(model.trainable_variables)
    if config.jit == "on" and not tf.distribute.has_strategy():
        # Evaluation is not compiled: it is short, and draws the noise of each example by itself.
        model.train_step = tf.function(
            model.train_step, jit_compile=True, reduce_retracing=True, autograph=False
        )
    return model


def optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Adam, with the learning rate, clipping and averaging of the configuration."""
    rate = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps_per_epoch * config.epochs)
    averaged = {"use_ema": True, "ema_momentum": config.ema} if config.ema else {}
    return keras.optimizers.Adam(rate, global_clipnorm=config.clip_norm, **averaged)


def steps_per_epoch(config: TrainConfig, dataset: data.Dataset) -> int:
    """The number of batches of an epoch: those of all its passes over the training data."""
    return config.passes * math.ceil(len(dataset.train) / config.batch_size)


def fit(
    model,
    config: TrainConfig,
    dataset: data.Dataset,
    done=(0, 0),
    means=None,
    devices=ONE_DEVICE,
    **more,
):
    """Fit the model to the training data; seed and epoch decide the order of the examples.

    `done` are the epochs, and the steps of the next one, that are done already; `means` is what the
    logged figures of that epoch are made of so far. `devices` are those that the model was made
    for. The other keywords go to Keras's `fit`.
    """
    (epoch, step), steps = done, steps_per_epoch(config, dataset)

    def go(first, epochs, steps, skip=0, **more):
        passes = (first * config.passes, epochs * config.passes, skip)
        order = config.batch_size, config.seed, *passes
        model.fit(
            devices.batches(lambda share: dataset.train.shuffled_batches(*order, share)),
            epochs=epochs,
            initial_epoch=first,
            steps_per_epoch=steps,
            shuffle=False,  # the pipeline has shuffled already
            **more,
        )

    if not step:
        return go(epoch, config.epochs, steps, **more)
    more["callbacks"] = callbacks = WithinEpoch(
        step,
        means,
        more.get("callbacks"),
        add_history=True,
        add_progbar=more.get("verbose") != 0,
        verbose=more.get("verbose"),
        epochs=config.epochs,
        steps=steps,
        model=model,
    )
    go(epoch, epoch + 1, steps - step, skip=step, **more)
    callbacks.step = 0
    if epoch + 1 < config.epochs and not model.stop_training:
        model.set_weights(callbacks.weights)  # at its end, Keras's `fit` may have averaged them
        go(epoch + 1, config.epochs, steps, **more)
    callbacks.end()


class WithinEpoch(keras.callbacks.CallbackList):
    """The callbacks of a training that begins after `step` steps of an epoch.

    That takes two calls of Keras's `fit`, since its epochs all have as many steps. The callbacks
    are told of one, whose first epoch begins at `step` and with its `means`. When the second call
    begins, `step` is set to 0.
    """

    def __init__(self, step: int, means: dict[str, list[float]], *args, **kwargs):
        self.step, self.means, self.has_begun = step, means, False
        super().__init__(*args, **kwargs)

    def on_train_begin(self, logs=None):
        if not self.has_begun:
            super().on_train_begin(logs)
        self.has_begun = True

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if self.step:
            for name, values in self.means.items():
                for variable, value in zip(self._model.trackers[name].variables, values):
                    variable.assign(value)

    def on_train_batch_begin(self, batch, logs=None):
        super().on_train_batch_begin(batch + self.step, logs)

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch + self.step, logs)

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if self.step:
            self.weights, self.logs = self._model.get_weights(), logs

    def on_train_end(self, logs=None):
        self.logs = logs

    def end(self):
        """Tell the callbacks that the training has ended."""
        super().on_train_end(self.logs)


def validation(dataset: data.Dataset, devices=ONE_DEVICE) -> dict:
    """The keywords of Keras's `fit` that name the validation data."""
    batches = dataset.validation.batches()
    if devices.strategy is None:
        return {"validation_data": batches}

    def shared(share):  # Keras reads it on and on, for it does not know its length
        return dataset.validation.batches(share=share).repeat()

    steps = int(batches.cardinality())
    return {"validation_data": devices.batches(shared), "validation_steps": steps}


def alone(model: Autoencoder, config: TrainConfig, dataset: data.Dataset) -> Autoencoder:
    """A model like `model`, with its weights and its optimizer's, that is on a single device."""
    again = build(config, dataset)
    again.set_weights(model.get_weights())
    for variable, value in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        variable.assign(value.numpy())
    return again


def trained(config: TrainConfig, dataset, variant=None, callbacks=()):
    """Train the model that `config` describes, without a run folder: no file is written.

    With `variant`, a subclass of the model's class, the model is one of that. `callbacks` are those
    of Keras. Raises UserError if configuration and data set do not fit, or if the loss is no longer
    a number.
    """
    config = config.resolved(dataset)
    model = build(config, dataset)
    if variant is not None:
        model = as_variant(model, variant)
    print(f"training {type(model).__name__}, {config.epochs} epochs …", flush=True)
    fit(model, config, dataset, verbose=0, callbacks=[StopOnNaN(), *callbacks])
    finish(model, dataset)
    return model


def finish(model, dataset: data.Dataset):
    """Fit what gradients do not learn: the prior to the training codes, σ to validation data."""
    model.prior.fit(lambda: encode(model, dataset.train))

    def loss():
        found = model.evaluate(dataset.validation.batches(), verbose=0, return_dict=True)
        return found["reconstruction_loss"]

    model.reconstruction.calibrate(loss, math.prod(model.example_shape))


def as_variant(model, variant: type[Autoencoder]):
    """`model` as the class `variant`, with the same weights and a new optimizer of its kind."""
    again = variant.from_config(model.get_config())
    again.set_weights(model.get_weights())
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    again.compile(optimizer, steps_per_execution=model.steps_per_execution)
    return again
