import importlib

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from vae_keras import TrainConfig, UserError, data
from vae_keras.data.drawn.face_drawing import draw
from vae_keras.data.drawn.face_factors import (
    BINARY,
    CATEGORICAL,
    CONTINUOUS,
    DETAILS,
    FACTORS,
    attributes,
    flipped,
    other_details,
    sample,
)
from vae_keras.data.drawn.faces import faces

MODULE = importlib.import_module("vae_keras.data.drawn.faces")
DRAWING = importlib.import_module("vae_keras.data.drawn.face_drawing")
REGIONS = {  # top, bottom, left, right, as shares of the picture, for heads that are upright
    "glasses": (0.40, 0.68, 0.15, 0.85),  # the eyes and what lies between them and the ears
    "smile": (0.65, 0.85, 0.30, 0.70),  # the mouth
    "hat": (0.00, 0.48, 0.00, 1.00),  # above the eyes
    "beard": (0.50, 0.95, 0.15, 0.85),  # from the ears down
    "moustache": (0.60, 0.80, 0.30, 0.70),  # between nose and mouth
    "long_hair": (0.35, 1.00, 0.05, 0.95),  # from the ears down
    "blush": (0.52, 0.75, 0.15, 0.85),  # the cheeks
}


@pytest.fixture(autouse=True)
def cache(own_cache):
    return own_cache / "faces"


@pytest.fixture(scope="module")
def factors():
    return sample(2_400, seed=7)


@pytest.fixture(scope="module")
def images(factors):
    return draw(factors, 32)


@pytest.fixture
def drawn(monkeypatch):
    """How many faces each call of `draw` draws."""
    counts, original = [], MODULE.draw

    def counting(factors, size):
        counts.append(len(factors))
        return original(factors, size)

    monkeypatch.setattr(MODULE, "draw", counting)
    return counts


def upright(count, seed=0, **values):
    factors = sample(count, seed)
    for name, value in {"tilt": 0, **values}.items():
        factors[name] = value
    return factors


def difference(one, other):
    """The largest difference of a colour, for each pixel of each image."""
    return np.abs(one.astype(int) - other).max(axis=-1)


def centre(weights):
    """The mean column [n] of weights [n, height, width]."""
    columns = np.arange(weights.shape[2])
    return (weights.sum(axis=1) * columns).sum(axis=1) / weights.sum(axis=(1, 2))


# --- Factors ---


def test_a_face_is_a_function_of_seed_and_number_alone():
    many = sample(40, seed=3)
    for number in (0, 1, 17, 39):
        np.testing.assert_array_equal(sample(1, seed=3, start=number), many[number : number + 1])
    np.testing.assert_array_equal(sample(15, seed=3, start=25), many[25:])
    assert not np.any(sample(40, seed=4) == many)


def test_factors_are_spread_over_their_ranges(factors):
    for name, (low, high) in CONTINUOUS.items():
        assert low <= factors[name].min() < factors[name].max() <= high
        inner = np.quantile(factors[name], [0.25, 0.5, 0.75])
        wanted = low + (high - low) * np.array([0.25, 0.5, 0.75])
        np.testing.assert_allclose(inner, wanted, atol=0.05 * (high - low))
    for name, values in CATEGORICAL.items():
        shares = np.bincount(factors[name], minlength=len(values)) / len(factors)
        np.testing.assert_allclose(shares, 1 / len(values), atol=0.05)
    for name, share in BINARY.items():
        assert factors[name].mean() == pytest.approx(share, abs=0.05)


def test_factors_are_independent(factors):
    table = np.stack([factors[name].astype(float) for name in FACTORS.names])
    between = np.corrcoef(table) - np.eye(len(table))
    assert np.abs(between).max() < 5 / np.sqrt(len(factors))


def test_table_has_a_column_for_all_that_is_always_seen(factors):
    names, table = attributes(factors)
    assert table.shape == (len(factors), len(names)) and table.dtype == np.float32
    assert len(set(names)) == len(names) and not set(names) & set(DETAILS)
    columns = dict(zip(names, table.T))
    for name in (*BINARY, *CONTINUOUS.keys() - set(DETAILS)):
        np.testing.assert_array_equal(columns[name], factors[name].astype(np.float32))
    for name in CATEGORICAL.keys() - set(DETAILS):
        values = [columns[f"{name}_{value}"] for value in CATEGORICAL[name]]
        np.testing.assert_array_equal(np.argmax(values, axis=0), factors[name])
        np.testing.assert_array_equal(np.sum(values, axis=0), 1)
    assert "hair_brown" in names


@pytest.mark.parametrize("attribute", BINARY)
def test_flipping_changes_one_column_and_twice_none(factors, attribute):
    before = factors.copy()
    other = flipped(factors, attribute)
    names, table = attributes(factors)
    changed = (attributes(other)[1] != table).all(axis=0)
    assert [name for name, is_changed in zip(names, changed) if is_changed] == [attribute]
    assert (attributes(other)[1] != table).sum() == len(factors)
    np.testing.assert_array_equal(flipped(other, attribute), before)
    np.testing.assert_array_equal(factors, before)


@pytest.mark.parametrize("attribute", BINARY)
def test_other_details_are_those_of_the_attribute_alone(factors, attribute):
    details = {"hat": ["hat_kind", "hat_hue"], "glasses": ["lens", "frame"]}.get(attribute, [])
    before = factors.copy()
    one, other = (other_details(factors, attribute, seed) for seed in (1, 2))
    for name in FACTORS.names:
        if name not in details:
            np.testing.assert_array_equal(one[name], factors[name])
            continue
        share = 1 / len(CATEGORICAL[name]) if name in CATEGORICAL else 0  # that stay by chance
        for others in (factors, other):
            assert np.mean(one[name] == others[name]) == pytest.approx(share, abs=0.05)
    np.testing.assert_array_equal(other_details(factors, attribute, 1), one)
    np.testing.assert_array_equal(factors, before)


def test_other_details_are_seen_on_those_that_have_the_attribute_alone():
    for attribute, is_seen in (("hat", True), ("glasses", True), ("smile", False)):
        wearing = upright(30, **{attribute: True})
        changes = difference(draw(wearing, 32), draw(other_details(wearing, attribute, 9), 32))
        assert (changes.max(axis=(1, 2)) > 5).mean() == pytest.approx(float(is_seen), abs=0.3)
        bare = flipped(wearing, attribute)
        np.testing.assert_array_equal(draw(bare, 32), draw(other_details(bare, attribute, 9), 32))


# --- Pictures ---


def test_a_picture_does_not_depend_on_the_others(factors, images, monkeypatch):
    order = np.random.default_rng(0).permutation(len(factors))[:60]
    np.testing.assert_array_equal(draw(factors[order], 32), images[order])
    for row in order[:5]:
        np.testing.assert_array_equal(draw(factors[row : row + 1], 32), images[row : row + 1])
    monkeypatch.setattr(DRAWING, "CHUNK", 7)
    np.testing.assert_array_equal(draw(factors[:60], 32), images[:60])


def test_thousands_of_faces_are_all_different(images):
    assert len({image.tobytes() for image in images}) == len(images)


@pytest.mark.parametrize("size", [16, 32, 64])
def test_the_same_face_at_every_size(factors, size):
    small, large = draw(factors[:20], size), draw(factors[:20], 128).astype(float)
    scale = 128 // size
    reduced = large.reshape(20, size, scale, size, scale, 3).mean(axis=(2, 4))
    assert np.abs(small - reduced).mean() < 3
    assert np.abs(small - reduced[::-1]).mean() > 20  # the measure can tell faces apart


def test_any_size_can_be_drawn(factors):
    for size in (17, 33, 100):
        images = draw(factors[:2], size)
        assert images.shape == (2, size, size, 3) and images.dtype == np.uint8


@pytest.mark.parametrize("name", FACTORS.names)
def test_every_factor_is_seen(name):
    worn = name in DETAILS
    before = upright(40, hat=worn, glasses=worn, moustache=False)  # which hide others
    after = before.copy()
    if name in BINARY:
        after = flipped(before, name)
    elif name in CATEGORICAL:
        after[name] = (before[name] + 1) % len(CATEGORICAL[name])
    else:
        low, high = CONTINUOUS[name]
        after[name] = np.where(before[name] < (low + high) / 2, high, low)
    changes = difference(draw(before, 32), draw(after, 32)).max(axis=(1, 2))
    assert changes.min() > 5


@pytest.mark.parametrize("name", DETAILS)
def test_details_are_seen_only_with_what_they_are_details_of(name):
    bare = upright(30, hat=False, glasses=False)
    other = bare.copy()
    other[name] = bare[name] == 0
    np.testing.assert_array_equal(draw(bare, 32), draw(other, 32))


@pytest.mark.parametrize("attribute", BINARY)
def test_flipping_changes_only_the_pixels_that_it_must(attribute):
    factors = upright(100)
    changes = difference(draw(factors, 64), draw(flipped(factors, attribute), 64))
    assert changes.max(axis=(1, 2)).min() > 12  # seen in every face
    top, bottom, left, right = (round(64 * share) for share in REGIONS[attribute])
    changes[:, top:bottom, left:right] = 0
    assert not changes.any()


def test_gaze_goes_from_left_to_right():
    looks_left = upright(30, gaze=-1, glasses=False)
    looks_right = looks_left.copy()
    looks_right["gaze"] = 1
    dark = [255.0 - draw(looks, 64).mean(axis=-1) for looks in (looks_left, looks_right)]
    gained, lost = np.maximum(dark[1] - dark[0], 0), np.maximum(dark[0] - dark[1], 0)
    assert np.all(centre(gained) > centre(lost) + 1)


def test_tilt_is_clockwise():
    one, other = upright(30, tilt=-7, hat=False), upright(30, tilt=7, hat=False)
    hats = [
        difference(draw(f, 64), draw(flipped(f, "hat"), 64)).astype(float) for f in (one, other)
    ]
    assert np.all(centre(hats[1]) > centre(hats[0]) + 3)


def test_skin_goes_from_light_to_dark():
    light = upright(30, skin_tone=0, glasses=False, beard=False)
    middle, dark = light.copy(), light.copy()
    middle["skin_tone"], dark["skin_tone"] = 0.5, 1
    tones = [draw(f, 64)[:, 32:40, 24:40].mean(axis=(1, 2, 3)) for f in (light, middle, dark)]
    assert np.all(tones[0] > tones[1] + 30) and np.all(tones[1] > tones[2] + 30)


def test_a_linear_classifier_reads_every_attribute(factors, images):
    accuracies = {"moustache": 0.85, "beard": 0.92}  # of the hair's colour, which may be the skin's
    pixels = images.reshape(len(images), -1) / np.float32(255)
    signs = 2.0 * np.stack([factors[name] for name in BINARY], axis=1) - 1
    train, test = slice(0, 1_800), slice(1_800, None)
    predicted = Ridge(alpha=3).fit(pixels[train], signs[train]).predict(pixels[test])
    found = (np.sign(predicted) == signs[test]).mean(axis=0)
    for name, accuracy in zip(BINARY, found):
        assert accuracy > accuracies.get(name, 0.97), name


# --- On disk ---


def test_faces_are_drawn_once_and_then_mapped(cache, drawn):
    images, factors = faces(16, count=30, seed=5)
    assert sum(drawn) == 30
    again, same = faces(16, count=30, seed=5)
    assert sum(drawn) == 30
    assert isinstance(again, np.memmap) and again.shape == (30, 16, 16, 3)
    for found in (images, again):
        np.testing.assert_array_equal(found, draw(sample(30, seed=5), 16))
    for found in (factors, same):
        np.testing.assert_array_equal(found, sample(30, seed=5))
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("other", [(17, 30, 5), (16, 31, 5), (16, 30, 6)])
def test_other_faces_are_drawn_anew(drawn, other):
    faces(16, 30, 5)
    faces(*other)
    assert drawn == [30, other[1]]


def test_faces_are_drawn_anew_when_the_drawing_changes(drawn, monkeypatch):
    faces(16, 30)
    monkeypatch.setattr(MODULE, "VERSION", MODULE.VERSION + 1)
    faces(16, 30)
    assert drawn == [30, 30]


def test_drawing_by_parts_gives_the_same_file(monkeypatch):
    monkeypatch.setattr(MODULE, "CHUNK", 8)
    np.testing.assert_array_equal(faces(16, 30)[0], draw(sample(30), 16))


def test_an_interrupted_drawing_leaves_nothing(cache, monkeypatch):
    original = MODULE.draw
    monkeypatch.setattr(MODULE, "CHUNK", 8)
    calls = []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(MODULE, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        faces(16, 30)
    assert not list(cache.iterdir())
    monkeypatch.setattr(MODULE, "draw", original)
    np.testing.assert_array_equal(faces(16, 30)[0], draw(sample(30), 16))


# --- As a data set ---


def configured(name, **options):
    return data.load(TrainConfig(dataset=name, **options))


def test_as_many_faces_as_the_name_says(cache):
    found = configured("faces:30", image_size="17")
    [file] = cache.glob("*/images.npy")
    assert np.load(file, mmap_mode="r").shape == (30, 17, 17, 3)
    assert found.name == "faces" and found.example_shape == (17, 17, 3)
    splits = found.train, found.validation, found.test
    rows = np.concatenate([split.rows for split in splits])
    np.testing.assert_array_equal(np.sort(rows), np.arange(30))
    factors = sample(30)
    names, table = attributes(factors)
    assert found.attribute_names == tuple(names)
    assert found.class_names == ("no glasses", "glasses")
    for split in splits:
        np.testing.assert_array_equal(split.read(slice(None)), draw(factors[split.rows], 17))
        np.testing.assert_array_equal(split.own_attributes, table[split.rows])
        np.testing.assert_array_equal(split.own_labels, factors["glasses"][split.rows])


def test_the_name_alone_means_the_usual_number(monkeypatch):
    assert data.COUNT == 20_000
    monkeypatch.setattr(data, "COUNT", 12)
    found = configured("faces", image_size="16")
    assert len(found.train.values) == 12


# --- Mistakes ---


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: flipped(sample(2), "glases"), ["glases", "'glasses'"]),
        (lambda: flipped(sample(2), "skin_tone"), ["skin_tone", "smile"]),
        (lambda: draw(sample(2), 15), ["15", "16 to 128"]),
        (lambda: draw(sample(2), 129), ["129", "16 to 128"]),
        (lambda: faces(8), ["8", "16 to 128"]),
        (lambda: faces(16, count=0), ["0", "at least 1"]),
        (lambda: sample(0), ["0", "at least 1"]),
        (lambda: sample(-3), ["-3", "at least 1"]),
        (lambda: configured("faces:x"), ["'x'", "from 10 to 10,000,000"]),
        (lambda: configured("faces:5"), ["'5'", "from 10 to 10,000,000"]),
        (lambda: configured("faces:9"), ["'9'", "from 10 to 10,000,000"]),
        (lambda: configured("faces:-20"), ["'-20'", "from 10 to 10,000,000"]),
        (lambda: configured("faces:10000001"), ["'10000001'", "from 10 to 10,000,000"]),
        (lambda: configured("faces:1e3"), ["'1e3'", "from 10 to 10,000,000"]),
        (lambda: configured("faces:"), ["'faces:'", "write faces:COUNT"]),
        (lambda: configured("face:20"), ["'face:20'", "did you mean 'faces"]),
        (lambda: configured("faces:20", image_size="20x30"), ["20x30", "faces are square"]),
        (lambda: configured("faces:20", image_size="8"), ["8", "16 to 128"]),
        (lambda: configured("faces:20", color_mode="rgb"), ["--color-mode", "folder:DIR"]),
    ],
)
def test_mistakes_are_told_in_one_line(cache, call, words):
    with pytest.raises(UserError) as told:
        call()
    message = str(told.value)
    assert "\n" not in message and all(word in message for word in words)
    assert not cache.exists()
