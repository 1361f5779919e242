"""The scores of anomalies."""

import pytest

from vae_keras.evaluation import anomaly


def test_scores_average_to_the_loss_of_the_test_set(digits_run):
    scores = anomaly.anomaly_scores(digits_run.model, digits_run.dataset.test)
    assert scores.shape == (len(digits_run.dataset.test),)
    assert scores.mean() == pytest.approx(digits_run.metrics["test_loss"], rel=1e-5)
