import importlib.util
import random
import re

import numpy as np
import pytest

from vae_keras.data.music import make_tunes
from vae_keras.data.music.abc_notation import parse, tunes
from vae_keras.data.music.make_tunes import COLLECTIONS, corpus_folder, read_tunes
from vae_keras.data.music.melodies import melodies
from vae_keras.data.music.melody_set import LeftOut
from vae_keras.data.music.midi import read_piece


@pytest.fixture(autouse=True)
def music21():
    pytest.importorskip("music21", reason="music21 is not installed: it is the extra corpus")


def texts(collection):
    files = sorted((corpus_folder() / collection).glob("*.abc"))
    return [text for file in files for text in tunes(file.read_text("utf-8", errors="replace"))]


def test_the_file_that_ships_is_what_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_tunes, "FILE", tmp_path / "made.npz")
    make_tunes.main()
    assert "test: 13,735 1,630 1,553\n" in capsys.readouterr().out
    with np.load(tmp_path / "made.npz") as made:
        np.testing.assert_equal(dict(made), vars(melodies()))
    melodies().save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "made.npz").read_bytes()


def test_variants_of_a_title_are_one_group():
    def group(title):
        return make_tunes._group_name(parse(f"X:1\nT:{title}\nK:C\nC"))

    same = ["The Lark", "Lark, The", "lark 2", "The Lark -- Reel"]
    assert {group(title) for title in same} == {"lark"}
    assert make_tunes._group_name(parse("X:1\nK:C\nC", "a file")) == "a file"


def test_what_cannot_be_read_is_counted():
    left_out = LeftOut()
    read = list(read_tunes(corpus_folder(), left_out))
    assert len(read) + left_out.counts.total() == sum(len(texts(name)) for name in COLLECTIONS)
    assert left_out.counts.total() < 0.02 * len(read)
    assert read[0].title == "The Enchanted Valley"
    assert read[0].source == "oneills1850/0001-0050.abc, tune 1"


def test_a_missing_music21_is_told(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install 'vae_keras"):
        corpus_folder()


# --- Against music21 ---


def as_music21_reads(text):
    """Pitch, start and length in sixteenths of each note, as music21 parses them."""
    from music21 import converter

    # It takes files that state no version as older ones, in which accidentals last for one note.
    score = converter.parse("%abc-2.1\n" + text, format="abc")
    notes, now, is_tied = [], 0, False
    for event in score.flatten().notesAndRests:
        if event.duration.isGrace:
            continue
        length = 4 * event.duration.quarterLength
        if not event.isRest:
            pitch = max(pitch.midi for pitch in event.pitches)
            if is_tied and notes[-1][0] == pitch:
                notes[-1][2] += length
            else:
                notes.append([pitch, now, length])
        is_tied = event.tie is not None and event.tie.type in ("start", "continue")
        now += length
    return [pytest.approx(note, abs=0.01) for note in notes]


def plain(text):
    """Without what means nothing for the melody, over which music21 stumbles: A>)B, HA, .A>.B."""
    return "\n".join(
        line
        if re.match(r"[A-Za-z]:(?![|:])", line)
        else re.sub(r'"[^"]*"|\{[^}]*\}|![^!|]*!|[.~HTuvkS`)]|\((?!\d)', "", line)
        for line in text.splitlines()
    )


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_tunes_are_read_as_music21_reads_them(collection):
    equal = 0
    for text in random.Random(0).sample(texts(collection), 10):
        notes = parse(text).notes
        expected = as_music21_reads(plain(text))
        equal += len(notes) == len(expected) and [list(map(float, n)) for n in notes] == expected
    assert equal >= 9


def test_midi_files_of_music21_have_the_notes_of_the_tunes(tmp_path):
    from music21 import converter

    in_two = [text for text in map(plain, texts("oneills1850")) if "M:2/4" in text]
    whole = [text for text in in_two if not parse(text).bars[0].length % 8 and "(3" not in text]
    assert len(whole) >= 3
    for text in whole[:3]:
        converter.parse("%abc-2.1\n" + text, format="abc").write("midi", tmp_path / "tune.mid")
        piece, tune = read_piece(tmp_path / "tune.mid"), parse(text)
        assert list(piece.lines.values()) == [tune.notes]
        bars = [(bar.start, bar.length) for bar in tune.bars]
        assert [(bar.start, bar.length) for bar in piece.bars][: len(bars)] == bars
