"""An exported model that is loaded again."""

import numpy as np
import pytest
import tensorflow as tf

from tests.commands import refused
from vae_keras import UserError, load_exported


@pytest.fixture(params=["digits_run", "conditional_run"])
def run(request):
    """A finished run: a Bernoulli likelihood without labels, or a Gaussian one with labels."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def digits(digits_run):
    return digits_run.dataset.test.take(slice(20)).arrays()[0]


def test_exported_conditional_model_checks_its_labels(conditional_run, capsys):
    path = conditional_run.folder.exported
    exported = load_exported(path)
    assert exported.class_names == tuple("0123456789")
    fours = exported.generate(3, label=4)
    np.testing.assert_array_equal(fours, exported.generate(3, label=[4, 4, 4]))
    x = fours.clip(0, 1)
    assert exported.decode(exported.encode(x, 4), 4).shape == x.shape
    assert exported.log_prob(x, exported.encode(x, 4), 4).shape == (3,)
    for label in ("12", "-1"):
        error = refused(capsys, "generate", path, "--label", label)
        assert f"unknown label '{label}': did you mean" in error
    with pytest.raises(UserError, match="give a label"):
        exported.encode(x)
    with pytest.raises(tf.errors.InvalidArgumentError, match="whole numbers from 0 to 9"):
        exported.model.decode(tf.zeros((1, 3)), tf.constant([12]))


def test_exported_model_answers_as_the_model_does(run):
    exported = load_exported(run.folder.exported)
    assert exported.is_variational
    data = next(iter(run.dataset.test.batches(20)))
    batch, expected = exported.prepare(data), run.model.prepare(data)
    for one, other in zip(exported.posterior(batch), run.model.posterior(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    z = exported.code(batch)
    np.testing.assert_allclose(z, run.model.code(expected), atol=1e-5)
    found = exported.log_likelihood(batch, z)
    np.testing.assert_allclose(found, run.model.log_likelihood(expected, z), rtol=1e-4)


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


def test_missing_export_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        load_exported(tmp_path / "nowhere")


def test_model_of_images_takes_no_temperature(digits_run):
    exported = load_exported(digits_run.folder.exported)
    with pytest.raises(UserError, match="takes no temperature or beams"):
        exported.generate(3, temperature=0.5, beams=2)
