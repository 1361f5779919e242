"""Every rung under Keras's precision policies: codes, parameters and losses stay float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.images import images
from vae_keras import VAE, TrainConfig, data, train
from vae_keras.export.endpoints import endpoints
from vae_keras.models import MODELS, CompletionVAE
from vae_keras.networks import DenseNetwork, RecurrentNetwork
from vae_keras.training.fitting import build

POLICIES = ("mixed_bfloat16", "mixed_float16", "float64")
KINDS = {**MODELS, "completion": CompletionVAE}
# All rungs with the usual policy; with the others those whose steps differ from all before them.
CASES = [
    *((name, "mixed_bfloat16") for name in KINDS),
    *((name, p) for name in ("vae", "contractive", "sequence") for p in POLICIES[1:]),
]
# Each kind of step is taken in a graph once; without one it is the same, and made sooner.
IN_GRAPH = [("deep", "mixed_bfloat16"), ("contractive", "mixed_bfloat16")]
IN_GRAPH += [("vae", "mixed_float16"), ("sequence", "mixed_float16")]
# Endpoints are the same where neither the heads of the encoder nor its labels are others.
EXPORTED = [
    *((name, "mixed_bfloat16") for name in ("linear", "deep", "sparse", "conditional")),
    *(("vae", policy) for policy in POLICIES),
    *(("sequence", policy) for policy in ("mixed_bfloat16", "float64")),
]


def small(name, policy):
    """An untrained model of the rung `name` and four examples."""
    own = dict(latent_dim=3, dtype=policy)
    if name == "sequence":
        network = RecurrentNetwork((4, 6), 3)
        tokens = np.array([[1, 2, 3, 0], [3, 3, 1, 2], [2, 0, 0, 0], [1, 1, 2, 0]])
        return KINDS[name](4, ["", "a", "b", "c"], network=network, **own), tokens
    if name not in ("linear", "sparse"):
        own["network"] = DenseNetwork((8,))
    data = images(4, (6, 6, 1))
    if name == "conditional":
        return KINDS[name]((6, 6, 1), classes=3, **own), {"x": data, "label": np.arange(4) % 3}
    return KINDS[name]((6, 6, 1), **own), data


@pytest.mark.slow
@pytest.mark.parametrize(("name", "policy"), CASES)
def test_every_rung_trains_and_is_saved(name, policy, tmp_path):
    model, data = small(name, policy)
    model.compile(keras.optimizers.SGD(1e-3), run_eagerly=(name, policy) not in IN_GRAPH)
    before = model.get_weights()
    # A step whose scaled gradient is beyond float16 is left out, and the scale halved
    logs = model.fit(data, epochs=6 if policy == "mixed_float16" else 2, verbose=0).history
    assert all(np.isfinite(values).all() for values in logs.values())
    assert any(map(np.any, map(np.not_equal, before, model.get_weights())))
    batch = model.prepare(data)
    terms = model.objective(batch, training=True)
    assert {term.dtype for term in terms.values()} == {tf.float32}
    assert model.code(batch).dtype == tf.float32
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.dtype_policy.name == policy
    np.testing.assert_array_equal(loaded(data), model(data))
    evaluated = [one.objective(batch, training=False) for one in (model, loaded)]
    for term in model.terms:
        np.testing.assert_array_equal(*(terms[term] for terms in evaluated))
    assert type(loaded.optimizer) is type(model.optimizer)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "policy"), EXPORTED)
def test_every_endpoint_of_an_export_computes(name, policy):
    model, data = small(name, policy)
    x = data["x"] if isinstance(data, dict) else data
    given = {"x": x, "n": 4, "seed": [0, 1], "label": [0, 1, 2, 0], "z": np.zeros((4, 3))}
    given |= {"temperature": 1.0, "top_p": 0.9, "beams": 2}
    for function, specs in endpoints(model).values():
        inputs = [tf.cast(given[spec.name], spec.dtype) for spec in specs]
        traced = tf.function(function, input_signature=specs)
        for output in traced(*inputs).values():
            assert output.dtype in (tf.float32, tf.int32, tf.int64)
            assert len(output) == 4 and np.isfinite(output).all()


@pytest.fixture(scope="module")
def fitted():
    """A dense VAE after a few steps on digits, and the digits that it has not seen."""
    from vae_keras.data.images.archives import digits

    model = VAE((8, 8, 1), network=DenseNetwork((128, 64)))
    model.compile(keras.optimizers.Adam(2e-3))
    model.fit(digits().train.arrays()[0], epochs=4, batch_size=64, verbose=0)
    return model, digits().test.take(slice(192)).arrays()[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "nats"), [("mixed_bfloat16", 0.1), ("mixed_float16", 0.01), ("float64", 1e-4)]
)
def test_the_loss_is_that_of_float32_at_the_same_weights(policy, nats, fitted):
    model, x = fitted
    other = VAE((8, 8, 1), network=DenseNetwork((128, 64)), dtype=policy)
    assert other.decoder.layers[1].compute_dtype == policy.removeprefix("mixed_")
    other.set_weights(model.get_weights())
    other.compile("adam")
    for batch in np.split(x, 3):
        expected = model.evaluate(batch, verbose=0, return_dict=True)
        found = other.evaluate(batch, verbose=0, return_dict=True)
        assert found == pytest.approx(expected, abs=nats)


@pytest.mark.slow
def test_the_loss_of_float16_is_scaled_by_the_optimizer():
    """Gradients are scaled and unscaled: the step is that of float32, and so is the logged loss."""
    x = images(8, (8, 8, 1))
    plain = VAE((8, 8, 1), network=DenseNetwork((32,)))
    plain.start.assign(np.ones((8, 8, 1)))  # at the mean of the data it would be at an optimum
    first = plain.get_weights()

    def stepped(model, optimizer):
        """The logged loss and the step of the bias of the last dense layer."""
        model.compile(optimizer)
        before = model.decoder.get_weights()[-2]
        loss = model.fit(x, shuffle=False, verbose=0).history["loss"][0]
        return loss, model.decoder.get_weights()[-2] - before

    loss, step = stepped(plain, keras.optimizers.SGD(0.1))
    assert np.abs(step).max() > 0.01
    for scale in (1.0, 2.0**10):
        half = VAE((8, 8, 1), network=DenseNetwork((32,)), dtype="mixed_float16")
        half.set_weights(first)
        found = stepped(half, keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), scale))
        assert found[0] == pytest.approx(loss, abs=0.01)
        np.testing.assert_allclose(found[1], step, atol=1e-4)


@pytest.mark.slow
def test_a_step_whose_scaled_gradient_overflows_is_left_out():
    model = VAE((8, 8, 1), network=DenseNetwork((8,)), dtype="mixed_float16")
    model.compile("adam")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.dynamic_scale.assign(2.0**40)
    before = [weight.numpy() for weight in model.trainable_variables]
    assert np.isfinite(model.fit(images(8, (8, 8, 1)), verbose=0).history["loss"][0])
    for old, new in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new)
    assert float(model.optimizer.dynamic_scale) == 2.0**39


@pytest.mark.slow
def test_a_run_follows_the_policy_of_keras(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        run = train(TrainConfig(epochs=2, units="16", output_dir=tmp_path), verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert run.folder.load_model().dtype_policy.name == "mixed_bfloat16"
    assert run.folder.exported.is_dir() and run.history["loss"][1] < run.history["loss"][0]


@pytest.mark.parametrize("precision", [None, "float32", "mixed_bfloat16"])
def test_an_option_chooses_the_policy(precision):
    dataset = data.load(TrainConfig())
    model = build(TrainConfig(precision=precision, units="8").resolved(dataset), dataset)
    assert model.dtype_policy.name == (precision or "float32")
