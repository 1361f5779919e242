"""The figures of `evaluate` against NumPy over an export's endpoints, and against exact ones."""

import json
import math
import shutil

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from PIL import Image

from tests.pictures import assert_shows
from vae_keras import VAE, TrainConfig, UserError, figures, load_exported, train
from vae_keras.cli import main
from vae_keras.data import Examples
from vae_keras.data.images import archives
from vae_keras.evaluation import likelihood
from vae_keras.evaluation.code_use import code_figures
from vae_keras.evaluation.likelihood import convergence, likelihood_figures
from vae_keras.evaluation.losses import evaluate
from vae_keras.models import noise
from vae_keras.models.completion import CompletionVAE
from vae_keras.networks import DenseNetwork
from vae_keras.objectives.likelihoods import Gaussian
from vae_keras.studies.report import report
from vae_keras.training.stored import open_stored

FAST = dict(samples=20, naive_samples=100, naive_images=5)
OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in FAST.items()]
rng = np.random.default_rng(0)


def command(capsys, *arguments):
    """The exit status, the standard output and the standard error of a command."""
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    return stop.value.code, *capsys.readouterr()


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, *arguments):
    """The one line that a command ends with."""
    status, _, error = command(capsys, *arguments)
    assert status == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def strict_json(file):
    """What `file` holds, which must be JSON that every reader takes: without NaN."""

    def fail(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(file.read_text(encoding="utf-8"), parse_constant=fail)


@pytest.fixture(scope="module")
def conditional_run(tmp_path_factory):
    """A conditional model with a Gaussian likelihood."""
    config = TrainConfig(
        model="conditional",
        likelihood="gaussian",
        sigma="optimal",
        units="32",
        latent_dim=3,
        epochs=2,
        output_dir=tmp_path_factory.mktemp("conditional"),
    )
    return train(config, verbose=0)


@pytest.fixture(params=["digits_run", "conditional_run"])
def run(request):
    """A finished run: a Bernoulli likelihood without labels, or a Gaussian one with labels."""
    return request.getfixturevalue(request.param)


# A model whose likelihood is known: x = Wz + σε


def linear_model(likelihood=None):
    """A linear VAE of 3 pixels and a 2-D code, with a posterior that is not quite the true one."""
    keras.utils.set_random_seed(0)
    model = VAE((3, 1, 1), 2, DenseNetwork(()), likelihood or Gaussian(0.7))
    w = decoder_matrix(model)
    precision = np.eye(2) + w.T @ w / 0.49
    mean = np.linalg.solve(precision, w.T / 0.49)  # of the true posterior
    log_var = np.log(1.5 / np.diag(precision))  # wider than the true one
    model.encoder.get_layer("z_mean").set_weights([0.8 * mean.T, np.full(2, 0.1)])
    model.encoder.get_layer("z_log_var").set_weights([np.zeros((3, 2)), log_var])
    return model


def decoder_matrix(model):
    return np.asarray(model.decoder(np.eye(2, dtype="float32"))).reshape(2, 3).T


def exact_nll(model, x):
    w = decoder_matrix(model)
    exact = scipy.stats.multivariate_normal(np.zeros(3), w @ w.T + 0.49 * np.eye(3))
    return -exact.logpdf(x.reshape(len(x), 3))


POINTS = np.random.default_rng(1).normal(size=(50, 3, 1, 1)).astype("float32")


def test_importance_weighted_nll_is_the_exact_likelihood_of_a_linear_model():
    """With a linear decoder x = Wz + b + σε, log p(x) is that of N(b, WWᵀ + σ²I)."""
    model, exact = linear_model(), exact_nll(linear_model(), POINTS)
    found = {k: likelihood_figures(model, Examples(POINTS), k) for k in (1, 10, 100, 5_000)}
    bounds = [figures["nll"].mean() for figures in found.values()]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] - exact.mean() > 0.05
    last = found[5_000]
    assert np.all(np.abs(last["nll"] - exact) < 5 * last["nll_error"])
    assert last["nll"].mean() == pytest.approx(exact.mean(), abs=0.005)
    assert last["negative_elbo"].mean() > exact.mean() + 0.05
    model.compile("adam")
    elbo = model.evaluate({"x": POINTS, "index": np.arange(50)}, verbose=0, return_dict=True)
    assert last["negative_elbo"].mean() == pytest.approx(elbo["loss"], abs=0.5)  # of one draw


@pytest.mark.parametrize("which", ["linear", "digits"])
def test_naive_monte_carlo_meets_importance_weighting(which, request):
    if which == "linear":
        model, examples = linear_model(), Examples(POINTS)
    else:
        run = request.getfixturevalue("digits_run")
        model, examples = run.model, run.dataset.test.take(slice(5))
    rows = convergence(model, examples, samples=500, naive_samples=5_000)
    assert [row["samples"] for row in rows] == [1, 10, 100, 500, 1_000, 5_000]
    weighted = [row["importance_weighted"] for row in rows[:4]]
    naive = [row["naive"] for row in rows if "naive" in row]
    assert len(naive) == 5
    assert naive[0] > weighted[0] + 0.5  # most draws of the prior are elsewhere
    assert naive[0] > naive[1] > naive[-1]
    assert not any("importance_weighted" in row for row in rows[4:])
    assert rows[0]["naive_error"] is rows[0]["importance_weighted_error"] is None
    errors = rows[3]["importance_weighted_error"], rows[-1]["naive_error"]
    assert 0 < min(errors) < max(errors) < 0.3
    assert weighted[-1] == pytest.approx(naive[-1], abs=4 * math.hypot(*errors))
    if which == "linear":
        assert weighted == sorted(weighted, reverse=True)
        exact = exact_nll(model, POINTS).mean()
        assert weighted[-1] == pytest.approx(exact, abs=4 * errors[0])
        assert naive[-1] == pytest.approx(exact, abs=4 * errors[1])


def test_draws_of_both_find_what_a_posterior_in_the_wrong_place_misses():
    model = linear_model()
    model.encoder.get_layer("z_mean").set_weights([np.zeros((3, 2)), np.full(2, 2.0)])
    model.encoder.get_layer("z_log_var").set_weights([np.zeros((3, 2)), np.full(2, -4.0)])
    (row,) = convergence(model, Examples(POINTS), 5_000, 5_000)[-1:]
    exact = exact_nll(model, POINTS).mean()
    assert row["importance_weighted"] > exact + 0.5
    for name in ("naive", "defensive"):
        assert row[name] == pytest.approx(exact, abs=4 * row[f"{name}_error"])
        assert row[f"{name}_error"] < 0.02


@pytest.fixture(params=["near the true posterior", "the prior"])
def sampled_model(request):
    """A linear model with a good proposal, or with the one of naive Monte Carlo."""
    model = linear_model()
    if request.param == "the prior":
        weights = model.encoder.get_weights()
        model.encoder.set_weights([0 * weight for weight in weights])
    return model


def test_standard_errors_are_the_spread_of_repeated_estimates(sampled_model):
    copies = np.repeat(POINTS[:8], 150, axis=0)  # each has draws of its own
    found = likelihood_figures(sampled_model, Examples(copies), 200)
    nll, stated = (found[name].reshape(8, 150) for name in ("nll", "nll_error"))
    spread = nll.std(axis=1, ddof=1)  # known to 6 %
    np.testing.assert_allclose(stated.mean(axis=1), spread, rtol=0.25)
    assert np.sum(stated.mean(axis=1)) == pytest.approx(np.sum(spread), rel=0.1)


def test_standard_error_of_an_average_is_that_of_its_parts(sampled_model):
    (row,) = convergence(sampled_model, Examples(POINTS), 200, 200)[-1:]
    found = likelihood_figures(sampled_model, Examples(POINTS), 200)
    expected = math.sqrt(np.sum(found["nll_error"] ** 2)) / len(POINTS)
    assert row["importance_weighted"] == pytest.approx(found["nll"].mean(), rel=1e-6)
    assert row["importance_weighted_error"] == pytest.approx(expected, rel=1e-5)
    is_prior = not np.any(sampled_model.encoder.get_weights()[0])
    if is_prior:  # then both are the same, but for the draws
        assert row["naive_error"] == pytest.approx(expected, rel=0.15)
        assert row["naive"] == pytest.approx(row["importance_weighted"], abs=6 * expected)
    assert row["naive"] != row["importance_weighted"]


@pytest.mark.parametrize(("sigma", "is_known"), [(0.7, True), (0.02, False)])
def test_no_error_is_stated_where_one_draw_has_most_of_the_weight(sigma, is_known):
    rows = convergence(linear_model(Gaussian(sigma)), Examples(POINTS), 1, 100)
    assert [row["naive_error"] is not None for row in rows] == [False, is_known, is_known]


def test_draws_are_a_function_of_the_seed_of_the_model():
    model, found = linear_model(), []
    for seed in (0, 0, 1):
        model.seed = seed
        found.append(likelihood_figures(model, Examples(POINTS[:5]), 20)["nll"])
    np.testing.assert_array_equal(found[0], found[1])
    assert np.all(found[0] != found[2])


def test_figures_of_an_example_do_not_depend_on_the_others(monkeypatch):
    model, examples = linear_model(), Examples(POINTS)
    whole = likelihood_figures(model, examples, 130)
    part = likelihood_figures(model, examples.take(slice(7)), 130)
    monkeypatch.setattr(likelihood, "ROWS", 3 * likelihood.DRAWS)
    small = likelihood_figures(model, examples, 130)
    assert {values.shape for values in whole.values()} == {(50,)}
    for name, values in whole.items():
        np.testing.assert_allclose(small[name], values, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(part[name], values[:7], rtol=1e-5, atol=1e-6)


@keras.saving.register_keras_serializable("tests")
class CountingVAE(VAE):
    """Notes how many codes are decoded at a time."""

    def log_likelihood(self, batch, z):
        tf.numpy_function(lambda count: self.counts.append(int(count)), [tf.shape(z)[0]], [])
        return super().log_likelihood(batch, z)


@pytest.mark.parametrize("samples", [1, 50, 51, 2_000])
def test_codes_in_memory_do_not_grow_with_the_samples(samples):
    model = CountingVAE((3, 1, 1), 2, DenseNetwork(()), Gaussian(0.7))
    model.counts = []
    likelihood_figures(model, Examples(POINTS), samples)
    assert max(model.counts) == likelihood.ROWS
    assert len(model.counts) == 3 * math.ceil(samples / likelihood.DRAWS)  # of 20 examples each


def test_every_sample_counts_once_whatever_the_parts_it_is_drawn_in(monkeypatch):
    """The draws of a part are a function of its number: 7 parts of 10 are 70 draws, not 100."""
    monkeypatch.setattr(likelihood, "DRAWS", 10)
    model, examples = linear_model(), Examples(POINTS[:5])
    batch = model.prepare({"x": POINTS[:5], "index": np.arange(5)})
    heads = [head[:, None] for head in model.posterior(batch)]
    parts = [
        likelihood._codes(model, batch.index, *heads, part, noise.IMPORTANCE) for part in range(8)
    ]
    draws = np.concatenate([part[0] for part in parts], axis=1).swapaxes(0, 1)
    log_px = np.stack([model.log_likelihood(batch, z) for z in draws], axis=1)
    weights = np.float64(log_px + np.concatenate([part[1] for part in parts], axis=1))
    assert len(np.unique(log_px)) == log_px.size
    for count in (1, 10, 73):
        found = likelihood_figures(model, examples, count)
        used = weights[:, :count]
        expected = math.log(count) - scipy.special.logsumexp(used, axis=1)
        np.testing.assert_allclose(found["nll"], expected, rtol=1e-5)
        np.testing.assert_allclose(
            found["reconstruction_loss"], -log_px[:, :count].mean(axis=1), rtol=1e-5
        )
        if count > 1:
            relative = np.exp(used - used.max(axis=1, keepdims=True))
            error = relative.std(axis=1) / relative.mean(axis=1) / math.sqrt(count)
            np.testing.assert_allclose(found["nll_error"], error, rtol=0.1, atol=1e-3)


@pytest.mark.parametrize("samples", [0, -5])
def test_fewer_samples_than_one_are_refused(samples):
    with pytest.raises(UserError, match="at least 1"):
        likelihood_figures(linear_model(), Examples(POINTS), samples)


def test_hidden_quadrants_alone_count_where_the_others_are_given():
    x = archives.digits().test.take(slice(6)).arrays()[0]
    model = CompletionVAE((8, 8, 1), 2, DenseNetwork((8,)), visible=2)
    batch, z = model.prepare(x), rng.normal(size=(6, 2)).astype("float32")
    p = scipy.special.expit(np.float64(model.parameters(z, batch.condition)))
    log_prob = x * np.log(p) + (1 - x) * np.log(1 - p)
    expected = (log_prob * model.loss_mask).sum((1, 2, 3))
    np.testing.assert_allclose(model.log_likelihood(batch, z), expected, rtol=1e-4)


# How the code is used


def model_with_posteriors(latent_dim):
    """A model that reads means and logarithms of variances from the two rows of an image."""
    model = VAE((2, latent_dim, 1), latent_dim, DenseNetwork(()))
    selection = np.eye(2 * latent_dim, dtype="float32")
    for name, rows in (("z_mean", slice(None, latent_dim)), ("z_log_var", slice(latent_dim, None))):
        layer = model.encoder.get_layer(name)
        layer.set_weights([selection[:, rows], np.zeros(latent_dim)])
    return model


def test_code_figures_are_those_of_the_posteriors():
    z_mean = rng.multivariate_normal([0.5, -1, 0, 0], np.diag([2, 0.3, 0.012, 0.008]), 1_500)
    z_mean[:, 1] += 0.4 * z_mean[:, 0]
    z_log_var = rng.normal([-3, -1, 0, 0.2], 0.3, (1_500, 4))
    x = np.stack([z_mean, z_log_var], axis=1)[..., None].astype("float32")
    found = code_figures(model_with_posteriors(4), Examples(x))

    variance = np.exp(z_log_var)
    each = 0.5 * (z_mean**2 + variance - z_log_var - 1)
    np.testing.assert_allclose(found["kl_per_dimension"], each.mean(axis=0), rtol=1e-4, atol=1e-6)
    assert [round(v, 3) > 0.01 for v in z_mean.var(axis=0)] == [True, True, True, False]
    assert found["active_units"] == 3

    mean = z_mean.mean(axis=0)  # moments of the mixture of all posteriors
    second = np.einsum("ni,nj->ij", z_mean, z_mean) / 1_500 + np.diag(variance.mean(axis=0))
    covariance = second - np.outer(mean, mean)
    draws = rng.multivariate_normal(mean, covariance, 400_000)
    gaussian = scipy.stats.multivariate_normal(mean, covariance)
    prior = scipy.stats.multivariate_normal(np.zeros(4))
    log_ratio = gaussian.logpdf(draws) - prior.logpdf(draws)
    expected, error = log_ratio.mean(), log_ratio.std() / math.sqrt(len(draws))
    assert found["aggregate_posterior_kl"] == pytest.approx(expected, abs=5 * error)
    closed = 0.5 * (np.trace(second) - 4 - math.log(np.linalg.det(covariance)))
    assert found["aggregate_posterior_kl"] == pytest.approx(closed, rel=1e-4)


def test_code_that_is_the_prior_has_no_active_unit_and_no_distance():
    z_mean, z_log_var = np.zeros((20, 3)), np.zeros((20, 3))
    x = np.stack([z_mean, z_log_var], axis=1)[..., None].astype("float32")
    found = code_figures(model_with_posteriors(3), Examples(x))
    assert found["active_units"] == 0
    assert found["kl_per_dimension"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert found["aggregate_posterior_kl"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_posteriors_that_fill_the_prior_together_have_no_distance(latent_dim):
    z_mean = scipy.stats.norm.ppf((np.arange(4_000) + 0.5) / 4_000)
    z_mean = np.stack([rng.permutation(z_mean) for _ in range(latent_dim)], axis=1) * 0.8
    z_log_var = np.full(z_mean.shape, math.log(1 - 0.64))
    x = np.stack([z_mean, z_log_var], axis=1)[..., None].astype("float32")
    found = code_figures(model_with_posteriors(latent_dim), Examples(x))
    assert found["active_units"] == latent_dim
    assert sum(found["kl_per_dimension"]) > 0.5 * latent_dim
    assert found["aggregate_posterior_kl"] == pytest.approx(0, abs=2e-3)


# The command, against NumPy over the endpoints of the export


@pytest.fixture(scope="module")
def numbers_of(tmp_path_factory):
    """What `evaluate` writes of a run or an export, with 50 samples: once for each."""
    known = {}

    def numbers(path):
        if path not in known:
            folder = tmp_path_factory.mktemp("evaluation")
            report(path, **{**FAST, "samples": 50}, output=folder)
            known[path] = strict_json(folder / "evaluation.json")
        return known[path]

    return numbers


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


def test_figures_are_those_of_a_few_lines_over_the_export(run, numbers_of):
    found, (values, errors) = numbers_of(run.folder.path), by_hand(run, 50)
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


def test_export_has_the_figures_of_its_run(run, numbers_of):
    of_run, of_export = (numbers_of(p) for p in (run.folder.path, run.folder.exported))
    for one, other in zip(leaves(of_run), leaves(of_export), strict=True):
        assert one == (pytest.approx(other, rel=1e-3) if isinstance(other, float) else other)


def leaves(found):
    """All numbers and words in what evaluation.json holds, but for the seconds that it took."""
    if isinstance(found, dict):
        found = [part for pair in found.items() for part in pair if pair[0] != "seconds"]
    return [leaf for part in found for leaf in leaves(part)] if isinstance(found, list) else [found]


def test_evaluation_says_what_it_was_made_of(run, numbers_of):
    found = numbers_of(run.folder.path)
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


def test_exported_model_answers_as_the_model_does(run):
    exported = load_exported(run.folder.exported)
    assert exported.is_variational
    data = next(iter(run.dataset.test.batches(20)))
    batch, expected = exported.prepare(data), run.model.prepare(data)
    for one, other in zip(exported.posterior(batch), run.model.posterior(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    z = exported.code(batch)
    np.testing.assert_allclose(z, run.model.code(expected), atol=1e-5)
    found = exported.log_likelihood(batch, z)
    np.testing.assert_allclose(found, run.model.log_likelihood(expected, z), rtol=1e-4)


# The files


@pytest.fixture
def place(tmp_path, monkeypatch, digits_run):
    """A working folder with a run and an export of the name `mine`."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(digits_run.folder.path, "runs/mine")
    shutil.copytree(digits_run.folder.exported, "saved_models/mine")
    return tmp_path


@pytest.mark.parametrize("name", ["mine", "saved_models/mine"])
def test_numbers_and_picture_lie_in_the_folder_of_the_model(place, capsys, name):
    before = contents(place)
    status, out, _ = command(capsys, "evaluate", name, *OPTIONS)
    assert status == 0
    folder = place / ("runs/mine" if name == "mine" else name)
    numbers, picture = folder / "evaluation.json", folder / "evaluation.png"
    assert contents(place).keys() - before.keys() == {numbers, picture}
    assert before.items() <= contents(place).items()
    found = strict_json(numbers)
    assert_shows(picture, figures.evaluation(found["convergence"], found["kl_per_dimension"]))
    for figure in ("negative_elbo", "reconstruction_loss", "kl_loss", "nll"):
        assert f"{found[figure]:.3f} ± " in out
    assert f"{found['probe_accuracy']:.1%}" in out
    assert "cross-entropy of grey values: a loss, not a likelihood" in out
    last = found["convergence"][-1]
    assert f"{last['naive']:.2f} ± {last['naive_error']:.2f}" in out


def test_evaluation_that_exists_is_replaced_only_by_wish(place, capsys):
    folder = place / "runs/mine"
    for taken in ("evaluation.png", "evaluation.json"):
        (folder / taken).write_text("mine")
        (place / taken).write_text("another")
        before = contents(place)
        assert f"{taken}' exists" in refused(capsys, "evaluate", folder, *OPTIONS)
        assert contents(place) == before
        if taken == "evaluation.png":
            (folder / taken).unlink()
    assert command(capsys, "evaluate", folder, *OPTIONS, "--overwrite")[0] == 0
    assert strict_json(folder / "evaluation.json")["model"] == "mine"
    after = contents(place)
    for path in before.keys() - {folder / "evaluation.json"}:
        assert after[path] == before[path]


def test_output_names_another_folder(place, capsys):
    (place / "else").mkdir()
    assert command(capsys, "evaluate", "mine", *OPTIONS, "--output", "else")[0] == 0
    names = {path.name for path in contents(place / "else")}
    assert names == {"evaluation.json", "evaluation.png"}
    assert not (place / "runs/mine/evaluation.json").exists()
    before = contents(place)
    for wrong in ("missing", "else/evaluation.png"):
        assert f"'{wrong}'" in refused(capsys, "evaluate", "mine", *OPTIONS, "--output", wrong)
    assert contents(place) == before


@pytest.mark.parametrize("option", ["--samples", "--naive-samples", "--naive-images"])
@pytest.mark.parametrize("number", [0, -1])
def test_no_samples_are_refused_and_nothing_is_written(place, capsys, option, number):
    before = contents(place)
    error = refused(capsys, "evaluate", "mine", *OPTIONS, f"{option}={number}")
    assert option in error
    assert contents(place) == before


# Other models and data


def test_loss_of_a_plain_autoencoder_is_printed_and_its_export_refused(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run = train(TrainConfig(model="sparse", epochs=1, name="plain"), verbose=0)
    status, out, _ = command(capsys, "evaluate", "runs/plain")
    assert status == 0
    found = strict_json(run.folder.path / "evaluation.json")
    assert found["loss"] == pytest.approx(run.metrics["test_loss"], rel=1e-5)
    for name in ("loss", "reconstruction_loss", "sparsity_loss", "probe_accuracy"):
        assert f"{found[name]:.3f}" in out
    assert found["unit"] == "squared error"
    assert "nll" not in found
    assert not (run.folder.path / "evaluation.png").exists()
    before = contents(tmp_path)
    assert "evaluate its run" in refused(capsys, "evaluate", "saved_models/plain")
    assert contents(tmp_path) == before


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


def test_drawn_images_are_the_same_in_every_evaluation(own_run, tmp_path, capsys):
    run, file, images, labels = own_run
    write_npz(file, images, labels)
    found = []
    for path in (run.folder.path, run.folder.path, run.folder.exported):
        options = (*OPTIONS, "--output", tmp_path, "--overwrite")
        status, out, _ = command(capsys, "evaluate", path, *options)
        assert status == 0
        assert "not a likelihood" not in out
        found.append(strict_json(tmp_path / "evaluation.json"))
    assert {figures["data_kind"] for figures in found} == {"dynamic"}
    nll = [figures["nll"] for figures in found]
    assert nll[0] == nll[1] == pytest.approx(nll[2], rel=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        dict(),
        dict(y_train=None, y_test=None),
        dict(y_test=None),
        dict(y_train=None),
        dict(y_train=np.zeros(40, int), y_test=np.zeros(9, int)),
        dict(y_test=np.zeros(9, int)),
    ],
    ids=["both", "none", "training", "test", "single", "single test"],
)
def test_probe_is_left_out_where_labels_do_not_allow_it(own_run, tmp_path, changes):
    run, file, images, labels = own_run
    write_npz(file, images, labels, **changes)
    found = report(run.folder.path, **FAST, output=tmp_path)
    assert ("probe_accuracy" in found) == (changes == {})
    assert found["images"] == 9


def test_error_of_a_single_draw_is_not_said_to_be_zero(own_run, tmp_path):
    run, file, images, labels = own_run
    write_npz(file, images, labels)
    report(run.folder.path, **{**FAST, "samples": 1}, output=tmp_path)
    assert strict_json(tmp_path / "evaluation.json")["nll_sampling_error"] is None


def test_figures_of_a_single_image_are_written_as_json(own_run, tmp_path):
    run, file, images, labels = own_run
    write_npz(file, images, labels, x_test=images[:1], y_test=labels[:1])
    report(run.folder.path, **FAST, output=tmp_path)
    found = strict_json(tmp_path / "evaluation.json")
    assert found["nll_standard_error"] is None
    assert math.isfinite(found["nll"])


def test_data_of_another_shape_than_the_model_are_refused(own_run, tmp_path, capsys):
    run, file, images, labels = own_run
    larger = np.repeat(images, 2, axis=1)
    write_npz(file, larger, labels, x_test=larger[:9])
    for path in (run.folder.path, run.folder.exported):
        refused(capsys, "evaluate", path, *OPTIONS, "--output", tmp_path)
    assert not list(tmp_path.iterdir())


def test_data_that_are_gone_are_named_and_nothing_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    for number in range(12):
        pixels = rng.integers(0, 256, (6, 6), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"photos/{number}.png")
    options = dict(dataset="folder:photos", image_size="6", units="8", epochs=1, name="p")
    train(TrainConfig(**options), verbose=0)
    assert open_stored("p").folder.as_posix() == "runs/p"
    shutil.rmtree(tmp_path / "photos")
    before = contents(tmp_path)
    for name in ("runs/p", "saved_models/p"):
        error = refused(capsys, "evaluate", name, *OPTIONS)
        assert "folder 'photos' does not exist" in error
        assert name in error
    assert contents(tmp_path) == before


def test_export_without_its_configuration_is_refused(place, capsys):
    (place / "saved_models/mine/training.json").unlink()
    before = contents(place)
    error = refused(capsys, "evaluate", "saved_models/mine", *OPTIONS)
    assert "no training.json: export the run again" in error
    assert contents(place) == before


def test_evaluate_gives_the_metrics_of_the_run(digits_run):
    found = evaluate(digits_run.model, digits_run.dataset)
    stored = {k: v for k, v in digits_run.metrics.items() if k.removeprefix("test_") in found}
    assert {f"test_{k}": v for k, v in found.items()} == pytest.approx(stored, rel=1e-5)
