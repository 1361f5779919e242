"""The kinds of examples: how images, melodies and sentences are read, written and called.

A data set has one of them, and so has every model, by the words of its tokens. What differs between
the kinds is asked of these objects, and of nothing else.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_keras.errors import UserError
from vae_keras.files import write_text

PICTURES = (".png", ".jpg", ".pdf", ".svg")
MOST_SHOWN = 64  # melodies in a picture, or to hear
VOCABULARY = "assets/vocabulary.txt"  # of an exported model: the words of the tokens 0, 1, …


class Kind:
    """What is known of one kind of examples.

    `family` is what models and networks tell apart: images, or tokens. `endings` are those of the
    files that `save` can write, the usual one first, `kept` those that a run leaves of its samples.
    """

    family = "tokens"
    plural = "sequences"
    endings: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()  # the words of the tokens 0, 1, …
    end: int | None = None  # the token after which a sequence has ended, if there is one
    is_pictured = False  # whether an example is an image itself
    naive_samples = 1_000  # of naive Monte Carlo, unless one asks for others

    def data_kind(self, example_shape) -> str:
        """What the figures of such examples compare with."""
        return "tokens"

    def read(self, what: str, example_shape) -> np.ndarray:
        """One example, as a user names it: a file, or a sentence. Raises UserError for others."""
        raise NotImplementedError

    def save(self, examples, path: Path, title=""):
        """Write examples [n, *example_shape] to a file, whole or not at all, by its ending."""
        raise NotImplementedError

    def texts(self, examples) -> list[str] | None:
        """Examples in words, where they have any: one line for each."""
        return None

    def write_assets(self, folder: Path):
        """Write to the folder of an export what its users need to read the examples."""
        (folder / VOCABULARY).parent.mkdir(exist_ok=True)
        write_text(folder / VOCABULARY, "".join(f"{word}\n" for word in self.vocabulary))


class ImageKind(Kind):
    """Images [height, width, channels] in [0, 1]."""

    family = plural = "images"
    endings = PICTURES
    kept = (".png",)
    is_pictured = True
    naive_samples = 10_000

    def data_kind(self, example_shape) -> str:
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
    """Melodies as tokens, uint8 or int32 [steps], one for each sixteenth."""

    endings = (".mid", ".wav", ".png")
    kept = endings

    @property
    def vocabulary(self):
        from vae_keras.data.music.melody_tokens import NAMES

        return NAMES

    def read(self, what: str, example_shape) -> np.ndarray:
        from vae_keras.data.music.midi import read_midi

        return read_midi(Path(what), example_shape[0])[0].astype(np.int32)

    def save(self, examples, path: Path, title=""):
        """Write them as MIDI, or the first MOST_SHOWN as sound or as a picture."""
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
    """Sentences as tokens, int32 [steps]: the words, an end, and padding."""

    words: tuple[str, ...]

    endings = (".txt",)
    kept = endings

    @property
    def vocabulary(self):
        return self.words

    @property
    def end(self):
        from vae_keras.data.text.vocabulary import END

        return END

    def _vocabulary(self):
        from vae_keras.data.text.vocabulary import Vocabulary

        return Vocabulary(self.words)

    def read(self, what: str, example_shape) -> np.ndarray:
        return self._vocabulary().encode([what], example_shape[0])[0]

    def save(self, examples, path: Path, title=""):
        write_text(path, "".join(f"{line}\n" for line in self.texts(examples)))

    def texts(self, examples) -> list[str]:
        return self._vocabulary().decode(np.asarray(examples))


IMAGES, MELODIES = ImageKind(), MelodyKind()


def kind_of(vocabulary) -> Kind:
    """The kind of a model's examples, by the words of its tokens: images if it has none."""
    if not vocabulary:
        return IMAGES
    return MELODIES if tuple(vocabulary) == MELODIES.vocabulary else SentenceKind(tuple(vocabulary))


def read_assets(folder: Path) -> Kind:
    """The kind of the examples of an exported model, from what `write_assets` has left there.

    Raises UserError if the words cannot be read.
    """
    file = folder / VOCABULARY
    if not file.is_file():
        return IMAGES
    try:
        words = file.read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read ({error}): restore it") from error
    if not words:  # or a model of tokens would be taken for one of images
        raise UserError(f"{file} has no words: restore it")
    return kind_of(words)
