"""A few of the faults that `python -m tests.faults` tries by the hundred."""

import pytest
from click.testing import CliRunner

from tests import faults


@pytest.mark.slow
def test_no_run_is_lost():
    done = CliRunner().invoke(faults.main, ["--tries", "2"])
    assert done.exit_code == 0, done.output
    *_, rows = done.output.partition("|---|---|---|---|\n")
    cells = [[int(cell) for cell in row.split("|")[2:5]] for row in rows.splitlines()]
    tried, survived, lost = (sum(column) for column in zip(*cells))
    assert (tried, survived, lost) == (2, 2, 0)
