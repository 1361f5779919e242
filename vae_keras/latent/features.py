"""Feature vectors: the direction in the latent space that adds an attribute to an image."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vae_keras.errors import UserError, unknown
from vae_keras.files import write_text
from vae_keras.latent.codes import code_batches

FEWEST = 10  # examples with and without an attribute
TOLERANCE = 0.01  # of the direction's movement in a batch, relative to its length
SMALLEST = 1e-12  # length of a vector to divide by


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

    def story(self) -> str:
        """How it was found, in a line."""
        without, with_ = self.counts
        text = f"{self.name}: {self.method} of {with_:,} images with it and {without:,} without"
        if self.movement:
            text += f"; the last of {len(self.movement) + 1} batches moved it by "
            text += f"{self.movement[-1]:.1%}"
        return text


class Means:
    """Sums of codes with and without each attribute: the vectors are the differences of the means.

    `columns` are those of the attributes that are sought.
    """

    def __init__(self, columns):
        self.columns = columns
        self.sums, self.counts = 0.0, np.zeros((2, len(columns)), int)

    def update(self, codes, design):
        """Add a batch of codes [n, latent_dim] and its rows [n, k] of `_design`."""
        has = design[:, self.columns] > 0
        groups = np.stack([~has, has])
        self.sums = self.sums + np.swapaxes(groups, 1, 2).astype(np.float64) @ codes
        self.counts += groups.sum(axis=1)

    def vectors(self) -> np.ndarray:
        """[attributes, latent_dim]"""
        without, with_ = self.sums / np.maximum(self.counts, 1)[..., None]
        return with_ - without


class Regression(Means):
    """The coefficients of the attributes in a linear regression of the codes on all attributes.

    What the other attributes explain is theirs: an attribute that often comes with another one does
    not get into its vector. Streamed as the sums of the normal equations.
    """

    def __init__(self, columns):
        super().__init__(columns)
        self.square = self.product = 0.0

    def update(self, codes, design):
        super().update(codes, design)
        design = np.column_stack([np.ones(len(codes)), design])
        self.square = self.square + design.T @ design
        self.product = self.product + design.T @ codes

    def vectors(self):
        return np.linalg.lstsq(self.square, self.product, rcond=1e-9)[0][1 + self.columns]


METHODS = {"means": Means, "regression": Regression}


def feature_vectors(
    model, examples, names, attributes, method="means", tolerance=TOLERANCE
) -> dict[str, FeatureVector]:
    """The vectors of `attributes`, from the codes of `examples`, batch by batch in random order.

    It stops when a batch moves none of them by `tolerance` times its length or more, three times in
    a row. `names` are those of the columns of `examples.attributes`; an example has an attribute of
    more values than two if it lies above its median, or at the largest value if that is the median.
    Raises UserError for an attribute that is unknown, or that too few examples have or lack.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    examples = examples.take(np.random.default_rng(0).permutation(len(examples)))
    values = _values(examples)
    columns = np.array([_column(names, attribute) for attribute in attributes])
    has = np.stack([_has(values[:, column]) for column in columns], axis=1)
    for attribute, of_all in zip(attributes, has.T):
        _check_counts(attribute, of_all)
    design = _design(values, columns, has)
    sums, before, movements, first = METHODS[method](columns), None, [], 0
    for codes in code_batches(model, examples):
        sums.update(codes, design[first : first + len(codes)])
        first += len(codes)
        vectors = sums.vectors()
        if before is not None:
            moved = np.linalg.norm(vectors - before, axis=1)
            movements.append(moved / np.maximum(np.linalg.norm(vectors, axis=1), SMALLEST))
        before = vectors
        has_settled = len(movements) >= 3 and np.max(movements[-3:]) < tolerance
        if has_settled and sums.counts.min() >= FEWEST:
            break
    return {
        attribute: FeatureVector(
            attribute,
            vectors[k].astype(np.float32),
            method,
            tuple(sums.counts[:, k].tolist()),
            [float(moved[k]) for moved in movements],
        )
        for k, attribute in enumerate(attributes)
    }


def feature_vector(model, examples, names, attribute: str, *how, **options) -> FeatureVector:
    """The same for one attribute."""
    return feature_vectors(model, examples, names, [attribute], *how, **options)[attribute]


def binary(examples, names) -> list[str]:
    """The names of the attributes that are 0 or 1 and that enough examples have and lack.

    Raises UserError if there is none.
    """
    values = _values(examples)
    has = (values == 1).sum(axis=0)
    is_binary = np.all((values == 0) | (values == 1), axis=0)
    is_enough = (has >= FEWEST) & (len(values) - has >= FEWEST)
    found = [name for name, fits in zip(names, is_binary & is_enough) if fits]
    if not found:
        raise UserError(
            f"no attribute is 0 or 1, had and lacked by {FEWEST} examples: name one of "
            f"{', '.join(names)}"
        )
    return found


def _values(examples) -> np.ndarray:
    """The attributes of a split, [n, k]. Raises UserError without any."""
    if examples.attributes is None:
        raise UserError("the examples have no attributes: use faces, celeba:DIR or attributes.csv")
    return examples.own_attributes


def _column(names, attribute: str) -> int:
    if attribute not in names:
        raise unknown("attribute", attribute, names)
    return list(names).index(attribute)


def _has(values) -> np.ndarray:
    """Which of the values [n] of an attribute mean that an example has it."""
    if np.all((values == 0) | (values == 1)):
        return values == 1
    below_largest = values[values < values.max()].max(initial=values.min())
    return values > min(np.median(values), below_largest)


def _design(values, columns, has) -> np.ndarray:
    """Attributes [n, k], those in `columns` replaced by `has`, around their means in a range of 1.

    So the constant of a regression takes no part in attributes that always add up to 1, such as
    colours of hair, and no attribute gets lost beside another of large numbers.
    """
    design = values.astype(np.float64)
    design[:, columns] = has
    ranges = np.ptp(design, axis=0)
    return (design - design.mean(axis=0)) / np.where(ranges > 0, ranges, 1)


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
                f"{path}: {feature.name!r} is of {feature.vector.size} dimensions, but the "
                f"model has {latent_dim}"
            )
    return found
