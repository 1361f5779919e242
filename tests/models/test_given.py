"""What is given to `fit` is taken for what it is, or refused in one line before the first step."""

import re

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from vae_keras import VAE, UserError
from vae_keras.models import MODELS
from vae_keras.models.conditional import ConditionalVAE
from vae_keras.models.sequence import SequenceVAE
from vae_keras.networks import DenseNetwork, RecurrentNetwork

X = np.random.default_rng(0).random((12, 6, 6, 1), np.float32)
LABELS = np.arange(12) % 3
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
PIPELINE = tf.data.Dataset.from_tensor_slices((X, LABELS)).batch(12)


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return X, LABELS


def compiled(kind=VAE, **options):
    """A small model. It is trained without a graph, which takes longer to make than one step."""
    model = kind((6, 6, 1), network=DenseNetwork((8,)), **options)
    model.compile("adam", run_eagerly=True)
    return model


def refused(model, *args, **kwargs) -> str:
    """The one line in which `fit` refuses; no step was done before."""
    with pytest.raises(UserError) as error:
        model.fit(*args, verbose=0, **kwargs)
    assert int(model.optimizer.iterations) == 0
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "given",
    [(X, LABELS), (PIPELINE,), (Pairs(),), (X, LABELS.astype("float32")), (X, ONE_HOT)],
    ids=["arrays", "tf.data", "PyDataset", "floats", "one-hot"],
)
def test_labels_are_not_learned_as_if_they_were_images(given):
    assert "give x alone, without labels" in refused(compiled(), *given)


def test_validation_data_with_labels_are_refused_before_training():
    assert "give x alone" in refused(compiled(), X, validation_data=(X, LABELS))


@pytest.mark.parametrize("batch_size", [6, 12])
def test_images_without_channels_are_not_broadcast(batch_size):
    message = refused(compiled(), X[..., 0], batch_size=batch_size)
    assert "x has shape (12, 6, 6), but the model takes (batch, 6, 6, 1)" in message
    assert "x[..., None]" in message


def test_images_of_another_size_are_refused():
    assert "(12, 5, 6, 1)" in refused(compiled(), X[:, 1:])


def test_a_target_of_the_shape_of_x_is_rebuilt():
    black = np.zeros_like(X)
    found = compiled().evaluate(black, X, verbose=0, return_dict=True)["reconstruction_loss"]
    others = compiled().evaluate(black, verbose=0, return_dict=True)["reconstruction_loss"]
    batch = VAE((6, 6, 1)).prepare((black, X))
    np.testing.assert_array_equal(batch.target, X)
    assert found != others


@pytest.mark.parametrize("weights", [dict(sample_weight=np.ones(12)), dict(class_weight={0: 1.0})])
def test_weights_are_refused_with_and_without_targets(weights):
    assert "is not used" in refused(compiled(), X, **weights)
    assert "is not used" in refused(compiled(), X, X, **weights)


@pytest.mark.parametrize(
    "values",
    [X * 255, (X * 255).astype(np.uint8), X - 0.5, np.where(X > 0.9, np.nan, X)],
    ids=["floats to 255", "uint8", "standardised", "NaN"],
)
def test_values_outside_the_range_are_refused(values):
    pipeline = tf.data.Dataset.from_tensor_slices(values).batch(12)
    for given in (values, {"x": values}, pipeline):
        assert "bernoulli needs" in refused(compiled(), given)
    assert "bernoulli needs" in refused(compiled(), X, values)
    assert "bernoulli needs" in refused(compiled(), X, validation_data=(values, None))


def test_a_gaussian_takes_values_of_any_range():
    compiled(likelihood="gaussian").fit(X - 0.5, verbose=0)


def test_tokens_outside_the_vocabulary_are_refused():
    model = SequenceVAE(4, ["", "a", "b"], network=RecurrentNetwork((4, 6), 3))
    model.compile("adam", run_eagerly=True)
    model.fit(np.array([[1, 2, 2, 0]]), verbose=0)
    with pytest.raises(UserError, match=r"categorical needs data in \[0, 2\]"):
        model.fit(np.array([[1, 2, 3, 0]]), verbose=0)


def fitted_weights(*data, in_graph=False):
    """The weights of a conditional model after one step."""
    keras.utils.set_random_seed(0)
    model = compiled(ConditionalVAE, classes=3, latent_dim=2)
    model.run_eagerly = not in_graph
    model.fit(*data, verbose=0, shuffle=False)
    return model.get_weights()


@pytest.fixture(scope="module")
def of_dictionary():
    return fitted_weights({"x": X, "label": LABELS})


@pytest.mark.parametrize(
    "given",
    [
        (X, LABELS),
        ((X, LABELS),),
        (PIPELINE,),
        (Pairs(),),
        (X, ONE_HOT),
        (X, LABELS.astype("float32")[:, None]),
        ({"x": X, "label": ONE_HOT},),
        ({"x": X, "label": LABELS.astype("float64")},),
        (X, ONE_HOT.astype(bool)),
        (tf.data.Dataset.from_tensor_slices(((X, ONE_HOT),)).batch(12),),
    ],
    ids=[
        *("x, y", "pair", "tf.data", "PyDataset", "one-hot", "column", "one-hot of a dictionary"),
        *("floats of a dictionary", "booleans", "pairs of tf.data"),
    ],
)
def test_conditional_model_learns_the_same_from_labels_in_every_form(given, of_dictionary):
    for one, other in zip(fitted_weights(*given), of_dictionary, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [(X, LABELS), ({"x": X, "label": ONE_HOT},)],
    ids=["numbers", "one-hot"],
)
def test_labels_are_learned_in_a_graph_as_without_one(given, of_dictionary):
    for one, other in zip(fitted_weights(*given, in_graph=True), of_dictionary, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (ONE_HOT[:, :2], "one-hot rows [batch, 3]"),
        (ONE_HOT / 2, "must be one-hot"),
        (LABELS + 0.5, "whole numbers from 0 to 2"),
        (LABELS + 1, "whole numbers from 0 to 2"),
        (LABELS - 1, "whole numbers from 0 to 2"),
        (np.where(LABELS == 1, np.nan, LABELS), "whole numbers from 0 to 2"),
        (LABELS.astype(str), "labels are words"),
    ],
)
def test_other_labels_are_refused(labels, message):
    model = compiled(ConditionalVAE, classes=3)
    pipeline = tf.data.Dataset.from_tensor_slices((X, labels)).batch(4)
    for given in ((X, labels), ((X, labels),), ({"x": X, "label": labels},), (pipeline,)):
        assert message in refused(model, *given)
    assert message in refused(model, X, LABELS, validation_data=(X, labels))
    with pytest.raises(UserError, match=re.escape(message)):
        model.encode(X, labels)


def test_a_dictionary_without_examples_is_refused():
    assert "called 'x', but it has ['image']" in refused(compiled(), {"image": X})


@pytest.mark.parametrize("unused", [dict(loss="mse"), dict(metrics=["mae"])])
def test_losses_and_metrics_of_compile_are_said_not_to_be_used(unused):
    model = compiled()
    model.compile("adam", run_eagerly=True, **unused)
    with pytest.warns(UserWarning, match="not used: the model states its own"):
        model.fit(X, verbose=0)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "sequence"])
def test_channels_first_are_refused(name, monkeypatch):
    with pytest.raises(UserError, match=r"\(1, 28, 28\) has its channels first"):
        MODELS[name]((1, 28, 28))
    with pytest.raises(UserError, match="channels first"):
        MODELS[name]((3, 32, 48))
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    with pytest.raises(UserError, match=r"keras\.json"):
        MODELS[name]((28, 28, 1))


@pytest.mark.parametrize("shape", [(1, 9, 1), (3, 32, 3), (3, 40, 1), (28, 28, 1), (1, 64, 8)])
def test_other_shapes_are_taken(shape):
    assert VAE(shape).example_shape == shape


# Where an untrained model starts


def start_of(model, *args, **kwargs):
    """The offset of a model after a `fit` that cannot change it."""
    model.fit(*args, verbose=0, **kwargs)
    return model.offset.offset.numpy()


def logits(mean):
    return scipy.special.logit(np.clip(mean, 1e-3, 1 - 1e-3))


@pytest.mark.parametrize(
    "given",
    [
        (X,),
        ({"x": X},),
        (X[::-1], X),
        (tf.data.Dataset.from_tensor_slices(X).batch(5),),
        (tf.data.Dataset.from_tensor_slices(X).batch(5).repeat(),),
    ],
    ids=["array", "dictionary", "target", "tf.data", "endless"],
)
def test_an_untrained_model_starts_from_the_mean_example(given):
    model = compiled()
    endless = isinstance(given[0], tf.data.Dataset) and given[0].cardinality() < 0
    found = start_of(model, *given, steps_per_epoch=1 if endless else None)
    if not endless:  # of which the first batches count, here 10 of 5, 5, 2, 5 …
        np.testing.assert_allclose(found, logits(X.mean(axis=0)), atol=1e-5)
    assert np.abs(found - logits(X.mean(axis=0))).max() < 0.2 and found.any()


def test_a_conditional_model_and_a_gaussian_start_from_the_mean_too():
    model = compiled(ConditionalVAE, classes=3, likelihood="gaussian")
    np.testing.assert_allclose(start_of(model, X, LABELS), X.mean(axis=0), rtol=1e-5)


def test_a_sequence_model_starts_from_the_frequencies():
    model = SequenceVAE(4, ["", "a", "b"], network=RecurrentNetwork((4, 6), 3))
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    model.fit(np.array([[1, 2, 2, 0], [2, 2, 2, 2]]), verbose=0)
    expected = np.log(np.array([1, 2, 7]) / 10)
    np.testing.assert_allclose(model.decoder.readout.bias, expected, rtol=1e-6)


def compiled_anew(model):
    model.compile("adam", run_eagerly=True)
    return model


@pytest.mark.parametrize("how", ["trained", "compiled anew", "loaded", "weights", "own"])
def test_a_model_that_is_not_new_keeps_its_start(how, tmp_path):
    model = compiled()
    model.fit(X, verbose=0)
    model.offset.offset.assign(np.zeros((6, 6, 1)))  # as if trained before there was a start
    if how == "compiled anew":
        compiled_anew(model)
    elif how == "loaded":
        model.save(tmp_path / "model.keras")
        model = compiled_anew(keras.models.load_model(tmp_path / "model.keras", compile=False))
    elif how == "weights":
        model.save_weights(tmp_path / "model.weights.h5")
        model = compiled()
        model.load_weights(tmp_path / "model.weights.h5")
    elif how == "own":
        model = compiled()
        model.offset.offset.assign(np.full((6, 6, 1), 0.25))
    assert set(np.unique(start_of(model, X))) == ({0.25} if how == "own" else {0.0})


def test_the_first_step_begins_at_the_mean_example():
    """The loss of an untrained model is that of the mean image, not that of grey."""
    x = np.repeat(np.round(X[:1]), 12, axis=0)
    logs = compiled().fit(x, batch_size=12, verbose=0).history
    assert logs["reconstruction_loss"][0] < 4 < 36 * np.log(2) / 2
