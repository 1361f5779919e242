"""The columns of a table of numbers, and how their values are standardised."""

import math
import re
from dataclasses import asdict, dataclass

import numpy as np

from vae_keras.errors import UserError

FEWEST_OF_SERIES = 16
COUNTED = re.compile(r"(.*?)\d+(\.\d+)?")


def only_count(names) -> bool:
    """True if names of columns say nothing but their order, such as V1, V2, …"""
    found = [COUNTED.fullmatch(name) for name in names]
    return all(found) and len({one[1] for one in found if one}) <= 1


@dataclass(frozen=True)
class Columns:
    """The names of columns, with the mean and the standard deviation that standardise each.

    Raises UserError if there are not as many of each, or if a deviation is not positive.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    def __post_init__(self):
        for name in ("names", "means", "deviations"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        fits = len(self.names) == len(self.means) == len(self.deviations)
        numbers = (*self.means, *self.deviations)
        if not fits or not all(map(math.isfinite, numbers)) or min(self.deviations, default=1) <= 0:
            raise UserError("columns need a name, a mean and a positive deviation each")

    @classmethod
    def of(cls, names, values: np.ndarray) -> "Columns":
        """The columns of the rows `values` [n, columns], none of which is constant."""
        values = values.astype(np.float64)
        return cls(tuple(names), values.mean(axis=0).tolist(), values.std(axis=0).tolist())

    @property
    def are_series(self) -> bool:
        """True if a row is best drawn as a curve: there are many columns, which only count."""
        return len(self.names) >= FEWEST_OF_SERIES and only_count(self.names)

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """Rows in the units of the data [n, columns] as float32 of mean 0 and deviation 1."""
        return ((values - np.array(self.means)) / np.array(self.deviations)).astype(np.float32)

    def restored(self, values) -> np.ndarray:
        """Standardised rows [n, columns] in the units of the data: float64."""
        values = np.asarray(values, np.float64)
        return values * np.array(self.deviations) + np.array(self.means)

    def as_dict(self) -> dict:
        """Names, means and deviations as lists for JSON; `Columns(**values)` makes them again."""
        return {name: list(values) for name, values in asdict(self).items()}
