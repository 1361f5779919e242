"""Words as numbers and back: the tokens that a model of sentences reads and writes."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

import numpy as np

from vae_keras.errors import UserError

SPECIAL = ("<pad>", "<end>", "<unk>")
PADDING, END, UNKNOWN = range(len(SPECIAL))


# The pattern is for Python and for tf.strings.regex_replace, so it uses only what RE2 has.
MARKS = "!-/:-@\\[-`{-~\u00a0-\u00bf\u2000-\u206f\u3000-\u303f"  # ASCII, Latin, general, CJK
LETTERS = f"[^\\s{MARKS}]"
WORD = f"<[a-z]+>|{LETTERS}+(?:['-]{LETTERS}+|[.,][0-9]{LETTERS}*)*|\\S"
# Thai, Lao, Burmese, Khmer, and what Chinese and Japanese are written in.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
CHARACTER = re.compile(f"[{UNSPACED}]")
SPACED_CHARACTERS = re.compile(f"[{UNSPACED}]\\s+(?=[{UNSPACED}])")
STANDS_CLOSE = re.compile(f"[{UNSPACED}\u3001-\u303f]")  # also 。 and 「
MOST_SPACES = 1 / 6  # for each character: a script with more has spaces between its words
CURLED = str.maketrans("‘’‛“”„‟", '\'\'\'""""')
FOLLOWS = frozenset(".,;:!?)]}%/")  # no space before these
LEADS = frozenset("([{$#/")  # no space after these
QUOTES = "\"'"


def split_words(text: str, by_character=False) -> list[str]:
    """Split a text into words and marks in lower case; a mark that joins no words stands alone.

    Apostrophes and hyphens join words (don't, built-in), points and commas join digits (3.5), and
    angle brackets mark a placeholder (<name>). Variants of a character become one (Unicode's NFKC),
    and quotation marks become straight. With `by_character`, each character of a script that has no
    spaces between words stands alone, too.
    """
    text = unicodedata.normalize("NFKC", text).translate(CURLED).lower()
    return re.findall(WORD, CHARACTER.sub(r" \g<0> ", text) if by_character else text)


def join_words(words: Iterable[str], by_character=False) -> str:
    """Join words and marks to a text, spaced as in print: the reverse of `split_words`."""
    words = list(words)
    text, glued = "", True
    for word, opens in zip(words, _opening(words)):
        closes = word in FOLLOWS or (word in QUOTES and not opens)
        close = by_character and _stand_close(text[-1:], word)
        text += word if glued or closes or close else f" {word}"
        glued = word in LEADS or opens
    return text


def _stand_close(before: str, word: str) -> bool:
    """True if there is no space between a character and a word, of which one has no spaces."""
    pair = before + word
    if not STANDS_CLOSE.match(before) and not STANDS_CLOSE.match(word):
        return False
    return unicodedata.is_normalized("NFKC", pair)  # or else the two would become one character


def lack_spaces(lines: Iterable[str]) -> bool:
    """True if most lines that are not empty are in a script without spaces between words.

    A line is if most of its letters are of such a script, with at most MOST_SPACES for each.
    """
    count, unspaced = 0, 0
    for line in map(str.strip, lines):
        letters, characters = len(re.findall(LETTERS, line)), len(CHARACTER.findall(line))
        spaces = len(SPACED_CHARACTERS.findall(line))
        count += bool(line)
        unspaced += 2 * characters > letters and spaces <= MOST_SPACES * characters
    return 2 * unspaced > count


def _opening(words: list[str]) -> Iterator[bool]:
    """For each word, True if it is a quotation mark that a later one closes.

    An apostrophe after an s does not open a quotation (the classes' names).
    """
    left, is_open = Counter(word for word in words if word in QUOTES), Counter()
    for before, word in zip(["", *words], words):
        left[word] -= 1
        may_open = word in QUOTES and not (word == "'" and before.endswith("s"))
        is_open[word] = may_open and not is_open[word] and left[word] > 0
        yield is_open[word]


@dataclass(frozen=True)
class Vocabulary:
    """The words that have a number: `words[token]`; the first are padding, end and unknown.

    Raises UserError if `words` do not begin with these three, if a word comes twice, or if one is
    not what `split_words` calls a word.
    """

    words: tuple[str, ...]

    def __post_init__(self):
        if self.words[: len(SPECIAL)] != SPECIAL:
            raise UserError(f"a vocabulary starts with {', '.join(SPECIAL)}, not {self.words[:3]}")
        twice = next((word for word, times in Counter(self.words).items() if times > 1), None)
        if twice is not None:
            raise UserError(f"a vocabulary has {twice!r} twice: remove one")
        odd = next((word for word in self.words if split_words(word) != [word]), None)
        if odd is not None:
            raise UserError(f"a vocabulary has {odd!r}, which is not one word in lower case")

    @cached_property
    def by_character(self) -> bool:
        """True if the words of scripts without spaces are single characters."""
        lengths = {len(word) for word in self.words if CHARACTER.search(word)}
        return lengths == {1}

    def split(self, text: str) -> list[str]:
        """Split a text as that of which the vocabulary is made."""
        return split_words(text, self.by_character)

    def __len__(self):
        return len(self.words)

    @cached_property
    def _tokens(self) -> dict[str, int]:
        """The token of each word; padding and end are left out, because no text contains them."""
        return {word: token for token, word in enumerate(self.words) if token >= UNKNOWN}

    def encode(self, sentences: Iterable[str], time: int) -> np.ndarray:
        """Turn sentences into tokens, int32 [n, time]: the words, the end, and padding.

        A word that is not in the vocabulary becomes unknown. Raises UserError if a sentence has
        more than `time` - 1 words.
        """
        return self.encode_words(map(self.split, sentences), time)

    def encode_words(self, sentences: Iterable[list[str]], time: int) -> np.ndarray:
        """Turn sentences that are already split into words into tokens, int32 [n, time].

        Raises UserError if a sentence has more than `time` - 1 words.
        """
        sentences = list(sentences)
        tokens = np.full((len(sentences), time), PADDING, np.int32)
        for row, words in zip(tokens, sentences):
            if len(words) >= time:
                start = " ".join(words[:6])
                raise UserError(
                    f"sentence '{start} …' has {len(words):,} words and marks: "
                    f"shorten it to {time - 1}"
                )
            row[: len(words)] = [self._tokens.get(word, UNKNOWN) for word in words]
            row[len(words)] = END
        return tokens

    def decode(self, tokens) -> list[str]:
        """The sentence of each row of tokens [n, time], up to its first end or padding."""
        return [
            join_words([self.words[token] for token in takewhile(_is_word, row)], self.by_character)
            for row in np.asarray(tokens).tolist()
        ]


def _is_word(token: int) -> bool:
    return token not in (PADDING, END)


def most_frequent(sentences: Iterable[list[str]], least: int) -> Vocabulary:
    """The vocabulary of the words that come at least `least` times, the most frequent first."""
    counts = Counter(word for words in sentences for word in words)
    frequent = [word for word, times in counts.items() if times >= least and word not in SPECIAL]
    return Vocabulary((*SPECIAL, *sorted(frequent, key=lambda word: (-counts[word], word))))
