"""Passes image files through an exported model."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from vae_keras.data.images.folder import CHANNEL_MODES, image_files, read_pixels
from vae_keras.data.images.scaling import to_unit_range
from vae_keras.errors import UserError
from vae_keras.export import load_exported
from vae_keras.export.exported_model import ExportedModel
from vae_keras.figures.pixels import to_image, to_pixels
from vae_keras.files import filled_folder
from vae_keras.latent.codes import BATCH


def denoise(model, folder, output) -> int:
    """Write the reconstruction of every image below `folder` as PNG to the folder `output`.

    `model` is an `ExportedModel`, or the path or name of an export. Images are cropped and resized
    to the model's size. Other files in `output` stay. It returns the number of images. Raises
    UserError if the model cannot be used for images alone, or if an image cannot be read; nothing
    is written then.
    """
    exported, folder = load_for_images(model, "reconstruct"), Path(folder)
    files = image_files(folder)
    batches = (exported.reconstruct(to_unit_range(one)) for one in read_batches(files, exported))
    write_images(output, relative_names(files, folder), batches)
    return len(files)


def load_for_images(model, *endpoints, with_labels=False) -> ExportedModel:
    """Load an export, and check that it can do `endpoints` with images.

    `model` is an `ExportedModel`, or the path or name of an export. Raises UserError if it lacks an
    endpoint, is not a model of grey or colour images, or takes labels without `with_labels`.
    """
    exported = model if isinstance(model, ExportedModel) else load_exported(model)
    name = str(exported.path)
    for endpoint in endpoints:
        if endpoint not in exported.endpoints:
            raise UserError(f"model {name!r} has no endpoint {endpoint!r}: use another one")
    if not exported.kind.is_pictured:
        raise UserError(f"model {name!r} is of {exported.kind.plural}: use one of images")
    if exported.takes_labels and not with_labels:
        raise UserError(
            f"model {name!r} is conditional and would need a label for each image: use one "
            "without labels"
        )
    if exported.example_shape[-1] not in CHANNEL_MODES:
        raise UserError(
            f"model {name!r} is of {exported.example_shape[-1]} channels: images have 1 or 3"
        )
    return exported


def read_images(files, exported: ExportedModel) -> np.ndarray:
    """The images in `files` as the model takes them: float32 [n, *example_shape] in [0, 1].

    Raises UserError if one of them cannot be read.
    """
    shape = exported.example_shape
    return np.concatenate([exported.kind.read(str(file), shape).values for file in files])


def relative_names(files, folder: Path) -> list[str]:
    """The paths of `files` relative to `folder`, with / between their parts."""
    return [file.relative_to(folder).as_posix() for file in files]


def read_batches(files, exported: ExportedModel):
    """Yield the images in `files` as the model takes them: uint8 [batch, *example_shape].

    Raises UserError if one of them cannot be read.
    """
    *size, channels = exported.example_shape
    mode, pixel_range = CHANNEL_MODES[channels], exported.kind.pixel_range

    def read(file):
        return read_pixels(file, size, mode, pixel_range=pixel_range)

    with ThreadPoolExecutor() as pool:  # Pillow decodes without holding Python's lock
        for first in range(0, len(files), BATCH):
            chunk = files[first : first + BATCH]
            yield np.stack(list(pool.map(read, chunk)))


def write_images(output, names, batches):
    """Write images [batch, height, width, channels] in [0, 1] as PNG files below `output`.

    `names` are those of the original files. All images are written or none.
    """
    images = itertools.chain.from_iterable(map(to_pixels, batches))
    with filled_folder(output) as temporary:
        for name, image in zip(_png_names(names), images, strict=True):
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            to_image(image).save(path)


def _png_names(names) -> list[str]:
    """Turn photo.jpg into photo.png, or all names into photo.jpg.png if two would be the same."""
    short = [Path(name).with_suffix(".png").as_posix() for name in names]
    is_unique = len({name.lower() for name in short}) == len(short)  # some disks ignore the case
    return short if is_unique else [f"{name}.png" for name in names]
