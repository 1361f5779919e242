"""The command score: a user's own files, scored by a trained model."""

import contextlib
import csv
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.commands import printed, refused, status
from tests.folders import listing, working_in
from tests.images import save
from vae_keras.evaluation.anomaly import score_parts
from vae_keras.studies import score as module
from vae_keras.training.stored import open_stored

SCORE = ("score", "model", "mine", "--false-alarms", 0.05)


def filled(folder, digits_run):
    """The folder, with a model, forty test digits and two other images."""
    shutil.copytree(digits_run.folder.exported, folder / "model")
    digits = digits_run.dataset.test.take(slice(40)).arrays()[0]
    (folder / "mine").mkdir()
    for number, digit in enumerate(digits):
        save(folder / f"mine/{number:02}.png", digit)
    noise = np.random.default_rng(0).random((8, 8, 1))
    for name, image in (("noise", noise), ("inverted", 1 - digits[0])):
        save(folder / f"mine/{name}.png", image)
    return folder


@pytest.fixture
def place(tmp_path, digits_run):
    """A working folder with a model and images."""
    with working_in(tmp_path):
        yield filled(tmp_path, digits_run)


@pytest.fixture(scope="module")
def scored(tmp_path_factory, digits_run):
    """Such a folder with a table of scores and its picture, and what the command printed."""
    place = filled(tmp_path_factory.mktemp("scored"), digits_run)
    with working_in(place), contextlib.redirect_stdout(io.StringIO()) as out:
        assert status(*SCORE) == 0
    return place, out.getvalue()


@pytest.fixture
def inside(scored):
    with working_in(scored[0]):
        yield scored[0]


def rows(file="model_scores.csv") -> list[dict]:
    with open(file, encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


@pytest.mark.slow
def test_a_folder_gets_a_table_a_picture_and_a_count(inside, scored, digits_run):
    found, out = rows(), scored[1].splitlines()
    assert [row["example"] for row in found[:2]] == ["00.png", "01.png"] and len(found) == 42
    alarms = [row["example"] for row in found if row["is_anomaly"] == "true"]
    assert {"noise.png", "inverted.png"} <= set(alarms) and len(alarms) < 10
    assert out[-3].startswith(f"{len(alarms)} of 42 ") and "are anomalies" in out[-3]
    assert out[-2:] == ["model_scores.csv", "model_scores_highest.png"]
    assert Image.open("model_scores_highest.png").width > 800

    examples = digits_run.dataset.test.take(slice(40))
    expected = score_parts(digits_run.model, examples, 50)["loss"]
    losses = [float(row["loss"]) for row in found[:40]]
    np.testing.assert_allclose(losses, expected, rtol=0.02)  # the files have 8 bits
    limit = float(out[-3].split("exceed ")[1].split()[0])
    validation = score_parts(digits_run.model, digits_run.dataset.validation, 50)["loss"]
    assert 0 < np.mean(validation > limit) <= 0.05


@pytest.mark.slow
def test_what_the_training_tells_is_computed_once(inside, scored, capsys, monkeypatch):
    first = scored[1], rows()
    monkeypatch.setattr(module.StoredModel, "dataset", None)  # it is not called
    assert (printed(capsys, *SCORE, "--overwrite"), rows()) == first


def test_a_table_and_its_picture_are_never_overwritten_silently(inside, capsys):
    before = listing(inside)
    for lost in ("model_scores.csv", "model_scores_highest.png"):
        shutil.move(lost, "away")
        assert "exists: choose another --output" in refused(capsys, *SCORE)
        shutil.move("away", lost)
    assert listing(inside) == before


@pytest.mark.slow
def test_without_the_data_of_the_training_a_threshold_can_be_given(place, capsys):
    config = json.loads((place / "model/training.json").read_text())
    config["dataset"] = "folder:gone"
    (place / "model/training.json").write_text(json.dumps(config))
    told = refused(capsys, "score", "model", "mine", "--false-alarms", 0.05)
    assert "folder 'gone' does not exist; or give --threshold NUMBER instead" in told
    out = printed(capsys, "score", "model", "mine/00.png", "--threshold", 60)
    assert "note: no distance of the codes: model needs the data it was trained on" in out
    (row,) = rows()  # of a single file
    assert "distance" not in row and "is_anomaly" in row


@pytest.mark.slow
def test_bad_input_is_named_and_nothing_is_written(place, capsys):
    before = listing(place)
    for options, wrong in (
        ("mine --false-alarms 0.05 --threshold 3", "contradict each other"),
        ("mine --false-alarms 7", "must be a share between 0 and 1"),
        ("mine --false-alarms 0.0001", "needs at least 9,999 validation examples"),
        ("nothing", "'nothing' does not exist"),
        ("mine --output a.png", "must end in one of .csv"),
        ("mine --pixel-range 3", "--pixel-range '3' must be two numbers"),
    ):
        assert wrong in refused(capsys, "score", "model", *options.split())
        shutil.rmtree(place / "cache", ignore_errors=True)
        assert listing(place) == before


def test_distances_are_to_the_training_codes(inside, digits_run):
    codes = np.asarray(digits_run.model.encode(digits_run.dataset.train.arrays()[0]))
    found = module.training_codes(open_stored("model"))
    np.testing.assert_allclose(found.mean, codes.mean(axis=0), atol=1e-3)
    squares = np.asarray(found.distance(codes)) ** 2
    assert squares.mean() == pytest.approx(codes.shape[1], rel=0.01)  # as for any Gaussian


@pytest.mark.slow
def test_sentences_are_scored_line_by_line(talk, talker, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path / "cache"))
    first = (talk[0] / "talk.txt").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "mine.txt").write_text(f"{first}\n\n{'word ' * 200}\n{first}\n")
    out = printed(capsys, "score", talker.path, "mine.txt", "--samples", 10, "--output", "mine.csv")
    assert "lines that are left out: 1 empty; 1 of more than" in out
    assert [row["example"] for row in rows("mine.csv")] == ["line 1", "line 4"]
    assert (tmp_path / "mine_highest.txt").read_text(encoding="utf-8").count("→") == 2
    assert (tmp_path / "mine.txt").read_text().startswith(first)
    told = refused(capsys, "score", talker.path, "mine.txt", "--pixel-range", "0,1")
    assert "--pixel-range is for images" in told


@pytest.mark.slow
def test_melodies_are_scored_window_by_window(tunes, capsys, monkeypatch):
    folder, run = tunes
    monkeypatch.chdir(folder)
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(folder / "cache"))
    out = printed(capsys, "score", run.folder.path, "midi", "--samples", 10, "--overwrite")
    assert out.splitlines()[-1].endswith("_scores_highest.png")
    names = [row["example"] for row in rows(out.splitlines()[-2])]
    assert len(names) == 24 and all(".mid, " in name for name in names)
