"""A folder to work in, and what is on disk there, to be compared with what was there before."""

import contextlib

import pytest


def listing(folder) -> dict:
    """Every file and folder below `folder`, with the content of the files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def files(folder) -> dict:
    """Every file below `folder`, with its content."""
    return {name: content for name, content in listing(folder).items() if content is not None}


@contextlib.contextmanager
def working_in(folder):
    """Work in `folder`, which has a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("VAE_KERAS_CACHE_DIR", str(folder / "cache"))
        yield
