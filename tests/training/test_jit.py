"""Training steps that XLA compiles learn what the others do."""

import keras
import pytest

from tests.runs import training_alone
from vae_keras import TrainConfig, UserError, data, train
from vae_keras.training.devices import Devices
from vae_keras.training.fitting import build, fit


def learned(**options):
    """The last logs of a training on digits whose last batch is smaller than the others."""
    dataset = data.load(TrainConfig())
    config = TrainConfig(epochs=2, units="16", batch_size=100, **options).resolved(dataset)
    model, rows = build(config, dataset), []
    end = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rows.append(logs))
    fit(model, config, dataset, callbacks=[end], verbose=0)
    return rows[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        dict(model="deep"),
        dict(model="sparse", sparsity="kl", network="dense"),
        dict(model="deep", schedule="constant", clip_norm=1.0, ema=0.9),
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_models_without_noise_learn_the_same_compiled_or_not(options):
    on, off = (learned(**options, jit=jit) for jit in ("on", "off"))
    assert on == pytest.approx(off, rel=1e-4)


@pytest.mark.slow
def test_compiled_noise_is_other_noise_of_the_same_distribution():
    on, off = (learned(jit=jit) for jit in ("on", "off"))
    assert on["loss"] != off["loss"]
    assert on == pytest.approx(off, rel=0.05)


def test_several_devices_do_not_compile():
    dataset = data.load(TrainConfig())
    config = TrainConfig(jit="on", strategy="mirrored").resolved(dataset)
    with Devices("mirrored").scope():
        model = build(config, dataset)
    assert "train_step" not in vars(model)
    assert "train_step" in vars(build(config, dataset))


@pytest.mark.slow
def test_a_run_goes_on_as_it_began(tmp_path, monkeypatch):
    training_alone(monkeypatch)
    config = TrainConfig(epochs=1, network="linear", name="run", output_dir=tmp_path)
    assert train(config.replace(jit="on"), verbose=0).config.jit == "on"
    longer = config.replace(epochs=2, resume=True)
    with pytest.raises(UserError, match="jit"):
        train(longer.replace(jit="off"), verbose=0)
    assert train(longer, verbose=0).config.jit == "on"
