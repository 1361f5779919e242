import importlib
import os

import numpy as np
import platformdirs
import pytest
from PIL import Image

from vae_keras import TrainConfig, UserError, load
from vae_keras.data.folder import as_pixels, folder

MODULE = importlib.import_module("vae_keras.data.folder")
ORANGE = (200, 100, 50)
CMYK = (20, 120, 200, 30)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "folders"


@pytest.fixture
def photos(tmp_path):
    return tmp_path / "photos"


@pytest.fixture
def opened(monkeypatch):
    """The images that Pillow opens, in order."""
    found, original = [], Image.open

    def counting(path, *arguments, **options):
        found.append(path)
        return original(path, *arguments, **options)

    monkeypatch.setattr(Image, "open", counting)
    return found


def save(image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def fill(folder, count=12, colour=ORANGE, mode="RGB", ending="png"):
    for number in range(count):
        save(Image.new(mode, (20, 15), colour), folder / f"{number:02d}.{ending}")


def grey(pixels):
    return Image.fromarray(np.asarray(pixels))


def clear_palette():
    image = Image.new("P", (20, 15), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    return image


@pytest.mark.parametrize(
    ("ending", "image", "options", "expected"),
    [
        ("png", Image.new("RGB", (20, 15), ORANGE), {}, ORANGE),
        ("PNG", Image.new("RGB", (20, 15), ORANGE), {}, ORANGE),
        ("jpg", Image.new("RGB", (20, 15), ORANGE), {}, ORANGE),
        ("bmp", Image.new("RGB", (20, 15), ORANGE), {}, ORANGE),
        ("gif", Image.new("RGB", (20, 15), ORANGE), {}, ORANGE),
        ("webp", Image.new("RGB", (20, 15), ORANGE), {"lossless": True}, ORANGE),
        ("jpg", Image.new("CMYK", (20, 15), CMYK), {"quality": 100}, (207, 119, 49)),
        ("tiff", Image.new("CMYK", (20, 15), CMYK), {}, (207, 119, 49)),
        ("png", clear_palette(), {}, (0, 0, 255)),
        ("png", clear_palette(), {"transparency": 1}, (255, 255, 255)),
        ("png", Image.new("RGBA", (20, 15), (*ORANGE, 255)), {}, ORANGE),
        ("png", Image.new("RGBA", (20, 15), (*ORANGE, 0)), {}, (255, 255, 255)),
        ("png", Image.new("RGBA", (20, 15), (0, 100, 200, 51)), {}, (204, 224, 244)),
        ("png", Image.new("L", (20, 15), 90), {}, (90,)),
        ("jpg", Image.new("L", (20, 15), 90), {}, (90,)),
        ("png", Image.new("1", (20, 15), 1), {}, (255,)),
        ("png", Image.new("LA", (20, 15), (0, 102)), {}, (153,)),
        ("tiff", grey(np.full((15, 20), 90 * 257, np.uint16)), {}, (90,)),
        ("tiff", grey(np.full((15, 20), 90 * 257, ">u2")), {}, (90,)),
        ("tiff", grey(np.full((15, 20), 90, np.uint16)), {}, (0,)),
        ("png", grey(np.full((15, 20), 90 * 257, np.uint16)), {}, (90,)),
        ("tiff", grey(np.full((15, 20), 90 * 257, np.int32)), {}, (90,)),
        ("tiff", grey(np.full((15, 20), 0.4, np.float32)), {}, (102,)),
        ("tiff", grey(np.full((15, 20), 102, np.float32)), {}, (102,)),
    ],
)
def test_every_format_is_read_in_its_true_colours(photos, ending, image, options, expected):
    for number in range(10):
        save(image, photos / f"{number}.{ending}", **options)
    dataset = folder(photos, (6, 8))
    assert dataset.image_shape == (6, 8, len(expected))
    assert dataset.train.images.dtype == np.uint8
    np.testing.assert_allclose(
        dataset.train.images, np.full((10, 6, 8, len(expected)), expected), atol=2
    )


@pytest.mark.parametrize("size", [(1, 1), (500, 1), (1, 500), (37, 53), (16, 24), (401, 299)])
def test_every_size_becomes_the_wanted_one(photos, size):
    fill(photos)
    save(Image.new("RGB", size, ORANGE), photos / "odd.png")
    dataset = folder(photos, (24, 16))
    assert dataset.image_shape == (24, 16, 3)
    assert np.all(dataset.train.images == ORANGE)


@pytest.mark.parametrize(
    ("text", "expected"), [("48x32", (48, 32)), ("20", (20, 20)), (None, (64, 64))]
)
def test_image_size_is_height_by_width(photos, text, expected):
    fill(photos)
    dataset = load(TrainConfig(dataset=f"folder:{photos}", image_size=text))
    assert dataset.image_shape == (*expected, 3)


def test_image_of_the_wanted_size_keeps_every_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (24, 16, 3), np.uint8)
    np.testing.assert_array_equal(as_pixels(Image.fromarray(pixels), (24, 16), "rgb"), pixels)


def test_image_is_cropped_in_the_middle_and_keeps_its_aspect():
    pixels = np.zeros((60, 180, 3), np.uint8)
    pixels[:, :60], pixels[:, 60:120], pixels[:, 120:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    for image, size in ((pixels, (20, 20)), (pixels.swapaxes(0, 1), (60, 60))):
        found = as_pixels(Image.fromarray(image), size, "rgb")
        np.testing.assert_allclose(found, np.full((*size, 3), (0, 255, 0)), atol=20)


@pytest.mark.parametrize("ending", ["jpg", "png", "tiff"])
def test_photo_is_turned_upright_as_its_exif_says(photos, ending):
    fill(photos, 11)
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the stored left side is the top
    save(Image.fromarray(pixels), photos / f"turned.{ending}", exif=exif)
    turned = folder(photos, (40, 20)).train.images[-1]
    assert turned[:16].min() > 240
    assert turned[-16:].max() < 15


@pytest.mark.parametrize(
    ("odd_one", "color_mode", "channels"),
    [
        (Image.new("L", (5, 5)), "auto", 1),
        (Image.new("I;16", (5, 5)), "auto", 1),
        (Image.new("RGB", (5, 5)), "auto", 3),
        (Image.new("RGB", (5, 5)), "grayscale", 1),
        (Image.new("L", (5, 5)), "rgb", 3),
    ],
)
def test_images_are_grey_if_all_are_or_as_told(photos, odd_one, color_mode, channels):
    fill(photos, colour=90, mode="L")
    save(odd_one, photos / "odd.png")
    config = TrainConfig(dataset=f"folder:{photos}", image_size="8", color_mode=color_mode)
    dataset = load(config)
    assert dataset.image_shape == (8, 8, channels)
    assert dataset.kind == ("grey" if channels == 1 else "colour")
    assert np.all(dataset.train.images[:12] == 90)


def test_sub_folders_are_labels_of_their_images(photos):
    for shade, label in ((10, "ant"), (20, "bee"), (30, "cat")):
        fill(photos / label, 7, (shade,) * 3)
        fill(photos / label / "deeper", 2, (shade,) * 3)
    dataset = folder(photos, (8, 8))
    assert dataset.name == "photos"
    assert dataset.class_names == ("ant", "bee", "cat")
    rows = np.concatenate([s.rows for s in (dataset.train, dataset.validation, dataset.test)])
    assert sorted(rows) == list(range(27))
    shades = dataset.train.images[:, 0, 0, 0]
    np.testing.assert_array_equal(shades, 10 * (dataset.train.labels + 1))


@pytest.mark.parametrize("with_labels_too", [False, True])
def test_images_outside_of_sub_folders_make_it_unlabelled(photos, with_labels_too):
    fill(photos)
    if with_labels_too:
        fill(photos / "ant")
    dataset = folder(photos, (8, 8))
    assert dataset.train.labels is None
    assert dataset.class_names == ()
    assert len(dataset.train.images) == (24 if with_labels_too else 12)


def test_hidden_files_and_other_files_are_ignored(photos):
    fill(photos)
    (photos / ".hidden.png").write_bytes(b"no image")
    (photos / "._00.png").write_bytes(b"no image")
    (photos / "notes.txt").write_text("no image")
    (photos / "folder.png").mkdir()
    assert len(folder(photos, (8, 8)).train.images) == 12


def test_folder_with_dot_at_the_end_has_the_name_of_the_folder(photos, monkeypatch):
    fill(photos)
    monkeypatch.chdir(photos)
    assert load(TrainConfig(dataset="folder:.", image_size="8")).name == "photos"


def test_images_are_a_memory_map_and_not_read_into_memory(photos, cache):
    fill(photos)
    dataset = folder(photos, (8, 8))
    for split in (dataset.train, dataset.validation, dataset.test):
        assert isinstance(split.images, np.memmap)
        assert not split.images.flags.writeable
    assert os.path.samefile(dataset.train.images.filename, next(cache.glob("*/images.npy")))


@pytest.mark.parametrize("color_mode", ["grayscale", "rgb"])
def test_second_use_reads_no_image(photos, opened, capsys, color_mode):
    fill(photos)
    first = folder(photos, (8, 8), color_mode)
    assert len(opened) == 12
    assert "resizing 12 images" in capsys.readouterr().out
    opened.clear()
    second = folder(photos, (8, 8), color_mode)
    assert opened == []
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(first.train.images, second.train.images)


def change(photos):
    save(Image.new("RGB", (20, 15), "white"), photos / "03.bmp")


def add(photos):
    save(Image.new("RGB", (20, 15), "white"), photos / "03b.bmp")


def remove(photos):
    (photos / "03.bmp").unlink()


def rename(photos):
    (photos / "03.bmp").rename(photos / "99.bmp")


@pytest.mark.parametrize(("edit", "count"), [(change, 12), (add, 13), (remove, 11), (rename, 12)])
def test_changed_folder_is_read_again(photos, opened, edit, count):
    fill(photos, ending="bmp")
    folder(photos, (8, 8), "rgb")
    opened.clear()
    edit(photos)
    images = folder(photos, (8, 8), "rgb").train.images
    assert len(opened) == len(images) == count
    assert np.any(images == 255) == (edit in (change, add))


def test_other_sizes_and_modes_are_kept_beside_each_other(photos, opened):
    fill(photos)
    wanted = [((8, 8), "rgb", 3), ((8, 6), "rgb", 3), ((8, 8), "grayscale", 1)]
    for size, mode, _ in wanted:
        folder(photos, size, mode)
    opened.clear()
    for size, mode, channels in wanted:
        assert folder(photos, size, mode).image_shape == (*size, channels)
    assert opened == []


def test_cache_lies_in_the_users_cache_folder_unless_told(photos, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "home" / name))
    fill(photos)
    folder(photos, (8, 8))
    assert len(list(cache.iterdir())) == 1
    assert not (tmp_path / "home").exists()
    monkeypatch.delenv("VAE_KERAS_CACHE_DIR")
    folder(photos, (8, 8))
    assert len(list((tmp_path / "home/vae_keras/folders").iterdir())) == 1


def test_images_keep_their_order_across_chunks(photos, monkeypatch, capsys):
    monkeypatch.setattr(MODULE, "CHUNK", 5)
    for number in range(12):
        save(Image.new("L", (9, 9), 20 * number), photos / f"{number:02d}.png")
    images = folder(photos, (4, 4)).train.images
    np.testing.assert_array_equal(images[:, 0, 0, 0], 20 * np.arange(12))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["5", "10", "12"]


def truncated(path):
    noise = np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)
    save(Image.fromarray(noise), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    "spoil", [truncated, lambda path: path.write_bytes(b"no image"), lambda path: path.touch()]
)
@pytest.mark.parametrize("color_mode", ["auto", "rgb"])
@pytest.mark.parametrize("ending", ["png", "jpg", "tiff"])
def test_corrupt_image_is_named_and_nothing_is_left(photos, cache, spoil, color_mode, ending):
    fill(photos)
    bad = photos / f"05-bad.{ending}"
    spoil(bad)
    with pytest.raises(UserError) as caught:
        folder(photos, (8, 8), color_mode)
    message = str(caught.value)
    assert message.startswith(f"image {str(bad)!r} cannot be read")
    assert len(message.splitlines()) == 1
    assert not any(cache.parent.rglob("*.*"))
    bad.unlink()
    assert len(folder(photos, (8, 8), color_mode).train.images) == 12


def test_interrupted_filling_leaves_nothing(photos, cache, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    fill(photos)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MODULE, "as_pixels", interrupted)
        folder(photos, (8, 8))
    assert list(cache.iterdir()) == []
    assert len(folder(photos, (8, 8)).train.images) == 12


def test_missing_empty_and_image_free_folders_are_told_apart(tmp_path, cache):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("no image")
    (tmp_path / "file.png").touch()
    for name, wrong in (
        ("missing", "does not exist"),
        ("empty", "is empty"),
        ("texts", "has no images"),
        ("file.png", "does not exist"),
    ):
        with pytest.raises(UserError, match=f"{name}.* {wrong}"):
            folder(tmp_path / name, (8, 8))
    assert not cache.exists()
