from fractions import Fraction

import pytest

from vae_keras.data.music.abc_notation import NotUnderstood, parse, tunes

PITCHES = dict(zip("CDEFGABcdefgab", [60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83]))
THIRD = Fraction(1, 3)


def read(music, key="C", metre="4/4", unit="1/8"):
    return parse(f"X:1\nT:A title\nM:{metre}\nL:{unit}\nK:{key}\n{music}\n")


def pitches(music, **header):
    return [note.pitch for note in read(music, **header).notes]


def times(music, **header):
    return [(note.start, note.length) for note in read(music, **header).notes]


def named(names):
    """The pitches of names such as "C F# Bb c'"."""
    signs = {"#": 1, "b": -1, "'": 12, ",": -12}
    return [PITCHES[name[0]] + sum(signs[sign] for sign in name[1:]) for name in names.split()]


# --- Pitches ---


@pytest.mark.parametrize(
    ("music", "key", "expected"),
    [
        ("C, C c c' C,,", "C", "C, C c c' C,,"),
        ("FCGD", "D", "F# C# G D"),
        ("BEA", "Bb", "Bb Eb A"),
        ("FCGB", "Em", "F# C G B"),
        ("FCGB", "E minor", "F# C G B"),
        ("FCGB", "Ador", "F# C G B"),
        ("FCGB", "D Mixolydian", "F# C G B"),
        ("FCGB", "C lyd", "F# C G B"),
        ("FCGB", "Bphr", "F# C G B"),
        ("FCGB", "F#loc", "F# C G B"),
        ("FCG", "F#", "F# C# G#"),
        ("FCG", "HP", "F# C# G"),
        ("BE", "Gm -8va", "Bb Eb"),
        ("^F _B =F ^^C __D", "G", "F# Bb F C## Dbb"),
        ("^F f F, =f F | F", "C", "F# f# F#, f F F"),  # in every octave, to the end of the bar
        ("^F2 G\nF", "C", "F# G F#"),  # also over the end of a line
        ("F [K:G] F\nK:C\nF", "C", "F F# F"),
        ("[CEG]2 [Ec]", "C", "G c"),
        ('{ag}F ~G .A TB vc Hd "Am"e "^slow"f !trill!g (ab)', "C", "F G A B c d e f g a b"),
        ("F % F\nG", "C", "F G"),
        ("F\nw: la la\nG", "C", "F G"),
        ("F G\n\nA", "C", "F G"),  # the tune is over
        ("F\\\nG", "C", "F G"),
    ],
)
def test_pitches(music, key, expected):
    assert pitches(music, key=key) == named(expected)


# --- Times ---


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("C D2 E/ F/2 G3/2 A// B", [2, 4, 1, 1, 3, Fraction(1, 2), 2]),
        ("C>D E<F", [3, 1, 1, 3]),
        ("C>>D E<<F", [3.5, 0.5, 0.5, 3.5]),
        ("C2>D2", [6, 2]),
        ("(C>)D (.C >.D) C>{e}D", [3, 1] * 3),  # what stands between means nothing
        ("(3CDE F", [4 * THIRD] * 3 + [2]),
        ("(3C2D2E2 F", [8 * THIRD] * 3 + [2]),
        ("((3CDE) (3:2:2C2D F", [4 * THIRD] * 3 + [8 * THIRD, 4 * THIRD, 2]),
        ("(5CDEFG (2CD (4CDEF", [Fraction(4, 5)] * 5 + [3] * 2 + [Fraction(3, 2)] * 4),
        ("[CE]2 [C2E2] [C2E2]2", [4, 4, 8]),
        ("C-C C2-|C2 C-D", [4, 8, 2, 2]),
        ("[L:1/4]C\nL:1/16\nC", [4, 1]),
    ],
)
def test_lengths(music, expected):
    assert [length for _, length in times(music)] == expected


def test_rests_are_where_nothing_sounds():
    assert times("z C z2 D/ x C") == [(2, 2), (8, 1), (11, 2)]
    assert times("C4 Hx || C") == [(0, 8), (8, 2)]  # a hold over the bar line, not a rest


def test_tuplets_of_five_depend_on_the_metre():
    assert times("(5CDEFG", metre="6/8")[1] == (Fraction(6, 5), Fraction(6, 5))


@pytest.mark.parametrize(("metre", "unit"), [("2/4", 1), ("3/4", 2), ("6/8", 2), ("none", 2)])
def test_a_length_that_is_not_stated_depends_on_the_metre(metre, unit):
    tune = parse(f"X:1\nM:{metre}\nK:C\nC")
    assert tune.notes[0].length == unit


# --- Bars ---


def test_bars():
    tune = read("G|c2c2c2c2|d4d4:|\nG|e4e4|[1 f8:|[2 g4|]")
    assert [(bar.start, bar.length) for bar in tune.bars] == [
        (0, 2), (2, 16), (18, 16), (34, 2), (36, 16), (52, 16), (68, 8)
    ]  # fmt: skip
    assert [bar.ends_part for bar in tune.bars] == [0, 0, 1, 0, 0, 1, 1]
    assert [bar.follows for bar in tune.bars] == [1, 1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("sign", ["||", ":|", "|:", "::", "|]", ":|:", ":||:", "[|", ":|[2"])
def test_signs_that_end_a_part(sign):
    assert [bar.ends_part for bar in read(f"C8{sign}C8|C8").bars] == [1, 0, 1]


@pytest.mark.parametrize("sign", ["|", "|1", "|[1", "| [1"])
def test_signs_that_end_a_bar_alone(sign):
    assert [bar.ends_part for bar in read(f"C8{sign}C8|C8").bars] == [0, 0, 1]


def test_full_bars_end_at_the_end_of_a_line():
    assert [bar.length for bar in read("c8 | d4\nd4 | e8\nf8 | g8").bars] == [16] * 5


@pytest.mark.parametrize(
    ("sign", "metre"), [("C", "4/4"), ("C|", "2/2"), ("6/8", "6/8"), ("none", "free metre")]
)
def test_metres(sign, metre):
    assert {bar.metre for bar in read("C8|C8", metre=sign).bars} == {metre}


def test_metres_change():
    tune = read("C8|[M:3/4]C6|\nM:2/4\nC4|")
    assert [bar.metre for bar in tune.bars] == ["4/4", "3/4", "2/4"]


# --- Files ---


def test_a_file_has_several_tunes():
    file = "% about\n\nX:1\nT:One\nT:Or so\nK:C\nC\n\nX: 2\nT:Two\nK:C\nD\n"
    found = [parse(text, "here") for text in tunes(file)]
    assert [tune.title for tune in found] == ["One", "Two"]
    assert [note.pitch for tune in found for note in tune.notes] == [60, 62]
    assert found[0].source == "here"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("X:1\nK:C\nV:1\nCDE\nV:2\nEFG", "several voices"),
        ("X:1\nK:C\nCDE & EFG", "several voices"),
        ("X:1\nK:C\nCDE 4 D", "text that is not music"),
        ("X:1\nK:C\nabc said the cat", "text that is not music"),
        ("X:1\nK:C\nC +EG+ C", "text that is not music"),  # a chord, as it once was written
        ("X:1\nK:C\n>C", "text that is not music"),
        ("X:1\nK:H\nC", "a key that is not known"),
        ("X:1\nK:C quick\nC", "a key that is not known"),
        ("X:1\nK:C\nC/0", "a length that is not known"),
        ("X:1\nL:one\nK:C\nC", "a length that is not known"),
    ],
)
def test_what_cannot_be_read(text, reason):
    with pytest.raises(NotUnderstood, match=reason):
        parse(text)


def test_tunes_without_music():
    assert parse("X:1\nT:Empty\nK:C\n").notes == []
    assert parse("X:1\nT:No key\n").bars == []
