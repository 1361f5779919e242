"""Cuts the sentences of the data set `sentences` out of Python's own documentation.

    python -m vae_keras.data.text.make_sentences

writes `python_documentation.txt.xz` beside this file, one sentence a line. The documentation is
that of the Python that runs: the text behind `help()`, in `pydoc_data.topics`, and the docstrings
of the standard library. It differs a little between versions of Python, and some systems install
parts of the library separately. SOURCES.md names the version that the file was made with.
"""

import ast
import lzma
import os
import platform
import re
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from pydoc_data.topics import topics

from vae_keras.data.text.sentences import DOCUMENTATION
from vae_keras.data.text.vocabulary import split_words
from vae_keras.files import whole_file

NO_SOURCES = ("site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__")
FEWEST_WORDS = 5  # in a sentence of documentation, marks included
MOST_CODE = 1 / 6  # share of a sentence's words that may be code
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


def main():
    """Write the file, and print how much of the documentation became sentences."""
    left_out = Counter()
    lines = documentation(library_files(), left_out)
    with whole_file(DOCUMENTATION) as temporary:
        temporary.write_bytes(packed(lines))
    print(f"{len(lines):,} sentences of Python {platform.python_version()} in {DOCUMENTATION}")
    for reason, count in left_out.most_common():
        print(f"{count:7,} left out: {reason}")


def documentation(files: Iterable[Path], left_out: Counter) -> list[str]:
    """Return each sentence of the documentation once: those of `help()`, then those of `files`.

    What is not a sentence is counted in `left_out`, by the reason.
    """
    return list(dict.fromkeys(prose([*topics.values(), *docstrings(files)], left_out)))


def packed(lines: Iterable[str]) -> bytes:
    """Return the bytes of a compressed file of these lines; the same lines give the same bytes."""
    text = "".join(f"{line}\n" for line in lines)
    return lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)


def library_files() -> list[Path]:
    """List the Python files of the standard library, without its tests."""
    files = []
    for parent, folders, names in os.walk(sysconfig.get_path("stdlib")):
        folders[:] = [folder for folder in folders if folder not in NO_SOURCES]
        files += [Path(parent, name) for name in names if name.endswith(".py")]
    return sorted(files)


def docstrings(files: Iterable[Path]) -> Iterator[str]:
    """Yield the docstrings of all modules, classes and functions, without their indentation.

    The files are read and not imported.
    """
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for file in files:
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, documented):
                yield ast.get_docstring(node) or ""


def prose(texts: Iterable[str], left_out: Counter) -> list[str]:
    """Return the sentences of texts with markup.

    What is not a sentence is counted in `left_out`, by the reason.
    """
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
    """Yield lines that belong together, joined: lines of one indentation, up to the next bullet."""
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
    """Cut a block where a sentence ends and another begins, and remove the label in front of it."""
    label = LABEL.match(block)
    block = block[label.end() :] if label else block
    pieces, start = [], 0
    for boundary in BOUNDARY.finditer(block):
        if not ABBREVIATED.search(block, start, boundary.start()):
            pieces.append(block[start : boundary.end(1)])
            start = boundary.end()
    return [*pieces, block[start:]]


def _without_markup(piece: str) -> str:
    """Remove emphasis, and the quotes around words; code in quotes becomes <name>.

    So do identifiers without quotes. Names of letters alone (ValueError) stay as they are.
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
    """Return why a piece is not an English sentence, or None if it is one.

    `sentence` is the piece without its markup.
    """
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


if __name__ == "__main__":
    main()
