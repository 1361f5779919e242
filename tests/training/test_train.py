import csv
import filecmp
import json
import shutil
import time

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from PIL import Image, ImageSequence

from tests.commands import TRAIN
from tests.pictures import assert_shows, pixels
from tests.processes import Started
from tests.runs import history, training_alone, weights
from vae_keras import Dataset, TrainConfig, UserError, data, figures, load_exported, train
from vae_keras.data.dataset import Examples
from vae_keras.training.checkpoints import checkpoints
from vae_keras.training.fitting import build, fit
from vae_keras.training.run_folder import RunFolder, read_config


def test_training_lowers_the_loss_on_digits(digits_run):
    rows = history(digits_run.folder.path)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[-1]["val_loss"] < rows[0]["val_loss"] - 1  # it starts at the mean image
    assert digits_run.metrics["test_loss"] < 26.5


def test_run_leaves_what_the_readme_says(digits_run):
    folder = digits_run.folder
    assert folder.path.name == "digits_vae"
    terms = ["loss", "reconstruction_loss", "kl_loss"]
    columns = ["epoch", *terms, *(f"val_{term}" for term in terms), "learning_rate"]
    assert folder.history.read_text().splitlines()[0] == ",".join(columns)
    stored = json.loads(folder.config.read_text())
    assert TrainConfig(**stored) == digits_run.config
    assert None not in (stored["epochs"], stored["batch_size"], stored["network"])
    assert set(folder.read_metrics()) >= {
        *("test_loss", "test_reconstruction_loss", "test_kl_loss", "parameters", "train_seconds"),
        *("images_per_second", "epochs", "data_kind", "versions"),
    }
    plots = {path.name for path in folder.plots.iterdir()}
    assert plots == {
        *(f"latent_{epoch:04d}.png" for epoch in range(1, 6)),
        *("latent.gif", "samples.png", "reconstructions.png", "manifold.png", "loss_curves.png"),
    }
    assert len(list(folder.checkpoints.iterdir())) == 2


def test_a_run_ends_with_its_best_epoch(digits_run):
    losses = digits_run.history["val_loss"]
    assert digits_run.metrics["best_epoch"] == np.argmin(losses) + 1
    batches = digits_run.dataset.validation.batches()
    found = digits_run.model.evaluate(batches, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(min(losses), rel=1e-6)


@pytest.mark.slow
def test_patience_ends_a_run_that_gets_worse_and_keeps_what_was_best(tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (40, 6, 6), np.uint8)  # nothing to learn
    config = TrainConfig(
        epochs=60, passes=3, patience=3, latent_dim=8, units="64", learning_rate=0.01, beta=0.0
    )
    config = config.replace(name="noise", output_dir=tmp_path)
    run = train(config, noise, verbose=0)
    assert (run.config.dataset, run.dataset.class_names) == ("given:array", ())
    losses = run.history["val_loss"]
    assert len(losses) == run.metrics["best_epoch"] + 3 < 60
    assert losses[-4] == min(losses)
    batches = run.dataset.validation.batches()
    found = run.model.evaluate(batches, verbose=0, return_dict=True)
    assert found["reconstruction_loss"] < run.history["val_reconstruction_loss"][-1]
    again = train(config.replace(resume=True), noise, verbose=2)
    assert "complete" in capsys.readouterr().out
    for one, other in zip(again.model.get_weights(), run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_pictures_show_what_their_names_say(digits_run):
    model, dataset, plots = digits_run.model, digits_run.dataset, digits_run.folder.plots
    x, labels = dataset.train.arrays()
    codes = model.encode(x).numpy()
    last = figures.latent_scatter(codes, labels, dataset.class_names, title="epoch 5")
    assert_shows(plots / "latent_0005.png", last)
    samples = model.generate(64, (model.seed, 0))
    title = "decoded samples of the prior"
    assert_shows(plots / "samples.png", figures.image_grid(samples, title=title))
    x, _ = dataset.test.spread(10).arrays()
    rows = {"input": x, "reconstruction": model(x)}
    assert_shows(plots / "reconstructions.png", figures.image_rows(rows, "reconstructions"))
    values = scipy.stats.norm.ppf((np.arange(20) + 0.5) / 20)
    grid = model.decode(np.array([(across, up) for up in values for across in values], "float32"))
    names = [f"z{n} (quantiles of the prior)" for n in (1, 2)]
    manifold = figures.manifold(grid, (values, values), names, "decoded grid")
    assert_shows(plots / "manifold.png", manifold)
    with open(digits_run.folder.history) as file:
        columns = zip(*csv.reader(file))
    history = {name: [float(value) for value in values] for name, *values in columns}
    assert_shows(plots / "loss_curves.png", figures.loss_curves(history, "nats"))


def test_film_shows_every_epoch(digits_run):
    plots = digits_run.folder.plots
    with Image.open(plots / "latent.gif") as film:
        assert film.n_frames == 5
        frames = [pixels(frame) for frame in ImageSequence.Iterator(film)]
    drawn = [pixels(Image.open(path)) for path in sorted(plots.glob("latent_*.png"))]
    distances = [[np.abs(frame - plot).mean() for plot in drawn] for frame in frames]
    assert np.argmin(distances, axis=1).tolist() == [0, 1, 2, 3, 4]
    assert np.diag(distances).max() < 3  # of 255: a film has few colours


@pytest.mark.slow
def test_same_seed_gives_the_same_figures_and_another_does_not(digits_run):
    def first_loss(seed):
        config = digits_run.config.replace(seed=seed)
        model = build(config, digits_run.dataset)
        stop = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_: setattr(model, "stop_training", True)
        )
        fit(model, config, digits_run.dataset, verbose=0, callbacks=[stop])
        return model.history.history["loss"][0]

    assert first_loss(0) == digits_run.history["loss"][0] != first_loss(1)


@pytest.mark.slow
def test_killed_run_resumes_bit_for_bit(digits_run, tmp_path, monkeypatch):
    """It gives what another process gave without a stop."""
    process = Started(TRAIN, "--epochs", "5", cwd=tmp_path)
    folder = tmp_path / "runs/digits_vae"
    checkpoints, plots = folder / "checkpoints", folder / "plots"
    while not (checkpoints / "epoch_0001").exists() or not (plots / "latent_0002.png").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert not (checkpoints / "epoch_0005").exists()
    training_alone(monkeypatch)
    config = TrainConfig(resume=True, output_dir=tmp_path)
    resumed = train(config, verbose=0)
    assert resumed.config.epochs == 5
    assert filecmp.cmp(folder / "history.csv", digits_run.folder.history, shallow=False)
    pairs = zip(weights(folder / "model.keras"), weights(digits_run.folder.model), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


@pytest.fixture
def finished(digits_run, tmp_path):
    """The configuration of a finished run of five epochs, which may be changed: it is a copy."""
    for name in ("runs", "saved_models"):
        shutil.copytree(digits_run.folder.path.parents[1] / name, tmp_path / name)
    return TrainConfig(epochs=5, output_dir=tmp_path, name="digits_vae")


def test_resume_of_a_finished_run_says_so(finished, capsys):
    train(finished.replace(resume=True), verbose=2)
    assert "complete (5 epochs)" in capsys.readouterr().out


@pytest.mark.slow
def test_run_that_was_stopped_while_finishing_is_finished(finished, digits_run, tmp_path):
    folder = RunFolder.below(tmp_path, "digits_vae")
    folder.metrics.unlink()
    (folder.checkpoints / ".epoch_0006.partial-a1b2c3d4").mkdir()
    again = train(finished.replace(resume=True), verbose=0)
    assert again.metrics["test_loss"] == digits_run.metrics["test_loss"]
    assert not list(folder.checkpoints.glob(".*"))
    shorter = train(finished.replace(resume=True, epochs=1), verbose=0)
    assert shorter.metrics["epochs"] == 5
    assert json.loads(folder.config.read_text())["epochs"] == 5


def test_resume_refuses_other_options(finished):
    with pytest.raises(UserError, match=r"beta 1\.0, not 4\.0"):
        train(finished.replace(resume=True, beta=4.0), verbose=0)


@pytest.mark.slow
def test_a_run_keeps_the_scale_of_its_data_and_resumes_where_none_was_kept(tmp_path):
    images = np.linspace(0, 3_000, 12 * 16).reshape(12, 4, 4).astype(np.uint16)
    np.savez(tmp_path / "a.npz", x_train=images)
    config = TrainConfig(dataset=str(tmp_path / "a.npz"), model="linear", epochs=1, name="a")
    config = config.replace(output_dir=tmp_path)
    run = train(config, verbose=0)
    assert load_exported(run.folder.exported).kind.pixel_range == (0, 4_095)
    assert "--pixel-range 0,4095" in run.metrics["command"]
    stored = json.loads(run.folder.config.read_text())
    assert stored.pop("pixel_range") == "0,4095"
    run.folder.config.write_text(json.dumps(stored))  # as an earlier version wrote it
    assert train(config.replace(resume=True), verbose=0).metrics == run.metrics


def test_a_name_that_is_taken_is_refused(digits_run):
    config = TrainConfig(output_dir=digits_run.folder.path.parents[1], name="digits_vae")
    with pytest.raises(UserError, match="exists"):
        train(config, verbose=0)


@pytest.mark.slow
def test_nan_stops_the_run_and_leaves_the_last_good_checkpoint(tmp_path):
    class Failing(Examples):
        def shuffled_batches(self, *args):
            batches = super().shuffled_batches(*args)
            return batches.enumerate().map(
                lambda step, batch: (
                    batch | {"x": tf.where(step == 30, float("nan"), 1.0) * batch["x"]}
                )
            )

    images = np.random.default_rng(0).random((640, 8, 8, 1), dtype="float32")
    train_set, rest = Failing(images), Examples(images[:50])
    dataset = Dataset("failing", train_set, rest, rest)
    config = TrainConfig(epochs=4, batch_size=32, units="8", output_dir=tmp_path, name="nan")
    with pytest.raises(UserError, match=r"nan in epoch 2, steps? .*learning.rate"):
        train(config, dataset, verbose=0)
    checkpoints = tmp_path / "runs/nan/checkpoints"
    assert [path.name for path in checkpoints.iterdir()] == ["epoch_0001"]
    assert all(np.isfinite(w).all() for w in weights(checkpoints / "epoch_0001/model.keras"))
    assert not (tmp_path / "saved_models/nan").exists()


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    """A run with averaged weights and a code of one dimension."""
    root = tmp_path_factory.mktemp("averaged")
    config = TrainConfig(epochs=2, ema=0.9, units="8", latent_dim=1, name="whole", output_dir=root)
    return train(config, verbose=0)


@pytest.mark.slow
def test_averaged_weights_are_the_ones_that_are_validated_saved_and_resumed(
    averaged, tmp_path, monkeypatch
):
    batches = averaged.dataset.validation.batches()
    validated = averaged.model.evaluate(batches, verbose=0, return_dict=True)["loss"]
    assert averaged.history["val_loss"][-1] == pytest.approx(validated, rel=1e-6)
    last = keras.models.load_model(checkpoints(averaged.folder.checkpoints)[-1] / "model.keras")
    averages = last.optimizer._model_variables_moving_average
    saved = keras.models.load_model(averaged.folder.model).trainable_variables
    for average, weight, raw in zip(averages, saved, last.trainable_variables, strict=True):
        assert np.array_equal(average, weight)
        assert not np.array_equal(weight, raw)
    stopped = shutil.copytree(averaged.folder.path, tmp_path / "runs/stopped")
    shutil.rmtree(stopped / "checkpoints/epoch_0002")
    training_alone(monkeypatch)
    again = averaged.config.replace(name="stopped", resume=True, output_dir=tmp_path)
    resumed = train(again, verbose=0)
    for one, other in zip(resumed.model.get_weights(), averaged.model.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.slow
def test_gradients_are_clipped_and_the_rate_stays(tmp_path):
    dataset = data.load(TrainConfig())
    config = TrainConfig(epochs=1, clip_norm=1e-3, schedule="constant", units="8").resolved(dataset)
    model = build(config, dataset)
    assert model.optimizer.global_clipnorm == 1e-3
    fit(model, config, dataset, verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(config.learning_rate)
    falling = build(config.replace(schedule="cosine"), dataset)
    fit(falling, config, dataset, verbose=0)
    assert float(falling.optimizer.learning_rate) == pytest.approx(0, abs=1e-9)


def test_a_vae_starts_from_the_mean_image():
    dataset = data.load(TrainConfig())
    model = build(TrainConfig().resolved(dataset), dataset)
    images = dataset.train.arrays()[0]
    offset = scipy.special.expit(model.offset.offset.numpy())
    np.testing.assert_allclose(offset, images.mean(axis=0).clip(1e-3, 1 - 1e-3), atol=1e-5)


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """A run on a folder of colour images, bright on the left or on the right: a code of three."""
    root = tmp_path_factory.mktemp("halves")
    rng = np.random.default_rng(0)
    for label in ("left", "right"):
        (root / "images" / label).mkdir(parents=True)
        for number in range(20):
            pixels = np.zeros((15, 13, 3), np.uint8)
            half = slice(0, 6) if label == "left" else slice(6, None)
            pixels[:, half] = rng.integers(100, 255, 3)
            Image.fromarray(pixels).save(root / "images" / label / f"{number}.png")
    config = TrainConfig(dataset=f"folder:{root / 'images'}", image_size="15x13", network="conv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAE_KERAS_CACHE_DIR", str(root / "cache"))
        return train(config.replace(epochs=3, latent_dim=3, output_dir=root), verbose=0)


@pytest.mark.slow
def test_colour_folder_trains_with_the_gaussian_likelihood(halves):
    assert halves.config.likelihood == "gaussian"
    assert halves.dataset.class_names == ("left", "right")
    assert halves.model.example_shape == (15, 13, 3)
    assert halves.history["loss"][-1] < halves.history["loss"][0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["averaged", "halves"])
def test_latent_spaces_of_other_sizes_are_drawn_and_exported(name, request):
    run = request.getfixturevalue(name)
    latent_dim = {"averaged": 1, "halves": 3}[name]
    with Image.open(run.folder.plots / "manifold.png") as manifold:
        assert (manifold.width > 3 * manifold.height) == (latent_dim == 1)  # a row, or a square
    x = run.dataset.train.take(slice(9)).arrays()[0]
    codes = load_exported(run.folder.exported).encode(x)
    np.testing.assert_allclose(codes, run.model.encode(x), atol=1e-5)
    assert codes.shape == (9, latent_dim)


@pytest.mark.slow
def test_arrays_are_trained_on_as_they_are(tmp_path, monkeypatch):
    training_alone(monkeypatch)
    x, labels = np.zeros((40, 6, 6), np.uint8), np.arange(40) % 2 + 1
    x[labels == 2] = 200
    run = train(TrainConfig(epochs=1, units="8", output_dir=tmp_path), (x, labels), verbose=0)
    assert run.model.example_shape == (6, 6, 1)
    assert run.dataset.class_names == ("1", "2")
    assert run.config.dataset == "given:array"


def test_arrays_that_are_no_images_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=r"floats from -1 to 300: .*--pixel-range"):
        train(TrainConfig(output_dir=tmp_path), np.linspace(-1, 300, 360).reshape(10, 6, 6))
    assert not any(tmp_path.iterdir())


def test_tunes_of_an_earlier_run_are_in_the_metres_that_it_knew(tmp_path):
    config = TrainConfig(dataset="midi:tunes", model="sequence", metre="6/8")
    file = tmp_path / "config.json"
    file.write_text(config.to_json())
    assert read_config(file).metre == "6/8"
    stored = json.loads(config.to_json())
    del stored["metre"]
    file.write_text(json.dumps(stored))
    assert read_config(file).metre == "4/4"
    file.write_text(json.dumps({**stored, "dataset": "melodies"}))
    assert read_config(file).metre is None


class Breaks(keras.callbacks.Callback):
    """Makes the weights NaN at the end of the second epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            self.model.trainable_variables[0].assign_add(
                np.full(self.model.trainable_variables[0].shape, np.nan)
            )


@pytest.mark.slow
@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_a_loss_that_is_no_number_leaves_a_checkpoint_to_go_on_from(
    clip_norm, tmp_path, monkeypatch
):
    training_alone(monkeypatch)
    options = dict(network="linear", clip_norm=clip_norm, output_dir=tmp_path)
    first = TrainConfig(epochs=1, learning_rate=1e38, name="at_once", **options)
    with pytest.raises(UserError, match=r"epoch 1, .*with --learning-rate$"):
        train(first, verbose=0)
    late = TrainConfig(epochs=3, name="late", **options)
    with pytest.raises(UserError, match=r"became nan in epoch 3, step 1 .* with --resume$"):
        train(late, verbose=0, callbacks=[Breaks()])
    again = train(late.replace(resume=True, learning_rate=1e-4), verbose=0)
    assert np.all(np.isfinite(again.history["loss"])) and len(again.history["loss"]) == 3
    assert again.history["learning_rate"][0] > again.history["learning_rate"][1]
