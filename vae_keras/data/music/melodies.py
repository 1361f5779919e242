"""Folk tunes from the corpus of music21, as windows of two bars that a model can learn from.

The corpus has 12,762 tunes in ABC notation: the Essen collection (mostly German and Chinese songs,
licensed for non-commercial use), O'Neill's Music of Ireland, Ryan's Mammoth Collection and Aird's
Airs. music21 only brings the files.
"""

import importlib.util
import re
import time
from collections.abc import Iterator
from pathlib import Path

from vae_keras.data.music.abc_notation import NotUnderstood, parse, tunes
from vae_keras.data.music.melody_set import VERSION, LeftOut, Melodies, gathered
from vae_keras.data.music.melody_windows import Tune, window_steps
from vae_keras.errors import UserError
from vae_keras.files import cache_folder

COLLECTIONS = ("essenFolksong", "oneills1850", "ryansMammoth", "airdsAirs")
NOTICED_AFTER = 1_000  # tunes; then one can say how long it will take


def melodies(metre: str | None = None) -> Melodies:
    """The tunes in a metre, as windows of two bars (four if they are short).

    For None they are those in 4/4, 2/2 and 2/4, whose windows have 32 steps. The first use of a
    metre reads the tunes and keeps the windows on disk. Raises UserError.
    """
    window_steps(metre)  # raises for a metre that is none
    corpus = corpus_folder()
    version = importlib.metadata.version("music21")
    name = (metre or "common").replace("/", "-")
    cache = cache_folder() / "melodies" / f"{VERSION}-{version}-{name}.npz"
    if not cache.is_file():
        left_out = LeftOut()
        tunes = read_tunes(corpus, left_out)
        gathered("melodies", tunes, metre, _group, left_out).save(cache)
    return Melodies.load(cache)


def corpus_folder() -> Path:
    """The folder of the collections, found without importing music21. Raises UserError."""
    package = importlib.util.find_spec("music21")
    if package is None:
        raise UserError("data set 'melodies' needs the tunes of music21: pip install 'music21>=10'")
    corpus = Path(package.origin).parent / "corpus"
    for name in COLLECTIONS:
        if not (corpus / name).is_dir():
            raise UserError(f"music21 has no folder {str(corpus / name)!r}: install it anew")
    return corpus


def read_tunes(corpus: Path, left_out: LeftOut) -> Iterator[Tune]:
    """All tunes that can be read; the others are counted. Says how long it will take."""
    texts = [
        (f"{name}/{file.name}", number, text)
        for name in COLLECTIONS
        for file in sorted((corpus / name).glob("*.abc"))
        for number, text in enumerate(tunes(file.read_text("utf-8", errors="replace")), start=1)
    ]
    start = time.perf_counter()
    for done, (file, number, text) in enumerate(texts):
        if done == NOTICED_AFTER:
            seconds = (time.perf_counter() - start) * len(texts) / done
            print(f"reading {len(texts):,} folk tunes, once: about {seconds:.0f} s", flush=True)
        source = f"{file}, tune {number}"
        try:
            yield parse(text, source)
        except NotUnderstood as reason:
            left_out.add(f"tunes with {reason}", source)


def _group(tune: Tune) -> str:
    """The same for variants of a tune: its title, without article, kind and number."""
    title = re.sub(r"\s--.*|^the |, the\b|\d+$", "", tune.title.lower())
    return re.sub(r"\W", "", title) or tune.source
