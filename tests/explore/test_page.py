"""The page in Chromium, as a user sees it."""

import base64
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.explore.samples import BAD_FILES, as_file, photo, with_features
from vae_keras import VAE
from vae_keras.explore import explore
from vae_keras.explore.explorer import Explorer
from vae_keras.explore.image_files import read_upload
from vae_keras.export.saved_model import export
from vae_keras.figures.pixels import to_pixels

pytestmark = pytest.mark.slow
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PATIENCE = 60_000  # milliseconds
UPLOAD, MORPH = "An image and its reconstruction", "From one image to another"


@pytest.fixture(scope="module")
def browser():
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as engine:
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
        found = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))
        return found if found.ndim == 3 else found[..., None]

    def code(self) -> np.ndarray:
        return np.float32(self.page.get_by_label("Code").input_value().split(","))

    @property
    def changed(self):
        """A context at whose end the picture has another source than at its start."""
        return Changed(self.picture)

    def pane(self, heading):
        heading = self.page.get_by_role("heading", name=heading)
        return self.page.locator(".pane").filter(has=heading)

    def upload(self, file, pane=UPLOAD, zone=0):
        self.pane(pane).locator("input[type=file]").nth(zone).set_input_files(file)

    def press(self, slider, key, times=1):
        """Faster than the page answers."""
        track = self.page.get_by_role("slider", name=slider).locator("[tabindex]")
        for _ in range(times):
            track.press(key)

    def wait_for_code(self, text):
        expect(self.page.get_by_label("Code")).to_have_value(text)

    def message(self, text):
        return self.page.get_by_role("alert").filter(has_text=text)


class Changed:
    def __init__(self, picture):
        self.picture = picture

    def __enter__(self):
        self.before = self.picture.get_attribute("src")

    def __exit__(self, *error):
        if not any(error):
            expect(self.picture).not_to_have_attribute("src", self.before)


def assert_shown(tab, explorer, label=None):
    """The picture is what the model decodes from the code in the box (of three digits)."""
    expected = explorer.decode(tab.code(), label)
    np.testing.assert_allclose(tab.pixels().astype(int), expected, atol=2)


@pytest.fixture
def photo_file(tmp_path) -> Path:
    (tmp_path / "photo.png").write_bytes(as_file(photo()))
    return tmp_path / "photo.png"


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
    assert (
        tab.page.locator(".page").evaluate("(page) => getComputedStyle(page).maxWidth") == "1180px"
    )


def test_a_slider_changes_the_picture(tab, digits):
    tab.press("z₁", "ArrowRight", 30)
    tab.press("z₂", "PageDown", 12)
    tab.wait_for_code("0.300, -1.200")
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
    tab.wait_for_code(re.compile("^3.000, "))
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


def test_an_upload_shows_its_reconstruction(tab, digits, photo_file):
    with tab.changed:
        tab.upload(photo_file)
    image = read_upload(as_file(photo()), digits.example_shape)
    np.testing.assert_array_equal(
        tab.pixels(tab.pane(UPLOAD).get_by_alt_text("chosen image")), to_pixels(image)
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


def test_a_bad_upload_gives_a_message_and_the_page_goes_on(tab, digits, photo_file, tmp_path):
    files = {reason: content for content, reason in BAD_FILES.values()}
    for reason, content in files.items():  # no two with the same: else one would not have to wait
        (tmp_path / "bad.png").write_bytes(content)
        tab.upload(tmp_path / "bad.png")
        tab.message(reason).wait_for()
    (tmp_path / "notes.txt").write_text("hello")
    tab.upload(tmp_path / "notes.txt")
    tab.message("not an image").wait_for()
    assert tab.code().tolist() == [0, 0]
    with tab.changed:
        tab.upload(photo_file)
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
    image = read_upload(as_file(photo()), digits.example_shape)
    np.testing.assert_allclose(tab.code(), digits.encode(image), atol=0.001)


def test_a_click_on_a_square_opens_the_choice_of_files(tab):
    with tab.page.expect_file_chooser():
        tab.pane(UPLOAD).locator("button.zone").click()


def test_a_morph_can_be_saved(tab, photo_file, tmp_path):
    tab.page.get_by_role("button", name="Take shown as A").click()
    tab.upload(photo_file, pane=MORPH, zone=1)
    for button, ending, frames in (("strip", "png", 1), ("film", "gif", 22)):
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name=f"Save {button}").click()
        assert download.value.suggested_filename == f"digits_vae_morph.{ending}"
        download.value.save_as(tmp_path / ending)
        with Image.open(tmp_path / ending) as picture:
            assert picture.n_frames == frames if ending == "gif" else picture.width == 12 * 112


def test_a_class_changes_the_picture(browser, conditional):
    tab = Tab(browser, explore(conditional.model).address)
    tab.page.get_by_label("Class").click()
    with tab.changed:
        tab.page.get_by_role("option", name="7").click()
    assert_shown(tab, conditional, 7)
    with tab.changed:
        tab.page.get_by_alt_text("example 5").click()
    assert tab.page.get_by_label("Class").input_value() == "4"
    tab.page.close()


def test_features_of_colour_images_are_added_and_taken_away(browser, digits_run, tmp_path):
    model = VAE((40, 40, 3), latent_dim=3, network="conv")
    export(model, tmp_path / "colour", digits_run.config, digits_run.metrics)
    path = with_features(tmp_path, ("long_hair", [0, 100, 0]), export=tmp_path / "colour")
    tab = Tab(browser, explore(path).address)
    headings = [heading.inner_text() for heading in tab.page.get_by_role("heading").all()]
    assert headings.index("Features") < headings.index("The code, number by number")
    tab.press("z₁", "ArrowRight", 50)
    tab.press("long hair", "ArrowLeft", 2)
    tab.wait_for_code("0.500, -2.000, 0.000")
    assert_shown(tab, Explorer(path))
    tab.page.get_by_role("button", name="All to 0").click()
    tab.wait_for_code("0.500, 0.000, 0.000")
    tab.page.close()
