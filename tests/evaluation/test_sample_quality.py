"""The quality of samples: its figures against other computations, and what it says of models."""

import functools
import json

import numpy as np
import pytest
import scipy.linalg

from tests.commands import printed, refused
from tests.folders import files
from vae_keras import VAE, Examples, TrainConfig, UserError, data, load_exported, train
from vae_keras.data.drawn.faces import faces_dataset
from vae_keras.data.kinds import MelodyKind
from vae_keras.evaluation import classifier as classifiers
from vae_keras.evaluation.sample_quality import (
    check_quality,
    figures_between,
    frechet_distance,
    neighbour_figures,
    quality_classifier,
    sample_quality,
)
from vae_keras.latent import features

LARGEST = dict(precision=1, recall=1, coverage=1)


def normal(count, size=8, seed=0):
    return np.random.default_rng(seed).normal(size=(count, size))


def with_moments(mean, covariance, count=50, seed=0):
    """Points [count, d] whose mean and covariance are exactly these."""
    points = normal(count, len(mean), seed)
    points -= points.mean(axis=0)
    points = np.linalg.solve(np.linalg.cholesky(np.cov(points, rowvar=False)), points.T).T
    return mean + points @ np.linalg.cholesky(covariance).T


def test_distance_of_gaussians_with_common_axes_is_that_of_means_and_deviations():
    axes = scipy.linalg.qr(normal(3, 3))[0]
    means, deviations = np.array([[1.0, 2, 3], [0, 2, 5]]), np.array([[1.0, 2, 0.5], [3, 2, 0.1]])
    sets = [
        with_moments(mean, axes * deviation**2 @ axes.T, seed=seed)
        for seed, (mean, deviation) in enumerate(zip(means, deviations))
    ]
    expected = (
        np.square(np.diff(means, axis=0)).sum() + np.square(np.diff(deviations, axis=0)).sum()
    )
    assert frechet_distance(*sets) == pytest.approx(expected, rel=1e-9)


def test_distance_of_gaussians_with_other_axes_is_the_closed_form_of_the_plane():
    """Of 2×2 matrices, Tr (S S′)^½ = (Tr S S′ + 2 (det S S′)^½)^½."""
    a, b = np.array([[2.0, 0.9], [0.9, 1]]), np.array([[1.0, -0.6], [-0.6, 3]])
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    found = frechet_distance(with_moments([0, 1], a), with_moments([2, 0], b, count=70, seed=1))
    assert found == pytest.approx(5 + np.trace(a + b) - 2 * root, rel=1e-9)


def test_distance_takes_features_that_never_vary_and_fewer_examples_than_features():
    sets = normal(20, 30), normal(20, 30, seed=1)
    constant = [np.pad(one, ((0, 0), (0, 5)), constant_values=3) for one in sets]
    assert frechet_distance(*constant) == pytest.approx(frechet_distance(*sets), rel=1e-6)
    assert frechet_distance(sets[0], sets[0]) == pytest.approx(0, abs=1e-5)
    assert frechet_distance(normal(9, 1), normal(9, 1) + 2) == pytest.approx(4)


def test_distance_of_draws_of_one_gaussian_falls_with_their_number():
    few, many = (frechet_distance(normal(n), normal(n, seed=1)) for n in (50, 5_000))
    assert few > 10 * many > 0


def by_loops(real, samples, k):
    """The four figures of neighbours, straight from their definitions."""

    def far(a, b):
        return sum((u - v) ** 2 for u, v in zip(a, b)) ** 0.5

    def radius(points, i):
        others = [far(points[i], other) for j, other in enumerate(points) if j != i]
        return sorted(others)[k - 1]

    in_real = np.array(
        [[far(x, y) <= radius(real, i) for i, x in enumerate(real)] for y in samples]
    )
    in_samples = [any(far(x, y) <= radius(samples, j) for j, y in enumerate(samples)) for x in real]
    return {
        "precision": np.mean([any(row) for row in in_real]),
        "recall": np.mean(in_samples),
        "density": np.sum(in_real) / (k * len(samples)),
        "coverage": np.mean([any(column) for column in in_real.T]),
    }


@pytest.mark.parametrize("k", [1, 3])
def test_figures_of_neighbours_are_those_of_their_definitions(k):
    real, samples = normal(16, 2), 0.3 + 1.5 * normal(11, 2, seed=1)
    found = neighbour_figures(real, samples, k)
    assert found == pytest.approx(by_loops(real, samples, k))
    assert 0 < found["recall"] < 1 and 0 < found["precision"] < 1 and 0 < found["coverage"] < 1


def test_equal_sets_have_everything_of_each_other():
    x = normal(40)
    found = figures_between(x, x[::-1])
    assert found == {
        **LARGEST,
        "frechet_distance": pytest.approx(0, abs=1e-6),
        "density": pytest.approx(6 / 5),  # a ball has its own point in it, and five others
    }


def test_sets_far_apart_have_nothing_of_each_other():
    found = figures_between(normal(40), normal(40) + 100)
    assert found["frechet_distance"] == pytest.approx(8 * 100**2)
    assert {found[name] for name in ("precision", "recall", "density", "coverage")} == {0}


def test_draws_of_one_distribution_have_the_density_and_the_coverage_of_theory():
    """Naeem et al. 2020: density 1, coverage 1 − Π (n − i) / (2n − i) over i from 1 to k."""
    n, k = 400, 5
    pairs = [neighbour_figures(normal(n, 4, s), normal(n, 4, s + 10), k) for s in range(5)]
    i = np.arange(1, k + 1)
    theory = {"density": 1, "coverage": 1 - np.prod((n - i) / (2 * n - i))}
    for name, value in theory.items():
        of_pairs = [pair[name] for pair in pairs]
        assert np.mean(of_pairs) == pytest.approx(value, abs=0.04 if name == "density" else 0.01)


def test_a_mode_left_out_lowers_recall_and_coverage_and_noise_lowers_precision():
    modes = np.where(np.arange(300) < 150, 0.0, 20.0)[:, None]
    real, same = normal(300) + modes, normal(300, seed=1) + modes
    complete = neighbour_figures(real, same)
    dropped = neighbour_figures(real, normal(300, seed=1))
    assert dropped["precision"] > complete["precision"] - 0.05
    for name in ("recall", "coverage"):
        assert dropped[name] < 0.55 < 0.8 < complete[name]
    noisy = neighbour_figures(real, same + np.where(np.arange(300) % 2, 50.0, 0)[:, None])
    assert noisy["precision"] < 0.55 < 0.8 < complete["precision"]
    assert noisy["density"] < 0.6 * complete["density"]
    assert noisy["coverage"] > 0.8


class FromImages:
    """A stand-in for a model: it generates from `images`, and rebuilds each image as it is."""

    seed = 3

    def __init__(self, images, takes_labels=False):
        self.images, self.takes_labels, self.asked = images, takes_labels, []

    def prepare(self, batch):
        return batch["x"]

    def code(self, x):
        return x

    def decode(self, z, label):
        return z

    def generate(self, count, seed, label):
        self.asked.append((count, seed, label))
        return self.images[np.random.default_rng(seed).integers(len(self.images), size=count)]


class Pixels:
    """A stand-in for a classifier: the features are the pixels, which it keeps in `seen`."""

    accuracy = np.array([0.75, 0.25])

    def __init__(self):
        self.seen = []

    def features(self, images):
        self.seen.append(np.asarray(images))
        return self.seen[-1].reshape(len(images), -1)


@pytest.fixture(scope="module")
def digits():
    return data.load(TrainConfig(dataset="digits"))


def test_training_images_for_samples_are_as_good_as_test_images(digits):
    found = sample_quality(FromImages(digits.train.arrays()[0]), digits, Pixels())
    assert found["compared_images"] == len(digits.test) // 2
    assert found["classifier_accuracy"] == 0.5
    assert found["reconstructions"] == found["test_images"]
    for name, value in found["test_images"].items():
        assert found["samples"][name] == pytest.approx(value, rel=0.3, abs=0.06), name


def test_images_of_one_class_are_precise_and_cover_little(digits):
    images, labels = digits.train.arrays()
    found = sample_quality(FromImages(images[labels == 3]), digits, Pixels())
    samples, real = found["samples"], found["test_images"]
    assert samples["precision"] > 0.75
    assert samples["recall"] < 0.4 < 0.7 < real["recall"]
    assert samples["coverage"] < 0.4 < 0.8 < real["coverage"]
    assert samples["frechet_distance"] > 5 * real["frechet_distance"]


def test_three_sets_of_images_are_compared_and_none_lies_in_two(digits):
    judge = Pixels()
    sample_quality(FromImages(np.zeros((1, 8, 8, 1), np.float32)), digits, judge)
    reference, others, rebuilt, samples = judge.seen
    np.testing.assert_array_equal(others, rebuilt)
    assert not samples.any() and samples.shape == reference.shape == others.shape
    test = {image.tobytes() for image in digits.test.arrays()[0]}
    halves = [{image.tobytes() for image in half} for half in (reference, others)]
    assert halves[0] | halves[1] <= test and len(halves[0] | halves[1]) >= len(test) - 1
    assert not halves[0] & halves[1]


def test_labels_are_those_of_test_images_and_batches_have_draws_of_their_own(digits, monkeypatch):
    monkeypatch.setattr("vae_keras.data.dataset.MOST_BATCH_VALUES", 64 * 50)
    judge, model = Pixels(), FromImages(digits.train.arrays()[0], takes_labels=True)
    sample_quality(model, digits, judge)
    counts, seeds, labels = zip(*model.asked)
    assert counts == (50, 50, 50, 29)
    assert [seed[0] for seed in seeds] == [3] * 4 and len(set(seeds)) == 4
    images, truth = digits.test.arrays()
    label_of = {image.tobytes(): label for image, label in zip(images, truth)}
    others = np.concatenate(judge.seen[4:8])
    assert np.concatenate(labels).tolist() == [label_of[image.tobytes()] for image in others]


@pytest.mark.parametrize("kind", ["dynamic", "static", "threshold"])
def test_pixels_of_binarised_data_are_drawn_from_what_the_model_gives(kind, monkeypatch):
    monkeypatch.setattr("vae_keras.data.dataset.MOST_BATCH_VALUES", 64 * 50)
    digits, judge = data.load(TrainConfig(dataset="digits", binarize=kind)), Pixels()
    grey = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8, 1)
    sample_quality(FromImages(grey), digits, judge)
    assert {value for batch in judge.seen for value in np.unique(batch)} == {0, 1}
    samples = judge.seen[-4:]
    drawn = np.concatenate(samples)
    np.testing.assert_allclose(drawn.mean(axis=0), grey[0], atol=0.15)
    assert drawn.mean() == pytest.approx(0.5, abs=0.02)
    assert np.any(samples[0] != samples[1])
    again = Pixels()
    sample_quality(FromImages(grey), digits, again)
    np.testing.assert_array_equal(np.concatenate(again.seen[-4:]), drawn)


def test_training_brings_samples_nearer_to_test_images(digits_run):
    dataset = digits_run.dataset
    judge = quality_classifier(dataset, steps=300)
    assert judge.network.output_shape == (None, 10) and judge.accuracy > 0.9
    untrained = sample_quality(VAE((8, 8, 1), latent_dim=2), dataset, judge)
    trained = sample_quality(digits_run.model, dataset, judge)
    assert untrained["test_images"] == trained["test_images"]
    real, after, before = trained["test_images"], trained["samples"], untrained["samples"]
    assert real["frechet_distance"] < 0.5 * after["frechet_distance"]
    assert after["frechet_distance"] < 0.5 * before["frechet_distance"]
    assert before["coverage"] < 0.1 < after["coverage"] < real["coverage"]
    assert before["recall"] < 0.1 and real["recall"] > 0.6


@pytest.mark.slow
def test_classifier_sees_attributes_where_there_are_any(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path))
    faces = faces_dataset(300, (16, 16))
    names = features.binary(faces.train, faces.attribute_names)
    judge = quality_classifier(faces, steps=4)
    assert "glasses" in names and "gaze" not in names
    assert judge.accuracy.shape == (len(names),)
    found = sample_quality(FromImages(faces.train.arrays()[0]), faces, judge)
    assert found["classifier_accuracy"] == pytest.approx(judge.accuracy.mean())
    assert found["compared_images"] == 15


def unfit(kind):
    values = np.zeros((20, 4, 4, 1), np.float32)
    labels = np.arange(20) % 2
    split = functools.partial(Examples, values, labels)
    if kind == "sequences":
        tokens = Examples(np.zeros((20, 32), np.int32))
        return data.Dataset("unfit", tokens, tokens, tokens, kind=MelodyKind())
    if kind == "few":
        return data.Dataset("unfit", split(), split(), split(rows=np.arange(11)))
    if kind == "unlabelled":
        split = functools.partial(Examples, values)
    if kind == "one class":
        split = functools.partial(Examples, values, np.zeros(20, int))
    if kind == "measures":
        split = functools.partial(Examples, values, attributes=np.arange(20.0)[:, None])
    return data.Dataset("unfit", split(), split(), split(), attribute_names=("ink",))


@pytest.mark.parametrize(
    "kind, says",
    [
        ("sequences", "is that of images, but unfit has sequences"),
        ("few", "'unfit' has 11 test images, but the quality of samples needs at least 12"),
        ("unlabelled", "'unfit' has no training labels"),
        ("one class", "'unfit' has a single training label"),
        ("measures", "'unfit' has no training labels"),
    ],
)
def test_data_that_cannot_be_judged_are_refused_in_one_line(kind, says):
    for check in (check_quality, quality_classifier):
        with pytest.raises(UserError, match=says) as error:
            check(unfit(kind))
        assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory):
    """A plain autoencoder of images of 3×5 pixels, in a file of one's own."""
    root = tmp_path_factory.mktemp("tiny")
    images = np.random.default_rng(0).integers(0, 256, (60, 3, 5), np.uint8)
    labels = np.arange(60) % 3
    arrays = dict(x_train=images, y_train=labels, x_test=images[:24], y_test=labels[:24])
    np.savez(root / "tiny.npz", **arrays)
    config = TrainConfig(
        dataset=str(root / "tiny.npz"), model="deep", units="8", epochs=1, output_dir=root
    )
    return train(config, verbose=0), root / "tiny.npz", arrays


@pytest.mark.slow
def test_command_judges_a_plain_autoencoder_and_says_so(tiny_run, tmp_path, capsys, monkeypatch):
    run, *_ = tiny_run
    monkeypatch.setattr(classifiers, "STEPS", 20)
    command = ("evaluate", run.folder.path, "--output", tmp_path)
    printed(capsys, *command)
    assert "sample_quality" not in json.loads((tmp_path / "evaluation.json").read_text())
    out = printed(capsys, *command, "--samples-quality", "--overwrite")
    found = json.loads((tmp_path / "evaluation.json").read_text())["sample_quality"]
    assert found["compared_images"] == 12
    assert f"right in {found['classifier_accuracy']:.1%}" in out
    for name, what in {"samples": "samples of the prior", "test_images": "other test"}.items():
        (line,) = [line for line in out.splitlines() if what in line]
        assert line.split()[-5:] == [f"{value:.3f}" for value in found[name].values()]


@pytest.mark.parametrize("run", ["digits_run", "conditional_run"])
def test_export_makes_the_images_of_its_run(run, request):
    run, seen = request.getfixturevalue(run), []
    for model in (run.model, load_exported(run.folder.exported)):
        judge = Pixels()
        sample_quality(model, run.dataset, judge)
        seen.append(judge.seen)
    for live, exported in zip(*seen, strict=True):
        np.testing.assert_allclose(live, exported, atol=1e-5)


@pytest.mark.slow
def test_nothing_is_written_if_the_data_cannot_be_judged(tiny_run, tmp_path, capsys):
    run, file, arrays = tiny_run
    np.savez(file, x_train=arrays["x_train"], x_test=arrays["x_test"])
    command = ("evaluate", run.folder.path, "--samples-quality", "--output", tmp_path)
    assert "has no training labels" in refused(capsys, *command)
    command = ("evaluate", "melodies_vae", "--samples-quality", "--output", tmp_path)
    assert "is that of images, but melodies has sequences" in refused(capsys, *command)
    assert not files(tmp_path)
