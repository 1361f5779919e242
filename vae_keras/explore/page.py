"""The page: it shows the picture of a code, and panes with which the user changes the code."""

from functools import partial
from pathlib import Path

import numpy as np
from nicegui import run, ui

from vae_keras.errors import UserError
from vae_keras.explore.explorer import Explorer, read_code, written_code
from vae_keras.explore.image_files import data_url, png
from vae_keras.explore.latest import Latest
from vae_keras.explore.panes import Morph, Original, Plane
from vae_keras.explore.parts import Slider, alert, box, button, heading, note, picture, subscript
from vae_keras.figures.base import PALETTE

STYLE = Path(__file__).with_name("style.css")
LARGEST_ALPHA = 2.0  # the right end of a feature's slider
LARGEST_ICON = 32  # side in pixels up to which images are enlarged without smoothing


class Page:
    """What one browser tab shows.

    `z` [latent_dim] is the code without features; `alphas` says how many times each feature vector
    is added to it. `label` is the chosen class of a conditional model, or None.
    """

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
        """The code of the picture [latent_dim]: `z` with the features."""
        return self.explorer.with_features(self.z, self.alphas)

    async def decoded(self, z) -> str:
        """The picture of a code [latent_dim], decoded with the chosen class, as a data URL."""
        return data_url(png(await run.io_bound(self.explorer.decode, z, self.label)))

    async def encoded(self, image) -> np.ndarray:
        """The code [latent_dim] of an image, encoded with the chosen class."""
        return await run.io_bound(self.explorer.encode, image, self.label)

    async def move_to(self, z):
        """Show the code `z` [latent_dim] without features, and set the sliders to it."""
        self.z, self.alphas = z, dict.fromkeys(self.alphas, 0.0)
        for dimension, slider in self.sliders.items():
            slider.value = float(z[dimension])
        for slider in self.alpha_sliders.values():
            slider.value = 0.0
        await self.show()

    async def move_along(self, dimension: int, value: float):
        """Set one dimension of `z` to `value`."""
        self.z = self.z.copy()
        self.z[dimension] = value
        await self.show()

    async def add_feature(self, name: str, alpha: float):
        """Add a feature vector `alpha` times; a negative number takes the feature away."""
        self.alphas[name] = alpha
        await self.show()

    async def choose_label(self, label: int):
        """Show the same code as another class."""
        self.label = label
        await self.show()
        if self.plane:
            await self.plane.draw()
        await self.morph.show()

    async def read_code(self):
        """Show the code that the user has written, or say what is wrong with it."""
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
        ui.add_css(STYLE)
        ui.colors(primary=PALETTE[0], accent=PALETTE[4])
        is_plane = self.explorer.latent_dim == 2
        is_large = min(self.explorer.example_shape[:2]) > LARGEST_ICON
        with box("page smooth" if is_large else "page", "main"):
            self._lay_out_top()
            with box("sides of-plane" if is_plane else "sides of-sliders"):
                with box("side"):
                    if is_plane:
                        self.plane = Plane(self)
                        self.morph = Morph(self)
                    else:
                        self._lay_out_picture()
                        Original(self)
                with box("side"):
                    if is_plane:
                        self._lay_out_picture()
                        self._lay_out_features()
                        Original(self)
                    else:
                        self._lay_out_features()
                        self._lay_out_code()
                        self.morph = Morph(self)

    def _lay_out_top(self):
        height, width, channels = self.explorer.example_shape
        size = f"{height}×{width} {'grey' if channels == 1 else 'colour'} images"
        kind = ", conditional" if self.model.takes_labels else ""
        count = self.explorer.latent_dim
        with box("top"):
            heading(self.explorer.name, 1)
            note(f"{size}, codes of {count} number{'s' if count > 1 else ''}{kind}")

    def _lay_out_picture(self):
        with box("pane picture"):
            if self.model.takes_labels:
                self._lay_out_classes()
            pixels = self.explorer.decode(self.code, self.label)
            self.picture = picture("decoded image", "shown", data_url(png(pixels)))
            with box("line"):
                button("Random", self._go_anywhere)
                button("Reset", lambda: self.move_to(self.explorer.centre))
            if self.plane:
                self._lay_out_dimensions(range(2))
            self.code_box = ui.input("Code", value=written_code(self.code))
            self.code_box.classes("code").props("outlined dense spellcheck=false")
            self.code_box.on("keydown.enter", self.read_code)
            self.code_message = alert()

    async def _go_anywhere(self):
        await self.move_to(self.explorer.random_code(self.rng, self.label))

    def _lay_out_classes(self):
        names = dict(enumerate(self.explorer.class_names))
        self.label_box = ui.select(names, value=self.label, label="Class").props("outlined dense")
        self.label_box.on_value_change(lambda event: self.choose_label(event.value))

    def _lay_out_code(self):
        shown, hidden = self.explorer.shown_dimensions()
        with box("pane"):
            heading("The code, number by number")
            self._lay_out_dimensions(shown)
            if hidden:
                what = f"{len(hidden)} more, on which the images depend less or not at all"
                with ui.expansion(what).props("dense").classes("faint"):
                    self._lay_out_dimensions(hidden)

    def _lay_out_dimensions(self, dimensions):
        low, high = self.explorer.low, self.explorer.high
        with box("sliders"):
            for dimension in dimensions:
                name, moved = f"z{subscript(dimension + 1)}", partial(self.move_along, dimension)
                ends = float(low[dimension]), float(high[dimension])
                value = float(self.z[dimension])
                self.sliders[dimension] = Slider(name, ends, value, moved)

    def _lay_out_features(self):
        if not self.alphas:
            return
        with box("pane"):
            heading("Features")
            with box("features sliders"):
                for name in self.alphas:
                    ends, moved = (-LARGEST_ALPHA, LARGEST_ALPHA), partial(self.add_feature, name)
                    self.alpha_sliders[name] = Slider(name.replace("_", " "), ends, 0.0, moved)
            with box("line"):
                button("All to 0", lambda: self.move_to(self.z))
                note("1 adds the feature to the image, −1 takes it away.")
