"""Four studies: why autoencoders do not generate; what each term, each loss, each size does.

Each trains the models it compares, measures them, and draws one picture. A study takes
`configured`, which makes a TrainConfig of the options that its models do not share, and the data
set; it returns {column: {figure: number}} and the picture.
"""

import functools
import json
from pathlib import Path

import click

from vae_keras import data, figures
from vae_keras.config.train_config import TrainConfig
from vae_keras.files import refuse_to_replace, write_text
from vae_keras.studies.generation import generation
from vae_keras.studies.losses import losses
from vae_keras.studies.sizes import sizes
from vae_keras.studies.terms import terms


def run(
    study: str, dataset="digits", data_dir=None, epochs=None, seed=0, output="studies", **options
) -> dict:
    """Train, measure and draw one of STUDIES; write `output`/STUDY.png and STUDY.json.

    `epochs` None is the recipe's; the option `overwrite` replaces files that exist. Returns what
    the JSON file holds: the options and `figures`, {column: {figure: number}}. Raises UserError.
    """
    picture, numbers = free_files(Path(output), study, **options)
    common = dict(dataset=dataset, data_dir=data_dir, epochs=epochs, seed=seed)
    configured = functools.partial(TrainConfig, **common)
    found, figure = STUDIES[study](configured, data.load(configured()))
    found = {"study": study, "dataset": dataset, "epochs": epochs, "seed": seed, "figures": found}
    picture.parent.mkdir(parents=True, exist_ok=True)
    figures.save(figure, picture)
    write_text(numbers, json.dumps(found, indent=2) + "\n")
    return found


def free_files(folder: Path, study: str, overwrite=False) -> list[Path]:
    """The picture and the file of numbers of a study. Raises UserError if they exist."""
    files = [folder / f"{study}.png", folder / f"{study}.json"]
    for file in files:
        refuse_to_replace(file, overwrite)
    return files


STUDIES = {"generation": generation, "terms": terms, "losses": losses, "sizes": sizes}


# Command line


@click.group(name="study")
def study():
    """Compare models on one question: a picture and the figures behind it."""


def study_table(figures: dict) -> str:
    """{column: {figure: number}} as lines, a row for each figure."""
    names = dict.fromkeys(name for column in figures.values() for name in column)
    widths = [max(12, len(column)) for column in figures]
    lines = ["  ".join([" " * 26, *map(str.rjust, figures, widths)])]
    for name in names:
        cells = (f"{c[name]:.4g}" if name in c else "" for c in figures.values())
        label = name.replace("_", " ").ljust(26)
        lines.append("  ".join([label, *map(str.rjust, cells, widths)]).rstrip())
    return "\n".join(lines)


def _command(name: str) -> click.Command:
    def call(**options):
        found = run(name, **options)
        print(study_table(found["figures"]))
        for ending in ("png", "json"):
            print(options["output"] / f"{name}.{ending}")

    seeds = click.IntRange(0, 2**31 - 1)
    options = [
        click.Option(["--dataset"], default="digits", show_default=True, help="as of train"),
        click.Option(["--data-dir"], help="folder with the archive of the data set"),
        click.Option(["--epochs"], type=click.IntRange(1), help="passes over the training data"),
        click.Option(["--seed"], type=seeds, default=0, show_default=True),
        click.Option(["--output"], type=Path, default=Path("studies"), show_default=True),
        click.Option(["--overwrite"], is_flag=True, help="replace the files if they exist"),
    ]
    return click.Command(name, callback=call, params=options, help=STUDIES[name].__doc__)


for _name in STUDIES:
    study.add_command(_command(_name))
