"""What tells one cartoon face from another: a row of factors, each drawn at random by itself."""

import numpy as np

from vae_keras.errors import UserError, unknown

BINARY = {  # the share of faces that have it
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
CONTINUOUS = {  # from, to
    "skin_tone": (0, 1),  # very light to very dark
    "face_width": (0, 1),
    "face_height": (0, 1),
    "jaw": (0, 1),  # pointed to square
    "eye_size": (0, 1),
    "eye_spacing": (0, 1),
    "gaze": (-1, 1),  # left to right, as one looks at the picture
    "brow_height": (0, 1),
    "mouth_width": (0, 1),
    "tilt": (-7, 7),  # degrees, clockwise
    "background_hue": (0, 1),  # an arc from red over green to violet, not the whole circle
    "background_lightness": (0, 1),
    "shirt_hue": (0, 1),
    "hat_hue": (0, 1),
}
DETAILS_OF = {"hat": ("hat_kind", "hat_hue"), "glasses": ("lens", "frame")}  # seen with them alone
DETAILS = tuple(name for names in DETAILS_OF.values() for name in names)
FACTORS = np.dtype(
    [(name, np.bool_) for name in BINARY]
    + [(name, np.uint8) for name in CATEGORICAL]
    + [(name, np.float32) for name in CONTINUOUS]
)


def sample(count: int, seed: int = 0, start: int = 0) -> np.ndarray:
    """The factors of `count` faces of a seed from number `start` on: an array of type `FACTORS`.

    Each face is a function of the seed and its own number alone.
    """
    if count < 1:
        raise UserError(f"count of faces {count} is too small: ask for at least 1")
    width = len(FACTORS.names)
    source = np.random.PCG64(seed).advance(start * width)  # every uniform number is one step
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
    """The same faces with one binary attribute the other way and nothing else changed."""
    if attribute not in BINARY:
        raise unknown("attribute", attribute, BINARY)
    factors = factors.copy()
    factors[attribute] = ~factors[attribute]
    return factors


def other_details(factors: np.ndarray, attribute: str, seed: int) -> np.ndarray:
    """The same faces with what is seen only together with an attribute drawn anew."""
    factors, others = factors.copy(), sample(len(factors), seed)
    for name in DETAILS_OF.get(attribute, ()):
        factors[name] = others[name]
    return factors


def attributes(factors: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The names [k] and values, float32 [n, k], of all that can be seen in every face.

    A category is a column of 0 and 1 for each of its values, such as hair_brown.
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
