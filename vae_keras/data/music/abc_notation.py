"""Reads ABC notation, as much of it as tunes of one voice use: notes, lengths and bars.

The notation: https://abcnotation.com/wiki/abc:standard:v2.1. A tune is read by these rules:

- Lengths are exact: tuplets and broken rhythms keep their fractions.
- An accidental lasts until the end of its bar, for its letter in every octave.
- Tied notes of one pitch become one note. A tie between two pitches is a slur and is ignored.
- Nothing is repeated: every bar comes once, a second ending after the first one.
- Of a chord the highest note is read. Grace notes, ornaments, chord symbols and words are ignored.
- A bar that is full at the end of a line ends there, even without a bar line.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

from vae_keras.data.music.melody_tokens import Note
from vae_keras.data.music.melody_windows import FREE, Bar, Tune, bar_length

METRE_SIGNS = {"C": "4/4", "C|": "2/2"}
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ALTERATIONS = {"__": -2, "_": -1, "=": 0, "^": 1, "^^": 2}
FIFTHS = "FCGDAEB"  # the order in which keys get their sharps; flats come the other way round
MODES = {  # how many sharps fewer than the major key of the same tonic
    **{"": 0, "maj": 0, "ion": 0, "mix": 1, "dor": 2, "m": 3, "min": 3, "aeo": 3},
    **{"phr": 4, "loc": 5, "lyd": -1},
}
# Notes of a tuplet -> the notes whose time they take. Others take 2, or 3 in metres of threes.
TUPLET_TIMES = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
LENGTH = r"\d*/*\d*"
NOTE = rf"(?P<accidental>\^\^?|__?|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>{LENGTH})"
MUSIC = re.compile(
    rf"""\((?P<tuplet>[2-9]) (:(?P<times>\d*))? (:(?P<count>\d*))?
    | (?P<nothing> [\s`\\()] | "[^"]*" | \{{[^}}]*\}} | ![^!|]*! | !
           | [.~HJKLMOPRSTUVkuv] | y\d* | x(?=\s*[|:[\]]) )  # also a hold over a bar line, Hx
    | {NOTE}
    | [zx](?P<rest>{LENGTH})
    | \[(?P<chord>(?:[^]|:[]*[A-Ga-g])[^]|:[]*)\](?P<chord_length>{LENGTH})
    | \[(?P<field>[A-Za-z]):(?P<value>[^]]*)\]
    | (?P<tie>-)
    | (?P<broken>>+|<+)
    | (?P<bar>(?:[:|\]]|\[(?=[\d|:\]]))+) (?P<ending>\d[\d,.-]*)?
    | (?P<overlay>&)""",
    re.VERBOSE,
)


class NotUnderstood(Exception):
    """Raised with the reason why a tune cannot be read, such as "several voices"."""


def tunes(text: str) -> Iterator[str]:
    """Return the tunes of an ABC file, each as its text from a line X: to the next."""
    return iter(re.split(r"^(?=X:)", text, flags=re.MULTILINE)[1:])


def title(text: str) -> str:
    """Return the first title of a tune, or "" if it has none."""
    found = re.search(r"^T:(.*)", text, re.MULTILINE)
    return found[1].strip() if found else ""


def parse(text: str, source: str = "") -> Tune:
    """Return the tune that begins `text`, up to the first blank line after its key.

    Times are exact, in sixteenths. `source` says where the tune comes from. Raises NotUnderstood if
    the tune has several voices, or a sign, key or length that is not known.
    """
    reader = _Reader()
    for line in text.splitlines():
        if reader.in_body and not line.strip():
            break
        line = re.sub(r"(?<!\\)%.*", "", line)
        if found := re.match(r"([A-Za-z]):(?![|:])(.*)", line):
            reader.read_field(found[1], found[2].strip())
        elif reader.in_body:
            reader.read_line(line)
    reader.end_bar(ends_part=True)
    return Tune(title(text), source, _notes(reader.events), reader.bars)


class _Event:
    """A note, or a rest without a pitch."""

    def __init__(self, pitch, length):
        self.pitch, self.length, self.is_tied = pitch, length, False


def _notes(events: list[_Event]) -> list[Note]:
    """The notes of a tune; tied notes become one."""
    notes, now, is_tied = [], 0, False
    for event in events:
        if is_tied and event.pitch == notes[-1].pitch:
            notes[-1] = notes[-1]._replace(length=_exact(notes[-1].length + event.length))
        elif event.pitch is not None:
            notes.append(Note(event.pitch, now, event.length))
        now = _exact(now + event.length)
        is_tied = event.is_tied
    return notes


class _Reader:
    """The state of reading a tune: what its fields say, and the bars and events so far."""

    def __init__(self):
        self.in_body = False
        self.metre, self.unit, self.key, self.voices = FREE, None, {}, set()
        self.bars, self.events = [], []  # the bars that have ended, and their events
        self.bar, self.accidentals, self.follows = [], {}, True  # the bar that is being read
        self.factor = 1  # by which > or < changes the length of the next note
        self.tuplet, self.tuplet_left = 1, 0

    def read_field(self, name, value):
        if name == "M":
            self.metre = _metre(value)
        elif name == "L":
            self.unit = _length(value, 16)
        elif name == "K":
            self.key, self.in_body = _key(value), True
            if self.unit is None:
                self.unit = 1 if (bar_length(self.metre) or 16) < 12 else 2
        elif name == "V":
            self.voices.add(value.split()[0] if value else "")
            if len(self.voices) > 1:
                raise NotUnderstood("several voices")

    def read_line(self, line):
        position = 0
        while position < len(line):
            found = MUSIC.match(line, position)
            if not found:
                raise NotUnderstood("text that is not music")
            self._read(found)
            position = found.end()
        if sum(event.length for event in self.bar) == bar_length(self.metre):
            self.end_bar()

    def _read(self, found):
        """Read one sign of the music."""
        if found["letter"]:
            self._add(self._pitch(found), found["length"])
        elif found["bar"]:
            sign = found["bar"].removesuffix("[")  # it belongs to the ending, [1
            self.end_bar(ends_part=sign not in ("", "|"))
            self.accidentals = {}
            self.follows = (found["ending"] or "1").startswith("1")
        elif found["rest"] is not None:
            self._add(None, found["rest"])
        elif found["broken"]:
            self._break(found["broken"])
        elif found["tuplet"]:
            self._begin_tuplet(int(found["tuplet"]), found["times"], found["count"])
        elif found["tie"]:
            if self.bar:
                self.bar[-1].is_tied = self.bar[-1].pitch is not None
        elif found["chord"]:
            inner = list(re.finditer(NOTE, found["chord"]))
            factor = _length(inner[0]["length"])
            self._add(max(map(self._pitch, inner)), found["chord_length"], factor)
        elif found["field"]:
            self.read_field(found["field"], found["value"].strip())
        elif found["overlay"]:
            raise NotUnderstood("several voices")

    def end_bar(self, ends_part=False):
        if self.bar:
            start = _exact(self.bars[-1].start + self.bars[-1].length) if self.bars else 0
            length = _exact(sum(event.length for event in self.bar))
            self.bars.append(Bar(self.metre, start, length, ends_part, self.follows))
            self.events += self.bar
            self.bar, self.follows = [], True
        elif self.bars and ends_part:
            self.bars[-1] = self.bars[-1]._replace(ends_part=True)

    def _add(self, pitch, length, factor=1):
        factor *= self.factor
        self.factor = 1
        if self.tuplet_left:
            factor *= self.tuplet
            self.tuplet_left -= 1
        self.bar.append(_Event(pitch, _length(length, self.unit * factor)))

    def _pitch(self, note) -> int:
        letter = note["letter"].upper()
        if note["accidental"]:
            self.accidentals[letter] = ALTERATIONS[note["accidental"]]
        octave = 5 + note["letter"].islower()
        octave += note["octave"].count("'") - note["octave"].count(",")
        alteration = self.accidentals.get(letter, self.key.get(letter, 0))
        return 12 * octave + SEMITONES[letter] + alteration

    def _break(self, signs):
        """Change two lengths: a>b makes a half longer and b half as long; a<b does the reverse."""
        if not self.bar:
            raise NotUnderstood("text that is not music")
        short = Fraction(1, 2 ** len(signs))
        first, self.factor = (2 - short, short) if signs[0] == ">" else (short, 2 - short)
        self.bar[-1].length = _exact(self.bar[-1].length * first)

    def _begin_tuplet(self, notes, times, count):
        """Begin a tuplet (p:q:r, which plays the next r notes at p in the time of q."""
        in_threes = self.metre.partition("/")[0] in ("6", "9", "12")
        times = int(times or TUPLET_TIMES.get(notes, 3 if in_threes else 2))
        self.tuplet, self.tuplet_left = Fraction(times, notes), int(count or notes)


@lru_cache(maxsize=1_000)
def _length(text: str, unit=1):
    """A length in units: "3" -> 3, "3/2" -> 3/2, "/" -> 1/2, "//" -> 1/4, "" -> 1."""
    found = re.fullmatch(r"(\d*)(/*)(\d*)", text)
    if not found or "0" in (found[1], found[3]):
        raise NotUnderstood("a length that is not known")
    below = int(found[3]) if found[3] else 2 ** len(found[2])
    return _exact(unit * Fraction(int(found[1] or 1), below))


def _exact(number):
    """The number as an int if it is whole, because fractions are slow to calculate with."""
    return int(number) if number.denominator == 1 else number


def _metre(value: str) -> str:
    value = METRE_SIGNS.get(value, value)
    return value if bar_length(value) else FREE


@lru_cache(maxsize=1_000)
def _key(value: str) -> dict[str, int]:
    """The letters that a key raises or lowers: "D" -> {"F": 1, "C": 1}; "Am", "D mix", "Bb"."""
    if value in ("HP", "Hp"):  # the keys of the Highland bagpipes
        return {"F": 1, "C": 1}
    found = re.match(r"([A-G])([#b]?)\s*([A-Za-z]*)", value)
    mode = found[3][:3] if found else None
    mode = "" if mode == "M" else mode and mode.lower()
    if mode not in MODES:
        raise NotUnderstood("a key that is not known")
    sharps = FIFTHS.index(found[1]) - 1 + {"#": 7, "": 0, "b": -7}[found[2]] - MODES[mode]
    if sharps >= 0:
        return dict.fromkeys(FIFTHS[:sharps], 1)
    return dict.fromkeys(FIFTHS[sharps:], -1)
