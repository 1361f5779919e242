import importlib
import math
import os
import subprocess

import numpy as np
import platformdirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vae_keras import TrainConfig, UserError, load
from vae_keras.data.images.folder import as_pixels, folder
from vae_keras.data.images.scaling import PixelRange, parsed_range

MODULE = importlib.import_module("vae_keras.data.images.folder")
ORANGE = (200, 100, 50)
CMYK = (20, 120, 200, 30)


@pytest.fixture(autouse=True)
def cache(own_cache):
    return own_cache / "folders"


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
        ("tiff", grey(np.full((15, 20), 90, np.uint16)), {}, (90,)),
        ("png", grey(np.full((15, 20), 90 * 257, np.uint16)), {}, (90,)),
        ("tiff", grey(np.full((15, 20), 90 * 257, np.int32)), {}, (90,)),
        ("tiff", grey(np.full((15, 20), 0.4, np.float32)), {}, (102,)),
    ],
)
def test_every_format_is_read_in_its_true_colours(photos, ending, image, options, expected):
    for number in range(10):
        save(image, photos / f"{number}.{ending}", **options)
    dataset = folder(photos, (6, 8))
    assert dataset.example_shape == (6, 8, len(expected))
    assert dataset.train.values.dtype == np.uint8
    np.testing.assert_allclose(
        dataset.train.values, np.full((10, 6, 8, len(expected)), expected), atol=2
    )


@pytest.mark.parametrize("size", [(1, 1), (500, 1), (1, 500), (37, 53), (16, 24), (401, 299)])
def test_every_size_becomes_the_wanted_one(photos, size):
    fill(photos)
    save(Image.new("RGB", size, ORANGE), photos / "odd.png")
    dataset = folder(photos, (24, 16))
    assert dataset.example_shape == (24, 16, 3)
    assert np.all(dataset.train.values == ORANGE)


@pytest.mark.parametrize(
    ("text", "expected"), [("48x32", (48, 32)), ("20", (20, 20)), (None, (64, 64))]
)
def test_image_size_is_height_by_width(photos, text, expected):
    fill(photos)
    dataset = load(TrainConfig(dataset=f"folder:{photos}", image_size=text))
    assert dataset.example_shape == (*expected, 3)


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
    turned = folder(photos, (40, 20)).train.values[-1]
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
    assert dataset.example_shape == (8, 8, channels)
    assert dataset.data_kind == ("grey" if channels == 1 else "colour")
    assert np.all(dataset.train.values[:12] == 90)


def test_sub_folders_are_labels_of_their_images(photos):
    for shade, label in ((10, "ant"), (20, "bee"), (30, "cat")):
        fill(photos / label, 7, (shade,) * 3)
        fill(photos / label / "deeper", 2, (shade,) * 3)
    dataset = folder(photos, (8, 8))
    assert dataset.name == "photos"
    assert dataset.class_names == ("ant", "bee", "cat")
    rows = np.concatenate([s.rows for s in (dataset.train, dataset.validation, dataset.test)])
    assert sorted(rows) == list(range(27))
    shades = dataset.train.values[:, 0, 0, 0]
    np.testing.assert_array_equal(shades, 10 * (dataset.train.labels + 1))


@pytest.mark.parametrize("with_labels_too", [False, True])
def test_images_outside_of_sub_folders_make_it_unlabelled(photos, with_labels_too):
    fill(photos)
    if with_labels_too:
        fill(photos / "ant")
    dataset = folder(photos, (8, 8))
    assert dataset.train.labels is None
    assert dataset.class_names == ()
    assert len(dataset.train.values) == (24 if with_labels_too else 12)


def test_hidden_files_and_other_files_are_ignored(photos):
    fill(photos)
    (photos / ".hidden.png").write_bytes(b"no image")
    (photos / "._00.png").write_bytes(b"no image")
    (photos / "notes.txt").write_text("no image")
    (photos / "folder.png").mkdir()
    assert len(folder(photos, (8, 8)).train.values) == 12


def test_folder_with_dot_at_the_end_has_the_name_of_the_folder(photos, monkeypatch):
    fill(photos)
    monkeypatch.chdir(photos)
    assert load(TrainConfig(dataset="folder:.", image_size="8")).name == "photos"


def test_images_are_a_memory_map_and_not_read_into_memory(photos, cache):
    fill(photos)
    dataset = folder(photos, (8, 8))
    for split in (dataset.train, dataset.validation, dataset.test):
        assert isinstance(split.values, np.memmap)
        assert not split.values.flags.writeable
    assert os.path.samefile(dataset.train.values.filename, next(cache.glob("*/images.npy")))


@pytest.mark.parametrize("color_mode", ["grayscale", "rgb"])
def test_second_use_reads_no_image(photos, opened, color_mode):
    fill(photos)
    first = folder(photos, (8, 8), color_mode)
    assert len(set(opened)) == 12
    opened.clear()
    second = folder(photos, (8, 8), color_mode)
    assert opened == []
    np.testing.assert_array_equal(first.train.values, second.train.values)


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
    images = folder(photos, (8, 8), "rgb").train.values
    assert len(set(opened)) == len(images) == count
    assert np.any(images == 255) == (edit in (change, add))


def test_other_sizes_and_modes_are_kept_beside_each_other(photos, opened):
    fill(photos)
    wanted = [((8, 8), "rgb", 3), ((8, 6), "rgb", 3), ((8, 8), "grayscale", 1)]
    for size, mode, _ in wanted:
        folder(photos, size, mode)
    opened.clear()
    for size, mode, channels in wanted:
        assert folder(photos, size, mode).example_shape == (*size, channels)
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


def test_images_keep_their_order_across_chunks(photos, monkeypatch):
    monkeypatch.setattr(MODULE, "CHUNK", 5)
    for number in range(12):
        save(Image.new("L", (9, 9), 20 * number), photos / f"{number:02d}.png")
    images = folder(photos, (4, 4)).train.values
    np.testing.assert_array_equal(images[:, 0, 0, 0], 20 * np.arange(12))


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
    assert not any(cache.rglob("*.*"))
    bad.unlink()
    assert len(folder(photos, (8, 8), color_mode).train.values) == 12


def test_interrupted_filling_leaves_nothing(photos, cache, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    fill(photos)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MODULE, "as_pixels", interrupted)
        folder(photos, (8, 8))
    assert list(cache.iterdir()) == []
    assert len(folder(photos, (8, 8)).train.values) == 12


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


HEADER = "file,smile"
ROWS = [f"{number:02d}.png,{number % 2}" for number in range(12)]


def write_table(folder, lines, encoding="utf-8"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "attributes.csv").write_text("\n".join(lines) + "\n", encoding)


def read_table(folder_path, count=12):
    """The names and values of all examples of a folder, in the order of its files."""
    dataset = folder(folder_path, (4, 4))
    for split in (dataset.train, dataset.validation, dataset.test):
        assert split.attributes.shape == (count, len(dataset.attribute_names))
        assert split.attributes.dtype == np.float32
        np.testing.assert_array_equal(split.own_attributes, split.attributes[split.rows])
    return dataset.attribute_names, dataset.train.attributes


def test_folder_without_a_table_has_no_attributes(photos):
    fill(photos)
    dataset = folder(photos, (4, 4))
    assert dataset.attribute_names == ()
    assert dataset.train.attributes is None


def test_rows_of_the_table_belong_to_the_files_that_they_name(photos):
    for number in range(12):
        shade = Image.new("L", (9, 9), 20 * number)
        save(shade, photos / f"{'ab'[number % 2]}" / f"{number:02d}.png")
    rows = [f"{'ab'[number % 2]}/{number:02d}.png,{20 * number},0.5" for number in range(12)]
    write_table(photos, ["file,shade,half", *reversed(rows)])
    names, values = read_table(photos)
    assert names == ("shade", "half")
    dataset = folder(photos, (4, 4))
    np.testing.assert_array_equal(values[:, 0], dataset.train.values[:, 0, 0, 0])
    assert np.all(values[:, 1] == 0.5)
    assert dataset.class_names == ("a", "b")
    np.testing.assert_array_equal(dataset.train.labels, values[:, 0] // 20 % 2)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("1", "-1"), (1, 0)),
        (("1.0", "-1.0"), (1, 0)),
        (("-1", "-1"), (0, 0)),
        (("1", "1"), (1, 1)),
        (("0", "-1"), (0, -1)),
        (("0", "1"), (0, 1)),
        (("true", "FALSE"), (1, 0)),
        ((" True", "0 "), (1, 0)),
        (("2", "-1"), (2, -1)),
        (("-0.25", "1e3"), (-0.25, 1000)),
    ],
)
def test_cells_are_numbers_words_or_signs(photos, cells, expected):
    fill(photos)
    rows = [f"{number:02d}.png,{cells[number % 2]},7" for number in range(12)]
    write_table(photos, ["file,some,other", *rows])
    _, values = read_table(photos)
    np.testing.assert_array_equal(values, [(value, 7) for value in expected] * 6)


def test_table_as_spreadsheets_write_it_is_read(photos):
    fill(photos, 11)
    save(Image.new("RGB", (5, 5)), photos / "Zoë, smiling.png")
    rows = [*ROWS[:11], '"Zoë, smiling.png",0.5', "", ",", ""]
    write_table(photos, ["file, smile ", *rows], "utf-8-sig")
    names, values = read_table(photos)
    assert names == ("smile",)
    np.testing.assert_array_equal(values[:, 0], [0, 1] * 5 + [0, 0.5])


def test_changed_table_counts_at_once_and_reads_no_image(photos, opened):
    fill(photos)
    folder(photos, (4, 4), "rgb")
    opened.clear()
    for value in (2, 3):
        write_table(photos, [HEADER, *(f"{number:02d}.png,{value}" for number in range(12))])
        assert np.all(folder(photos, (4, 4), "rgb").train.attributes == value)
    assert opened == []


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ([], "is empty"),
        (["", "", ""], "is empty"),
        ([HEADER], "lacks 12 of 12 images, such as '00.png'"),
        (["name,smile", *ROWS], "starts with 'name'.* file,NAME"),
        (["file;smile", *ROWS], "starts with 'file;smile'"),
        (ROWS, "starts with '00.png'"),
        (["file", *(row[:6] for row in ROWS)], "lacks the name of a column"),
        (["file,smile,", *(row + ",1" for row in ROWS)], "lacks the name of a column"),
        (["file,hat,hat", *(row + ",1" for row in ROWS)], "two columns called 'hat'"),
        ([HEADER, *ROWS[:7], *ROWS[8:]], "lacks 1 of 12 images, such as '07.png'"),
        ([HEADER, *ROWS[2:]], "lacks 2 of 12 images, such as '00.png'"),
        ([HEADER, *ROWS, "12.png,1"], "line 14: there is no image '12.png'"),
        ([HEADER, *ROWS[:11], "/11.png,1"], "line 13: there is no image '/11.png'"),
        ([HEADER, *ROWS, "03.png,1"], "line 14: lists '03.png' for the second time"),
        ([HEADER, *ROWS[:11], "03.png,1"], "line 13: lists '03.png' for the second time"),
        ([HEADER, "00.png", *ROWS[1:]], "line 2: has 0 values for 1 columns"),
        ([HEADER, "00.png,1,2", *ROWS[1:]], "line 2: has 2 values for 1 columns"),
        ([HEADER, *ROWS[:11], '"11.png,1'], "not a readable table"),
        *(
            ([HEADER, "00.png," + cell, *ROWS[1:]], f"line 2: 'smile' is '{cell}'")
            for cell in ("", "yes", "1x", "nan", "inf", "-inf", "1e39")
        ),
        ([HEADER, '00.png,"0,5"', *ROWS[1:]], "line 2: 'smile' is '0,5': it must be a number"),
    ],
)
def test_wrong_table_is_named_before_anything_is_resized(photos, cache, lines, wrong):
    fill(photos)
    write_table(photos, lines)
    with pytest.raises(UserError, match=wrong) as caught:
        folder(photos, (4, 4))
    assert str(caught.value).startswith(str(photos / "attributes.csv"))
    assert len(str(caught.value).splitlines()) == 1
    assert not cache.exists()


def test_table_in_another_encoding_is_named(photos):
    fill(photos)
    write_table(photos, ["file,größe", *ROWS], "latin-1")
    with pytest.raises(UserError, match=r"attributes\.csv: not a readable table .*UTF-8"):
        folder(photos, (4, 4))


@pytest.fixture(scope="module")
def ten_photos(tmp_path_factory):
    """A folder that all examples of a property share."""
    photos = tmp_path_factory.mktemp("ten")
    fill(photos, 10)
    return photos


NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(categories=["L", "N"], include_characters=" ,\"_'"), min_size=1)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_every_table_of_numbers_comes_back(ten_photos, data):
    names = data.draw(
        st.lists(NAMES.filter(str.strip), min_size=1, max_size=4, unique_by=str.strip)
    )
    row = st.lists(NUMBERS, min_size=len(names), max_size=len(names))
    values = np.array(data.draw(st.lists(row, min_size=10, max_size=10)), np.float32)
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    order = data.draw(st.permutations(range(10)))
    rows = [f"{n:02d}.png," + ",".join(repr(float(v)) for v in values[n]) for n in order]
    write_table(ten_photos, [f"file,{quoted}", *rows])
    found_names, found = read_table(ten_photos, 10)
    assert found_names == tuple(name.strip() for name in names)
    is_sign = (abs(values) == 1).all(axis=0)
    np.testing.assert_array_equal(found[:, ~is_sign], values[:, ~is_sign])
    np.testing.assert_array_equal(found[:, is_sign], values[:, is_sign] == 1)


CELLS = st.text(st.characters(codec="utf-8"), max_size=6) | st.text(
    "0189.+-e_ infatrus", max_size=5
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(CELLS, st.integers(0, 9))
def test_cell_is_a_finite_number_or_an_error(ten_photos, cell, place):
    rows = [f"{number:02d}.png,0.5" for number in range(10)]
    rows[place] = f'{place:02d}.png,"{cell.replace(chr(34), 2 * chr(34))}"'
    write_table(ten_photos, [HEADER, *rows])
    try:
        _, values = read_table(ten_photos, 10)
    except UserError as error:
        assert str(ten_photos / "attributes.csv") in str(error)
        assert len(str(error).splitlines()) == 1
    else:
        words = {"true": 1.0, "false": 0.0}
        word = cell.strip().lower()
        expected = words[word] if word in words else float(cell)
        assert math.isfinite(values[place, 0])
        assert values[place, 0] == np.float32(expected)


# One scale for all images


def write_series(photos, values, ending="tiff"):
    """Grey images of one value each, named in their order."""
    for number, value in enumerate(values):
        save(grey(np.full((6, 6), value, values.dtype)), photos / f"{number:02}.{ending}")


def brightness(dataset):
    rows = np.concatenate([getattr(dataset, s).rows for s in ("train", "validation", "test")])
    assert sorted(rows) == list(range(len(rows)))
    return dataset.train.values[:, 0, 0, 0]


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (np.linspace(0, 4_095, 12).astype(np.uint16), 4_095),
        (np.linspace(0, 40_000, 12).astype(np.uint16), 65_535),
        (np.linspace(0, 900, 12).astype(np.int32), 1_023),
        (np.linspace(0, 1, 12).astype(np.float32), 1),
    ],
)
def test_deep_images_have_one_scale(photos, values, white):
    write_series(photos, values)
    for _ in range(2):  # the second is from the cache
        dataset = folder(photos, (6, 6))
        expected = 255.0 * values / white
        np.testing.assert_allclose(brightness(dataset), expected, atol=0.51)
        assert dataset.notes == (f"of the pixels of 12 images, 0 is black and {white} is white",)


def test_black_and_white_can_be_said(photos):
    values = np.linspace(-1_000, 3_000, 12).astype(np.int32)
    write_series(photos, values)
    with pytest.raises(UserError, match=r"integers from -1000 to 3000: .* --pixel-range LOW,HIGH"):
        folder(photos, (6, 6))
    dataset = folder(photos, (6, 6), pixel_range=PixelRange(-1_000, 1_000))
    expected = 255 * ((values + 1_000) / 2_000).clip(0, 1)
    np.testing.assert_allclose(brightness(dataset), expected, atol=0.51)


def test_a_run_keeps_the_scale_of_its_images(photos, cache):
    write_series(photos, np.linspace(0, 3_000, 12).astype(np.uint16))
    wanted = dict(dataset=f"folder:{photos}", image_size="6")
    dataset = load(TrainConfig(**wanted))
    config = TrainConfig(**wanted).resolved(dataset)
    assert config.pixel_range == "0,4095"
    for file in photos.iterdir():
        file.unlink()
    write_series(photos, np.full(12, 1_000, np.uint16))  # of which 1023 would be white
    np.testing.assert_allclose(brightness(load(config)), 255 * 1_000 / 4_095, atol=0.51)


def test_a_kept_scale_needs_no_second_copy_of_the_images(photos, cache):
    write_series(photos, np.linspace(0, 3_000, 12).astype(np.uint16))
    for pixel_range in (None, parsed_range("0,4095")):
        folder(photos, (6, 6), pixel_range=pixel_range)
    assert len(list(cache.iterdir())) == 1


def test_images_of_eight_bits_settle_nothing(photos):
    fill(photos)
    dataset = load(TrainConfig(dataset=f"folder:{photos}", image_size="8"))
    assert TrainConfig().resolved(dataset).pixel_range is None


def test_floats_beyond_one_are_not_guessed_at(photos):
    write_series(photos, np.linspace(0, 102, 12, dtype=np.float32))
    with pytest.raises(UserError, match="floats from 0 to 102"):
        folder(photos, (6, 6))


def test_a_value_that_is_nan_is_named(photos):
    values = np.linspace(0, 1, 12, dtype=np.float32)
    values[7] = np.nan
    write_series(photos, values)
    with pytest.raises(UserError, match=r"07\.tiff' has 36 values that are NaN"):
        folder(photos, (6, 6))


# What is left out, and what is followed


def test_what_is_left_out_is_counted_by_the_reason(photos):
    fill(photos)
    for name in ("a.heic", "b.heic", "notes.txt", "README", ".hidden"):
        (photos / name).write_bytes(b"?")
    os.mkfifo(photos / "pipe.png")  # to read it would never end
    (note,) = folder(photos, (8, 8)).notes
    start, reasons = note.split(": ")
    assert start == "left out 5 files"
    assert set(reasons.split(", ")) == {
        *("2 .heic", "1 .txt", "1 without an ending", "1 that are no regular files"),
    }


def test_pages_and_frames_beyond_the_first_are_told(photos):
    fill(photos)
    frames = [Image.new("L", (9, 9), value) for value in (10, 200)]
    frames[0].save(photos / "stack.tiff", save_all=True, append_images=frames[1:])
    frames[0].save(photos / "film.gif", save_all=True, append_images=frames[1:])
    (note,) = folder(photos, (8, 8)).notes
    assert note == "only the first page or frame is used of 2 files like 'film.gif'"


def test_a_loose_image_costs_the_labels_and_is_named(photos):
    for label in ("cats", "dogs"):
        (photos / label).mkdir(parents=True)
        fill(photos / label)
    assert folder(photos, (8, 8)).class_names == ("cats", "dogs")
    save(Image.new("RGB", (9, 9)), photos / "loose.png")
    dataset = folder(photos, (8, 8))
    assert dataset.train.labels is None
    (note,) = dataset.notes
    assert note.startswith("no labels: 1 of 25 images, such as 'loose.png', lie in no sub-folder")


def test_linked_class_folders_are_followed_but_not_in_a_circle(photos, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    fill(elsewhere)
    photos.mkdir(exist_ok=True)
    (photos / "dogs").symlink_to(elsewhere)
    (photos / "cats").mkdir()
    fill(photos / "cats")
    (photos / "cats" / "up").symlink_to(photos)
    dataset = folder(photos, (8, 8))
    assert dataset.class_names == ("cats", "dogs")
    assert len(dataset.train.values) == 24


@pytest.mark.parametrize(
    ("names", "with_classes"),
    [(("train", "test"), True), (("train", "val", "test"), True), (("Training", "valid"), False)],
)
def test_folders_called_like_splits_are_the_splits(photos, names, with_classes):
    brightness = dict(zip(names, (10, 100, 200)))
    for name, value in brightness.items():
        for label in ("a", "b") if with_classes else (".",):
            (photos / name / label).mkdir(parents=True, exist_ok=True)
            for number in range(20 if name.lower().startswith("train") else 6):
                save(Image.new("L", (9, 9), value), photos / name / label / f"{number}.png")
    dataset = folder(photos, (8, 8))
    assert dataset.class_names == (("a", "b") if with_classes else ())
    assert set(np.unique(dataset.train.read(slice(None)))) == {10}
    for split, spellings in (("validation", ("val", "valid")), ("test", ("test",))):
        (own,) = [brightness[name] for name in names if name in spellings] or [10]
        assert set(np.unique(getattr(dataset, split).read(slice(None)))) == {own}
    assert f"the splits are the folders {', '.join(sorted(names))}" in dataset.notes


@pytest.mark.parametrize("name", ["program.eps", "program.png"])
def test_no_program_is_started_to_read_an_image(photos, name, monkeypatch):
    fill(photos)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    monkeypatch.setattr(subprocess, "check_call", lambda *_, **__: pytest.fail("started"))
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n{} loop\n%%EOF\n"
    (photos / name).write_bytes(program)
    if name.endswith("png"):
        with pytest.raises(UserError, match=r"program\.png' cannot be read"):
            folder(photos, (8, 8))
    else:
        assert folder(photos, (8, 8)).notes == ("left out 1 file: 1 .eps",)


def test_an_image_of_too_many_pixels_is_refused_with_the_limit(tmp_path):
    Image.new("1", (10_000, 9_000)).save(tmp_path / "large.png")
    with pytest.raises(UserError, match=r"10,000×9,000 pixels, and at most 80,000,000 are read"):
        folder(tmp_path, (8, 8))
