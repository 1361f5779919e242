"""MIDI files: reads melodies to learn from, and writes those of a model to listen to.

A file is read by these rules:

- Each channel of each track is a tune of its own. Drums (channel 10) are left out.
- Of notes that begin together the highest is the melody. A note that begins below another one is
  left out if that sounds on for more than a sixteenth. A note ends when the next one begins.
- The tempo is ignored, because steps are parts of a beat. Notes move to the nearest sixteenth. A
  file is left out if fewer than NEAR_SHARE of its notes begin within NEAR sixteenths of one.
- Bars are those of the metres that the file states, or of 4/4 if it states none. A bar within which
  the metre changes is in no window.
"""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np

from vae_keras.data.kinds import Read
from vae_keras.data.music.melody_set import VERSION, LeftOut, Melodies, gathered
from vae_keras.data.music.melody_tokens import FIRST_PITCH, STEPS, Note, to_notes, to_tokens
from vae_keras.data.music.melody_windows import FEWEST_NOTES, Bar, Tune, bar_length
from vae_keras.errors import UserError
from vae_keras.files import cached, files_below, state_of, whole_file
from vae_keras.progress import progress

ENDINGS = (".mid", ".midi")
DRUMS = 9  # channel 10, counted from 0
STEPS_PER_BEAT = 4  # a beat is a quarter note
LONGEST = 10_000  # beats: more than an hour at 120 a minute
MOST_EVENTS = 100_000
MOST_FILE_BYTES = 500_000  # MOST_EVENTS mostly take less, and to read more takes long
NEAR, NEAR_SHARE = 0.25, 0.8
TICKS_PER_BEAT = 480  # in the files that are written
VELOCITY = 90


class NotUsable(Exception):
    """Raised with the reason why a file is left out, such as "that cannot be read"."""


class Piece(NamedTuple):
    """The content of a MIDI file; times are in sixteenths."""

    lines: dict[str, list[Note]]  # the melody of each channel of each track
    bars: list[Bar]
    end: int


def midi_folder(path: Path) -> Melodies:
    """Return the melodies in 4/4, 2/2 and 2/4 of the .mid and .midi files below the folder `path`.

    All tunes of a file are in one split. The first use reads the files, keeps the windows on disk,
    and prints what was left out. Raises UserError if the folder does not exist, if it has no MIDI
    files, or if too few of its tunes are usable.
    """
    files = midi_files(path)

    def read_all(folder: Path):
        left_out = LeftOut()
        tunes = _tunes(path, files, left_out)
        gathered(f"midi:{path}", tunes, _file_name, left_out).save(folder / "melodies.npz")
        print(f"left out of {len(files):,} MIDI files in {path}: {left_out}", flush=True)

    made_of = [VERSION, str(path.resolve()), state_of(files, path)]
    return Melodies.load(cached("melodies", made_of, read_all) / "melodies.npz")


def midi_files(path: Path) -> list[Path]:
    """Return the files below a folder with the endings of MIDI files, sorted.

    Raises UserError if the folder does not exist or has no such file.
    """
    files, _ = files_below(path, ENDINGS)
    if not files:
        raise UserError(f"folder {str(path)!r} has no MIDI files: give one with .mid files")
    return files


def _tunes(path, files, left_out) -> Iterator[Tune]:
    """Yield the melodies of all usable files."""
    for file in progress(files, f"reading {len(files):,} MIDI files, once"):
        name = str(file.relative_to(path))
        try:
            piece = read_piece(file)
        except NotUsable as reason:
            left_out.add(f"files {reason}", name)
            continue
        for line, notes in piece.lines.items():
            yield Tune(file.stem, f"{name}, {line}", notes, piece.bars)


def _file_name(tune: Tune) -> str:
    return tune.source.rpartition(", track")[0]


def own_melodies(path: Path, steps: int) -> Read:
    """The windows of the melody of a MIDI file, or of those below a folder, with their names.

    They are int32 [n, steps]. Files that cannot be used and windows of fewer than FEWEST_NOTES
    notes are left out, and counted in the notes. Raises UserError if no window is left.
    """
    files = midi_files(path) if path.is_dir() else [path]
    names, found, left_out = [], [], LeftOut()
    for file in progress(files, f"reading {len(files):,} MIDI files"):
        name = str(file.relative_to(path)) if path.is_dir() else file.name
        try:
            windows = _windows(file, steps)
        except NotUsable as reason:
            left_out.add(f"files {reason}", name)
            continue
        for number, window in enumerate(windows, 1):
            if (window >= FIRST_PITCH).sum() < FEWEST_NOTES:
                left_out.add(f"windows of fewer than {FEWEST_NOTES} notes", name)
            else:
                names.append(f"{name}, window {number}")
                found.append(window)
    if not found:
        raise UserError(f"{str(path)!r} has no melodies that can be read: {left_out}")
    notes = (f"left out: {left_out}",) if left_out.counts else ()
    return Read(names, np.stack(found).astype(np.int32), notes)


def read_midi(path: Path, steps: int = STEPS) -> np.ndarray:
    """Return the melody of a file, cut from its beginning into consecutive windows [n, steps].

    It is the channel with the most notes. The last window is filled with silence. Raises UserError
    if the file cannot be read or has no usable notes.
    """
    try:
        return _windows(path, steps)
    except NotUsable as reason:
        raise UserError(f"{str(path)!r} is a file {reason}: give another MIDI file") from reason


def _windows(path: Path, steps: int) -> np.ndarray:
    piece = read_piece(path)
    notes = max(piece.lines.values(), key=len)
    return np.stack([_window(notes, start, steps) for start in range(0, piece.end, steps)])


def _window(notes, start, steps):
    return to_tokens([note._replace(start=note.start - start) for note in notes], steps)


def read_piece(path: Path) -> Piece:
    """Return the melodies and bars of a MIDI file.

    Raises NotUsable if it cannot be read, is too large, or has no notes near sixteenths.
    """
    file = _opened(path)
    tracks = [_timed(track) for track in file.tracks]
    end = max((track[-1][0] for track in tracks if track), default=0)
    if sum(map(len, tracks)) > MOST_EVENTS:
        raise NotUsable(f"of more than {MOST_EVENTS:,} events")
    if end > LONGEST * file.ticks_per_beat:
        raise NotUsable(f"longer than {LONGEST:,} beats")
    step = file.ticks_per_beat / STEPS_PER_BEAT
    lines = {
        f"track {number}, channel {channel + 1}": notes
        for number, track in enumerate(tracks, start=1)
        for channel, notes in _played(track).items()
    }
    drums = [line for line in lines if line.endswith(f"channel {DRUMS + 1}")]
    melodies = {line: _melody(lines[line], step) for line in lines if line not in drums}
    if not melodies:
        raise NotUsable("with drums alone" if drums else "without notes")
    starts = np.array([start for line in melodies for _, start, _ in lines[line]]) / step
    if np.mean(np.abs(starts - np.rint(starts)) <= NEAR) < NEAR_SHARE:
        raise NotUsable("whose notes are not near sixteenths")
    last = max(notes[-1].start + notes[-1].length for notes in melodies.values())
    return Piece(melodies, _bars(tracks, step, last), max(last, round(end / step)))


def _opened(path) -> mido.MidiFile:
    try:
        is_small = path.stat().st_size <= MOST_FILE_BYTES
        file = mido.MidiFile(path, clip=True) if is_small else None
    except Exception as error:  # mido raises errors of many kinds for what is no MIDI file
        raise NotUsable("that cannot be read") from error
    if file is None:
        raise NotUsable(f"of more than {MOST_FILE_BYTES:,} bytes")
    if file.type == 2:
        raise NotUsable("whose tracks are not played together (type 2)")
    if file.ticks_per_beat <= 0:
        raise NotUsable("whose times are not in beats")
    return file


def _timed(track) -> list[tuple[int, mido.Message]]:
    """The events of a track, each with its time in ticks."""
    return list(zip(itertools.accumulate(event.time for event in track), track))


def _played(track) -> dict[int, list[tuple[int, int, int]]]:
    """The notes of each channel in a track: pitch, start and end in ticks."""
    played, begun = {}, {}
    for now, event in track:
        if event.type in ("note_on", "note_off"):
            key = event.channel, event.note
            if key in begun:  # a note that begins again ends first
                played.setdefault(event.channel, []).append((event.note, begun.pop(key), now))
            if event.type == "note_on" and event.velocity > 0:
                begun[key] = now
    for (channel, pitch), start in begun.items():  # notes that no event ends
        played.setdefault(channel, []).append((pitch, start, track[-1][0]))
    return played


def _melody(played, step) -> list[Note]:
    """The highest of the notes that sound together, moved to the nearest steps."""
    notes = [Note(p, round(start / step), round(end / step)) for p, start, end in played]
    melody = []
    for pitch, start, end in sorted(notes, key=lambda note: (note.start, -note.pitch)):
        end = max(end, start + 1)
        if melody:
            before = melody[-1]
            sounds_for = before.start + before.length - start
            if start == before.start or (pitch < before.pitch and sounds_for > 1):
                continue
            if sounds_for > 0:
                melody[-1] = before._replace(length=start - before.start)
        melody.append(Note(pitch, start, end - start))
    return melody


def _bars(tracks, step, end) -> list[Bar]:
    """The bars up to the step `end`."""
    metres = {0: "4/4"}
    for now, event in sorted(itertools.chain(*tracks), key=lambda timed: timed[0]):
        metre = f"{event.numerator}/{event.denominator}" if event.type == "time_signature" else ""
        if metre and metre != [*metres.values()][-1]:
            metres[round(now / step)] = metre
    bars = []
    for start, until in itertools.pairwise([*metres, math.inf]):
        metre = metres[start]
        # A metre that is not in sixteenths has one long bar, which is in no window.
        length = bar_length(metre) or max(1, min(until, end) - start)
        for first in range(start, min(until, end), length):
            bars.append(Bar(metre, first, min(length, until - first)))
    return bars


def write_midi(tokens: np.ndarray, path: Path):
    """Write windows [steps] or [n, steps], one after another, to a MIDI file, whole or not at all.

    The file states no tempo and no instrument, which means a piano at 120 quarter notes a minute.
    """
    track = mido.MidiTrack(_events(np.atleast_2d(tokens), TICKS_PER_BEAT // STEPS_PER_BEAT))
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT, tracks=[track])
    with whole_file(path) as temporary:
        file.save(temporary)


def _events(windows, ticks) -> Iterator[mido.Message]:
    """Yield the notes of windows, and an end of the track where the last window ends."""
    now = 0
    for number, window in enumerate(windows):
        for pitch, start, length in to_notes(window):
            begin = (number * len(window) + start) * ticks
            yield mido.Message("note_on", note=pitch, velocity=VELOCITY, time=begin - now)
            yield mido.Message("note_off", note=pitch, time=length * ticks)
            now = begin + length * ticks
    yield mido.MetaMessage("end_of_track", time=windows.size * ticks - now)
