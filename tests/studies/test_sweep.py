"""The sweep over β."""

import json

import pytest

from tests.commands import refused
from tests.pictures import assert_shows
from vae_keras import UserError, figures
from vae_keras.studies.sweep import sweep


@pytest.mark.slow
def test_sweep_is_monotone_and_goes_on_where_it_was_stopped(tmp_path, capsys):
    options = dict(latent_dim=3, epochs=10, network="linear")
    output = tmp_path / "curve"
    rows = sweep(output, (0.25, 1.0, 4.0), **options)
    assert [row["beta"] for row in rows] == [0.25, 1.0, 4.0]
    assert rows[0]["rate"] > rows[1]["rate"] > rows[2]["rate"]
    assert rows[0]["distortion"] < rows[1]["distortion"] < rows[2]["distortion"]
    curve = figures.rate_distortion(rows, "digits (grey), 3-D code, 10 epochs")
    assert_shows(output.with_suffix(".png"), curve)
    # stopped after two of three: the picture is not there yet, the third row neither
    file = output.with_suffix(".json")
    stored = json.loads(file.read_text())
    file.write_text(json.dumps({**stored, "rows": stored["rows"][:2]}))
    output.with_suffix(".png").unlink()
    capsys.readouterr()
    assert sweep(output, (0.25, 1.0, 4.0), **options) == rows
    assert capsys.readouterr().out.count("training") == 1
    with pytest.raises(UserError, match="exists"):
        sweep(output, (0.25, 1.0, 4.0), **options)
    output.with_suffix(".png").unlink()
    with pytest.raises(UserError, match="sweep with epochs 10, not 9"):
        sweep(output, (0.25, 1.0, 4.0), **{**options, "epochs": 9})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--betas", "1,x"], "--betas '1,x' must be numbers"),
        (["--betas", "-1"], "--beta -1.0 must be at least 0"),
        (["--output", "nowhere/curve"], "folder 'nowhere' does not exist"),
        (["--dataset", "nothing"], "unknown data set"),
    ],
)
def test_bad_sweeps_are_one_line(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, "sweep", *arguments)
    assert not any(tmp_path.iterdir())
