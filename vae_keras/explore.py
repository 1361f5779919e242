"""A local web page on which one looks around in the latent space of an exported model.

`Explorer` holds the model and knows nothing of the page; `Page` is what one tab of the browser
shows; `explore` opens it from a notebook and `serve` from the command line.
"""

import base64
import functools
import io
import os
import socket
import threading
import time
import webbrowser
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vae_keras import data, features, morphing
from vae_keras.data.folder import as_pixels
from vae_keras.errors import UserError
from vae_keras.export import TRAINING, ExportedModel, load_exported
from vae_keras.latent import BATCH
from vae_keras.plotting import PALETTE
from vae_keras.runs import read_config
from vae_keras.uses import COLOR_MODES, to_image, to_pixels

try:
    import uvicorn
    from fastapi import FastAPI, Request, Response
    from nicegui import run, ui
    from starlette.middleware.trustedhost import TrustedHostMiddleware
except ImportError as error:
    raise UserError(f"the page needs NiceGUI ({error}): pip install 'nicegui>=3.18,<4'") from error

LOCALHOST = "127.0.0.1"
MOST_BYTES = 10 * 2**20  # of an uploaded file
MOST_PIXELS = 25_000_000  # of an uploaded image: a small file may hold billions
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # others may run programs
TOO_LARGE = f"The file is larger than {MOST_BYTES // 2**20} MB: choose a smaller one."
FAILED = "The file has not arrived: try again."
NO_IMAGE = f"This is not an image that can be read: use {', '.join(FORMATS)}."
SAMPLES = 4 * BATCH  # of the prior, from which one sees where codes lie
UNUSED = 0.05  # spread of a dimension that does nothing, relative to the largest
SLIDERS = 20  # dimensions that are shown at once
EXAMPLES = 10
DOWNLOADED = ("mnist", "fashion_mnist", "cifar10")  # unless they are in a data folder
LARGEST_ALPHA = 2.0
LARGEST_CODE = 1e6
PLANE_PIXELS = 560  # about the side of the picture of the plane
MORPH_PIXELS = 112  # least height of a frame that is downloaded
FRAME_SECONDS = 0.09


# What the page asks of the model


class Explorer:
    """An exported model as the page uses it: codes and images in, pixels out.

    Pixels are uint8 [height, width, channels], images float32 in [0, 1] of the same shape. Codes
    lie around `centre`, between `low` and `high` [latent_dim]; `dimensions` are sorted by how far
    they spread, and the images hardly depend on those after the first `used`.
    """

    def __init__(self, model, data_dir=None):
        """`model` is an ExportedModel, its path or its name. Raises UserError."""
        self.model = explorable(model)
        self.latent_dim, self.image_shape = self.model.latent_dim, self.model.image_shape
        self.class_names = self.model.class_names
        self.samples = sampled_codes(self.model)
        spread = self.samples.std(axis=0)
        self.dimensions = np.argsort(-spread, kind="stable").tolist()
        self.used = int((spread > UNUSED * spread.max()).sum())
        self.centre, width = np.zeros(self.latent_dim, np.float32), 1.0
        if not self.model.is_variational:  # nothing keeps its codes near N(0, I)
            self.centre, width = self.samples.mean(axis=0), np.maximum(spread, 1e-3)
        self.low, self.high = self.centre - 3 * width, self.centre + 3 * width
        self.features = _features(self.model)
        self.examples = example_images(self.model, data_dir)
        self._planes = {}

    @property
    def name(self) -> str:
        return self.model.path.resolve().name

    def shown_dimensions(self) -> tuple[list[int], list[int]]:
        """Those that one sees at once, and the others."""
        count = max(2, min(SLIDERS, self.used))
        return self.dimensions[:count], self.dimensions[count:]

    def decode(self, z, label=None) -> np.ndarray:
        """The pixels of a code [latent_dim]."""
        return to_pixels(self.model.decode(z[None], label)[0])

    def encode(self, image, label=None) -> np.ndarray:
        """The code [latent_dim] of an image."""
        return self.model.encode(image[None], label)[0]

    def with_features(self, z, alphas: dict[str, float]) -> np.ndarray:
        """The code moved by `alphas` times the feature vectors of these names."""
        for name, alpha in alphas.items():
            z = self.features[name].add(z, alpha)
        return np.asarray(z, np.float32)

    def random_code(self, rng: np.random.Generator) -> np.ndarray:
        """A code such as the model generates from."""
        if self.model.is_variational:
            return rng.standard_normal(self.latent_dim, np.float32)
        return rng.choice(self.samples)

    def plane(self, label=None) -> np.ndarray:
        """The pixels of a two-dimensional latent space: decoded codes, each at its place."""
        if label not in self._planes:
            side = int(np.clip(PLANE_PIXELS // max(self.image_shape[:2]), 8, 20))
            middles = (np.arange(side) + 0.5) / side
            codes = np.array([self.code_at(x, y) for y in middles for x in middles])
            tiles = to_pixels(self.model.decode(codes, label))
            tiles = tiles.reshape(side, side, *self.image_shape).swapaxes(1, 2)
            height, width, channels = self.image_shape
            self._planes[label] = tiles.reshape(side * height, side * width, channels)
        return self._planes[label]

    def code_at(self, x, y) -> np.ndarray:
        """The code at a place of the plane: shares of its width from the left, from the top."""
        place = np.clip([x, 1 - y], 0, 1)
        return (self.low + (self.high - self.low) * place).astype(np.float32)

    def place_of(self, z) -> tuple[float, float]:
        """Where a code [2] lies in the plane; at the rim if it lies outside."""
        x, y = np.clip((z - self.low) / (self.high - self.low), 0, 1)
        return float(x), float(1 - y)

    def morph(self, ends, steps: int, method="linear", label=None) -> np.ndarray:
        """The pixels of images on the way between two codes: [steps, height, width, channels]."""
        codes = morphing.path(np.stack(ends), steps, method)
        return to_pixels(self.model.decode(codes, label))


def explorable(model) -> ExportedModel:
    """The export, if the page can show it. Raises UserError."""
    exported = model if isinstance(model, ExportedModel) else load_exported(model)
    for endpoint in ("encode", "decode", "generate"):
        if endpoint not in exported.endpoints:
            raise UserError(f"{str(exported.path)!r} has no endpoint {endpoint!r}: use another one")
    if exported.image_shape[-1] not in COLOR_MODES:
        raise UserError(
            f"{str(exported.path)!r} is of {exported.image_shape[-1]} channels: images have 1 or 3"
        )
    return exported


def sampled_codes(model: ExportedModel) -> np.ndarray:
    """The codes of images that the model generates: [SAMPLES, latent_dim].

    A dimension that the decoder ignores, and so the encoder too, hardly spreads among them.
    """
    labels = np.arange(BATCH) % len(model.class_names) if model.takes_labels else None
    batches = (model.generate(BATCH, (0, batch), labels) for batch in range(SAMPLES // BATCH))
    return np.concatenate([model.encode(images, labels) for images in batches])


def _features(model: ExportedModel) -> dict:
    file = model.path / "features.json"
    return features.load(file, model.latent_dim) if file.is_file() else {}


@dataclass(frozen=True)
class ExampleImages:
    """Images [n, *image_shape] to start from, where they are from, and their labels or None."""

    images: np.ndarray
    source: str
    labels: np.ndarray | None = None


def example_images(model: ExportedModel, data_dir=None) -> ExampleImages:
    """A few test images of the model's data set; images of its own if that is not at hand."""
    try:
        found = _test_images(model, data_dir)
    except UserError:
        if data_dir:  # it was asked for
            raise
        found = None
    if found is not None and found.images.shape[1:] == model.image_shape:
        return found
    labels = np.arange(EXAMPLES) % len(model.class_names) if model.takes_labels else None
    return ExampleImages(model.generate(EXAMPLES, 1, labels), "drawn by the model", labels)


def _test_images(model, data_dir) -> ExampleImages | None:
    """The first test image of each label, or the first ones. Nothing is downloaded for them."""
    if not (model.path / TRAINING).is_file():
        return None
    config = read_config(model.path / TRAINING)
    config = config.replace(data_dir=data_dir or config.data_dir)
    has_folder = config.data_dir or os.environ.get("VAE_KERAS_DATA_DIR")
    if config.dataset in DOWNLOADED and not has_folder:
        return None
    dataset = data.load(config)
    first = np.arange(min(EXAMPLES, len(dataset.test)))
    if dataset.test.labels is not None:
        _, first = np.unique(dataset.test.own_labels, return_index=True)
    images, labels = dataset.test.take(first[:EXAMPLES]).arrays()
    source = f"test images of {dataset.name}"
    return ExampleImages(images, source, labels if model.takes_labels else None)


def read_image(content: bytes, image_shape) -> np.ndarray:
    """An uploaded file as float32 `image_shape` in [0, 1], cropped and resized. Raises UserError.

    Its size is read before its pixels are, so that a small file cannot fill the memory.
    """
    if len(content) > MOST_BYTES:
        raise UserError(TOO_LARGE)
    *size, channels = image_shape
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            upright = ImageOps.exif_transpose(image)
            return as_pixels(upright, size, COLOR_MODES[channels]) / np.float32(255)
    except Image.DecompressionBombError as error:
        most = MOST_PIXELS // 1_000_000
        raise UserError(f"The image has more than {most} million pixels: shrink it.") from error
    except UnidentifiedImageError as error:
        raise UserError(NO_IMAGE) from error
    except Exception as error:  # decoders raise errors of many kinds
        raise UserError("The image is damaged and cannot be read: use another one.") from error


def read_code(text: str, latent_dim: int) -> np.ndarray:
    """The code [latent_dim] written as numbers with commas or spaces between. Raises UserError."""
    words = text.strip("[] \n").replace(",", " ").split()
    try:
        code = np.array([float(word) for word in words])
    except ValueError as error:
        raise UserError("A code is numbers with commas between.") from error
    if code.shape != (latent_dim,):
        raise UserError(f"A code of this model is {latent_dim} numbers, not {len(code)}.")
    if not np.all(np.abs(code) < LARGEST_CODE):  # nor if it is not a number
        raise UserError(f"The numbers of a code must be smaller than {LARGEST_CODE:,.0f}.")
    return code.astype(np.float32)


def written_code(z) -> str:
    """The reverse of `read_code`, to three digits."""
    return ", ".join(f"{value:.3f}" for value in z)


def png(pixels) -> bytes:
    """The PNG file of pixels [height, width, channels]."""
    content = io.BytesIO()
    to_image(pixels).save(content, format="PNG", compress_level=1)
    return content.getvalue()


def data_url(content: bytes, kind="png") -> str:
    """An image file as an address that holds it all: the browser asks for nothing more."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def strip(frames) -> bytes:
    """A PNG file of all frames [n, height, width, channels] in a row."""
    return png(np.concatenate(list(enlarged(frames)), axis=1))


def film(frames) -> bytes:
    """A GIF file that goes through the frames and back, for ever."""
    images = [to_image(frame) for frame in enlarged(np.concatenate([frames, frames[-2:0:-1]]))]
    content, duration = io.BytesIO(), round(1000 * FRAME_SECONDS)
    options = dict(format="GIF", save_all=True, loop=0, duration=duration)
    images[0].save(content, append_images=images[1:], **options)
    return content.getvalue()


def enlarged(frames) -> np.ndarray:
    """Frames with every pixel repeated, if they are small."""
    times = -(-MORPH_PIXELS // frames.shape[1])
    return frames.repeat(times, axis=1).repeat(times, axis=2)


class Latest:
    """Does `work` in turn, but of what is asked meanwhile the last alone.

    So a slow model lags by one picture, and not by all that a drag has passed.
    """

    def __init__(self, work):
        self.work, self.is_working, self.is_asked = work, False, False

    async def __call__(self):
        self.is_asked = True
        if self.is_working:
            return
        self.is_working = True
        try:
            while self.is_asked:
                self.is_asked = False
                await self.work()
        finally:
            self.is_working = False


# The page

STYLE = """
body { background: #f6f6f8; color: #23233a; }
.nicegui-content { padding: 0; }
.page { width: 100%; max-width: 1180px; margin: 0 auto; padding: 20px 24px 40px; }
.top { display: flex; align-items: baseline; gap: 14px; flex-wrap: wrap; margin-bottom: 16px; }
.h1 { font-size: 22px; font-weight: 500; line-height: 1.3; margin: 0; }
.faint { color: #6b6b80; font-size: 13px; line-height: 1.4; }
.sides { display: grid; gap: 16px; align-items: start; }
.sides.of-plane { grid-template-columns: minmax(0, 5fr) minmax(0, 4fr); }
.sides.of-sliders { grid-template-columns: 360px minmax(0, 1fr); }
.side { display: grid; gap: 16px; }
.pane { background: white; border: 1px solid #e3e3ea; border-radius: 10px; padding: 18px;
  display: flex; flex-direction: column; gap: 14px; min-width: 0; }
.h2 { font-size: 15px; font-weight: 500; line-height: 1.3; margin: 0; }
.line { display: flex; gap: 10px; align-items: center; flex-wrap: wrap; }
img { display: block; image-rendering: pixelated; }
img:not([src]), .message:empty, .page .hidden, .q-uploader { display: none; }
.shown { width: 100%; max-width: 324px; margin: 0 auto; border-radius: 4px; background: #eee; }
.of-plane .shown { max-width: 264px; }
.plane { position: relative; touch-action: none; cursor: crosshair; user-select: none; }
.plane img { width: 100%; border-radius: 4px; pointer-events: none; }
.marker { position: absolute; width: 18px; height: 18px; margin: -9px; border-radius: 50%;
  border: 2px solid white; background: MARK; box-shadow: 0 0 4px #000; pointer-events: none; }
.sliders { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(250px, 100%), 1fr));
  gap: 2px 28px; }
.slider { display: flex; align-items: center; gap: 12px; font-size: 13px; }
.slider > :first-child { flex: none; min-width: 26px; max-width: 110px; overflow-wrap: anywhere; }
.slider > :last-child { flex: none; min-width: 40px; text-align: right;
  font-variant-numeric: tabular-nums; }
.features .slider > :first-child { min-width: 90px; }
.q-expansion-item .q-item { padding: 0; }
.zone { width: 112px; height: 112px; border-radius: 6px; border: 1.5px dashed #b9b9cc;
  display: flex; align-items: center; justify-content: center; cursor: pointer; overflow: hidden;
  background: #fafafc; padding: 0; color: #6b6b80; font: inherit; font-size: 12px; }
.zone:hover, .zone:focus-visible { border-color: MAIN; color: MAIN; outline: none; }
.zone img, .frame img { width: 100%; height: 100%; object-fit: contain; }
.zone div { padding: 8px; text-align: center; line-height: 1.35; }
.frame { width: 112px; height: 112px; border-radius: 6px; background: #eee; overflow: hidden; }
.captioned { display: flex; flex-direction: column; gap: 6px; align-items: center; }
.options { display: flex; flex-direction: column; gap: 10px; width: 210px; margin-left: 14px; }
.examples { display: flex; gap: 6px; flex-wrap: wrap; }
.example { width: 40px; height: 40px; padding: 0; border: 0; border-radius: 4px; cursor: pointer;
  overflow: hidden; background: #eee; }
.example:hover, .example:focus-visible { outline: 2px solid MAIN; }
.example img { width: 100%; height: 100%; object-fit: contain; }
.result { display: grid; gap: 14px; }
.frames { display: grid; grid-template-columns: 84px minmax(0, 1fr); gap: 12px;
  align-items: center; }
.frames img { max-width: 100%; max-height: 84px; border-radius: 4px; }
.message { color: #b3261e; font-size: 13px; line-height: 1.4; }
.code input { font-family: monospace; font-size: 13px; }
@media (max-width: 860px) {
  .sides.of-plane, .sides.of-sliders { grid-template-columns: minmax(0, 1fr); }
  .side { display: contents; }
  .last { order: 1; }
}
""".replace("MAIN", PALETTE[0]).replace("MARK", PALETTE[4])

# What the browser does by itself; `emit` sends a message to the server.
DRAG = """(event) => {
  const plane = event.currentTarget, box = plane.getBoundingClientRect();
  if (event.type === "pointerdown") plane.setPointerCapture(event.pointerId);
  if (event.buttons & 1)
    emit((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
}"""
PICK = "() => getElement(%d).$refs.qRef.pickFiles()"
DROP = "(event) => getElement(%d).$refs.qRef.addFiles(event.dataTransfer.files)"
REJECTED = "(files) => emit(files[0].failedPropValidation)"
EVENT_SECONDS = 0.04  # between two messages of a drag
MOST_POSTED = MOST_BYTES + 100_000  # with what a browser adds
CONTENT_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"


class Page:
    """What one tab shows: a code `z`, moved by `alphas` of the features, and its picture."""

    def __init__(self, explorer: Explorer):
        self.explorer, self.model = explorer, explorer.model
        self.z, self.alphas = explorer.centre, dict.fromkeys(explorer.features, 0.0)
        self.label = 0 if self.model.takes_labels else None
        self.sliders, self.alpha_sliders = {}, {}
        self.plane = None
        self.rng = np.random.default_rng()
        self.show = Latest(self._show)
        self._lay_out()

    @property
    def code(self) -> np.ndarray:
        """The code of the picture."""
        return self.explorer.with_features(self.z, self.alphas)

    async def decoded(self, z) -> str:
        """The picture of a code, of the chosen class, as an address."""
        return data_url(png(await _in_thread(self.explorer.decode, z, self.label)))

    async def encoded(self, image) -> np.ndarray:
        """The code of an image, as of the chosen class."""
        return await _in_thread(self.explorer.encode, image, self.label)

    async def move_to(self, z):
        """Go to a code; the sliders follow."""
        self.z, self.alphas = z, dict.fromkeys(self.alphas, 0.0)
        for dimension, slider in self.sliders.items():
            slider.value = float(z[dimension])
        for slider in self.alpha_sliders.values():
            slider.value = 0.0
        await self.show()

    async def move_along(self, dimension: int, value: float):
        """Change one number of the code."""
        self.z = self.z.copy()
        self.z[dimension] = value
        await self.show()

    async def add_feature(self, name: str, alpha: float):
        """Add a feature to the image, or take it away."""
        self.alphas[name] = alpha
        await self.show()

    async def choose_label(self, label: int):
        """Go to another class with the same code."""
        self.label = label
        await self.show()
        if self.plane:
            await self.plane.draw()
        await self.morph.show()

    async def read_code(self):
        """Go to the code that is written in the box."""
        try:
            z = read_code(self.code_box.value, self.explorer.latent_dim)
        except UserError as error:
            self.code_message.text = str(error)
        else:
            await self.move_to(z)

    async def _show(self):
        code = self.code
        self.picture.props["src"] = await self.decoded(code)
        self.code_box.value = written_code(code)
        self.code_message.text = ""
        if self.plane:
            self.plane.mark(code)

    def _lay_out(self):
        ui.add_head_html(f"<style>{STYLE}</style>")
        ui.colors(primary=PALETTE[0])
        is_plane = self.explorer.latent_dim == 2
        with _box("page", "main"):
            self._lay_out_top()
            with _box("sides of-plane" if is_plane else "sides of-sliders"):
                with _box("side"):
                    if is_plane:
                        self.plane = Plane(self)
                        self.morph = Morph(self)
                    else:
                        self._lay_out_picture()
                        self.original = Original(self)
                with _box("side"):
                    if is_plane:
                        self._lay_out_picture()
                        self.original = Original(self)
                    else:
                        self._lay_out_sliders()
                        self.morph = Morph(self)

    def _lay_out_top(self):
        height, width, channels = self.explorer.image_shape
        size = f"{height}×{width} {'grey' if channels == 1 else 'colour'} images"
        kind = ", conditional" if self.model.takes_labels else ""
        count = self.explorer.latent_dim
        with _box("top"):
            _heading(self.explorer.name, 1)
            _note(f"{size}, codes of {count} number{'s' if count > 1 else ''}{kind}")

    def _lay_out_picture(self):
        with _box("pane"):
            if self.model.takes_labels:
                self._lay_out_classes()
            pixels = self.explorer.decode(self.code, self.label)
            self.picture = _image("decoded image", "shown", data_url(png(pixels)))
            with _box("line"):
                _button("Random", lambda: self.move_to(self.explorer.random_code(self.rng)))
                _button("Reset", lambda: self.move_to(self.explorer.centre))
            if self.plane:
                self._lay_out_dimensions(range(2))
                self._lay_out_features()
            self.code_box = ui.input("Code", value=written_code(self.code))
            self.code_box.classes("code").props("outlined dense spellcheck=false")
            self.code_box.on("keydown.enter", self.read_code)
            self.code_message = _message()

    def _lay_out_classes(self):
        names = dict(enumerate(self.explorer.class_names))
        self.label_box = ui.select(names, value=self.label, label="Class").props("outlined dense")
        self.label_box.on_value_change(lambda event: self.choose_label(event.value))

    def _lay_out_sliders(self):
        shown, hidden = self.explorer.shown_dimensions()
        with _box("pane"):
            _heading("The code, number by number")
            self._lay_out_dimensions(shown)
            if hidden:
                what = f"{len(hidden)} more, on which the images depend less or not at all"
                with ui.expansion(what).props("dense").classes("faint"):
                    self._lay_out_dimensions(hidden)
            self._lay_out_features()

    def _lay_out_dimensions(self, dimensions):
        low, high = self.explorer.low, self.explorer.high
        with _box("sliders"):
            for dimension in dimensions:
                name, moved = f"z{_subscript(dimension + 1)}", partial(self.move_along, dimension)
                ends = float(low[dimension]), float(high[dimension])
                value = float(self.z[dimension])
                self.sliders[dimension] = _slider(name, ends, value, moved)

    def _lay_out_features(self):
        if not self.explorer.features:
            return
        _heading("Features")
        with _box("features sliders"):
            for name in self.explorer.features:
                ends, moved = (-LARGEST_ALPHA, LARGEST_ALPHA), partial(self.add_feature, name)
                self.alpha_sliders[name] = _slider(name, ends, 0.0, moved)


class Plane:
    """The pane of a two-dimensional latent space, with a mark that one drags."""

    def __init__(self, page: Page):
        self.page, self.explorer = page, page.explorer
        with _box("pane"):
            _heading("The latent plane")
            with _box("plane") as area:
                pixels = self.explorer.plane(page.label)
                self.picture = _image("decoded images at their codes", "", data_url(png(pixels)))
                self.marker = _box("marker")
            for event in ("pointerdown", "pointermove"):
                area.on(event, self._drag, throttle=EVENT_SECONDS, js_handler=DRAG)
            (left, bottom), (right, top) = self.explorer.low, self.explorer.high
            across = f"z₁ goes from {left:.3g} at the left to {right:.3g}"
            up = f"z₂ from {bottom:.3g} at the bottom to {top:.3g}"
            _note(_signed(f"Click or drag: {across}, {up}."))
        self.mark(page.code)

    async def draw(self):
        """Draw the plane of the chosen class."""
        pixels = await _in_thread(self.explorer.plane, self.page.label)
        self.picture.props["src"] = data_url(png(pixels))

    def mark(self, code):
        """Move the mark to a code."""
        x, y = self.explorer.place_of(code)
        self.marker.style(f"left: {100 * x:.2f}%; top: {100 * y:.2f}%")

    async def _drag(self, event):
        await self.page.move_to(self.explorer.code_at(*event.args))


class Original:
    """The pane of an image that one has, and what the model makes of it."""

    def __init__(self, page: Page):
        self.page, self.examples = page, page.explorer.examples
        with _box("pane"):
            _heading("An image and its reconstruction")
            with _box("line"):
                with _box("captioned"):
                    self.zone = Zone("Drop an image here, or click", page.explorer.image_shape)
                    _note("image")
                with _box("captioned"):
                    with _box("frame"):
                        self.reconstruction = _image("reconstruction")
                    _note("reconstruction")
            self.zone.on_image(self.show, _message())
            if page.model.takes_labels:
                _note("It is encoded as of the class that is chosen above.")
            _note(f"Or one of these, {self.examples.source}:")
            with _box("examples"):
                for number, image in enumerate(self.examples.images):
                    with _box("example", "button") as button:
                        _image(f"example {number + 1}", "", data_url(png(to_pixels(image))))
                    button.on("click", partial(self._choose, number), args=[])

    async def show(self, image):
        """Encode an image and go to its code."""
        z = await self.page.encoded(image)
        self.zone.show(data_url(png(to_pixels(image))))
        self.reconstruction.props["src"] = await self.page.decoded(z)
        await self.page.move_to(z)

    async def _choose(self, number: int):
        if self.examples.labels is not None:
            self.page.label = self.page.label_box.value = int(self.examples.labels[number])
        await self.show(self.examples.images[number])


class Morph:
    """The pane of the way between two images."""

    def __init__(self, page: Page):
        self.page, self.explorer = page, page.explorer
        self.ends, self.frames = {}, None
        self.show = Latest(self._show)
        with _box("pane last"):
            _heading("From one image to another")
            with _box("line"):
                self.zones = {name: self._lay_out_end(name) for name in "AB"}
                self._lay_out_options()
            message = _message()
            for name, zone in self.zones.items():
                zone.on_image(partial(self._set_image, name), message)
            self._lay_out_result()

    async def set_end(self, name: str, code):
        """Go from (A) or to (B) a code."""
        self.ends[name] = code
        self.zones[name].show(await self.page.decoded(code))
        await self.show()

    async def _set_image(self, name: str, image):
        await self.set_end(name, await self.page.encoded(image))

    async def _show(self):
        if len(self.ends) < 2:
            return
        ends, steps = (self.ends["A"], self.ends["B"]), int(self.steps.value)
        method, label = self.method.value, self.page.label
        self.frames = await _in_thread(self.explorer.morph, ends, steps, method, label)
        self.strip.props["src"] = data_url(strip(self.frames))
        self.film.props["src"] = data_url(film(self.frames), "gif")
        self.result.classes(remove="hidden")

    def _download(self, write, ending: str):
        ui.download.content(write(self.frames), f"{self.explorer.name}_morph.{ending}")

    def _lay_out_end(self, name: str) -> "Zone":
        with _box("captioned"):
            zone = Zone(f"{name}: drop an image here, or click", self.explorer.image_shape)
            _button(f"Take shown as {name}", lambda: self.set_end(name, self.page.code))
        return zone

    def _lay_out_options(self):
        with _box("options"):
            self.method = ui.toggle(list(morphing.METHODS), value="linear")
            self.method.props("no-caps dense unelevated toggle-color=primary spread")
            self.method.on_value_change(self.show)
            self.steps = _slider("steps", (3, 24), 12, lambda _: self.show(), step=1)

    def _lay_out_result(self):
        with _box("result hidden") as self.result:
            with _box("frames"):
                self.film, self.strip = _image("film"), _image("strip")
            with _box("line"):
                _button("Save strip (PNG)", partial(self._download, strip, "png"))
                _button("Save film (GIF)", partial(self._download, film, "gif"))


class Zone:
    """A square that takes an image, dropped on it or chosen after a click, and shows it."""

    def __init__(self, hint: str, image_shape):
        self.image_shape = image_shape
        self.upload = ui.upload(auto_upload=True, max_file_size=MOST_BYTES)
        self.upload.props("accept='image/*'")
        with _box("zone", "button") as area:
            self.hint = ui.label(hint)
            self.image = _image("chosen image")
        area.on("click", js_handler=PICK % self.upload.id)
        area.on("dragover.prevent", js_handler="() => {}")
        area.on("drop.prevent", js_handler=DROP % self.upload.id)

    def show(self, source: str):
        """Show an image instead of the hint."""
        self.hint.classes("hidden")
        self.image.props["src"] = source

    def on_image(self, work, message):
        """Call `work` with each image that comes; say in `message` why another one is not taken."""

        async def read(event):
            content = await event.file.read()
            self.upload.reset()  # so that the same file may come again
            try:
                image = await _in_thread(read_image, content, self.image_shape)
            except UserError as error:
                message.text = str(error)
            else:
                message.text = ""
                await work(image)

        def reject(event):
            message.text = TOO_LARGE if event.args == "max-file-size" else NO_IMAGE

        self.upload.on_upload(read)
        self.upload.on("rejected", reject, js_handler=REJECTED)
        self.upload.on("failed", lambda: message.set_text(FAILED), args=[])


def _box(classes: str, tag="div"):
    return ui.element(tag).classes(classes)


def _heading(text: str, level=2):
    return ui.label(text).classes(f"h{level}").props(f"role=heading aria-level={level}")


def _note(text: str):
    return ui.label(text).classes("faint")


def _message():
    """Where the reason stands why something was not taken."""
    return ui.label().classes("message").props("role=alert")


def _image(what: str, classes="", source=None):
    image = ui.element("img").classes(classes).props("draggable=false")
    image.props["alt"] = what
    if source:
        image.props["src"] = source
    return image


def _button(text: str, work):
    return ui.button(text, on_click=work).props("outline no-caps dense padding='3px 12px'")


def _slider(name: str, ends, value, moved, step=0.01):
    """A slider between its name and its value; `moved` is called when the user moves it."""
    with _box("slider"):
        ui.label(name)
        slider = ui.slider(min=ends[0], max=ends[1], step=step, value=value)
        slider.props["aria-label"] = name
        slider.props("selection-color=transparent")
        write = "{:.2f}" if step < 1 else "{:.0f}"
        ui.label().bind_text_from(slider, "value", lambda value: _signed(write.format(value)))
    slider.on("update:model-value", lambda event: moved(event.args), throttle=EVENT_SECONDS)
    return slider


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


async def _in_thread(function, *arguments):
    """Call it without holding up the other tabs."""
    return await run.io_bound(function, *arguments)


# The server


class Site:
    """The web server of this process, in a thread: NiceGUI can have one, and pages in it."""

    def __init__(self, host: str, port: int):
        self.socket = _listen(host, port)
        self.address = f"http://{_in_url(host)}:{self.socket.getsockname()[1]}"
        self.pages = 0
        options = dict(log_level="warning", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(uvicorn.Config(_web_application(host), **options))
        self.thread = threading.Thread(target=self.server.run, args=[[self.socket]], daemon=True)
        self.thread.start()
        while not self.server.started:
            if not self.thread.is_alive():
                raise RuntimeError("the web server has not started")
            time.sleep(0.02)

    def add(self, explorer: Explorer) -> str:
        """A page for the model; returns its address."""
        self.pages += 1
        path = "/" if self.pages == 1 else f"/{self.pages}"

        @ui.page(path, title=explorer.name)
        def show():
            Page(explorer)

        return self.address + path

    def wait(self):
        """Serve until it is stopped or interrupted."""
        while self.thread.is_alive():
            self.thread.join(1)  # a join without an end could not be interrupted on Windows

    def stop(self):
        """End it. There can be no other in this process."""
        self.server.should_exit = True
        self.thread.join()


_site = functools.cache(Site)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        what = f"--host {host} --port {port}" if port else f"--host {host}"
        raise UserError(f"{what} cannot be had ({error.strerror}): choose another") from error


def _in_url(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # all addresses: one that a browser can ask for
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _web_application(host: str) -> FastAPI:
    """NiceGUI, which refuses large uploads and loads nothing from elsewhere."""
    application = FastAPI(openapi_url=None)

    @application.middleware("http")
    async def guard(request: Request, go_on):
        size = request.headers.get("content-length", "")
        if request.method == "POST" and not (size.isdecimal() and int(size) <= MOST_POSTED):
            return Response(TOO_LARGE, status_code=413)
        response = await go_on(request)
        own_socket = f"ws://{request.headers.get('host', '')}"
        response.headers["Content-Security-Policy"] = f"{CONTENT_POLICY} {own_socket}"
        return response

    if host in (LOCALHOST, "localhost"):  # no other site may pretend to have this address
        application.add_middleware(TrustedHostMiddleware, allowed_hosts=[LOCALHOST, "localhost"])
    ui.run_with(application, favicon="🧭", tailwind=False, show_welcome_message=False)
    return application


def serve(model, host=LOCALHOST, port=0, data_dir=None, browser=True):
    """Show the page for a model, an export's path or name, until it is interrupted.

    Port 0 is a free one. With `data_dir` the examples are test images of the model's data set that
    lies there. Raises UserError.
    """
    explorer = Explorer(model, data_dir)
    site = _site(host, port)
    address = site.add(explorer)
    if host not in (LOCALHOST, "localhost", "::1"):
        print(f"warning: with --host {host} everyone who reaches this machine can open the page")
    print(f"{explorer.name}: {address} (Ctrl-C ends it)", flush=True)
    if browser:
        webbrowser.open(address)
    try:
        site.wait()
    except KeyboardInterrupt:
        site.stop()


@dataclass(frozen=True)
class Widget:
    """The page of a model; a notebook shows it in the output of the cell."""

    address: str
    height: int

    def _repr_html_(self) -> str:
        style = f"width: 100%; height: {self.height}px; border: 0"
        return f'<iframe src="{self.address}" style="{style}"></iframe>'


def explore(model, data_dir=None, height=900) -> Widget:
    """The same page in a notebook on this machine: `explore("digits_vae")` as the last line.

    `model` is a loaded export, its path or its name. Raises UserError.
    """
    return Widget(_site(LOCALHOST, 0).add(Explorer(model, data_dir)), height)
