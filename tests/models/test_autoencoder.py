import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.images import images
from tests.processes import said_by
from vae_keras import VAE
from vae_keras.networks import ConvNetwork, DenseNetwork, GridNetwork, ResidualNetwork
from vae_keras.objectives.likelihoods import Gaussian


def test_figures_do_not_depend_on_the_batch_size():
    model = VAE((8, 8, 1))
    model.compile("adam")
    data = {"x": images(64, (8, 8, 1)), "index": np.arange(64)}
    whole = model.evaluate(data, batch_size=64, verbose=0, return_dict=True)
    for batch_size in (1, 7, 64):
        found = model.evaluate(data, batch_size=batch_size, verbose=0, return_dict=True)
        assert found == pytest.approx(whole, rel=1e-5)


@pytest.mark.slow
def test_epoch_log_is_the_mean_over_examples_not_the_last_batch():
    model = VAE((8, 8, 1))
    model.offset.offset.assign(tf.ones_like(model.offset.offset))  # white pixels are likelier
    model.compile(keras.optimizers.SGD(0.0))  # the weights stay: every batch has the same model
    x = np.concatenate([np.zeros((64, 8, 8, 1)), np.ones((36, 8, 8, 1))]).astype("float32")
    history = model.fit(x, batch_size=64, shuffle=False, verbose=0).history
    terms = []
    for step, part in enumerate((x[:64], x[64:])):
        model.optimizer.iterations.assign(step)  # with the noise of that step
        terms.append(model.objective(model.prepare(part), training=True))
    for name in model.terms:
        first, last = (batch[name].numpy().astype("float64") for batch in terms)
        expected = (first.sum() + last.sum()) / 100
        assert history[name][0] == pytest.approx(expected, rel=1e-5)
        for wrong in (last.mean(), (first.mean() + last.mean()) / 2):
            assert history[name][0] != pytest.approx(wrong, rel=0.01)
    assert history["loss"][0] == pytest.approx(
        history["reconstruction_loss"][0] + history["kl_loss"][0], rel=1e-5
    )


def test_the_first_step_is_traced_once():
    steps = []

    class Traced(VAE):
        def train_step(self, data):
            steps.append(data)
            return super().train_step(data)

    model = Traced((8, 8, 1), network=DenseNetwork((4,)))
    model.compile("adam")
    model.fit(images(8, (8, 8, 1)), epochs=2, verbose=0)
    assert len(steps) == 1 and int(model.optimizer.iterations) == 2


def test_training_noise_is_a_function_of_seed_and_step():
    model = VAE((8, 8, 1), latent_dim=4, seed=5)
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    batch = model.prepare(images(3, (8, 8, 1)))
    first = model.noise(batch, (4,), training=True).numpy()
    assert np.array_equal(first, model.noise(batch, (4,), training=True).numpy())
    model.optimizer.iterations.assign_add(1)
    assert not np.array_equal(first, model.noise(batch, (4,), training=True).numpy())
    other = VAE((8, 8, 1), latent_dim=4, seed=6)
    other.compile("adam")
    assert not np.array_equal(first, other.noise(batch, (4,), training=True).numpy())


def test_targets_other_than_the_input_are_rebuilt():
    model = VAE((8, 8, 1))
    model.compile("adam")
    x = images(20, (8, 8, 1))
    to_itself = model.evaluate(x, x, verbose=0, return_dict=True)
    to_black = model.evaluate(x, np.zeros_like(x), verbose=0, return_dict=True)
    assert to_itself["kl_loss"] == to_black["kl_loss"]
    assert to_itself["reconstruction_loss"] != to_black["reconstruction_loss"]


SAVED = {
    "conv": dict(example_shape=(8, 8, 1), network=ConvNetwork(4, 8, 8), beta=0.5),
    "own units and learned sigma": dict(
        example_shape=(9, 7, 3),
        network=DenseNetwork((16,), "tanh"),
        likelihood=Gaussian("learned"),
        latent_dim=5,
    ),
    "resnet": dict(
        example_shape=(13, 9, 3), network=ResidualNetwork(4, 8, 2, 4, 8, activation="relu")
    ),
    "grid": dict(example_shape=(13, 9, 3), network=GridNetwork(4, 8, 1, 4, 8, activation="relu")),
}
IN_A_FRESH_PROCESS = """
import sys, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from vae_keras import VAE
from vae_keras.networks import DenseNetwork
for folder in sys.argv[1:]:
    model = keras.models.load_model(folder + "/model.keras")
    x = np.load(folder + "/x.npy")
    found = dict(y=model(x), z=model.encode(x), iterations=int(model.optimizer.iterations))
    model.fit(x, epochs=3, initial_epoch=2, shuffle=False, verbose=0)
    np.savez(folder + "/found.npz", **found)
    np.savez(folder + "/weights.npz", *[w.numpy() for w in model.trainable_variables])

x = np.random.default_rng(0).random((8, 8, 8, 1), dtype="float32")
def kernel(strategy):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = VAE((8, 8, 1), network=DenseNetwork((8,)))
        model.sampling.call = lambda inputs, epsilon: inputs[0]  # noise differs between replicas
        model.compile(keras.optimizers.SGD(0.01))
    before = model.trainable_variables[0].numpy()
    logs = model.fit(x, batch_size=8, verbose=0).history
    return before, model.trainable_variables[0].numpy(), logs["loss"][0]
one = kernel(tf.distribute.get_strategy())
two = kernel(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
np.savez("replicas.npz", one=one[:2], two=two[:2], losses=[one[2], two[2]])
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """What a fresh process with two logical devices has done: its folder and the models.

    They are {name: (model, what it is trained on, folder)}, and the process went on with them. The
    folder of one has `found.npz`, what the process found in the saved model, and `weights.npz`,
    those after another epoch. That of the process has `replicas.npz`: a kernel before and after a
    step on one device and on two, and the losses.
    """
    own, found = tmp_path_factory.mktemp("fresh"), {}
    for name, arguments in SAVED.items():
        folder = tmp_path_factory.mktemp("saved")
        model = VAE(**arguments)
        model.compile(keras.optimizers.Adam(0.01))
        x = images(32, model.example_shape)
        model.fit(x, epochs=2, shuffle=False, verbose=0)
        model.save(folder / "model.keras")
        np.save(folder / "x.npy", x)
        found[name] = model, x, folder
    folders = [str(folder) for _, _, folder in found.values()]
    said_by(*folders, code=IN_A_FRESH_PROCESS, cwd=own)
    return own, found


@pytest.mark.slow
def test_two_replicas_get_the_gradient_of_one(fresh):
    """The weights after a step on two logical devices equal those after one on a single one."""
    found = np.load(fresh[0] / "replicas.npz")
    (before, one), (_, two) = found["one"], found["two"]
    assert np.abs(one - before).max() > 1e-3
    np.testing.assert_allclose(one, two, atol=1e-6)
    np.testing.assert_allclose(*found["losses"], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAVED)
def test_saved_model_is_the_same_in_a_fresh_process(name, fresh):
    model, x, folder = fresh[1][name]
    found, stored = np.load(folder / "found.npz"), np.load(folder / "weights.npz")
    np.testing.assert_array_equal(found["y"], model(x))
    np.testing.assert_array_equal(found["z"], model.encode(x))
    assert found["iterations"] == 2
    # With Adam's state, or the step differs
    model.fit(x, epochs=3, initial_epoch=2, shuffle=False, verbose=0)
    for stored_name, weight in zip(stored.files, model.trainable_variables, strict=True):
        assert np.array_equal(stored[stored_name], weight.numpy())


class TwoNames(VAE):
    def objective(self, batch, training):
        found = super().objective(batch, training)
        return {"reconstruction": found["reconstruction_loss"], "kl_loss": found["kl_loss"]}


class MeanOfBatch(VAE):
    def objective(self, batch, training):
        found = super().objective(batch, training)
        return {name: keras.ops.mean(value) for name, value in found.items()}


@pytest.mark.parametrize("wrong", [TwoNames, MeanOfBatch])
def test_objective_that_does_not_give_its_terms_per_example_is_refused(wrong):
    model = wrong((8, 8, 1))
    model.compile("adam")
    with pytest.raises(ValueError, match=f"of {wrong.__name__} must give reconstruction_"):
        model.fit(images(4, (8, 8, 1)), verbose=0)


def test_two_draws_of_one_objective_are_independent_if_their_streams_differ():
    model = VAE((8, 8, 1), latent_dim=50)
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    batch = model.prepare(images(200, (8, 8, 1)))
    for training in (True, False):
        first, again, other = (
            model.noise(batch, (50,), training, stream=stream).numpy() for stream in (0, 0, 8)
        )
        assert np.array_equal(first, again)
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.05
