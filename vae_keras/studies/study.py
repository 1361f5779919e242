"""Four studies: why autoencoders do not generate, and what each term, loss and size does.

Each study trains the models that it compares, measures them, and draws one picture. It is a
function of `configured`, which makes a TrainConfig from the options that its models do not share,
and of the data set. It returns {column: {figure: number}} and the picture.
"""

import functools
import json

from vae_keras import data, figures
from vae_keras.config import TrainConfig
from vae_keras.errors import UserError
from vae_keras.files import free_outputs, write_text
from vae_keras.studies.generation import generation
from vae_keras.studies.losses import losses
from vae_keras.studies.sizes import sizes
from vae_keras.studies.terms import terms


def run(
    study: str,
    dataset="digits",
    data_dir=None,
    epochs=None,
    seed=0,
    output="studies",
    overwrite=False,
) -> dict:
    """Train, measure and draw one of STUDIES; write `output`/STUDY.png and STUDY.json.

    If `epochs` is None, they are those of the recipe. It returns what the JSON file holds: the
    options and `figures`, {column: {figure: number}}. Raises UserError if a file exists and
    `overwrite` is False, or if the data cannot be loaded or do not fit the models.
    """
    picture, numbers = free_outputs(output, (f"{study}.png", f"{study}.json"), overwrite)
    common = dict(dataset=dataset, data_dir=data_dir, epochs=epochs, seed=seed)
    configured = functools.partial(TrainConfig, **common)
    loaded = data.load(configured())
    if not loaded.kind.is_pictured:
        raise UserError(f"study {study} is of images, but {loaded.name} has {loaded.kind.plural}")
    found, figure = STUDIES[study](configured, loaded)
    found = {"study": study, "dataset": dataset, "epochs": epochs, "seed": seed, "figures": found}
    picture.parent.mkdir(parents=True, exist_ok=True)
    figures.save(figure, picture)
    write_text(numbers, json.dumps(found, indent=2) + "\n")
    return found


STUDIES = {"generation": generation, "terms": terms, "losses": losses, "sizes": sizes}


def study_table(figures: dict) -> str:
    """{column: {figure: number}} as lines of text, with a row for each figure."""
    names = dict.fromkeys(name for column in figures.values() for name in column)
    widths = [max(12, len(column)) for column in figures]
    lines = ["  ".join([" " * 26, *map(str.rjust, figures, widths)])]
    for name in names:
        cells = (f"{c[name]:.4g}" if name in c else "" for c in figures.values())
        label = name.replace("_", " ").ljust(26)
        lines.append("  ".join([label, *map(str.rjust, cells, widths)]).rstrip())
    return "\n".join(lines)
