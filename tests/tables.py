"""Tables to try a model on, as files that people have."""

import csv
from pathlib import Path

import numpy as np
from sklearn import datasets


def write(path, rows, header=None, delimiter=",") -> Path:
    """Write rows of cells to a file of delimited text."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([*([header] if header else []), *rows])
    return path


def write_iris(path, header=True) -> Path:
    """Write the 150 irises: four columns of numbers, and the name of the species."""
    iris = datasets.load_iris()
    names = [name.removesuffix(" (cm)") for name in iris.feature_names]
    rows = [[*x, iris.target_names[y]] for x, y in zip(iris.data.tolist(), iris.target)]
    return write(path, rows, [*names, "species"] if header else None)


def iris_values() -> np.ndarray:
    """The numbers of the 150 irises, [150, 4]."""
    return datasets.load_iris().data
