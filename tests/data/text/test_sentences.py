import importlib
import itertools
import random
import re
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from vae_keras import UserError
from vae_keras.data.text.sentences import (
    MOST_UNKNOWN,
    MOST_WORDS,
    docstrings,
    prose,
    sentences,
    text_file,
)
from vae_keras.data.text.vocabulary import END, PADDING, SPECIAL, UNKNOWN, split_words

MODULE = importlib.import_module("vae_keras.data.text.sentences")
SUBJECTS = "the cat|a dog|my old horse|our neighbour|the king of france|an angry bee".split("|")
LIBRARY = MODULE._library_files()
PACKAGES = "asyncio email http importlib json logging unittest xml".split()
VERBS = "sees|hears|has never met|will soon visit|cannot stand|is said to like".split("|")
OBJECTS = "the sea|a green hill|two of your sisters|long walks|cheese and wine|me".split("|")
ENDS = "in the morning.|when it rains.|though nobody asked.|every second day.|!|?".split("|")


@pytest.fixture(scope="module")
def documentation(tmp_path_factory):
    """The real thing, but for most of the library, which takes seconds to parse."""
    files = [file for file in LIBRARY if file.parent.name in PACKAGES]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(MODULE, "_library_files", lambda: files)
        yield sentences()


@pytest.fixture(params=["documentation", "file"])
def data(request, documentation, tmp_path):
    return documentation if request.param == "documentation" else text_file(written(tmp_path))


def written(folder, lines=None, encoding="utf-8") -> Path:
    """A text file of these lines, or of many sentences of which none is near another."""
    path = folder / "some.txt"
    path.write_text("\n".join(distant() if lines is None else lines), encoding, newline="")
    return path


def distant() -> list[str]:
    """216 sentences: any two differ in at least two of their four parts."""
    numbers = itertools.product(range(6), repeat=3)
    return [f"{SUBJECTS[a]} {VERBS[b]} {OBJECTS[c]} {ENDS[(a + b + c) % 6]}" for a, b, c in numbers]


def words_of(data, rows) -> list[tuple[str, ...]]:
    texts = data.vocabulary.decode(data.tokens[rows])
    return [tuple(split_words(text)) for text in texts]


def leaving_out(words, gap):
    """The words with `gap` in the place of each one of them."""
    return [words[:i] + gap + words[i + 1 :] for i in range(len(words))]


# --- Every data set ---


def test_sentences_are_words_then_the_end_then_padding(data):
    tokens, lengths = data.tokens, np.argmax(data.tokens == END, axis=1)
    assert tokens.dtype == np.int32 and tokens.shape[1] == lengths.max() + 1 <= MOST_WORDS + 1
    columns = np.arange(tokens.shape[1])
    is_word = columns < lengths[:, None]
    assert np.all(tokens[is_word] >= UNKNOWN) and tokens.max() < len(data.vocabulary)
    assert np.all(tokens[columns > lengths[:, None]] == PADDING) and lengths.min() > 0
    unknown = (tokens == UNKNOWN).sum(axis=1)
    assert np.all(unknown <= MOST_UNKNOWN * lengths)


def test_every_sentence_is_in_one_split(data):
    rows = np.concatenate([data.train, data.validation, data.test])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(data.tokens)))
    assert sum(data.sources.values()) == len(data.tokens)
    assert 0.04 < len(data.test) / len(rows) < 0.11
    assert 0.04 < len(data.validation) / len(rows) < 0.11


def test_vocabulary_is_of_training_by_frequency(data):
    counts = np.bincount(data.tokens[data.train].ravel(), minlength=len(data.vocabulary))
    words = counts[len(SPECIAL) :]
    assert (words > 0).mean() > 0.9  # the rest come in sentences with too many rare words
    assert words[0] == words.max() and words[:20].min() > words[-20:].max() / 2


def test_no_held_out_sentence_differs_by_one_word_from_training(data):
    sentences = [tuple(row[: row.index(END)]) for row in data.tokens.tolist()]
    train = {sentences[row] for row in data.train}
    shorter = {without for words in train for without in leaving_out(words, ())}
    gaps = {without for words in train for without in leaving_out(words, (None,))}
    for row in (*data.validation, *data.test):
        assert sentences[row] not in shorter  # nor train: no sentence comes twice
        assert train.isdisjoint(leaving_out(sentences[row], ()))
        assert gaps.isdisjoint(leaving_out(sentences[row], (None,)))


def test_a_longer_text_moves_no_test_sentence_to_training(tmp_path):
    lines = distant()
    whole = text_file(written(tmp_path, lines))
    part = text_file(written(tmp_path, random.Random(0).sample(lines, 180)))
    for one, other in ((whole, part), (part, whole)):
        held_out, trained = words_of(one, one.test), words_of(other, other.train)
        assert held_out and not set(held_out) & set(trained)


# --- Documentation ---


def test_documentation_gives_thousands_of_sentences_without_an_import(documentation):
    assert len(documentation.train) > 2_500
    assert min(len(documentation.validation), len(documentation.test)) > 200
    assert set(documentation.sources) == {"pydoc_data.topics", "docstrings"}
    assert min(documentation.sources.values()) > 1_000
    assert (documentation.tokens == UNKNOWN).sum() < 0.03 * (documentation.tokens > END).sum()
    assert not {"json.tool", "unittest.__main__"} & set(sys.modules)


def test_the_library_is_listed_without_its_tests_and_what_is_installed():
    root = sysconfig.get_path("stdlib")
    folders = {part for file in LIBRARY for part in file.relative_to(root).parts[:-1]}
    assert {"email", "mime"} <= folders and not {"site-packages", "numpy", "test"} & folders
    assert len(LIBRARY) > 400


def test_documentation_reads_as_english(documentation):
    texts = documentation.vocabulary.decode(documentation.tokens)
    for text in texts:
        assert re.search(r"[.!?][')]?\)?$", text), text
        assert not re.search(r"[=\\|*_`~^@{}\[\]+]|--|::", text), text
        assert text.count("(") == text.count(")"), text
    articles = np.mean([" the " in f" {text}" for text in texts])
    assert articles > 0.5 and len(set(texts)) > 0.99 * len(texts)


def test_sentences_are_found_across_lines_markup_and_labels():
    text = """The "with" statement
********************

   with_stmt ::= "with" item

The *context* of a block, i.e. what
it can see, is kept by "__enter__()".  It is
left by ‘exit’ [1], see "x = y" for details. Objects’ classes:

   if x:
       print("This is not a sentence.")

There are two changes:
* Changed the default of **all** modules; "None" is no
  longer taken -- use an int.
* fragments of a list

Changed in version 3.8: The first character(s) of os.path
are kept (see the note). Is it so?

[1] The footnote is a sentence.
"""
    left_out = Counter()
    assert prose([text], left_out) == [
        "The context of a block, that is what it can see, is kept by <name>.",
        "It is left by exit, see <name> for details.",
        "Changed the default of all modules; None is no longer taken – use an int.",
        "The first characters of <name> are kept (see the note).",
        "The footnote is a sentence.",
    ]
    assert left_out == {
        "block without a sentence: headings, code, lists": 5,
        "does not begin or end as a sentence": 2,
        "has fewer than 5 words": 1,
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("and so the rest is lost.", "does not begin or end as a sentence"),
        ("Then x == y is the same.", "holds code or markup"),
        ("The table has   two columns of words.", "holds code or markup"),
        ("This (is not closed.", "holds code or markup"),
        ("Use `a.b()` and `c.d()` for that.", "is mostly code"),
        ("Do it.", "has fewer than 5 words"),
        ("Capture patterns always succeed.", "has none of the commonest English words"),
        ("A heading without an end", "block without a sentence: headings, code, lists"),
    ],
)
def test_what_is_no_sentence_is_counted(text, reason):
    left_out = Counter()
    assert prose([text], left_out) == [] and left_out == {reason: 1}


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Who is a friend of J. Random Hacker, cf. Smith, and of others.",
        "The flags, e.g. those of a file, are kept.",
        "'mode' is one of the modes of a file.",
        "It raises ValueError if the name isn't known (see below).",
    ],
)
def test_a_point_within_a_sentence_does_not_end_it(text):
    assert len(prose([text], Counter())) == 1


def test_docstrings_of_modules_classes_and_functions(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        '"""One."""\nclass A:\n    """Two.\n\n    Three.\n    """\n    def f(self):\n'
        '        """Four."""\nasync def g():\n    """Five."""\nx = """Six."""\nraise SystemExit\n'
    )
    found = [text for text in docstrings([file]) if text]
    assert sorted(found) == ["Five.", "Four.", "One.", "Two.\n\nThree."]


def test_documentation_is_read_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path))
    files = [file for file in LIBRARY if file.parent.name == "asyncio"]
    monkeypatch.setattr(MODULE, "_library_files", lambda: files)
    monkeypatch.setattr(MODULE, "topics", {"none": "An object without a value is called None."})
    first = sentences()
    assert "once" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr(MODULE, "prose", lambda *arguments: pytest.fail("read again"))
        second = sentences()
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(first.tokens, second.tokens)
    np.testing.assert_array_equal(first.test, second.test)
    assert (first.vocabulary, first.left_out) == (second.vocabulary, second.left_out)
    files.pop()  # another library, as after an update
    sentences()
    assert "once" in capsys.readouterr().out and len(list((tmp_path / "sentences").iterdir())) == 2


# --- Text files ---


def test_a_file_gives_its_lines(tmp_path):
    lines = distant()
    data = text_file(written(tmp_path, lines))
    assert data.name == "some.txt" and data.sources == {"some.txt": 216} and not data.left_out
    rows = np.concatenate([data.train, data.validation, data.test])
    normal = {" ".join(split_words(line)) for line in lines}
    assert {" ".join(words) for words in words_of(data, rows)} == normal


def test_lines_left_out_are_counted(tmp_path):
    rare = "Words that nobody else uses make a line no longer, however many of them there may be."
    odd = ["", "  ", "word " * 100_000, distant()[0].upper(), rare]
    data = text_file(written(tmp_path, [*distant(), *odd]))
    assert data.tokens.shape[1] == max(len(split_words(line)) for line in distant()) + 1
    assert data.left_out == {
        "is empty": 2,
        f"has more than {MOST_WORDS} words": 1,
        "comes again": 1,
        "has too many rare words": 1,
    }


@pytest.mark.parametrize("change", ["substitute", "insert", "two numbers"])
def test_near_duplicates_are_taken_from_the_held_out(tmp_path, change):
    lines = [f"{line} {10 + i % 20} of {10 + i // 20}" for i, line in enumerate(distant())]
    before = text_file(written(tmp_path, lines))
    target, words = list(words_of(before, before.train[:1])[0]), before.vocabulary.words[3:]
    others = {
        "substitute": [[*target[:2], word, *target[3:]] for word in words],
        "insert": [[*target[:2], word, *target[2:]] for word in words],
        "two numbers": [[*target[:-3], str(n), "of", str(n)] for n in range(10, 21)],
    }[change]
    after = text_file(written(tmp_path, [*lines, *map(" ".join, others)]))
    assert not before.left_out
    assert after.left_out["differs by a word from a training sentence"] >= 0.1 * len(others)
    held_out = words_of(after, np.concatenate([after.validation, after.test]))
    assert held_out and not set(held_out) & set(map(tuple, others))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_marks_of_order_and_ends_of_lines_are_no_words(tmp_path, encoding, ending):
    path = tmp_path / "some.txt"
    path.write_text("".join(line + ending for line in distant()), encoding, newline="")
    plain = text_file(written(tmp_path / "..", distant()))
    np.testing.assert_array_equal(text_file(path).tokens, plain.tokens)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["0 sentences to train", "0 words", "left out – nothing"]),
        (b"\n \n", ["0 sentences to train", "is empty: 2"]),
        (b"A cat.\nA dog.\n", ["2 words that come twice", "has too many rare words: 2"]),
        (b"\n".join(b"word " * n for n in range(1, 25)), ["1 words that come twice"]),
        (b"\n".join(b"1 and %d" % (n // 2) + b"!" * (n % 2) for n in range(99)), ["0 to test"]),
        ("Fine.\nUn café.\n".encode("latin-1"), ["line 2 has the byte 0xe9", "as UTF-8"]),
        ("A cat.\nA dog.\n".encode("utf-16"), ["line 1 has a zero byte", "as UTF-8"]),
        (bytes(range(256)) * 10, ["zero byte", "as UTF-8"]),
    ],
)
def test_files_that_give_no_data_set(tmp_path, content, words):
    path = tmp_path / "some.txt"
    path.write_bytes(content)
    with pytest.raises(UserError) as told:
        text_file(path)
    message = str(told.value)
    assert "\n" not in message and all(word in message for word in ["some.txt", *words])


@pytest.mark.parametrize(("name", "words"), [("none.txt", "No such file"), (".", "directory")])
def test_what_is_no_file(tmp_path, name, words):
    with pytest.raises(UserError, match=f"{words}.*: name a file with one sentence a line"):
        text_file(tmp_path / name)
