"""The probe of codes."""

import numpy as np
import pytest

from vae_keras.evaluation import probe


def test_stratified_examples_begin_with_the_proportions_of_the_classes(digits_run):
    train = digits_run.dataset.train
    ordered = probe.stratified(train)
    assert sorted(ordered.rows) == sorted(train.rows)
    np.testing.assert_array_equal(ordered.rows, probe.stratified(train).rows)
    assert np.any(ordered.rows != probe.stratified(train, seed=1).rows)
    share = np.bincount(train.labels[train.rows]) / len(train)
    for count in (10, 100, 1_000):
        drawn = np.bincount(ordered.take(slice(count)).arrays()[1], minlength=10)
        assert np.all(np.abs(drawn - count * share) <= 2)


@pytest.mark.slow
def test_probe_finds_more_in_pixels_than_in_two_numbers(digits_run):
    rows = probe.probe(digits_run.model, digits_run.dataset, sizes=(100, 5_000))
    assert [row["labels"] for row in rows] == [100, len(digits_run.dataset.train)]
    last = rows[-1]
    assert 0.3 < last["codes"] < last["pixels"]
    assert 0.3 < last["pca"] < last["pixels"]
    assert last["pixels"] > 0.93
