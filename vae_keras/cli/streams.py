"""Standard streams on which no command fails, whatever has become of their other end."""

import contextlib
import os
import sys


def prepare():
    """Give the process all three streams, and replace what standard output cannot show by "?".

    A stream that was closed is opened to nothing: the next file would have its number, and what a
    library prints would be written there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
            continue
        if hasattr(stream, "reconfigure"):  # what replaces a stream may not have it
            stream.reconfigure(errors="replace")
        if stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, Lasting(stream))


class Lasting:
    """A stream that is silent from then on if its reader has gone: a run goes on without `head`."""

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        """Write `text`, if there is still somebody to read it."""
        with self._lasting():
            self._stream.write(text)
        return len(text)

    def flush(self):
        """Hand on what was written."""
        with self._lasting():
            self._stream.flush()

    @contextlib.contextmanager
    def _lasting(self):
        try:
            yield
        except OSError:  # a broken pipe, or a terminal that is gone
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
