import json
import re
import subprocess
import sys

import numpy as np
import pytest

from vae_keras import UserError, load_exported
from vae_keras.cli import main

WITHOUT_THE_PACKAGE = """
import sys
sys.modules["vae_keras"] = None  # importing it would fail
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
x = np.load(sys.argv[2])
for count in (1, 5):
    z = model.encode(x[:count])["z"]
    assert z.shape == (count, 2)
    assert model.decode(z)["x"].shape == (count, 8, 8, 1)
s = model.signatures
default = s["serving_default"](x=tf.constant(x))["reconstruction"]
np.testing.assert_allclose(default, s["reconstruct"](x=tf.constant(x))["reconstruction"])
np.save(sys.argv[3], default)
assert set(s["encode"](x=tf.constant(x))) == {"z", "z_mean", "z_log_var"}
one = s["generate"](n=tf.constant(3), seed=tf.constant([1, 2]))["x"]
np.testing.assert_array_equal(one, s["generate"](n=tf.constant(3), seed=tf.constant([1, 2]))["x"])
assert np.any(one != s["generate"](n=tf.constant(3), seed=tf.constant([1, 3]))["x"])
assert s["log_prob"](x=tf.constant(x), z=model.encode(x)["z"])["log_prob"].shape == (len(x),)
"""


@pytest.fixture
def digits(digits_run):
    return digits_run.dataset.test.take(slice(20)).arrays()[0]


def test_saved_model_runs_without_the_package(digits_run, digits, tmp_path):
    np.save(tmp_path / "x.npy", digits)
    paths = digits_run.folder.exported, tmp_path / "x.npy", tmp_path / "y.npy"
    command = [sys.executable, "-c", WITHOUT_THE_PACKAGE, *map(str, paths)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), digits_run.model(digits), atol=1e-6)


def test_loaded_export_does_what_the_model_does(digits_run, digits):
    exported, model = load_exported(digits_run.folder.exported), digits_run.model
    assert (exported.example_shape, exported.latent_dim) == ((8, 8, 1), 2)
    z = exported.encode(digits)
    np.testing.assert_allclose(z, model.encode(digits), atol=1e-5)
    np.testing.assert_allclose(exported.decode(z), model.decode(z), atol=1e-6)
    np.testing.assert_allclose(exported.reconstruct(digits), model(digits), atol=1e-5)
    expected = model.reconstruction.log_prob(digits, model.decoder(z))
    np.testing.assert_allclose(exported.log_prob(digits, z), expected, rtol=1e-5)
    np.testing.assert_array_equal(exported.generate(4, seed=7), exported.generate(4, seed=7))


def test_usage_example_of_the_model_card_runs(digits_run):
    card = (digits_run.folder.exported / "model_card.md").read_text()
    example = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    assert len(example.strip().splitlines()) == 5
    subprocess.run(
        [sys.executable, "-c", example], cwd=digits_run.folder.path.parents[1], check=True
    )
    assert f"{digits_run.metrics['test_loss']:.4g}" in card
    assert "python train.py --epochs 5" in card


def test_missing_export_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        load_exported(tmp_path / "nowhere")


def command(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_evaluate_agrees_with_the_figures_of_the_run(digits_run, tmp_path, capsys):
    """The run took one draw of the code for each image, evaluation the average over many."""
    options = ("--samples", 20, "--naive-samples", 20, "--output", tmp_path)
    out = command(capsys, "evaluate", digits_run.folder.path, *options)
    found, metrics = json.loads((tmp_path / "evaluation.json").read_text()), digits_run.metrics
    assert f"{found['negative_elbo']:.3f}" in out
    assert f"{metrics['test_kl_loss']:.3f}" in out  # in closed form: without a draw
    assert found["kl_loss"] == pytest.approx(metrics["test_kl_loss"], rel=1e-5)
    exported, x = load_exported(digits_run.folder.exported), digits_run.dataset.test.arrays()[0]
    heads, rng = exported.call("encode", x=x), np.random.default_rng(0)
    deviation = np.exp(0.5 * heads["z_log_var"])
    epsilon = rng.normal(size=(20, *deviation.shape))
    draws = [-exported.log_prob(x, heads["z_mean"] + deviation * e).mean() for e in epsilon]
    apart = 4 * np.std(draws) * np.sqrt(1 + 1 / 20)
    assert apart < 0.5
    assert found["negative_elbo"] == pytest.approx(metrics["test_loss"], abs=apart)


def test_export_writes_the_same_model_again(digits_run, digits, tmp_path, capsys):
    command(capsys, "export", digits_run.folder.path, "--output", tmp_path / "again")
    again, first = (load_exported(p) for p in (tmp_path / "again", digits_run.folder.exported))
    np.testing.assert_array_equal(again.reconstruct(digits), first.reconstruct(digits))


def test_generate_draws_a_picture_and_keeps_what_is_there(digits_run, tmp_path, capsys):
    picture = tmp_path / "samples.png"
    arguments = ("generate", digits_run.folder.exported, "--n", 9, "--output", picture)
    command(capsys, *arguments)
    before = picture.read_bytes()
    with pytest.raises(SystemExit):
        main(list(map(str, arguments)))
    assert "exists" in capsys.readouterr().err
    assert picture.read_bytes() == before
    command(capsys, *arguments, "--overwrite")


def test_failed_export_leaves_nothing(digits_run, tmp_path, monkeypatch):
    from vae_keras.export import saved_model

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saved_model, "write_text", full_disk)
    with pytest.raises(OSError, match="No space"):
        saved_model.export(
            digits_run.model, tmp_path / "model", digits_run.config, digits_run.metrics
        )
    assert not list(tmp_path.iterdir())
