"""Models that are written for ONNX Runtime and LiteRT give there what the SavedModel gives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.commands import printed, refused
from vae_keras import UserError
from vae_keras.export import formats, portable
from vae_keras.models import MODELS
from vae_keras.networks import ConvNetwork, DenseNetwork, ResidualNetwork

FORMATS = ("onnx", "litert")


def code_of_card(folder) -> str:
    return (folder / "model_card.md").read_text().split("```python\n")[1].split("```")[0]


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_example_of_the_card_runs(format, digits_run, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "out"
    line = printed(capsys, "export", digits_run.folder.path, "--format", format, "--output", folder)
    assert line == f"{folder}\n"
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(code_of_card(folder), names)
    model = digits_run.model
    np.testing.assert_allclose(names["x"], model.decode(names["draws"]), atol=1e-5)
    np.testing.assert_allclose(names["z"], model.encode(names["x"]), atol=1e-5)
    np.testing.assert_allclose(names["again"], model.decode(names["z"]), atol=1e-5)
    assert "draws of N(0, I)" in (folder / "model_card.md").read_text()
    error = refused(
        capsys, "export", digits_run.folder.path, "--format", format, "--output", folder
    )
    assert "exists" in error


LOGISTIC = dict(likelihood="discretized_logistic")
CONTINUOUS = dict(likelihood="continuous_bernoulli")
MADE = {
    "conv and continuous": ("vae", ConvNetwork(4, 8, 8), CONTINUOUS),
    "resnet, labels and logistic": (
        "conditional",
        ResidualNetwork(4, 8, 1, 4, 8),
        dict(classes=3, **LOGISTIC),
    ),
    "mixed": ("vae", DenseNetwork((8,)), dict(dtype="mixed_bfloat16")),
    "sparse": ("sparse", None, {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", MADE)
def test_every_network_and_likelihood_is_converted(name, format, digits_run, tmp_path, monkeypatch):
    kind, network, options = MADE[name]
    model = MODELS[kind]((10, 7, 3), network=network, **options)
    model.prior.fit(lambda: np.random.default_rng(0).normal(3, 2, (200, model.latent_dim)))
    folder = tmp_path / "out"
    portable.convert(model, folder, digits_run.config, digits_run.metrics, format)
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(code_of_card(folder), names)
    z = model.prior.drawn(names["draws"])
    label = np.arange(16) % 3 if model.takes_labels else None
    close = dict(atol=0.03 if name == "mixed" else 1e-5)
    np.testing.assert_allclose(names["x"], model.decode(z, label), **close)
    if format == "onnx":
        assert names["x"].shape == (16, 10, 7, 3)
        assert sorted(file.name for file in folder.iterdir())[:2] == ["decode.onnx", "encode.onnx"]


@keras.saving.register_keras_serializable("tests")
class Bessel(keras.layers.Layer):
    def call(self, x):
        return tf.math.special.bessel_i0e(x)


class BesselNetwork(DenseNetwork):
    def _hidden(self, units):
        return [*super()._hidden(units), Bessel()]


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_what_cannot_be_converted_is_refused_and_nothing_is_written(format, digits_run, tmp_path):
    model = MODELS["vae"]((6, 6, 1), network=BesselNetwork((8,)))
    with pytest.raises(UserError, match=f"cannot be converted to {format}, use the SavedModel"):
        portable.convert(model, tmp_path / "out", digits_run.config, digits_run.metrics, format)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_file_that_gives_something_else_is_not_kept(digits_run, tmp_path, monkeypatch):
    def wrong(found, saved, folder):
        run = portable.to_onnx(found, saved, folder)
        return lambda name, inputs: {k: v + 1e-4 for k, v in run(name, inputs).items()}

    monkeypatch.setitem(portable.WRITERS, "onnx", wrong)
    with pytest.raises(UserError, match=r"of encode differs by 1\.0e-04"):
        portable.convert(
            digits_run.model, tmp_path / "out", digits_run.config, digits_run.metrics, "onnx"
        )
    assert not list(tmp_path.iterdir())


def test_sequences_are_refused_in_one_line(tmp_path):
    model = MODELS["sequence"](4, ["", "a", "b"])
    with pytest.raises(UserError, match="network lstm, decodes in a loop"):
        portable.convert(model, tmp_path / "out", None, {}, "onnx")


@pytest.mark.parametrize("format", FORMATS)
def test_missing_packages_are_named_before_anything_is_read(format, monkeypatch, capsys):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    error = refused(capsys, "export", "no-such-run", "--format", format)
    assert all(name in error for name in formats.PACKAGES[format]) and "pip install" in error
