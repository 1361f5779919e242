"""Feature vectors: directions in the latent space that add an attribute to an image."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vae_keras.errors import UserError, unknown
from vae_keras.files import write_text
from vae_keras.latent.codes import code_batches

FEWEST_EXAMPLES = 10  # examples with and without an attribute
TOLERANCE = 0.01  # a vector has settled if a batch moves it by less than this share of its length
SMALLEST_LENGTH = 1e-12  # bounds the length of a vector in a denominator


@dataclass(frozen=True)
class FeatureVector:
    """A direction in the latent space: z + α · `vector` adds the attribute `name` for α = 1.

    For α = −1 it takes the attribute away. `vector` is [latent_dim]. `method` says how it was
    found, and `counts` from how many examples without and with the attribute. `movement` has for
    each batch but the first how far that moved the vector, as a share of its length.
    """

    name: str
    vector: np.ndarray
    method: str = "means"
    counts: tuple[int, int] = (0, 0)
    movement: list[float] = field(default_factory=list)

    def add(self, z, alpha=1.0) -> np.ndarray:
        """The codes `z` [..., latent_dim] moved by `alpha` times the vector."""
        return np.asarray(z) + alpha * self.vector

    def story(self) -> str:
        """One line that says how the vector was found."""
        without, with_ = self.counts
        text = f"{self.name}: {self.method} of {with_:,} images with it and {without:,} without"
        if self.movement:
            text += f"; the last of {len(self.movement) + 1} batches moved it by "
            text += f"{self.movement[-1]:.1%}"
        return text


class Means:
    """Vectors as differences of means: the mean code with an attribute minus that without.

    `columns` are the columns of the wanted attributes. Codes come in batches; only sums are kept.
    """

    def __init__(self, columns):
        self.columns = columns
        self.sums, self.counts = 0.0, np.zeros((2, len(columns)), int)

    def update(self, codes, design):
        """Add codes [n, latent_dim] and the matching rows [n, k] of the design matrix."""
        has = design[:, self.columns] > 0
        groups = np.stack([~has, has])
        self.sums = self.sums + np.swapaxes(groups, 1, 2).astype(np.float64) @ codes
        self.counts += groups.sum(axis=1)

    def vectors(self) -> np.ndarray:
        """The vectors so far: [attributes, latent_dim]."""
        without, with_ = self.sums / np.maximum(self.counts, 1)[..., None]
        return with_ - without


class Regression(Means):
    """Vectors as coefficients of a linear regression of the codes on all attributes.

    What other attributes explain does not get into a vector, even where attributes often come
    together. Codes come in batches; only the sums of the normal equations are kept.
    """

    def __init__(self, columns):
        super().__init__(columns)
        self.square = self.product = 0.0

    def update(self, codes, design):
        """Add codes [n, latent_dim] and the matching rows [n, k] of the design matrix."""
        super().update(codes, design)
        design = np.column_stack([np.ones(len(codes)), design])
        self.square = self.square + design.T @ design
        self.product = self.product + design.T @ codes

    def vectors(self):
        """The vectors so far: [attributes, latent_dim]."""
        return np.linalg.lstsq(self.square, self.product, rcond=1e-9)[0][1 + self.columns]


METHODS = {"means": Means, "regression": Regression}


def feature_vectors(
    model, examples, names, attributes, method="means", tolerance=TOLERANCE
) -> dict[str, FeatureVector]:
    """The feature vectors of `attributes`, by name, from the codes of `examples` in random order.

    It encodes batch by batch, and stops when three batches in a row have moved every vector by less
    than `tolerance` times its length. `names` are those of the columns of `examples.attributes`.
    `method` is "means" or "regression". If an attribute has more than two values, an example has it
    when its value is above the median, or when it is the largest value if that is the median.

    Raises UserError if an attribute or the method is unknown, or if fewer than FEWEST_EXAMPLES
    examples have or lack an attribute.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    examples = examples.take(np.random.default_rng(0).permutation(len(examples)))
    values = _values(examples)
    columns = np.array([_column(names, attribute) for attribute in attributes])
    has = np.stack([_has_attribute(values[:, column]) for column in columns], axis=1)
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
            movements.append(moved / np.maximum(np.linalg.norm(vectors, axis=1), SMALLEST_LENGTH))
        before = vectors
        has_settled = len(movements) >= 3 and np.max(movements[-3:]) < tolerance
        if has_settled and sums.counts.min() >= FEWEST_EXAMPLES:
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
    """The feature vector of one `attribute`; the other arguments are those of `feature_vectors`."""
    return feature_vectors(model, examples, names, [attribute], *how, **options)[attribute]


def binary(examples, names) -> list[str]:
    """The names of the attributes that are 0 or 1, had and lacked by FEWEST_EXAMPLES or more.

    Raises UserError if there is none.
    """
    values = _values(examples)
    has = (values == 1).sum(axis=0)
    is_binary = np.all((values == 0) | (values == 1), axis=0)
    is_enough = (has >= FEWEST_EXAMPLES) & (len(values) - has >= FEWEST_EXAMPLES)
    found = [name for name, fits in zip(names, is_binary & is_enough) if fits]
    if not found:
        raise UserError(
            f"no attribute is 0 or 1, had and lacked by {FEWEST_EXAMPLES} examples: name one of "
            f"{', '.join(names)}"
        )
    return found


def _values(examples) -> np.ndarray:
    """The attributes of a split, [n, k]. Raises UserError if it has none."""
    if examples.attributes is None:
        raise UserError("the examples have no attributes: use faces, celeba:DIR or attributes.csv")
    return examples.own_attributes


def _column(names, attribute: str) -> int:
    if attribute not in names:
        raise unknown("attribute", attribute, names)
    return list(names).index(attribute)


def _has_attribute(values) -> np.ndarray:
    """True where the values [n] of an attribute mean that an example has it: bool [n]."""
    if np.all((values == 0) | (values == 1)):
        return values == 1
    below_largest = values[values < values.max()].max(initial=values.min())
    return values > min(np.median(values), below_largest)


def _design(values, columns, has) -> np.ndarray:
    """The attributes [n, k], with `has` in `columns`, minus their means and scaled to a range of 1.

    Because of the means, attributes that always sum to 1, such as colours of hair, do not compete
    with the constant of a regression. Because of the range, no attribute is lost beside one of
    large numbers.
    """
    design = values.astype(np.float64)
    design[:, columns] = has
    ranges = np.ptp(design, axis=0)
    return (design - design.mean(axis=0)) / np.where(ranges > 0, ranges, 1)


def pair_difference(model, name: str, without, with_) -> FeatureVector:
    """The feature vector from one pair of images [height, width, channels].

    It is the code of the image with the attribute minus that of the image without.
    """
    codes = np.asarray(model.encode(np.stack([without, with_]).astype(np.float32)))
    return FeatureVector(name, codes[1] - codes[0], "pair", (1, 1))


def _check_counts(attribute: str, has):
    for count, what in ((has.sum(), "have"), ((~has).sum(), "lack")):
        if count < FEWEST_EXAMPLES:
            raise UserError(
                f"attribute {attribute!r}: {count} of {len(has):,} examples {what} it, at least "
                f"{FEWEST_EXAMPLES} are needed"
            )


def save(vectors: list[FeatureVector], path):
    """Write feature vectors to a JSON file, without their `movement`."""
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
    """The feature vectors in a file that `save` wrote, by name.

    Raises UserError if the file cannot be read, is no such file, or has vectors of another size
    than `latent_dim`.
    """
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
