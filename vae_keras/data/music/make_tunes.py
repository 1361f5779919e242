"""Makes folk_tunes.npz, the data set `melodies`: python -m vae_keras.data.music.make_tunes

It reads ABC files that the package music21 contains. Nothing else needs music21: install it with
the extra `corpus`. SOURCES.md says which collections are used, and why these.
"""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from vae_keras.data.music.abc_notation import NotUnderstood, parse, tunes
from vae_keras.data.music.melodies import FILE
from vae_keras.data.music.melody_set import LeftOut, cut, gathered
from vae_keras.data.music.melody_windows import Tune

COLLECTIONS = ("oneills1850", "ryansMammoth")


def main():
    """Write FILE, and print what is in it and what was left out."""
    left_out = LeftOut()
    tunes = (cut(tune, _group_name(tune)) for tune in read_tunes(corpus_folder(), left_out))
    found = gathered("melodies", tunes, left_out)
    found.save(FILE)
    sides = (found.train, found.validation, found.test)
    print("windows for training, validation and test:", *(f"{len(rows):,}" for rows in sides))
    for reason, count in left_out.counts.most_common():
        print(f"left out: {count:,} {reason}")


def corpus_folder() -> Path:
    """Return the folder of the collections, without importing music21.

    Exits with a message if music21 is not installed.
    """
    package = importlib.util.find_spec("music21")
    if package is None:
        sys.exit("music21 is not installed: pip install 'vae_keras[corpus]'")
    return Path(package.origin).parent / "corpus"


def read_tunes(corpus: Path, left_out: LeftOut) -> Iterator[Tune]:
    """Yield the tunes of the COLLECTIONS that can be read; others are counted in `left_out`."""
    for file in (file for name in COLLECTIONS for file in sorted((corpus / name).glob("*.abc"))):
        for number, text in enumerate(tunes(file.read_text("utf-8", errors="replace")), start=1):
            source = f"{file.parent.name}/{file.name}, tune {number}"
            try:
                yield parse(text, source)
            except NotUnderstood as reason:
                left_out.add(f"tunes with {reason}", source)


def _group_name(tune: Tune) -> str:
    """A name that variants of a tune share: the title without article, kind and number."""
    title = re.sub(r"\s--.*|^the |, the\b|\d+$", "", tune.title.lower())
    return re.sub(r"\W", "", title) or tune.source


if __name__ == "__main__":
    main()
