"""The check of an exercise tells right, wrong and not yet answered from each other."""

import numpy as np
import pytest

from vae_keras.course import check


@pytest.mark.parametrize(
    ("answer", "right", "verdict"),
    [
        (None, 3.0, "not answered yet"),
        (..., [1.0, 2.0], "not answered yet"),
        (3.0001, 3.0, "right"),
        (3.1, 3.0, "wrong, by 3.3% of the largest number"),
        ([1.0, 2.0], np.array([1.0, 2.0]), "right"),
        ([np.nan, 2.0], np.array([1.0, 2.0]), "wrong, by nan% of the largest number"),
        ([1.0, 2.0], np.ones((2, 1)), "wrong, for its shape is (2,) and must be (2, 1)"),
        ("encoder", "encoder", "right"),
        ("decoder", "encoder", "wrong"),
        (4, lambda answer: answer % 2 == 0, "right"),
        (5, lambda answer: answer % 2 == 0, "wrong"),
    ],
)
def test_verdict(answer, right, verdict, capsys):
    assert bool(check(2, answer, right)) == (verdict == "right")
    assert capsys.readouterr().out == f"Exercise 2: {verdict}.\n"
