"""What benchmarks say of the machine: a page of results, and the memory of a process."""

import importlib.metadata
import os
import platform
import re
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
