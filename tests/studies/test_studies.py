import functools
import json
import math

import numpy as np
import pytest
from matplotlib.text import Text

from tests.pictures import assert_shows, keeping
from vae_keras import TrainConfig, UserError, evaluate
from vae_keras.cli.studies import study as cli_study
from vae_keras.data.images.archives import digits
from vae_keras.evaluation import classifier
from vae_keras.studies import generation, losses, study, terms
from vae_keras.studies.sizes import sizes
from vae_keras.training.fitting import trained

LINE = np.array([[0, 0], [1, 0], [2, 0], [3, 0]], float)  # codes one apart
configured = functools.partial(TrainConfig, network="linear")


@pytest.fixture(scope="module")
def dataset():
    return digits()


def test_gaps_are_distances_to_the_nearest_code():
    samples = np.array([[0, 4], [1, 0], [3, 2]], float)  # 4, 0 and 2 away
    found = generation.gaps(samples, LINE)
    assert found["code_spacing"] == 1
    assert found["gap_median"] == 2
    assert found["gap_95_percent"] == pytest.approx(3.8)
    doubled = generation.gaps(2 * samples, 2 * LINE)
    assert doubled["gap_median"] == 4
    for name in ("gap_median_in_spacings", "gap_95_percent_in_spacings"):
        assert doubled[name] == pytest.approx(found[name])


@pytest.mark.parametrize(
    ("samples", "entropy", "smallest", "largest"),
    [
        ([[0, 1], [1, 1], [2, 1], [3, 1]], 1, 0.25, 0.25),
        ([[0, 1], [0, 2], [1, 1], [1, 2]], 0.5, 0, 0.5),  # two of four classes
        ([[-9, 0], [-8, 0]], 0, 0, 1),
    ],
)
def test_class_areas_of_known_shares(samples, entropy, smallest, largest):
    found = generation.class_areas(np.array(samples, float), LINE, np.array([7, 3, 5, 1]))
    assert found["class_entropy"] == pytest.approx(entropy)
    assert (found["smallest_class_share"], found["largest_class_share"]) == (smallest, largest)


def test_nearest_label_accuracy():
    labels = np.array([0, 0, 1, 1])
    test = np.array([[0.4, 0], [2.6, 0], [9, 0]])
    assert terms.nearest_label_accuracy(LINE, test, labels, [0, 1, 0]) == pytest.approx(2 / 3)


@pytest.mark.slow
def test_kl_alone_collapses(dataset):
    model = trained(TrainConfig(epochs=5), dataset, terms.KLOnlyVAE)
    found = terms.sampled_posterior(model, dataset.test)
    assert np.abs(found["z_mean"]).max() < 0.1
    assert np.abs(found["sigma"] - 1).max() < 0.1
    figures = evaluate(model, dataset)
    assert figures["loss"] == pytest.approx(figures["kl_loss"])
    assert figures["kl_loss"] < 0.01 < figures["reconstruction_loss"]


def test_pixel_losses_are_what_their_names_say():
    found = losses.pixel_losses()
    p = found["prediction"]
    for target in (0.0, 0.5, 1.0):
        np.testing.assert_allclose(found[target]["mse"], (p - target) ** 2, atol=1e-6)
        np.testing.assert_allclose(found[target]["rmse"], np.abs(p - target), atol=2e-6)
    np.testing.assert_allclose(found[1.0]["bce"], -np.log(p), atol=1e-5)
    np.testing.assert_allclose(found[0.5]["bce"], -0.5 * np.log(4 * p * (1 - p)), atol=1e-5)


def test_entropy_of_grey_values():
    assert losses.bernoulli_entropy([0.0, 1.0]) == 0
    assert losses.bernoulli_entropy([[0.5, 0.5]]) == pytest.approx(2 * math.log(2))


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_a_model_is_measured_by_its_own_loss_as_evaluate_does(loss, dataset):
    model = trained(configured(model="deep", loss=loss, epochs=1), dataset)
    found = losses.reconstruction_errors(model, dataset.test)
    assert found[loss] == pytest.approx(evaluate(model, dataset)["loss"], rel=1e-5)
    assert 0 < found["bce_above_minimum"] < found["bce"]


TEXTS = {
    "generation": {
        *("autoencoder, N(0, I)", "autoencoder, fitted Gaussian", "VAE, N(0, I)"),
        "decoded samples",
    },
    "terms": {"reconstruction only", "KL only", "both", "one sample of q(z|x)\nz₂"},
    "losses": {"target 0.5", "mse: squared error", "test images and their reconstructions"},
    "sizes": {"2 dimensions, 2 active", "5 dimensions, 5 active"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", study.STUDIES)
def test_command_writes_picture_and_figures(name, tmp_path, capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr(classifier, "STEPS", 20)
    monkeypatch.setattr(generation, "SAMPLES", 500)
    monkeypatch.setattr(study, "TrainConfig", configured)
    one = functools.partial(sizes, dimensions=(2, 5)) if name == "sizes" else study.STUDIES[name]
    monkeypatch.setitem(study.STUDIES, name, keeping(one, drawn))
    arguments = [name, "--epochs", "2", "--output", str(tmp_path / "new")]
    cli_study.main(arguments, standalone_mode=False)
    picture, numbers = (tmp_path / "new" / f"{name}.{ending}" for ending in ("png", "json"))
    printed = capsys.readouterr().out
    assert str(picture) in printed and str(numbers) in printed
    found = json.loads(numbers.read_text())
    assert (found["study"], found["dataset"], found["epochs"]) == (name, "digits", 2)
    for column, figures in found["figures"].items():
        assert column in printed
        assert all(math.isfinite(value) for value in figures.values())
    (figure,) = drawn
    assert_shows(picture, figure)
    texts = {text.get_text() for text in figure.findobj(Text)}
    assert texts >= TEXTS[name], texts


@pytest.mark.parametrize("name", ["generation", "terms"])
def test_labels_are_asked_for_before_training(name, tmp_path):
    archive = tmp_path / "plain.npz"
    np.savez(archive, x_train=np.zeros((20, 4, 4), np.uint8))
    with pytest.raises(UserError, match="which this needs"):
        study.run(name, str(archive), output=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_existing_files_are_replaced_only_by_wish(tmp_path):
    (tmp_path / "losses.json").write_text("old")
    with pytest.raises(UserError, match=r"losses.json' exists: .* give --overwrite"):
        study.run("losses", output=tmp_path)
