"""Images as codes in a file: the commands compress, restore and denoise."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.commands import status
from tests.folders import files
from vae_keras import UserError, load_exported
from vae_keras.data.images.folder import as_pixels
from vae_keras.export import compression, image_files


@pytest.fixture(scope="module")
def exported(digits_run):
    return digits_run.folder.exported


@pytest.fixture
def batches_of_four(monkeypatch):
    monkeypatch.setattr(image_files, "BATCH", 4)
    monkeypatch.setattr(compression, "BATCH", 4)


def pixels_of(path) -> np.ndarray:
    return np.asarray(Image.open(path))[..., None]


def resized(path) -> np.ndarray:
    return as_pixels(Image.open(path), (8, 8), "grayscale")


def code_file(path, names, codes):
    np.savez(path, names=np.array(names), codes=np.asarray(codes, np.float16))
    return path


def test_restored_images_are_the_decoded_half_precision_codes(
    mixed_photos, exported, tmp_path, capsys, batches_of_four
):
    assert status("compress", exported, mixed_photos, "--output", tmp_path / "codes.npz") == 0
    assert status("restore", exported, tmp_path / "codes.npz", "--output", tmp_path / "back") == 0
    assert "9 images" in capsys.readouterr().out
    originals = {
        path.relative_to(mixed_photos).with_suffix(".png").as_posix(): path
        for path in mixed_photos.rglob("*.*")
    }
    assert set(files(tmp_path / "back")) == set(originals)
    model = load_exported(exported)
    for name, original in originals.items():
        code = model.encode(resized(original)[None] / np.float32(255)).astype(np.float16)
        expected = np.clip(model.decode(code)[0], 0, 1) * 255
        np.testing.assert_allclose(pixels_of(tmp_path / "back" / name), expected, atol=0.51)


def test_figures_of_compression_are_those_of_the_restored_files(mixed_photos, exported, tmp_path):
    found = compression.compress(exported, mixed_photos, tmp_path / "codes.npz")
    assert compression.restore(exported, tmp_path / "codes.npz", tmp_path / "back") == 9
    errors = [
        np.mean((resized(path) / 255 - pixels_of(restored) / 255) ** 2)
        for path in mixed_photos.rglob("*.*")
        for restored in [tmp_path / "back" / path.relative_to(mixed_photos).with_suffix(".png")]
    ]
    assert found["mean_squared_error"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert found["psnr"] == pytest.approx(np.mean(-10 * np.log10(errors)), rel=1e-5)
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as archive:
        assert archive["codes"].dtype == np.float16
        assert archive["codes"].nbytes == found["code_bytes"] == 9 * 2 * 2
    assert found["pixel_bytes"] == 9 * 64
    assert found["original_bytes"] == sum(len(content) for content in files(mixed_photos).values())
    assert found["archive_bytes"] == (tmp_path / "codes.npz").stat().st_size


def test_batches_do_not_change_the_file(mixed_photos, exported, tmp_path, monkeypatch):
    codes = []
    for size in (2, 128):
        monkeypatch.setattr(image_files, "BATCH", size)
        monkeypatch.setattr(compression, "BATCH", size)
        compression.compress(exported, mixed_photos, tmp_path / "codes.npz")
        with np.load(tmp_path / "codes.npz") as archive:
            codes.append((archive["names"].tolist(), archive["codes"]))
    assert codes[0][0] == codes[1][0]
    np.testing.assert_allclose(codes[0][1], codes[1][1], rtol=2e-3, atol=1e-3)


def test_denoise_writes_the_reconstructions(mixed_photos, exported, tmp_path, batches_of_four):
    assert status("denoise", exported, mixed_photos, "--output", tmp_path / "clean") == 0
    assert len(files(tmp_path / "clean")) == 9
    expected = load_exported(exported).reconstruct(
        resized(mixed_photos / "colour.jpg")[None] / 255
    )[0]
    np.testing.assert_allclose(
        pixels_of(tmp_path / "clean" / "colour.png"), expected * 255, atol=0.51
    )


def test_overwriting_replaces_files_and_keeps_the_others(mixed_photos, exported, tmp_path, capsys):
    folder = shutil.copytree(mixed_photos, tmp_path / "copy")
    before = files(folder)
    assert status("denoise", exported, folder, "--output", folder) == 2
    assert "exists" in capsys.readouterr().err
    assert files(folder) == before
    assert status("denoise", exported, folder, "--output", folder, "--overwrite") == 0
    after = files(folder)
    assert after["colour.jpg"] == before["colour.jpg"]
    assert after["plain.png"] != before["plain.png"]
    assert set(after) == set(before) | {"colour.png", "deep/clear.png", "deep/er/palette.png"}


def test_images_that_differ_in_their_ending_are_both_restored(mixed_photos, exported, tmp_path):
    (tmp_path / "both").mkdir()
    for ending in ("png", "jpg"):
        Image.open(mixed_photos / "plain.png").save(tmp_path / "both" / f"one.{ending}")
    compression.compress(exported, tmp_path / "both", tmp_path / "codes.npz")
    compression.restore(exported, tmp_path / "codes.npz", tmp_path / "back")
    assert set(files(tmp_path / "back")) == {"one.png.png", "one.jpg.png"}


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
    before = files(tmp_path)
    assert status("restore", exported, file, "--output", tmp_path / "x" / "y") == 2
    assert "leaves the output folder" in capsys.readouterr().err
    assert files(tmp_path) == before
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
    before = files(tmp_path)
    for name, reason in said.items():
        file = tmp_path / f"{name}.npz"
        assert status("restore", exported, file, "--output", tmp_path / "out") == 2, name
        error = capsys.readouterr().err
        assert str(file) in error
        assert reason in error
        assert error.count("\n") == 1
        assert files(tmp_path) == before


def test_codes_beyond_half_precision_are_refused():
    with pytest.raises(UserError, match="65,504"):
        compression._stored(np.array([[1e6, 0]], np.float32))
