"""A user's own images, read as those that a model has learned from."""

from pathlib import Path

import numpy as np

from vae_keras.data.images import archives
from vae_keras.data.images.folder import CHANNEL_MODES, images_below, read_image, resized
from vae_keras.data.images.scaling import PixelRange, check_numbers, range_of, to_unit_range
from vae_keras.data.kinds import Read
from vae_keras.errors import UserError
from vae_keras.files import counts


def own_images(path: Path, example_shape, pixel_range: PixelRange | None = None) -> Read:
    """The images of a folder, of a single file, or of an .npz or IDX file, with their names.

    Image files are cropped to the shape and resized; arrays must have the shape. `pixel_range` is
    that of the training, if it was not plain. Raises UserError if there are no images, if one
    cannot be read, or if it is not clear which values are black and white.
    """
    path = path.expanduser()
    is_array = path.is_file() and (path.suffix.lower() == ".npz" or archives.is_idx(path))
    if not is_array and example_shape[-1] not in CHANNEL_MODES:
        raise UserError(
            f"the model is of {example_shape[-1]} channels, and image files have 1 or 3: give an "
            ".npz file"
        )
    if path.is_dir():
        return _of_folder(path, example_shape, pixel_range)
    if not path.is_file():
        raise UserError(f"{str(path)!r} does not exist: name a folder, an image, or an .npz file")
    if path.suffix.lower() == ".npz":
        return _of_arrays(path, archives.npz_images(path), example_shape, pixel_range)
    if is_array:
        return _of_arrays(path, {"": archives.read_idx(path)}, example_shape, pixel_range)
    return Read([path.name], read_image(path, example_shape, pixel_range)[None])


def _of_folder(path: Path, example_shape, pixel_range) -> Read:
    files, left_out = images_below(path)
    *size, channels = example_shape
    mode = CHANNEL_MODES[channels]
    found = resized(path, files, tuple(size), mode, pixel_range=pixel_range)
    names = [file.relative_to(path).as_posix() for file in files]
    notes = (counts(left_out), *found.notes) if left_out else found.notes
    return Read(names, found.images, notes)


def _of_arrays(path: Path, arrays: dict, example_shape, pixel_range) -> Read:
    """The images of {name: array [n, height, width] or [n, height, width, channels]}."""
    names, values, notes = [], [], []
    for key, images in arrays.items():
        what = f"{path}: {key}" if key else str(path)
        shape = images.shape
        images = images[..., None] if images.ndim == 3 else images
        if images.shape[1:] != tuple(example_shape) or not len(images):
            raise UserError(
                f"{what} has shape {shape}, but the model takes images of {tuple(example_shape)}: "
                "give such ones, or image files, which are resized"
            )
        check_numbers(what, images)
        is_integer, ends = np.issubdtype(images.dtype, np.integer), (images.min(), images.max())
        found = pixel_range or range_of(what, is_integer, *map(float, ends))
        if found not in ((0, 255), (0, 1)):
            notes.append(f"of the pixels of {what}, {found}")
        values.append(to_unit_range(found.scaled(images)))
        names += [f"{key}[{number}]" if key else str(number) for number in range(len(images))]
    return Read(names, np.concatenate(values), tuple(notes))
