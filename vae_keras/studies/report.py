"""The evaluation of a trained model: its figures as a table, as a file and as a picture."""

import json
import math
import time
from pathlib import Path

import numpy as np

from vae_keras import figures
from vae_keras.errors import UserError
from vae_keras.evaluation.by_rung import figures_of
from vae_keras.evaluation.code_use import code_figures, kl_parts
from vae_keras.evaluation.likelihood import convergence, likelihood_figures
from vae_keras.evaluation.losses import evaluate
from vae_keras.evaluation.probe import probe_accuracy
from vae_keras.export.places import EVALUATION
from vae_keras.files import free_output, write_text
from vae_keras.models import Autoencoder
from vae_keras.training.stored import open_stored

SEQUENCE_FIGURES = {
    "nats_per_token": "negative ELBO per token, in nats",
    "perplexity": "perplexity by that",
    "forced_accuracy": "tokens right, told the ones before",
    "sampled_accuracy": "tokens right, told its own",
}
NOT_A_LIKELIHOOD = (
    "cross-entropy of grey values: a loss, not a likelihood; compare it with grey figures alone"
)


def report(
    name,
    data_dir=None,
    samples=100,
    naive_samples=None,
    naive_images=50,
    output=None,
    overwrite=False,
) -> dict:
    """Evaluate the run or export `name` on its test set; write evaluation.json and evaluation.png.

    `samples` is the number of draws for importance weighting. On the first `naive_images` it is
    compared with naive Monte Carlo of `naive_samples` draws; these are 10,000 unless they are
    given, or 1,000 for sequences, which take longer. The files go to the folder `output`, or beside
    the model. It returns what evaluation.json holds.

    Raises UserError if there is no such model, its data cannot be loaded, a number is below 1, the
    files exist and `overwrite` is False, or the export has no likelihood.
    """
    trained = open_stored(name)
    model, config, folder = trained.model, trained.config, trained.folder
    counts = [n for n in (samples, naive_samples, naive_images) if n is not None]
    if model.is_variational and min(counts) < 1:
        raise UserError("--samples, --naive-samples and --naive-images must be at least 1")
    numbers, picture = (
        free_output(Path(output or folder) / file, overwrite) for file in EVALUATION
    )
    dataset = trained.dataset(data_dir)
    if naive_samples is None:
        naive_samples = dataset.kind.naive_samples
    start = time.perf_counter()
    found = {
        "model": trained.name,
        "dataset": config.dataset,
        "data_kind": dataset.data_kind,
        "images": len(dataset.test),
        "latent_dim": model.latent_dim,
    }
    if model.is_variational:
        compared = dataset.test.take(slice(naive_images))
        found |= {"likelihood": config.options.likelihood, "samples": samples}
        found |= averages(likelihood_figures(model, dataset.test, samples))
        found |= code_figures(model, dataset.test)
        if model.levels == 1:  # with several, q(z|x) of another example has no closed form at z
            found |= kl_parts(model, dataset.test)
        found |= figures_of(model, dataset)
        rows = convergence(model, compared, samples, naive_samples)
        found |= {"naive_images": len(compared), "convergence": rows}
    elif isinstance(model, Autoencoder):
        found |= {"unit": model.reconstruction.unit, **evaluate(model, dataset)}
    else:
        raise UserError(f"{name} is the export of a model without likelihood: evaluate its run")
    if dataset.has_several_labels() and not model.takes_labels:
        found["probe_accuracy"] = probe_accuracy(model, dataset)
    found["seconds"] = round(time.perf_counter() - start, 1)
    numbers.parent.mkdir(parents=True, exist_ok=True)
    if model.is_variational:
        figure = figures.evaluation(found["convergence"], found["kl_per_dimension"])
        figures.save(figure, picture)
    write_text(numbers, json.dumps(found, indent=2) + "\n")
    return found


def report_table(found: dict) -> str:
    """The figures that `report` returns, as lines of text."""
    title = (
        f"{found['model']} on {found['images']:,} test examples of {found['dataset']}, "
        f"{found['data_kind']}"
    )
    if "nll" not in found:
        known = ("model", "dataset", "data_kind", "images", "latent_dim", "unit", "seconds")
        rows = [(name, f"{found[name]:10.3f}") for name in found if name not in known]
        return "\n".join([title, *(f"  {name:<40}{value}" for name, value in rows)])

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
    for name in found:
        if name.startswith("kl_level_"):
            level = name.removeprefix("kl_level_")
            rows[f"  KL of level {level}, given those above"] = _in_nats(found[name])
    if found["aggregate_posterior_kl"] is not None:
        rows["  by mean and covariance alone, a lower bound"] = _in_nats(
            found["aggregate_posterior_kl"]
        )
    for name, what in SEQUENCE_FIGURES.items():
        if name in found:
            rows[what] = f"{found[name]:10.3f}"
    if "probe_accuracy" in found:
        rows["linear probe on the codes"] = f"{found['probe_accuracy']:10.1%}"
    lines = [title, *(f"  {name:<50}{value}" for name, value in rows.items())]
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
    return "\n".join(lines)


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
