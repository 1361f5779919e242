"""What each rung of the ladder claims, on real digits or against an independent computation."""

import filecmp

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from PIL import Image
from sklearn.decomposition import PCA

from vae_keras import TrainConfig, UserError, load_exported, train
from vae_keras.cli import main
from vae_keras.data.images.archives import digits
from vae_keras.models import MODELS, Autoencoder
from vae_keras.models.completion import CompletionNetwork, CompletionVAE, hidden_mask
from vae_keras.models.conditional import ConditionalVAE
from vae_keras.models.contractive import ContractiveAutoencoder, squared_jacobian
from vae_keras.models.denoising import DenoisingAutoencoder
from vae_keras.models.linear import LinearAutoencoder
from vae_keras.models.priors import FittedGaussian
from vae_keras.models.sparse import SparseAutoencoder
from vae_keras.networks import DenseNetwork
from vae_keras.objectives.likelihoods import loss_named

SHAPE = (8, 8, 1)
rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def x():
    return digits().test.take(slice(64)).arrays()[0]


OF_IMAGES = [name for name in MODELS if name != "sequence"]  # which test_sequence.py trains


@pytest.mark.parametrize("model", OF_IMAGES)
def test_every_rung_trains_saves_and_exports_through_one_code(model, tmp_path):
    run = train(TrainConfig(model=model, epochs=2, output_dir=tmp_path), verbose=0)
    assert run.history["val_loss"][1] < run.history["val_loss"][0]
    images, labels = run.dataset.test.take(slice(5)).arrays()
    loaded = keras.models.load_model(run.folder.model)
    inputs = {"x": images, "label": labels}
    np.testing.assert_array_equal(loaded(inputs), run.model(inputs))
    exported = tf.saved_model.load(run.folder.exported)
    label = [tf.constant(labels, tf.int32)] if run.model.takes_labels else []
    found = exported.reconstruct(images, *label)["reconstruction"]
    np.testing.assert_allclose(found, run.model(inputs), atol=1e-5)
    seed = tf.constant([0, 1])
    new = exported.generate(tf.constant(5), seed, *label)["x"]
    np.testing.assert_allclose(new, run.model.generate(5, seed, *label), atol=1e-5)
    terms = [f"val_{name}" for name in ("loss", *run.model.terms)]
    assert [name for name in run.history if name.startswith("val_")] == terms


@pytest.mark.parametrize("model", OF_IMAGES)
def test_every_rung_trains_on_a_colour_folder(model, tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path / "cache"))
    for label in ("a", "b"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(15):
            pixels = rng.integers(0, 255, (12, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    dataset = f"folder:{tmp_path / 'photos'}"
    config = TrainConfig(
        model=model, dataset=dataset, image_size="12x10", epochs=1, output_dir=tmp_path
    )
    run = train(config, verbose=0)
    assert run.model.example_shape == (12, 10, 3)
    assert run.folder.exported.is_dir()


@pytest.mark.parametrize("model", ["sparse", "denoising", "contractive"])
def test_resumed_rung_is_the_uninterrupted_one(model, tmp_path):
    whole = TrainConfig(model=model, epochs=3, name="whole", output_dir=tmp_path)
    whole = train(whole, verbose=0).folder
    config = TrainConfig(model=model, epochs=3, name="cut", output_dir=tmp_path)

    class Stop(Exception):
        pass

    class StoppingTrain:  # the data fail at the third epoch
        def __init__(self, examples):
            self.examples = examples

        def __getattr__(self, name):
            return getattr(self.examples, name)

        def __len__(self):
            return len(self.examples)

        def shuffled_batches(self, *arguments):
            batches = self.examples.shuffled_batches(*arguments)
            return batches.take(2 * 21).concatenate(batches.take(1).map(lambda b: fail(b)))

    def fail(batch):
        with tf.control_dependencies([tf.debugging.Assert(False, ["stopped"])]):
            return tf.nest.map_structure(tf.identity, batch)

    dataset = digits()
    broken = dataset.__class__(**{**dataset.__dict__, "train": StoppingTrain(dataset.train)})
    with pytest.raises(tf.errors.InvalidArgumentError):
        train(config, broken, verbose=0)
    cut = train(config.replace(resume=True), verbose=0).folder
    assert filecmp.cmp(whole.history, cut.history, shallow=False)


def test_losses_are_what_their_names_say(x):
    output = rng.normal(size=x.shape).astype("float32")
    squared = ((x - output) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(loss_named("mse").loss(x, output), squared, rtol=1e-5)
    np.testing.assert_allclose(loss_named("rmse").loss(x, output), np.sqrt(squared / 64), rtol=1e-5)
    p = scipy.special.expit(output.astype("float64"))
    entropy = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3))
    np.testing.assert_allclose(loss_named("bce").loss(x, output), entropy, rtol=1e-5)


def test_squared_error_is_a_gaussian_of_variance_one_half(x):
    output = rng.normal(size=x.shape).astype("float32")
    density = scipy.stats.norm.logpdf(x, output, np.sqrt(0.5)).sum((1, 2, 3))
    constant = 64 * np.log(np.sqrt(np.pi))
    np.testing.assert_allclose(loss_named("mse").loss(x, output), -density - constant, rtol=1e-4)


def test_rmse_has_a_gradient_at_a_perfect_reconstruction(x):
    output = tf.Variable(x)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(loss_named("rmse").loss(x, output))
    assert np.isfinite(tape.gradient(value, output)).all()


@pytest.mark.parametrize("tied", [False, True])
def test_linear_autoencoder_finds_the_principal_components(tied, tmp_path):
    config = TrainConfig(model="linear", latent_dim=3, tied=tied, epochs=95, output_dir=tmp_path)
    run = train(config, verbose=0)
    flat = [
        split.arrays()[0].reshape(len(split), -1) for split in (run.dataset.train, run.dataset.test)
    ]
    pca = PCA(3).fit(flat[0])
    error = ((flat[1] - pca.inverse_transform(pca.transform(flat[1]))) ** 2).sum(1).mean()
    assert run.metrics["test_loss"] == pytest.approx(error, rel=0.01)
    assert run.metrics["test_largest_angle_to_pca_degrees"] < 3
    components, variances = run.model.principal_components()
    cosines = np.abs(np.sum(components * pca.components_, axis=1))
    assert cosines.min() > np.cos(np.radians(3))  # one by one, in their order
    np.testing.assert_allclose(variances, pca.explained_variance_, rtol=0.03)


def test_tied_decoder_is_the_transposed_encoder(x):
    model = LinearAutoencoder(SHAPE, latent_dim=5, tied=True)
    kernel = model.encoder.get_layer("z").kernel.numpy()
    np.testing.assert_allclose(
        model(x), (x.reshape(-1, 64) @ kernel @ kernel.T).reshape(x.shape), atol=1e-5
    )
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 64 * 5 + 5 + 64


def test_linear_model_refuses_more_components_than_there_are(tmp_path):
    with pytest.raises(UserError, match="above the 64 components"):
        train(TrainConfig(model="linear", latent_dim=65, output_dir=tmp_path), verbose=0)


def jacobian_norms(model, x):
    """‖∂h/∂x‖²_F of each example by one backward pass for each code unit."""
    x = tf.constant(x)
    total = 0
    for unit in range(model.latent_dim):
        with tf.GradientTape() as tape:
            tape.watch(x)
            h = model.encode(x)[:, unit]
        total += tf.reduce_sum(tape.gradient(h, x) ** 2, axis=(1, 2, 3)).numpy()
    return total


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_exact_contraction_is_the_norm_of_the_jacobian(network, x):
    model = ContractiveAutoencoder(SHAPE, latent_dim=4, network=network)
    _, penalty = squared_jacobian(model, model.prepare(x))
    np.testing.assert_allclose(penalty, jacobian_norms(model, x), rtol=1e-4)


def test_projected_contraction_is_unbiased_and_has_the_stated_variance(x):
    model = ContractiveAutoencoder(SHAPE, latent_dim=4)
    one = np.repeat(x[:1], 20_000, axis=0)
    batch = model.prepare({"x": one, "index": np.arange(len(one))})
    _, draws = model.projected(batch, training=False)
    draws = draws.numpy().astype("float64")
    exact = jacobian_norms(model, x[:1])[0]
    assert abs(draws.mean() - exact) < 4 * draws.std() / np.sqrt(len(draws))
    with tf.GradientTape() as tape:
        inputs = tf.constant(x[:1])
        tape.watch(inputs)
        h = model.encode(inputs)
    jacobian = tape.jacobian(h, inputs).numpy().reshape(4, 64)
    gram = jacobian @ jacobian.T
    variance = 2 * (np.sum(gram**2) - np.sum(np.diag(gram) ** 2))
    assert draws.var() == pytest.approx(variance, rel=0.05)


def test_contraction_lowers_the_jacobian(tmp_path):
    norms = [
        train(
            TrainConfig(model="contractive", contraction=weight, epochs=15, output_dir=tmp_path),
            verbose=0,
        ).metrics["test_contraction_loss"]
        for weight in (0.0, 1.0)
    ]
    assert norms[1] < 0.3 * norms[0]


def test_sparsity_terms_are_their_formulas(x):
    model = SparseAutoencoder(SHAPE, latent_dim=100, sparsity="l1")
    code = model.encode(x).numpy()
    assert code.min() == 0
    np.testing.assert_allclose(model.penalty(code, False), code.sum(axis=1), rtol=1e-5)
    model = SparseAutoencoder(SHAPE, latent_dim=100, sparsity="kl", target_activity=0.1)
    code = model.encode(x).numpy().astype("float64")
    expected = scipy.special.rel_entr([0.1, 0.9], np.stack([code.mean(0), 1 - code.mean(0)], 1))
    np.testing.assert_allclose(
        model.penalty(code.astype("float32"), True), expected.sum(), rtol=1e-3
    )


@pytest.mark.parametrize("sparsity", ["l1", "kl"])
def test_penalty_makes_the_code_sparser(sparsity, tmp_path):
    shares = [
        train(
            TrainConfig(
                model="sparse",
                sparsity=sparsity,
                sparsity_weight=weight,
                epochs=15,
                output_dir=tmp_path,
            ),
            verbose=0,
        ).metrics["test_active_share"]
        for weight in (0.0, 1.0)
    ]
    assert shares[1] < 0.7 * shares[0]


@pytest.mark.parametrize(
    ("corruption", "level"), [("gaussian", 0.2), ("salt_and_pepper", 0.3), ("masking", 0.4)]
)
def test_corruption_is_what_its_name_says(corruption, level):
    model = DenoisingAutoencoder((50, 50, 1), corruption=corruption, corruption_level=level)
    clean = np.full((20, 50, 50, 1), 0.5, "float32")
    noisy = model.corrupt(model.prepare({"x": clean, "index": np.arange(20)})).numpy()
    if corruption == "gaussian":
        assert (noisy - clean).std() == pytest.approx(level, rel=0.03)
        return
    black, white = (noisy == 0).mean(), (noisy == 1).mean()
    share = (level / 2, level / 2) if corruption == "salt_and_pepper" else (level, 0)
    assert (black, white) == pytest.approx(share, abs=0.01)
    assert (noisy == 0.5).mean() == pytest.approx(1 - level, abs=0.01)


def test_corruption_is_drawn_afresh_in_training_and_left_out_in_evaluation(x):
    model = DenoisingAutoencoder(SHAPE)
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    batch = model.prepare(x)
    first = model.corrupt(batch, training=True).numpy()
    model.optimizer.iterations.assign_add(1)
    assert not np.array_equal(first, model.corrupt(batch, training=True).numpy())
    plain = model.objective(batch, training=False)["reconstruction_loss"]
    np.testing.assert_allclose(plain, loss_named("mse").loss(x, model(x)), rtol=1e-5)


def test_denoising_beats_a_median_filter_and_pca(tmp_path):
    run = train(TrainConfig(model="denoising", epochs=30, output_dir=tmp_path), verbose=0)
    ours = run.metrics["test_psnr_denoised"]
    assert ours > run.metrics["test_psnr_median_filter"] + 2
    assert ours > run.metrics["test_psnr_pca"] + 2
    assert ours > run.metrics["test_psnr_corrupted"] + 4


@pytest.mark.parametrize(
    "options",
    [
        dict(model="denoising", corruption="masking", corruption_level=1.2),
        dict(model="sparse", target_activity=1.0),
        dict(model="linear", network="conv"),
        dict(model="linear", beta=2.0),
    ],
    ids=str,
)
def test_impossible_options_are_refused_and_nothing_is_written(options, tmp_path):
    with pytest.raises(UserError):
        train(TrainConfig(**options, output_dir=tmp_path), verbose=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_conditional_model_uses_the_label(network, x):
    model = ConditionalVAE(SHAPE, latent_dim=3, network=network, classes=4)
    zeros, threes = np.zeros(64, int), np.full(64, 3)
    assert not np.allclose(model.encode(x, zeros), model.encode(x, threes))
    z = model.encode(x, zeros)
    assert not np.allclose(model.decode(z, zeros), model.decode(z, threes))
    new = model.generate(8, (0, 1))  # every class in turn
    np.testing.assert_array_equal(new, model.generate(8, (0, 1), np.arange(8) % 4))


def test_conditional_model_needs_labels(x, tmp_path):
    np.savez(tmp_path / "unlabelled.npz", x_train=x)
    config = TrainConfig(dataset=str(tmp_path / "unlabelled.npz"), model="conditional")
    with pytest.raises(UserError, match="needs labels"):
        train(config.replace(output_dir=tmp_path / "out"), verbose=0)
    assert not (tmp_path / "out").exists()


def test_exported_conditional_model_checks_its_labels(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(TrainConfig(model="conditional", epochs=1, name="c"), verbose=0)
    exported = load_exported("c")
    assert exported.class_names == tuple("0123456789")
    fours = exported.generate(3, label=4)
    np.testing.assert_array_equal(fours, exported.generate(3, label=[4, 4, 4]))
    x = fours.clip(0, 1)
    assert exported.decode(exported.encode(x, 4), 4).shape == x.shape
    assert exported.log_prob(x, exported.encode(x, 4), 4).shape == (3,)
    for label in ("12", "-1"):
        with pytest.raises(SystemExit) as stop:
            main(["generate", "c", "--label", label])
        assert stop.value.code == 2
        assert "must be a number from 0 to 9" in capsys.readouterr().err
    with pytest.raises(UserError, match="give a label"):
        exported.encode(x)
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels must be 0 to 9"):
        exported.model.decode(tf.zeros((1, 10)), tf.constant([12]))


def test_fitted_gaussian_has_the_moments_of_the_codes():
    codes = rng.multivariate_normal([1, -2, 0], [[2, 1, 0], [1, 3, 0], [0, 0, 1e-9]], 5_000)
    prior = FittedGaussian(3)
    prior.fit(lambda: codes.astype("float32"))
    sample = np.asarray(prior.sample(100_000, (0, 1)))
    np.testing.assert_allclose(sample.mean(0), codes.mean(0), atol=0.03)
    np.testing.assert_allclose(np.cov(sample.T), np.cov(codes.T), atol=0.06)
    corner = np.asarray(prior.from_standard(np.ones((1, 3), "float32")))[0]
    np.testing.assert_allclose(corner, codes.mean(0) + codes.std(0), atol=0.03)


def test_own_network_serves_every_rung(x):
    for rung in (Autoencoder, SparseAutoencoder, ContractiveAutoencoder):
        assert rung(SHAPE, latent_dim=6, network=DenseNetwork((12,), "tanh"))(x).shape == x.shape


@pytest.mark.parametrize("visible", [1, 2, 3])
def test_hidden_quadrants_are_predicted_from_the_visible_ones_alone(visible, x):
    mask = hidden_mask(SHAPE, visible)
    assert mask.sum() == 64 - 16 * visible
    changed = np.where(mask == 1, 1 - x, x)
    network = CompletionNetwork(SHAPE, latent_dim=4, visible=visible)
    np.testing.assert_array_equal(network(x), network(changed))
    model = CompletionVAE(SHAPE, latent_dim=4, visible=visible)
    completed = model.complete(x, (0, 1)).numpy()
    np.testing.assert_array_equal(completed, model.complete(changed, (0, 1)))
    np.testing.assert_array_equal(completed * (1 - mask), x * (1 - mask))
    batch = model.prepare(x)
    parameters = model.parameters(model.code(batch), batch.condition)
    p = scipy.special.expit(np.float64(parameters))
    entropy = -(x * np.log(p) + (1 - x) * np.log(1 - p))
    found = model.reconstruction_loss(batch, model.code(batch), training=False)
    np.testing.assert_allclose(found, (entropy * mask).sum((1, 2, 3)), rtol=1e-4)
