import importlib
from itertools import pairwise

import mido
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vae_keras import TrainConfig, UserError, load
from vae_keras.data.music.melody_tokens import HOLD, NOTE_OFF, Note, to_notes, to_tokens
from vae_keras.data.music.melody_windows import window_steps
from vae_keras.data.music.midi import (
    NotUsable,
    midi_folder,
    own_melodies,
    own_windows,
    read_midi,
    read_piece,
    write_midi,
)

MODULE = importlib.import_module("vae_keras.data.music.midi")
STEP = 120  # ticks, of files with 480 a beat


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "melodies"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tune.mid"


def save(path, *tracks, metres=(), step=STEP, kind=1):
    """Write a file whose tracks are lists of (pitch, start, end, channel), in steps.

    `metres` are (step, numerator, denominator).
    """
    file = mido.MidiFile(type=kind, ticks_per_beat=4 * step)
    for number, notes in enumerate(tracks):
        events = []
        for pitch, start, end, *channel in notes:
            place = dict(note=pitch, channel=channel[0] if channel else 0)
            events.append((start, 1, mido.Message("note_on", velocity=60, **place)))
            events.append((end, 0, mido.Message("note_off", **place)))
        for start, top, bottom in metres if number == 0 else ():
            signature = mido.MetaMessage("time_signature", numerator=top, denominator=bottom)
            events.append((start, -1, signature))
        now = 0
        track = file.add_track()
        for time, _, event in sorted(events, key=lambda event: event[:2]):
            ticks = round(time * step)
            track.append(event.copy(time=ticks - now))
            now = ticks
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


def melody(path):
    (notes,) = read_piece(path).lines.values()
    return notes


def scale(seed, bars=4):
    """A tune of random quarter notes."""
    pitches = np.random.default_rng(seed).integers(55, 80, 4 * bars).tolist()
    return [(pitch, 4 * n, 4 * n + 4) for n, pitch in enumerate(pitches)]


# --- Writing ---


METRES = ("4/4", "2/4", "3/4", "6/8", "9/8", "3/8", "5/4")


@st.composite
def windows(draw, steps=(16, 24, 32)):
    steps = draw(st.sampled_from(steps))
    found = []
    for _ in range(draw(st.integers(1, 3))):
        cuts = [0, *sorted(draw(st.sets(st.integers(1, steps - 1)))), steps]
        sounds = draw(st.lists(st.none() | st.integers(0, 127), min_size=len(cuts)))
        notes = [Note(p, a, b - a) for p, (a, b) in zip(sounds, pairwise(cuts)) if p is not None]
        found.append(to_tokens(notes, steps))
    return np.stack(found)


@given(windows())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_windows_come_back_from_a_file(path, tokens):
    write_midi(tokens, path)
    if any(to_notes(window) for window in tokens):
        np.testing.assert_array_equal(read_midi(path, tokens.shape[1]), tokens)
    else:
        with pytest.raises(UserError, match="without notes"):
            read_midi(path)


@given(st.data(), st.sampled_from(METRES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_windows_of_any_metre_come_back_and_begin_at_bar_lines(path, data, metre):
    steps = window_steps(metre)
    tokens = data.draw(windows([steps]).filter(lambda found: any(map(to_notes, found))))
    write_midi(tokens, path, metre)
    np.testing.assert_array_equal(read_midi(path, steps, metre), tokens)
    piece = read_piece(path)
    assert {bar.metre for bar in piece.bars} == {"4/4" if metre == "4/4" else metre}
    lines = {bar.start for bar in piece.bars}
    assert lines.issuperset(start for start in range(0, piece.bars[-1].start, steps))


def test_a_file_lasts_as_long_as_its_windows(path):
    tokens = to_tokens([Note(60, 0, 2), Note(62, 8, 24)])
    write_midi(tokens, path)
    file = mido.MidiFile(path)
    assert file.length == pytest.approx(4)  # 32 sixteenths, half a second for four of them
    notes = [(event.type, event.note) for event in file if hasattr(event, "note")]
    assert notes == [("note_on", 60), ("note_off", 60), ("note_on", 62), ("note_off", 62)]
    np.testing.assert_array_equal(read_midi(path), [tokens])


def test_a_file_is_written_whole_or_not_at_all(path, monkeypatch):
    path.write_text("old")

    def interrupted(self, target):
        target.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(mido.MidiFile, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_midi(np.full(32, HOLD, np.uint8), path)
    assert path.read_text() == "old" and len(list(path.parent.iterdir())) == 1


# --- Reading ---


@pytest.mark.parametrize(
    ("played", "expected"),
    [
        ([(60, 0, 4), (64, 0, 4), (67, 0, 4)], [(67, 0, 4)]),  # a chord
        ([(60, 0, 8), (67, 4, 8)], [(60, 0, 4), (67, 4, 4)]),  # a higher note begins
        ([(67, 0, 8), (60, 4, 12)], [(67, 0, 8)]),  # a lower one begins
        ([(67, 0, 5), (60, 4, 8)], [(67, 0, 4), (60, 4, 4)]),  # or a little before the end
        ([(67, 0, 4), (48, 0, 16), (65, 4, 8)], [(67, 0, 4), (65, 4, 4)]),
        ([(60, 0, 4), (60, 4, 8)], [(60, 0, 4), (60, 4, 4)]),
        ([(60, 0, 0.2), (62, 2, 4)], [(60, 0, 1), (62, 2, 2)]),  # never shorter than a step
        ([(60, 0.1, 3.9), (62, 4.2, 5.8)], [(60, 0, 4), (62, 4, 2)]),
    ],
)
def test_melody_of_what_sounds_together(path, played, expected):
    save(path, played)
    assert melody(path) == [Note(*note) for note in expected]


def test_notes_end_with_an_event_of_no_velocity_with_another_one_or_with_the_track(path):
    file = mido.MidiFile(ticks_per_beat=4 * STEP)
    on = dict(note=60, velocity=60)
    file.tracks.append(mido.MidiTrack([
        mido.Message("note_on", **on, time=0),
        mido.Message("note_on", note=60, velocity=0, time=2 * STEP),
        mido.Message("note_on", **on, time=2 * STEP),
        mido.Message("note_on", **on, time=4 * STEP),
        mido.MetaMessage("end_of_track", time=3 * STEP),
    ]))  # fmt: skip
    file.save(path)
    assert melody(path) == [Note(60, 0, 2), Note(60, 4, 4), Note(60, 8, 3)]


def test_channels_and_tracks_are_lines_and_drums_are_none(path):
    one, other, drums = (60, 0, 4, 0), (72, 0, 4, 1), (36, 0, 4, 9)
    save(path, [one, other, drums], [one])
    assert read_piece(path).lines == {
        "track 1, channel 1": [Note(60, 0, 4)],
        "track 1, channel 2": [Note(72, 0, 4)],
        "track 2, channel 1": [Note(60, 0, 4)],
    }


def test_the_line_with_most_notes_is_read(path):
    save(path, [(40, 0, 32)], [(60, 0, 4), (62, 36, 40)])
    expected = [to_tokens([Note(60, 0, 4)]), to_tokens([Note(62, 4, 4)])]
    np.testing.assert_array_equal(read_midi(path), expected)
    assert read_midi(path)[0, 4] == NOTE_OFF


@pytest.mark.parametrize("step", [1, 24, 96, 240])
def test_any_resolution(path, step):
    save(path, scale(0), step=step)
    assert melody(path) == [Note(p, start, end - start) for p, start, end in scale(0)]


@pytest.mark.parametrize(
    ("metres", "expected"),
    [
        ([], [("4/4", 0, 16), ("4/4", 16, 16)]),
        ([(0, 3, 4)], [("3/4", 0, 12), ("3/4", 12, 12)]),
        ([(0, 3, 4), (12, 3, 4)], [("3/4", 0, 12), ("3/4", 12, 12)]),
        ([(16, 2, 4)], [("4/4", 0, 16), ("2/4", 16, 8)]),
        ([(20, 2, 4)], [("4/4", 0, 16), ("4/4", 16, 4), ("2/4", 20, 8)]),
        ([(0, 7, 32)], [("7/32", 0, 24)]),
    ],
)
def test_bars(path, metres, expected):
    save(path, [(60, 0, 4), (62, 20, 24)], metres=metres)
    assert [bar[:3] for bar in read_piece(path).bars] == expected


def test_notes_a_little_off_the_grid_are_moved_to_it(path):
    generator = np.random.default_rng(0)
    save(path, [(p, a + d, b + d) for (p, a, b), d in zip(scale(1), generator.normal(0, 0.1, 16))])
    assert [note.start for note in melody(path)] == list(range(0, 64, 4))


def spoil(name, path):
    """Write a file that cannot be used."""
    if name == "cut":
        save(path, scale(0))
        path.write_bytes(path.read_bytes()[:-20])
    elif name == "frames":
        save(path, scale(0))
        content = bytearray(path.read_bytes())
        content[12:14] = (0xE7, 0x28)  # 25 frames a second, 40 ticks a frame
        path.write_bytes(content)
    elif name in BYTES:
        path.write_bytes(BYTES[name])
    else:
        save(path, *TRACKS[name][0], **TRACKS[name][1])


BYTES = {"empty": b"", "text": b"no music at all\n" * 10, "large": b"MThd" + bytes(500_000)}
TRACKS = {
    "silent": ([[]], {}),
    "drums": ([[(36, n, n + 1, 9) for n in range(32)]], {}),
    "ten hours": ([[(60, 0, 4), (60, 10 * 3_600 * 2 * 4, 10 * 3_600 * 2 * 4 + 4)]], {}),
    "many": ([[(60, n, n + 1) for n in range(600)]], {}),
    "apart": ([scale(0), scale(1)], {"kind": 2}),
    "free": ([[(60, 1.37 * n, 1.37 * n + 1) for n in range(64)]], {}),
    "triplets": ([[(60, 4 * n / 3, 4 * n / 3 + 1) for n in range(63)]], {}),
}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "that cannot be read"),
        ("text", "that cannot be read"),
        ("cut", "that cannot be read"),
        ("large", "of more than 500,000 bytes"),
        ("frames", "whose times are not in beats"),
        ("silent", "without notes"),
        ("drums", "with drums alone"),
        ("ten hours", "longer than 10,000 beats"),
        ("many", "of more than 1,000 events"),
        ("apart", r"whose tracks are not played together \(type 2\)"),
        ("free", "whose notes are not near sixteenths"),
        ("triplets", "whose notes are not near sixteenths"),
    ],
)
def test_files_that_cannot_be_used(path, name, reason, monkeypatch):
    monkeypatch.setattr(MODULE, "MOST_EVENTS", 1_000)
    spoil(name, path)
    with pytest.raises(NotUsable, match=reason):
        read_piece(path)
    with pytest.raises(UserError, match=f"tune.mid' is a file {reason}: give another MIDI file"):
        read_midi(path)


def test_a_file_that_does_not_exist(path):
    with pytest.raises(UserError, match=r"tune\.mid.*cannot be read"):
        read_midi(path)


# --- Folders ---


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
    original, calls = MODULE.read_piece, []
    monkeypatch.setattr(MODULE, "read_piece", lambda file: calls.append(file) or original(file))
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


def test_windows_of_a_users_file_begin_at_bars_of_the_metre(path):
    signatures = [(0, 1, 4), (4, 3, 4), (28, 4, 4)]  # a pick-up, two bars of 3/4, and others
    tune = [(60 + n, 4 * n, 4 * n + 4) for n in range(15)]
    save(path, tune, metres=signatures)
    (one,) = own_windows(read_piece(path), 24, "3/4")
    assert one[0] == 2 and to_notes(one[1])[0].pitch == 61
    (other,) = own_windows(read_piece(path), 32, "2/2")
    assert other[0] == 4 and to_notes(other[1])[0].pitch == 67
    from_the_start = own_windows(read_piece(path), 24, "6/8")
    assert [bar for bar, _ in from_the_start] == [1, 3, 5]


def test_the_first_window_with_notes_is_read_and_told(path):
    save(path, [(60, 48, 52), (62, 52, 56)])
    found = own_melodies(path, 16)
    assert found.names == ["tune.mid, bar 4"]
    assert found.notes == ("left out: 3 windows of fewer than 2 notes (tune.mid)",)


def test_a_key_that_does_not_exist_does_not_lose_the_file(path):
    save(path, scale(0))
    sound = melody(path)
    content = path.read_bytes()
    start = content.index(b"MTrk") + 8
    for key in (b"\x09\x00", b"\x00\x07", b"\x80\x05"):
        event = b"\x00\xff\x59\x02" + key
        length = int.from_bytes(content[start - 4 : start]) + len(event)
        path.write_bytes(content[: start - 4] + length.to_bytes(4) + event + content[start:])
        with pytest.raises(mido.KeySignatureError):
            mido.MidiFile(path)
        assert melody(path) == sound


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
