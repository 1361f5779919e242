import itertools
import lzma
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vae_keras import UserError
from vae_keras.data.text.sentences import (
    DOCUMENTATION,
    MOST_CHARACTERS,
    MOST_UNKNOWN,
    MOST_WORDS,
    own_sentences,
    sentence_dataset,
    sentences,
    text_file,
)
from vae_keras.data.text.vocabulary import END, PADDING, SPECIAL, UNKNOWN, split_words

ASSETS = Path(__file__).parents[3] / "saved_models" / "pretrained" / "sentences_vae" / "assets"
SUBJECTS = "the cat|a dog|my old horse|our neighbour|the king of france|an angry bee".split("|")
VERBS = "sees|hears|has never met|will soon visit|cannot stand|is said to like".split("|")
OBJECTS = "the sea|a green hill|two of your sisters|long walks|cheese and wine|me".split("|")
ENDS = "in the morning.|when it rains.|though nobody asked.|every second day.|!|?".split("|")


@pytest.fixture(scope="module")
def documentation():
    return sentences()


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


def test_documentation_is_the_same_for_everybody(documentation):
    assert len(lzma.decompress(DOCUMENTATION.read_bytes()).splitlines()) == 15_449
    assert documentation.tokens.shape == (12_199, 26) and len(documentation.vocabulary) == 4_096
    splits = documentation.train, documentation.validation, documentation.test
    assert [*map(len, splits)] == [10_187, 949, 1_063]
    assert (documentation.tokens == UNKNOWN).sum() < 0.03 * (documentation.tokens > END).sum()


def test_the_model_that_ships_knows_the_words_of_documentation(documentation):
    words = (ASSETS / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
    assert tuple(words) == sentence_dataset(documentation).kind.vocabulary


@pytest.mark.slow
def test_documentation_is_read_from_one_file_and_nothing_is_written():
    script = """
import lzma, sys
from vae_keras.data.text.sentences import sentences
sys.addaudithook(lambda event, told: print(told[0]) if event in ("open", "os.mkdir") else None)
sentences()
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout.splitlines() == [str(DOCUMENTATION)] and not run.stderr


def test_documentation_reads_as_english(documentation):
    texts = documentation.vocabulary.decode(documentation.tokens)
    for text in texts:
        assert re.search(r"[.!?][')]?\)?$", text), text
        assert not re.search(r"[=\\|*_`~^@{}\[\]+]|--|::", text), text
        assert text.count("(") == text.count(")"), text
    articles = np.mean([" the " in f" {text}" for text in texts])
    assert articles > 0.5 and len(set(texts)) > 0.99 * len(texts)


# --- Text files ---


def test_a_file_gives_its_lines(tmp_path):
    lines = distant()
    data = text_file(written(tmp_path, lines))
    assert data.name == "some.txt" and len(data.tokens) == 216 and not data.left_out
    rows = np.concatenate([data.train, data.validation, data.test])
    normal = {" ".join(split_words(line)) for line in lines}
    assert {" ".join(words) for words in words_of(data, rows)} == normal


def test_lines_left_out_are_counted(tmp_path):
    rare = "Words that nobody else uses make a line no longer, however many of them there may be."
    odd = ["", "  ", "word " * 100_000, distant()[0].upper(), rare]
    data = text_file(written(tmp_path, [*distant(), *odd]))
    assert data.tokens.shape[1] == max(len(split_words(line)) for line in distant()) + 1
    assert data.left_out == {
        "empty": 2,
        f"of more than {MOST_WORDS} words": 1,
        "that came before": 1,
        "of too many rare words": 1,
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
    assert after.left_out["that differ by a word from a training sentence"] >= 0.1 * len(others)
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
        (b"\n \n", ["0 sentences to train", "empty: 2"]),
        (b"A cat.\nA dog.\n", ["2 words that come twice", "of too many rare words: 2"]),
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


def test_what_is_left_out_of_a_text_is_told(tmp_path):
    odd = ["", "word " * 100, distant()[0]]
    (note,) = sentence_dataset(text_file(written(tmp_path, [*distant(), *odd]))).notes
    assert note.startswith("lines that are left out: ")
    for reason in ("1 empty", f"1 of more than {MOST_WORDS} words", "1 that came before"):
        assert reason in note


def test_a_pipe_is_no_text(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # to read it would never end
    with pytest.raises(UserError, match="is not a regular file"):
        text_file(tmp_path / "pipe")


# --- Scripts without spaces ---


def unspaced(count=120, seed=0) -> list[str]:
    """Lines of Chinese words at random, of which none is near another."""
    generator = random.Random(seed)
    words = "今天 明天 我们 老师 学生 喜欢 学习 看见 朋友 天气 中文 音乐 很好 非常 一起".split()
    return ["".join(generator.choices(words, k=9)) + "。" for _ in range(count)]


def test_characters_are_the_words_of_a_text_without_spaces(tmp_path):
    lines = unspaced()
    long, short = "好" * (MOST_CHARACTERS + 1), "你好"
    found = text_file(written(tmp_path, [*lines, long]))
    assert found.left_out == {f"of more than {MOST_CHARACTERS} characters": 1}
    assert found.vocabulary.by_character
    assert {len(word) for word in found.vocabulary.words[len(SPECIAL) :]} == {1}
    rows = np.concatenate([found.train, found.validation, found.test])
    texts = found.vocabulary.decode(found.tokens[rows])
    assert {*texts} == {*lines}
    dataset = sentence_dataset(found)
    assert "characters stand for words" in dataset.notes[-1]
    read = dataset.kind.read(lines[0], dataset.example_shape)
    assert dataset.kind.texts(read.values) == [lines[0]]
    (tmp_path / "mine.txt").write_text(f"{lines[3]}\n{long}\n{short}\n", encoding="utf-8")
    mine = own_sentences(tmp_path / "mine.txt", found.vocabulary, found.tokens.shape[1])
    assert mine.names == ["line 1", "line 3"]
    assert found.vocabulary.decode(mine.values)[0] == lines[3]
