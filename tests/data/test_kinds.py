import numpy as np
import pytest
import tensorflow as tf

from tests.pictures import assert_shows
from tests.sequences import melody
from vae_keras import UserError, figures
from vae_keras.data import kinds
from vae_keras.data.kinds import kind_of
from vae_keras.data.music import melody_tokens
from vae_keras.data.music.melody_tokens import Note, to_notes, to_tokens
from vae_keras.data.music.midi import read_midi, write_midi
from vae_keras.data.text import vocabulary

WORDS = (*vocabulary.SPECIAL, "a", "cat", "sees", ".")
# --- Reading and writing ---


def test_what_is_written_of_melodies_and_of_sentences():
    assert kind_of(melody_tokens.NAMES).endings == (".mid", ".wav", ".png")
    assert kind_of(list(melody_tokens.NAMES)).endings == (".mid", ".wav", ".png")
    assert kind_of(WORDS).endings == (".txt",)
    assert kind_of(()) is kinds.IMAGES


def test_melodies_become_notes_to_hear_to_see_and_to_read(tmp_path):
    windows = np.stack([melody(0), melody(1)]).astype(np.int32)
    kind_of(melody_tokens.NAMES).save(windows, tmp_path / "a.mid")
    np.testing.assert_array_equal(read_midi(tmp_path / "a.mid"), windows)
    kind_of(melody_tokens.NAMES).save(windows, tmp_path / "a.PNG", "two")
    assert_shows(tmp_path / "a.PNG", figures.piano_rolls([to_notes(one) for one in windows], "two"))
    one = to_tokens([Note(60, 0, 4), Note(61, 4, 2), Note(72, 8, 24)])[None]
    assert kind_of(melody_tokens.NAMES).texts(one) == ["C4:4 C#4:2 C5:24"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.PNG", "a.mid"]


def test_sentences_become_lines(tmp_path):
    tokens = [[3, 4, 5, 6, 1, 0], [4, 2, 1, 0, 0, 0], [4, 4, 4, 4, 4, 4], [1, 0, 0, 0, 0, 0]]
    lines = ["a cat sees.", "cat <unk>", "cat cat cat cat cat cat", ""]
    assert kind_of(WORDS).texts(tokens) == lines
    kind_of(WORDS).save(tf.constant(tokens), tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8").split("\n") == [*lines, ""]


def test_what_is_read_is_one_sequence(tmp_path):
    write_midi(np.stack([melody(0), melody(1)]), tmp_path / "a.mid")
    found = kinds.MELODIES.read(str(tmp_path / "a.mid"), (32,))
    assert found.values.dtype == np.int32 and found.notes == ("from a.mid, bar 1",)
    np.testing.assert_array_equal(found.values, melody(0)[None])
    found = kind_of(WORDS).read("A cat sees mice.", (8,))
    assert found.values.dtype == np.int32 and found.notes == ()
    np.testing.assert_array_equal(found.values, [[3, 4, 5, 2, 6, 1, 0, 0]])


@pytest.mark.parametrize(
    ("what", "words", "steps", "named"),
    [
        ("a cat sees a cat", WORDS, 5, ["5 words", "shorten it to 4"]),
        ("missing.mid", melody_tokens.NAMES, 32, ["missing.mid", "cannot be read"]),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(what, words, steps, named):
    with pytest.raises(UserError) as told:
        kind_of(words).read(what, (steps,))
    assert "\n" not in str(told.value) and all(word in str(told.value) for word in named)


@pytest.mark.parametrize(("content", "said"), [(b"", "no words"), (b"\xe9lan\n", "cannot be read")])
def test_words_of_an_export_that_are_damaged_are_told_in_one_line(tmp_path, content, said):
    assert kinds.read_assets(tmp_path) is kinds.IMAGES
    (tmp_path / "assets").mkdir()
    (tmp_path / kinds.VOCABULARY).write_bytes(content)
    with pytest.raises(UserError, match=said) as told:
        kinds.read_assets(tmp_path)
    assert kinds.VOCABULARY in str(told.value) and "\n" not in str(told.value)


# --- A run of melodies, and one that is stopped ---
