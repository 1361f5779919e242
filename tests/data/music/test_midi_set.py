"""Folders of MIDI files, and a user's own files."""

import importlib

import numpy as np
import pytest

from tests.midi_files import save, scale, spoil
from vae_keras import TrainConfig, UserError, load
from vae_keras.data.music.melody_tokens import Note, to_tokens
from vae_keras.data.music.midi import read_piece
from vae_keras.data.music.midi_set import midi_folder, own_melodies

FOLDERS = importlib.import_module("vae_keras.data.music.midi_set")


@pytest.fixture(autouse=True)
def cache(own_cache):
    return own_cache / "melodies"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tune.mid"


@pytest.fixture
def folder(tmp_path):
    """Twenty tunes of two lines, and what cannot be used."""
    root = tmp_path / "songs"
    for number in range(20):
        name = f"{number}.MID" if number % 2 else f"deep/er/{number}.midi"
        save(root / name, scale(number), scale(100 + number))
    for name in ("empty", "text", "drums"):
        spoil(name, root / f"{name}.mid")
    save(root / "waltz.mid", scale(5), metres=[(0, 3, 4)])
    save(root / "short.mid", [(60, 0, 4), (62, 4, 8)])
    save(root / ".hidden" / "one.mid", scale(6))
    (root / "notes.txt").write_text("about")
    return root


def places(found, number):
    """Which windows are those of the two lines of a file."""
    lines = [to_tokens([Note(p, a, b - a) for p, a, b in scale(seed)], 64) for seed in
             (number, 100 + number)]  # fmt: skip
    cut = [line[first : first + 32] for line in lines for first in (0, 16, 32)]
    return [np.flatnonzero((found.windows == window).all(axis=1)).item() for window in cut]


def test_a_folder(folder):
    found = midi_folder(folder).melodies
    assert found.windows.shape == (120, 32)
    assert sorted(row for number in range(20) for row in places(found, number)) == [*range(120)]


def test_the_lines_of_a_file_are_on_one_side(folder):
    found = midi_folder(folder).melodies
    sides = [set(rows.tolist()) for rows in (found.train, found.validation, found.test)]
    assert [len(side) for side in sides] == [96, 12, 12]
    for number in range(20):
        assert any(side.issuperset(places(found, number)) for side in sides)


def test_files_are_read_once_and_again_when_they_change(folder, cache, monkeypatch):
    first = midi_folder(folder)
    original, calls = FOLDERS.read_piece, []
    monkeypatch.setattr(FOLDERS, "read_piece", lambda file: calls.append(file) or original(file))
    again = midi_folder(folder)
    np.testing.assert_equal(vars(again.melodies), vars(first.melodies))
    assert again[1:] == first[1:] and not calls
    save(folder / "waltz.mid", scale(300))
    assert len(midi_folder(folder).melodies.windows) == 123
    assert len(calls) == 25 and len(list(cache.iterdir())) == 2


def test_what_is_left_out_is_told(folder):
    files, line = midi_folder(folder).notes
    assert files == "left out 1 file: 1 .txt"
    assert line.startswith("120 windows in 4/4; left out: ")
    for told in (
        "2 files that cannot be read (empty.mid, text.mid)",
        "1 files with drums alone (drums.mid)",
        "1 tunes in 3/4 (waltz.mid, track 1, channel 1)",
        "1 tunes shorter than a window (short.mid, track 1, channel 1)",
    ):
        assert told in line
    assert midi_folder(folder).notes == (files, line)


def jig(seed, bars=8):
    """A tune of random eighth notes, six in a bar."""
    pitches = np.random.default_rng(seed).integers(55, 80, 6 * bars).tolist()
    return [(pitch, 2 * n, 2 * n + 2) for n, pitch in enumerate(pitches)]


def test_most_of_the_music_decides_the_metre_and_another_can_be_chosen(tmp_path):
    root = tmp_path / "songs"
    for number in range(12):
        save(root / f"jig{number}.mid", jig(number), metres=[(0, 6, 8)])
        save(root / f"waltz{number}.mid", jig(20 + number, 4), metres=[(0, 3, 4)])
    for number in range(2):
        save(root / f"reel{number}.mid", scale(number))
    found = midi_folder(root)
    assert found.metre == "6/8" and found.melodies.windows.shape == (12 * 7, 24)
    (note,) = found.notes
    assert note.startswith("84 windows in 6/8 (--metre chooses 3/4); left out: 12 tunes in 3/4 (")
    assert "2 tunes in 4/4 (" in note
    expected = to_tokens([Note(p, a, b - a) for p, a, b in jig(3)], 48)
    assert (found.melodies.windows == expected[12:36]).all(axis=1).any()
    other = midi_folder(root, "3/4")
    assert other.metre == "3/4" and other.melodies.windows.shape == (12 * 3, 24)
    for wrong, told in (("4/4", "too few tunes in 4/4: it has 6/8, 3/4"), ("x", "in sixteenths")):
        with pytest.raises(UserError, match=told):
            midi_folder(root, wrong)


def test_a_run_keeps_the_metre_of_its_tunes(tmp_path):
    root = tmp_path / "songs"
    for number in range(12):
        save(root / f"{number}.mid", jig(number), metres=[(0, 6, 8)])
    wanted = dict(dataset=f"midi:{root}", model="sequence")
    dataset = load(TrainConfig(**wanted))
    assert TrainConfig(**wanted).resolved(dataset).metre == "6/8"
    dataset.kind.save(dataset.test.arrays()[0], tmp_path / "new.mid")
    assert {bar.metre for bar in read_piece(tmp_path / "new.mid").bars} == {"6/8"}
    with pytest.raises(UserError, match="--metre is for midi:DIR, not for 'melodies'"):
        load(TrainConfig(dataset="melodies", model="sequence", metre="3/4"))


def test_the_first_window_with_notes_is_read_and_told(path):
    save(path, [(60, 48, 52), (62, 52, 56)])
    found = own_melodies(path, 16)
    assert found.names == ["tune.mid, bar 4"]
    assert found.notes == ("left out: 3 windows of fewer than 2 notes (tune.mid)",)


def test_files_are_midi_by_their_ending_or_by_their_first_bytes(tmp_path):
    root = tmp_path / "songs"
    for number, name in enumerate(("a.kar", "b.MID", "c", "d.midi", "e.rmi")):
        save(root / name, scale(number))
    content = (root / "e.rmi").read_bytes()
    chunk = b"RMIDdata" + len(content).to_bytes(4, "little") + content
    (root / "e.rmi").write_bytes(b"RIFF" + len(chunk).to_bytes(4, "little") + chunk)
    (root / "README").write_text("no music")
    (root / "cover.jpg").write_text("no music")
    found = midi_folder(root)
    assert len(found.melodies.windows) == 15
    assert found.notes[0] in (
        "left out 2 files: 1 without an ending, 1 .jpg",
        "left out 2 files: 1 .jpg, 1 without an ending",
    )


def test_mistakes_in_folders(tmp_path, cache):
    root = tmp_path / "songs"
    with pytest.raises(UserError, match="does not exist"):
        midi_folder(root)
    root.mkdir()
    with pytest.raises(UserError, match="has no MIDI files"):
        midi_folder(root)
    spoil("empty", root / "a.mid")
    spoil("drums", root / "b.mid")
    save(root / "c.mid", scale(0))
    with pytest.raises(UserError) as told:
        midi_folder(root)
    message = str(told.value)
    assert "1 usable tunes are too few" in message and "\n" not in message
    assert "1 files that cannot be read (a.mid)" in message
    assert "1 files with drums alone (b.mid)" in message
    assert not list(cache.glob("*"))
