"""The page of a benchmark's results, with the machine on which they were measured."""

import importlib.metadata
import os
import platform
import re
from pathlib import Path

CPU = Path("/proc/cpuinfo")


def page(title: str, text: str, lines: list[str]) -> str:
    """A page of results in Markdown, with the machine on which they were measured."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras")
    )
    model = re.search(r"model name\s*: (.+)", CPU.read_text()) if CPU.exists() else None
    machine = f"{os.cpu_count()} cores, {model[1] if model else platform.processor()}; {versions}"
    return "\n".join([f"# {title}", "", text, "", *lines, "", f"{machine}.", ""])
