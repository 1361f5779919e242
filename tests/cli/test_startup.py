"""What a terminal sees before there is anything to train: help, mistakes, silence."""

import os
import shlex
import subprocess
import sys

import numpy as np
import pytest

from tests.commands import TRAIN
from vae_keras import TrainConfig, load
from vae_keras.cli.studies import STUDIES, sweep_command
from vae_keras.cli.train import TrainCommand, train_command
from vae_keras.data import of_arrays
from vae_keras.studies import study, sweep
from vae_keras.training.carry_out import command


def called(*arguments, code=None, **environment):
    start = [sys.executable, "-c", code] if code else [sys.executable, str(TRAIN), *arguments]
    known = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "PYTHONIOENCODING")}
    return subprocess.run(start, capture_output=True, env={**known, **environment}, check=False)


def test_no_tensorflow_is_imported_for_what_needs_none(tmp_path):
    code = f"""
import sys
sys.modules["tensorflow"] = None  # importing it would fail
from vae_keras.cli import main
for arguments in ("--help", "--bta 3", "--dataset missing.npz", "--beta -1"):
    try:
        main(["train", "--output-dir", {str(tmp_path)!r}, *arguments.split()])
    except SystemExit as stop:
        assert stop.code == (0 if arguments == "--help" else 2), arguments
    assert "keras" not in sys.modules
"""
    ran = called(code=code)
    assert ran.returncode == 0, ran.stderr
    errors = ran.stderr.splitlines()
    assert len(errors) == 3 and all(line.startswith(b"error: ") for line in errors)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_streams_replace_what_they_cannot_show(encoding):
    ran = called("--help", PYTHONIOENCODING=encoding)
    assert (ran.returncode, ran.stderr) == (0, b"")
    ran = called("--dataset", "Größe-β-→", PYTHONIOENCODING=encoding)
    assert ran.returncode == 2 and ran.stderr.startswith(b"error: ")
    assert b"Traceback" not in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("level", "first"),
    [
        ("1", "from vae_keras.objectives.likelihoods import Gaussian"),
        ("2", "import vae_keras, tensorflow"),
        ("3", "import vae_keras, keras"),
        (None, "import vae_keras.networks"),
    ],
)
def test_tensorflow_is_quiet_whatever_its_level_says_above_0(level, first):
    code = f"""
import os
{first}
assert os.environ.get("TF_CPP_MIN_LOG_LEVEL") == {level!r}
import keras
assert "vae_keras>VAE" in keras.saving.get_custom_objects()
"""
    ran = called(code=code, **({} if level is None else {"TF_CPP_MIN_LOG_LEVEL": level}))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


@pytest.mark.slow
def test_another_backend_is_told_in_one_line(tmp_path):
    ran = called("--output-dir", str(tmp_path), KERAS_BACKEND="jax")
    assert ran.returncode == 2
    assert ran.stderr.decode().splitlines() == [
        "error: vae_keras needs Keras on TensorFlow, but its backend is 'jax': set the "
        "environment variable KERAS_BACKEND=tensorflow"
    ]


@pytest.mark.parametrize(
    "options",
    [
        dict(model="linear", tied=True, latent_dim=3),
        dict(beta=0.1, sigma="learned", likelihood="gaussian"),
        dict(model="conditional", free_bits=0.25, units="64-32", activation="tanh"),
        dict(model="sparse", sparsity="kl", target_activity=0.125),
        dict(binarize="threshold", learning_rate=3e-4, ema=0.99),
    ],
)
def test_the_command_of_a_run_parses_to_its_configuration(options):
    check_command(TrainConfig(**options, name="n"), load(TrainConfig()))


def test_the_command_leaves_open_what_a_network_does_not_have():
    """The recipe of a wide code has units, but a network of convolutions has none."""
    pixels = np.random.default_rng(0).random((600, 28, 28, 1)) > 0.5
    config = TrainConfig(dataset="mnist", model="ladder", network="grid", name="n")
    check_command(config, of_arrays(pixels.astype("float32")))


def check_command(config, dataset):
    config = config.resolved(dataset)
    _, script, *arguments = shlex.split(command(config, dataset))
    assert script == "train.py"
    assert isinstance(train_command, TrainCommand)
    with train_command.make_context("train", arguments) as context:
        source = context.get_parameter_source
        given = {k: v for k, v in context.params.items() if source(k).name == "COMMANDLINE"}
    assert TrainConfig(**given, name="n").resolved(dataset) == config


def test_values_with_spaces_are_quoted():
    dataset = load(TrainConfig())
    config = TrainConfig(dataset="folder:my photos", name="n").resolved(dataset)
    assert "--dataset 'folder:my photos'" in command(config, dataset)


def test_the_studies_of_the_command_line_are_those_that_there_are():
    assert STUDIES.keys() == study.STUDIES.keys()
    (betas,) = (one for one in sweep_command.params if one.name == "betas")
    assert tuple(float(beta) for beta in betas.default.split(",")) == sweep.BETAS
