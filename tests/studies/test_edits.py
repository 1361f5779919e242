"""The study of edits, by models of which it is known what they do to drawn faces."""

import itertools
import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from tests.commands import printed, refused
from tests.exports import PRETRAINED
from tests.folders import listing
from vae_keras import TrainConfig
from vae_keras.data.drawn.face_factors import (
    BINARY,
    CATEGORICAL,
    DETAILS_OF,
    FACTORS,
    flipped,
    other_details,
)
from vae_keras.data.drawn.faces import draw, faces_dataset
from vae_keras.evaluation import classifier
from vae_keras.export.places import TRAINING
from vae_keras.export.saved_model import export
from vae_keras.latent.features import FeatureVector
from vae_keras.models import MODELS
from vae_keras.studies import edits
from vae_keras.training.run_folder import RunFolder

NAMES = edits.NAMES
SIZE = 32  # pixels: every factor is seen


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def dataset():
    return faces_dataset(300, (SIZE, SIZE))


class Drawing:
    """A model whose code is the factors of a face and whose decoder draws them: all goes well.

    It knows the test faces and what comes of them when one attribute is flipped, of every kind.
    """

    def __init__(self, dataset):
        factors = edits.factors_of(dataset.test)
        others = {name: flipped(factors, name) for name in NAMES}
        kinds = [
            other_details(others[name][others[name][name]], name, seed)
            for name in DETAILS_OF
            for seed in range(edits.DETAIL_DRAWS)
        ]
        self.factors = np.concatenate([factors, *others.values(), *kinds])
        self.rows = {image.tobytes(): k for k, image in enumerate(draw(self.factors, SIZE))}

    def known(self, images) -> np.ndarray:
        """The factors of images in [0, 1]."""
        pixels = np.rint(np.asarray(images) * 255).astype(np.uint8)
        return self.factors[[self.rows[image.tobytes()] for image in pixels]]

    def prepare(self, batch):
        return batch

    def code(self, batch):
        factors = self.known(batch["x"])
        return np.stack([factors[name].astype(float) for name in FACTORS.names], axis=1)

    def decode(self, z):
        factors = np.empty(len(z), FACTORS)
        for name, values in zip(FACTORS.names, z.T):
            factors[name] = values > 0.5 if name in BINARY else values
        return self.drawn(factors)

    def drawn(self, factors):
        return draw(factors, SIZE) / np.float32(255)


class Forgetful(Drawing):
    """Draws the mean of all glasses, as it does not know which ones: the best that it can do."""

    def drawn(self, factors):
        kinds = []
        for lens, frame in itertools.product(*map(len_range, ("lens", "frame"))):
            kind = factors.copy()
            kind["lens"], kind["frame"] = lens, frame
            kinds.append(super().drawn(kind))
        return np.mean(kinds, axis=0)


def len_range(name):
    return range(len(CATEGORICAL[name]))


class Guessing(Drawing):
    """Draws other glasses than those that it was told of."""

    def drawn(self, factors):
        return super().drawn(other_details(factors, "glasses", seed=3))


class Seeing:
    """A classifier that makes no mistake."""

    def __init__(self, model):
        self.known = model.known

    def sees(self, images):
        factors = self.known(images)
        return np.stack([factors[name] for name in NAMES], axis=1)


class Agreeing:
    """A classifier that sees everything everywhere."""

    def sees(self, images):
        return np.ones((len(images), len(NAMES)), bool)


def direction(**effects) -> FeatureVector:
    """The vector that adds so much to factors."""
    return FeatureVector("made up", np.array([effects.get(name, 0.0) for name in FACTORS.names]))


@pytest.fixture(scope="module")
def model(dataset):
    return Drawing(dataset)


@pytest.fixture(scope="module")
def test_factors(dataset):
    return edits.factors_of(dataset.test)


def far(images, others):
    """The mean over images of the root mean squared error."""
    errors = [np.linalg.norm(one - other) for one, other in zip(images, others)]
    return np.mean(errors) / np.sqrt(images[0].size)


# Edits


def test_factors_are_those_that_the_faces_were_drawn_from(dataset, test_factors):
    np.testing.assert_array_equal(draw(test_factors, SIZE), dataset.test.read(slice(None)))
    some = dataset.train.take(slice(3, 9))
    np.testing.assert_array_equal(draw(edits.factors_of(some), SIZE), some.read(slice(None)))


@pytest.mark.slow
@pytest.mark.parametrize("attribute", NAMES)
def test_a_perfect_edit_turns_all_faces_to_the_truth(model, dataset, test_factors, attribute):
    found = edits.edited(model, dataset, direction(**{attribute: 1}), attribute)
    lacking = test_factors[~test_factors[attribute]]
    truth = model.drawn(flipped(lacking, attribute))
    np.testing.assert_array_equal(found.face, model.drawn(lacking))
    for images in (found.edit, found.truth):
        np.testing.assert_array_equal(images, truth)
    measured = edits.edit_figures(model, dataset, attribute, found, Seeing(model))
    assert measured["faces"] == len(lacking)
    assert (measured["turned"], measured["edit"], measured["floor"]) == (1, 0, 0)
    assert measured["nothing"] == pytest.approx(far(found.face, truth), rel=1e-5)
    assert measured["excess_left"] == 0
    assert measured["nearest_kind"] == {
        name: measured[name] for name in ("edit", "nothing", "floor", "excess_left")
    }
    has_kinds = attribute in ("glasses", "hat")
    assert (measured["blind"] > 0.01) == has_kinds and (measured["blind"] < 1e-6) != has_kinds


def test_an_edit_that_does_nothing_leaves_all(model, dataset):
    found = edits.edited(model, dataset, direction(), "hat")
    measured = edits.edit_figures(model, dataset, "hat", found, Seeing(model))
    assert (measured["turned"], measured["excess_left"]) == (0, 1)
    assert measured["edit"] == measured["nothing"] > 0.05


def test_half_of_an_edit_is_told_in_the_distance(model, dataset, test_factors):
    """Smiles for wide mouths alone: the others stay as they are."""
    lacking = test_factors[~test_factors["smile"]]
    is_wide = lacking["mouth_width"] > 0.6
    found = edits.edited(model, dataset, direction(smile=1), "smile")
    edit = np.where(is_wide[:, None, None, None], found.truth, found.face)
    found = edits.Edited(found.face, found.reconstruction, edit, found.truth)
    measured = edits.edit_figures(model, dataset, "smile", found, Seeing(model))
    assert measured["turned"] == pytest.approx(is_wide.mean())
    missing = far(found.face[~is_wide], found.truth[~is_wide]) * (~is_wide).mean()
    assert measured["edit"] == pytest.approx(missing, rel=1e-5)
    assert measured["excess_left"] == pytest.approx(missing / measured["nothing"], rel=1e-5)


@pytest.mark.slow
def test_who_cannot_know_the_kind_comes_as_near_as_the_blind_bound(dataset):
    model = Forgetful(dataset)
    found = edits.edited(model, dataset, direction(glasses=1), "glasses")
    measured = edits.edit_figures(model, dataset, "glasses", found, Agreeing())
    assert measured["edit"] == measured["floor"]  # no more can be had of this decoder
    assert measured["excess_left"] == 0
    assert measured["edit"] == pytest.approx(measured["blind"], rel=0.1)


@pytest.mark.slow
def test_who_guesses_the_kind_is_far_from_the_truth_and_at_the_nearest_kind(dataset, model):
    guessing = Guessing(dataset)
    found = edits.edited(guessing, dataset, direction(glasses=1), "glasses")
    measured = edits.edit_figures(guessing, dataset, "glasses", found, Seeing(model))
    truth = model.drawn(model.known(found.truth))
    assert measured["edit"] == pytest.approx(far(found.edit, truth), rel=1e-5)
    assert measured["edit"] > measured["blind"]
    assert measured["nearest_kind"]["edit"] == 0
    assert measured["nearest_kind"]["nothing"] == pytest.approx(
        far(found.face, found.edit), rel=0.01
    )


@pytest.mark.slow
def test_a_model_that_draws_one_face_alone_has_no_share_left(dataset):
    class Collapsed(Drawing):
        def decode(self, z):
            return super().decode(np.zeros_like(z))

    found = edits.edited(Collapsed(dataset), dataset, direction(hat=1), "hat")
    measured = edits.edit_figures(Collapsed(dataset), dataset, "hat", found, Agreeing())
    assert measured["excess_left"] is None
    assert measured["nothing"] == measured["floor"] == measured["edit"] > 0.1


# Leakage


def test_perfect_edits_change_what_they_should_alone(model, dataset):
    vectors = {name: direction(**{name: 1}) for name in NAMES}
    found = edits.leakage(model, dataset, vectors, Seeing(model))
    np.testing.assert_array_equal(found, np.eye(len(NAMES)))


@pytest.mark.slow
def test_leakage_is_the_share_of_faces_that_another_attribute_changes_in(
    model, dataset, test_factors
):
    """Who is given a beard may lose the glasses; hats do nothing at all."""
    vectors = {name: direction(**{name: 1}) for name in NAMES}
    vectors["beard"] = direction(beard=1, glasses=-1)
    vectors["hat"] = direction()
    known = Drawing(dataset)
    both = flipped(flipped(test_factors, "beard"), "glasses")
    for factors, image in zip(both, draw(both, SIZE)):
        known.rows[image.tobytes()] = len(known.factors)
        known.factors = np.append(known.factors, factors)
    found = edits.leakage(model, dataset, vectors, Seeing(known))
    expected = np.eye(len(NAMES))
    beard, glasses, hat = (NAMES.index(name) for name in ("beard", "glasses", "hat"))
    expected[beard, glasses] = np.mean(test_factors["beard"] != test_factors["glasses"])
    expected[hat, hat] = 0
    np.testing.assert_allclose(found, expected)
    assert 0.2 < expected[beard, glasses] < 0.8


# Morphing


class Stating:
    """Images [1, 1, attributes] are the probabilities themselves."""

    def probabilities(self, images):
        return images[:, 0, 0]


def sure(logits):
    """Frames [pairs, steps, 1, 1, attributes] of which the classifier says these logits."""
    return 1 / (1 + np.exp(-np.asarray(logits, float)))[:, :, None, None]


def test_an_even_way_has_no_roughness_and_a_jump_has_all():
    even = np.linspace(-3, 3, 5)[:, None] * np.array([1, -2, 0.5])
    assert edits.morph_figures(sure([even, 2 * even]), Stating())["roughness"] == pytest.approx(1)
    jump = np.where(np.arange(5)[:, None] < 2, [1, -1, 0], [-1, 2, 0])
    assert edits.morph_figures(sure([jump]), Stating())["roughness"] == pytest.approx(4)
    both = edits.morph_figures(sure([even, jump]), Stating())
    assert both["roughness"] == pytest.approx(2.5)


def test_a_way_on_which_nothing_changes_is_not_rough():
    still = edits.morph_figures(np.ones((2, 4, 1, 1, 3)), Stating())
    assert still == {"confidence": [1, 1, 1, 1], "roughness": 0}


@given(p=arrays(float, (3, 4, 1, 1, 2), elements=st.floats(0, 1)))
def test_confidence_is_one_for_the_sure_and_zero_for_the_unsure(p):
    found = edits.morph_figures(p, Stating())
    for step, value in enumerate(found["confidence"]):
        nearest = np.minimum(p[:, step], 1 - p[:, step])  # to 0 or 1
        assert value == pytest.approx(1 - 2 * nearest.mean(), abs=1e-9)
    assert 0 <= found["roughness"] <= 3 + 1e-9


def test_ways_of_a_linear_model_are_blends_of_the_pixels(dataset):
    class Linear(Drawing):
        def code(self, batch):
            x = np.asarray(batch["x"])
            return x.reshape(len(x), -1)

        def decode(self, z):
            return z.reshape(-1, SIZE, SIZE, 3)

    some = dataset.test.take(slice(6))
    ways, images = edits.blends(some), some.arrays()[0]
    assert ways.shape == (3, edits.STEPS, SIZE, SIZE, 3)
    for pair, alpha in itertools.product(range(3), (0, 0.3, 1)):
        expected = (1 - alpha) * images[pair] + alpha * images[pair + 3]
        np.testing.assert_allclose(ways[pair, round(alpha * 10)], expected, atol=1e-6)
    np.testing.assert_allclose(edits.morphs(Linear(dataset), some), ways, atol=1e-6)


@given(images=arrays(np.float32, (3, 2, 4, 3), elements=st.floats(0, 1, width=32)))
def test_errors_are_root_mean_squared_errors(images):
    others = np.float32(1) - images[::-1]
    found = edits.errors(images, others)
    for error, image, other in zip(found, images, others, strict=True):
        assert error == pytest.approx(far([image], [other]), abs=1e-5)


# The study


METRICS = {  # what a model card needs
    "examples": dict.fromkeys(("train", "validation", "test"), 0),
    **dict.fromkeys(("data_kind", "command", "unit"), ""),
    "versions": {},
}
CONFIG = TrainConfig(dataset="faces:214", image_size="16", network="dense", name="small")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Untrained models of 214 small faces, a run and exports, and some that do not fit."""
    root = tmp_path_factory.mktemp("place")
    gaussian = dict(latent_dim=3, likelihood="gaussian")
    as_run(root / "run", MODELS["vae"]((16, 16, 3), **gaussian), CONFIG)
    as_run(root / "conditional", MODELS["conditional"]((16, 16, 3), classes=2, **gaussian), CONFIG)
    as_run(root / "large", MODELS["deep"]((17, 17, 3), 2), CONFIG.replace(image_size="17"))
    export(MODELS["deep"]((16, 16, 3), 4), root / "export", CONFIG, METRICS)
    as_trained_on(root / "same", image_size="16x16")
    as_trained_on(root / "more", dataset="faces:213")
    as_trained_on(root / "default", dataset="faces")
    shutil.copytree(PRETRAINED / "digits_vae", root / "digits")
    (root / "taken").mkdir()
    (root / "taken" / "morphing.png").write_text("here first")
    return root


def as_run(path, model, config):
    path.mkdir()
    run = RunFolder(path, exported=None)
    run.config.write_text(config.to_json())
    model.save(run.model)


def as_trained_on(path, **options):
    """The export beside it with another configuration."""
    shutil.copytree(path.parent / "export", path)
    (path / TRAINING).write_text(CONFIG.replace(**options).to_json())


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr(classifier, "STEPS", 20)


@pytest.mark.slow
def test_the_study_compares_runs_and_exports(here, tmp_path, capsys):
    output = tmp_path / "new" / "studies"
    text = printed(capsys, "study", "edits", "run", "same", "--output", output)
    found = json.loads((output / "edits.json").read_text())
    assert {file.name for file in output.iterdir()} == {
        "edits.json", "edits.png", "leakage.png", "morphing.png"
    }  # fmt: skip
    for name in edits.OUTPUTS[1:]:
        assert str(output / name) in text
        with Image.open(output / name) as image:
            assert min(image.size) > 300
    assert found["test_faces"] == 21  # an odd number
    assert list(found["models"]) == ["run", "same"]
    assert list(found["morphing"]) == ["pixels", "run", "same"]
    assert edits.edits_table(found) in text
    for measured in found["models"].values():
        assert np.shape(measured["leakage"]) == (len(NAMES), len(NAMES))
        assert len(measured["rebuilt"]) == len(found["classifier_accuracy"]) == len(NAMES)
    before = {file: file.read_bytes() for file in output.iterdir()}
    assert "exists" in refused(capsys, "study", "edits", "run", "--output", output)
    assert {file: file.read_bytes() for file in output.iterdir()} == before


MISTAKES = {
    "run --attribute glases": "unknown attribute 'glases': did you mean 'glasses'",
    "run --attribute skin_tone": "unknown attribute 'skin_tone'",
    "missing": "no exported model 'missing'",
    "run missing": "no exported model 'missing'",
    "": "'MODELS...'",
    "digits": "digits was trained on 'digits', not on faces",
    "run digits": "digits was trained on 'digits', not on faces",
    "conditional": "conditional is conditional",
    "run large": "run, large were trained on faces of different number or size",
    "run more": "run, more were trained on faces of different number or size",
    "export default": "export, default were trained on faces of different number or size",
    "run --output taken": "'taken/morphing.png' exists",
    "run --output taken/morphing.png": "'taken/morphing.png' is not a folder",
}


@pytest.mark.parametrize("arguments, reason", MISTAKES.items())
def test_bad_input_ends_with_one_line_and_writes_nothing(here, place, capsys, arguments, reason):
    before = listing(place)
    assert reason in refused(capsys, "study", "edits", *arguments.split())
    assert listing(place) == before


def test_the_table_has_a_line_for_each_model_and_each_way():
    measured = {"nothing": 0.2, "edit": 0.1, "floor": 0.05, "blind": 0.06, "turned": 0.875}
    leakage = [[0.9, 0.125, 0.25], [0.5, 0.9, 0.5], [0.75, 0.5, 0.9]]
    common = {**measured, "leakage": leakage}
    found = {
        "attribute": "hat",
        "attributes": ["hat", "beard", "smile"],
        "classifier_accuracy": [0.99, 0.9512, 0.97],
        "models": {
            "good": {**common, "excess_left": 1 / 3, "nearest_kind": {"excess_left": 0.25}},
            "collapsed": {**common, "excess_left": None, "nearest_kind": {"excess_left": None}},
        },
        "morphing": {"pixels": {"confidence": [0.9, 0.4321, 0.8], "roughness": 1.666}},
    }
    first, _, good, collapsed, morphing = edits.edits_table(found).splitlines()
    assert "95.1%" in first
    shares = "87.5% 25.0% 0.2000 0.1000 0.0500 0.0600".split()
    assert good.split() == ["good", *shares, "33.3%", "25.0%"]
    assert collapsed.split() == ["collapsed", *shares, "–", "–"]
    assert "confidence 0.900 at the ends, 0.432 at the least" in morphing
    assert "1.67 times" in morphing
