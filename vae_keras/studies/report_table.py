"""The figures of an evaluation as lines of text."""

import math

from vae_keras import figures

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
