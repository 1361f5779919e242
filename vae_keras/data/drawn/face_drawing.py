"""Draws cartoon faces from their factors.

The picture is a square from -1 to 1 in both directions, y upwards. It is composed of layers. Each
layer is a smooth closed line of points, filled with one colour; NumPy computes it for all faces at
once. Matplotlib's renderer then fills the layers, anti-aliased, face by face.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path as Line
from matplotlib.transforms import Affine2D

from vae_keras.data.drawn.face_factors import CATEGORICAL, EYE_COLORS, FRAME_COLORS, HAIR_COLORS
from vae_keras.errors import UserError

SIZES = range(16, 129)  # pixels
CHUNK = 500  # faces that are painted at a time


def draw(factors: np.ndarray, image_size: int) -> np.ndarray:
    """Paint faces, an array [n] of factors: uint8 [n, image_size, image_size, 3].

    Raises UserError if `image_size` is outside `SIZES`.
    """
    check_size(image_size)
    images = np.empty((len(factors), image_size, image_size, 3), np.uint8)
    for first in range(0, len(factors), CHUNK):
        chunk = slice(first, first + CHUNK)
        images[chunk] = _painted(_Measures(factors[chunk]), image_size)
    return images


def check_size(image_size):
    """Raise UserError if `image_size` is outside `SIZES`."""
    if image_size not in SIZES:
        raise UserError(
            f"image size {image_size} is out of range: faces are {SIZES[0]} to {SIZES[-1]} pixels"
        )


# The picture is enlarged a little about a point near its top, then brought to 0 … 1.
TO_UNIT = Affine2D().translate(0, -0.75).scale(1.06).translate(1, 1.75).scale(0.5).frozen()
UNMOVED = Affine2D().frozen()
NO_TURNS, NO_POINTS, NO_COLORS = np.zeros((0, 3, 3)), np.zeros((0, 2)), np.zeros((0, 4))


def _painted(m, size):
    """Paint face by face: Matplotlib fills all the layers of one in a single call."""
    layers = _layers(m)
    points, colors, shown = _for_each_face(layers, len(m.factors))
    images = np.full((len(colors), size, size, 4), 255, np.uint8)
    images[..., :3] = _background(m, size)
    renderer = RendererAgg(size, size, 72)
    canvas = np.asarray(renderer.buffer_rgba())
    style = renderer.new_gc()
    style.set_snap(False)
    to_pixels = (TO_UNIT + Affine2D().scale(size)).frozen()
    for face, image in enumerate(images):
        canvas[:] = image
        which = np.flatnonzero(shown[face])
        lines = [Line(points[k][face]) for k in which]
        renderer.draw_path_collection(
            style, to_pixels, lines, NO_TURNS, NO_POINTS, UNMOVED, colors[face, which],
            NO_COLORS, [], [], [True], [None], "screen",
        )  # fmt: skip
        image[:] = canvas
    return images[..., :3]


def _for_each_face(layers, count):
    """The layers' points, k of [count, p, 2]; their colours [count, k, 4]; shown [count, k]."""
    points = [np.broadcast_to(x.points, (count, *x.points.shape[1:])) for x in layers]
    colors = np.empty((count, len(layers), 4))
    lab = np.stack([np.broadcast_to(x.color, (count, 3)) for x in layers], 1)
    colors[..., :3] = _to_rgb(lab)
    colors[..., 3] = [x.opacity for x in layers]
    return points, colors, np.stack([np.broadcast_to(x.shown, count) for x in layers], 1)


def _background(m, size):
    """A muted colour, lighter behind the head: uint8 [n, size, size, 3]."""
    lightness = 0.78 + 0.15 * m.factor("background_lightness")[:, 0]
    base = _lch(lightness, 0.045, _arc(m.factor("background_hue")[:, 0]))
    at = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    glow = np.exp(-(at[:, None] ** 2 + at**2) / 0.9)[..., None]
    edge, middle = 255 * _to_rgb(_toned(base, 0.955)), 255 * _to_rgb(_toned(base, 1.05, 0.8))
    edge, step = (rgb[:, None, None].astype(np.float32) for rgb in (edge, middle - edge))
    return (edge + step * glow + 0.5).astype(np.uint8)


# --- Colours, in Oklab: lightness, green to red, blue to yellow ---

TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
FROM_CONES, FROM_LAB = np.linalg.inv(TO_CONES), np.linalg.inv(TO_LAB)


def _from_hex(*colors):
    rgb = np.array([[int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)] for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ TO_CONES.T) @ TO_LAB.T


def _to_rgb(lab):
    linear = ((lab @ FROM_LAB.T) ** 3 @ FROM_CONES.T).clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _lch(lightness, chroma, hue):
    """Lightness, chroma, hue (0 to 1) -> Oklab [..., 3]."""
    a, b = chroma * np.cos(2 * np.pi * hue), chroma * np.sin(2 * np.pi * hue)
    return np.stack(np.broadcast_arrays(lightness, a, b), -1)


def _arc(number):
    return 0.04 + 0.82 * number


def _dyed(number):
    """The colour of cloth, with a hue of the arc; as yellow looks muddy, it is lighter."""
    hue = _arc(number)
    return _lch(0.6 + 0.14 * _bump(hue, 0.27, 0.09), 0.105, hue)


def _toned(lab, lightness=1.0, chroma=1.0):
    return lab * np.array([lightness, chroma, chroma])


SKIN = _from_hex(
    "#fce3d3", "#f8d2b4", "#edbb95", "#d99f75", "#ba7c52", "#93593a", "#6c4029", "#4d2e20"
)
HAIR = _from_hex(*HAIR_COLORS.values())
IRIS = _from_hex(*EYE_COLORS.values())
FRAME = _from_hex(*FRAME_COLORS.values())
WHITE, INK, MOUTH, TONGUE, RED, GLASS = _from_hex(
    "#fdfbf8", "#2a2530", "#6e2530", "#d8707a", "#ea5560", "#dff0ff"
)


# --- Lines: points [n or 1, p, 2] ---


def _bump(x, centre, width):
    return np.exp(-(((x - centre) / width) ** 2))


def _points(x, y):
    return np.stack(np.broadcast_arrays(np.atleast_2d(x), np.atleast_2d(y)), -1)


def _ellipse(x, y, rx, ry, count=20, power=2.0):
    """An ellipse; with a power above 2 it is squarer."""
    angle = np.arange(count) * (2 * np.pi / count)
    radius = _radius(angle, power)
    return _points(x + rx * radius * np.cos(angle), y + ry * radius * np.sin(angle))


def _radius(angle, power):
    return (np.abs(np.cos(angle)) ** power + np.abs(np.sin(angle)) ** power) ** (-1 / power)


@functools.cache
def _spline(count, per_span=3):
    """The matrix [points, controls] from controls to points of a closed cubic B-spline."""
    t = np.arange(per_span)[:, None] / per_span
    weights = np.concatenate(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], 1
    )
    matrix = np.zeros((count, per_span, count))
    for span in range(count):
        for k in range(4):
            matrix[span, :, (span + k - 1) % count] += weights[:, k] / 6
    return matrix.reshape(-1, count)


def _smooth(*controls):
    """A smooth closed line near the given corners (x, y)."""
    x = np.concatenate(np.broadcast_arrays(*(np.atleast_2d(x) for x, _ in controls)), -1)
    y = np.concatenate(np.broadcast_arrays(*(np.atleast_2d(y) for _, y in controls)), -1)
    return np.einsum("pk,nkd->npd", _spline(len(controls)), _points(x, y))


def _symmetric(*controls):
    """A smooth line, closed by its mirror image; `controls` go from the top down the right side."""
    left = [(-x, y) for x, y in controls[::-1] if np.any(x)]
    return _smooth(*controls, *left)


def _ribbon(line, width):
    """A stroke along an open line, `width` wide at each of its points."""
    step = np.gradient(line, axis=1)
    normal = np.stack([-step[..., 1], step[..., 0]], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    offset = normal * (np.broadcast_to(width, line.shape[:2])[..., None] / 2)
    return np.concatenate([line + offset, (line - offset)[:, ::-1]], 1)


def _between(one, other):
    """A closed line around what lies between two lines that run in the same direction."""
    n = max(len(one), len(other))
    one, other = (np.broadcast_to(line, (n, *line.shape[1:])) for line in (one, other))
    return np.concatenate([one, other[:, ::-1]], 1)


def _joined(*shapes):
    """Several closed lines as one; the seam between them has no area, so it is invisible."""
    n = max(len(shape) for shape in shapes)
    start = shapes[0][:, :1]
    parts = [part for shape in shapes for part in (shape, shape[:, :1], start)]
    return np.concatenate([np.broadcast_to(part, (n, *part.shape[1:])) for part in parts], 1)


def _ring(outer, inner):
    return _joined(outer, inner[:, ::-1])


def _pair(shape):
    """A closed line and its mirror image."""
    return _joined(shape, shape * np.array([-1.0, 1.0]))


# --- Measures ---

CENTRE = -0.05  # the height of the head's centre
EYES = -0.03  # the height of the eyes
NECK = np.array([0.0, -0.6])  # the point about which the head tilts


@dataclass(frozen=True)
class _Measures:
    """Measures [n, 1] and colours, Oklab [n, 3], of n faces."""

    factors: np.ndarray

    def factor(self, name):
        return self.factors[name].astype(np.float64)[:, None]

    def has(self, name, value=None):
        factor = self.factors[name]
        return factor if value is None else factor == CATEGORICAL[name].index(value)

    @functools.cached_property
    def width(self):
        """Half the width of the head."""
        return 0.44 + 0.11 * self.factor("face_width")

    @functools.cached_property
    def height(self):
        """Half the height of the head."""
        return 0.52 + 0.115 * self.factor("face_height")

    @functools.cached_property
    def skin(self):
        at = self.factor("skin_tone") * (len(SKIN) - 1)
        low = np.minimum(at.astype(int), len(SKIN) - 2)[:, 0]
        return SKIN[low] + (at - low[:, None]) * (SKIN[low + 1] - SKIN[low])

    @functools.cached_property
    def shadow(self):
        return _toned(self.skin, 0.83, 1.15)

    def darker_than_skin(self, color):
        """The colour, dark enough to be seen on any skin."""
        lightness = np.minimum(color[:, :1], self.skin[:, :1] - 0.13)
        return np.concatenate([lightness, color[:, 1:]], axis=1)

    @functools.cached_property
    def hair(self):
        """The colour of the hair; dark hair gets darker on a skin of its colour, to be seen."""
        hair = HAIR[self.factors["hair"]]
        distance = np.linalg.norm(hair - self.skin, axis=1, keepdims=True)
        return hair * (1 - 0.28 * _bump(distance, 0, 0.1) * (hair[:, :1] < 0.5))

    @functools.cached_property
    def shirt(self):
        return _dyed(self.factor("shirt_hue")[:, 0])

    @functools.cached_property
    def hat(self):
        return _dyed(self.factor("hat_hue")[:, 0])

    @functools.cached_property
    def eye_x(self):
        return 0.185 + 0.065 * self.factor("eye_spacing")

    @functools.cached_property
    def eye_radius(self):
        return 0.094 + 0.046 * self.factor("eye_size")

    @functools.cached_property
    def mouth_y(self):
        return CENTRE - 0.6 * self.height

    @functools.cached_property
    def mouth_radius(self):
        return 0.125 + 0.09 * self.factor("mouth_width")

    @functools.cached_property
    def hat_y(self):
        """The height of the hat's edge above the forehead."""
        return CENTRE + 0.5 * self.height

    def head(self, angle, scale=1.0):
        """The line around the head at the given angles; its lower half depends on the jaw."""
        power = np.where(np.sin(angle) < 0, 1.85 + 1.1 * self.factor("jaw"), 2.15)
        radius = scale * _radius(angle, power)
        return _points(
            self.width * radius * np.cos(angle), CENTRE + self.height * radius * np.sin(angle)
        )


@dataclass(frozen=True)
class _Layer:
    """A shape, its colour in Oklab [n or 1, 3], how opaque it is, and which faces show it."""

    points: np.ndarray
    color: np.ndarray
    opacity: float = 1.0
    shown: np.ndarray | bool = True


def _soft(shape, color, opacity, shown=True, levels=3, smallest=0.4):
    """A spot with a soft edge: `shape`, a function of the scale, painted ever smaller."""
    each = 1 - (1 - opacity) ** (1 / levels)
    for scale in np.linspace(1, smallest, levels):
        yield _Layer(shape(scale), color, each, shown)


def _shaded_right(shape, edges, slope, color, shown=True):
    """Shade on the right side of a shape: what lies beyond each of the slanted edges."""
    x, y = shape[..., 0], shape[..., 1]
    for edge in np.moveaxis(np.atleast_2d(edges), -1, 0):
        part = _points(np.maximum(x, edge[:, None] + slope * y), y)
        yield _Layer(part, _toned(color, 0.8), 0.13, shown)


def _layers(m):
    """All layers of the faces, from the back to the front."""
    behind = (_bun, _puff, _long_hair)
    front = (
        _locks, _ears, _head, _blush, _beard, _nose, _mouth, _moustache, _eyes, _brows, _hair,
        _glasses, _beanie, _brimmed_hat,
    )  # fmt: skip
    return [*_tilted(m, behind), *_neck(m), *_shirt(m), *_tilted(m, front)]


def _tilted(m, parts):
    """The layers of the parts, turned about the neck."""
    angle = np.radians(m.factors["tilt"].astype(np.float64))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    for part in parts:
        for layer in part(m):
            yield replace(layer, points=(layer.points - NECK) @ turn + NECK)


def _neck(m):
    shape = _symmetric((0, -0.3), (0.19, -0.3), (0.19, -0.62), (0.2, -0.72), (0.3, -0.86), (0, -1))
    yield _Layer(shape, _toned(m.skin, 0.95, 1.08))
    x, y = shape[..., 0], shape[..., 1]
    for depth in (0.1, 0.07, 0.04):  # the shadow of the chin
        edge = CENTRE - m.height - depth + 0.9 * (x - 0.02) ** 2
        yield _Layer(_points(x, np.maximum(y, edge)), m.shadow, 0.4)


def _shirt(m):
    shape = _symmetric(
        (0, -0.86), (0.2, -0.82), (0.27, -0.73), (0.45, -0.75), (0.74, -0.83), (0.88, -1.0),
        (0.92, -1.4), (0, -1.5),
    )  # fmt: skip
    yield _Layer(shape, m.shirt)
    yield from _shaded_right(shape, np.linspace(0.1, 0.35, 3), -0.3, m.shirt)
    t = np.linspace(-1, 1, 16)
    collar = _points(0.265 * t, -0.735 - 0.13 * (1 - t**2) ** 0.7)
    yield _Layer(_ribbon(collar, 0.055), _toned(m.shirt, 0.84))


def _ears(m):
    x, y = m.width + 0.012, CENTRE - 0.03
    yield _Layer(_pair(_ellipse(x, y, 0.085, 0.125)), _toned(m.skin, 0.97, 1.06))
    yield _Layer(_pair(_ellipse(x + 0.01, y, 0.045, 0.08, 16)), m.shadow, 0.6)


def _head(m):
    yield _Layer(m.head(np.arange(40) * (2 * np.pi / 40)), m.skin)
    arc = np.linspace(-0.62 * np.pi, 0.2 * np.pi, 16)
    edge, fade = m.head(arc), np.sin(np.linspace(0, np.pi, 16)) ** 0.8
    for depth in (0.13, 0.09, 0.05):  # light falls from the upper left
        inner = edge - depth * fade[:, None] * np.stack([np.cos(arc - 0.2), np.sin(arc)], -1)
        yield _Layer(_between(edge, inner), m.shadow, 0.3)
    lit = _toned(m.skin, 1.06, 0.8)
    yield from _soft(lambda s: _ellipse(-0.1, CENTRE + 0.28, 0.24 * s, 0.16 * s), lit, 0.45)


def _blush(m):
    x, y = m.width * 0.62, CENTRE - 0.31 * m.height
    red = 0.62 + 0.15 * m.factor("skin_tone")  # dark skin needs more of it
    color, shown = (1 - red) * m.skin + red * RED, m.has("blush")

    def cheeks(scale):
        return _pair(_ellipse(x, y, 0.19 * scale, 0.15 * scale, 20))

    yield from _soft(cheeks, color, 0.9, shown, levels=5, smallest=0.3)


def _nose(m):
    y = CENTRE - 0.27 * m.height
    yield from _soft(
        lambda s: _ellipse(0.012, y - 0.012, 0.078 * s, 0.058 * s, 16), m.shadow, 0.8, smallest=0.6
    )
    yield _Layer(_ellipse(0, y + 0.012, 0.052, 0.044, 16), _toned(m.skin, 0.98, 1.12))
    yield _Layer(_ellipse(-0.015, y + 0.022, 0.02, 0.016, 10), WHITE, 0.45)


def _mouth(m):
    yield from _closed_mouth(m)
    yield from _open_mouth(m)


def _closed_mouth(m):
    t = np.linspace(-1, 1, 14)
    line = _points(0.85 * m.mouth_radius * t, m.mouth_y + 0.022 * t**2)
    color = m.darker_than_skin(_toned(0.55 * m.skin + 0.45 * MOUTH, 0.86, 1.15))
    shown = ~m.has("smile")
    yield _Layer(_ribbon(line, 0.016 + 0.03 * (1 - t**2)), color, shown=shown)
    below = _ellipse(0, m.mouth_y - 0.055, 0.45 * m.mouth_radius, 0.018, 12)
    yield _Layer(below, m.shadow, 0.6, shown)


def _open_mouth(m):
    """A smile: a bowl with teeth above and the tongue below."""
    t = np.linspace(-1, 1, 16)
    x = 1.22 * m.mouth_radius * t
    top = m.mouth_y + 0.025 + 0.05 * t**2
    depth = 0.06 + 0.55 * m.mouth_radius
    low = top - depth * (1 - t**2) ** 0.65
    shown = m.has("smile")
    yield _Layer(_between(_points(x, top), _points(x, low)), MOUTH, shown=shown)
    dome = m.mouth_y + 0.025 - depth + 0.42 * depth * np.sqrt((1 - (t / 0.72) ** 2).clip(0))
    yield _Layer(_between(_points(x, np.maximum(dome, low)), _points(x, low)), TONGUE, shown=shown)
    teeth = _between(
        _points(0.95 * x, top - 0.004), _points(0.95 * x, np.maximum(low, top - 0.36 * depth))
    )
    yield _Layer(teeth, WHITE, shown=shown)


def _beard(m):
    """From ear to ear, up to the corners of the mouth and below the lips."""
    t = np.linspace(0, 1, 28)
    outer = m.head(np.pi * (1.02 + 0.96 * t), 1.015 + 0.12 * np.sin(np.pi * t) ** 1.5)
    side = np.abs(1 - 2 * t)
    corner = (m.mouth_radius * 1.15 + 0.04) / m.width
    lips = 1 / (1 + np.exp(-(side - corner) / 0.05))
    top = m.mouth_y - 0.085 + 0.12 * lips
    top = top + (CENTRE + 0.02 - top) * side**7
    inner = _points(-0.94 * m.width * (1 - 2 * t), top)
    shown = m.has("beard")
    yield _Layer(_between(outer, inner), _toned(m.hair, 0.94), shown=shown)
    low = outer + np.array([0.0, 0.06]) * np.sin(np.pi * t)[:, None]
    yield _Layer(_between(outer, low), _toned(m.hair, 0.8), 0.45, shown)


def _moustache(m):
    y, shown = m.mouth_y + 0.09, m.has("moustache")
    shape = _symmetric(
        (0, y + 0.04), (0.06, y + 0.075), (0.16, y + 0.04), (0.24, y - 0.05), (0.29, y - 0.03),
        (0.24, y - 0.11), (0.11, y - 0.075), (0, y - 0.03),
    )  # fmt: skip
    yield _Layer(shape - np.array([0.0, 0.03]), m.shadow, 0.7, shown)
    yield _Layer(shape, _toned(m.hair, 0.86), shown=shown)


def _eyes(m):
    r = m.eye_radius
    width, height = 1.08 * r, 0.9 * r
    looks = 0.45 * r * m.factor("gaze")
    white = _ellipse(m.eye_x, EYES, width, height, 24, 2.2)
    yield _Layer(_pair(_ellipse(m.eye_x, EYES + 0.01, 1.08 * width, 1.12 * height)), m.shadow, 0.5)
    yield _Layer(_pair(white), WHITE)

    def both(scale):
        """A disc about where each eye looks, cut off at the eye's edge."""
        disc = _ellipse(looks, 0, scale * r, scale * r, 20)
        x, y = disc[..., 0], disc[..., 1]
        edge = height * (1 - (np.abs(x) / width).clip(0, 1) ** 2.2) ** (1 / 2.2)
        y = EYES + np.clip(y, -edge, edge)
        return _joined(_points(x + m.eye_x, y), _points(x - m.eye_x, y))

    yield _Layer(both(0.68), IRIS[m.factors["eyes"]])
    yield _Layer(both(0.4), INK)
    lid = _ribbon(white[:, 1:12], 0.012 + 0.03 * np.sin(np.linspace(0, np.pi, 11)))
    yield _Layer(_pair(lid), INK, 0.92)
    x, y = looks - 0.24 * r, EYES + 0.3 * r
    shine = [_ellipse(x + eye, y, 0.2 * r, 0.2 * r, 10) for eye in (-m.eye_x, m.eye_x)]
    yield _Layer(_joined(*shine), WHITE)


def _brows(m):
    t = np.linspace(-1, 1, 10)
    y = EYES + m.eye_radius + 0.05 + 0.085 * m.factor("brow_height")
    line = _points(m.eye_x + 0.01 + 0.12 * t, y + 0.032 * (1 - (t - 0.1) ** 2) - 0.008 * t)
    color = m.darker_than_skin(_toned(m.hair, 0.78))
    yield _Layer(_pair(_ribbon(line, 0.022 + 0.03 * np.sqrt(1.02 - t))), color)


# --- Hair ---

CROWN = np.linspace(-0.06 * np.pi, 1.06 * np.pi, 41)  # the angles from ear to ear


def _volumes():
    """The distance to which the hair reaches, in radii of the head, by style: [styles, angles]."""
    up = CROWN - np.pi / 2
    volumes = {
        "cropped": 0.06 + 0 * up,
        "fringe": 0.12 + 0 * up,
        "parted": 0.11 + 0.06 * _bump(up, 0.5, 0.6),
        "curtain": 0.1 + 0.03 * _bump(up, 0, 0.9),
        "curly": 0.13 + 0.09 * np.abs(np.sin(5.5 * up)) ** 0.7,
        "quiff": 0.07 + 0.24 * _bump(up, 0.3, 0.5),
        "bun": 0.06 + 0 * up,
        "afro": 0.3 + 0 * up,
    }
    fade = np.clip(3 * np.sin(np.linspace(0, np.pi, len(CROWN))), 0, 1)
    return np.stack([1 + fade * volumes[style] for style in CATEGORICAL["style"]])


def _hairlines():
    """The height at which the forehead ends, in half heights of the head: [styles, angles]."""
    x = np.cos(CROWN)
    beside = np.where(x > 0.35, (x - 0.35) / 0.65, np.abs(x - 0.35) / 1.35)
    lines = {
        "cropped": 0.68 - 0.3 * x**4,
        "fringe": 0.5 - 0.06 * x**2 + 0.012 * np.cos(16 * x),
        "parted": 0.8 - np.where(x > 0.35, 0.5 * beside, 0.45 * beside**0.7),
        "curtain": 0.86 - 0.66 * np.abs(x) ** 0.8,
        "curly": 0.56 + 0.07 * np.abs(np.sin(6 * x)) - 0.12 * x**2,
        "quiff": 0.7 + 0.06 * x - 0.2 * x**4,
        "bun": 0.74 - 0.3 * x**2,
        "afro": 0.62 - 0.14 * x**2 + 0.02 * np.cos(14 * x),
    }
    return np.stack([lines[style] for style in CATEGORICAL["style"]])


VOLUMES, HAIRLINES = _volumes(), _hairlines()


def _under_hat(m, points):
    """The part of the hair that is below the hat, if there is one."""
    top = np.where(m.has("hat")[:, None], m.hat_y + 0.05, np.inf)
    return _points(points[..., 0], np.minimum(points[..., 1], top))


def _bun(m):
    shown = m.has("style", "bun") & ~m.has("hat")
    y = CENTRE + m.height + 0.11
    yield _Layer(_ellipse(0, y, 0.2, 0.17), _toned(m.hair, 0.92), shown=shown)
    light = _toned(m.hair, 1.2)
    yield from _soft(lambda s: _ellipse(-0.05, y + 0.05, 0.1 * s, 0.07 * s, 16), light, 0.4, shown)


def _puff(m):
    """The afro: a round cloud."""
    angle = np.arange(72) * (2 * np.pi / 72)
    radius = 1 + 0.04 * np.abs(np.sin(6.5 * (angle - np.pi / 2))) ** 0.7
    x, y = 1.36 * m.width * radius * np.cos(angle), 1.08 * m.height * radius * np.sin(angle)
    cloud = _under_hat(m, _points(x, CENTRE + 0.26 + y))
    shown = m.has("style", "afro")
    yield _Layer(cloud, m.hair, shown=shown)
    yield from _shaded_right(cloud, m.width * np.linspace(0.3, 0.9, 4), 0.4, m.hair, shown)


def _long_hair(m):
    """The hair that falls behind the neck."""
    w, top = m.width, CENTRE + 0.6 * m.height
    shape = _symmetric(
        (0, top + 0.1), (0.8 * w, top), (1.2 * w, CENTRE + 0.1), (1.3 * w, -0.5), (1.3 * w, -0.8),
        (0.9 * w, -1.0), (0, -1.0),
    )  # fmt: skip
    yield _Layer(shape, _toned(m.hair, 0.8), shown=m.has("long_hair"))


def _locks(m):
    """The hair that falls over the shoulders."""
    w = m.width
    lock = _smooth(
        (0.93 * w, CENTRE + 0.35), (1.1 * w, CENTRE + 0.3), (1.27 * w, CENTRE - 0.02),
        (1.34 * w, -0.4), (1.4 * w, -0.7), (1.36 * w, -0.92), (1.12 * w, -1.0), (0.82 * w, -0.93),
        (0.8 * w, -0.84), (0.9 * w, -0.72), (0.86 * w, -0.5), (0.9 * w, -0.3), (0.88 * w, CENTRE),
    )  # fmt: skip
    yield _Layer(_pair(lock), m.hair, shown=m.has("long_hair"))
    t = np.linspace(0, 1, 8)
    strand = _points(w * (1.1 + 0.1 * np.sin(2.6 * t)), CENTRE - 0.05 - 0.72 * t)
    strand = _ribbon(strand, 0.05 * np.sin(np.pi * (0.05 + 0.9 * t)))
    yield _Layer(_pair(strand), _toned(m.hair, 1.18), 0.35, m.has("long_hair"))


def _hair(m):
    """The hair that covers the head, down to the hairline, and its shadow on the forehead."""
    style = m.factors["style"]
    inner = m.head(CROWN, 0.93)
    edge = CENTRE + m.height * HAIRLINES[style]
    inner = _points(inner[..., 0], np.minimum(inner[..., 1], edge))
    shade = _between(m.head(CROWN, 0.985), inner - np.array([0.0, 0.04]))[:, ::2]
    yield _Layer(_under_hat(m, shade), m.shadow, 0.6)
    cap = _between(m.head(CROWN, VOLUMES[style]), inner)
    yield _Layer(_under_hat(m, cap), m.hair)
    yield from _parting(m)
    yield from _curls(m)
    yield from _sheen(m)


def _parting(m):
    t = np.linspace(0, 1, 8)
    for style, x in (("parted", 0.33), ("curtain", 0.0)):
        line = _points(m.width * (x - 0.12 * x * t), CENTRE + m.height * (0.8 + 0.24 * t))
        shown = m.has("style", style) & ~m.has("hat")
        yield _Layer(_ribbon(line, 0.035 * (1.02 - t)), _toned(m.hair, 0.8), 0.6, shown)


def _curls(m):
    """Small arcs of shade in hair that is not smooth."""
    t = np.linspace(0.15, 0.85, 6) * np.pi
    width = 0.028 * np.sin(np.linspace(0.1, 0.9, 6) * np.pi)
    places = ((-0.6, 0.82), (-0.25, 1.04), (0.12, 0.92), (0.42, 1.04), (0.68, 0.8))
    lines = [
        _points(m.width * (x + 0.16 * np.cos(t)), CENTRE - 0.05 + m.height * (y + 0.1 * np.sin(t)))
        for x, y in places
    ]
    shown = (m.has("style", "curly") | m.has("style", "afro")) & ~m.has("hat")
    arcs = _joined(*(_ribbon(line, width) for line in lines))
    yield _Layer(arcs, _toned(m.hair, 0.82), 0.45, shown)


def _sheen(m):
    """A lighter stripe in the upper left."""
    arc = slice(22, 34)
    middle = 0.5 * VOLUMES[m.factors["style"]][:, arc] + 0.47
    width = np.sin(np.linspace(0, np.pi, 12))
    color = _toned(m.hair, 1.22, 0.95)
    for scale in (0.08, 0.045):
        line = _ribbon(m.head(CROWN[arc], middle), scale * width)
        yield _Layer(line, color, 0.3, ~m.has("hat"))


# --- Things worn ---


def _glasses(m):
    shown = m.has("glasses")
    y, power = EYES - 0.01, np.where(m.has("lens", "square"), 4.0, 2.0)[:, None]
    r = np.minimum(m.eye_x - 0.025, 0.205)
    color = FRAME[m.factors["frame"]]
    yield _Layer(_pair(_ellipse(m.eye_x, y, r, 0.95 * r, 32, power)), GLASS, 0.16, shown)
    corners = np.array([-0.76, -0.58, -0.12, -0.34]), np.array([0.16, 0.02, 0.66, 0.68])
    streaks = [_points(x + r * corners[0], y + r * corners[1]) for x in (-m.eye_x, m.eye_x)]
    yield _Layer(_joined(*streaks), WHITE, 0.35, shown)
    outer = _ellipse(m.eye_x, y, r + 0.02, 0.95 * r + 0.02, 28, power)
    inner = _ellipse(m.eye_x, y, r - 0.016, 0.95 * r - 0.016, 28, power)
    yield _Layer(_pair(_ring(outer, inner)), color, shown=shown)
    t = np.linspace(0, 1, 4)
    arm = _points(m.eye_x + r + (m.width + 0.02 - m.eye_x - r) * t, y + 0.05)
    half = np.linspace(-1, 1, 8)
    bridge = _points((m.eye_x - r) * half, y + 0.04 + 0.025 * (1 - half**2))
    yield _Layer(_joined(_pair(_ribbon(arm, 0.034)), _ribbon(bridge, 0.036)), color, shown=shown)


def _beanie(m):
    shown = m.has("hat") & m.has("hat_kind", "beanie")
    low, w, top = m.hat_y, 1.12 * m.width, CENTRE + 1.02 * m.height + 0.15
    pompon = _toned(m.hat, 1.1, 0.9)
    yield _Layer(_ellipse(0, top + 0.02, 0.13, 0.12), pompon, shown=shown)
    light = _toned(pompon, 1.15)
    yield from _soft(lambda s: _ellipse(-0.03, top + 0.05, 0.08 * s, 0.06 * s), light, 0.5, shown)
    t = np.linspace(0, np.pi, 24)
    dome = _points(w * np.cos(t), low + (top - low) * np.sin(t) ** 0.85)
    yield _Layer(dome, m.hat, shown=shown)
    quarter = np.linspace(0, np.pi / 2, 8)
    ribs = [
        _ribbon(_points(k * w * np.cos(quarter), low + (top - low) * 0.97 * np.sin(quarter)), 0.025)
        for k in (-0.6, -0.2, 0.2, 0.6)
    ]
    yield _Layer(_joined(*ribs), _toned(m.hat, 0.84), 0.6, shown)
    shade = _toned(m.hat, 0.85)
    yield from _soft(lambda s: _ellipse(0.2, low + 0.2, 0.25 * s, 0.2 * s), shade, 0.4, shown)
    x = np.linspace(-1, 1, 14)
    cuff = _ribbon(_points(w * x, low + 0.03 + 0.05 * (1 - x**2)), 0.17 * (1 - 0.4 * x**12))
    yield _Layer(cuff, _toned(m.hat, 1.13, 0.95), shown=shown)


def _brimmed_hat(m):
    shown = m.has("hat") & m.has("hat_kind", "brimmed")
    low, w, top = m.hat_y, 1.12 * m.width, CENTRE + 1.02 * m.height + 0.15
    crown = _symmetric(
        (0, top + 0.03), (0.5 * w, top + 0.09), (0.86 * w, top - 0.1), (0.97 * w, low + 0.12),
        (0.98 * w, low - 0.1), (0, low - 0.1),
    )  # fmt: skip
    yield _Layer(crown, m.hat, shown=shown)
    yield from _shaded_right(crown, w * np.linspace(0.25, 0.75, 5), 0.3, m.hat, shown)
    x = np.linspace(-1, 1, 18)
    band = _ribbon(_points(0.93 * w * x, low + 0.1 + 0.05 * (1 - x**2)), 0.1)
    yield _Layer(band, _toned(m.hat, 0.62), shown=shown)
    bow = 1 - x**2
    brim = _between(
        _points(0.86 * x, low + 0.1 * bow - 0.02),
        _points(0.86 * x, low - 0.04 * bow - 0.055 + 0.035 * x**8),
    )
    yield _Layer(brim, _toned(m.hat, 1.1), shown=shown)
