"""The data sets: `load` finds each by its name, one function for each."""

import dataclasses
import os
from pathlib import Path

from vae_keras.config.names import DATASETS
from vae_keras.config.train_config import GIVEN
from vae_keras.data.dataset import Dataset, Examples
from vae_keras.data.drawn.faces import COUNT, FEWEST_FACES, MOST_FACES, faces_dataset
from vae_keras.data.images import archives
from vae_keras.data.images.archives import of_arrays
from vae_keras.data.images.binarisation import binarised
from vae_keras.data.images.celeba import celeba
from vae_keras.data.images.folder import folder
from vae_keras.data.images.scaling import parsed_range
from vae_keras.data.music.melodies import melodies
from vae_keras.data.music.melody_set import melody_dataset
from vae_keras.data.music.midi_set import midi
from vae_keras.data.other_files import advice_on
from vae_keras.data.tables.csv_file import csv_file
from vae_keras.data.text.sentences import sentence_dataset, sentences, text_file
from vae_keras.errors import UserError, unknown

LARGEST_SIDE = 4_096
TABLES = (".csv", ".tsv")
NAMED = {
    "digits": lambda config: archives.digits(),
    "mnist": lambda config: archives.keras_archive("mnist", _data_dir(config)),
    "fashion_mnist": lambda config: archives.keras_archive("fashion_mnist", _data_dir(config)),
    "cifar10": lambda config: archives.keras_archive("cifar10", _data_dir(config)),
    "faces": lambda config: faces_dataset(COUNT, _image_size(config)),
    "melodies": lambda config: melody_dataset("melodies", melodies()),
    "sentences": lambda config: sentence_dataset(sentences()),
}
SIZED = ("folder", "celeba", "faces")  # those that take --image-size
WITH_REST = {  # NAME:REST -> what REST is, and the function of it
    "celeba": ("DIR", lambda rest, config: celeba(Path(rest), _image_size(config))),
    "folder": (
        "DIR",
        lambda rest, config: folder(
            Path(rest), _image_size(config), config.color_mode, parsed_range(config.pixel_range)
        ),
    ),
    "midi": ("DIR", lambda rest, config: midi(Path(rest), config.metre)),
    "text": ("FILE", lambda rest, config: sentence_dataset(text_file(Path(rest)))),
    "faces": ("COUNT", lambda rest, config: faces_dataset(_count(rest), _image_size(config))),
}


def load(config) -> Dataset:
    """Load the data set that `config.dataset` names.

    `config` is a `TrainConfig`. Raises UserError if there is no such data set, if its files are
    missing or damaged, or if one of the other options does not fit it.
    """
    found = dataclasses.replace(_named(config), source=config.dataset)
    return binarised(found, config.binarize)


def _named(config) -> Dataset:
    name = config.dataset
    if config.image_size and name.partition(":")[0] not in SIZED:
        raise UserError(f"--image-size is for folder:DIR, celeba:DIR and faces, not for {name!r}")
    if config.color_mode != "auto" and not name.startswith("folder:"):
        raise UserError(f"--color-mode is for folder:DIR, not for {name!r}")
    if config.metre and not name.startswith("midi:"):
        raise UserError(f"--metre is for midi:DIR, not for {name!r}")
    pixel_range = parsed_range(config.pixel_range)
    if pixel_range and (name in NAMED or name.partition(":")[0] in WITH_REST.keys() - {"folder"}):
        raise UserError(f"--pixel-range is for folder:DIR and files of arrays, not for {name!r}")
    is_table = name.lower().removesuffix(".gz").endswith(TABLES)
    if not is_table and (config.columns != "auto" or config.label_column):
        option = "--columns" if config.columns != "auto" else "--label-column"
        raise UserError(f"{option} is for FILE.csv, not for {name!r}")
    if config.keys and not name.lower().endswith(".npz"):
        raise UserError(f"--keys is for FILE.npz, not for {name!r}")
    if name in NAMED:  # there is nothing to choose, whatever the files of an archive are like
        return dataclasses.replace(NAMED[name](config), settles={})
    if name.startswith(GIVEN):
        raise UserError(
            f"data set {name!r} was given to train() in Python, so no name loads it again: "
            "evaluate its model there"
        )
    prefix, _, rest = name.partition(":")
    if prefix in WITH_REST:
        what, load_it = WITH_REST[prefix]
        if not rest:
            raise UserError(f"data set {name!r} names no {what}: write {prefix}:{what}")
        return load_it(rest, config)
    return _of_file(Path(name), config, pixel_range)


def _of_file(path: Path, config, pixel_range) -> Dataset:
    """The data set in a file, whose ending says how it is read."""
    name, ending = config.dataset, path.suffix.lower()
    if name and path.is_dir():
        raise UserError(f"data set {name!r} is a folder: write folder:{name} for its images")
    if ending == ".npz":
        return archives.npz(path, pixel_range=pixel_range, keys=config.keys)
    if ending == ".npy":
        return archives.npy(path, pixel_range)
    if config.dataset.lower().removesuffix(".gz").endswith(TABLES):
        return csv_file(path, config.columns, config.label_column, pixel_range)
    advice = advice_on(path)
    if path.is_file() and advice:
        raise advice
    if path.is_file() or "idx" in path.name:
        return archives.idx(path, pixel_range=pixel_range)
    if advice or len(path.parts) > 1:
        raise UserError(f"file {name!r} does not exist")
    raise unknown("data set", name, DATASETS)


def _data_dir(config) -> Path | None:
    folder = config.data_dir or os.environ.get("VAE_KERAS_DATA_DIR")
    return Path(folder).expanduser() if folder else None


def _count(text: str) -> int:
    if not text.isdecimal() or not FEWEST_FACES <= int(text) <= MOST_FACES:
        raise UserError(
            f"count of faces {text!r} must be a number from {FEWEST_FACES} to {MOST_FACES:,}"
        )
    return int(text)


def _image_size(config) -> tuple[int, int]:
    """Height and width: None -> (64, 64), "32" -> (32, 32), "48x32" -> (48, 32).

    Raises UserError if a side is not a number from 1 to LARGEST_SIDE.
    """
    sides = (config.image_size or "64").lower().split("x")
    if len(sides) > 2 or not all(s.isdecimal() and 0 < int(s) <= LARGEST_SIDE for s in sides):
        raise UserError(
            f"image size {config.image_size!r}: write one number (64) or HEIGHTxWIDTH (48x32), "
            f"each at most {LARGEST_SIDE:,}"
        )
    return int(sides[0]), int(sides[-1])


__all__ = ["Dataset", "Examples", "binarised", "load", "of_arrays"]
