import importlib
import lzma
import platform
import sys
import sysconfig
from collections import Counter
from pydoc_data.topics import topics

import pytest

from vae_keras.data.text.make_sentences import (
    docstrings,
    documentation,
    library_files,
    main,
    prose,
)
from vae_keras.data.text.sentences import DOCUMENTATION

MODULE = importlib.import_module("vae_keras.data.text.make_sentences")
MADE_WITH = "3.11.7"
LIBRARY = library_files()
PACKAGES = "asyncio email http importlib json logging unittest xml".split()
FILES = [file for file in LIBRARY if file.parent.name in PACKAGES]  # parsed soon


# --- The file that ships ---


@pytest.mark.slow
@pytest.mark.skipif(
    platform.python_version() != MADE_WITH,
    reason=f"the file was made with Python {MADE_WITH}, others have other documentation",
)
def test_the_file_that_ships_is_what_is_made():
    lines = lzma.decompress(DOCUMENTATION.read_bytes()).decode().split("\n")
    assert lines == [*documentation(LIBRARY, Counter()), ""]


def test_it_is_told_what_the_file_was_made_with():
    assert f"Python {MADE_WITH}" in DOCUMENTATION.with_name("SOURCES.md").read_text("utf-8")


@pytest.mark.slow
def test_made_twice_it_is_the_same(tmp_path, monkeypatch, capsys):
    file = tmp_path / "made.txt.xz"
    monkeypatch.setattr(MODULE, "DOCUMENTATION", file)
    few = FILES[::5]
    monkeypatch.setattr(MODULE, "library_files", lambda: few)
    main()
    first, printed = file.read_bytes(), capsys.readouterr().out
    main()
    assert file.read_bytes() == first and capsys.readouterr().out == printed
    lines = lzma.decompress(first).decode().splitlines()
    assert lines == documentation(few, Counter()) and len(lines) == len(set(lines))
    assert f"{len(lines):,} sentences of Python {platform.python_version()}" in printed
    assert str(file) in printed and "left out: is mostly code" in printed


# --- Documentation ---


@pytest.mark.slow
def test_help_and_docstrings_give_thousands_of_sentences_without_an_import():
    assert len(set(prose(topics.values(), Counter()))) > 1_000
    assert len(set(prose(docstrings(FILES), Counter()))) > 1_000
    assert not {"json.tool", "unittest.__main__"} & set(sys.modules)


def test_the_library_is_listed_without_its_tests_and_what_is_installed():
    root = sysconfig.get_path("stdlib")
    folders = {part for file in LIBRARY for part in file.relative_to(root).parts[:-1]}
    assert {"email", "mime"} <= folders and not {"site-packages", "numpy", "test"} & folders
    assert len(LIBRARY) > 400


def test_sentences_are_found_across_lines_markup_and_labels():
    text = """The "with" statement
********************

   with_stmt ::= "with" item

The *context* of a block, i.e. what
it can see, is kept by "__enter__()".  It is
left by ‘exit’, see "x = y" for details. Objects’ classes:

   if x:
       print("This is not a sentence.")

There are two changes:
* Changed the default of **all** modules; "None" is no
  longer taken -- use an int.
* fragments of a list

Changed in version 3.8: The first character(s) of os.path
are kept (see the note). Is it so?

[1] The footnote is a sentence.
"""
    left_out = Counter()
    assert prose([text], left_out) == [
        "The context of a block, that is what it can see, is kept by <name>.",
        "It is left by exit, see <name> for details.",
        "Changed the default of all modules; None is no longer taken – use an int.",
        "The first characters of <name> are kept (see the note).",
        "The footnote is a sentence.",
    ]
    assert left_out == {
        "block without a sentence: headings, code, lists": 5,
        "does not begin or end as a sentence": 2,
        "has fewer than 5 words": 1,
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("and so the rest is lost.", "does not begin or end as a sentence"),
        ("Then x == y is the same.", "holds code or markup"),
        ("The table has   two columns of words.", "holds code or markup"),
        ("This (is not closed.", "holds code or markup"),
        ("It is left by the note [1], see below.", "holds code or markup"),
        ("Use `a.b()` and `c.d()` for that.", "is mostly code"),
        ("Do it.", "has fewer than 5 words"),
        ("Capture patterns always succeed.", "has none of the commonest English words"),
        ("A heading without an end", "block without a sentence: headings, code, lists"),
    ],
)
def test_what_is_no_sentence_is_counted(text, reason):
    left_out = Counter()
    assert prose([text], left_out) == [] and left_out == {reason: 1}


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Who is a friend of J. Random Hacker, cf. Smith, and of others.",
        "The flags, e.g. those of a file, are kept.",
        "'mode' is one of the modes of a file.",
        "It raises ValueError if the name isn't known (see below).",
    ],
)
def test_a_point_within_a_sentence_does_not_end_it(text):
    assert len(prose([text], Counter())) == 1


def test_docstrings_of_modules_classes_and_functions(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        '"""One."""\nclass A:\n    """Two.\n\n    Three.\n    """\n    def f(self):\n'
        '        """Four."""\nasync def g():\n    """Five."""\nx = """Six."""\nraise SystemExit\n'
    )
    found = [text for text in docstrings([file]) if text]
    assert sorted(found) == ["Five.", "Four.", "One.", "Two.\n\nThree."]
