"""Feature vectors: the direction in the latent space that adds an attribute to an image."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vae_keras.errors import UserError, unknown
from vae_keras.files import write_text
from vae_keras.latent import code_batches

FEWEST = 10  # examples with and without an attribute
TOLERANCE = 0.01  # of the direction's movement in a batch, relative to its length


@dataclass(frozen=True)
class FeatureVector:
    """z + α · `vector` adds the attribute `name` for α = 1, and takes it away for α = −1.

    `vector` [latent_dim]; `method` says how it was found, `counts` from how many examples without
    and with the attribute, `movement` by how much of its length it moved with each batch.
    """

    name: str
    vector: np.ndarray
    method: str = "means"
    counts: tuple[int, int] = (0, 0)
    movement: list[float] = field(default_factory=list)

    def add(self, z, alpha=1.0) -> np.ndarray:
        """The codes `z` [..., latent_dim] with `alpha` times the attribute."""
        return np.asarray(z) + alpha * self.vector


class Means:
    """Sums of codes with and without an attribute: its vector is the difference of their means."""

    def __init__(self, column: int):
        self.column, self.sums, self.counts = column, np.zeros((2, 1)), np.zeros(2, int)

    def update(self, codes, attributes):
        has = attributes[:, self.column] > 0.5
        groups = (codes[~has], codes[has])
        self.sums = self.sums + np.stack([group.sum(axis=0, dtype=np.float64) for group in groups])
        self.counts += [len(group) for group in groups]

    def vector(self):
        without, with_ = self.sums / np.maximum(self.counts, 1)[:, None]
        return with_ - without


class Regression(Means):
    """The coefficient of the attribute in a linear regression of the codes on all attributes.

    What the other attributes explain is theirs: an attribute that often comes with this one does
    not get into its vector. Streamed as the sums of the normal equations.
    """

    def __init__(self, column: int):
        super().__init__(column)
        self.square = self.product = 0.0

    def update(self, codes, attributes):
        super().update(codes, attributes)
        design = np.column_stack([np.ones(len(codes)), attributes]).astype(np.float64)
        self.square = self.square + design.T @ design
        self.product = self.product + design.T @ codes

    def vector(self):
        return np.linalg.lstsq(self.square, self.product, rcond=1e-9)[0][1 + self.column]


METHODS = {"means": Means, "regression": Regression}


def feature_vector(model, examples, names, attribute: str, method="means", tolerance=TOLERANCE):
    """The vector of an attribute, from the means of the codes of `examples`, batch by batch.

    It stops when a batch moves the vector by less than `tolerance` times its length, three times
    in a row. `names` are those of the columns of `examples.attributes`. Raises UserError for an
    attribute that is unknown, or that too few examples have or lack.
    """
    if attribute not in names:
        raise unknown("attribute", attribute, names)
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    column = list(names).index(attribute)
    _check_counts(attribute, examples.own_attributes[:, column] > 0.5)
    sums, before, movement, first = METHODS[method](column), None, [], 0
    for codes in code_batches(model, examples):
        sums.update(codes, examples.own_attributes[first : first + len(codes)])
        first += len(codes)
        vector = sums.vector()
        if before is not None:
            movement.append(float(np.linalg.norm(vector - before) / np.linalg.norm(vector)))
        before = vector
        if len(movement) >= 3 and max(movement[-3:]) < tolerance and sums.counts.min() >= FEWEST:
            break
    counts = tuple(int(count) for count in sums.counts)
    return FeatureVector(attribute, vector.astype(np.float32), method, counts, movement)


def pair_difference(model, name: str, without, with_) -> FeatureVector:
    """The difference of the codes of one pair of images [height, width, channels]."""
    codes = np.asarray(model.encode(np.stack([without, with_]).astype(np.float32)))
    return FeatureVector(name, codes[1] - codes[0], "pair", (1, 1))


def _check_counts(attribute: str, has):
    for count, what in ((has.sum(), "have"), ((~has).sum(), "lack")):
        if count < FEWEST:
            raise UserError(
                f"attribute {attribute!r}: {count} of {len(has):,} examples {what} it, at least "
                f"{FEWEST} are needed"
            )


def save(vectors: list[FeatureVector], path):
    """Write feature vectors to a small JSON file."""
    content = {
        feature.name: {
            "method": feature.method,
            "counts": list(feature.counts),
            "vector": feature.vector.tolist(),
        }
        for feature in vectors
    }
    write_text(path, json.dumps(content, indent=2) + "\n")


def load(path, latent_dim: int | None = None) -> dict[str, FeatureVector]:
    """The feature vectors in a file, by name. Raises UserError if it is none for this model."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = {
            name: FeatureVector(
                name, np.float32(row["vector"]), row["method"], tuple(row["counts"])
            )
            for name, row in content.items()
        }
    except OSError as error:
        raise UserError(f"file {str(path)!r} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a file of feature vectors ({error})") from error
    for feature in found.values():
        if latent_dim is not None and feature.vector.shape != (latent_dim,):
            raise UserError(
                f"{path}: {feature.name!r} is of {feature.vector.shape[-1]} dimensions, but the "
                f"model has {latent_dim}"
            )
    return found
