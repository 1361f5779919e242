import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_keras import UserError
from vae_keras.data.kinds import SentenceKind
from vae_keras.data.text.vocabulary import (
    END,
    PADDING,
    SPECIAL,
    UNKNOWN,
    WORD,
    Vocabulary,
    join_words,
    lack_spaces,
    most_frequent,
    split_words,
)

WORDS = "a cat's don't built-in 3.5 1,000 élan straße <name> слово x2".split()
SMALL = Vocabulary((*SPECIAL, ".", "the", "cat", "sat"))


@st.composite
def printed_sentences(draw):
    """Sentences as they are printed, whose spaces do not come from the code under test."""
    words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
    bracketed = st.one_of(words, words.map("({})".format), words.map('"{}"'.format))
    parts = draw(st.lists(bracketed, min_size=1, max_size=4))
    joints = st.sampled_from([" ", ", ", "; ", "/", " – ", " = "])
    text = parts[0] + "".join(draw(joints) + part for part in parts[1:])
    return text + draw(st.sampled_from([".", "?", "!", "", "...", "%."]))


# --- Words ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop.", ["don't", "stop", "."]),
        (
            "The state-of-the-art, (really)!",
            ["the", "state-of-the-art", ",", "(", "really", ")", "!"],
        ),
        ("1,000 of 3.5 in 2.", ["1,000", "of", "3.5", "in", "2", "."]),
        ("“Élan” is ‘élan’", ['"', "élan", '"', "is", "'", "élan", "'"]),
        ("the ﬁle\u00a0name", ["the", "file", "name"]),
        ("call <name> if a<b", ["call", "<name>", "if", "a", "<", "b"]),
        ("and/or -5 a_b", ["and", "/", "or", "-", "5", "a", "_", "b"]),
        ("¿Qué? «Oui»…", ["¿", "qué", "?", "«", "oui", "»", ".", ".", "."]),
        (" \t\n", []),
    ],
)
def test_words_and_marks(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "he said: 'don't!' and left (quickly).",
        "the classes' names, and/or 3.5% of $5",
        'a "b" and "c d", [e]; {f}?',
        "from parameters' names to arguments' values",
        "see #5 – it's built-in",
        'a lone" mark',
    ],
)
def test_joined_words_are_spaced_as_in_print(text):
    assert join_words(split_words(text)) == text


UNSPACED_TEXTS = {  # with what is printed back
    "我喜欢学习中文。": "我喜欢学习中文。",
    "我用 Python 3.5 编程,你呢?": "我用python 3.5编程,你呢?",
    "「吾輩は猫である」と言った。": "「吾輩は猫である」と言った。",
    "スーパーへ行きました。": "スーパーへ行きました。",
    "ฉันรักภาษาไทย มากที่สุด": "ฉันรักภาษาไทยมากที่สุด",
}


@pytest.mark.parametrize("text", UNSPACED_TEXTS)
def test_characters_stand_alone_and_are_joined_without_spaces(text):
    words = split_words(text, by_character=True)
    assert len(words) > 7
    assert join_words(words, by_character=True) == UNSPACED_TEXTS[text]
    assert all(len(word) == 1 for word in words if not word.isascii())


@settings(deadline=None)
@given(st.one_of(st.text(), st.text("我你a3 .,。「」<>ฉันรがか゛\u3099ｶﾞ-'\"々")))
def test_joined_characters_split_into_the_same(text):
    words = split_words(text, by_character=True)
    assert split_words(join_words(words, by_character=True), by_character=True) == words


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["我喜欢你。", "今天 Python 很好", "你好"], True),
        (["ภาษาไทยเป็นภาษาที่สวยงาม และมีผู้พูดมากมาย"], True),
        (["我 喜欢 你", "今天 天气 很 好"], False),  # somebody has put spaces between the words
        (["the cat sat", "我喜欢你"], False),
        (["the cat sat", "", "我喜欢你", "你好吗"], True),
        (["나는 너를 좋아한다"], False),  # Korean has spaces
        (["", ""], False),
        ([], False),
    ],
)
def test_which_texts_lack_spaces(lines, expected):
    assert lack_spaces(lines) == expected


def test_a_vocabulary_knows_whether_its_words_are_characters():
    for words, expected in (
        (["我", "你", "python"], True),
        (["我们", "你"], False),
        (["a"], False),
    ):
        assert Vocabulary((*SPECIAL, *words)).by_character == expected


@settings(deadline=None)
@given(st.one_of(st.text(), st.text("aß3 .,'\"-/<>()[]$_!–’")))
def test_joined_words_split_into_the_same(text):
    words = split_words(text)
    assert split_words(join_words(words)) == words


# --- Tokens ---


@settings(deadline=None)
@given(st.lists(printed_sentences(), max_size=4))
def test_decoding_gives_back_sentences_of_known_words(sentences):
    vocabulary = most_frequent(map(split_words, sentences), least=1)
    time = max((len(split_words(sentence)) for sentence in sentences), default=0) + 3
    tokens = vocabulary.encode(sentences, time)
    assert tokens.shape == (len(sentences), time) and tokens.dtype == np.int32
    assert vocabulary.decode(tokens) == sentences


def test_tokens_are_words_then_the_end_then_padding():
    tokens = SMALL.encode(["The cat sat.", "The dog", ""], time=6)
    np.testing.assert_array_equal(
        tokens, [[4, 5, 6, 3, END, PADDING], [4, UNKNOWN, END, 0, 0, 0], [END, 0, 0, 0, 0, 0]]
    )
    assert SMALL.decode(tokens) == ["the cat sat.", "the <unk>", ""]


def test_what_follows_the_end_is_not_read():
    assert SMALL.decode([[5, END, 6, 6], [5, 6, PADDING, 4], [5, 6, 5, 6]]) == [
        "cat",
        "cat sat",
        "cat sat cat sat",
    ]


def test_no_text_can_write_padding_or_the_end():
    tokens = SMALL.encode(["the <end> cat <pad> sat <unk>"], time=8)
    np.testing.assert_array_equal(tokens[0], [4, UNKNOWN, 5, UNKNOWN, 6, UNKNOWN, END, PADDING])


def test_words_stand_by_frequency_then_alphabet():
    sentences = [["b", "a", "c"], ["c", "a", "<end>"], ["c", "d", "<end>"]]
    assert most_frequent(sentences, least=1).words == (*SPECIAL, "c", "a", "b", "d")
    assert most_frequent(sentences, least=2).words == (*SPECIAL, "c", "a")
    assert len(most_frequent([], least=1)) == len(SPECIAL)


# --- On disk ---


def test_tensorflow_alone_encodes_the_same_with_the_file(tmp_path):
    sentences = [
        "The cat's sat on a built-in mat, hasn't it?",
        "“Élan” (or <name>) is 1,000 or 3.5 – and/or x2.",
        "The cat sat.",
    ]
    vocabulary = most_frequent([*map(split_words, sentences[:2])], least=1)
    SentenceKind(vocabulary.words).write_assets(tmp_path)
    rows = tf.lookup.TextFileInitializer(
        str(tmp_path / "assets" / "vocabulary.txt"),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    table = tf.lookup.StaticHashTable(rows, UNKNOWN)
    straight = tf.strings.regex_replace(sentences, "[“”]", '"')
    lower = tf.strings.lower(straight, encoding="utf-8")
    words = tf.strings.split(tf.strings.regex_replace(lower, WORD, r"\0 "))
    ends = tf.fill([len(sentences), 1], tf.constant(END, tf.int64))
    tokens = tf.concat([table.lookup(words), ends], axis=1).to_tensor(PADDING, shape=(None, 20))
    np.testing.assert_array_equal(tokens, vocabulary.encode(sentences, 20))
    assert np.count_nonzero(tokens == UNKNOWN) == 1  # the cat without her 's


# --- Mistakes ---


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", ["starts with <pad>"]),
        ("the cat", ["starts with <pad>", "'the'"]),
        ("<pad> <end> <unk> the the", ["'the' twice"]),
        ("<pad> <end> <unk> the|cat", ["'the cat'", "not one word"]),
        ("<pad> <end> <unk> The", ["'The'", "lower case"]),
        ("<pad> <end> <unk>  the", ["''", "not one word"]),
    ],
)
def test_words_that_are_no_vocabulary(words, told):
    with pytest.raises(UserError) as error:
        Vocabulary(tuple(word.replace("|", " ") for word in words.split(" ")))
    message = str(error.value)
    assert "\n" not in message and all(part in message for part in told)


def test_a_sentence_that_is_too_long():
    assert SMALL.encode(["the cat sat"], time=4)[0, -1] == END
    with pytest.raises(UserError, match=r"'the cat sat \. …' has 4 words and marks.* to 3"):
        SMALL.encode(["the cat", "the cat sat."], time=4)
    with pytest.raises(UserError, match="100,000 words"):
        SMALL.encode(["cat " * 100_000], time=25)
