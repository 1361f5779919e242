"""The evaluation of a trained model: its figures as a table, as a file and as a picture."""

import json
import math
import time
from pathlib import Path

import numpy as np

from vae_keras import figures
from vae_keras.errors import UserError
from vae_keras.evaluation.annealing import CHAINS, TEMPERATURES, annealed_nll, annealing_gap
from vae_keras.evaluation.by_rung import figures_of
from vae_keras.evaluation.code_use import code_figures, kl_parts
from vae_keras.evaluation.likelihood import convergence, likelihood_figures, mean_estimate
from vae_keras.evaluation.losses import evaluate
from vae_keras.evaluation.probe import probe_accuracy
from vae_keras.evaluation.sample_quality import (
    check_quality,
    quality_classifier,
    sample_quality,
)
from vae_keras.export.places import EVALUATION
from vae_keras.files import free_output, write_text
from vae_keras.models import VAE, Autoencoder
from vae_keras.training.stored import open_stored

SEQUENCE_FIGURES = {
    "nats_per_token": "negative ELBO per token, in nats",
    "perplexity": "perplexity by that",
    "forced_accuracy": "tokens right, told the ones before",
    "sampled_accuracy": "tokens right, told its own",
}
QUALITY_FIGURES = {
    "frechet_distance": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
}
QUALITY_SETS = {
    "test_images": "other test images",
    "reconstructions": "their reconstructions",
    "samples": "samples of the prior",
}
NOT_A_ROW = (  # of a model without likelihood
    "model", "dataset", "data_kind", "images", "latent_dim", "unit", "sample_quality", "seconds",
)  # fmt: skip
NOT_A_LIKELIHOOD = (
    "cross-entropy of grey values: a loss, not a likelihood; compare it with grey figures alone"
)


def report(
    name,
    data_dir=None,
    samples=100,
    naive_samples=None,
    naive_images=50,
    samples_quality=False,
    annealing=0,
    annealing_temperatures=TEMPERATURES,
    output=None,
    overwrite=False,
) -> dict:
    """Evaluate the run or export `name` on its test set; write evaluation.json and evaluation.png.

    `samples` is the number of draws for importance weighting. On the first `naive_images` it is
    compared with naive Monte Carlo of `naive_samples` draws; these are 10,000 unless they are
    given, or 1,000 for sequences, which take longer. The first `annealing` examples are annealed
    through `annealing_temperatures`, which takes far longer. With `samples_quality`, samples are
    judged by the features of a classifier that is trained for it. The files go to the folder
    `output`, or beside the model. It returns what evaluation.json holds.

    Raises UserError if there is no such model, its data cannot be loaded, a number is too small,
    the files exist and `overwrite` is False, the export has no likelihood, a model without one or
    without its gradient is to be annealed, or the quality of samples is wanted and the data set has
    nothing to judge it by.
    """
    trained = open_stored(name)
    model, config, folder = trained.model, trained.config, trained.folder
    counts = [n for n in (samples, naive_samples, naive_images) if n is not None]
    if model.is_variational and min(counts) < 1:
        raise UserError("--samples, --naive-samples and --naive-images must be at least 1")
    if not (model.is_variational or isinstance(model, Autoencoder) or samples_quality):
        raise UserError(
            f"{name} is the export of a model without likelihood: evaluate its run, or give "
            "--samples-quality"
        )
    if annealing < 0 or annealing_temperatures < 2:
        raise UserError("--annealing must be 0 or more, --annealing-temperatures at least 2")
    if annealing and not model.is_variational:
        raise UserError(f"{name} has no likelihood p(x|z) to anneal: leave out --annealing")
    numbers, picture = (
        free_output(Path(output or folder) / file, overwrite) for file in EVALUATION
    )
    dataset = trained.dataset(data_dir)
    if samples_quality:
        check_quality(dataset)
    start = time.perf_counter()
    found = {
        "model": trained.name,
        "dataset": config.dataset,
        "data_kind": dataset.data_kind,
        "images": len(dataset.test),
        "latent_dim": model.latent_dim,
    }
    if model.is_variational:
        found |= {"likelihood": config.options.likelihood, "samples": samples}
        naive_samples = naive_samples or dataset.kind.naive_samples
        found |= _variational_figures(
            model, dataset, samples, naive_samples, naive_images, annealing, annealing_temperatures
        )
    elif isinstance(model, Autoencoder):
        found |= {"unit": model.reconstruction.unit, **evaluate(model, dataset)}
    if dataset.has_several_labels() and not model.takes_labels:
        found["probe_accuracy"] = probe_accuracy(model, dataset)
    if samples_quality:
        print("training the classifier …", flush=True)
        found["sample_quality"] = sample_quality(model, dataset, quality_classifier(dataset))
    found["seconds"] = round(time.perf_counter() - start, 1)
    numbers.parent.mkdir(parents=True, exist_ok=True)
    if model.is_variational:
        figure = figures.evaluation(found["convergence"], found["kl_per_dimension"])
        figures.save(figure, picture)
    write_text(numbers, json.dumps(found, indent=2) + "\n")
    return found


def _variational_figures(
    model, dataset, samples, naive_samples, naive_images, annealing, temperatures
) -> dict:
    """The figures of a variational model on the test set, by name."""
    annealed: dict = {}
    if annealing:  # first, for not every export can be annealed
        some = dataset.test.take(slice(annealing))
        annealed["annealing"] = annealing_figures(model, some, temperatures)
    compared = dataset.test.take(slice(naive_images))
    weighted = likelihood_figures(model, dataset.test, samples)
    if annealing:
        of_them = {name: values[:annealing] for name, values in weighted.items()}
        annealed["annealing"] |= mean_estimate("importance_weighted", of_them)
    # With several levels, q(z|x) of one example has no closed form at the code of another.
    parts = kl_parts(model, dataset.test) if model.levels == 1 else {}
    return {
        **averages(weighted),
        **code_figures(model, dataset.test),
        **parts,
        **figures_of(model, dataset),
        "naive_images": len(compared),
        "convergence": convergence(model, compared, samples, naive_samples),
        **annealed,
    }


def annealing_figures(model, examples, temperatures: int) -> dict:
    """The mean estimate by annealing, and the bounds of its error.

    An exported model has no bounds, since it cannot draw x.
    """
    annealed = annealed_nll(model, examples, temperatures=temperatures)
    found = {"images": len(examples), "chains": CHAINS, "temperatures": temperatures}
    found |= mean_estimate("annealed", annealed)
    if isinstance(model, VAE):
        found |= averages(annealing_gap(model, examples, temperatures=temperatures))
    return found


def report_table(found: dict) -> str:
    """The figures that `report` returns, as lines of text."""
    title = (
        f"{found['model']} on {found['images']:,} test examples of {found['dataset']}, "
        f"{found['data_kind']}"
    )
    lines = _likelihood_lines(found) if "nll" in found else _loss_lines(found)
    return "\n".join([title, *lines, *_quality_lines(found)])


def _loss_lines(found: dict) -> list[str]:
    """The lines of a model without likelihood."""
    rows = {name: value for name, value in found.items() if name not in NOT_A_ROW}
    return [f"  {name:<40}{value:10.3f}" for name, value in rows.items()]


def _likelihood_lines(found: dict) -> list[str]:
    """The lines of a variational model."""

    def nats(name):
        return f"{_in_nats(found[name], found[f'{name}_standard_error'])} per example"

    rows = {
        "negative ELBO": nats("negative_elbo"),
        "  reconstruction": nats("reconstruction_loss"),
        "  KL": nats("kl_loss"),
        f"−log p(x), {found['samples']:,} importance-weighted samples": nats("nll"),
        "active units": f"{found['active_units']:6} of {found['latent_dim']}",
    }
    if "mutual_information" in found:
        rows |= {
            "mutual information of code and example": _part(found, "mutual_information"),
            "aggregate posterior to prior: KL − information": _part(found, "marginal_kl"),
        }
    if found["aggregate_posterior_kl"] is not None:
        rows["  by mean and covariance alone, a lower bound"] = _in_nats(
            found["aggregate_posterior_kl"]
        )
    for name in found:
        if name.startswith("kl_level_"):
            level = name.removeprefix("kl_level_")
            rows[f"  KL of level {level}, given those above"] = _in_nats(found[name])
    for name, what in SEQUENCE_FIGURES.items():
        if name in found:
            rows[what] = f"{found[name]:10.3f}"
    if "probe_accuracy" in found:
        rows["linear probe on the codes"] = f"{found['probe_accuracy']:10.1%}"
    lines = [f"  {name:<50}{value}" for name, value in rows.items()]
    if found["data_kind"] == "grey" and found["likelihood"] == "bernoulli":
        lines.append(f"  ({NOT_A_LIKELIHOOD})")
    kl = sorted(found["kl_per_dimension"], reverse=True)
    shown = " ".join(f"{value:.2f}" for value in kl[:12]) + (" …" if len(kl) > 12 else "")
    lines.append(f"  KL of the dimensions, sorted: {shown} nats")
    lines.append(f"  −log p(x) of the first {found['naive_images']} examples by number of samples:")
    heads = "".join(f" {figures.ESTIMATES[name]:>24}" for name in figures.ESTIMATES)
    lines.append(f"  {'samples':>12}{heads}")
    for row in found["convergence"]:
        cells = (_cell(row, name) for name in figures.ESTIMATES)
        lines.append(f"  {row['samples']:>12,} " + " ".join(f"{cell:>24}" for cell in cells))
    if "annealing" in found:
        lines += _annealing_lines(found["annealing"], found["samples"])
    return lines


def _quality_lines(found: dict) -> list[str]:
    """The lines of the quality of samples; none if it was not asked for."""
    if "sample_quality" not in found:
        return []
    quality = found["sample_quality"]
    heads = "".join(f"{what:>18}" for what in QUALITY_FIGURES.values())
    lines = [
        f"  {quality['compared_images']:,} images against as many test images, by features of a "
        f"classifier that is right in {quality['classifier_accuracy']:.1%}:",
        f"  {'':<24}{heads}",
    ]
    for name, what in QUALITY_SETS.items():
        cells = "".join(f"{quality[name][figure]:>18.3f}" for figure in QUALITY_FIGURES)
        lines.append(f"  {what:<24}{cells}")
    return lines


def _annealing_lines(found: dict, samples: int) -> list[str]:
    def estimate(name):
        return _in_nats(found[name], found[f"{name}_error"])

    chains = f"{found['chains']} chains, {found['temperatures']:,} temperatures"
    rows = {
        f"annealed, {chains}": estimate("annealed"),
        f"{samples:,} importance-weighted samples": estimate("importance_weighted"),
    }
    if "gap" in found:
        gap = _in_nats(found["gap"], found["gap_standard_error"])
        rows["bounds from both sides, of its own draws, differ by"] = gap
    title = f"  −log p(x) of the first {found['images']} examples by annealing:"
    return [title, *(f"    {name:<52}{value}" for name, value in rows.items())]


def _part(found: dict, name: str) -> str:
    few = found["kl_parts_examples"]
    limits = {
        "mutual_information": f"at most log {few:,} = {math.log(few):.2f}",
        "marginal_kl": f"of {few:,} examples; falls with more",
    }
    return f"{_in_nats(found[name], found['kl_parts_error'])} ({limits[name]})"


def _in_nats(value: float, error: float | None = None) -> str:
    return f"{value:10.3f}{'' if error is None else f' ± {error:.3f}'} nats"


def _cell(row: dict, name: str) -> str:
    if name not in row:
        return ""
    error = row[f"{name}_error"]
    return f"{row[name]:.2f}" if error is None else f"{row[name]:.2f} ± {error:.2f}"


def averages(figures: dict[str, np.ndarray]) -> dict[str, float]:
    """The mean and the standard error over examples of each of {name: [n]}."""
    found = {}
    for name, values in figures.items():
        if name == "nll_error":  # the error of the sampling, not of the choice of examples
            found["nll_sampling_error"] = _finite_or_none(
                math.sqrt(np.sum(values**2)) / len(values)
            )
            continue
        spread = values.std(ddof=1) if len(values) > 1 else math.nan
        found[name] = float(values.mean())
        found[f"{name}_standard_error"] = _finite_or_none(spread / math.sqrt(len(values)))
    return found


def _finite_or_none(error: float) -> float | None:
    """The error, or None if it is not finite, as for a single value: JSON has no NaN."""
    return float(error) if math.isfinite(error) else None
