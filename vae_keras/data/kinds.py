"""The kinds of examples: how images, melodies, sentences and tables are read, written and shown.

Every data set has one of these objects, and `kind_of` gives that of a model. Only they know how the
kinds differ.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_keras.data.tables.columns import Columns
from vae_keras.errors import UserError
from vae_keras.files import whole_file, write_text

PICTURES = (".png", ".jpg", ".pdf", ".svg")
MOST_SHOWN = 64  # melodies in one picture, or in one sound
VOCABULARY = "assets/vocabulary.txt"  # in an exported model: the words of the tokens 0, 1, …
COLUMNS = "assets/columns.json"  # in an exported model: what standardises the columns of a table


class Kind:
    """One kind of examples: how they are read, written and shown.

    `family` is what models and networks must know: "images", "tokens" or "numbers". `plural` names
    the examples in messages. `endings` are those of the files that `save` can write, the usual one
    first; a run writes its samples with the endings `kept`.
    """

    family = "tokens"
    plural = "sequences"
    endings: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()  # the words of the tokens 0, 1, …
    columns: Columns | None = None  # of a table
    end: int | None = None  # the token that ends a sequence, if there is one
    is_pictured = False  # True if an example is an image
    naive_samples = 1_000  # the default number of draws of naive Monte Carlo

    def data_kind(self, example_shape) -> str:
        """The kind of the data, within which losses can be compared: here "tokens"."""
        return "tokens"

    def read(self, what: str, example_shape) -> np.ndarray:
        """Read one example, array [*example_shape], from what a user names: a file, or a sentence.

        Raises UserError if it cannot be read.
        """
        raise NotImplementedError

    def save(self, examples, path: Path, title=""):
        """Write examples [n, *example_shape] to a file, whole or not at all.

        The ending of `path` decides the format.
        """
        raise NotImplementedError

    def texts(self, examples) -> list[str] | None:
        """The examples as text, one line for each; None for a kind that has none."""
        return None

    def write_assets(self, folder: Path):
        """Write the vocabulary into the `folder` of an export, whose users need it."""
        (folder / VOCABULARY).parent.mkdir(exist_ok=True)
        write_text(folder / VOCABULARY, "".join(f"{word}\n" for word in self.vocabulary))


class ImageKind(Kind):
    """Images [height, width, channels] with values in [0, 1]."""

    family = plural = "images"
    endings = PICTURES
    kept = (".png",)
    is_pictured = True
    naive_samples = 10_000

    def data_kind(self, example_shape) -> str:
        """The kind of the data: "grey" for one channel, otherwise "colour"."""
        return "grey" if example_shape[-1] == 1 else "colour"

    def read(self, what: str, example_shape) -> np.ndarray:
        from vae_keras.data.images.folder import read_image

        return read_image(Path(what), example_shape)

    def save(self, examples, path: Path, title=""):
        from vae_keras import figures  # Matplotlib, which data alone do not need

        figures.save(figures.image_grid(examples, title=title), path)

    def write_assets(self, folder: Path):
        """Do nothing: images need no words."""


class MelodyKind(Kind):
    """Melodies: tokens, uint8 or int32 [steps], one for each sixteenth."""

    endings = (".mid", ".wav", ".png")
    kept = endings

    @property
    def vocabulary(self):
        """The name of each token."""
        from vae_keras.data.music.melody_tokens import NAMES

        return NAMES

    def read(self, what: str, example_shape) -> np.ndarray:
        """Read the first window of the melody in a MIDI file: int32 [*example_shape].

        Raises UserError if the file cannot be read or has no usable notes.
        """
        from vae_keras.data.music.midi import read_midi

        return read_midi(Path(what), example_shape[0])[0].astype(np.int32)

    def save(self, examples, path: Path, title=""):
        """Write melodies as MIDI, or the first MOST_SHOWN of them as sound or as a picture."""
        from vae_keras import figures
        from vae_keras.data.music.melody_tokens import to_notes
        from vae_keras.data.music.midi import write_midi
        from vae_keras.data.music.sound import write_wav

        tokens = np.asarray(examples)
        if path.suffix.lower() == ".mid":
            write_midi(tokens, path)
        elif path.suffix.lower() == ".wav":
            write_wav(tokens[:MOST_SHOWN], path)
        else:
            drawn = [to_notes(one) for one in tokens[:MOST_SHOWN]]
            figures.save(figures.piano_rolls(drawn, title), path)

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

    def read(self, what: str, example_shape) -> np.ndarray:
        """The tokens of the sentence `what`: int32 [*example_shape].

        Raises UserError if it has more words than fit.
        """
        return self._vocabulary().encode([what], example_shape[0])[0]

    def save(self, examples, path: Path, title=""):
        """Write sentences to a text file, one a line, whole or not at all."""
        write_text(path, "".join(f"{line}\n" for line in self.texts(examples)))

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
    naive_samples = 10_000

    def data_kind(self, example_shape) -> str:
        """The kind of the data: "numbers"."""
        return "numbers"

    def read(self, what: str, example_shape) -> np.ndarray:
        """The standardised row that numbers in the units of the data give: float32 [columns].

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
        return self.columns.standardised(row)

    def save(self, examples, path: Path, title=""):
        """Write rows to a .csv file in the units of the data, with the names of the columns."""
        lines = [
            self.columns.names,
            *([f"{v:.6g}" for v in row] for row in self.restored(examples)),
        ]
        with whole_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as f:
            csv.writer(f, lineterminator="\n").writerows(lines)

    def restored(self, examples) -> np.ndarray:
        """Standardised rows [n, columns] in the units of the data."""
        return self.columns.restored(examples)

    def write_assets(self, folder: Path):
        """Write what standardises the columns into the `folder` of an export."""
        (folder / COLUMNS).parent.mkdir(exist_ok=True)
        write_text(folder / COLUMNS, json.dumps(self.columns.as_dict(), indent=2) + "\n")


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
