"""Sliders that redraw a figure in a notebook."""

import base64

import ipywidgets

from vae_keras.errors import UserError


class Sliders:
    """A slider for each argument of the function `draw`, and below them the Picture it returns.

        Sliders(lambda beta: image_grid(images[beta]), beta=(0.5, 1, 2))

    `choices` has a sequence of values for each argument; the middle value comes first. A notebook
    that is shown without a kernel shows the figure of these values. Raises UserError if there are
    no arguments, or no values for one of them.
    """

    def __init__(self, draw, **choices):
        if not choices or not all(len(values) for values in choices.values()):
            raise UserError("sliders need the name of at least one argument and values for it")
        self.draw = draw
        self.sliders = {name: _slider(name, list(v)) for name, v in choices.items()}
        self.image = ipywidgets.Image(format="png", layout={"max_width": "100%"})
        self.box = ipywidgets.VBox([*self.sliders.values(), self.image])
        for slider in self.sliders.values():
            slider.observe(lambda change: self.redraw(), "value")
        self.redraw()

    def redraw(self):
        """Draw the figure for the values that the sliders have now."""
        values = {name: slider.value for name, slider in self.sliders.items()}
        self.figure = self.draw(**values)
        self.image.width = str(self.figure.shown_width)
        self.image.value = self.figure.png()

    def _repr_mimebundle_(self, **_):
        still = base64.b64encode(self.figure.compressed(self.image.value)).decode()
        metadata = {"image/png": {"width": self.figure.shown_width}}
        return {**self.box._repr_mimebundle_(), "image/png": still}, metadata


def _slider(name: str, values: list) -> ipywidgets.SelectionSlider:
    shown = [f"{value:g}" if isinstance(value, (int, float)) else str(value) for value in values]
    return ipywidgets.SelectionSlider(
        options=list(zip(shown, values, strict=True)),
        index=len(values) // 2,
        description=name.replace("_", " "),
        continuous_update=True,
        style={"description_width": "initial"},
        layout={"width": "30em"},
    )
