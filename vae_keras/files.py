"""Finds, caches and writes files and folders. They are written whole or not at all."""

import contextlib
import csv
import fnmatch
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import platformdirs

from vae_keras.errors import UserError

PARTIAL = ".partial-"  # in the name of what is not written whole yet


@contextlib.contextmanager
def whole_file(path):
    """Yield a temporary path beside `path`; when the block ends, that file replaces `path`.

    If the block fails, `path` stays as it was.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(suffix=path.suffix, **_beside(path))
    os.close(handle)
    try:
        yield Path(temporary)
        _to_disk(temporary)
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's own mode is private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_folder(path):
    """Yield a temporary folder beside `path`; when the block ends, it replaces `path`.

    If the block fails, `path` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(**_beside(path)))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _to_disk(file)
        temporary.chmod(0o777 & ~_umask())
        grave = _grave(path) if path.exists() else None
        os.replace(temporary, path)
        if grave:
            shutil.rmtree(grave)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@contextlib.contextmanager
def filled_folder(path):
    """Yield a temporary folder whose files are moved to the folder `path` when the block ends.

    Other files in `path` stay. If the block fails, nothing is moved.
    """
    path = Path(path)
    if not path.exists():
        with whole_folder(path) as temporary:
            yield temporary
        return
    with tempfile.TemporaryDirectory(**_beside(path)) as temporary:
        yield Path(temporary)
        for file in Path(temporary).rglob("*"):
            if file.is_file():
                target = path / file.relative_to(temporary)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(file, target)


def remove_folder(path):
    """Remove a folder, which is renamed first, so that nobody sees it half empty.

    Raises NotADirectoryError if there is no such folder.
    """
    shutil.rmtree(_grave(Path(path)))


def _grave(path: Path) -> Path:
    """Rename the folder `path`, so that it can be removed; return where it is."""
    if path.is_symlink() or not path.is_dir():
        raise NotADirectoryError(20, "not a folder, or a link to one", str(path))
    grave = Path(tempfile.mkdtemp(**_beside(path)))
    os.replace(path, grave)  # this may replace an empty folder
    return grave


def _beside(path: Path) -> dict:
    """Where and how `tempfile` makes what will be, or has been, at `path`."""
    return {"prefix": f".{path.name}{PARTIAL}", "dir": path.parent}


def sweep(folder: Path, name: str | None = None):
    """Remove what a process that was killed has left half written in `folder`.

    With `name`, it is only what would have become that file or folder. Whoever calls this must
    know that no other process is writing there.
    """
    pattern = re.compile(rf"\.{re.escape(name) if name else '.+'}{PARTIAL}\w{{8}}(\.\w+)?")
    for leftover in folder.glob(f".*{PARTIAL}*"):
        if pattern.fullmatch(leftover.name):
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()


def cache_folder() -> Path:
    """The folder for data that can be made again: VAE_KERAS_CACHE_DIR, or the system's cache."""
    return Path(os.environ.get("VAE_KERAS_CACHE_DIR") or platformdirs.user_cache_dir("vae_keras"))


def cached(name: str, made_of: list, make: Callable[[Path], None]) -> Path:
    """The folder in the cache `name` with what `make` has made of `made_of`.

    If there is none yet, `make` is called with a new folder to fill. `made_of` lists all that the
    content depends on, as values for JSON: the version of the code that makes it, options, and the
    state of files that it reads.
    """
    key = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:24]
    folder = cache_folder() / name / key
    if not folder.is_dir():
        with whole_folder(folder) as temporary:
            make(temporary)
    return folder


def files_below(folder: Path, endings: Collection[str]) -> tuple[list[Path], Counter[str]]:
    """The files below `folder` with one of `endings` (in lower case), sorted by path.

    Beside them it returns how many files are left out, by the reason. Links to folders are
    followed, unless they lead back to where they lie. Hidden files and folders do not count.
    Raises UserError if there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"folder {str(folder)!r} does not exist")
    found, left_out = [], Counter[str]()
    for parent, folders, names in os.walk(folder, followlinks=True):
        here = os.path.realpath(parent)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and not f"{here}/".startswith(f"{os.path.realpath(Path(parent, name))}/")
        ]
        for file in (Path(parent, name) for name in names if not name.startswith(".")):
            if not file.is_file():
                left_out["that are no regular files"] += 1
            elif file.suffix.lower() in endings:
                found.append(file)
            else:
                left_out[file.suffix.lower() or "without an ending"] += 1
    return sorted(found), left_out


def counts(left_out: Counter[str]) -> str:
    """A line that says how many files are left out, and why: left out 3 files: 2 .heic, 1 .txt."""
    kinds = ", ".join(f"{count:,} {reason}" for reason, count in left_out.most_common())
    return f"left out {left_out.total():,} file{'s' * (left_out.total() > 1)}: {kinds}"


def state_of(files: list[Path], folder: Path) -> list:
    """Relative path, size and time of each of `files` below `folder`, for `cached`.

    It changes when one of the files does. Raises UserError if a file is not there.
    """
    state = []
    for file in files:
        try:
            stat = file.stat()
        except OSError as error:  # a link to nothing
            reason = error.strerror or error
            raise UserError(f"{str(file)!r} cannot be read ({reason}): remove it") from error
        state.append([str(file.relative_to(folder)), stat.st_size, stat.st_mtime_ns])
    return state


def printable(text: str) -> str:
    """The text with escapes for what UTF-8 cannot encode, such as stray bytes of a file name."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def free_output(path: Path, overwrite: bool, endings=(), folder=False) -> Path:
    """Return `path` if a file, or with `folder` a folder, may be written there.

    Raises UserError if `endings` are given and `path` has none of them, if the folder of a file
    does not exist, if something is there and `overwrite` is False, or if it is a folder where a
    file is wanted, or the reverse.
    """
    if endings and path.suffix.lower() not in endings:
        raise UserError(f"--output {str(path)!r} must end in one of {', '.join(endings)}")
    if not folder and not path.parent.is_dir():
        raise UserError(f"--output {str(path)!r}: folder {str(path.parent)!r} does not exist")
    if path.exists() and not overwrite:
        raise UserError(f"{str(path)!r} exists: choose another --output or give --overwrite")
    if path.exists() and path.is_dir() != folder:
        raise UserError(f"--output {str(path)!r} is {'not ' if folder else ''}a folder")
    return path


def check_replaceable(folder: Path, mark: str, known: Collection[str]):
    """Raise UserError if `folder` may not be removed, because something would be lost with it.

    It may if it is free, or if it has the file `mark` and nothing else than what matches the
    patterns `known`. A link may not, for it is not known who else uses what it leads to.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UserError(
            f"--overwrite replaces folders, and {str(folder)!r} is none: move it away, or choose "
            "another name"
        )
    found = {file.name for file in folder.iterdir()} if folder.exists() else set()
    patterns = [*known, mark, f"*{PARTIAL}*"]
    strange = {name for name in found if not any(fnmatch.fnmatch(name, p) for p in patterns)}
    if strange or (found and mark not in found):
        raise UserError(
            f"--overwrite removes only what vae_keras has written, and {str(folder)!r} holds "
            f"{min(strange or found)!r}, which it has not: move it away, or choose another name"
        )


def free_outputs(folder, names, overwrite: bool) -> list[Path]:
    """The paths of the files `names` in `folder`, if they may be written.

    The folder need not exist yet. Raises UserError if it is a file, or if one of the files exists
    and `overwrite` is False.
    """
    folder = free_output(Path(folder), overwrite=True, folder=True)
    files = [folder / name for name in names]
    return [free_output(file, overwrite) for file in files] if folder.exists() else files


@contextlib.contextmanager
def new_pixels(path, shape):
    """Yield a new .npy file for uint8 `shape`, open after its header: write the bytes to it."""
    with open(path, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        yield file


def write_text(path, text: str):
    """Write `text` to `path`, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(printable(text), encoding="utf-8")


def write_table(path, rows: list[dict]):
    """Write rows of {column: value} to a .csv file, whole or not at all."""
    text = io.StringIO()
    columns = dict.fromkeys(column for row in rows for column in row)
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _to_disk(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
