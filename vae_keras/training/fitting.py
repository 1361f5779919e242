"""Building, compiling and fitting the model that a configuration describes."""

import math

import keras

from vae_keras import data
from vae_keras.config import TrainConfig, rung_named
from vae_keras.latent.codes import encode
from vae_keras.models import Autoencoder
from vae_keras.networks import network_named
from vae_keras.training import callbacks

STEPS_PER_EXECUTION = 16  # at the most: small, fast models lose less time in Python


def build(config: TrainConfig, dataset: data.Dataset) -> Autoencoder:
    """The compiled model that a resolved `config` describes, with its first weights."""
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
        name=config.model,
    )
    model.start_from(dataset)
    model.reconstruction.check(*dataset.value_range())
    per_execution = max(n for n in range(1, STEPS_PER_EXECUTION + 1) if steps % n == 0)
    # Keras would run into the next epoch if it did not divide the steps of one.
    model.compile(optimizer(config, steps), steps_per_execution=per_execution)
    model.optimizer.build(model.trainable_variables)
    return model


def optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Adam with what the configuration says of learning rate, clipping and averaging."""
    rate = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps_per_epoch * config.epochs)
    averaged = {} if config.ema is None else {"use_ema": True, "ema_momentum": config.ema}
    return keras.optimizers.Adam(rate, global_clipnorm=config.clip_norm, **averaged)


def steps_per_epoch(config: TrainConfig, dataset: data.Dataset) -> int:
    return math.ceil(len(dataset.train) / config.batch_size)


def fit(model, config: TrainConfig, dataset: data.Dataset, first_epoch=0, **more):
    """Keras's `fit` on the training data, in the order that seed and epoch decide."""
    model.fit(
        dataset.train.shuffled_batches(config.batch_size, config.seed, first_epoch, config.epochs),
        epochs=config.epochs,
        initial_epoch=first_epoch,
        steps_per_epoch=steps_per_epoch(config, dataset),
        shuffle=False,  # the batches come in their order
        **more,
    )


def trained(config: TrainConfig, dataset, variant=None):
    """A model that `config` describes, trained, without a run folder: nothing is written.

    With `variant`, a subclass of the model's, the same as that. Raises UserError.
    """
    config = config.resolved(dataset)
    model = build(config, dataset)
    if variant is not None:
        model = recast(model, variant)
    print(f"training {type(model).__name__}, {config.epochs} epochs …", flush=True)
    fit(model, config, dataset, verbose=0, callbacks=[callbacks.StopOnNaN()])
    model.prior.fit(lambda: encode(model, dataset.train))
    return model


def recast(model, variant: type[Autoencoder]):
    """`model` as the class `variant`, with the same weights and a new optimizer of its kind."""
    again = variant.from_config(model.get_config())
    again.set_weights(model.get_weights())
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    again.compile(optimizer, steps_per_execution=model.steps_per_execution)
    return again
