"""Compresses folders of images to files of codes, and restores them."""

import contextlib
import math
import os
import zipfile
from pathlib import Path

import numpy as np

from vae_keras.data.images.folder import image_files
from vae_keras.errors import UserError
from vae_keras.evaluation.pixels import psnr
from vae_keras.export.image_files import (
    load_for_images,
    read_batches,
    relative_names,
    to_floats,
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
    names, sums = relative_names(files, folder), np.zeros(2)
    with (
        whole_file(output) as temporary,
        _code_file(temporary, names, exported.latent_dim) as member,
    ):
        for pixels in read_batches(files, exported.example_shape):
            images = to_floats(pixels)
            codes = _stored(exported.encode(images))
            member.write(codes.tobytes())
            restored = to_floats(to_pixels(exported.decode(codes)))
            sums += len(images) * np.array(
                [np.mean((images - restored) ** 2), psnr(images, restored)]
            )
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
    names = _stored_names(file, exported.latent_dim)
    batches = map(exported.decode, _stored_codes(file))
    write_images(output, names, batches)
    return len(names)


@contextlib.contextmanager
def _code_file(path, names, latent_dim):
    """Write a new .npz file with `names`, and yield its open member for their codes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("names.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, np.array(names), allow_pickle=False)
        with archive.open("codes.npy", "w", force_zip64=True) as member:
            shape = (len(names), latent_dim)
            header = {"descr": CODE.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, header)
            yield member


def _stored(codes) -> np.ndarray:
    with np.errstate(over="ignore"):
        stored = codes.astype(CODE)
    if not np.isfinite(stored).all():
        raise UserError(f"a code is beyond ±{np.finfo(CODE).max:,.0f}, the range of float16")
    return stored


def _stored_names(file, latent_dim) -> list[str]:
    """The names in a file of codes, each safe to write below a folder.

    Raises UserError if the file is damaged, its codes are of another size, or a name is not safe.
    """
    with _reading(file) as archive:
        with archive.open("names.npy") as member:
            names = np.lib.format.read_array(member, allow_pickle=False)
        with archive.open("codes.npy") as member:
            count, size = _codes_shape(member)
        if names.dtype.kind != "U" or names.shape != (count,):
            raise ValueError("names and codes do not go together")
        list(map(os.fsencode, names.tolist()))  # fails for what no file can be called
    for name in names.tolist():
        if not _stays_inside(name):
            raise UserError(f"{file}: the name {name!r} leaves the output folder: not restored")
    if size != latent_dim:
        raise UserError(
            f"{file}: codes are of size {size}, but those of the model of size {latent_dim}: "
            "give the model that compressed them"
        )
    return names.tolist()


def _stored_codes(file):
    """Yield the codes in `file` in batches: float16 [batch, latent_dim]."""
    with _reading(file) as archive, archive.open("codes.npy") as member:
        count, size = _codes_shape(member)
        for first in range(0, count, BATCH):
            shape = (min(BATCH, count - first), size)
            content = member.read(shape[0] * size * CODE.itemsize)
            yield np.frombuffer(content, CODE).reshape(shape)


def _codes_shape(member) -> tuple[int, int]:
    version = np.lib.format.read_magic(member)
    shape, is_fortran, kind = np.lib.format.read_array_header_1_0(member)
    if version != (1, 0) or is_fortran or kind != CODE or len(shape) != 2:
        raise ValueError("codes are not float16 [n, size]")
    return shape


@contextlib.contextmanager
def _reading(file):
    """Open the zip archive `file`; any error while it is read becomes a UserError."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except UserError:
        raise
    except Exception as error:  # damaged archives raise errors of many kinds
        raise UserError(f"{file}: not a readable file of codes ({error})") from error


def _stays_inside(name: str) -> bool:
    """True if a file of that relative name lies inside its folder, on this system."""
    path = Path(name)
    return not path.anchor and ".." not in path.parts and path.name != "" and "\0" not in name
