"""A local web page on which one looks around in the latent space of an exported model.

`explore` opens it from a notebook and `serve` from the command line.
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
    """Show the page for a model, an export's path or name, until it is interrupted.

    Port 0 is a free one. With `data_dir` the examples are test images of the model's data set that
    lies there. Raises UserError.
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
    return Widget(site_at(LOCALHOST, 0).add(Explorer(model, data_dir)), height)
