"""What one reads, sees and hears of sequences of tokens: melodies or sentences."""

from pathlib import Path

import numpy as np

from vae_keras import figures
from vae_keras.data.music import melody_tokens
from vae_keras.data.music.melody_tokens import to_notes
from vae_keras.data.music.midi import read_midi, write_midi
from vae_keras.data.music.sound import write_wav
from vae_keras.data.text.vocabulary import Vocabulary
from vae_keras.files import write_text

MUSIC, WORDS = (".mid", ".wav", ".png"), (".txt",)  # files that are written of each
MOST_SHOWN = 64  # melodies in a picture, or to hear


def is_music(vocabulary) -> bool:
    """Whether the tokens are those of melodies."""
    return tuple(vocabulary) == melody_tokens.NAMES


def endings(vocabulary) -> tuple[str, ...]:
    """The endings of files that `save` can write for these tokens, the usual one first."""
    return MUSIC if is_music(vocabulary) else WORDS


def save(tokens, vocabulary, path: Path, title=""):
    """Write sequences [n, steps], whole or not at all: MIDI, sound, a picture or lines of text.

    By the ending of `path`. Of many melodies the first MOST_SHOWN are drawn, or heard in a .wav.
    """
    tokens = np.asarray(tokens)
    if path.suffix.lower() == ".mid":
        write_midi(tokens, path)
    elif path.suffix.lower() == ".wav":
        write_wav(tokens[:MOST_SHOWN], path)
    elif path.suffix.lower() == ".png":
        drawn = [to_notes(one) for one in tokens[:MOST_SHOWN]]
        figures.save(figures.piano_rolls(drawn, title), path)
    else:
        write_text(path, "".join(f"{line}\n" for line in texts(tokens, vocabulary)))


def texts(tokens, vocabulary) -> list[str]:
    """Sequences [n, steps] to read: sentences, or the names of the notes of melodies."""
    tokens = np.asarray(tokens)
    if is_music(vocabulary):
        return [" ".join(_note(note) for note in to_notes(one)) for one in tokens]
    return Vocabulary(tuple(vocabulary)).decode(tokens)


def _note(note) -> str:
    name = melody_tokens.NAMES[melody_tokens.FIRST_PITCH + note.pitch]
    return f"{name}:{note.length}"


def read(what: str, vocabulary, steps: int) -> np.ndarray:
    """The tokens int32 [steps] of a sentence, or of the beginning of a .mid file.

    Raises UserError.
    """
    if is_music(vocabulary):
        return read_midi(Path(what), steps)[0].astype(np.int32)
    return Vocabulary(tuple(vocabulary)).encode([what], steps)[0]
