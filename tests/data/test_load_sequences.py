import importlib
import itertools

import numpy as np
import pytest

from vae_keras import Examples, TrainConfig, UserError, data
from vae_keras.data.music import melody_tokens
from vae_keras.data.music.melody_set import Melodies, melody_dataset
from vae_keras.data.music.melody_tokens import FIRST_PITCH, HOLD, NOTE_OFF, STEPS, Note, to_tokens
from vae_keras.data.music.midi import write_midi
from vae_keras.data.text import vocabulary
from vae_keras.data.text.sentences import Sentences, sentence_dataset, text_file

SPLITS = ("train", "validation", "test")
SUBJECTS = "the cat|a dog|my old horse|our neighbour|the king of france".split("|")
VERBS = "sees|has never met|will soon visit|cannot stand|is said to like".split("|")
OBJECTS = "the sea.|a green hill.|two of your sisters.|long walks!|me?".split("|")


pytestmark = pytest.mark.usefixtures("own_cache")


def melody(generator) -> np.ndarray:
    """A window of quarter notes and a silence: pitches 50 to 79."""
    pitches = generator.integers(50, 80, 7).tolist()
    return to_tokens([Note(pitch, 4 * n, 4) for n, pitch in enumerate(pitches)])


def found_melodies(count=40) -> Melodies:
    generator = np.random.default_rng(0)
    windows = np.stack([melody(generator) for _ in range(count)])
    order = generator.permutation(count)
    rows = order[10:], order[:5], order[5:10]
    return Melodies(windows, *rows)


def found_sentences(folder) -> Sentences:
    """Of 125 lines, without those that differ by a word from one of training."""
    lines = [" ".join(parts) for parts in itertools.product(SUBJECTS, VERBS, OBJECTS)]
    (folder / "talk.txt").write_text("\n".join(lines), encoding="utf-8")
    return text_file(folder / "talk.txt")


def epochs(split, seed=0, first=0, last=2):
    """The batches of some epochs of training, as arrays."""
    batches = split.shuffled_batches(8, seed, first, last)
    return [(batch["index"].numpy(), batch["x"].numpy()) for batch in batches]


# --- What the data sets are ---


def test_melodies_are_windows_of_tokens():
    found = found_melodies()
    dataset = melody_dataset("tunes", found)
    assert dataset.name == "tunes" and dataset.data_kind == "tokens"
    assert dataset.example_shape == (STEPS,)
    assert dataset.kind.vocabulary == melody_tokens.NAMES and dataset.kind.end is None
    for name in SPLITS:
        split = getattr(dataset, name)
        tokens = split.read(slice(None))
        assert tokens.dtype == np.int32
        np.testing.assert_array_equal(tokens, found.windows[getattr(found, name)])


def test_sentences_are_words_and_their_end(tmp_path):
    found = found_sentences(tmp_path)
    dataset = sentence_dataset(found)
    assert dataset.name == "talk.txt" and dataset.data_kind == "tokens"
    assert dataset.example_shape == found.tokens.shape[1:]
    assert dataset.kind.vocabulary == found.vocabulary.words and dataset.kind.end == vocabulary.END
    assert dataset.kind.vocabulary[dataset.kind.end] == "<end>"
    for name in SPLITS:
        tokens = getattr(dataset, name).read(slice(None))
        np.testing.assert_array_equal(tokens, found.tokens[getattr(found, name)])


def test_tokens_are_not_scaled(tmp_path):
    for dataset in (
        melody_dataset("tunes", found_melodies()),
        sentence_dataset(found_sentences(tmp_path)),
    ):
        (batch,) = dataset.test.batches()
        assert batch["x"].dtype == "int32" and batch.keys() == {"x", "index"}
        np.testing.assert_array_equal(batch["x"], dataset.test.read(slice(None)))
        np.testing.assert_array_equal(dataset.test.arrays()[0], batch["x"])
        assert dataset.test.arrays()[1] is None


# --- Augmentation ---


def test_melodies_are_transposed_in_training_alone():
    found = found_melodies()
    dataset = melody_dataset("tunes", found)
    shifts = []
    for index, x in epochs(dataset.train, last=4):
        windows = found.windows[found.train[index]].astype(int)
        is_note = windows >= FIRST_PITCH
        np.testing.assert_array_equal(x[~is_note], windows[~is_note])
        assert set(np.unique(windows[~is_note])) == {HOLD, NOTE_OFF}
        for moved, window, notes in zip(x, windows, is_note):
            (shift,) = np.unique((moved - window)[notes])  # one, of the whole window
            shifts.append(shift)
    assert set(shifts) == set(range(-6, 6))
    for split in (dataset.train, dataset.validation, dataset.test):
        for batch in split.batches(7):
            expected = found.windows[split.rows[batch["index"]]]
            np.testing.assert_array_equal(batch["x"], expected)


def test_transposition_is_a_function_of_seed_and_step():
    split = melody_dataset("tunes", found_melodies()).train
    whole, again, other = epochs(split), epochs(split), epochs(split, seed=1)
    resumed = epochs(split, first=1)
    for (_, x), (_, same) in zip(whole, again, strict=True):
        np.testing.assert_array_equal(x, same)
    for (index, x), (same_index, same) in zip(whole[len(whole) // 2 :], resumed, strict=True):
        np.testing.assert_array_equal(index, same_index)
        np.testing.assert_array_equal(x, same)
    index, x = (np.concatenate(part) for part in zip(*whole))
    rows = [np.flatnonzero(index == n) for n in range(len(split))]
    assert np.mean([np.any(x[one] != x[two]) for one, two in rows]) > 0.8  # anew every epoch
    assert any(np.any(x != y) for (_, x), (_, y) in zip(whole, other))


def test_sentences_stay_as_they_are(tmp_path):
    dataset = sentence_dataset(found_sentences(tmp_path))
    for index, x in epochs(dataset.train):
        np.testing.assert_array_equal(x, dataset.train.read(index))


def test_augmentation_is_told_values_and_key():
    x = np.arange(60, dtype=np.int32).reshape(20, 3)
    told = []

    def augmentation(values, key):
        told.append(tuple(map(int, key)))
        return values.astype(np.int64) + 1_000 * key[1]

    split = Examples(x, augmentation=augmentation).take(slice(4, 16))
    np.testing.assert_array_equal(split.read(slice(None)), x[4:16])
    assert not told
    drawn = split.read([2, 0], (7, 5))
    assert drawn.dtype == x.dtype and told == [(7, 5)]
    np.testing.assert_array_equal(drawn, x[[6, 4]] + 5_000)
    for step, (index, batch) in enumerate(epochs(split, seed=7, first=2, last=4), start=4):
        np.testing.assert_array_equal(batch, x[index + 4] + 1_000 * step)
    assert {seed for seed, _ in told} == {7}


# --- By name ---


def configured(name, **options):
    return data.load(TrainConfig(model="sequence", dataset=name, **options))


def written_tunes(folder, count=12, windows=2):
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    for number in range(count):
        write_midi(np.stack([melody(generator) for _ in range(windows)]), folder / f"{number}.mid")
    return folder


def test_a_folder_of_midi_files_by_its_name(tmp_path):
    dataset = configured(f"midi:{written_tunes(tmp_path / 'tunes')}")
    assert dataset.kind.vocabulary == melody_tokens.NAMES and dataset.example_shape == (STEPS,)
    assert min(len(getattr(dataset, name)) for name in SPLITS) > 0
    (_, x), *_ = epochs(dataset.train)
    assert np.any(x != dataset.train.values[dataset.train.rows][: len(x)])  # transposed


def test_a_text_by_its_name(tmp_path):
    found = found_sentences(tmp_path)
    dataset = configured(f"text:{tmp_path / 'talk.txt'}")
    assert dataset.kind.vocabulary == found.vocabulary.words and dataset.kind.end == vocabulary.END
    np.testing.assert_array_equal(dataset.train.values, found.tokens)


def test_data_sets_that_come_along_by_their_names(tmp_path, monkeypatch):
    """Which themselves take long to read: tests of their own do that."""
    melodies, sentences = found_melodies(), found_sentences(tmp_path)
    module = importlib.import_module("vae_keras.data")
    monkeypatch.setattr(module, "melodies", lambda: melodies)
    monkeypatch.setattr(module, "sentences", lambda: sentences)
    found = configured("melodies")
    assert found.name == "melodies" and found.kind.vocabulary == melody_tokens.NAMES
    assert found.train.augmentation is not None
    assert configured("sentences").kind.vocabulary == sentences.vocabulary.words


# --- Mistakes ---


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nothing").mkdir()
    written_tunes(tmp_path / "short")
    for file in (tmp_path / "short").iterdir():
        write_midi(melody(np.random.default_rng(0))[:16], file)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.mid").write_bytes(b"no music")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "blank.txt").write_text("\n \n\n")
    (tmp_path / "few.txt").write_text("one line alone.\n")
    (tmp_path / "latin.txt").write_bytes("für alle fälle\n".encode("latin-1"))
    (tmp_path / "wide.txt").write_bytes("for all cases\n".encode("utf-16"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("text:", {}, ["'text:'", "write text:FILE"]),
        ("midi:", {}, ["'midi:'", "write midi:DIR"]),
        ("text:missing.txt", {}, ["'missing.txt'", "cannot be read"]),
        ("text:nothing", {}, ["'nothing'", "name a file"]),
        ("text:empty.txt", {}, ["empty.txt", "add lines"]),
        ("text:blank.txt", {}, ["blank.txt", "add lines"]),
        ("text:few.txt", {}, ["few.txt", "add lines"]),
        ("text:latin.txt", {}, ["latin.txt", "line 1", "save it as UTF-8"]),
        ("text:wide.txt", {}, ["wide.txt", "line 1", "save it as UTF-8"]),
        ("midi:missing", {}, ["'missing'", "does not exist"]),
        ("midi:nothing", {}, ["'nothing'", "no MIDI files"]),
        ("midi:short", {}, ["midi:short", "12 tunes shorter than a window"]),
        ("midi:broken", {}, ["midi:broken", "cannot be read", "a.mid"]),
        ("sentence", {}, ["'sentence'", "did you mean 'sentences'"]),
        ("text:few.txt", dict(image_size="32"), ["--image-size", "folder:DIR"]),
        ("midi:short", dict(color_mode="rgb"), ["--color-mode", "folder:DIR"]),
    ],
)
def test_mistakes_are_told_in_one_line(place, name, options, words):
    with pytest.raises(UserError) as told:
        configured(name, **options)
    message = str(told.value)
    assert "\n" not in message and all(word in message for word in words), message


@pytest.mark.parametrize("choice", ["dynamic", "threshold", "static:nothing.npz"])
def test_tokens_are_not_binarised(tmp_path, choice):
    dataset = sentence_dataset(found_sentences(tmp_path))
    with pytest.raises(UserError, match="has sequences: leave it out") as told:
        data.binarised(dataset, choice)
    assert "\n" not in str(told.value) and "--binarize" in str(told.value)
