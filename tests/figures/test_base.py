"""The style of the figures."""

from itertools import combinations

import numpy as np
import pytest

from vae_keras.figures import PALETTE

# Machado, Oliveira and Fernandes (2009): what an eye without one kind of cones sees, linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(  # IEC 61966-2-1, white is D65
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def linear(colour: str):
    """The linear RGB of "#RRGGBB"."""
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE 1976 L*a*b* of linear RGB."""
    ratio = TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distances(colours, eye):
    """The CIE 1976 distances of all pairs of colours, as an eye sees them."""
    seen = [lab(np.array(EYES[eye]) @ linear(colour)) for colour in colours]
    return [float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2)]


def test_colours_stand_out_from_white():
    # WCAG 2.1, relative luminance and contrast ratio
    contrasts = {colour: 1.05 / (TO_XYZ[1] @ linear(colour) + 0.05) for colour in PALETTE}
    assert min(contrasts.values()) >= 3, contrasts


@pytest.mark.parametrize("eye", EYES)
def test_colours_are_told_apart_by_every_eye(eye):
    assert min(distances(PALETTE, eye)) >= 11  # 2.3 is just noticeable
    assert min(distances(PALETTE[:5], eye)) >= 22
