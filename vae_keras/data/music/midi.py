"""MIDI files: reads melodies to learn from, and writes those of a model to listen to.

A file is read by these rules:

- Each channel of each track is a tune of its own. Drums (channel 10) are left out.
- Of notes that begin together the highest is the melody. A note that begins below another one is
  left out if that sounds on for more than a sixteenth. A note ends when the next one begins.
- The tempo is ignored, because steps are parts of a beat. Notes move to the nearest sixteenth. A
  file is left out if fewer than NEAR_SHARE of its notes begin within NEAR sixteenths of one.
- Bars are those of the metres that the file states, or of 4/4 if it states none. A bar within which
  the metre changes is in no window. Windows of a data set are in one metre.
- Keys are ignored, even those that do not exist.
"""

import io
import itertools
import math
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np

from vae_keras.data.music.melody_tokens import STEPS, Note, to_notes, to_tokens
from vae_keras.data.music.melody_windows import (
    COMMON_TIME,
    Bar,
    bar_length,
    learned_as,
    notes_between,
    runs,
    window_steps,
)
from vae_keras.errors import UserError
from vae_keras.files import whole_file

HEADER = b"MThd"  # the first bytes of a file
KEY_SIGNATURE, SEQUENCER_SPECIFIC = b"\xff\x59", b"\xff\x7f"
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


def own_windows(piece: Piece, steps: int, metre: str) -> list[tuple[int, np.ndarray]]:
    """The consecutive windows of a file's melody, each with the number of the bar it begins in.

    The melody is the channel with the most notes. Windows [steps] begin at bar lines and lie in
    bars that are learned as `metre`. A file without such bars is cut from its beginning, and so is
    every file if windows of the metre have another length. What a window lacks at the end is filled
    with silence.
    """
    notes, alike = max(piece.lines.values(), key=len), []
    if steps == window_steps(metre):
        alike = [run for run in runs(piece.bars) if learned_as(run.metre) == learned_as(metre)]
    spans = [(run.start, run.end) for run in alike] or [(0, piece.end)]
    if spans[-1][1] == piece.bars[-1].start + piece.bars[-1].length:  # behind it comes silence
        spans[-1] = (spans[-1][0], max(spans[-1][1], piece.end))
    found = []
    for first, end in spans:
        for start in range(first, end, steps):
            inside = notes_between(notes, start, min(start + steps, end))
            bar = bisect_right(piece.bars, start, key=lambda bar: bar.start)
            found.append((bar, to_tokens(inside, steps)))
    return found


def read_midi(path: Path, steps: int = STEPS, metre: str = COMMON_TIME) -> np.ndarray:
    """Return the melody of a file, cut into consecutive windows [n, steps]: see `own_windows`.

    Raises UserError if the file cannot be read or has no usable notes.
    """
    try:
        windows = own_windows(read_piece(path), steps, metre)
    except NotUsable as reason:
        raise UserError(f"{str(path)!r} is a file {reason}: give another MIDI file") from reason
    return np.stack([window for _, window in windows])


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
        file = _parsed(path.read_bytes()) if is_small else None
    except Exception as error:  # mido raises errors of many kinds for what is no MIDI file
        raise NotUsable("that cannot be read") from error
    if file is None:
        raise NotUsable(f"of more than {MOST_FILE_BYTES:,} bytes")
    if file.type == 2:
        raise NotUsable("whose tracks are not played together (type 2)")
    if file.ticks_per_beat <= 0:
        raise NotUsable("whose times are not in beats")
    return file


def _parsed(content: bytes) -> mido.MidiFile:
    if content[:4] == b"RIFF" and content[8:12] == b"RMID":  # .rmi: the file lies in a chunk
        content = content[content.index(HEADER) :]
    try:
        return mido.MidiFile(file=io.BytesIO(content), clip=True)
    except Exception:
        # mido refuses a key signature that does not exist. The key is not needed, so the event
        # becomes one that says nothing.
        content = content.replace(KEY_SIGNATURE, SEQUENCER_SPECIFIC)
        return mido.MidiFile(file=io.BytesIO(content), clip=True)


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


def write_midi(tokens: np.ndarray, path: Path, metre: str = COMMON_TIME):
    """Write windows [steps] or [n, steps], one after another, to a MIDI file, whole or not at all.

    The file states no tempo and no instrument, which means a piano at 120 quarter notes a minute.
    It states a `metre` that is not 4/4, which it would mean otherwise.
    """
    track = mido.MidiTrack(_events(np.atleast_2d(tokens), TICKS_PER_BEAT // STEPS_PER_BEAT))
    if metre != COMMON_TIME:
        upper, lower = map(int, metre.split("/"))
        track.insert(0, mido.MetaMessage("time_signature", numerator=upper, denominator=lower))
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
