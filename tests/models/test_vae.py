"""The weight of the KL term, what keeps the code from collapsing, and the sweep over β."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.pictures import assert_shows
from vae_keras import VAE, TrainConfig, UserError, figures, train
from vae_keras.cli import main
from vae_keras.config import rung_named
from vae_keras.data.images.archives import digits
from vae_keras.evaluation.code_use import mean_kl_per_dimension
from vae_keras.models.conditional import ConditionalVAE
from vae_keras.studies.sweep import sweep
from vae_keras.training.callbacks import CollapseWarning
from vae_keras.training.fitting import build

SHAPE = (8, 8, 1)


def kl_weights(model, steps):
    return [float(model.term_weights(tf.constant(step, tf.int64))["kl_loss"]) for step in steps]


def test_beta_rises_during_the_warmup_and_is_final_in_validation():
    model = VAE(SHAPE, beta=2.0, beta_warmup=10, steps_per_epoch=1)
    assert kl_weights(model, (0, 5, 10, 99)) == pytest.approx([0.0, 1.0, 2.0, 2.0])
    assert model.term_weights()["kl_loss"] == 2.0


def test_beta_rises_again_in_every_cycle():
    model = VAE(SHAPE, beta=4.0, beta_warmup=10, beta_cycles=2, epochs=40, steps_per_epoch=1)
    steps = (0, 5, 10, 19, 20, 25, 30, 39, 40)
    assert kl_weights(model, steps) == pytest.approx([0, 2, 4, 4, 0, 2, 4, 4, 0])
    assert model.term_weights()["kl_loss"] == 4.0


def test_cycles_are_spread_evenly_over_the_run():
    dataset = digits()
    config = TrainConfig(epochs=12, beta_warmup=2, beta_cycles=3, batch_size=100).resolved(dataset)
    steps = 13  # of an epoch: 1,295 images
    model = build(config, dataset)
    assert (model.warmup.steps, model.warmup.every) == (2 * steps, 4 * steps)


@pytest.mark.parametrize(
    ("beta_on", "expected", "effective"),
    [("kl", (1.0, 4.0), 4.0), ("reconstruction", (4.0, 1.0), 0.25)],
)
def test_beta_weighs_either_term(beta_on, expected, effective):
    model = VAE(SHAPE, beta=4.0, beta_on=beta_on)
    weights = model.term_weights()
    assert (weights["reconstruction_loss"], weights["kl_loss"]) == expected
    assert TrainConfig(beta=4.0, beta_on=beta_on).effective_beta() == effective
    terms = {"reconstruction_loss": tf.constant([2.0]), "kl_loss": tf.constant([3.0])}
    assert float(model.weighted_sum(terms)[0]) == 2 * expected[0] + 3 * expected[1]


def test_effective_beta_of_nothing_on_the_reconstruction_is_infinite():
    assert TrainConfig(beta=0.0, beta_on="reconstruction").effective_beta() == float("inf")


def test_free_bits_are_minimised_in_the_place_of_the_kl():
    model = VAE(SHAPE, latent_dim=3, beta=2.0, free_bits=0.5)
    x = digits().test.arrays()[0][:50]
    batch = model.prepare(x)
    found = {name: values.numpy() for name, values in model.objective(batch, False).items()}
    z_mean, z_log_var = (np.float64(head) for head in model.posterior(batch))
    kl = 0.5 * (np.exp(z_log_var) + z_mean**2 - z_log_var - 1)
    np.testing.assert_allclose(found["kl_loss"], kl.sum(1), atol=1e-5)
    np.testing.assert_allclose(found["free_bits_kl_loss"], np.maximum(kl, 0.5).sum(1), atol=1e-5)
    loss = found["reconstruction_loss"] + 2 * found["free_bits_kl_loss"]
    np.testing.assert_allclose(model.weighted_sum(found), loss, rtol=1e-5)


def test_free_bits_keep_a_code_from_collapsing():
    """At β = 20 the plain model gives up its code; with free bits every dimension is used."""
    x = digits().train

    def kl(free_bits):
        keras.utils.set_random_seed(0)
        model = VAE(SHAPE, latent_dim=3, beta=20.0, free_bits=free_bits)
        model.compile(keras.optimizers.Adam(2e-3))
        model.fit(
            x.shuffled_batches(64, 0, 0, 20),
            epochs=20,
            steps_per_epoch=21,
            shuffle=False,
            verbose=0,
        )
        return mean_kl_per_dimension(model, x)

    assert kl(0.0).max() < 0.01
    assert kl(0.5).min() > 0.2


def test_history_has_both_the_kl_and_what_is_minimised(tmp_path):
    run = train(TrainConfig(epochs=1, free_bits=0.3, output_dir=tmp_path), verbose=0)
    row = {name: values[0] for name, values in run.history.items()}
    assert row["loss"] == pytest.approx(row["reconstruction_loss"] + row["free_bits_kl_loss"])
    assert row["free_bits_kl_loss"] >= max(0.6, row["kl_loss"])
    again = keras.models.load_model(run.folder.model)
    assert again.options.free_bits == 0.3


def test_conditional_model_has_the_same_options():
    names = {"beta", "beta_on", "beta_warmup", "beta_cycles", "free_bits"}
    assert names <= set(rung_named("conditional").options().as_dict())
    model = ConditionalVAE(SHAPE, free_bits=0.1, classes=10)
    assert "free_bits_kl_loss" in model.trackers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(beta_warmup=11), "the warm-up of beta takes 11 epochs, but the run has 10"),
        (dict(beta_warmup=4, beta_cycles=3), "takes 12 epochs, but the run has 10"),
        (dict(beta_cycles=2), "give its epochs with --beta-warmup"),
        (dict(free_bits=-1.0), "--free-bits -1.0 must be at least 0"),
        (dict(beta_on="kll"), "unknown beta on 'kll': did you mean 'kl'?"),
    ],
)
def test_impossible_schedules_are_refused_before_anything_is_written(options, message, tmp_path):
    with pytest.raises(UserError, match="(?s).*" + message.replace("?", r"\?")):
        train(TrainConfig(epochs=10, output_dir=tmp_path, **options), verbose=0)
    assert not any(tmp_path.iterdir())


# Collapse


def warning(model, capsys, epochs=1):
    callback = CollapseWarning(digits().validation)
    callback.set_model(model)
    for epoch in range(epochs):
        callback.on_epoch_end(epoch)
    callback.on_train_end()
    return capsys.readouterr().out.strip().splitlines()


def with_dead_dimensions(dead, latent_dim=3):
    """A model whose posterior is the prior in its first `dead` dimensions."""
    model = VAE(SHAPE, latent_dim=latent_dim)
    for head, value in (("z_mean", 0.0), ("z_log_var", 0.0)):
        layer = model.encoder.get_layer(head)
        kernel, bias = (weight.numpy() for weight in layer.weights)
        kernel[:, :dead] = value
        bias[:] = 1.0
        bias[:dead] = value
        layer.set_weights([kernel, bias])
    return model


def test_unused_dimensions_are_told_once_in_one_line(capsys):
    lines = warning(with_dead_dimensions(2), capsys, epochs=3)
    assert len(lines) == 1
    assert lines[0].startswith("epoch 1: 2 of 3 code dimensions are unused")
    assert "--free-bits" in lines[0]


def test_whole_collapse_is_called_one(capsys):
    (line,) = warning(with_dead_dimensions(3), capsys)
    assert "the code has collapsed" in line


def test_a_code_in_use_gives_no_warning(capsys):
    assert warning(with_dead_dimensions(0), capsys) == []


# The sweep


def test_sweep_is_monotone_and_goes_on_where_it_was_stopped(tmp_path, capsys):
    options = dict(latent_dim=3, epochs=10)
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
        sweep(output, (0.25, 1.0, 4.0), latent_dim=3, epochs=9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--betas", "1,x"], "--betas '1,x' must be numbers"),
        (["--betas", "-1"], "--beta -1.0 must be at least 0"),
        (["--output", "nowhere/curve"], "in a folder that exists"),
        (["--dataset", "nothing"], "unknown data set"),
    ],
)
def test_bad_sweeps_are_one_line(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["sweep", *arguments])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not any(tmp_path.iterdir())
