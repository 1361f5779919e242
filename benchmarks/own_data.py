"""Trains on data that others have made, each by one plain command, and writes a table of it.

    python benchmarks/own_data.py FOLDER [NAME ...]

FOLDER holds the data as they are downloaded, under the names of DATA; what is not there is left
out. Each run is the command that the table shows. Table and pictures go to docs/own_data.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import click
from PIL import Image

from vae_keras.files import write_text

ROOT = Path(__file__).parents[1]
PICTURE = "reconstructions.png"


class Source(NamedTuple):
    """What a data set is, and what is given to `train.py` for it; {} stands for the folder."""

    what: str
    options: str


DATA = {
    "orl": Source("ORL faces: 400 grey portraits", "--dataset folder:{}/orl"),
    "frey": Source("Frey faces: 1,965 grey video frames", "--dataset {}/frey.npz"),
    "blood": Source("BCCD: 364 microscope images", "--dataset folder:{}/blood"),
    "emoji": Source("EmojiOne: 2,827 drawings with transparency", "--dataset folder:{}/emoji"),
    "omniglot": Source(
        "OMNIGLOT, a part: 2,720 letters", "--dataset folder:{}/omniglot --image-size 28"
    ),
    "cifar": Source("CIFAR-10: 60,000 JPEGs", "--dataset folder:{}/cifar --image-size 32"),
    "nottingham": Source(
        "Nottingham: 1,034 tunes, MIDI", "--dataset midi:{}/nottingham --model sequence"
    ),
    "shakespeare": Source(
        "Shakespeare: 40,000 lines", "--dataset text:{}/shakespeare.txt --model sequence"
    ),
    "ptb": Source("Penn Treebank: 3,370 sentences", "--dataset text:{}/ptb.txt --model sequence"),
}


def processor_seconds() -> float:
    """Seconds that the processes which have ended have computed, on all cores together."""
    times = os.times()
    return times.children_user + times.children_system


def row(name: str, source: Source, folder: Path, output: Path) -> str:
    """Train on one data set; return its row of the table."""
    words = source.options.replace("{}", str(folder)).split()
    start, used = time.perf_counter(), processor_seconds()
    command = [sys.executable, ROOT / "train.py", *words, "--name", name, "--overwrite"]
    done = subprocess.run(command, cwd=output, capture_output=True, text=True)
    seconds, used = time.perf_counter() - start, processor_seconds() - used
    if done.returncode:
        return f"| {source.what} | `{source.options.replace('{}/', '')}` | {done.stderr.strip()} |"
    run = output / "runs" / name
    metrics = json.loads((run / "metrics.json").read_text())
    error = ""
    if "squared_error" in metrics:
        errors = (metrics[f"squared_error{of}"] for of in ("", "_of_mean_image", "_of_pca"))
        error = " / ".join(f"{value:.3g}" for value in errors)
    picture = ""
    if (run / "plots" / PICTURE).is_file():
        with Image.open(run / "plots" / PICTURE) as image:
            image.convert("P", palette=Image.Palette.ADAPTIVE).save(output / f"{name}.png")
        picture = f"![{source.what}]({name}.png)"
    cells = [
        source.what,
        f"`{source.options.replace('{}/', '')}`",
        f"{seconds / 60:.1f}",
        f"{used / 60:.1f}",
        metrics["latent_dim"],
        f"{metrics['best_epoch']} of {metrics['epochs']}",
        f"{metrics['test_loss']:.4g} {metrics['unit']}, {metrics['data_kind']}",
        error,
        picture,
    ]
    return f"| {' | '.join(map(str, cells))} |"


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("names", nargs=-1)
@click.option("--output", type=Path, default=ROOT / "docs" / "own_data", show_default=True)
def main(folder, names, output):
    """Train on each data set in FOLDER, or on those called NAMES, and write the table."""
    output.mkdir(parents=True, exist_ok=True)
    rows = [
        "# Data that others have made, each by one plain command",
        "",
        "Inputs from the test split above, their reconstructions below. Seed 0; minutes of the "
        f"whole command on {os.cpu_count()} cores, and of its processors, which do not depend on "
        "what else runs; `python benchmarks/own_data.py FOLDER`.",
        "",
        "| data | options of `train.py` | minutes | of processors | code | epoch kept | "
        "test loss | squared error: model / mean image / PCA with as many numbers | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names or DATA:
        rows.append(row(name, DATA[name], folder.resolve(), output))
        print(rows[-1], flush=True)
    write_text(output / "README.md", "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
