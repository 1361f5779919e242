"""Exports and image files for the tests of the page."""

import io
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from vae_keras.export.places import FEATURES, PRETRAINED
from vae_keras.latent.features import FeatureVector, save

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / PRETRAINED / "digits_vae"


def with_features(folder: Path, *vectors, export=DIGITS) -> Path:
    """A copy of an export that has feature vectors."""
    path = shutil.copytree(export, folder / "with_features")
    save([FeatureVector(name, np.float32(vector)) for name, vector in vectors], path / FEATURES)
    return path


def as_file(pixels, kind="PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def photo(height=60, width=90) -> np.ndarray:
    """A colour picture of a light square, left of the middle."""
    pixels = np.full((height, width, 3), 30, np.uint8)
    pixels[height // 4 : height // 2, width // 4 : width // 2] = (250, 200, 120)
    return pixels


def bomb(side=60_000) -> bytes:
    """A PNG file of a few bytes that says it has `side`² pixels."""

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1_000))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


BAD_FILES = {
    "empty": (b"", "not an image"),
    "text": (b"hello, world" * 100, "not an image"),
    "cut off": (as_file(photo())[:150], "damaged"),
    "changed": (as_file(photo())[:60] + bytes(40) + as_file(photo())[100:], "damaged"),
    "a bomb": (bomb(), "more than 25 million pixels"),
    "a small bomb": (bomb(5_001), "more than 25 million pixels"),
    "large": (bytes(10 * 2**20 + 1), "larger than 10 MB"),
    "a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
}
