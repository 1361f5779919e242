"""The command evaluate, against NumPy over an export's endpoints."""

import contextlib
import functools
import io
import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from tests.commands import printed, refused, status
from tests.folders import files, working_in
from tests.pictures import assert_shows
from vae_keras import VAE, Examples, TrainConfig, figures, load_exported, train
from vae_keras.evaluation import classifier
from vae_keras.evaluation.annealing import annealed_nll
from vae_keras.evaluation.likelihood import likelihood_figures
from vae_keras.networks import LinearNetwork
from vae_keras.studies import report as module
from vae_keras.studies.report import annealing_figures, averages, report
from vae_keras.training.stored import open_stored

rng = np.random.default_rng(0)
FAST = dict(samples=20, naive_samples=100, naive_images=5)
OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in FAST.items()]


def strict_json(file):
    """What `file` holds, which must be JSON that every reader takes: without NaN."""

    def fail(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(file.read_text(encoding="utf-8"), parse_constant=fail)


@pytest.fixture(params=["digits_run", "conditional_run"])
def run(request):
    """A finished run: a Bernoulli likelihood without labels, or a Gaussian one with labels."""
    return request.getfixturevalue(request.param)


@dataclass(frozen=True)
class Evaluated:
    """A copy of a run or an export in its `folder`: what `evaluate` wrote, and what it printed."""

    folder: Path
    new: set[str]  # the files that it wrote
    kept: bool  # all others are as they were
    out: str

    @functools.cached_property
    def numbers(self) -> dict:
        return strict_json(self.folder / "evaluation.json")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Evaluates a run or an export, with 50 samples: once for each."""

    @functools.cache
    def evaluated(path):
        place = tmp_path_factory.mktemp("evaluation")
        shutil.copytree(path, place / "runs" / path.name)
        before = files(place)
        with working_in(place), contextlib.redirect_stdout(io.StringIO()) as out:
            assert status("evaluate", f"runs/{path.name}", *OPTIONS, "--samples=50") == 0
        after = files(place)
        new = after.keys() - before.keys()
        return Evaluated(
            place / "runs" / path.name, new, before.items() <= after.items(), out.getvalue()
        )

    return evaluated


def by_hand(run, samples):
    """Negative ELBO, its parts and NLL of the test set: (mean, error of its sampling) of each.

    NumPy over `encode`, `decode` and `log_prob` of the SavedModel.
    """
    exported = tf.saved_model.load(run.folder.exported)
    x, label = run.dataset.test.arrays()
    generator = np.random.default_rng(3)
    given = [tf.constant(label, tf.int32)] if run.model.takes_labels else []
    heads = {k: np.float64(v) for k, v in exported.encode(x, *given).items()}
    mean, deviation = heads["z_mean"], np.exp(0.5 * heads["z_log_var"])
    kl = (0.5 * (mean**2 + deviation**2 - 1) - np.log(deviation)).sum(axis=1)
    log_px, log_weight = np.empty((2, samples, len(x)))
    for k in range(samples):
        epsilon = generator.normal(size=mean.shape)
        z = mean + deviation * epsilon
        inputs = tf.constant(z, tf.float32)
        log_px[k] = exported.log_prob(x, inputs, *given)["log_prob"]
        if run.config.likelihood == "bernoulli":
            p = np.float64(exported.decode(inputs)["x"])
            pixels = x * np.log(p) + (1 - x) * np.log1p(-p)
            np.testing.assert_allclose(log_px[k], pixels.sum((1, 2, 3)), rtol=1e-4)
        log_ratio = scipy.stats.norm.logpdf(z) - scipy.stats.norm.logpdf(epsilon)
        log_weight[k] = log_px[k] + (log_ratio + np.log(deviation)).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max(axis=0))
    nll = math.log(samples) - scipy.special.logsumexp(log_weight, axis=0)
    spread = {
        "reconstruction_loss": log_px.std(axis=0),
        "negative_elbo": log_px.std(axis=0),
        "kl_loss": np.zeros(len(x)),
        "nll": weight.std(axis=0) / weight.mean(axis=0),
    }
    values = {
        "reconstruction_loss": -log_px.mean(axis=0),
        "negative_elbo": kl - log_px.mean(axis=0),
        "kl_loss": kl,
        "nll": nll,
    }
    errors = {k: math.sqrt(np.sum(v**2) / samples) / len(x) for k, v in spread.items()}
    return values, errors


@pytest.mark.slow
def test_figures_are_those_of_a_few_lines_over_the_export(run, evaluated):
    found, (values, errors) = evaluated(run.folder.path).numbers, by_hand(run, 50)
    for name, each in values.items():
        apart = 4 * math.sqrt(2) * errors[name] + 1e-5 * abs(each.mean())
        assert found[name] == pytest.approx(each.mean(), abs=apart), name
        of_the_images = each.std(ddof=1) / math.sqrt(len(each))
        assert found[f"{name}_standard_error"] == pytest.approx(of_the_images, rel=0.02), name
    assert found["nll_sampling_error"] == pytest.approx(errors["nll"], rel=0.2)
    assert found["nll"] < found["negative_elbo"] - 5 * errors["negative_elbo"]
    total = found["reconstruction_loss"] + found["kl_loss"]
    assert found["negative_elbo"] == pytest.approx(total, rel=1e-6)
    assert sum(found["kl_per_dimension"]) == pytest.approx(found["kl_loss"], rel=1e-4)


@pytest.mark.slow
def test_export_has_the_figures_of_its_run(run, evaluated):
    of_run, of_export = (evaluated(p).numbers for p in (run.folder.path, run.folder.exported))
    for one, other in zip(leaves(of_run), leaves(of_export), strict=True):
        assert one == (pytest.approx(other, rel=1e-3) if isinstance(other, float) else other)


def leaves(found):
    """All numbers and words in what evaluation.json holds, but for the seconds that it took."""
    if isinstance(found, dict):
        found = [part for pair in found.items() for part in pair if pair[0] != "seconds"]
    return [leaf for part in found for leaf in leaves(part)] if isinstance(found, list) else [found]


@pytest.mark.slow
def test_evaluation_says_what_it_was_made_of(run, evaluated):
    found = evaluated(run.folder.path).numbers
    assert found["model"] == run.folder.name
    assert (found["dataset"], found["data_kind"], found["images"]) == ("digits", "grey", 359)
    assert found["likelihood"] == run.config.likelihood
    assert (found["samples"], found["naive_images"]) == (50, 5)
    assert found["latent_dim"] == len(found["kl_per_dimension"]) == run.config.latent_dim
    assert 0 <= found["active_units"] <= found["latent_dim"]
    assert [row["samples"] for row in found["convergence"]] == [1, 10, 50, 100]
    if run.model.takes_labels:  # they are given: nothing is left to find
        assert "probe_accuracy" not in found
    else:
        assert 0.3 < found["probe_accuracy"] < 1


@pytest.fixture
def place(tmp_path, monkeypatch, digits_run):
    """A working folder with a run and an export of the name `mine`."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(digits_run.folder.path, "runs/mine")
    shutil.copytree(digits_run.folder.exported, "saved_models/mine")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("place", ["path", "exported"])
def test_numbers_and_picture_lie_in_the_folder_of_the_model(digits_run, evaluated, place):
    found = evaluated(getattr(digits_run.folder, place))
    assert found.new == {f"runs/digits_vae/evaluation.{ending}" for ending in ("json", "png")}
    assert found.kept
    numbers, out = found.numbers, found.out
    drawn = figures.evaluation(numbers["convergence"], numbers["kl_per_dimension"])
    assert_shows(found.folder / "evaluation.png", drawn)
    for figure in ("negative_elbo", "reconstruction_loss", "kl_loss", "nll"):
        assert f"{numbers[figure]:.3f} ± " in out
    assert f"{numbers['probe_accuracy']:.1%}" in out
    error = f"± {numbers['kl_parts_error']:.3f} nats"
    assert f"{numbers['mutual_information']:.3f} {error} (at most log 359 = 5.88)" in out
    assert f"{numbers['marginal_kl']:.3f} {error} (of 359 examples" in out
    assert f"{numbers['aggregate_posterior_kl']:.3f} nats" in out
    assert "cross-entropy of grey values: a loss, not a likelihood" in out
    last = numbers["convergence"][-1]
    assert f"{last['naive']:.2f} ± {last['naive_error']:.2f}" in out


@pytest.mark.slow
def test_evaluation_of_a_run_that_exists_is_replaced_only_by_wish(place, capsys, monkeypatch):
    monkeypatch.setattr(classifier, "STEPS", 1)  # rounded up to one epoch
    folder = place / "runs/mine"
    for taken in ("evaluation.png", "evaluation.json"):
        (folder / taken).write_text("mine")
        (place / taken).write_text("another")
        before = files(place)
        assert f"{taken}' exists" in refused(capsys, "evaluate", folder, *OPTIONS)
        assert files(place) == before
        if taken == "evaluation.png":
            (folder / taken).unlink()
    out = printed(capsys, "evaluate", "mine", *OPTIONS, "--samples-quality", "--overwrite")
    found = strict_json(folder / "evaluation.json")
    assert found["model"] == "mine" and found["sample_quality"]["compared_images"] == 179
    assert f"{found['sample_quality']['samples']['frechet_distance']:.3f}" in out
    after = files(place)
    assert after.keys() - before.keys() == {"runs/mine/evaluation.png"}
    for path in before.keys() - {"runs/mine/evaluation.json"}:
        assert after[path] == before[path]


def test_output_must_be_a_folder(place, capsys):
    (place / "else").mkdir()
    (place / "else/evaluation.png").write_text("mine")
    before = files(place)
    for wrong in ("missing", "else/evaluation.png"):
        assert f"'{wrong}'" in refused(capsys, "evaluate", "mine", *OPTIONS, "--output", wrong)
    assert files(place) == before


@pytest.mark.parametrize("option", ["--samples", "--naive-samples", "--naive-images"])
@pytest.mark.parametrize("number", [0, -1])
def test_no_samples_are_refused_and_nothing_is_written(place, capsys, option, number):
    before = files(place)
    error = refused(capsys, "evaluate", "mine", *OPTIONS, f"{option}={number}")
    assert option in error
    assert files(place) == before


@pytest.mark.parametrize("option", ["--annealing=-1", "--annealing-temperatures=1"])
def test_impossible_annealing_is_refused_and_nothing_is_written(place, capsys, option):
    before = files(place)
    error = refused(capsys, "evaluate", "mine", *OPTIONS, option)
    assert option.split("=")[0] in error
    assert files(place) == before


@pytest.mark.slow
def test_annealing_stands_beside_importance_weighting_of_the_same_images(place, digits_run, capsys):
    options = (*OPTIONS, "--annealing=3", "--annealing-temperatures=20")
    out = printed(capsys, "evaluate", "runs/mine", *options)
    found = strict_json(place / "runs/mine/evaluation.json")["annealing"]
    assert (found["images"], found["chains"], found["temperatures"]) == (3, 16, 20)
    model, some = digits_run.model, digits_run.dataset.test.take(slice(3))
    expected = {
        "annealed": annealed_nll(model, some, temperatures=20)["nll"].mean(),
        "importance_weighted": likelihood_figures(model, some, 20)["nll"].mean(),
        "gap": found["upper"] - found["lower"],
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-3, abs=1e-3), name
    for name in ("annealed", "importance_weighted"):
        assert f"{found[name]:.3f} ± {found[f'{name}_error']:.3f} nats" in out
    assert f"{found['gap']:.3f} ± {found['gap_standard_error']:.3f} nats" in out


def test_an_export_is_annealed_without_bounds(place):
    exported = load_exported(place / "saved_models/mine")
    found = annealing_figures(exported, Examples(np.zeros((2, 8, 8, 1), np.float32)), 2)
    assert found["images"] == 2 and "annealed_error" in found
    assert not {"lower", "upper", "gap"} & found.keys()  # it cannot draw x


def write_npz(file, images, labels, **changes):
    content = dict(x_train=images, y_train=labels, x_test=images[:9], y_test=labels[:9])
    content |= changes
    np.savez(file, **{name: values for name, values in content.items() if values is not None})


@pytest.fixture(scope="module")
def own_run(tmp_path_factory):
    """A run on an archive of one's own, binarised as it is read."""
    root = tmp_path_factory.mktemp("own")
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4), np.uint8)
    labels = np.arange(40) % 3
    write_npz(root / "own.npz", images, labels)
    config = TrainConfig(
        dataset=str(root / "own.npz"),
        binarize="dynamic",
        units="8",
        epochs=1,
        name="own",
        output_dir=root,
    )
    return train(config, verbose=0), root / "own.npz", images, labels


@pytest.fixture(scope="module")
def plain_run(own_run):
    """A plain autoencoder on the same archive."""
    _, file, images, labels = own_run
    write_npz(file, images, labels)
    options = dict(dataset=str(file), model="sparse", network="linear", epochs=1, name="plain")
    return train(TrainConfig(**options, output_dir=file.parent), verbose=0)


@pytest.mark.slow
def test_loss_of_a_plain_autoencoder_is_printed_and_its_export_refused(
    own_run, plain_run, tmp_path, capsys
):
    _, file, images, labels = own_run
    write_npz(file, images, labels)
    out = printed(capsys, "evaluate", plain_run.folder.path)
    found = strict_json(plain_run.folder.path / "evaluation.json")
    assert found["loss"] == pytest.approx(plain_run.metrics["test_loss"], rel=1e-5)
    for name in ("loss", "reconstruction_loss", "sparsity_loss", "probe_accuracy"):
        assert f"{found[name]:.3f}" in out
    assert found["unit"] == "squared error"
    assert "nll" not in found
    assert not (plain_run.folder.path / "evaluation.png").exists()
    before = files(file.parent)
    assert "evaluate its run" in refused(capsys, "evaluate", plain_run.folder.exported)
    error = refused(capsys, "evaluate", plain_run.folder.path, "--overwrite", "--annealing=2")
    assert "no likelihood p(x|z) to anneal" in error
    assert files(file.parent) == before


@pytest.mark.slow
def test_drawn_images_are_the_same_in_every_evaluation(own_run, tmp_path, capsys):
    run, file, images, labels = own_run
    write_npz(file, images, labels)
    before, found = files(file.parent), []
    for path in (run.folder.path, run.folder.path, run.folder.exported):
        options = (*OPTIONS, "--output", tmp_path, "--overwrite")
        out = printed(capsys, "evaluate", path, *options)
        assert "not a likelihood" not in out
        found.append(strict_json(tmp_path / "evaluation.json"))
    assert {figures["data_kind"] for figures in found} == {"dynamic"}
    nll = [figures["nll"] for figures in found]
    assert nll[0] == nll[1] == pytest.approx(nll[2], rel=1e-5)
    assert set(files(tmp_path)) == {"evaluation.json", "evaluation.png"}
    assert files(file.parent) == before  # with --output, nothing is written elsewhere


@pytest.mark.slow
def test_probe_is_left_out_where_labels_do_not_allow_it(own_run, plain_run, tmp_path, monkeypatch):
    _, file, images, labels = own_run
    stored = open_stored(plain_run.folder.path)  # once, for so its graph is made once
    monkeypatch.setattr(module, "open_stored", lambda _: stored)
    for changes in (
        dict(),
        dict(y_train=None, y_test=None),
        dict(y_test=None),
        dict(y_train=None),
        dict(y_train=np.zeros(40, int), y_test=np.zeros(9, int)),
        dict(y_test=np.zeros(9, int)),
    ):
        write_npz(file, images, labels, **changes)
        found = report(plain_run.folder.path, output=tmp_path, overwrite=True)
        assert ("probe_accuracy" in found) == (changes == {}), changes
        assert found["images"] == 9


@pytest.mark.slow
def test_error_that_is_not_known_is_not_said_to_be_zero(own_run, tmp_path):
    """That of the sampling for a single draw, and that of the mean for a single image."""
    run, file, images, labels = own_run
    write_npz(file, images, labels, x_test=images[:1], y_test=labels[:1])
    report(run.folder.path, **{**FAST, "samples": 1}, output=tmp_path)
    found = strict_json(tmp_path / "evaluation.json")
    assert found["nll_sampling_error"] is None and found["nll_standard_error"] is None
    assert math.isfinite(found["nll"])


@pytest.mark.parametrize("images, draws", [(1, 20), (9, 1)])
def test_of_a_single_image_or_draw_the_other_error_is_known(images, draws):
    model = VAE((4, 4, 1), network=LinearNetwork())
    examples = Examples(np.full((images, 4, 4, 1), 0.5, np.float32))
    found = averages(likelihood_figures(model, examples, draws))
    assert (found["nll_sampling_error"] is None) == (draws == 1)
    assert (found["nll_standard_error"] is None) == (images == 1)


@pytest.mark.slow
def test_data_of_another_shape_than_the_model_are_refused(own_run, tmp_path, capsys):
    run, file, images, labels = own_run
    larger = np.repeat(images, 2, axis=1)
    write_npz(file, larger, labels, x_test=larger[:9])
    for path in (run.folder.path, run.folder.exported):
        refused(capsys, "evaluate", path, *OPTIONS, "--output", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_data_that_are_gone_are_named_and_nothing_is_written(own_run, tmp_path, capsys):
    run, file, *_ = own_run
    file.unlink(missing_ok=True)
    before = files(file.parent)
    for path in (run.folder.path, run.folder.exported):
        error = refused(capsys, "evaluate", path, *OPTIONS, "--output", tmp_path)
        assert f"'{file}' does not exist" in error
        assert str(path) in error
    assert files(file.parent) == before and not list(tmp_path.iterdir())


def test_export_without_its_configuration_is_refused(place, capsys):
    (place / "saved_models/mine/training.json").unlink()
    before = files(place)
    error = refused(capsys, "evaluate", "saved_models/mine", *OPTIONS)
    assert "no training.json: export the run again" in error
    assert files(place) == before


@pytest.mark.slow
def test_evaluate_agrees_with_the_figures_of_the_run(digits_run, evaluated):
    """The run took one draw of the code for each image, evaluation the average over many."""
    found, metrics = evaluated(digits_run.folder.path).numbers, digits_run.metrics
    assert found["kl_loss"] == pytest.approx(metrics["test_kl_loss"], rel=1e-5)  # in closed form
    exported, x = load_exported(digits_run.folder.exported), digits_run.dataset.test.arrays()[0]
    heads, rng = exported.call("encode", x=x), np.random.default_rng(0)
    deviation = np.exp(0.5 * heads["z_log_var"])
    epsilon = rng.normal(size=(20, *deviation.shape))
    draws = [-exported.log_prob(x, heads["z_mean"] + deviation * e).mean() for e in epsilon]
    apart = 4 * np.std(draws) * np.sqrt(1 + 1 / 20)
    assert apart < 0.5
    assert found["negative_elbo"] == pytest.approx(metrics["test_loss"], abs=apart)
