import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vae_keras import TrainConfig, UserError, load
from vae_keras.data.dataset import Examples, split_dataset
from vae_keras.data.images.celeba import celeba
from vae_keras.data.images.folder import folder

COUNT = 20
FILES = [f"{number:06d}.jpg" for number in range(1, COUNT + 1)]
NAMES = ["5_o_Clock_Shadow", "Male", "Smiling"]
GENERATOR = np.random.default_rng(0)
SIGNS = GENERATOR.choice([-1, 1], (COUNT, len(NAMES)))
PARTS = GENERATOR.permutation([0] * 14 + [1] * 2 + [2] * 4)
ATTRIBUTE_ROWS = [[file, *map(str, signs)] for file, signs in zip(FILES, SIGNS)]
PART_ROWS = [[file, str(part)] for file, part in zip(FILES, PARTS)]


@pytest.fixture(autouse=True)
def cache(own_cache):
    return own_cache


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The layout of the original archive, which no test changes."""
    root = tmp_path_factory.mktemp("celeba")
    write(root)
    return root


@pytest.fixture(scope="module")
def rewritten(unpacked, tmp_path_factory):
    """A copy whose lists every example of a property writes anew."""
    return shutil.copytree(unpacked, tmp_path_factory.mktemp("rewritten") / "celeba")


@pytest.fixture
def own(unpacked, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(unpacked, tmp_path / "own")


def write(root):
    for number, file in enumerate(FILES):
        write_image(root / "img_align_celeba" / file, seed=number)
    write_attributes(root)
    write_parts(root)


def write_image(path, seed=0, size=(178, 218)):
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 6, 3), np.uint8)
    Image.fromarray(coarse).resize(size).save(path)


def write_attributes(root, rows=ATTRIBUTE_ROWS, names=NAMES, count=None):
    # as published: the header ends in a space, and the positive numbers are padded with one
    lines = [str(len(rows) if count is None else count), " ".join(names) + " "]
    lines += [" ".join([row[0], *(cell.rjust(2) for cell in row[1:])]) for row in rows]
    (root / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")


def write_parts(root, rows=PART_ROWS):
    (root / "list_eval_partition.txt").write_text("\n".join(map(" ".join, rows)) + "\n")


def write_as_csv(root):
    for stem, header, rows in (
        ("list_attr_celeba", ["image_id", *NAMES], ATTRIBUTE_ROWS),
        ("list_eval_partition", ["image_id", "partition"], PART_ROWS),
    ):
        (root / f"{stem}.txt").unlink()
        lines = map(",".join, [header, *rows])
        (root / f"{stem}.csv").write_text("\r\n".join(lines) + "\r\n", newline="")


def nest(root):
    (root / "img_align_celeba").rename(root / "inner")
    (root / "img_align_celeba").mkdir()
    (root / "inner").rename(root / "img_align_celeba" / "img_align_celeba")


def splits_of(dataset):
    return [dataset.train, dataset.validation, dataset.test]


@pytest.mark.parametrize(
    "changes",
    [[], [write_as_csv], [nest], [write_as_csv, nest]],
    ids=["txt", "csv", "nested", "kaggle"],
)
def test_every_layout_gives_the_published_splits_and_attributes(own, changes):
    for change in changes:
        change(own)
    found = celeba(own, (16, 16))
    assert found.name == "celeba"
    assert found.example_shape == (16, 16, 3)
    assert found.attribute_names == tuple(NAMES)
    assert found.class_names == ()
    for number, split in enumerate(splits_of(found)):
        np.testing.assert_array_equal(split.rows, np.flatnonzero(np.equal(PARTS, number)))
        assert split.labels is None
        assert split.attributes.dtype == np.float32
        np.testing.assert_array_equal(split.own_attributes, SIGNS[split.rows] == 1)


def test_rows_belong_to_the_images_that_they_name(own):
    write_attributes(own, ATTRIBUTE_ROWS[::-1])
    write_parts(own, PART_ROWS[5:] + PART_ROWS[:5])
    found = celeba(own, (16, 16))
    np.testing.assert_array_equal(found.train.attributes, SIGNS == 1)
    np.testing.assert_array_equal(found.test.rows, np.flatnonzero(np.equal(PARTS, 2)))


def test_images_are_the_central_square_pixel_by_pixel(unpacked):
    images = celeba(unpacked, (148, 148)).train.values
    for file, image in zip(FILES, images):
        whole = np.asarray(Image.open(unpacked / "img_align_celeba" / file))
        np.testing.assert_array_equal(image, whole[35:183, 15:163])


def test_square_fills_the_image_and_nothing_else_does(own):
    """A green square in red: where it ends is seen in the resized image."""
    for file in FILES:
        pixels = np.full((218, 178, 3), (255, 0, 0), np.uint8)
        pixels[35:183, 15:163] = (0, 255, 0)
        Image.fromarray(pixels).save(own / "img_align_celeba" / file, quality=100, subsampling=0)
    images = celeba(own, (37, 37)).train.values
    np.testing.assert_allclose(images, np.full(images.shape, (0, 255, 0)), atol=30)


def test_image_size_is_height_by_width(unpacked):
    assert celeba(unpacked, (24, 12)).example_shape == (24, 12, 3)


def test_images_are_a_memory_map_of_the_cache_that_all_splits_share(unpacked, cache):
    found = celeba(unpacked, (16, 16))
    [file] = cache.rglob("*.npy")
    for split in splits_of(found):
        assert isinstance(split.values, np.memmap)
        assert split.values.filename == file
        assert not split.values.flags.writeable


def test_second_use_reads_no_image_and_follows_changed_lists(own, monkeypatch):
    first = celeba(own, (16, 16))
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("read an image"))
    second = celeba(own, (16, 16))
    np.testing.assert_array_equal(first.train.values, second.train.values)
    write_attributes(own, [[file, "1", "1", "1"] for file in FILES])
    assert celeba(own, (16, 16)).train.attributes.min() == 1


def test_the_same_folder_uncropped_is_kept_beside_it(unpacked):
    cropped = celeba(unpacked, (16, 16)).train.values
    uncropped = folder(unpacked / "img_align_celeba", (16, 16), "rgb").train.values
    assert cropped.shape == uncropped.shape
    assert np.abs(np.subtract(cropped, uncropped, dtype=np.int16)).mean() > 5
    np.testing.assert_array_equal(celeba(unpacked, (16, 16)).train.values, cropped)


def test_without_a_partition_the_splits_are_drawn_as_for_a_folder(own):
    (own / "list_eval_partition.txt").unlink()
    found = celeba(own, (16, 16))
    expected = split_dataset("any", Examples(np.zeros((COUNT, 1, 1, 1), np.uint8)))
    for split, wanted in zip(splits_of(found), splits_of(expected)):
        np.testing.assert_array_equal(split.rows, wanted.rows)
    assert found.attribute_names == tuple(NAMES)
    np.testing.assert_array_equal(found.test.own_attributes, SIGNS[found.test.rows] == 1)


def test_images_have_three_channels_even_if_all_are_grey(own):
    for file in FILES:
        Image.new("L", (178, 218), 90).save(own / "img_align_celeba" / file)
    found = celeba(own, (8, 8))
    assert found.example_shape == (8, 8, 3)
    assert np.all(found.train.values == 90)


def test_unknown_attribute_zero_counts_as_not_there(own):
    write_attributes(own, [[FILES[0], "0", "1", "-1"], *ATTRIBUTE_ROWS[1:]])
    np.testing.assert_array_equal(celeba(own, (8, 8)).train.attributes[0], [0, 1, 0])


def test_text_is_preferred_to_a_csv_beside_it(own):
    (own / "list_attr_celeba.csv").write_text("broken")
    np.testing.assert_array_equal(celeba(own, (8, 8)).train.attributes, SIGNS == 1)


def no_images(root):
    shutil.rmtree(root / "img_align_celeba")


def empty_images(root):
    no_images(root)
    (root / "img_align_celeba").mkdir()


def no_attributes(root):
    (root / "list_attr_celeba.txt").unlink()


def fewer_images(root):
    (root / "img_align_celeba" / FILES[3]).unlink()


def more_images(root):
    write_image(root / "img_align_celeba" / "extra.jpg")


def attributes(*arguments, **options):
    return lambda root: write_attributes(root, *arguments, **options)


def attribute_text(text):
    return lambda root: (root / "list_attr_celeba.txt").write_text(text)


def parts(rows):
    return lambda root: write_parts(root, rows)


def csv(stem, text):
    def change(root):
        write_as_csv(root)
        (root / f"{stem}.csv").write_text(text)

    return change


SPOILT = [
    (shutil.rmtree, "img_align_celeba' does not exist: name the folder where"),
    (no_images, "img_align_celeba' does not exist: name the folder where"),
    (empty_images, "img_align_celeba' is empty"),
    (no_attributes, r"has no list_attr_celeba.txt or .csv: put it there"),
    (fewer_images, r"attr_celeba.txt, line 6: there is no image '000004.jpg'"),
    (more_images, r"attr_celeba.txt: lacks 1 of 21 images, such as 'extra.jpg'"),
    (attribute_text(""), "attr_celeba.txt: is empty or ends before its header"),
    (attribute_text("20\n"), "attr_celeba.txt: is empty or ends before its header"),
    (attribute_text("Male Young\n"), "first line must be the count"),
    (attribute_text("-3\nMale\n"), "first line must be the count"),
    (attribute_text("20\nMale Male\n"), "two columns called 'Male'"),
    (attributes(count=19), "first line says 19 images but 20 follow"),
    (attributes(count=202_599), "first line says 202,599 images but 20 follow"),
    (attributes(ATTRIBUTE_ROWS[:15], count=20), "first line says 20 images but 15 follow"),
    (attributes(ATTRIBUTE_ROWS[:15]), "lacks 5 of 20 images, such as '000016.jpg'"),
    (
        attributes([*ATTRIBUTE_ROWS, ATTRIBUTE_ROWS[0]]),
        "line 23: lists '000001.jpg' for the second",
    ),
    (attributes(names=NAMES[:2]), "line 3: has 3 values for 2 columns"),
    (attributes(names=[*NAMES, "Young"]), "line 3: has 3 values for 4 columns"),
    (
        attributes([*ATTRIBUTE_ROWS[:9], [FILES[9], "1", "2", "1"], *ATTRIBUTE_ROWS[10:]]),
        "line 12: 'Male' is '2': it must be -1 or 1",
    ),
    (csv("list_attr_celeba", ""), "attr_celeba.csv: is empty"),
    (csv("list_attr_celeba", "image_id\n"), "attr_celeba.csv: its header lacks the name"),
    (csv("list_attr_celeba", "image_id,A,\n"), "attr_celeba.csv: its header lacks the name"),
    (csv("list_attr_celeba", "image_id,A\n"), "attr_celeba.csv: lacks 20 of 20"),
    (csv("list_attr_celeba", "image_id,A\n000001.jpg,1.5\n"), "line 2: 'A' is '1.5'"),
    (csv("list_eval_partition", ""), "eval_partition.csv: is empty"),
    (parts([]), "eval_partition.txt: lacks 20 of 20 images"),
    (parts(PART_ROWS[:-1]), "eval_partition.txt: lacks 1 of 20 images, such as '000020.jpg'"),
    (parts([*PART_ROWS, ["000021.jpg", "0"]]), "line 21: there is no image '000021.jpg'"),
    (parts([*PART_ROWS, PART_ROWS[0]]), "line 21: lists '000001.jpg' for the second time"),
    (parts([*PART_ROWS[:19], [FILES[19], "3"]]), "line 20: 'split' is '3': it must be 0, 1 or 2"),
    (parts([*PART_ROWS[:19], [FILES[19]]]), "line 20: has 0 values for 1 columns"),
    (parts([[file, "0"] for file in FILES]), "has no validation images"),
    (parts([[file, "12"[n % 2]] for n, file in enumerate(FILES)]), "has no training images"),
    (parts([[file, "01"[n % 2]] for n, file in enumerate(FILES)]), "has no test images"),
]


@pytest.mark.parametrize(("spoil", "wrong"), SPOILT)
def test_what_is_wrong_is_named_before_anything_is_resized(own, cache, spoil, wrong):
    spoil(own)
    with pytest.raises(UserError, match=wrong) as caught:
        celeba(own, (16, 16))
    assert str(own) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not cache.exists()


def no_image(path):
    path.write_bytes(b"no image")


def truncated(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def too_large(path):
    write_image(path, size=(400, 600))


def turned(path):
    write_image(path, size=(218, 178))


@pytest.mark.parametrize(
    ("spoil", "wrong"),
    [
        (no_image, "cannot be read"),
        (truncated, "cannot be read"),
        (too_large, "is 400×600 pixels, not 178×218"),
        (turned, "is 218×178 pixels, not 178×218"),
    ],
)
def test_bad_image_is_named_and_nothing_is_left(own, cache, spoil, wrong):
    bad = own / "img_align_celeba" / FILES[7]
    spoil(bad)
    with pytest.raises(UserError, match=wrong) as caught:
        celeba(own, (16, 16))
    assert str(caught.value).startswith(f"image {str(bad)!r}")
    assert len(str(caught.value).splitlines()) == 1
    assert not any((cache / "folders").rglob("*.*"))


TOKENS = st.sampled_from(["-1", "0", "1", "2", "3", "x", "", "000001.jpg", "1 1", '"', "é", "\x00"])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_one_changed_cell_is_an_error_unless_it_means_something(rewritten, data):
    """Whatever stands in one cell, it is read as what it says, or named."""
    is_parts = data.draw(st.booleans())
    rows = [list(row) for row in (PART_ROWS if is_parts else ATTRIBUTE_ROWS)]
    row = data.draw(st.sampled_from(rows))
    column = data.draw(st.integers(0, len(row) - 1))
    before, row[column] = row[column], data.draw(TOKENS)
    write_parts(rewritten, rows if is_parts else PART_ROWS)
    write_attributes(rewritten, ATTRIBUTE_ROWS if is_parts else rows)
    allowed = ("0", "1", "2") if is_parts else ("-1", "0", "1")
    if row[column] == before or (column > 0 and row[column] in allowed):
        found = celeba(rewritten, (8, 8))
        signs = SIGNS if is_parts else [list(map(int, row[1:])) for row in rows]
        np.testing.assert_array_equal(found.train.attributes, np.array(signs) == 1)
        wanted = [int(row[1]) for row in rows] if is_parts else PARTS
        for number, split in enumerate(splits_of(found)):
            np.testing.assert_array_equal(split.rows, np.flatnonzero(np.equal(wanted, number)))
    else:
        with pytest.raises(UserError, match=r"list_(attr|eval)") as caught:
            celeba(rewritten, (8, 8))
        assert len(str(caught.value).splitlines()) == 1


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(COUNT)), st.sets(st.integers(0, COUNT - 1)), st.booleans())
def test_lists_that_lack_or_repeat_images_are_errors_in_any_order(rewritten, order, some, repeated):
    chosen = [*order, *some] if repeated else [number for number in order if number not in some]
    write_parts(rewritten)
    write_attributes(rewritten, [ATTRIBUTE_ROWS[number] for number in chosen])
    if some:
        wrong = "second time" if repeated else f"lacks {len(some)} of {COUNT} images"
        with pytest.raises(UserError, match=wrong):
            celeba(rewritten, (8, 8))
    else:
        np.testing.assert_array_equal(celeba(rewritten, (8, 8)).train.attributes, SIGNS == 1)


def test_celeba_has_a_name_and_a_size(unpacked):
    found = load(TrainConfig(dataset=f"celeba:{unpacked}", image_size="24x12"))
    assert found.example_shape == (24, 12, 3)
