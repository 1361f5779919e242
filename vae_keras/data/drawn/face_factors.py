"""The factors that tell cartoon faces apart, each drawn at random and independent of the others."""

import numpy as np

from vae_keras.errors import UserError, unknown

BINARY = {  # the share of faces that have the attribute
    "glasses": 0.4,
    "smile": 0.5,
    "hat": 0.3,
    "beard": 0.3,
    "moustache": 0.3,
    "long_hair": 0.5,
    "blush": 0.4,
}
HAIR_COLORS = {
    "black": "#2d2a35",
    "brown": "#5d3b29",
    "auburn": "#94462c",
    "ginger": "#d57f38",
    "blonde": "#ecca78",
    "silver": "#c3c6d0",
    "blue": "#5a8fc0",
    "pink": "#e38aa9",
}
EYE_COLORS = {"brown": "#5b3a26", "green": "#4f7d4a", "blue": "#3f78a8"}
FRAME_COLORS = {"black": "#2a2530", "red": "#a83246", "blue": "#3560a0"}
CATEGORICAL = {
    "hair": tuple(HAIR_COLORS),
    "style": ("cropped", "fringe", "parted", "curtain", "curly", "quiff", "bun", "afro"),
    "eyes": tuple(EYE_COLORS),
    "hat_kind": ("beanie", "brimmed"),
    "lens": ("round", "square"),
    "frame": tuple(FRAME_COLORS),
}
CONTINUOUS = {  # the smallest and the largest value
    "skin_tone": (0, 1),  # very light to very dark
    "face_width": (0, 1),
    "face_height": (0, 1),
    "jaw": (0, 1),  # pointed to square
    "eye_size": (0, 1),
    "eye_spacing": (0, 1),
    "gaze": (-1, 1),  # left to right, as the viewer sees it
    "brow_height": (0, 1),
    "mouth_width": (0, 1),
    "tilt": (-7, 7),  # degrees, clockwise
    "background_hue": (0, 1),  # an arc from red over green to violet, not the whole circle
    "background_lightness": (0, 1),
    "shirt_hue": (0, 1),
    "hat_hue": (0, 1),
}
# Factors that can be seen only in a face with the attribute.
DETAILS_OF = {"hat": ("hat_kind", "hat_hue"), "glasses": ("lens", "frame")}
DETAILS = tuple(name for names in DETAILS_OF.values() for name in names)
FACTORS = np.dtype(
    [(name, np.bool_) for name in BINARY]
    + [(name, np.uint8) for name in CATEGORICAL]
    + [(name, np.float32) for name in CONTINUOUS]
)


def sample(count: int, seed: int = 0, start: int = 0) -> np.ndarray:
    """Draw the factors of `count` faces: an array [count] of the structured type `FACTORS`.

    Each face is a function of the seed and its own number alone; numbers begin at `start`. Raises
    UserError if `count` is below 1.
    """
    if count < 1:
        raise UserError(f"count of faces {count} is too small: ask for at least 1")
    width = len(FACTORS.names)
    source = np.random.PCG64(seed).advance(start * width)  # a uniform number takes one step
    uniform = np.random.Generator(source).random((count, width))
    factors = np.empty(count, FACTORS)
    for name, numbers in zip(FACTORS.names, uniform.T):
        factors[name] = _from_uniform(name, numbers)
    return factors


def _from_uniform(name, numbers):
    if name in BINARY:
        return numbers < BINARY[name]
    if name in CATEGORICAL:
        return numbers * len(CATEGORICAL[name])
    low, high = CONTINUOUS[name]
    return low + (high - low) * numbers


def flipped(factors: np.ndarray, attribute: str) -> np.ndarray:
    """Copies of the faces in which one binary attribute is inverted and nothing else is changed.

    Raises UserError if `attribute` is not one of `BINARY`.
    """
    if attribute not in BINARY:
        raise unknown("attribute", attribute, BINARY)
    factors = factors.copy()
    factors[attribute] = ~factors[attribute]
    return factors


def other_details(factors: np.ndarray, attribute: str, seed: int) -> np.ndarray:
    """Copies of the faces in which the details of `attribute` are drawn anew.

    Details are factors that can be seen only together with the attribute, such as the colour of a
    hat.
    """
    factors, others = factors.copy(), sample(len(factors), seed)
    for name in DETAILS_OF.get(attribute, ()):
        factors[name] = others[name]
    return factors


def attributes(factors: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The names [k] and the values, float32 [n, k], of the attributes that every face shows.

    A category becomes a column of 0 and 1 for each of its values, such as hair_brown. Details that
    only some faces show are left out.
    """
    columns = {}
    for name in FACTORS.names:
        if name in DETAILS:
            continue
        if name in CATEGORICAL:
            for number, value in enumerate(CATEGORICAL[name]):
                columns[f"{name}_{value}"] = factors[name] == number
        else:
            columns[name] = factors[name]
    return list(columns), np.stack(list(columns.values()), 1).astype(np.float32)
