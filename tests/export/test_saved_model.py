import re
import resource

import numpy as np
import pytest
import tensorflow as tf

from tests.commands import printed, refused
from tests.processes import said_by
from vae_keras import VAE, UserError, load_exported
from vae_keras.export.endpoints import endpoints
from vae_keras.export.saved_model import write_endpoints
from vae_keras.models import MODELS

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
exec(sys.argv[4])  # the example of the card
"""


@pytest.fixture
def digits(digits_run):
    return digits_run.dataset.test.take(slice(20)).arrays()[0]


@pytest.mark.slow
def test_saved_model_and_the_example_of_its_card_run_without_the_package(
    digits_run, digits, tmp_path
):
    card = (digits_run.folder.exported / "model_card.md").read_text()
    example = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    assert len([line for line in example.splitlines() if line]) == 5
    np.save(tmp_path / "x.npy", digits)
    paths = digits_run.folder.exported, tmp_path / "x.npy", tmp_path / "y.npy"
    folder = digits_run.folder.path.parents[1]
    said_by(*paths, example, code=WITHOUT_THE_PACKAGE, cwd=folder)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), digits_run.model(digits), atol=1e-6)
    assert f"{digits_run.metrics['test_loss']:.4g}" in card
    assert "python train.py --epochs 5" in card


def test_endpoints_take_their_inputs_by_place_and_by_name(digits_run, digits):
    model = tf.saved_model.load(digits_run.folder.exported)
    n, seed, x = tf.constant(3), tf.constant([0, 1]), tf.constant(digits)
    by_name = model.generate(n=n, seed=seed)["x"]
    np.testing.assert_array_equal(by_name, model.generate(n, seed)["x"])
    np.testing.assert_array_equal(model.encode(x=x)["z"], model.encode(x)["z"])


@pytest.mark.parametrize(
    ("endpoint", "wrong", "words"),
    [
        ("generate", {"n": -1}, "n must be 0 to 1000000"),
        ("generate", {"n": 10**9}, "n must be 0 to 1000000"),
        ("encode", {"x": float("nan")}, "x must be finite numbers"),
        ("decode", {"z": float("inf")}, "z must be finite numbers"),
        ("log_prob", {"z": float("nan")}, "z must be finite numbers"),
    ],
)
def test_an_endpoint_refuses_in_words_what_it_cannot_compute(digits_run, endpoint, wrong, words):
    signature = tf.saved_model.load(digits_run.folder.exported).signatures[endpoint]
    specs = signature.structured_input_signature[1]
    right = {
        name: tf.zeros([2 if size is None else size for size in spec.shape], spec.dtype)
        for name, spec in specs.items()
    }
    signature(**right)  # none of 0 examples, 2 of the others
    for name, value in wrong.items():
        right[name] = tf.fill(right[name].shape, tf.constant(value, specs[name].dtype))
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        signature(**right)


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


@pytest.mark.slow
def test_overwrite_replaces_exports_alone_by_the_same_model(digits_run, digits, tmp_path, capsys):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine")
    command = ["export", digits_run.folder.path, "--output", mine, "--overwrite"]
    assert "'letter.txt', which it has not" in refused(capsys, *command)
    (mine / "letter.txt").unlink()
    printed(capsys, *command)
    (mine / "saved_model.pb").write_bytes(b"")
    printed(capsys, *command)
    again, first = (load_exported(path) for path in (mine, digits_run.folder.exported))
    np.testing.assert_array_equal(again.reconstruct(digits), first.reconstruct(digits))
    (mine / "letter.txt").write_text("mine")
    refused(capsys, *command)
    assert (mine / "letter.txt").read_text() == "mine"


def test_a_disk_that_takes_no_more_is_told_in_one_line(tmp_path):
    """The limit of the size of a file stands for a full disk."""
    model = VAE((8, 8, 1), 2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"^cannot write the export \(") as error:
            write_endpoints(endpoints(model), model, tmp_path / "export")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(error.value)


def test_an_endpoint_is_traced_once(tmp_path):
    model, traced = MODELS["deep"]((4, 4, 1), 2), []
    decode, specifications = endpoints(model)["decode"]

    def counted(z):
        traced.append(z)
        return decode(z)

    write_endpoints({"decode": (counted, specifications)}, model, tmp_path)
    assert len(traced) == 1
    z = np.float32([[1, -1]])
    found = tf.saved_model.load(tmp_path).signatures["serving_default"](z=tf.constant(z))["x"]
    np.testing.assert_allclose(found, model.decode(z), atol=1e-6)
