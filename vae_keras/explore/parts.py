"""The elements of which the panes of the page consist."""

from nicegui import run, ui

from vae_keras.errors import UserError
from vae_keras.explore.image_files import MOST_BYTES, NO_IMAGE, TOO_LARGE, read_upload

EVENT_SECONDS = 0.04  # least time between two messages of a drag
FAILED = "The file has not arrived: try again."

# These run in the browser; `emit` sends a message to the server.
PICK = "() => getElement(%d).$refs.qRef.pickFiles()"
DROP = "(event) => getElement(%d).$refs.qRef.addFiles(event.dataTransfer.files)"
REJECTED = "(files) => emit(files[0].failedPropValidation)"


def box(classes: str, tag="div"):
    """An empty element with these CSS classes; elements made inside `with box(…):` go into it."""
    return ui.element(tag).classes(classes)


def heading(text: str, level=2):
    return ui.label(text).classes(f"h{level}").props(f"role=heading aria-level={level}")


def note(text: str):
    return ui.label(text).classes("faint")


def alert():
    """An empty label for a message that says why an input was refused."""
    return ui.label().classes("message").props("role=alert")


def picture(what: str, classes="", source=None):
    """An image, described by `what` for those who cannot see it; `source` is its address."""
    element = ui.element("img").classes(classes).props("draggable=false")
    element.props["alt"] = what
    if source:
        element.props["src"] = source
    return element


def button(text: str, work):
    return ui.button(text, on_click=work).props("outline no-caps dense padding='3px 12px'")


class Slider(ui.slider):
    """A slider between its name and its value.

    `ends` are its smallest and its largest value. `moved` is called with the new value when the
    user moves the slider.
    """

    LOOPBACK = False  # the server's answer must not undo what the user has moved since

    def __init__(self, name: str, ends, value, moved, step=0.01):
        with box("slider"):
            ui.label(name)
            super().__init__(min=ends[0], max=ends[1], step=step, value=value)
            write = "{:z.2f}" if step < 1 else "{:.0f}"
            ui.label().bind_text_from(self, "value", lambda value: signed(write.format(value)))
        self.props["aria-label"] = name
        self.props("selection-color=transparent")
        self.on("update:model-value", lambda event: moved(event.args), throttle=EVENT_SECONDS)


class Zone:
    """A square that takes an image, either dropped on it or chosen after a click, and shows it."""

    def __init__(self, hint: str, model):
        self.example_shape, self.pixel_range = model.example_shape, model.kind.pixel_range
        self.upload = ui.upload(auto_upload=True, max_file_size=MOST_BYTES)
        self.upload.props("accept='image/*'")
        with box("zone", "button") as area:
            self.hint = ui.label(hint)
            self.image = picture("chosen image")
        area.on("click", js_handler=PICK % self.upload.id)
        area.on("dragover.prevent", js_handler="() => {}")
        area.on("drop.prevent", js_handler=DROP % self.upload.id)

    def show(self, source: str):
        """Show the image at the address `source` instead of the hint."""
        self.hint.classes("hidden")
        self.image.props["src"] = source

    def on_image(self, work, message):
        """Call `work` with each image that arrives; write into `message` why a file is refused.

        `work` is asynchronous and takes float32 [height, width, channels] in [0, 1].
        """

        async def read(event):
            content = await event.file.read()
            await self.upload.run_method(
                "reset", timeout=60
            )  # so that the same file may come again
            try:
                image = await run.io_bound(
                    read_upload, content, self.example_shape, self.pixel_range
                )
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


def signed(text: str) -> str:
    """The text with minus signs instead of hyphens."""
    return text.replace("-", "−")


def subscript(number: int) -> str:
    """The number in subscript digits: ₁₂ for 12."""
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
