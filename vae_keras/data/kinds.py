"""The kinds of examples: how images, melodies, sentences and tables are read, written and shown.

Every data set has one of these objects, and `kind_of` gives that of a model. Only they know how the
kinds differ.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae_keras.data.images.scaling import PixelRange, parsed_range
from vae_keras.data.tables.columns import Columns
from vae_keras.errors import UserError
from vae_keras.files import filled_folder, whole_file, write_text

PICTURES = (".png", ".jpg", ".pdf", ".svg")
MOST_SHOWN = 64  # melodies in one picture, or in one sound
VOCABULARY = "assets/vocabulary.txt"  # in an exported model: the words of the tokens 0, 1, …
COLUMNS = "assets/columns.json"  # in an exported model: what standardises the columns of a table


class Read(NamedTuple):
    """Examples [n, *example_shape] that a user brings, with a name for each, and notes on them."""

    names: list[str]
    values: np.ndarray
    notes: tuple[str, ...] = ()


class Kind:
    """One kind of examples: how they are read, written and shown.

    `family` is what models and networks must know: "images", "tokens" or "numbers". `plural` names
    the examples in messages. `endings` are those of the files that `save` can write, the usual one
    first; a run writes its samples with the endings `kept`. `save_pairs` writes a file with the
    ending `pairs`.
    """

    family = "tokens"
    plural = "sequences"
    endings: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    pairs = ".png"
    each = ""  # the ending of files of single examples, if there are such files
    vocabulary: tuple[str, ...] = ()  # the words of the tokens 0, 1, …
    columns: Columns | None = None  # of a table
    end: int | None = None  # the token that ends a sequence, if there is one
    is_pictured = False  # True if an example is an image
    naive_samples = 1_000  # the default number of draws of naive Monte Carlo

    def data_kind(self, example_shape) -> str:
        """The kind of the data, within which losses can be compared: here "tokens"."""
        return "tokens"

    def as_trained(self, options: Mapping[str, Any]) -> "Kind":
        """This kind with what a run has settled about its files; `options` are those of the run."""
        return self

    def read(self, what: str, example_shape) -> Read:
        """Read a single example from what a user names: a file, or a sentence.

        The notes say which part of a file it is. Raises UserError if it cannot be read.
        """
        raise NotImplementedError

    def read_all(self, path: Path, example_shape) -> Read:
        """Read all examples of a file, or of the files below a folder, as the training reads them.

        Images are uint8 or float32 in [0, 1]. Raises UserError if there are none, or if a file
        cannot be read.
        """
        raise NotImplementedError

    def save(self, examples, path: Path, title=""):
        """Write examples [n, *example_shape] to a file, whole or not at all.

        The ending of `path` decides the format.
        """
        raise NotImplementedError

    def save_each(self, examples, folder: Path):
        """Write each of some examples to a file of its own in `folder`, all of them or none.

        The files are called 001, 002, … with the ending `each`; other files in `folder` stay.
        """
        width = max(3, len(str(len(examples))))
        with filled_folder(folder) as temporary:
            for number, example in enumerate(np.asarray(examples), 1):
                self.save_one(example, temporary / f"{number:0{width}}{self.each}")

    def save_one(self, example, path: Path):
        """Write one example [*example_shape] to a file with the ending `each`."""
        raise NotImplementedError

    def save_pairs(self, examples, rebuilt, names: list[str], path: Path, title=""):
        """Write examples beside their reconstructions, with a name for each, to a file.

        Its ending is `pairs`.
        """
        raise NotImplementedError

    def texts(self, examples) -> list[str] | None:
        """The examples as text, one line for each; None for a kind that has none."""
        return None

    def write_assets(self, folder: Path):
        """Write the vocabulary into the `folder` of an export, whose users need it."""
        (folder / VOCABULARY).parent.mkdir(exist_ok=True)
        write_text(folder / VOCABULARY, "".join(f"{word}\n" for word in self.vocabulary))


@dataclass(frozen=True)
class ImageKind(Kind):
    """Images [height, width, channels] with values in [0, 1].

    `pixel_range` is black and white of the images that a model has learned from, if it was not
    plain: files of more than 8 bits, and arrays, are scaled by it.
    """

    pixel_range: PixelRange | None = None

    family = plural = "images"
    endings = PICTURES
    kept = (".png",)
    each = ".png"
    is_pictured = True
    naive_samples = 10_000

    def data_kind(self, example_shape) -> str:
        """The kind of the data: "grey" for one channel, otherwise "colour"."""
        return "grey" if example_shape[-1] == 1 else "colour"

    def as_trained(self, options: Mapping[str, Any]) -> "ImageKind":
        return replace(self, pixel_range=parsed_range(options.get("pixel_range")))

    def read(self, what: str, example_shape) -> Read:
        from vae_keras.data.images.folder import read_image

        return Read([what], read_image(Path(what), example_shape, self.pixel_range)[None])

    def read_all(self, path: Path, example_shape) -> Read:
        from vae_keras.data.images.own import own_images

        return own_images(path, example_shape, self.pixel_range)

    def save(self, examples, path: Path, title=""):
        from vae_keras import figures  # Matplotlib, which data alone do not need

        figures.save(figures.image_grid(examples, title=title), path)

    def save_one(self, example, path: Path):
        from vae_keras import figures

        figures.to_image(figures.to_pixels(example)).save(path)

    def save_pairs(self, examples, rebuilt, names: list[str], path: Path, title=""):
        from vae_keras import figures

        figures.save(figures.image_pairs(examples, rebuilt, names, title), path)

    def write_assets(self, folder: Path):
        """Do nothing: images need no words."""


@dataclass(frozen=True)
class MelodyKind(Kind):
    """Melodies: tokens, uint8 or int32 [steps], one for each sixteenth, in a metre."""

    metre: str = "4/4"

    endings = (".mid", ".wav", ".png")
    kept = endings
    each = ".mid"

    @property
    def vocabulary(self):
        """The name of each token."""
        from vae_keras.data.music.melody_tokens import NAMES

        return NAMES

    def as_trained(self, options: Mapping[str, Any]) -> "MelodyKind":
        return replace(self, metre=options.get("metre") or self.metre)

    def read(self, what: str, example_shape) -> Read:
        """Read the first window with notes of the melody in a MIDI file: int32 [1, steps].

        Raises UserError if the file cannot be read or has no usable notes.
        """
        from vae_keras.data.music.midi_set import own_melodies

        found = own_melodies(Path(what), example_shape[0], self.metre)
        return Read(found.names[:1], found.values[:1], (f"from {found.names[0]}",))

    def read_all(self, path: Path, example_shape) -> Read:
        """The windows of a MIDI file, or of those below a folder, named by file and bar.

        Windows of fewer than two notes are left out, and counted in the notes. Raises UserError if
        there are no MIDI files, or if no window is left.
        """
        from vae_keras.data.music.midi_set import own_melodies

        return own_melodies(path, example_shape[0], self.metre)

    def save(self, examples, path: Path, title=""):
        """Write melodies as MIDI, or the first MOST_SHOWN of them as sound or as a picture."""
        from vae_keras import figures
        from vae_keras.data.music.melody_tokens import to_notes
        from vae_keras.data.music.midi import write_midi
        from vae_keras.data.music.sound import write_wav

        tokens = np.asarray(examples)
        if path.suffix.lower() == ".mid":
            write_midi(tokens, path, self.metre)
        elif path.suffix.lower() == ".wav":
            write_wav(tokens[:MOST_SHOWN], path)
        else:
            drawn = [to_notes(one) for one in tokens[:MOST_SHOWN]]
            figures.save(self._piano_rolls(drawn, tokens.shape[1], title), path)

    def save_pairs(self, examples, rebuilt, names: list[str], path: Path, title=""):
        from vae_keras import figures
        from vae_keras.data.music.melody_tokens import to_notes

        drawn = [to_notes(one) for pair in zip(examples, rebuilt) for one in np.asarray(pair)]
        titles = [line for name in names for line in (name, "its reconstruction")]
        steps = np.shape(examples)[1]
        figures.save(self._piano_rolls(drawn, steps, title, names=titles), path)

    def save_one(self, example, path: Path):
        from vae_keras.data.music.midi import write_midi

        write_midi(example, path, self.metre)

    def _piano_rolls(self, melodies, steps: int, title: str, names=None):
        from vae_keras import figures
        from vae_keras.data.music.melody_windows import beat_steps

        beat = beat_steps(self.metre)
        return figures.piano_rolls(melodies, title, names=names, steps=steps, beat=beat)

    def texts(self, examples) -> list[str]:
        """The notes of each melody by name, with their lengths in sixteenths: C4:2 E4:2."""
        from vae_keras.data.music.melody_tokens import FIRST_PITCH, to_notes

        return [
            " ".join(f"{self.vocabulary[FIRST_PITCH + n.pitch]}:{n.length}" for n in to_notes(one))
            for one in np.asarray(examples)
        ]


@dataclass(frozen=True)
class SentenceKind(Kind):
    """Sentences: tokens int32 [steps], which are the words, an end, and padding."""

    words: tuple[str, ...]

    endings = (".txt",)
    kept = endings
    pairs = ".txt"

    @property
    def vocabulary(self):
        """The word of each token."""
        return self.words

    @property
    def end(self):
        """The token that ends a sentence."""
        from vae_keras.data.text.vocabulary import END

        return END

    def _vocabulary(self):
        from vae_keras.data.text.vocabulary import Vocabulary

        return Vocabulary(self.words)

    def read(self, what: str, example_shape) -> Read:
        """The tokens of the sentence `what`: int32 [1, steps].

        Raises UserError if it has more words than fit.
        """
        return Read([what], self._vocabulary().encode([what], example_shape[0]))

    def read_all(self, path: Path, example_shape) -> Read:
        """The sentences of a text file, a line each, named by the number of the line.

        Empty lines and those of more words than fit are left out, and counted in the notes. Raises
        UserError if the file cannot be read or no line is left.
        """
        from vae_keras.data.text.sentences import own_sentences

        return own_sentences(path, self._vocabulary(), example_shape[0])

    def save(self, examples, path: Path, title=""):
        """Write sentences to a text file, one a line, whole or not at all."""
        write_text(path, "".join(f"{line}\n" for line in self.texts(examples)))

    def save_pairs(self, examples, rebuilt, names: list[str], path: Path, title=""):
        lines = zip(names, self.texts(examples), self.texts(rebuilt), strict=True)
        pairs = (f"{name}\n  {one}\n  → {other}\n" for name, one, other in lines)
        write_text(path, "".join([f"{title}\n" if title else "", *pairs]))

    def texts(self, examples) -> list[str]:
        """The sentences as text, one for each row of tokens."""
        return self._vocabulary().decode(np.asarray(examples))


@dataclass(frozen=True)
class TableKind(Kind):
    """Rows of a table: float32 [columns], standardised by what `columns` say."""

    columns: Columns

    family = "numbers"
    plural = "rows of numbers"
    endings = (".csv",)
    kept = endings
    pairs = ".csv"
    naive_samples = 10_000

    def data_kind(self, example_shape) -> str:
        """The kind of the data: "numbers"."""
        return "numbers"

    def read(self, what: str, example_shape) -> Read:
        """The standardised row that numbers in the units of the data give: float32 [1, columns].

        There are commas or spaces between them. Raises UserError if one is no number, or if there
        are not as many as columns.
        """
        words = what.replace(",", " ").split()
        try:
            row = np.array([float(word) for word in words])
        except ValueError as error:
            raise UserError(f"row {what!r}: {error}: give numbers with commas between") from error
        if len(row) != len(self.columns.names) or not np.isfinite(row).all():
            names = ", ".join(self.columns.names[:5])
            raise UserError(
                f"row {what!r} must have {len(self.columns.names):,} numbers with commas between: "
                f"{names}{', …' * (len(self.columns.names) > 5)}"
            )
        return Read([what], self.columns.standardised(row)[None])

    def read_all(self, path: Path, example_shape) -> Read:
        """The rows of a .csv file that has the columns, standardised, named by their number.

        Raises UserError if the file cannot be read, lacks a column or misses a value.
        """
        from vae_keras.data.tables.csv_file import own_rows

        values = own_rows(path.expanduser(), self.columns.names)
        names = [str(number) for number in range(1, len(values) + 1)]
        return Read(names, self.columns.standardised(values))

    def save(self, examples, path: Path, title=""):
        """Write rows to a .csv file in the units of the data, with the names of the columns."""
        rows = ([f"{value:.6g}" for value in row] for row in self.restored(examples))
        _write_csv(path, [self.columns.names, *rows])

    def save_pairs(self, examples, rebuilt, names: list[str], path: Path, title=""):
        rows = [["row", "what", *self.columns.names]]
        for name, *pair in zip(names, self.restored(examples), self.restored(rebuilt), strict=True):
            for what, row in zip(("value", "reconstruction"), pair, strict=True):
                rows.append([" ".join(name.split()), what, *(f"{value:.6g}" for value in row)])
        _write_csv(path, rows)

    def restored(self, examples) -> np.ndarray:
        """Standardised rows [n, columns] in the units of the data."""
        return self.columns.restored(examples)

    def write_assets(self, folder: Path):
        """Write what standardises the columns into the `folder` of an export."""
        (folder / COLUMNS).parent.mkdir(exist_ok=True)
        write_text(folder / COLUMNS, json.dumps(self.columns.as_dict(), indent=2) + "\n")


def _write_csv(path: Path, rows):
    with whole_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


IMAGES, MELODIES = ImageKind(), MelodyKind()


def kind_of(vocabulary, columns: dict | None = None) -> Kind:
    """The kind of a model's examples, by its vocabulary or the columns of its table.

    `columns` has their names, means and deviations. With neither it is that of images.
    """
    if columns:
        return TableKind(Columns(**columns))
    if not vocabulary:
        return IMAGES
    return MELODIES if tuple(vocabulary) == MELODIES.vocabulary else SentenceKind(tuple(vocabulary))


def read_assets(folder: Path) -> Kind:
    """The kind of an exported model's examples, from what `write_assets` wrote into its `folder`.

    Raises UserError if the vocabulary or the columns cannot be read, or if there are none.
    """
    if (folder / COLUMNS).is_file():
        return _read_columns(folder / COLUMNS)
    file = folder / VOCABULARY
    if not file.is_file():
        return IMAGES
    try:
        words = file.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read ({error}): restore it") from error
    if not words:  # otherwise a model of tokens would pass for one of images
        raise UserError(f"{file} has no words: restore it")
    return kind_of(words)


def _read_columns(file: Path) -> TableKind:
    try:
        columns = Columns(**json.loads(file.read_text(encoding="utf-8")))
        if not columns.names:
            raise UserError("there are none")
    except (OSError, ValueError, TypeError, UserError) as error:
        raise UserError(f"{file} cannot be read ({error}): restore it") from error
    return TableKind(columns)
