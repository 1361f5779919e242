"""Benchmarks take long, so they are not run here; but each of them starts."""

from pathlib import Path

import pytest

from tests.processes import said_by

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))
COMMANDS = [script for script in SCRIPTS if "__main__" in script.read_text(encoding="utf-8")]


@pytest.mark.slow
@pytest.mark.parametrize("script", COMMANDS, ids=lambda script: script.stem)
def test_every_benchmark_tells_its_options(script, tmp_path):
    output, _ = said_by(script, "--help", cwd=tmp_path)
    assert output.startswith("Usage: ") and "--help" in output
