import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from vae_keras import TrainConfig, UserError, load, load_exported
from vae_keras.cli import main
from vae_keras.data.images.folder import as_pixels
from vae_keras.evaluation import anomaly, probe
from vae_keras.export import compression, image_files
from vae_keras.export.saved_model import export
from vae_keras.models import MODELS
from vae_keras.studies.anomaly import without_label

ARCHIVE = dict(x_train=np.zeros((40, 8, 8), np.uint8), x_test=np.zeros((9, 8, 8), np.uint8))


@pytest.fixture(scope="module")
def photos(tmp_path_factory, digits_run):
    """A folder of images of several sizes, formats and colours, in sub-folders too."""
    root = tmp_path_factory.mktemp("photos")
    (root / "deep" / "er").mkdir(parents=True)
    digits = (digits_run.dataset.test.take(slice(9)).arrays()[0][..., 0] * 255).astype(np.uint8)
    images = [Image.fromarray(digit) for digit in digits]
    images[0].save(root / "plain.png")
    images[1].resize((50, 31)).convert("RGB").save(root / "colour.jpg")
    images[2].convert("RGBA").save(root / "deep" / "clear.webp")
    images[3].convert("P").save(root / "deep" / "er" / "palette.gif")
    for position in range(4, 9):
        images[position].save(root / "deep" / f"Größe {position}.png")
    return root


@pytest.fixture(scope="module")
def exported(digits_run):
    return digits_run.folder.exported


@pytest.fixture
def batches_of_four(monkeypatch):
    monkeypatch.setattr(image_files, "BATCH", 4)
    monkeypatch.setattr(compression, "BATCH", 4)


def command(*arguments) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    return stop.value.code


def listing(folder) -> dict:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def pixels_of(path) -> np.ndarray:
    return np.asarray(Image.open(path))[..., None]


def resized(path) -> np.ndarray:
    return as_pixels(Image.open(path), (8, 8), "grayscale")


def code_file(path, names, codes):
    np.savez(path, names=np.array(names), codes=np.asarray(codes, np.float16))
    return path


# compress, restore, denoise


def test_restored_images_are_the_decoded_half_precision_codes(
    photos, exported, tmp_path, capsys, batches_of_four
):
    assert command("compress", exported, photos, "--output", tmp_path / "codes.npz") == 0
    assert command("restore", exported, tmp_path / "codes.npz", "--output", tmp_path / "back") == 0
    assert "9 images" in capsys.readouterr().out
    originals = {
        path.relative_to(photos).with_suffix(".png").as_posix(): path
        for path in photos.rglob("*.*")
    }
    assert set(listing(tmp_path / "back")) == set(originals)
    model = load_exported(exported)
    for name, original in originals.items():
        code = model.encode(resized(original)[None] / np.float32(255)).astype(np.float16)
        expected = np.clip(model.decode(code)[0], 0, 1) * 255
        np.testing.assert_allclose(pixels_of(tmp_path / "back" / name), expected, atol=0.51)


def test_figures_of_compression_are_those_of_the_restored_files(photos, exported, tmp_path):
    found = compression.compress(exported, photos, tmp_path / "codes.npz")
    assert compression.restore(exported, tmp_path / "codes.npz", tmp_path / "back") == 9
    errors = [
        np.mean((resized(path) / 255 - pixels_of(restored) / 255) ** 2)
        for path in photos.rglob("*.*")
        for restored in [tmp_path / "back" / path.relative_to(photos).with_suffix(".png")]
    ]
    assert found["mean_squared_error"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert found["psnr"] == pytest.approx(np.mean(-10 * np.log10(errors)), rel=1e-5)
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as archive:
        assert archive["codes"].dtype == np.float16
        assert archive["codes"].nbytes == found["code_bytes"] == 9 * 2 * 2
    assert found["pixel_bytes"] == 9 * 64
    assert found["original_bytes"] == sum(len(content) for content in listing(photos).values())
    assert found["archive_bytes"] == (tmp_path / "codes.npz").stat().st_size


def test_batches_do_not_change_the_file(photos, exported, tmp_path, monkeypatch):
    codes = []
    for size in (2, 128):
        monkeypatch.setattr(image_files, "BATCH", size)
        monkeypatch.setattr(compression, "BATCH", size)
        compression.compress(exported, photos, tmp_path / "codes.npz")
        with np.load(tmp_path / "codes.npz") as archive:
            codes.append((archive["names"].tolist(), archive["codes"]))
    assert codes[0][0] == codes[1][0]
    np.testing.assert_allclose(codes[0][1], codes[1][1], rtol=2e-3, atol=1e-3)


def test_denoise_writes_the_reconstructions(photos, exported, tmp_path, batches_of_four):
    assert command("denoise", exported, photos, "--output", tmp_path / "clean") == 0
    assert len(listing(tmp_path / "clean")) == 9
    expected = load_exported(exported).reconstruct(resized(photos / "colour.jpg")[None] / 255)[0]
    np.testing.assert_allclose(
        pixels_of(tmp_path / "clean" / "colour.png"), expected * 255, atol=0.51
    )


def test_overwriting_replaces_files_and_keeps_the_others(photos, exported, tmp_path, capsys):
    folder = shutil.copytree(photos, tmp_path / "copy")
    before = listing(folder)
    assert command("denoise", exported, folder, "--output", folder) == 2
    assert "exists" in capsys.readouterr().err
    assert listing(folder) == before
    assert command("denoise", exported, folder, "--output", folder, "--overwrite") == 0
    after = listing(folder)
    assert after["colour.jpg"] == before["colour.jpg"]
    assert after["plain.png"] != before["plain.png"]
    assert set(after) == set(before) | {"colour.png", "deep/clear.png", "deep/er/palette.png"}


def test_images_that_differ_in_their_ending_are_both_restored(photos, exported, tmp_path):
    (tmp_path / "both").mkdir()
    for ending in ("png", "jpg"):
        Image.open(photos / "plain.png").save(tmp_path / "both" / f"one.{ending}")
    compression.compress(exported, tmp_path / "both", tmp_path / "codes.npz")
    compression.restore(exported, tmp_path / "codes.npz", tmp_path / "back")
    assert set(listing(tmp_path / "back")) == {"one.png.png", "one.jpg.png"}


parts = st.sampled_from(["..", ".", "a", "b.png", "", "/", "\0", "~", "C:", "..\\x"])


@settings(max_examples=200, deadline=None)
@given(st.lists(parts, min_size=1, max_size=5).map("/".join))
@example("../out.png")
@example("a/../../out")
@example("/out")
@example("..")
@example("")
def test_no_accepted_name_leaves_the_folder(name):
    folder = Path("/some/where/inside").resolve()
    if compression._stays_inside(name):
        (written,) = image_files._png_names([name])
        assert folder in (folder / written).resolve().parents


@pytest.mark.parametrize("name", ["../out", "a/../../out", "{tmp}/out", "..", ".", "", "a\0b"])
def test_names_outside_are_refused_and_nothing_is_written(exported, tmp_path, capsys, name):
    file = code_file(tmp_path / "bad.npz", [name.format(tmp=tmp_path), "b"], np.zeros((2, 2)))
    before = listing(tmp_path)
    assert command("restore", exported, file, "--output", tmp_path / "x" / "y") == 2
    assert "leaves the output folder" in capsys.readouterr().err
    assert listing(tmp_path) == before
    assert not (tmp_path / "x").exists()


def damaged_files(folder: Path) -> dict[str, str]:
    """Files that are not to be restored, and what is said of each."""
    good = code_file(folder / "good.npz", ["a", "b"], np.zeros((2, 2)))
    code_file(folder / "size.npz", ["a", "b"], np.zeros((2, 3)))
    code_file(folder / "count.npz", ["a"], np.zeros((2, 2)))
    code_file(folder / "surrogate.npz", ["a", "\ud800"], np.zeros((2, 2)))
    np.savez(folder / "double.npz", names=np.array(["a", "b"]), codes=np.zeros((2, 2)))
    np.savez(folder / "objects.npz", names=np.array(["a", None]), codes=np.zeros((2, 2), "f2"))
    np.savez(folder / "nothing.npz", x=np.zeros(3))
    (folder / "cut.npz").write_bytes(good.read_bytes()[:-40])
    (folder / "text.npz").write_text("no archive")
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(folder / "few.npz", "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            archive.writestr(name, content[:-2] if name == "codes.npy" else content)
    others = ("count", "surrogate", "double", "objects", "nothing", "cut", "text", "few", "missing")
    return {"size": "codes are of size 3", **{name: "not a readable file" for name in others}}


def test_damaged_files_are_named_and_nothing_is_written(exported, tmp_path, capsys):
    said = damaged_files(tmp_path)
    before = listing(tmp_path)
    for name, reason in said.items():
        file = tmp_path / f"{name}.npz"
        assert command("restore", exported, file, "--output", tmp_path / "out") == 2, name
        error = capsys.readouterr().err
        assert str(file) in error
        assert reason in error
        assert error.count("\n") == 1
        assert listing(tmp_path) == before


def test_codes_beyond_half_precision_are_refused():
    with pytest.raises(UserError, match="65,504"):
        compression._stored(np.array([[1e6, 0]], np.float32))


@pytest.fixture
def place(tmp_path, monkeypatch, digits_run):
    """The working folder of the commands: bad folders, models and runs."""
    metrics = {**digits_run.metrics, "class_names": ["0", "1", "2"]}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "taken").write_text("here first")
    shutil.copytree(digits_run.folder.exported, "model")
    conditional, two_channels = MODELS["conditional"], MODELS["deep"]((8, 8, 2), 2)
    export(conditional((8, 8, 1), 2, classes=3), "conditional", digits_run.config, metrics)
    export(two_channels, "two_channels", digits_run.config, metrics)
    tf.saved_model.save(tf.Module(), "foreign")
    np.savez("unlabelled.npz", **ARCHIVE)
    labels = {f"y_{split}": np.full(len(ARCHIVE[f"x_{split}"]), 1) for split in ("train", "test")}
    np.savez("single.npz", **ARCHIVE, **labels)
    for name in ("unlabelled", "single"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        config = TrainConfig(dataset=f"{name}.npz", network="dense").to_json()
        (tmp_path / "runs" / name / "config.json").write_text(config)
    return tmp_path


def test_bad_input_ends_with_one_line_and_writes_nothing(place, photos, capsys):
    said = {
        "compress model missing --output new": "'missing' does not exist",
        "compress model empty --output new": "'empty' is empty",
        "compress model bad --output new": "corrupt.png",
        "compress model {photos} --output taken": "'taken' exists",
        "compress model {photos} --output no/where": "'no' does not exist",
        "compress nothing {photos} --output new": "no exported model 'nothing'",
        "compress foreign {photos} --output new": "'foreign' has no endpoint",
        "compress conditional {photos} --output new": "'conditional' is conditional",
        "compress two_channels {photos} --output new": "2 channels",
        "restore conditional taken --output new": "'conditional' is conditional",
        "restore model taken --output bad": "'bad' exists",
        "restore model taken --output taken --overwrite": "not a folder",
        "denoise model missing --output new": "'missing' does not exist",
        "denoise model bad --output new": "corrupt.png",
        "denoise conditional {photos} --output new": "'conditional' is conditional",
        "denoise foreign {photos} --output new": "'foreign' has no endpoint",
        "probe missing": "no run 'missing'",
        "probe unlabelled": "no training labels",
        "probe single": "a single training label",
        "anomaly --held-out 10": "no label '10'",
        "anomaly --held-out none": "no label 'none'",
        "anomaly --dataset unlabelled.npz --held-out 0": "no training labels",
        "anomaly --dataset single.npz --held-out 1": "a single training label",
        "anomaly --held-out 0 --model conditional": "conditional",
        "anomaly --held-out 0 --epochs 0": "--epochs 0",
        "anomaly": "--held-out",
    }
    before = listing(place)
    for line, reason in said.items():
        assert command(*line.format(photos=photos).split()) == 2, line
        error = capsys.readouterr().err
        assert error.startswith("error: "), line
        assert error.count("\n") == 1, error
        assert reason in error
        assert listing(place) == before, line


def test_endpoint_that_is_missing_is_named(exported, monkeypatch):
    monkeypatch.setattr(image_files.ExportedModel, "call", None)  # it is not called
    with pytest.raises(UserError, match="no endpoint 'segment'"):
        image_files.load_for_images(exported, "encode", "segment")


# probe


def test_stratified_examples_begin_with_the_proportions_of_the_classes(digits_run):
    train = digits_run.dataset.train
    ordered = probe.stratified(train)
    assert sorted(ordered.rows) == sorted(train.rows)
    np.testing.assert_array_equal(ordered.rows, probe.stratified(train).rows)
    assert np.any(ordered.rows != probe.stratified(train, seed=1).rows)
    share = np.bincount(train.labels[train.rows]) / len(train)
    for count in (10, 100, 1_000):
        drawn = np.bincount(ordered.take(slice(count)).arrays()[1], minlength=10)
        assert np.all(np.abs(drawn - count * share) <= 2)


def test_probe_finds_more_in_pixels_than_in_two_numbers(digits_run):
    rows = probe.probe(digits_run.model, digits_run.dataset, sizes=(100, 5_000))
    assert [row["labels"] for row in rows] == [100, len(digits_run.dataset.train)]
    last = rows[-1]
    assert 0.3 < last["codes"] < last["pixels"]
    assert 0.3 < last["pca"] < last["pixels"]
    assert last["pixels"] > 0.93


def test_probe_says_where_pixels_are_too_many(digits_run, monkeypatch, capsys):
    monkeypatch.setattr(probe, "MOST_PROBED_VALUES", 200 * 64)
    assert command("probe", digits_run.folder.path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["100", "200", "1,000", "1,295"]
    assert [line.split()[2] == "–" for line in lines[2:6]] == [False, False, True, True]
    assert "of 200 at most" in lines[-1]


# anomaly


def test_scores_average_to_the_loss_of_the_test_set(digits_run):
    scores = anomaly.anomaly_scores(digits_run.model, digits_run.dataset.test)
    assert scores.shape == (len(digits_run.dataset.test),)
    assert scores.mean() == pytest.approx(digits_run.metrics["test_loss"], rel=1e-5)


def test_label_is_taken_out_of_training_but_not_of_the_test():
    dataset = load(TrainConfig())
    kept = without_label(dataset, 3)
    assert 3 not in kept.train.arrays()[1]
    assert 3 not in kept.validation.arrays()[1]
    assert 3 in kept.test.arrays()[1]
    all_but_3 = np.sum(dataset.train.arrays()[1] != 3)
    assert len(kept.train) == all_but_3


def test_digit_that_was_held_out_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    options = ("--model", "linear", "--latent-dim", 8, "--epochs", 5)
    assert command("anomaly", "--held-out", 0, *options) == 0
    area = float(capsys.readouterr().out.split("AUROC ")[1].split()[0])
    assert 0.75 < area <= 1
    assert not list(tmp_path.iterdir())
