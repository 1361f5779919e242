"""What the exercises of the course share: a check that says whether an answer is right."""

import numpy as np


class Verdict:
    """Whether an answer is right, as a truth value that a notebook does not show once more."""

    def __init__(self, is_right: bool):
        self.is_right = is_right

    def __bool__(self):
        return self.is_right

    def _ipython_display_(self):
        """Show nothing."""


def check(exercise: int, answer, right, tolerance=1e-3) -> Verdict:
    """Print whether the answer to an exercise is right, and return it as a truth value.

    `right` is the value that the answer must equal within `tolerance` times the largest number in
    it, or a function that takes the answer and says true or false. An answer that is None or `...`,
    as a stub has it, has not been given yet.
    """
    verdict = _verdict(answer, right, tolerance)
    print(f"Exercise {exercise}: {verdict}.")
    return Verdict(verdict == "right")


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
