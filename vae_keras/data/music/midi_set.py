"""The melodies of MIDI files: a folder as a data set, and a user's own files for a model."""

import copy
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae_keras.data.dataset import Dataset
from vae_keras.data.kinds import Read
from vae_keras.data.music.melody_set import (
    VERSION,
    LeftOut,
    Melodies,
    cut,
    gathered,
    melody_dataset,
)
from vae_keras.data.music.melody_tokens import FIRST_PITCH
from vae_keras.data.music.melody_windows import (
    COMMON_TIME,
    FEWEST_NOTES,
    Tune,
    learned_as,
    window_steps,
)
from vae_keras.data.music.midi import HEADER, NotUsable, own_windows, read_piece
from vae_keras.errors import UserError
from vae_keras.files import cached, counts, files_below, state_of, write_text
from vae_keras.progress import progress

ENDINGS = (".mid", ".midi", ".kar", ".rmi")


class FolderTunes(NamedTuple):
    """The melodies of a folder in one metre, with lines on what was read, for the user."""

    melodies: Melodies
    metre: str
    notes: tuple[str, ...]


def midi(path: Path, metre: str | None = None) -> Dataset:
    """The melodies of the MIDI files below a folder as a data set; see `midi_folder`."""
    found = midi_folder(path, metre)
    dataset = melody_dataset(str(path), found.melodies, found.metre, found.notes)
    return replace(dataset, settles={"metre": found.metre})


def midi_folder(path: Path, metre: str | None = None) -> FolderTunes:
    """Return the melodies of the MIDI files below the folder `path` in one metre.

    It is `metre`, or the one in which most of the music is; 2/2 and 2/4 are learned as 4/4. All
    tunes of a file are in one split. The first use reads the files and keeps the windows on disk.
    Raises UserError if the folder does not exist, if it has no MIDI files, or if too few of its
    tunes are usable.
    """
    wanted = metre and learned_as(metre)
    if metre and not wanted:
        raise UserError(f"--metre {metre!r} must be a metre in sixteenths, such as 3/4 or 6/8")
    files, left_out = midi_files(path)

    def read_all(folder: Path):
        found = _in_each_metre(path, files)
        for number, (melodies, *_) in enumerate(found):
            melodies.save(folder / f"{number}.npz")
        write_text(folder / "metres.json", json.dumps([told for _, *told in found]))

    made_of = [VERSION, str(path.resolve()), state_of(files, path)]
    folder = cached("melodies", made_of, read_all)
    metres = json.loads((folder / "metres.json").read_text(encoding="utf-8"))
    known = [name for name, _ in metres]
    if wanted and wanted not in known:
        raise UserError(f"midi:{path} has too few tunes in {metre}: it has {', '.join(known)}")
    number = known.index(wanted or known[0])
    found = Melodies.load(folder / f"{number}.npz")
    notes = [counts(left_out)] if left_out else []
    others = [name for name in known if name != known[number]]
    choice = f" (--metre chooses {' or '.join(others)})" if others else ""
    notes.append(
        f"{len(found.windows):,} windows in {known[number]}{choice}; left out: {metres[number][1]}"
    )
    return FolderTunes(found, known[number], tuple(notes))


def _in_each_metre(path: Path, files) -> list[tuple[Melodies, str, str]]:
    """The melodies of the files in each metre that has enough, the most first.

    Beside them are the metre, and what is left out. Raises UserError if no metre has enough.
    """
    unread = LeftOut()
    tunes = [cut(tune, _file_name(tune)) for tune in _tunes(path, files, unread)]
    lengths = Counter[str]()  # in sixteenths
    for tune in tunes:
        for metre, (windows, _) in tune.windows.items():
            lengths[metre] += len(windows) * window_steps(metre)
    found, errors = [], []
    for metre, _ in (lengths or Counter([COMMON_TIME])).most_common():
        left_out = copy.deepcopy(unread)
        try:
            melodies = gathered(f"midi:{path}", tunes, left_out, metre)
        except UserError as error:
            errors.append(error)
        else:
            found.append((melodies, metre, str(left_out)))
    if not found:
        raise errors[0]
    return found


def midi_files(path: Path) -> tuple[list[Path], Counter[str]]:
    """Return the MIDI files below a folder, sorted, and how many others there are, by the reason.

    They have the endings of MIDI files, or none and the first bytes of one. Raises UserError if the
    folder does not exist or has no such file.
    """
    files, left_out = files_below(path, (*ENDINGS, ""))
    found = [file for file in files if file.suffix or _begins_as_midi(file)]
    if others := len(files) - len(found):
        left_out["without an ending"] += others
    if not found:
        others = f" ({counts(left_out)})" if left_out else ""
        raise UserError(f"folder {str(path)!r} has no MIDI files{others}: give one with .mid files")
    return found, left_out


def _begins_as_midi(file: Path) -> bool:
    try:
        with open(file, "rb") as opened:
            return opened.read(4) == HEADER
    except OSError:
        return False


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


def own_melodies(path: Path, steps: int, metre: str = COMMON_TIME) -> Read:
    """The windows of the melody of a MIDI file, or of those below a folder, named by file and bar.

    They are int32 [n, steps], as `own_windows` cuts them. Files that cannot be used and windows of
    fewer than FEWEST_NOTES notes are left out, and counted in the notes. Raises UserError if no
    window is left.
    """
    files, others = midi_files(path) if path.is_dir() else ([path], Counter())
    names, found, left_out = [], [], LeftOut()
    for file in progress(files, f"reading {len(files):,} MIDI files"):
        name = str(file.relative_to(path)) if path.is_dir() else file.name
        try:
            windows = own_windows(read_piece(file), steps, metre)
        except NotUsable as reason:
            left_out.add(f"files {reason}", name)
            continue
        for bar, window in windows:
            if (window >= FIRST_PITCH).sum() < FEWEST_NOTES:
                left_out.add(f"windows of fewer than {FEWEST_NOTES} notes", name)
            else:
                names.append(f"{name}, bar {bar}")
                found.append(window)
    if not found:
        raise UserError(f"{str(path)!r} has no melody to read: {left_out}; give another MIDI file")
    notes = [counts(others)] if others else []
    notes += [f"left out: {left_out}"] if left_out.counts else []
    return Read(names, np.stack(found).astype(np.int32), tuple(notes))
