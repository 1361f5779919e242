"""Which numbers are black and white in images, and images scaled by these to [0, 1]."""

from typing import NamedTuple

import numpy as np

from vae_keras.errors import UserError

# The largest value of images of 1 and 4 bits, of 17 levels, and of 8, 10, 12, 14 and 16 bits.
WHITES = (1, 15, 16, 255, 1_023, 4_095, 16_383, 65_535)
DARK = 64  # images of 8 bits reach it; smaller numbers may be anything
OPTION = "--pixel-range LOW,HIGH"


class PixelRange(NamedTuple):
    """The values that are black and white."""

    black: float
    white: float

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """`values` with black at 0 and white at 1, float32; uint8 from 0 to 255 stay as they are.

        What lies beyond black and white becomes these.
        """
        if self == (0, 255) and values.dtype == np.uint8:
            return values
        scaled = (values.astype(np.float32) - self.black) / (self.white - self.black)
        return scaled.clip(0, 1).astype(np.float32)

    def as_option(self) -> str:
        """The range as `parsed_range` reads it: LOW,HIGH."""
        return ",".join(repr(float(value)).removesuffix(".0") for value in self)

    def __str__(self):
        return f"{self.black:g} is black and {self.white:g} is white"


def to_unit_range(values: np.ndarray) -> np.ndarray:
    """Turn uint8 from 0 to 255 into float32 from 0 to 1; other values stay as they are."""
    return values / np.float32(255) if values.dtype == np.uint8 else values


def parsed_range(text: str | None) -> PixelRange | None:
    """The range that LOW,HIGH means, or None. Raises UserError if it is not two rising numbers."""
    if text is None:
        return None
    try:
        black, white = map(float, text.split(","))
    except ValueError:
        black = white = 0.0
    if not -np.inf < black < white < np.inf:
        raise UserError(f"--pixel-range {text!r} must be two numbers, such as 0,4095 or -1000,1000")
    return PixelRange(black, white)


def check_numbers(what: str, values: np.ndarray):
    """Raise UserError unless `values` are real numbers, none of them NaN."""
    if values.dtype.kind not in "biuf":  # truth values, integers and floats
        raise UserError(f"{what} is of type {values.dtype}: use uint8, or floats from 0 to 1")
    if np.isnan(values).any():
        raise UserError(f"{what} has {np.isnan(values).sum():,} values that are NaN: replace them")


def range_of(what: str, is_integer: bool, low: float, high: float) -> PixelRange:
    """Black and white of images whose values go from `low` to `high`, as far as these tell.

    Raises UserError if they do not.
    """
    if not is_integer:
        if low >= 0 and high <= 1:
            return PixelRange(0, 1)
        raise UserError(
            f"{what} has floats from {low:g} to {high:g}: scale them to [0, 1], or say which are "
            f"black and white with {OPTION}"
        )
    if low < 0 or high > WHITES[-1]:
        raise UserError(
            f"{what} has integers from {low:g} to {high:g}: say which are black and white with "
            f"{OPTION}"
        )
    if high in (0, *WHITES[:3]) or high >= DARK:
        return PixelRange(0, next(white for white in WHITES if white >= max(high, 1)))
    raise UserError(
        f"{what} has integers from {low:g} to {high:g}, which does not tell what is white: say "
        f"it with {OPTION}"
    )
