"""English sentences: those of Python's own documentation, or the lines of a text file.

The documentation is what every Python brings along: the text behind `help()`, in
`pydoc_data.topics`, and the docstrings of the standard library, which are read from its files
without importing them. It differs a little between versions of Python, and some systems install
parts of the library apart, so a figure should name the version and the number of sentences.
"""

import ast
import hashlib
import itertools
import json
import os
import platform
import re
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

from vae_keras.data.dataset import MOST_VALIDATION, Dataset, Examples
from vae_keras.data.kinds import SentenceKind
from vae_keras.data.text.vocabulary import (
    END,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
    most_frequent,
    split_words,
)
from vae_keras.errors import UserError
from vae_keras.files import cache_folder, write_text

VERSION = 1  # raise it when the same documentation would give other sentences
MOST_WORDS = 25  # in a sentence, marks included
LEAST_TIMES = 2  # that a word comes in the training sentences, or else it is unknown
MOST_UNKNOWN = 0.1  # of the words of a sentence
FEWEST = 10  # training sentences
TEST_SHARE = 0.1
TRAIN, VALIDATION, TEST, UNUSED = range(4)
Words = tuple[str, ...]


@dataclass(frozen=True)
class Sentences:
    """A named data set of sentences, three splits of them, and what did not become one.

    `tokens` int32 [n, time] are the words of a sentence, marks included, its end, and padding;
    `time` is one more than the words of the longest. `train`, `validation` and `test` are positions
    among the n. `sources` says how many come from where, `left_out` how many were not used and why.
    """

    name: str
    tokens: np.ndarray
    vocabulary: Vocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    sources: dict[str, int]
    left_out: dict[str, int]


def sentences() -> Sentences:
    """The sentences of Python's documentation, in lower case, <name> for what is code in them.

    They are found at the first use and kept on disk from then on.
    """
    files = _library_files()
    state = [(str(file), file.stat().st_size) for file in files]
    digest = hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]
    version = platform.python_version()
    cache = cache_folder() / "sentences" / f"{VERSION}-{version}-{digest}.json"
    if not cache.is_file():
        print(f"reading the documentation of Python {version}, once: about 10 s", flush=True)
        left_out = Counter()
        found = {
            "pydoc_data.topics": prose(topics.values(), left_out),
            "docstrings": prose(docstrings(files), left_out),
        }
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_text(cache, json.dumps({"found": found, "left_out": left_out}))
    return _data_set("sentences", **json.loads(cache.read_text(encoding="utf-8")))


def text_file(path: Path) -> Sentences:
    """The sentences of a text in UTF-8, one a line. Raises UserError unless it gives enough."""
    path = Path(path)
    return _data_set(path.name, {path.name: _lines(path)}, {})


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file. Raises UserError for what is not text in UTF-8."""
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


# --- From sentences to a data set ---


def _data_set(name: str, found: dict[str, Iterable[str]], left_out: dict[str, int]) -> Sentences:
    """The data set of the sentences `found` in each source. Raises UserError if they are few.

    The vocabulary is that of the training sentences.
    """
    left_out = Counter(left_out)
    source_of = _distinct(found, left_out)
    splits = _splits(source_of)
    training = itertools.compress(source_of, splits == TRAIN)
    vocabulary = most_frequent(training, LEAST_TIMES)
    tokens = vocabulary.encode_words(source_of, MOST_WORDS + 1)
    lengths = np.argmax(tokens == END, axis=1)

    is_rare = (tokens == UNKNOWN).sum(axis=1) > MOST_UNKNOWN * lengths
    splits[is_rare] = UNUSED
    is_near = _near_training(tokens, splits, vocabulary)
    splits[is_near] = UNUSED
    left_out["has too many rare words"] += int(is_rare.sum())
    left_out["differs by a word from a training sentence"] += int(is_near.sum())
    left_out = {reason: count for reason, count in left_out.most_common() if count}

    is_used = splits != UNUSED
    splits = splits[is_used]
    _check_enough(name, vocabulary, splits, left_out)
    return Sentences(
        name,
        tokens[is_used, : lengths[is_used].max() + 1],
        vocabulary,
        *(np.flatnonzero(splits == split) for split in (TRAIN, VALIDATION, TEST)),
        dict(Counter(itertools.compress(source_of.values(), is_used))),
        left_out,
    )


def _distinct(found: dict[str, Iterable[str]], left_out: Counter) -> dict[Words, str]:
    """The words of each sentence that is used, and its source; the others are counted."""
    source_of = {}
    for source, texts in found.items():
        for text in texts:
            words = tuple(split_words(text))
            if not words:
                left_out["is empty"] += 1
            elif len(words) > MOST_WORDS:
                left_out[f"has more than {MOST_WORDS} words"] += 1
            elif words in source_of:
                left_out["comes again"] += 1
            else:
                source_of[words] = source
    return source_of


def _splits(sentences: Iterable[Words]) -> np.ndarray:
    """The split of each sentence: a tenth is the test, a tenth of the rest validation.

    The order is one of hashes, so that what another version of Python says in the same words is in
    its test, too.
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
    """Whether each sentence is held out but near one of training, bool [n].

    Two sentences are near if they are equal once a word is left out of each, or of one, and all
    numbers are the same.
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
    """The hashes of a sentence and of what it is without any one of its words."""
    words = tuple(tokens[: tokens.index(END)])
    return {hash(words), *(hash(words[:i] + words[i + 1 :]) for i in range(len(words)))}


def _check_enough(name: str, vocabulary: Vocabulary, splits, left_out):
    """Raise UserError unless a model could be trained, validated and tested with it."""
    counts = np.bincount(splits, minlength=UNUSED)
    if len(vocabulary) >= len(SPECIAL) + 2 and counts[TRAIN] >= FEWEST and counts.all():
        return
    reasons = "; ".join(f"{reason}: {count:,}" for reason, count in left_out.items()) or "nothing"
    raise UserError(
        "{}: {:,} sentences to train, {:,} to validate, {:,} to test, and {:,} words that come "
        "twice are left, at least {}, 1, 1 and 2 are needed: add lines (left out – {})".format(
            name, *counts, len(vocabulary) - len(SPECIAL), FEWEST, reasons
        )
    )


# --- From documentation to sentences ---

NO_SOURCES = ("site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__")
FEWEST_WORDS = 5  # in a sentence of documentation, marks included
MOST_CODE = 1 / 6  # of its words
CODE = "<name>"  # stands for code within a sentence
BULLET = re.compile(r"(?:[*•-]|\(?\d+[.)]|\[\d+\]) +")
LABEL = re.compile(
    r"(?:Changed|New|Added) in version [\d.]+: |Deprecated since version [\d.]+[^:]*: "
    r"|\*\*[^*]+:\*\* |(?:Note|NOTE|Warning|WARNING|See also|Hint|Important): +"
    r"|\w+ +-- +|:(?:param|return|returns|raise|raises|type|rtype)\b[^:]*: "
)
ENDED = re.compile(r"[.!?][\"')\]”’]*$")
BEGUN = re.compile(r"[\"'`*“‘(:_]*[A-Z]|[\"'`*“‘]")
BOUNDARY = re.compile(r"(?<=[.!?])([\"')\]”’]*)\s+(?=[A-Z\"'`*“‘(:])")
ABBREVIATED = re.compile(r"\b(?:e\.?g|i\.?e|vs|cf|resp|approx|Mr|Dr|St|[A-Z])\.$")
IN_WORDS = {"e": "for example", "i": "that is"}
QUOTED = re.compile(
    r"``(.+?)``|(?::[\w:]+:)?`(.+?)[`']|\"([^\"]+)\"|“([^”]+)”|(?<!\w)['‘]([^'’]+)['’](?!\w)"
)
PLAIN = re.compile(r"[A-Za-z]+(?:[ '-][A-Za-z]+)*[.,!?]?")
EMPHASIS = re.compile(r"(?<!\w)(\*\*?)([^\s*](?:[^*]*[^\s*])?)\1(?!\w)")
FOOTNOTE = re.compile(r" +\[\d+\](?!\w)")
LATIN = re.compile(r"\b(?:(e)\.?g\.|(i)\.?e\.)(,?)")
PLURAL = re.compile(r"(?<=\w)\((e?s)\)")
IDENTIFIER = re.compile(
    r"(?<![\w.])(?:\.?\w+(?:\.\w+)*\([^() ]*(?:, [^() ]+)*\)"
    r"|\.?[A-Za-z]\w*(?:\.\w+)+|\.\w+|\w*_\w*)(?!\w)"
)
DASH = re.compile(r"\s+(?:--?|–|—)\s+")
NOT_PROSE = re.compile(
    r"[=<>{}|\\@#$^~*+_`&\[\]%…\"]|\.\.|::|--|(?<!\w)[-/']|[-/](?!\w)|(?<!s)'(?!\w)"
    r"|[^\W\d]\.\w|\w[.!?] [a-z]"
)
TABLE = re.compile(r"\S {3,}\S")
FUNCTION_WORDS = frozenset(
    "a an and are as be been by can for from if in is it may must no not of on or that the this to "
    "was when will with".split()
)


def _library_files() -> list[Path]:
    """The Python files of the standard library, without its tests."""
    files = []
    for parent, folders, names in os.walk(sysconfig.get_path("stdlib")):
        folders[:] = [folder for folder in folders if folder not in NO_SOURCES]
        files += [Path(parent, name) for name in names if name.endswith(".py")]
    return sorted(files)


def docstrings(files: Iterable[Path]) -> Iterator[str]:
    """The docstrings of all modules, classes and functions, without their indentation."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for file in files:
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, documented):
                yield ast.get_docstring(node) or ""


def prose(texts: Iterable[str], left_out: Counter) -> list[str]:
    """The sentences of texts with markup; what is none of them is counted."""
    found = []
    for block in (block for text in texts for block in _blocks(text)):
        pieces = _pieces(block)
        if not any(map(ENDED.search, pieces)):
            left_out["block without a sentence: headings, code, lists"] += 1
            continue
        for piece in pieces:
            sentence = _without_markup(piece)
            reason = _reason_against(piece, sentence)
            if reason is None:
                found.append(sentence)
            else:
                left_out[reason] += 1
    return found


def _blocks(text: str) -> Iterator[str]:
    """Lines that stand together, joined: of one indentation, with no bullet but the first's."""
    lines, indentation = [], 0
    for line in [*text.expandtabs().splitlines(), ""]:
        content = line.strip()
        bullet = BULLET.match(content)
        start = len(line) - len(line.lstrip())
        if lines and (not content or bullet or start != indentation):
            yield " ".join(lines)
            lines = []
        if not lines:
            indentation = start + (bullet.end() if bullet else 0)
            content = content[bullet.end() :] if bullet else content
        if content:
            lines.append(content)


def _pieces(block: str) -> list[str]:
    """A block cut where a sentence ends and another begins, without the label in front of it."""
    label = LABEL.match(block)
    block = FOOTNOTE.sub("", block[label.end() :] if label else block)
    pieces, start = [], 0
    for boundary in BOUNDARY.finditer(block):
        if not ABBREVIATED.search(block, start, boundary.start()):
            pieces.append(block[start : boundary.end(1)])
            start = boundary.end()
    return [*pieces, block[start:]]


def _without_markup(piece: str) -> str:
    """Emphasis and quotes around words fall away; what they hold that is code becomes <name>.

    So do the identifiers that no quotes mark. Names of letters alone (ValueError) stay as they are.
    """
    text = QUOTED.sub(_word_or_code, piece).replace("’", "'")
    text = PLURAL.sub(r"\1", EMPHASIS.sub(r"\2", text))
    text = LATIN.sub(lambda found: IN_WORDS[found[1] or found[2]] + found[3], text)
    text = DASH.sub(" – ", IDENTIFIER.sub(CODE, text))
    return " ".join(text.split())


def _word_or_code(quoted: re.Match) -> str:
    content = quoted[quoted.lastindex]
    return content if PLAIN.fullmatch(content) else CODE


def _reason_against(piece: str, sentence: str) -> str | None:
    """Why a piece, and what it is without markup, is not an English sentence; None if it is one."""
    words = split_words(sentence)
    prose = sentence.replace(CODE, "")
    if not (BEGUN.match(piece) and ENDED.search(sentence)):
        return "does not begin or end as a sentence"
    if TABLE.search(piece) or NOT_PROSE.search(prose) or prose.count("(") != prose.count(")"):
        return "holds code or markup"
    if words.count(CODE) > MOST_CODE * len(words):
        return "is mostly code"
    if len(words) < FEWEST_WORDS:
        return f"has fewer than {FEWEST_WORDS} words"
    if FUNCTION_WORDS.isdisjoint(words):
        return "has none of the commonest English words"
    return None


def sentence_dataset(found: Sentences) -> Dataset:
    """Sentences of words, each with its end."""
    examples = Examples(found.tokens)
    splits = map(examples.take, (found.train, found.validation, found.test))
    return Dataset(found.name, *splits, kind=SentenceKind(found.vocabulary.words))
