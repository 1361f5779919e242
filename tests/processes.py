"""Processes whose start is of no interest: they find TensorFlow imported, which takes seconds.

Each is a fork of a process that has imported it, and has done nothing else.
"""

import contextlib
import functools
import gc
import multiprocessing
import os
import runpy
import sys
import tempfile
import time
from multiprocessing.forkserver import ensure_running
from pathlib import Path

FORKS = sys.platform == "linux"  # elsewhere they are not safe: each process imports for itself
CONTEXT = multiprocessing.get_context("forkserver" if FORKS else "spawn")
CONTEXT.set_forkserver_preload(["tensorflow"])


class Started:
    """A process that runs a script, or `code`, with its `arguments`; it is used like a Popen."""

    def __init__(self, *arguments, code=None, cwd=None, env=None):
        self.folder = tempfile.TemporaryDirectory()
        self.said = [Path(self.folder.name, name) for name in ("output", "errors")]
        for file in self.said:
            file.touch()
        what = [*map(str, arguments)], code, cwd or os.getcwd(), dict(env or os.environ), self.said
        self.process = CONTEXT.Process(target=_run, args=what, daemon=True)  # ends with the tests
        if FORKS:
            _prepare_forks()
        self.process.start()
        self.pid, self.kill = self.process.pid, self.process.kill

    def poll(self):
        return self.process.exitcode

    returncode = property(poll)

    def send_signal(self, number: int):
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.kill(self.pid, number)

    def communicate(self, timeout=None) -> tuple[str, str]:
        """Wait for its end; return what it has written to its output and to its errors."""
        self.process.join(timeout)
        assert self.returncode is not None, "it has not ended"
        said = tuple(file.read_text() for file in self.said)
        self.folder.cleanup()
        return said


def said_by(*arguments, **how) -> tuple[str, str]:
    """The output and the errors of such a process, which must end well."""
    process = Started(*arguments, **how)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output, errors


def look_for_cycles_seldom():
    """Have Python do so, and not in what has been imported: it takes a tenth of the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@functools.cache
def _prepare_forks():
    """Import TensorFlow, without its log lines, in the process that others are forks of."""
    from vae_keras import startup  # here, for the others must not find it imported

    with startup.log_level_restored():
        os.environ[startup.LEVEL] = "3"
        ensure_running()


def _run(arguments, code, folder, environment, said):
    for number, file in enumerate(said, 1):
        os.dup2(os.open(file, os.O_WRONLY), number)
    look_for_cycles_seldom()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments if code is None else ["-c", *arguments]
    if code is None:
        sys.path.insert(0, str(Path(arguments[0]).parent))  # as Python does
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        exec(code, {"__name__": "__main__"})


KERNEL = """
import os, runpy
os.setsid()
runpy.run_module("ipykernel_launcher", run_name="__main__")
"""


class Kernel(Started):
    """A kernel that finds TensorFlow imported, in a process of its own."""

    stdin = stdout = stderr = None

    def __init__(self, command, env, cwd, **_):
        arguments = command[command.index("ipykernel_launcher") + 1 :]
        env |= {"JPY_PARENT_PID": str(os.getpid())}  # so that it ends when the tests do
        super().__init__(*arguments, code=KERNEL, cwd=cwd, env=env)
        while os.getpgid(self.pid) != self.pid:  # its group, which gets its signals, is its own
            time.sleep(0.01)

    def wait(self):
        self.communicate()
        return self.returncode
