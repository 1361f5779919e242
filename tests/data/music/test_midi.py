import importlib
from itertools import pairwise

import mido
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.midi_files import STEP, save, scale, spoil
from vae_keras import UserError
from vae_keras.data.music.melody_tokens import HOLD, NOTE_OFF, Note, to_notes, to_tokens
from vae_keras.data.music.melody_windows import window_steps
from vae_keras.data.music.midi import (
    NotUsable,
    own_windows,
    read_midi,
    read_piece,
    write_midi,
)

MODULE = importlib.import_module("vae_keras.data.music.midi")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tune.mid"


def melody(path):
    (notes,) = read_piece(path).lines.values()
    return notes


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
