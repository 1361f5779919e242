"""MIDI files for tests."""

import mido
import numpy as np

STEP = 120  # ticks, of files with 480 a beat


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


def scale(seed, bars=4):
    """A tune of random quarter notes."""
    pitches = np.random.default_rng(seed).integers(55, 80, 4 * bars).tolist()
    return [(pitch, 4 * n, 4 * n + 4) for n, pitch in enumerate(pitches)]


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
