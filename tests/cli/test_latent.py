"""The commands morph, traverse and feature."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from PIL import Image

from tests.commands import refused, status
from tests.exports import PRETRAINED, divergence, trained_on_photos
from tests.folders import listing
from tests.pictures import frames_of
from vae_keras import figures, load_exported
from vae_keras.config.train_config import TrainConfig
from vae_keras.export.places import TRAINING
from vae_keras.latent.features import load
from vae_keras.training.stored import open_stored


@pytest.fixture(scope="module")
def conditional():
    return load_exported(PRETRAINED / "mnist_cvae")


@pytest.fixture
def model(tmp_path, photos, monkeypatch):
    return trained_on_photos(tmp_path, photos, monkeypatch)


@pytest.fixture
def drawn(monkeypatch):
    """What the pictures were drawn of: a list of (images, columns) and of rows."""
    seen, grid, rows = [], figures.image_grid, figures.image_rows
    record = {
        "image_grid": lambda images, columns, title: (
            seen.append((images, columns)) or grid(images, columns, title)
        ),
        "image_rows": lambda found, title: seen.append(found) or rows(found, title),
    }
    for name, function in record.items():
        monkeypatch.setattr(figures, name, function)
    return seen


def blended(one, other, steps):
    """The straight way between two codes."""
    return np.stack([one + k / (steps - 1) * (other - one) for k in range(steps)])


def is_picture(path) -> bool:
    with Image.open(path) as image:
        return np.ptp(np.asarray(image.convert("L"))) > 100


# morph


@pytest.mark.parametrize("steps", [2, 6])
def test_a_film_shows_the_way_between_two_images_of_the_model(model, steps):
    options = ("--steps", steps, "--seed", 3, "--output", "way.gif")
    assert status("morph", "model", *options) == 0
    codes = blended(*model.encode(model.generate(2, 3)), steps)
    there = np.rint(model.decode(codes) * 255)
    expected = np.concatenate([there, there[-2:0:-1]])
    np.testing.assert_allclose(frames_of("way.gif")[:, 7::14, 7::14, :1], expected, atol=1)


def test_a_picture_shows_each_way_from_file_to_file_in_a_row(model, three, drawn, capsys):
    files, images = three
    assert status("morph", "model", *files, "--steps", 4) == 0
    assert capsys.readouterr().out == "model_morph.png\n"
    assert is_picture("model_morph.png")
    [(shown, columns)] = drawn
    codes = model.encode(images)
    ways = [blended(codes[0], codes[1], 4), blended(codes[1], codes[2], 4)]
    assert columns == 4
    np.testing.assert_allclose(shown, model.decode(np.concatenate(ways)), atol=0.02)


def test_a_square_lies_between_its_corners(model, three, drawn):
    files, images = three
    assert status("morph", "model", *files, files[0], "--square", "--output", "square.pdf") == 0
    [(shown, columns)] = drawn
    assert columns == 10
    codes = model.encode(images[[0, 1, 2, 0]])
    sides = blended(codes[0], codes[2], 10), blended(codes[1], codes[3], 10)
    rows = [blended(left, right, 10) for left, right in zip(*sides)]
    np.testing.assert_allclose(shown, model.decode(np.concatenate(rows)), atol=0.02)
    assert Path("square.pdf").read_bytes().startswith(b"%PDF")


def test_a_spherical_way_keeps_its_distance_from_the_origin(model, drawn):
    options = ("--method", "spherical", "--steps", 3, "--seed", 5)
    assert status("morph", "model", *options) == 0
    one, other = model.encode(model.generate(2, 5))
    lengths = np.linalg.norm(one), np.linalg.norm(other)
    middle = one / lengths[0] + other / lengths[1]
    middle *= np.mean(lengths) / np.linalg.norm(middle)
    [(shown, _)] = drawn
    np.testing.assert_allclose(shown[1], model.decode(middle[None])[0], atol=1e-4)


def test_a_conditional_model_morphs_within_a_class(conditional, drawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert status("morph", conditional.path, "--label", 3, "--steps", 3, "--seed", 2) == 0
    [(shown, _)] = drawn
    codes = conditional.encode(conditional.generate(2, 2, 3), 3)
    np.testing.assert_allclose(shown, conditional.decode(blended(*codes, 3), 3), atol=1e-5)
    assert is_picture("mnist_cvae_morph.png")


def test_colours_and_any_shape_are_morphed(colour, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 90), "red").save("red.jpg")
    Image.new("RGBA", (9, 6), "blue").save("blue.webp")
    assert status("morph", colour.path, "red.jpg", "blue.webp", "--output", "way.gif") == 0
    with Image.open("way.gif") as image:
        assert image.size == (171, 114)
        times = [image.seek(k) or image.info["duration"] for k in range(image.n_frames)]
    assert sum(times) == 18 * 90  # frames that are the same to the last bit are one


# traverse


def test_a_row_for_each_dimension_the_most_used_first(model, drawn, capsys):
    assert status("traverse", "model", "--steps", 5, "--seed", 1) == 0
    assert capsys.readouterr().out == "model_traversal.png\n"
    assert is_picture("model_traversal.png")
    [rows] = drawn
    use = divergence(model, model.generate(512, 1))
    order = np.argsort(-use)
    assert list(rows) == [f"z{k + 1}: {use[k]:.3g} nats" for k in order]
    values = scipy.stats.norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9])
    for k, row in zip(order, rows.values()):
        codes = values[:, None] * np.eye(2)[k]
        np.testing.assert_allclose(row, model.decode(codes), atol=1e-5)


def test_a_traversal_can_begin_at_an_image(model, three, drawn):
    [file, *_], images = three
    options = ("--image", file, "--dimensions", 1, "--steps", 2, "--output", "one.svg")
    assert status("traverse", "model", *options) == 0
    [rows] = drawn
    [(name, row)] = rows.items()
    k = int(name[1]) - 1
    codes = np.repeat(model.encode(images[:1]), 2, axis=0)
    codes[:, k] = scipy.stats.norm.ppf([0.25, 0.75])
    np.testing.assert_allclose(row, model.decode(codes), atol=0.02)


def test_without_a_prior_the_codes_themselves_are_traversed(colour, drawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert status("traverse", colour.path, "--steps", 3) == 0
    [rows] = drawn
    codes = colour.encode(colour.generate(512, 0))
    assert [name.split(":")[0] for name in rows] == [
        f"z{k + 1}" for k in np.argsort(-codes.var(axis=0))
    ]
    assert all(name.endswith(" variance") for name in rows)
    middle = colour.decode(codes.mean(axis=0)[None])[0]
    for row in rows.values():
        np.testing.assert_allclose(row[1], middle, atol=1e-4)


def test_a_conditional_model_is_traversed_within_a_class(conditional, drawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ("--label", 7, "--steps", 3, "--dimensions", 2)
    assert status("traverse", conditional.path, *options) == 0
    [rows] = drawn
    middle = conditional.decode(np.zeros((1, conditional.latent_dim)), 7)[0]
    assert len(rows) == 2
    for row in rows.values():
        np.testing.assert_allclose(row[1], middle, atol=1e-5)


# feature


def vectors_of(model):
    return load(model.path / "features.json", model.latent_dim)


def test_vectors_are_added_to_those_in_the_folder_of_the_model(model, photos, drawn, capsys):
    options = ("--method", "means", "--tolerance", 0)
    assert status("feature", "model", "large", *options) == 0
    output = capsys.readouterr().out
    dataset = open_stored("model").dataset()
    images, has = dataset.train.arrays()[0], dataset.train.own_attributes[:, 0] == 1
    codes = model.encode(images)
    large = vectors_of(model)["large"]
    expected = codes[has].mean(axis=0) - codes[~has].mean(axis=0)
    np.testing.assert_allclose(large.vector, expected, atol=1e-5)
    assert large.counts == ((~has).sum(), has.sum())
    assert large.story() in output and output.endswith("features.json\n")

    assert status("feature", "model", "even", "ink", *options) == 0
    found = vectors_of(model)
    assert list(found) == ["large", "even", "ink"]
    np.testing.assert_array_equal(found["large"].vector, large.vector)
    assert is_picture(model.path / "features.png")
    start = model.encode(dataset.test.take(slice(1)).arrays()[0])
    for name, row in drawn[-1].items():
        alphas = np.linspace(-2, 2, 9)[:, None]
        moved = model.decode(start + alphas * found[name].vector)
        np.testing.assert_allclose(row, moved, atol=1e-5)


@pytest.mark.slow
def test_all_attributes_of_yes_and_no_are_taken_unless_some_are_named(model, capsys):
    assert status("feature", "model") == 0
    assert list(vectors_of(model)) == ["large", "even"]  # the others are rare, constant, a measure
    before = (model.path / "features.json").read_bytes()
    for again in ((), ("even",)):
        capsys.readouterr()
        assert status("feature", "model", *again) == 2
        assert "already: give --overwrite" in capsys.readouterr().err
        assert (model.path / "features.json").read_bytes() == before
    assert status("feature", "model", "large", "--method", "means", "--overwrite") == 0
    found = vectors_of(model)
    assert (found["large"].method, found["even"].method) == ("means", "regression")


def test_a_vector_of_a_pair_leads_from_one_image_to_the_other(model, three, drawn):
    files, images = three
    assert status("feature", "model", "mine", "--pair", *files[:2]) == 0
    codes = model.encode(images[:2])
    mine = vectors_of(model)["mine"]
    np.testing.assert_allclose(mine.vector, codes[1] - codes[0], atol=0.05)
    [rows] = drawn
    np.testing.assert_allclose(rows["mine"][[4, 6]], model.decode(codes), atol=0.02)  # α = 0, 1


# Bad input


@pytest.fixture
def place(model, three, photos):
    """The working folder: pictures that are there, files that are no images, poor models."""
    Path("here.png").write_text("here first")
    Path("folder.png").mkdir()
    Path("corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    shutil.copytree(PRETRAINED / "mnist_cvae", "conditional")
    shutil.copytree("model", "plain")
    Path("plain", TRAINING).write_text(TrainConfig(dataset="digits").to_json())
    shutil.copytree("model", "bare")
    Path("bare", TRAINING).unlink()
    shutil.copytree("model", "foreign")
    wrong = {"wide": {"method": "pair", "counts": [1, 1], "vector": [1, 2, 3]}}
    Path("foreign", "features.json").write_text(json.dumps(wrong))
    whole = tf.saved_model.load("model")
    for missing in ("decode", "encode", "generate"):
        kept = {name: one for name, one in whole.signatures.items() if name != missing}
        tf.saved_model.save(whole, f"without_{missing}", signatures=kept)
    return Path.cwd()


MISTAKES = {
    "morph nothing": "no exported model 'nothing'",
    "morph without_decode": "no endpoint or input 'decode'",
    "morph without_encode": "no endpoint 'encode'",
    "morph without_generate": "no endpoint 'generate'",
    "morph model 0.png": "1 to morph: give two or more, or none",
    "morph model 0.png 1.png 2.png --square": "3 to morph: give four, or none",
    "morph model 0.png missing.png": "'missing.png' cannot be read",
    "morph model 0.png corrupt.png": "'corrupt.png' cannot be read",
    "morph model 0.png folder.png": "'folder.png' cannot be read",
    "morph model --output way.bmp": "'way.bmp' must end in one of .png, .jpg, .pdf, .svg, .gif",
    "morph model --output way": "'way' must end in",
    "morph model --square --output way.gif": "'way.gif' must end in one of .png",
    "morph model --output no/way.png": "folder 'no' does not exist",
    "morph model --output here.png": "'here.png' exists: choose another --output or give",
    "morph model --output folder.png --overwrite": "'folder.png' is a folder",
    "morph model --steps 1": "'--steps'",
    "morph model --method straight": "'--method'",
    "morph model --seed -1": "'--seed'",
    "morph model --label 3": "'model' takes no label",
    "morph conditional": "'conditional' is a conditional model: give a label",
    "morph conditional 0.png 1.png": "'conditional' is a conditional model: give a label",
    "morph conditional --label 10": "unknown label '10': did you mean '1'?",
    "morph conditional --label -1": "unknown label '-1'",
    "traverse nothing": "no exported model 'nothing'",
    "traverse without_decode": "no endpoint or input 'decode'",
    "traverse model --image missing.png": "'missing.png' cannot be read",
    "traverse model --image corrupt.png": "'corrupt.png' cannot be read",
    "traverse model --output here.png": "'here.png' exists",
    "traverse model --output way.gif": "'way.gif' must end in one of .png, .jpg, .pdf, .svg",
    "traverse model --output no/way.png": "folder 'no' does not exist",
    "traverse model --dimensions 0": "'--dimensions'",
    "traverse model --label 3": "'model' takes no label",
    "traverse conditional": "'conditional' is a conditional model: give a label",
    "feature nothing": "no exported model 'nothing'",
    "feature without_decode large": "no endpoint or input 'decode'",
    "feature conditional": "'conditional' is conditional",
    "feature plain": "no attributes: use faces",
    "feature plain large": "no attributes: use faces",
    "feature bare large": "'bare' has no training.json",
    "feature foreign large": "'wide' is of 3 dimensions, but the model has 2",
    "feature model lagre": "unknown attribute 'lagre': did you mean 'large'",
    "feature model large constant": "'constant': 0 of 98 examples lack it, at least 10",
    "feature model rare": "'rare': 4 of 98 examples have it, at least 10",
    "feature model large --method mean": "'--method'",
    "feature model large --tolerance -1": "'--tolerance'",
    "feature model --pair 0.png 1.png": "--pair is of one attribute, not 0",
    "feature model a b --pair 0.png 1.png": "--pair is of one attribute, not 2",
    "feature model a --pair 0.png missing.png": "'missing.png' cannot be read",
    "feature model a --pair 0.png": "'--pair'",
}


@pytest.mark.slow
def test_bad_input_ends_with_one_line_and_writes_nothing(place, capsys):
    before = listing(place)
    for line, reason in MISTAKES.items():
        assert reason in refused(capsys, *line.split()), line
        assert listing(place) == before, line


def test_a_picture_is_replaced_only_by_wish(model):
    Path("here.png").write_text("here first")
    assert status("morph", "model", "--output", "here.png", "--overwrite") == 0
    assert is_picture("here.png")
