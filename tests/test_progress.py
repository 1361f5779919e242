"""The bar of long works: in a terminal alone, and gone when the work is done."""

import os
import pty
import subprocess
import sys

import pytest

WORK = """
import sys, time
from vae_keras.progress import progress
for number in progress(range(40), "drawing 40 faces, once"):
    time.sleep(0.01)
print("done", number)
"""


def in_a_terminal(code: str) -> str:
    """What a terminal shows of a program."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    run = subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # Linux says so at the end
            part = b""
        if not part:
            break
        shown += part
    os.close(ours)
    assert run.wait() == 0, shown
    return shown.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_a_terminal_shows_what_is_done_and_what_is_left():
    shown = in_a_terminal(WORK)
    assert "drawing 40 faces, once" in shown and "100%" in shown and "0:00:0" in shown
    *_, last = shown.split("\x1b[2K")  # the bar's own line is wiped
    assert "drawing" not in last and "done 39" in last


def test_elsewhere_it_is_quiet():
    run = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "done 39\n", "")
