"""A local web page for exploring the latent space of an exported model.

`explore` shows it in a notebook; `serve` opens it from the command line.
"""

import webbrowser
from dataclasses import dataclass

from vae_keras.errors import UserError

try:
    import nicegui  # noqa: F401  (an extra of the package)
except ImportError as error:
    raise UserError(f"the page needs NiceGUI ({error}): pip install 'nicegui>=3.18,<4'") from error

from vae_keras.explore.explorer import Explorer
from vae_keras.explore.server import LOCALHOST, site_at


def serve(model, host=LOCALHOST, port=0, data_dir=None, browser=True):
    """Serve the page for `model` until the user interrupts it.

    `model` is an `ExportedModel`, or the path or name of an export. With `port` 0 a free port is
    used. With `data_dir`, the examples on the page are test images of the model's data set in that
    folder. With `browser`, the page is opened; otherwise its address is only printed.

    Raises UserError if the model cannot be used for images, if its data set is not in `data_dir`,
    or if `host` and `port` are not free.
    """
    explorer = Explorer(model, data_dir)
    site = site_at(host, port)
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
    """The page of a model, which a notebook shows in the output of a cell."""

    address: str
    height: int

    def _repr_html_(self) -> str:
        style = f"width: 100%; height: {self.height}px; border: 0"
        return f'<iframe src="{self.address}" style="{style}"></iframe>'


def explore(model, data_dir=None, height=900) -> Widget:
    """Show the page for `model` in a notebook that runs on this machine.

        explore("digits_vae")

    This must be the last line of a cell. `model` is an `ExportedModel`, or the path or name of an
    export. With `data_dir`, the examples on the page are test images of the model's data set in
    that folder. `height` is that of the page, in pixels.

    Raises UserError if the model cannot be used for images, or if its data set is not in
    `data_dir`.
    """
    return Widget(site_at(LOCALHOST, 0).add(Explorer(model, data_dir)), height)
