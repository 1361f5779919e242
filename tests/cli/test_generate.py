"""The command generate."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands import printed, refused
from tests.folders import working_in
from tests.pictures import assert_shows
from vae_keras import figures, load_exported
from vae_keras.data import kinds
from vae_keras.data.kinds import kind_of
from vae_keras.data.music import melody_tokens
from vae_keras.data.music.melody_tokens import to_notes
from vae_keras.data.music.midi import read_midi


def test_generate_draws_a_picture_and_keeps_what_is_there(digits_run, tmp_path, capsys):
    picture = tmp_path / "samples.png"
    arguments = ("generate", digits_run.folder.exported, "--n", 9, "--output", picture)
    printed(capsys, *arguments)
    before = picture.read_bytes()
    assert "exists" in refused(capsys, *arguments)
    assert picture.read_bytes() == before
    printed(capsys, *arguments, "--overwrite")


def test_each_image_gets_a_file_of_its_own_in_a_folder(digits_run, tmp_path, capsys):
    folder, model = tmp_path / "new", digits_run.folder.exported
    command = ("generate", model, "--n", 12, "--output", folder)
    printed(capsys, *command)
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"{number:03}.png" for number in range(1, 13)]
    found = np.stack([np.asarray(Image.open(file)) for file in files])
    expected = figures.to_pixels(load_exported(model).generate(12))
    np.testing.assert_array_equal(found, expected[..., 0])
    assert "exists" in refused(capsys, *command)
    (folder / "mine.png").write_text("here first")
    printed(capsys, *command, "--overwrite", "--seed", 1)
    assert (folder / "mine.png").read_text() == "here first" and len(list(folder.iterdir())) == 13
    assert not np.array_equal(np.asarray(Image.open(files[0])), found[0])


@pytest.mark.slow
def test_commands_know_a_model_of_sentences(talk, capsys):
    with working_in(talk[0]):
        first = printed(capsys, "generate", "talk_sequence", "--n", 5)
        assert first.split()[0] == "talk_sequence_samples.txt"
        for options in (
            "--n 5 --temperature 0 --output cold.txt",
            "--n 5 --top-p 0.5 --output nucleus.txt",
            "--n 5 --beams 3 --output found.txt",
        ):
            printed(capsys, "generate", "talk_sequence", *options.split())
        shared = ["--n", 5, "--output"]
        printed(capsys, "generate", "talk_sequence", *shared, "again.txt", "--seed", 0)
        printed(capsys, "generate", "talk_sequence", *shared, "other.txt", "--seed", 1)
        texts = {
            name: Path(f"{name}.txt").read_text()
            for name in ("talk_sequence_samples", "again", "other", "cold", "nucleus", "found")
        }
    assert {text.count("\n") for text in texts.values()} == {5}
    assert texts["talk_sequence_samples"] == texts["again"]
    del texts["again"], texts["found"]  # of so young a model the likeliest is nothing, as in cold
    assert len(set(texts.values())) == 4


@pytest.mark.slow
def test_melodies_are_generated_as_music_or_as_a_picture(tunes, capsys):
    folder, _ = tunes
    with working_in(folder):
        command = ("generate", "midi_sequence", "--n", 3)
        assert printed(capsys, *command).split() == ["midi_sequence_samples.mid"]
        for name in ("a.png", "a.wav"):
            assert printed(capsys, *command, "--output", name).split() == [name]
        assert ".mid, .wav, .png" in refused(capsys, *command, "--output", "a.txt")
        printed(capsys, *command, "--output", "tunes")
        drawn = load_exported("midi_sequence").generate(3, 0)
        for number, one in enumerate(drawn, 1):
            (again,) = read_midi(Path(f"tunes/{number:03}.mid"))
            assert kinds.MELODIES.texts(again[None]) == kinds.MELODIES.texts(one[None])
    heard = read_midi(folder / "midi_sequence_samples.mid")
    for one, tokens in zip(heard, drawn, strict=True):
        assert kind_of(melody_tokens.NAMES).texts(one[None]) == kinds.MELODIES.texts(tokens[None])
    notes = [to_notes(one) for one in np.asarray(drawn)]
    assert_shows(folder / "a.png", figures.piano_rolls(notes, "midi_sequence, 3 samples"))
