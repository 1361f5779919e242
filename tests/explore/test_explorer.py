"""The model as the page uses it."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.explore.samples import DIGITS, ROOT, with_features
from vae_keras import UserError, load_exported
from vae_keras.explore.explorer import Explorer, read_code, written_code
from vae_keras.export.exported_model import ExportedModel
from vae_keras.export.places import PRETRAINED


def test_a_code_is_decoded_to_the_pixels_of_the_model(digits):
    z = np.float32([0.5, -1])
    expected = load_exported(DIGITS).decode(z[None])[0] * 255
    assert digits.decode(z).dtype == np.uint8
    np.testing.assert_allclose(digits.decode(z), expected, atol=0.51)


def test_the_plane_shows_every_code_at_its_place(digits):
    height, width, _ = digits.example_shape
    plane = digits.plane()
    rows, columns = plane.shape[0] // height, plane.shape[1] // width
    for row, column in ((0, 0), (3, columns - 1), (rows - 1, 5)):
        x, y = (column + 0.5) / columns, (row + 0.5) / rows
        tile = plane[row * height :, column * width :][:height, :width]
        np.testing.assert_allclose(tile, digits.decode(digits.code_at(x, y)), atol=1)


def test_places_and_codes_are_each_other_s_reverse(digits):
    np.testing.assert_allclose(digits.code_at(0.5, 0.5), [0, 0], atol=1e-6)
    np.testing.assert_allclose(digits.code_at(1, 0), [3, 3])  # the second dimension rises
    assert digits.place_of(digits.code_at(0.2, 0.7)) == pytest.approx((0.2, 0.7), abs=1e-6)
    np.testing.assert_allclose(digits.code_at(-5, 0.5), digits.code_at(0, 0.5))
    assert digits.place_of(np.float32([0, 99])) == (0.5, 0)


def test_the_dimensions_that_matter_come_first():
    explorer = Explorer(ROOT / PRETRAINED / "mnist_vae_20d")
    shown, hidden = explorer.shown_dimensions()
    assert sorted(shown + hidden) == list(range(20))
    moved = 2 * np.eye(20, dtype=np.float32)
    start = explorer.model.decode(np.zeros((1, 20), np.float32))
    effect = np.abs(explorer.model.decode(moved) - start).sum(axis=(1, 2, 3))
    assert effect[hidden].max() < 0.1 * effect[shown].min()


def test_many_dimensions_are_shown_twenty_at_once(digits, monkeypatch):
    monkeypatch.setattr(digits, "dimensions", list(range(50)))
    monkeypatch.setattr(digits, "used", 30)
    assert digits.shown_dimensions() == (list(range(20)), list(range(20, 50)))


def test_sliders_reach_as_far_as_codes_that_nothing_holds_at_zero(monkeypatch):
    monkeypatch.setattr(ExportedModel, "is_variational", False)
    explorer = Explorer(DIGITS)
    codes = explorer.model.encode(explorer.model.generate(5_000, 9))
    mean, deviation = codes.mean(axis=0), codes.std(axis=0)
    np.testing.assert_allclose(explorer.low, mean - 3 * deviation, atol=0.3)
    np.testing.assert_allclose(explorer.high, mean + 3 * deviation, atol=0.3)
    rng = np.random.default_rng(0)
    drawn = np.array([explorer.random_code(rng) for _ in range(200)])
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.3)
    np.testing.assert_allclose(drawn.std(axis=0), deviation, atol=0.2)


def test_the_class_decides_what_a_conditional_model_draws(conditional):
    z = conditional.random_code(np.random.default_rng(0))
    images = [conditional.decode(z, label) for label in range(len(conditional.class_names))]
    for one, other in itertools.combinations(images, 2):
        assert np.abs(one.astype(int) - other).mean() > 3
    image = images[3] / np.float32(255)
    again = conditional.decode(conditional.encode(image, 3), 3)
    assert np.abs(again - images[3].astype(int)).mean() < 15


def test_features_are_those_in_the_folder_of_the_model(digits, tmp_path):
    explorer = Explorer(with_features(tmp_path, ("wide", [1, 0]), ("bold", [0, 2])))
    moved = explorer.with_features(np.float32([0.5, 0.5]), {"wide": -1.0, "bold": 0.5})
    np.testing.assert_allclose(moved, [-0.5, 1.5])
    assert digits.features == {}


def test_features_of_another_model_are_refused(tmp_path):
    with pytest.raises(UserError, match="3 dimensions"):
        Explorer(with_features(tmp_path, ("wide", [1, 0, 0])))


@pytest.mark.parametrize("method", ["linear", "spherical"])
def test_a_morph_begins_and_ends_with_its_images(digits, method):
    ends = np.float32([1, -1]), np.float32([-0.5, 2])
    frames = digits.morph(ends, 7, method)
    assert frames.shape == (7, *digits.example_shape)
    for frame, end in ((frames[0], ends[0]), (frames[-1], ends[1])):
        np.testing.assert_allclose(frame, digits.decode(end), atol=1)


def test_a_model_that_does_not_exist_is_named():
    with pytest.raises(UserError, match="no exported model 'nowhere'"):
        Explorer("nowhere")


@pytest.mark.parametrize("missing", ["decode", "encode", "generate"])
def test_a_model_without_an_endpoint_is_refused(tmp_path, missing):
    model = tf.saved_model.load(str(DIGITS))
    kept = {name: one for name, one in model.signatures.items() if name != missing}
    tf.saved_model.save(model, str(tmp_path / "poor"), signatures=kept)
    with pytest.raises(UserError, match=f"poor.*no endpoint.*{missing}") as error:
        Explorer(tmp_path / "poor")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["0.5, -1, 2e0", " [0.5 -1 2]\n", "0.5,-1,2"])
def test_a_code_is_read_as_it_is_written(text):
    assert read_code(text, 3).tolist() == [0.5, -1, 2]
    assert written_code([0.5, -1, -0.0001]) == "0.500, -1.000, 0.000"


@pytest.mark.parametrize("text", ["", "1, 2", "1, 2, 3, 4", "1, 2, x", "1, 2, nan", "1, 2, 1e99"])
def test_what_is_no_code_of_this_size_is_refused(text):
    with pytest.raises(UserError, match="code"):
        read_code(text, 3)
