"""Commands go on, whatever has become of the standard streams."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from vae_keras.cli import streams

streams.prepare()
print("first", flush=True)
print("error", file=sys.stderr, flush=True)
sys.stdin.read() if sys.stdin else None
for number in range(10_000):
    print(f"line {number}")
with open("done", "w") as file:
    assert file.fileno() > 2
    file.write("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_silent_and_no_file_takes_their_place(tmp_path, closed):
    command = f"exec {sys.executable} -c '{PROGRAM}' {closed}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    assert (tmp_path / "done").read_text() == "done"


def test_a_reader_that_has_gone_stops_nothing(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"first\n"
    process.stdout.close()
    process.stdin.close()
    assert process.stderr.read() == b"error\n"
    assert process.wait() == 0
    assert (tmp_path / "done").read_text() == "done"
