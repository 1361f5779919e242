import os

import pytest

from tests.folders import listing
from vae_keras.errors import UserError
from vae_keras.files import (
    cached,
    files_below,
    free_outputs,
    remove_folder,
    state_of,
    whole_file,
    whole_folder,
    write_text,
)


class Stopped(BaseException):
    """Stands for whatever ends a process in the middle of its work."""


def write_file(path, text, end=lambda: None):
    with whole_file(path) as temporary:
        temporary.write_text(text)
        end()


def write_folder(path, text, end=lambda: None):
    with whole_folder(path) as temporary:
        (temporary / "part").mkdir()
        (temporary / "part" / "text").write_text(text)
        end()


@pytest.fixture(params=[(write_file, "{name}"), (write_folder, "{name}/part/text")])
def writer(request):
    """A way to write, and where its text is then found."""
    return request.param


def found(folder, place, name="thing"):
    path = folder / place.format(name=name)
    return path.read_text() if path.exists() else None


@pytest.mark.parametrize("before", [None, "old"])
def test_content_appears_when_the_block_ends(tmp_path, writer, before):
    write, place = writer
    if before:
        write(tmp_path / "thing", before)
    seen = []
    write(tmp_path / "thing", "new", end=lambda: seen.append(found(tmp_path, place)))
    assert seen == [before]
    assert found(tmp_path, place) == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, Stopped])
@pytest.mark.parametrize("before", [None, "old"])
def test_nothing_changes_when_the_block_raises(tmp_path, writer, before, error):
    write, _ = writer

    def stop():
        raise error

    if before:
        write(tmp_path / "thing", before)
    was = listing(tmp_path)
    with pytest.raises(error):
        write(tmp_path / "thing", "new", end=stop)
    assert listing(tmp_path) == was


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_nothing_changes_when_the_disk_fails(tmp_path, writer, step, monkeypatch):
    write, _ = writer

    def fail(*_):
        raise OSError(28, "No space left on device")

    was = listing(tmp_path)
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "thing", "new")
    assert listing(tmp_path) == was


def test_new_folder_replaces_the_old_one_with_all_its_files(tmp_path):
    (tmp_path / "thing" / "old").mkdir(parents=True)
    write_folder(tmp_path / "thing", "new")
    assert set(listing(tmp_path)) == {"thing", "thing/part", "thing/part/text"}


def test_temporary_lies_hidden_beside_the_target(tmp_path, writer):
    write, _ = writer
    seen = []
    write(tmp_path / "thing", "new", end=lambda: seen.extend(tmp_path.iterdir()))
    assert [path.name[0] for path in seen] == ["."]


def test_what_is_written_can_be_read_by_others(tmp_path, writer):
    write, place = writer
    mask = os.umask(0o022)
    try:
        write(tmp_path / "thing", "new")
    finally:
        os.umask(mask)
    mode = (tmp_path / "thing").stat().st_mode & 0o777
    assert mode == (0o644 if place == "{name}" else 0o755)


def test_folder_is_made_with_its_parents(tmp_path):
    write_folder(tmp_path / "a" / "b", "new")
    assert (tmp_path / "a" / "b" / "part" / "text").read_text() == "new"


def test_file_in_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "missing" / "thing", "new")
    assert not listing(tmp_path)


def test_text_is_written_as_utf8(tmp_path):
    write_text(tmp_path / "thing", "β × −\n")
    assert (tmp_path / "thing").read_bytes() == "β × −\n".encode()


def test_removed_folder_is_gone_and_its_neighbours_stay(tmp_path):
    write_folder(tmp_path / "thing", "old")
    write_folder(tmp_path / "thing-2", "old")
    remove_folder(tmp_path / "thing")
    assert set(listing(tmp_path)) == {"thing-2", "thing-2/part", "thing-2/part/text"}


# --- Where something may be written ---


def test_outputs_in_a_folder_that_need_not_exist(tmp_path):
    names = ("a.png", "a.json")
    files = [tmp_path / "new" / name for name in names]
    assert free_outputs(tmp_path / "new", names, overwrite=False) == files
    assert not (tmp_path / "new").exists()
    (tmp_path / "new").mkdir()
    assert free_outputs(tmp_path / "new", names, overwrite=False) == files
    files[1].write_text("old")
    with pytest.raises(UserError, match=r"a.json' exists: .* give --overwrite"):
        free_outputs(tmp_path / "new", names, overwrite=False)
    assert free_outputs(tmp_path / "new", names, overwrite=True) == files


def test_what_stands_in_the_way_of_outputs_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file' is not a folder"):
        free_outputs(tmp_path / "file", ["a.png"], overwrite=True)
    (tmp_path / "a.png").mkdir()
    with pytest.raises(UserError, match=r"a.png' is a folder"):
        free_outputs(tmp_path, ["a.png"], overwrite=True)


# --- What can be made again ---


def test_a_cache_is_filled_once_for_what_it_is_made_of(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path))
    made = []

    def make(folder):
        made.append(folder)
        (folder / "text").write_text(f"{len(made)}")

    first = cached("texts", [1, "a"], make)
    assert cached("texts", [1, "a"], make) == first and len(made) == 1
    assert first.parent == tmp_path / "texts" and first != made[0]
    other = cached("texts", [2, "a"], make)
    assert [(folder / "text").read_text() for folder in (first, other)] == ["1", "2"]


def test_a_cache_that_could_not_be_filled_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path))

    def fail(folder):
        (folder / "text").write_text("half")
        raise Stopped

    with pytest.raises(Stopped):
        cached("texts", [1], fail)
    assert list((tmp_path / "texts").iterdir()) == []


def test_the_state_of_files_changes_with_each_of_them(tmp_path):
    files = [tmp_path / name for name in ("a.txt", "b.txt")]
    for file in files:
        file.write_text("text")
    before = state_of(files, tmp_path)
    assert state_of(files, tmp_path) == before
    files[1].write_text("texts")
    after = state_of(files, tmp_path)
    assert after[0] == before[0] and after[1] != before[1]
    files[1].unlink()
    with pytest.raises(UserError, match=r"b.txt' cannot be read \(No such file"):
        state_of(files, tmp_path)


def test_files_below_a_folder_by_their_endings(tmp_path):
    for name in ("b/2.TXT", "a.txt", "b/.hidden.txt", ".b/3.txt", "c.md", "b/1.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files, left_out = files_below(tmp_path, {".txt"})
    assert [file.relative_to(tmp_path).as_posix() for file in files] == [
        "a.txt",
        "b/1.txt",
        "b/2.TXT",
    ]
    assert left_out == {".md": 1}
    with pytest.raises(UserError, match="missing' does not exist"):
        files_below(tmp_path / "missing", {".txt"})
