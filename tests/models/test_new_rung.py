"""A rung that is added as CONTRIBUTING says needs no change elsewhere."""

import re
from pathlib import Path

import pytest

from tests.processes import said_by

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## A rung\n(.+?)^## ", TEXT, re.MULTILINE | re.DOTALL)[1]
LINE = re.search(r'`"dropout": (Rung\(.+?\))`', SECTION)[1]
OPTIONS, CLASS = re.findall(r"```python\n(.+?)```", SECTION, re.DOTALL)
PROGRAM = f"""
import pathlib
import vae_keras.models
from vae_keras.cli import main
from vae_keras.config import rungs

vae_keras.models.__path__.append(str(pathlib.Path.cwd()))
exec({OPTIONS!r}, vars(rungs))
rungs.RUNGS["dropout"] = eval({LINE!r}, vars(rungs))
main(["train", "--model", "dropout", "--code-dropout", "0.5", "--epochs", "1", "--units", "8"])
"""


@pytest.mark.slow
def test_a_rung_is_one_class_one_dataclass_and_one_line(tmp_path):
    (tmp_path / "dropout.py").write_text(CLASS)
    output, errors = said_by(code=PROGRAM, cwd=tmp_path)
    assert errors == ""
    assert "DropoutAutoencoder on digits" in output
    text = (tmp_path / "runs" / "digits_dropout" / "config.json").read_text()
    assert '"code_dropout": 0.5' in text
    assert (tmp_path / "saved_models" / "digits_dropout" / "saved_model.pb").is_file()
