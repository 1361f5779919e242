"""The command evaluate: how good a model is."""

from pathlib import Path

import click


@click.command(name="evaluate")
@click.argument("model")
@click.option("--data-dir", help="folder with the archive of the model's data set")
@click.option("--samples", default=100, show_default=True, help="draws for importance weighting")
@click.option(
    "--naive-samples",
    type=int,
    help="draws for naive Monte Carlo; default: 10,000; sequences: 1,000",
)
@click.option("--naive-images", default=50, show_default=True, help="images to compare them on")
@click.option("--samples-quality", is_flag=True, help="judge samples by features of a classifier")
@click.option("--annealing", default=0, show_default=True, help="images to anneal; this is slow")
@click.option(
    "--annealing-temperatures",
    default=500,
    show_default=True,
    help="steps from the prior to the posterior of an image",
)
@click.option("--output", type=Path, help="folder to write to; default: that of the model")
@click.option("--overwrite", is_flag=True, help="replace evaluation.json and its picture")
def evaluate_command(model, **options):
    """Evaluate MODEL, a run or an export such as runs/digits_vae, on its test set."""
    from vae_keras.studies.report import report
    from vae_keras.studies.report_table import report_table

    print(report_table(report(model, **options)))


COMMANDS = (evaluate_command,)
