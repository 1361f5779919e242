"""A command of the package, as a terminal calls it."""

from pathlib import Path

import pytest

from vae_keras.cli import main

TRAIN = Path(__file__).parents[1] / "train.py"


def status(*arguments) -> int:
    """The exit status of a command; what it prints goes to `capsys`."""
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    return stop.value.code


def refused(capsys, *arguments) -> str:
    """The one line that a command ends with which cannot do what it is asked."""
    capsys.readouterr()
    assert status(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.endswith("\n") and error.count("\n") == 1
    return error


def printed(capsys, *arguments) -> str:
    """What a command prints that does what it is asked."""
    capsys.readouterr()
    assert status(*arguments) == 0
    return capsys.readouterr().out
