"""A study: what feature vectors do to drawn faces, of which the truth is known.

The feature vector of an attribute is added to the codes of test faces that lack it, and subtracted
from those of faces that have it. A classifier, trained on real faces and independent of the model,
says what it sees in the decoded faces. And the very face that should come out can be drawn.
"""

import json
from dataclasses import dataclass

import numpy as np

from vae_keras import figures
from vae_keras.data import Dataset
from vae_keras.data.dataset import Examples
from vae_keras.data.drawn.face_factors import BINARY, DETAILS_OF, flipped, other_details, sample
from vae_keras.data.drawn.faces import SEED, draw
from vae_keras.errors import UserError, unknown
from vae_keras.evaluation.classifier import trained_classifier
from vae_keras.files import free_outputs, write_text
from vae_keras.latent import morphing
from vae_keras.latent.codes import decode, encode
from vae_keras.latent.features import feature_vectors
from vae_keras.training.stored import open_stored

NAMES = tuple(BINARY)
DETAIL_DRAWS = 24  # draws of the details that are seen only with an attribute
PAIRS = 300  # pairs of faces to morph between
STEPS = 11  # images on the way from one face to the other
SHOWN_FACES = 10  # faces in a picture
SMALLEST_STEP = 1e-12  # bounds a mean step in a denominator


@dataclass(frozen=True)
class Edited:
    """The test faces that lack an attribute, and what a model makes of them.

    All are images [n, *example_shape]: the `face`, its `reconstruction`, the `edit` with the
    attribute added to the code, and the `truth`, the face drawn with the attribute.
    """

    face: np.ndarray
    reconstruction: np.ndarray
    edit: np.ndarray
    truth: np.ndarray


def edited(model, dataset: Dataset, vector, attribute: str) -> Edited:
    """Add `attribute` to the codes of all test faces that lack it, with the feature `vector`."""
    lacking = dataset.test.take(
        dataset.attributes_of(dataset.test, NAMES)[:, NAMES.index(attribute)] == 0
    )
    codes = encode(model, lacking)
    return Edited(
        lacking.arrays()[0],
        decode(model, codes),
        decode(model, vector.add(codes)),
        _drawn(flipped(factors_of(lacking), attribute), dataset),
    )


def edit_figures(model, dataset: Dataset, attribute: str, found: Edited, classifier) -> dict:
    """Figures of how near the edited faces come to the truth.

    `turned` is the share of faces in which the classifier now sees the attribute. The figures of
    `distances` are from the truth. A face without the attribute does not tell its kind, such as the
    kind of glasses: `nearest_kind` has the distances from the kind that is nearest to the edit, and
    `blind` is the distance of the mean over all kinds, which an edit that does not know the kind
    can hardly beat.
    """
    factors = flipped(factors_of(dataset.test), attribute)
    factors = factors[factors[attribute]]
    mean, nearest, least = 0.0, found.truth, errors(found.edit, found.truth)
    draws = DETAIL_DRAWS if attribute in DETAILS_OF else 1  # other attributes have one kind
    for seed in range(draws):
        kind = _drawn(other_details(factors, attribute, seed), dataset)
        mean = mean + kind / draws
        far = errors(found.edit, kind)
        nearest = np.where((far < least)[:, None, None, None], kind, nearest)
        least = np.minimum(far, least)
    return {
        "faces": len(found.face),
        "turned": float(classifier.sees(found.edit)[:, NAMES.index(attribute)].mean()),
        **distances(model, found, found.truth),
        "blind": float(errors(mean, found.truth).mean()),
        "nearest_kind": distances(model, found, nearest),
    }


def distances(model, found: Edited, truth) -> dict:
    """Mean distances from `truth`, as root mean squared errors of values in [0, 1].

    `edit` is the distance of the edit, `nothing` that of the reconstruction without an edit, and
    `floor` that of the model's reconstruction of the truth itself. `excess_left` is (edit − floor)
    / (nothing − floor), or None if `floor` is not below `nothing`.
    """
    images = {
        "edit": found.edit,
        "nothing": found.reconstruction,
        "floor": decode(model, encode(model, Examples(truth))),
    }
    means = {name: float(errors(image, truth).mean()) for name, image in images.items()}
    left, whole = (means[name] - means["floor"] for name in ("edit", "nothing"))
    return {**means, "excess_left": left / whole if whole > 0 else None}


def errors(images, truth) -> np.ndarray:
    """The root mean squared error of each image [n, height, width, channels]: [n]."""
    return np.sqrt(np.mean((images - truth) ** 2, axis=(1, 2, 3)))


def leakage(model, dataset: Dataset, vectors: dict, classifier) -> np.ndarray:
    """The share of test faces in which the classifier sees an attribute change after an edit.

    It is [attributes, attributes]: a row is the attribute that is added or taken away, a column the
    one that is seen to change. Edits are compared with reconstructions, so that what the model
    cannot rebuild does not count.
    """
    codes, has = encode(model, dataset.test), dataset.attributes_of(dataset.test, NAMES)
    before = classifier.sees(decode(model, codes))
    shares = []
    for name, own in zip(NAMES, has.T, strict=True):
        after = classifier.sees(decode(model, vectors[name].add(codes, 1 - 2 * own[:, None])))
        shares.append(np.mean(after != before, axis=0))
    return np.array(shares)


def factors_of(faces: Examples) -> np.ndarray:
    """The factors [n] from which the faces of a split were drawn."""
    return sample(len(faces.values), SEED)[faces.rows]


def _drawn(factors, dataset) -> np.ndarray:
    return draw(factors, dataset.example_shape[0]) / np.float32(255)


def morph_figures(frames, classifier) -> dict:
    """Figures of the images on paths between faces, `frames` [pairs, steps, *example_shape].

    `confidence` [steps] is the mean of |2p − 1| over attributes and pairs: 1 if the classifier is
    sure of everything. `roughness` is the largest step of a path over its mean step, in the
    classifier's logits: 1 is perfectly even, and 0 means that nothing changes.
    """
    pairs, steps = frames.shape[:2]
    p = classifier.probabilities(frames.reshape(-1, *frames.shape[2:])).reshape(pairs, steps, -1)
    logits = np.log(np.clip(p, 1e-6, 1)) - np.log(np.clip(1 - p, 1e-6, 1))
    moved = np.linalg.norm(np.diff(logits, axis=1), axis=-1)
    return {
        "confidence": np.abs(2 * p - 1).mean(axis=(0, 2)).tolist(),
        "roughness": float(
            (moved.max(axis=1) / np.maximum(moved.mean(axis=1), SMALLEST_STEP)).mean()
        ),
    }


def morphs(model, faces: Examples) -> np.ndarray:
    """Morph between the first and the second half of faces: [pairs, STEPS, *example_shape]."""
    starts, ends = np.split(encode(model, faces), 2)
    codes = np.concatenate([morphing.linear(*ends_, STEPS) for ends_ in zip(starts, ends)])
    return decode(model, codes).reshape(len(starts), STEPS, *faces.example_shape)


def blends(faces: Examples) -> np.ndarray:
    """Blend the pixels of the pairs that `morphs` joins by codes, in the same shape."""
    starts, ends = np.split(faces.arrays()[0], 2)
    alpha = np.linspace(0, 1, STEPS, dtype=np.float32)[:, None, None, None]
    return np.stack([(1 - alpha) * start + alpha * end for start, end in zip(starts, ends)])


OUTPUTS = ("edits.json", "edits.png", "leakage.png", "morphing.png")


def study_edits(
    names, attribute="glasses", method="regression", output="studies", overwrite=False
) -> dict:
    """Compare models of `faces` by what their feature vectors do to test faces.

    `names` are runs or exports. It writes `output`/edits.json and three pictures, and returns what
    the JSON file holds: the accuracy of the classifier, and the figures of each model. Raises
    UserError if the attribute is unknown, files exist and `overwrite` is False, or the models
    cannot be opened, are conditional, or were not trained on the same faces.
    """
    if attribute not in NAMES:
        raise unknown("attribute", attribute, NAMES)
    numbers, *files = free_outputs(output, OUTPUTS, overwrite)
    models = {name: open_stored(name) for name in names}
    dataset = _common_dataset(models)
    print("training the classifier, less than a minute …", flush=True)
    classifier = trained_classifier(dataset, NAMES)
    found = {
        "attribute": attribute,
        "method": method,
        "test_faces": len(dataset.test),
        "attributes": list(NAMES),
        "classifier_accuracy": classifier.accuracy.tolist(),
        "models": {},
    }
    pairs = dataset.test.take(slice(2 * min(PAIRS, len(dataset.test) // 2)))
    ways = {"pixels": blends(pairs)}
    rows = {}
    for name, trained in models.items():
        print(f"editing with {name} …", flush=True)
        model = trained.model
        vectors = feature_vectors(
            model, dataset.train, dataset.attribute_names, NAMES, method, tolerance=0
        )
        edits = edited(model, dataset, vectors[attribute], attribute)
        ways[name] = morphs(model, pairs)
        found["models"][name] = {
            **edit_figures(model, dataset, attribute, edits, classifier),
            "leakage": leakage(model, dataset, vectors, classifier).tolist(),
            "rebuilt": _rebuilt(model, dataset, classifier),
        }
        rows |= {"face": edits.face, f"{name}: rebuilt": edits.reconstruction}
        rows |= {f"{name}: + {attribute}": edits.edit, "truth": edits.truth}
    found["morphing"] = {name: morph_figures(way, classifier) for name, way in ways.items()}
    rows["truth"] = rows.pop("truth")  # at the end
    drawn = (
        figures.image_rows({name: images[:SHOWN_FACES] for name, images in rows.items()}),
        figures.leakage({n: f["leakage"] for n, f in found["models"].items()}, NAMES),
        figures.morphing(
            {name: f["confidence"] for name, f in found["morphing"].items()},
            {name: way[0] for name, way in ways.items()},
        ),
    )
    numbers.parent.mkdir(parents=True, exist_ok=True)
    for file, figure in zip(files, drawn, strict=True):
        figures.save(figure, file)
    write_text(numbers, json.dumps(found, indent=2) + "\n")
    return found


def _rebuilt(model, dataset, classifier) -> list[float]:
    """The share of faces whose reconstruction shows each attribute as the face does."""
    seen = classifier.sees(decode(model, encode(model, dataset.test)))
    return (seen == dataset.attributes_of(dataset.test, NAMES)).mean(axis=0).tolist()


def _common_dataset(models: dict) -> Dataset:
    """The faces that all models were trained on. Raises UserError if these differ."""
    for name, trained in models.items():
        if trained.config.dataset.partition(":")[0] != "faces":
            raise UserError(f"{name} was trained on {trained.config.dataset!r}, not on faces")
        if trained.model.takes_labels:
            raise UserError(f"{name} is conditional: its codes leave out what it is told")
    kinds = {(trained.config.dataset, trained.model.example_shape) for trained in models.values()}
    if len(kinds) > 1:
        raise UserError(f"{', '.join(models)} were trained on faces of different number or size")
    return next(iter(models.values())).dataset()


def edits_table(found: dict) -> str:
    """The figures that `study_edits` returns, as lines of text."""
    accuracy = min(found["classifier_accuracy"])
    lines = [
        f"{found['attribute']} added to test faces without; the classifier is right in at least "
        f"{accuracy:.1%} of real faces, whatever the attribute"
    ]
    heads = (*"turned leaked nothing edit floor blind".split(), "excess left", "nearest kind")
    lines.append(f"{'':<24}" + "".join(f"{head:>13}" for head in heads))
    for name, measured in found["models"].items():
        row = found["attributes"].index(found["attribute"])
        leaks = np.delete(np.array(measured["leakage"])[row], row)
        shares = (measured["turned"], leaks.max())
        lengths = [measured[head] for head in ("nothing", "edit", "floor", "blind")]
        cells = [f"{share:>13.1%}" for share in shares] + [f"{one:>13.4f}" for one in lengths]
        for excess in (measured["excess_left"], measured["nearest_kind"]["excess_left"]):
            cells.append(f"{'–' if excess is None else format(excess, '.1%'):>13}")
        lines.append(f"{name:<24}" + "".join(cells))
    for name, measured in found["morphing"].items():
        confidence = measured["confidence"]
        lines.append(
            f"morphing, {name}: confidence {confidence[0]:.3f} at the ends, {min(confidence):.3f} "
            f"at the least; largest step {measured['roughness']:.2f} times the mean one"
        )
    return "\n".join(lines)
