"""Files of delimited text: what they hold, and what is said of those that cannot be read."""

import csv
import gzip
import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.tables import write
from vae_keras import UserError
from vae_keras.data.tables.delimited import delimited

NUMBERS = np.round(np.random.default_rng(0).normal(size=(12, 3)), 3)


def message_of(path):
    with pytest.raises(UserError) as caught:
        delimited(path).read()
    assert len(str(caught.value).splitlines()) == 1 and str(path) in str(caught.value)
    return str(caught.value)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@settings(deadline=None, max_examples=60)
@given(
    values=arrays.arrays(
        np.float64,
        st.tuples(st.integers(2, 9), st.integers(2, 5)),
        elements=st.floats(-1e9, 1e9, allow_subnormal=False),
    ),
    delimiter=st.sampled_from(",;\t"),
    decimal=st.sampled_from(".,"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    blank=st.booleans(),
    header=st.booleans(),
    zipped=st.booleans(),
)
def test_numbers_come_back_from_any_dialect(
    shared, values, delimiter, decimal, quoting, end, blank, header, zipped
):
    if delimiter == ",":
        decimal = "."
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)
    names = [f"größe {n}, in m; at\ttime" for n in range(values.shape[1])]
    cells = [[repr(float(v)).replace(".", decimal) for v in row] for row in values]
    writer.writerows([*([names] if header else []), *cells])
    content = ("\ufeff" * header + text.getvalue() + blank * 2 * end).encode()
    path = shared / "any.csv"
    path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    file = delimited(path)
    found, words = file.read()
    np.testing.assert_array_equal(found, values)
    assert words == {} and file.has_header == header and file.empty == file.texts == ()
    if header:
        assert file.names == tuple(names)


@pytest.mark.parametrize("rows", [5, 2_000, 4_001])
def test_whole_numbers_of_a_byte_are_kept_as_such(tmp_path, rows):
    values = np.random.default_rng(0).integers(0, 256, (rows, 4))
    found, _ = delimited(write(tmp_path / "a.csv", values)).read()
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, values)
    values[-1, -1] = -1
    found, _ = delimited(write(tmp_path / "a.csv", values)).read()
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, values)


def test_words_stay_with_their_rows(tmp_path):
    words = ["cat, black", "dog", "None", 'a "cow"'] * 3
    rows = [[*numbers, word, ""] for numbers, word in zip(NUMBERS, words)]
    file = delimited(write(tmp_path / "a.csv", rows, ["a", "b", "c", "animal", "nothing"]))
    values, found = file.read()
    np.testing.assert_array_equal(values, np.c_[NUMBERS, np.zeros((12, 2))])
    assert file.texts == (3,) and file.empty == (4,)
    assert found[3].tolist() == words


@pytest.mark.parametrize(
    ("first", "is_header"),
    [
        ("a,b,c,d", True),
        ("0,1,2,3", True),
        ("1,2,3,4", True),
        (",0,1,2,3", True),
        ("1.5,2,3,4", False),
        ("4,3,2,1", False),
        ("1,2,3", False),
        ("NA,2,3,4", False),
        (",".join(["0", *(f"0.{n}" for n in range(1, 12))]), True),  # as pandas renames 0,0,0,…
        (",".join(["0", *(f"0.{n}" for n in range(2, 13))]), False),
    ],
)
def test_a_header_is_told_from_numbers(tmp_path, first, is_header):
    other = ",".join(["7.5"] * len(first.split(",")))
    (tmp_path / "a.csv").write_text(f"{first}\n{other}\n{other}\n")
    assert delimited(tmp_path / "a.csv").has_header == is_header


def test_columns_without_a_name_or_with_that_of_another_have_one_of_their_own(tmp_path):
    (tmp_path / "a.csv").write_text(",a,a,b,\n1,2,3,4\n5,6,7,8\n")  # one comma too many
    assert delimited(tmp_path / "a.csv").names == ("column 1", "a", "a column 3", "b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n3,\n5,\n", "row 3, column 'b' is missing (''), one of 2 such cells"),
        ("a,b\n1,2\nNaN,4\n", "row 3, column 'a' is missing ('NaN'), one of 1"),
        ("a,b\n1,2\n3,4\n\n5,n/a\n", "row 5, column 'b' is missing"),
        ("a,b,c\n1,2,x\n3,4,?\n", "row 3, column 'c' is missing"),
        ("a,b\n1,2\n3,4\n5,six\n", "row 4, column 'b' holds 'six', which is no number"),
        ("a,b\n1,2\n3,4\n5,inf\n", "row 4, column 'b' holds 'inf'"),
        ("a,b\n1,2\n3,4\n5,1e999\n", "row 4, column 'b' holds '1e999'"),
        ("a,b\n1,2\n3,4,5\n", "row 3 has 3 cells, but there are 2 columns"),
        ("a,b\n1,2\n3\n", "row 3 has 1 cells, but there are 2 columns"),
        ("1,2\n", "has 1 rows"),
        ("", "has fewer than two columns"),
        ("1\n2\n3\n", "has fewer than two columns"),
        ("1 2\n3 4\n", "has fewer than two columns"),
        ("a,b\n1,\0\n", "is no text"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place(tmp_path, text, said):
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert said in message_of(path)


def test_a_file_of_another_format_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    for content in (b"PK\x03\x04\0\0\n\0,\0\n", b"\x1f\x8b no gzip", "a,b\n1,2\n".encode("utf-16")):
        path.write_bytes(content)
        message_of(path)
    with pytest.raises(UserError, match="does not exist"):
        delimited(tmp_path / "b.csv")


def test_an_empty_column_that_is_not_empty_at_its_end_is_named(tmp_path):
    rows = [[n, n, ""] for n in range(1_200)] + [[1, 2, 3]]
    assert "row 1,201, column 'column 3' holds '3'" in message_of(write(tmp_path / "a.csv", rows))


@settings(deadline=None, max_examples=200)
@given(text=st.text(st.sampled_from('01.,;\t\n"-ae \0é'), max_size=60))
@example(text="\t\n\t")
def test_no_text_ends_in_an_error_of_another_kind(shared, text):
    path = shared / "wild.csv"
    path.write_bytes(text.encode())
    try:
        values, _ = delimited(path).read()
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert values.ndim == 2 and np.isfinite(values).all()
