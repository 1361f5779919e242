"""What the exercises of the course share: a check that says whether an answer is right."""

import numpy as np


def check(exercise: int, answer, right, tolerance=1e-3) -> bool:
    """Say whether the answer to an exercise is right, and return it.

    `right` is the value that the answer must equal within `tolerance` times the largest number in
    it, or a function that takes the answer and says true or false. An answer that is None or `...`,
    as a stub has it, has not been given yet.
    """
    verdict = _verdict(answer, right, tolerance)
    print(f"Exercise {exercise}: {verdict}.")
    return verdict == "right"


def _verdict(answer, right, tolerance) -> str:
    if answer is None or answer is ...:
        return "not answered yet"
    if callable(right):
        return "right" if np.all(right(answer)) else "wrong"
    answer, right = np.asarray(answer), np.asarray(right)
    if answer.shape != right.shape:
        return f"wrong, for its shape is {answer.shape} and must be {right.shape}"
    if right.dtype.kind not in "biufc":
        return "right" if np.array_equal(answer, right) else "wrong"
    largest = max(np.abs(right).max(initial=0), np.finfo(float).tiny)
    difference = np.abs(answer - right).max(initial=0) / largest
    if difference <= tolerance:
        return "right"
    return f"wrong, by {difference:.1%} of the largest number"
