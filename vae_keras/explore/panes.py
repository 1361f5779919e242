"""The panes beside the picture: the latent plane, an image of the user, and a morph."""

from functools import partial

from nicegui import run, ui

from vae_keras.explore.image_files import data_url, film, png, strip
from vae_keras.explore.latest import Latest
from vae_keras.explore.parts import (
    EVENT_SECONDS,
    Slider,
    Zone,
    alert,
    box,
    button,
    heading,
    note,
    picture,
    signed,
)
from vae_keras.figures.pixels import to_pixels
from vae_keras.latent import morphing

# This runs in the browser; `emit` sends a message to the server.
DRAG = """(event) => {
  const plane = event.currentTarget, box = plane.getBoundingClientRect();
  if (event.type === "pointerdown") plane.setPointerCapture(event.pointerId);
  if (event.buttons & 1)
    emit((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
}"""


class Plane:
    """A pane with a two-dimensional latent space, in which the user drags a marker."""

    def __init__(self, page):
        self.page, self.explorer = page, page.explorer
        with box("pane"):
            heading("The latent plane")
            with box("plane") as area:
                pixels = self.explorer.plane(page.label)
                self.picture = picture("decoded images at their codes", "", data_url(png(pixels)))
                self.marker = box("marker")
            for event in ("pointerdown", "pointermove"):
                area.on(event, self._drag, throttle=EVENT_SECONDS, js_handler=DRAG)
            (left, bottom), (right, top) = self.explorer.low, self.explorer.high
            across = f"z₁ goes from {left:.3g} at the left to {right:.3g}"
            up = f"z₂ from {bottom:.3g} at the bottom to {top:.3g}"
            note(signed(f"Click or drag: {across}, {up}."))
        self.mark(page.code)

    async def draw(self):
        """Draw the plane again, for the chosen class."""
        pixels = await run.io_bound(self.explorer.plane, self.page.label)
        self.picture.props["src"] = data_url(png(pixels))

    def mark(self, code):
        """Move the marker to a code [2]."""
        x, y = self.explorer.place_of(code)
        self.marker.style(f"left: {100 * x:.2f}%; top: {100 * y:.2f}%")

    async def _drag(self, event):
        await self.page.move_to(self.explorer.code_at(*event.args))


class Original:
    """A pane with an image, chosen by the user, and its reconstruction."""

    def __init__(self, page):
        self.page, self.examples = page, page.explorer.examples
        with box("pane original"):
            heading("An image and its reconstruction")
            with box("line"):
                with box("captioned"):
                    self.zone = Zone("Drop an image here, or click", page.explorer.model)
                    note("image")
                with box("captioned"):
                    with box("frame"):
                        self.reconstruction = picture("reconstruction")
                    note("reconstruction")
            self.zone.on_image(self.show, alert())
            if page.model.takes_labels:
                note("It is encoded as of the class that is chosen above.")
            note(f"Or one of these, {self.examples.source}:")
            with box("examples"):
                for number, example in enumerate(self.examples.images):
                    with box("example", "button") as choice:
                        picture(f"example {number + 1}", "", data_url(png(to_pixels(example))))
                    choice.on("click", partial(self._choose, number), args=[])

    async def show(self, image):
        """Encode an image [height, width, channels] in [0, 1], and go to its code."""
        z = await self.page.encoded(image)
        self.zone.show(data_url(png(to_pixels(image))))
        self.reconstruction.props["src"] = await self.page.decoded(z)
        await self.page.move_to(z)

    async def _choose(self, number: int):
        if self.examples.labels is not None:
            self.page.label = self.page.label_box.value = int(self.examples.labels[number])
        await self.show(self.examples.images[number])


class Morph:
    """A pane with the images on the way between two codes."""

    def __init__(self, page):
        self.page, self.explorer = page, page.explorer
        self.ends, self.frames = {}, None
        self.show = Latest(self._show)
        with box("pane morph"):
            heading("From one image to another")
            with box("line"):
                self.zones = {name: self._lay_out_end(name) for name in "AB"}
                self._lay_out_options()
            reason = alert()
            for name, zone in self.zones.items():
                zone.on_image(partial(self._set_image, name), reason)
            self._lay_out_result()

    async def set_end(self, name: str, code):
        """Set the code [latent_dim] at which the way starts ("A") or ends ("B")."""
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
        self.frames = await run.io_bound(self.explorer.morph, ends, steps, method, label)
        self.strip.props["src"] = data_url(strip(self.frames))
        self.film.props["src"] = data_url(film(self.frames), "gif")
        self.result.classes(remove="hidden")

    def _download(self, write, ending: str):
        ui.download.content(write(self.frames), f"{self.explorer.name}_morph.{ending}")

    def _lay_out_end(self, name: str) -> Zone:
        with box("captioned"):
            zone = Zone(f"{name}: drop an image here, or click", self.explorer.model)
            button(f"Take shown as {name}", lambda: self.set_end(name, self.page.code))
        return zone

    def _lay_out_options(self):
        with box("options"):
            self.method = ui.toggle(list(morphing.METHODS), value="linear")
            self.method.props("no-caps dense unelevated toggle-color=primary spread")
            self.method.on_value_change(self.show)
            self.steps = Slider("steps", (3, 24), 12, lambda _: self.show(), step=1)

    def _lay_out_result(self):
        with box("result hidden") as self.result:
            with box("frames"):
                self.film, self.strip = picture("film"), picture("strip")
            with box("line"):
                button("Save strip (PNG)", partial(self._download, strip, "png"))
                button("Save film (GIF)", partial(self._download, film, "gif"))
