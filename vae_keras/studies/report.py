"""The evaluation of a trained model: its figures as a file and as a picture."""

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
