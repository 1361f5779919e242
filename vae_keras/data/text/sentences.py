"""English sentences: those of Python's own documentation, or the lines of a text file.

The package ships the sentences of the documentation as a file, so they are the same for everybody.
`make_sentences` wrote the file, and SOURCES.md says what it was made of.
"""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_keras.data.dataset import MOST_VALIDATION, Dataset, Examples
from vae_keras.data.kinds import Read, SentenceKind
from vae_keras.data.text.vocabulary import (
    END,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
    lack_spaces,
    most_frequent,
    split_words,
)
from vae_keras.errors import UserError

DOCUMENTATION = Path(__file__).with_name("python_documentation.txt.xz")  # a sentence a line
MOST_WORDS = 25  # in a sentence, marks included
MOST_CHARACTERS = 60  # in a sentence of a script without spaces between words
LEAST_TIMES = 2  # a word that the training sentences have less often is unknown
MOST_UNKNOWN = 0.1  # share of a sentence's words that may be unknown
FEWEST_SENTENCES = 10  # in training
TEST_SHARE = 0.1
TRAIN, VALIDATION, TEST, LEFT_OUT = range(4)
Words = tuple[str, ...]


@dataclass(frozen=True)
class Sentences:
    """A named data set of sentences, in three splits.

    `tokens`, int32 [n, time], are the words of a sentence, marks included, its end, and padding;
    `time` is the number of words of the longest sentence, and one for its end. `train`,
    `validation` and `test` are positions among the n sentences. `left_out` says how many lines were
    not used, by the reason.
    """

    name: str
    tokens: np.ndarray
    vocabulary: Vocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    left_out: dict[str, int]


def sentences() -> Sentences:
    """Return the sentences of Python 3.11's documentation as a data set.

    They are in lower case, and <name> stands for code. The file is part of the package, so they do
    not depend on the Python that runs.
    """
    import lzma  # some builds of Python lack it, and other data sets do not need it

    with lzma.open(DOCUMENTATION, "rt", encoding="utf-8") as lines:
        return _data_set("sentences", lines)


def text_file(path: Path) -> Sentences:
    """Return the sentences of a text file as a data set: UTF-8, one sentence a line.

    If most lines are in a script that has no spaces between words, such as Chinese or Thai, its
    characters stand for words.

    Raises UserError if the file cannot be read, is not UTF-8, or has too few sentences to train,
    validate and test a model.
    """
    path = Path(path)
    lines = list(_lines(path))
    return _data_set(path.name, lines, by_character=lack_spaces(lines))


def own_sentences(path: Path, vocabulary: Vocabulary, time: int) -> Read:
    """The lines of a text file in the words of a model, tokens int32 [n, `time`] and line numbers.

    Lines that are empty or have too many words are left out, and counted in the notes. Raises
    UserError if the file cannot be read or no line is left.
    """
    names, sentences, left_out = [], [], Counter[str]()
    for number, line in enumerate(_lines(path), 1):
        words = vocabulary.split(line)
        if 0 < len(words) < time:
            names.append(f"line {number}")
            sentences.append(words)
        else:
            left_out[f"of more than {time - 1} words" if words else "empty"] += 1
    reasons = "; ".join(f"{count:,} {reason}" for reason, count in left_out.most_common())
    if not sentences:
        raise UserError(f"{path}: no line can be read by the model ({reasons or 'it is empty'})")
    notes = (f"lines that are left out: {reasons}",) if reasons else ()
    return Read(names, vocabulary.encode_words(sentences, time), notes)


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file. Raises UserError if it cannot be read or is not UTF-8."""
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe may never end
        raise UserError(
            f"text {str(path)!r} is not a regular file: name one with a sentence a line"
        )
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if b"\0" in line:
                    reason = f"line {number:,} has a zero byte"
                    raise UserError(f"{path}: is not UTF-8 text ({reason}): save it as UTF-8 text")
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(
            f"text {str(path)!r} cannot be read ({reason}): name a file with one sentence a line"
        ) from error
    except UnicodeDecodeError as error:
        reason = f"line {number:,} has the byte 0x{error.object[error.start]:02x}"
        raise UserError(f"{path}: is not UTF-8 ({reason}): save it as UTF-8 text") from error


def _data_set(name: str, lines: Iterable[str], by_character=False) -> Sentences:
    """The data set of the sentences among `lines`. Raises UserError if they are too few.

    The vocabulary is that of the training sentences.
    """
    left_out = Counter()
    most, what = (MOST_CHARACTERS, "characters") if by_character else (MOST_WORDS, "words")
    too_long = f"of more than {most} {what}"
    found = _distinct((split_words(line, by_character) for line in lines), most, too_long, left_out)
    splits = _splits(found)
    training = itertools.compress(found, splits == TRAIN)
    vocabulary = most_frequent(training, LEAST_TIMES)
    tokens = vocabulary.encode_words(found, most + 1)
    lengths = np.argmax(tokens == END, axis=1)

    is_rare = (tokens == UNKNOWN).sum(axis=1) > MOST_UNKNOWN * lengths
    splits[is_rare] = LEFT_OUT
    is_near = _near_training(tokens, splits, vocabulary)
    splits[is_near] = LEFT_OUT
    left_out["of too many rare words"] += int(is_rare.sum())
    left_out["that differ by a word from a training sentence"] += int(is_near.sum())
    left_out = {reason: count for reason, count in left_out.most_common() if count}

    is_used = splits != LEFT_OUT
    splits = splits[is_used]
    _check_enough(name, vocabulary, splits, left_out)
    return Sentences(
        name,
        tokens[is_used, : lengths[is_used].max() + 1],
        vocabulary,
        *(np.flatnonzero(splits == split) for split in (TRAIN, VALIDATION, TEST)),
        left_out,
    )


def _distinct(
    lines: Iterable[list[str]], most: int, too_long: str, left_out: Counter
) -> list[Words]:
    """The words of each line that is used, once; other lines are counted in `left_out`.

    Lines of more than `most` words are counted as `too_long`.
    """
    found = {}  # in order
    for words in map(tuple, lines):
        if not words:
            left_out["empty"] += 1
        elif len(words) > most:
            left_out[too_long] += 1
        elif words in found:
            left_out["that came before"] += 1
        else:
            found[words] = None
    return list(found)


def _splits(sentences: Iterable[Words]) -> np.ndarray:
    """The split of each sentence: a tenth is the test, and a tenth of the rest is validation.

    Sentences are ordered by their hashes. So a text can grow, and what was in its test split does
    not become training data.
    """
    digests = [hashlib.sha256(" ".join(words).encode()).digest()[:8] for words in sentences]
    order = np.argsort(np.array([int.from_bytes(digest) for digest in digests], np.uint64))
    test_end = round(TEST_SHARE * len(order))
    validation_end = test_end + min((len(order) - test_end) // 10, MOST_VALIDATION)
    splits = np.full(len(order), TRAIN)
    splits[order[:validation_end]] = VALIDATION
    splits[order[:test_end]] = TEST
    return splits


def _near_training(tokens: np.ndarray, splits: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """Which sentences are held out but nearly the same as one of training: bool [n].

    Two sentences are nearly the same if they are equal once at most one word is taken out of each;
    numbers count as equal.
    """
    is_number = np.array([word[0].isdigit() for word in vocabulary.words])
    alike = np.where(is_number[tokens], np.argmax(is_number), tokens).tolist()
    held_out = {}
    for row in np.flatnonzero((splits == VALIDATION) | (splits == TEST)):
        for key in _lacking_a_word(alike[row]):
            held_out.setdefault(key, []).append(row)
    is_near = np.zeros(len(splits), bool)
    for row in np.flatnonzero(splits == TRAIN):
        for key in _lacking_a_word(alike[row]):
            is_near[held_out.get(key, [])] = True
    return is_near


def _lacking_a_word(tokens: list[int]) -> set[int]:
    """The hashes of a sentence, and of the sentence without each one of its words."""
    words = tuple(tokens[: tokens.index(END)])
    return {hash(words), *(hash(words[:i] + words[i + 1 :]) for i in range(len(words)))}


def _check_enough(name: str, vocabulary: Vocabulary, splits, left_out):
    """Raise UserError unless a model can be trained, validated and tested with the sentences."""
    counts = np.bincount(splits, minlength=LEFT_OUT)
    if len(vocabulary) >= len(SPECIAL) + 2 and counts[TRAIN] >= FEWEST_SENTENCES and counts.all():
        return
    reasons = "; ".join(f"{reason}: {count:,}" for reason, count in left_out.items()) or "nothing"
    raise UserError(
        "{}: {:,} sentences to train, {:,} to validate, {:,} to test, and {:,} words that come "
        "twice are left, at least {}, 1, 1 and 2 are needed: add lines (left out – {})".format(
            name, *counts, len(vocabulary) - len(SPECIAL), FEWEST_SENTENCES, reasons
        )
    )


def sentence_dataset(found: Sentences) -> Dataset:
    """Return the sentences as a `Dataset` whose examples are rows of tokens."""
    examples = Examples(found.tokens)
    splits = map(examples.take, (found.train, found.validation, found.test))
    reasons = "; ".join(f"{count:,} {reason}" for reason, count in found.left_out.items())
    notes = (f"lines that are left out: {reasons}",) if reasons else ()
    if found.vocabulary.by_character:
        notes = (*notes, "characters stand for words: the script has no spaces between them")
    return Dataset(found.name, *splits, kind=SentenceKind(found.vocabulary.words), notes=notes)
