"""The mean of each term of the loss."""

import pytest

from vae_keras.evaluation.losses import evaluate


def test_evaluate_gives_the_metrics_of_the_run(digits_run):
    found = evaluate(digits_run.model, digits_run.dataset)
    stored = {k: v for k, v in digits_run.metrics.items() if k.removeprefix("test_") in found}
    assert {f"test_{k}": v for k, v in found.items()} == pytest.approx(stored, rel=1e-5)
