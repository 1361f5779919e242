"""Prints the table of likelihoods in the README: it trains each model and evaluates it.

    python benchmarks/likelihoods.py --data-dir DIR            # all, about ten hours
    python benchmarks/likelihoods.py --data-dir DIR mnist_vae_2d

Runs go to runs/NAME; a run that was stopped is resumed. The figures are those that
`python -m vae_keras evaluate --samples K --annealing 10` computes on the test set.
"""

import json
import statistics

import click

from runs import finished
from vae_keras.studies.report import report
from vae_keras.training.run import Run

SAMPLES = 5_000
FEWER_SAMPLES = 500  # of a grid network: 5,000 take its decoder two hours of a core
ANNEALED = 10  # images, the first ones of the test set
STEADY = dict(ema=0.0)  # the weights of the last steps, not their average
PAPER = dict(binarize="dynamic", units="200-200", activation="tanh", latent_dim=50, **STEADY)
SLOW = dict(batch_size=128, learning_rate=1e-3, **STEADY)
GRID = dict(
    binarize="dynamic", network="grid", latent_dim=40, batch_size=125, ema=0.999, epochs=150
)
MODELS = {
    "mnist_vae_2d": dict(latent_dim=2),
    "mnist_20d": dict(latent_dim=20),
    "mnist_vae_20d": dict(latent_dim=20, units="512-256-128", epochs=60, **SLOW),
    "mnist_cvae": dict(model="conditional", latent_dim=10, units="512-256-128", epochs=30, **SLOW),
    "mnist_paper": dict(**PAPER, batch_size=250, learning_rate=3e-3, epochs=800),
    "mnist_paper_k5": dict(
        **PAPER, model="iwae", samples=5, batch_size=100, learning_rate=2e-3, epochs=580
    ),
    "mnist_vae_dynamic": dict(
        binarize="dynamic", units="512-512", latent_dim=40, epochs=300, **SLOW
    ),
    "mnist_grid": GRID,
    "mnist_flow": dict(**GRID, prior="flow", beta_warmup=0),
    "mnist_ladder": GRID | dict(model="ladder", levels=3, latent_dim=48, epochs=140),
}


def evaluated(name: str, options: dict) -> tuple[Run, dict]:
    """A run and the content of its evaluation.json; missing parts are computed first."""
    run = finished(name, **options)
    file = run.folder.evaluation[0]
    if not file.exists():
        samples = FEWER_SAMPLES if run.config.network == "grid" else SAMPLES
        report(run.folder.path, run.config.data_dir, samples=samples, annealing=ANNEALED)
    return run, json.loads(file.read_text(encoding="utf-8"))


def prior_of(run: Run) -> str:
    """What the table calls the prior of a run."""
    levels = run.model.levels
    name = {"normal": "N(0, I)"}.get(run.config.options.prior, run.config.options.prior)
    return f"{levels} levels" if levels > 1 else name


def annealed(found: dict) -> str:
    """The estimate by annealing of some images, and of the same ones by importance weighting."""
    some = found.get("annealing")
    return f"{some['annealed']:.2f} ({some['importance_weighted']:.2f})" if some else ""


@click.command()
@click.option("--data-dir", help="folder with mnist.npz or the IDX files")
@click.option("--seeds", default=1, show_default=True, help="number of runs of each model")
@click.argument("names", nargs=-1)
def main(data_dir, seeds, names):
    """Print a row for each of the models NAMES, or for all models.

    Estimates by annealing are those of a few images, with importance weighting of the same ones in
    brackets.
    """
    print("| model | prior | data | −ELBO | NLL | K | annealing | active units | ", end="")
    print("parameters | minutes | seeds |" + "\n" + "|---" * 11 + "|")
    for name in names or MODELS:
        options = dict(dataset="mnist", data_dir=data_dir, **MODELS[name])
        runs = [
            evaluated(name if seed == 0 else f"{name}_seed_{seed}", {**options, "seed": seed})
            for seed in range(seeds)
        ]
        run, found = runs[0]

        def mean(key, runs=runs):
            return f"{statistics.mean(found[key] for _, found in runs):.2f}"

        minutes = statistics.mean(run.metrics["train_seconds"] for run, _ in runs) / 60
        print(
            f"| {name} | {prior_of(run)} | {found['data_kind']} | {mean('negative_elbo')} "
            f"| {mean('nll')} | {found['samples']:,} | {annealed(found)} "
            f"| {found['active_units']} of {found['latent_dim']} "
            f"| {run.metrics['parameters']:,} | {minutes:.1f} | {seeds} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
