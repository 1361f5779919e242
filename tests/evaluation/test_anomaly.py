"""The scores of anomalies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_keras import TrainConfig, UserError, load_exported
from vae_keras.evaluation import anomaly
from vae_keras.export.saved_model import export
from vae_keras.models import MODELS


def test_scores_average_to_the_loss_of_the_test_set(digits_run):
    scores = anomaly.anomaly_scores(digits_run.model, digits_run.dataset.test)
    assert scores.shape == (len(digits_run.dataset.test),)
    assert scores.mean() == pytest.approx(digits_run.metrics["test_loss"], rel=1e-5)


def test_the_scores_of_a_run_and_of_its_export_are_the_same(digits_run):
    few = digits_run.dataset.test.take(slice(20))
    exported = load_exported(digits_run.folder.exported)
    found = anomaly.score_parts(digits_run.model, few, 60)
    for name, values in anomaly.score_parts(exported, few, 60).items():
        np.testing.assert_allclose(values, found[name], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        found["loss"], found["reconstruction_loss"] + found["kl_loss"], rtol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["mse", "rmse", "bce"])
def test_the_score_of_an_autoencoder_is_its_reconstruction_loss(loss, digits_run, tmp_path):
    model, config = MODELS["deep"]((8, 8, 1), 3, loss=loss), TrainConfig(model="deep", loss=loss)
    export(model, tmp_path / "model", config, digits_run.metrics)
    few = digits_run.dataset.test.take(slice(20))
    x = few.arrays()[0].astype(float)
    rebuilt = np.asarray(model(x)).astype(float)
    expected = {
        "mse": lambda: ((x - rebuilt) ** 2).sum(axis=(1, 2, 3)),
        "rmse": lambda: np.sqrt(((x - rebuilt) ** 2).mean(axis=(1, 2, 3))),
        "bce": lambda: -(x * np.log(rebuilt) + (1 - x) * np.log1p(-rebuilt)).sum(axis=(1, 2, 3)),
    }[loss]()
    for one in (model, load_exported(tmp_path / "model")):
        found = anomaly.score_parts(one, few, 1)
        np.testing.assert_allclose(found["loss"], expected, rtol=1e-4)


@given(
    st.lists(st.integers(0, 20), min_size=2, max_size=60),
    st.floats(0.01, 0.99),
)
def test_familiar_examples_raise_alarms_as_rarely_as_wanted(losses, share):
    """Any of n + 1 exchangeable losses may be the new one: at most that share exceeds the rest."""
    losses = np.array(losses, float)
    try:
        limits = [anomaly.alarm_threshold(np.delete(losses, i), share) for i in range(len(losses))]
    except UserError as error:
        assert share * len(losses) < 1 and "validation examples" in str(error)
    else:
        assert np.sum(losses > limits) <= share * len(losses) + 1e-6


def test_shares_that_are_none_are_named():
    for share in (0, 1, -0.1, 5):
        with pytest.raises(UserError, match="must be a share between 0 and 1"):
            anomaly.alarm_threshold(np.arange(100.0), share)
