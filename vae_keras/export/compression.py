"""Compresses folders of images to files of codes, and restores them."""

import math
import os
from pathlib import Path

import numpy as np

from vae_keras.data.images.folder import image_files
from vae_keras.data.images.scaling import to_unit_range
from vae_keras.errors import UserError
from vae_keras.evaluation.pixels import psnr
from vae_keras.export.image_files import (
    load_for_images,
    read_batches,
    relative_names,
    write_images,
)
from vae_keras.figures.pixels import to_pixels
from vae_keras.files import whole_file
from vae_keras.latent.codes import BATCH

CODE = np.dtype("<f2")  # a number of a stored code: half precision


def compress(model, folder, output) -> dict[str, float]:
    """Encode every image below `folder` to the file `output`, from which `restore` makes images.

    `model` is an `ExportedModel`, or the path or name of an export. The file is an .npz with
    `names` [n] and `codes`, float16 [n, latent_dim]. Images are cropped and resized to the model's
    size.

    It returns the sizes in bytes (`pixel_bytes` are those of the resized images in uint8), and the
    mean squared error (of values in [0, 1]) and the PSNR (in decibels) of restored images, averaged
    over images. Raises UserError if the model cannot be used for images alone, an image cannot be
    read, or a code is beyond float16; nothing is written then.
    """
    exported, folder = load_for_images(model, "encode", "decode"), Path(folder)
    files = image_files(folder)
    names, codes, sums = relative_names(files, folder), [], np.zeros(2)
    for pixels in read_batches(files, exported):
        images = to_unit_range(pixels)
        codes.append(_stored(exported.encode(images)))
        restored = to_unit_range(to_pixels(exported.decode(codes[-1])))
        sums += len(images) * np.array([np.mean((images - restored) ** 2), psnr(images, restored)])
    with whole_file(output) as temporary, open(temporary, "wb") as file:  # as it is named
        np.savez_compressed(file, names=np.array(names), codes=np.concatenate(codes))
    error, ratio = sums / len(files)
    return {
        "images": len(files),
        "original_bytes": sum(file.stat().st_size for file in files),
        "pixel_bytes": len(files) * math.prod(exported.example_shape),
        "code_bytes": len(files) * exported.latent_dim * CODE.itemsize,
        "archive_bytes": Path(output).stat().st_size,
        "mean_squared_error": float(error),
        "psnr": float(ratio),
    }


def restore(model, file, output) -> int:
    """Decode the codes in `file` to PNG files below the folder `output`; return their number.

    They have the names of the originals. Other files in `output` stay. Raises UserError if the
    model cannot be used for images alone, if `file` is damaged or its codes have another size than
    the model's, or if a name leads out of `output`.
    """
    exported = load_for_images(model, "decode")
    names, codes = _read(file)
    for name in names:
        if not _stays_inside(name):
            raise UserError(f"{file}: the name {name!r} leaves the output folder: not restored")
    if codes.shape[1] != exported.latent_dim:
        raise UserError(
            f"{file}: codes are of size {codes.shape[1]}, but those of the model of size "
            f"{exported.latent_dim}: give the model that compressed them"
        )
    batches = (codes[first : first + BATCH] for first in range(0, len(codes), BATCH))
    write_images(output, names, map(exported.decode, batches))
    return len(names)


def _stored(codes) -> np.ndarray:
    with np.errstate(over="ignore"):
        stored = codes.astype(CODE)
    if not np.isfinite(stored).all():
        raise UserError(f"a code is beyond ±{np.finfo(CODE).max:,.0f}, the range of float16")
    return stored


def _read(file) -> tuple[list[str], np.ndarray]:
    """The names and codes (float16 [n, latent_dim]) in `file`.

    Raises UserError if the file is damaged, or if its content is of another type or shape.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            names, codes = archive["names"], archive["codes"]
        if names.dtype.kind != "U" or codes.dtype != CODE or codes.ndim != 2:
            raise ValueError("not names and float16 codes")
        if names.shape != (len(codes),):
            raise ValueError("names and codes do not go together")
        list(map(os.fsencode, names.tolist()))  # fails for what no file can be called
    except Exception as error:  # damaged archives raise errors of many kinds
        raise UserError(f"{file}: not a readable file of codes ({error})") from error
    return names.tolist(), codes


def _stays_inside(name: str) -> bool:
    """True if a file of that relative name lies inside its folder, on this system."""
    path = Path(name)
    return not path.anchor and ".." not in path.parts and path.name != "" and "\0" not in name
