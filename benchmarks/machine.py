"""What benchmarks share: a page of results, the memory of a process, and processes that measure."""

import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

CPU = Path("/proc/cpuinfo")
RESULTS = Path(__file__).parent / "results"
RESULTS.mkdir(exist_ok=True)


def page(title: str, text: str, lines: list[str]) -> str:
    """A page of results in Markdown, with the machine on which they were measured."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras")
    )
    model = re.search(r"model name\s*: (.+)", CPU.read_text()) if CPU.exists() else None
    machine = f"{os.cpu_count()} cores, {model[1] if model else platform.processor()}; {versions}"
    return "\n".join([f"# {title}", "", text, "", *lines, "", f"{machine}.", ""])


def megabytes(process="self") -> float:
    """The memory that a process holds now, by its number; on Linux."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def started(script: str, what: str, environment=None, **arguments) -> subprocess.Popen:
    """A process that runs `python SCRIPT measure WHAT`, with the arguments as JSON.

    `environment` has variables for it beside those of this process.
    """
    command = [sys.executable, script, "measure", what, json.dumps(arguments)]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return subprocess.Popen(command, env=os.environ | (environment or {}), **pipes)


def rows(process: subprocess.Popen) -> list[dict]:
    """All lines of JSON that a process prints, when it has ended."""
    return [json.loads(line) for line in process.communicate()[0].splitlines() if line[:1] == "{"]
