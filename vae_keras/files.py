"""Files and folders that are written whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import platformdirs

from vae_keras.errors import UserError


@contextlib.contextmanager
def whole_file(path):
    """Yield a temporary path beside `path`; what is there when the block ends becomes `path`."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=path.name, dir=path.parent)
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
    """Yield a temporary folder beside `path`; when the block ends it takes the place of `path`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _to_disk(file)
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            remove_folder(path)
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def remove_folder(path):
    """Remove a folder so that it is never seen half empty, whatever happens meanwhile."""
    path = Path(path)
    if not path.is_dir():
        raise NotADirectoryError(20, "not a folder", str(path))
    grave = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    os.replace(path, grave)  # takes the place of an empty folder
    shutil.rmtree(grave)


def cache_folder() -> Path:
    """Where what can be made again is kept: VAE_KERAS_CACHE_DIR, or the system's place for it."""
    return Path(os.environ.get("VAE_KERAS_CACHE_DIR") or platformdirs.user_cache_dir("vae_keras"))


def refuse_to_replace(path, overwrite: bool):
    """Raise UserError if something is at `path` that `overwrite` does not allow to be replaced."""
    if Path(path).exists() and not overwrite:
        raise UserError(f"{str(path)!r} exists: choose another --output or give --overwrite")


def free_output(path: Path, overwrite: bool, endings=(), folder=False) -> Path:
    """The path, if a file (or folder) may be written there, of one of `endings` if there are any.

    Raises UserError.
    """
    if endings and path.suffix.lower() not in endings:
        raise UserError(f"--output {str(path)!r} must end in one of {', '.join(endings)}")
    if not folder and not path.parent.is_dir():
        raise UserError(f"--output {str(path)!r}: folder {str(path.parent)!r} does not exist")
    refuse_to_replace(path, overwrite)
    if path.exists() and path.is_dir() != folder:
        raise UserError(f"--output {str(path)!r} is {'not ' if folder else ''}a folder")
    return path


@contextlib.contextmanager
def new_pixels(path, shape):
    """Yield a new .npy file of uint8 `shape`, open behind its header: the bytes are to follow."""
    with open(path, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        yield file


def write_text(path, text: str):
    """Write `text` to `path`, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _to_disk(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
