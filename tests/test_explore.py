"""The page: what it asks of the model, without a browser; and the page itself in Chromium."""

import asyncio
import base64
import http.client
import io
import itertools
import json
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_keras import UserError, data, load_exported
from vae_keras.data.folder import as_pixels
from vae_keras.export import TRAINING, ExportedModel
from vae_keras.features import FeatureVector, save

explore = pytest.importorskip("vae_keras.explore", exc_type=UserError)

PRETRAINED = Path(__file__).parents[1] / "saved_models" / "pretrained"
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PATIENCE = 30_000  # milliseconds
UPLOAD, MORPH = "An image and its reconstruction", "From one image to another"


@pytest.fixture(scope="module")
def digits():
    """Two-dimensional: with a plane."""
    return explore.Explorer(PRETRAINED / "digits_vae")


@pytest.fixture(scope="module")
def conditional():
    return explore.Explorer(PRETRAINED / "mnist_cvae")


def as_file(pixels, kind="PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def photo(height=60, width=90) -> np.ndarray:
    """A colour picture of a light square, left of the middle."""
    pixels = np.full((height, width, 3), 30, np.uint8)
    pixels[height // 4 : height // 2, width // 4 : width // 2] = (250, 200, 120)
    return pixels


def bomb(side=60_000) -> bytes:
    """A PNG file of a few bytes that says it has `side`² pixels."""

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1_000))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# What the page asks of the model


def test_a_code_is_decoded_to_the_pixels_of_the_model(digits):
    z = np.float32([0.5, -1])
    expected = load_exported(PRETRAINED / "digits_vae").decode(z[None])[0] * 255
    assert digits.decode(z).dtype == np.uint8
    np.testing.assert_allclose(digits.decode(z), expected, atol=0.51)


def test_the_plane_shows_every_code_at_its_place(digits):
    height, width, _ = digits.image_shape
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
    explorer = explore.Explorer(PRETRAINED / "mnist_vae_20d")
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
    explorer = explore.Explorer(PRETRAINED / "digits_vae")
    codes, spread = explorer.samples, explorer.samples.std(axis=0)
    np.testing.assert_allclose(explorer.centre, codes.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(explorer.high - explorer.low, 6 * spread, rtol=1e-5)
    assert explorer.random_code(np.random.default_rng(0)) in codes


def test_the_class_decides_what_a_conditional_model_draws(conditional):
    z = conditional.random_code(np.random.default_rng(0))
    images = [conditional.decode(z, label) for label in range(len(conditional.class_names))]
    for one, other in itertools.combinations(images, 2):
        assert np.abs(one.astype(int) - other).mean() > 3
    image = images[3] / np.float32(255)
    again = conditional.decode(conditional.encode(image, 3), 3)
    assert np.abs(again - images[3].astype(int)).mean() < 15


def with_features(folder: Path, *vectors) -> Path:
    path = shutil.copytree(PRETRAINED / "digits_vae", folder / "digits_vae")
    save([FeatureVector(name, np.float32(vector)) for name, vector in vectors], path / FEATURES)
    return path


FEATURES = "features.json"


def test_features_are_those_in_the_folder_of_the_model(digits, tmp_path):
    explorer = explore.Explorer(with_features(tmp_path, ("wide", [1, 0]), ("bold", [0, 2])))
    moved = explorer.with_features(np.float32([0.5, 0.5]), {"wide": -1.0, "bold": 0.5})
    np.testing.assert_allclose(moved, [-0.5, 1.5])
    assert digits.features == {}


def test_features_of_another_model_are_refused(tmp_path):
    with pytest.raises(UserError, match="3 dimensions"):
        explore.Explorer(with_features(tmp_path, ("wide", [1, 0, 0])))


@pytest.mark.parametrize("method", ["linear", "spherical"])
def test_a_morph_begins_and_ends_with_its_images(digits, method):
    ends = np.float32([1, -1]), np.float32([-0.5, 2])
    frames = digits.morph(ends, 7, method)
    assert frames.shape == (7, *digits.image_shape)
    for frame, end in ((frames[0], ends[0]), (frames[-1], ends[1])):
        np.testing.assert_allclose(frame, digits.decode(end), atol=1)


def test_a_strip_holds_all_frames_and_a_film_goes_back(digits):
    frames = digits.morph((np.float32([1, -1]), np.float32([-0.5, 2])), 5)
    picture = np.asarray(Image.open(io.BytesIO(explore.strip(frames))))
    assert picture.shape == (112, 5 * 112)  # 14 times as large as the digits
    np.testing.assert_array_equal(picture[::14, ::14], np.hstack(frames[..., 0]))
    film = Image.open(io.BytesIO(explore.film(frames)))
    assert film.n_frames == 8  # five there, three back
    film.seek(6)
    np.testing.assert_array_equal(np.asarray(film.convert("L"))[::14, ::14], frames[2, ..., 0])


# The model and its examples


def test_a_model_that_does_not_exist_is_named():
    with pytest.raises(UserError, match="no exported model 'nowhere'"):
        explore.Explorer("nowhere")


@pytest.mark.parametrize("missing", ["decode", "encode", "generate"])
def test_a_model_without_an_endpoint_is_refused(tmp_path, missing):
    model = tf.saved_model.load(str(PRETRAINED / "digits_vae"))
    kept = {name: one for name, one in model.signatures.items() if name != missing}
    tf.saved_model.save(model, str(tmp_path / "poor"), signatures=kept)
    with pytest.raises(UserError, match=f"poor.*no endpoint.*{missing}") as error:
        explore.Explorer(tmp_path / "poor")
    assert "\n" not in str(error.value)


def trained_on(folder: Path, **config) -> Path:
    """The digits' model, as if it had been trained with this configuration."""
    path = shutil.copytree(PRETRAINED / "digits_vae", folder / "copy")
    (path / TRAINING).write_text(json.dumps(config))
    return path


def test_examples_are_test_images_one_of_each_class(tmp_path):
    model = load_exported(trained_on(tmp_path, dataset="digits"))
    found = explore.example_images(model)
    assert (found.source, found.labels) == ("test images of digits", None)
    images, labels = data.load(explore.read_config(model.path / TRAINING)).test.arrays()
    known = {image.tobytes(): label for image, label in zip(images, labels)}
    assert [known[image.tobytes()] for image in found.images] == list(range(10))


@pytest.mark.parametrize("dataset", ["mnist", "nowhere.npz", "folder:nowhere"])
def test_without_its_data_a_model_draws_the_examples_and_downloads_nothing(
    tmp_path, monkeypatch, dataset
):
    monkeypatch.delenv("VAE_KERAS_DATA_DIR", raising=False)
    monkeypatch.setattr("keras.datasets.mnist.load_data", lambda: pytest.fail("a download"))
    found = explore.example_images(load_exported(trained_on(tmp_path, dataset=dataset)))
    assert found.source == "drawn by the model"
    assert found.images.shape == (10, 8, 8, 1)


def test_a_data_folder_that_does_not_exist_is_named(tmp_path):
    model = load_exported(trained_on(tmp_path, dataset="mnist"))
    with pytest.raises(UserError, match="data folder 'nowhere' does not exist"):
        explore.example_images(model, "nowhere")


# Uploaded images and written codes


@pytest.mark.parametrize("channels, mode", [(1, "grayscale"), (3, "rgb")])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_an_image_is_cropped_and_resized_like_those_of_a_folder(channels, mode, kind):
    content = as_file(photo(), kind)
    image = explore.read_image(content, (8, 12, channels))
    assert image.dtype == np.float32
    expected = as_pixels(Image.open(io.BytesIO(content)), (8, 12), mode)
    np.testing.assert_array_equal(image, expected / np.float32(255))


def test_an_image_is_turned_as_its_camera_says():
    image, content, exif = Image.fromarray(photo(60, 60)), io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    image.save(content, "PNG", exif=exif)
    upright = explore.read_image(as_file(np.rot90(photo(60, 60), -1)), (10, 10, 3))
    np.testing.assert_array_equal(explore.read_image(content.getvalue(), (10, 10, 3)), upright)


BAD_FILES = {
    "empty": (b"", "not an image"),
    "text": (b"hello, world" * 100, "not an image"),
    "cut off": (as_file(photo())[:150], "damaged"),
    "changed": (as_file(photo())[:60] + bytes(40) + as_file(photo())[100:], "damaged"),
    "a bomb": (bomb(), "more than 25 million pixels"),
    "a small bomb": (bomb(5_001), "more than 25 million pixels"),
    "large": (bytes(10 * 2**20 + 1), "larger than 10 MB"),
    "a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_gives_one_line(name):
    content, reason = BAD_FILES[name]
    with pytest.raises(UserError, match=reason) as error:
        explore.read_image(content, (8, 8, 1))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["0.5, -1, 2e0", " [0.5 -1 2]\n", "0.5,-1,2"])
def test_a_code_is_read_as_it_is_written(text):
    assert explore.read_code(text, 3).tolist() == [0.5, -1, 2]
    assert explore.written_code([0.5, -1, 2]) == "0.500, -1.000, 2.000"


@pytest.mark.parametrize("text", ["", "1, 2", "1, 2, 3, 4", "1, 2, x", "1, 2, nan", "1, 2, 1e99"])
def test_what_is_no_code_of_this_size_is_refused(text):
    with pytest.raises(UserError, match="code"):
        explore.read_code(text, 3)


def test_of_what_is_asked_while_a_picture_is_made_the_last_alone_is_done():
    asked, done = [], []

    async def work():
        state = asked[-1]
        await asyncio.sleep(0.01)
        done.append(state)

    async def ask():
        show, waiting = explore.Latest(work), []
        for number in range(20):
            asked.append(number)
            waiting.append(asyncio.create_task(show()))
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)

    asyncio.run(ask())
    assert done == [0, 19]


# The server


@pytest.fixture(scope="module")
def address(digits) -> str:
    """Of the page of the two-dimensional model, as a notebook asks for it."""
    return explore.explore(digits.model).address


def ask(address, method="GET", path="/", body=None, **headers) -> int:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request(method, path, body, headers)
    return connection.getresponse().status


def test_a_notebook_shows_the_page_in_a_frame(address):
    widget = explore.Widget(address, 700)
    assert f'<iframe src="{address}"' in widget._repr_html_()
    assert urlsplit(address).hostname == "127.0.0.1"
    assert ask(address) == 200


def test_the_server_listens_on_this_machine_alone(address):
    port = urlsplit(address).port
    socket.create_connection(("127.0.0.1", port), timeout=10).close()
    others = {"127.0.0.2", *socket.gethostbyname_ex(socket.gethostname())[2]} - {"127.0.0.1"}
    for other in others:
        with pytest.raises(OSError):
            socket.create_connection((other, port), timeout=3).close()


def test_another_site_that_points_here_is_refused(address):
    assert ask(address, Host="evil.example") == 400


def test_large_uploads_are_refused_before_they_are_read(address):
    assert ask(address, "POST", body=bytes(11 * 2**20)) == 413
    endless = (bytes(1_000) for _ in range(3))
    assert ask(address, "POST", body=endless) == 413  # sent in chunks, without a length


def test_a_port_that_is_taken_is_named(address):
    port = urlsplit(address).port
    with pytest.raises(UserError, match=f"--port {port} cannot be had"):
        explore.Site("127.0.0.1", port)
    with pytest.raises(UserError, match=r"--host no\.such\.host cannot be had"):
        explore.Site("no.such.host", 0)


def test_serving_ends_without_a_word_when_it_is_interrupted():
    script = "import sys; from vae_keras.explore import serve; serve(sys.argv[1], browser=False)"
    command = [sys.executable, "-c", script, str(PRETRAINED / "digits_vae")]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen(command, **pipes) as process:
        line = process.stdout.readline()
        name, address = re.fullmatch(r"(\w+): (http://127\.0\.0\.1:\d+/) .*\n", line).groups()
        assert name == "digits_vae"
        assert ask(address) == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


# The page in a browser


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as engine:
        found = (shutil.which(name) for name in CHROMIUM)
        path = next(filter(None, found), engine.chromium.executable_path)
        if not Path(path).is_file():
            pytest.skip("no Chromium: apt-get install chromium-headless-shell")
        browser = engine.chromium.launch(executable_path=path)
        yield browser
        browser.close()


class Tab:
    """A page in the browser, and what a user sees and does there."""

    def __init__(self, browser, address):
        self.page = browser.new_page(viewport={"width": 1280, "height": 1000})
        self.page.set_default_timeout(PATIENCE)
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_function("window.did_handshake")
        self.picture = self.page.get_by_alt_text("decoded image", exact=True)

    def pixels(self, picture=None) -> np.ndarray:
        source = (picture or self.picture).get_attribute("src")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))[..., None]

    def code(self) -> np.ndarray:
        return np.float32(self.page.get_by_label("Code").input_value().split(","))

    @property
    def changed(self):
        """A context at whose end the picture has another source than at its start."""
        return Changed(self.picture)

    def pane(self, heading):
        heading = self.page.get_by_role("heading", name=heading)
        return self.page.locator(".pane").filter(has=heading)

    def upload(self, content, name="photo.png", kind="image/png", pane=UPLOAD, zone=0):
        files = {"name": name, "mimeType": kind, "buffer": content}
        self.pane(pane).locator("input[type=file]").nth(zone).set_input_files(files)

    def press(self, slider, key, times=1):
        track = self.page.get_by_role("slider", name=slider).locator("[tabindex]")
        for _ in range(times):
            with self.changed:
                track.press(key)

    def message(self, text):
        return self.page.get_by_role("alert").filter(has_text=text)


class Changed:
    def __init__(self, picture):
        self.picture = picture

    def __enter__(self):
        self.before = self.picture.get_attribute("src")

    def __exit__(self, *error):
        from playwright.sync_api import expect

        if not any(error):
            expect(self.picture).not_to_have_attribute("src", self.before)


def assert_shown(tab, explorer, label=None):
    """The picture is what the model decodes from the code in the box (of three digits)."""
    expected = explorer.decode(tab.code(), label)
    np.testing.assert_allclose(tab.pixels().astype(int), expected, atol=2)


@pytest.fixture
def tab(browser, address):
    tab = Tab(browser, address)
    yield tab
    tab.page.close()


def test_the_page_loads_nothing_from_elsewhere(tab, address, digits):
    assert_shown(tab, digits)
    here = (address, "data:", "blob:")
    assert len(tab.requests) > 5
    assert [url for url in tab.requests if not url.startswith(here)] == []
    assert tab.complaints == []


def test_a_slider_changes_the_picture(tab, digits):
    tab.press("z₁", "ArrowRight", 3)
    tab.press("z₂", "PageDown", 2)
    np.testing.assert_allclose(tab.code(), [0.03, -0.2], atol=1e-6)
    assert_shown(tab, digits)


def test_a_click_on_the_plane_and_a_drag_change_the_picture(tab, digits):
    plane = tab.page.locator(".plane").bounding_box()

    def at(x, y):
        return plane["x"] + x * plane["width"], plane["y"] + y * plane["height"]

    with tab.changed:
        tab.page.mouse.click(*at(0.25, 0.125))
    np.testing.assert_allclose(tab.code(), [-1.5, 2.25], atol=0.02)
    assert_shown(tab, digits)
    tab.page.mouse.move(*at(0.25, 0.125))
    tab.page.mouse.down()
    for step in np.linspace(0, 1, 10):
        tab.page.mouse.move(*at(0.25 + 0.5 * step, 0.125))
    with tab.changed:
        tab.page.mouse.move(*at(2, 0.5))  # beyond the rim
    tab.page.mouse.up()
    tab.page.wait_for_function(
        "() => document.querySelector('.code input').value.startsWith('3.000')"
    )
    with tab.changed:
        tab.page.get_by_role("button", name="Reset").click()
    assert tab.code().tolist() == [0, 0]
    with tab.changed:
        tab.page.get_by_role("button", name="Random").click()
    assert_shown(tab, digits)


def test_a_code_can_be_written(tab, digits):
    box = tab.page.get_by_label("Code")
    box.fill("1, x")
    box.press("Enter")
    tab.message("numbers with commas").wait_for()
    box.fill("1, -1")
    with tab.changed:
        box.press("Enter")
    assert tab.code().tolist() == [1, -1]
    assert_shown(tab, digits)


def test_an_upload_shows_its_reconstruction(tab, digits):
    from playwright.sync_api import expect

    with tab.changed:
        tab.upload(as_file(photo()))
    image = explore.read_image(as_file(photo()), digits.image_shape)
    np.testing.assert_array_equal(
        tab.pixels(tab.pane(UPLOAD).get_by_alt_text("chosen image")), explore.to_pixels(image)
    )
    z = digits.encode(image)
    np.testing.assert_allclose(tab.code(), z, atol=0.001)
    reconstruction = tab.page.get_by_alt_text("reconstruction")
    expect(reconstruction).to_have_attribute("src", re.compile("^data:image/png"))
    np.testing.assert_array_equal(tab.pixels(reconstruction), digits.decode(z))
    slider = tab.page.get_by_role("slider", name="z₁")
    assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(z[0], abs=0.01)


def test_an_example_can_be_chosen(tab, digits):
    with tab.changed:
        tab.page.get_by_alt_text("example 3").click()
    z = digits.encode(digits.examples.images[2])
    np.testing.assert_allclose(tab.code(), z, atol=0.001)


def test_a_bad_upload_gives_a_message_and_the_page_goes_on(tab, digits):
    for content, reason in BAD_FILES.values():
        tab.upload(content)
        tab.message(reason).wait_for()
    tab.upload(b"hello", "notes.txt", "text/plain")
    tab.message("not an image").wait_for()
    assert tab.code().tolist() == [0, 0]
    with tab.changed:
        tab.upload(as_file(photo()))
    tab.message("not an image").wait_for(state="hidden")
    assert_shown(tab, digits)


def test_a_dropped_image_is_taken(tab, digits):
    drop = """([zone, content]) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], "photo.png", {type: "image/png"}));
        zone.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
    }"""
    zone = tab.pane(UPLOAD).locator("button.zone").element_handle()
    with tab.changed:
        tab.page.evaluate(drop, [zone, base64.b64encode(as_file(photo())).decode()])
    image = explore.read_image(as_file(photo()), digits.image_shape)
    np.testing.assert_allclose(tab.code(), digits.encode(image), atol=0.001)


def test_a_click_on_a_square_opens_the_choice_of_files(tab):
    with tab.page.expect_file_chooser():
        tab.pane(UPLOAD).locator("button.zone").click()


def test_a_morph_can_be_saved(tab, tmp_path):
    tab.page.get_by_role("button", name="Take shown as A").click()
    tab.upload(as_file(photo()), pane=MORPH, zone=1)
    for button, ending, frames in (("strip", "png", 1), ("film", "gif", 22)):
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name=f"Save {button}").click()
        assert download.value.suggested_filename == f"digits_vae_morph.{ending}"
        download.value.save_as(tmp_path / ending)
        with Image.open(tmp_path / ending) as picture:
            assert picture.n_frames == frames if ending == "gif" else picture.width == 12 * 112


def test_a_class_and_features_change_the_picture(browser, conditional, tmp_path):
    tab = Tab(browser, explore.explore(conditional.model).address)
    tab.page.get_by_label("Class").click()
    with tab.changed:
        tab.page.get_by_role("option", name="7").click()
    assert_shown(tab, conditional, 7)
    with tab.changed:
        tab.page.get_by_alt_text("example 5").click()
    assert tab.page.get_by_label("Class").input_value() == "4"
    tab.page.close()
    tab = Tab(browser, explore.explore(with_features(tmp_path, ("bold", [0, 100]))).address)
    tab.press("bold", "ArrowLeft", 2)
    np.testing.assert_allclose(tab.code(), [0, -2], atol=1e-6)
    tab.page.close()
