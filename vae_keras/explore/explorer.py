"""An exported model as the page uses it: codes and images in, pixels out."""

import numpy as np

from vae_keras.errors import UserError
from vae_keras.explore.examples import example_images
from vae_keras.export.image_files import load_for_images
from vae_keras.export.places import FEATURES
from vae_keras.figures.pixels import to_pixels
from vae_keras.latent import features, morphing
from vae_keras.latent.grids import spread

UNUSED = 0.005  # use of a dimension on which nothing depends, relative to the largest
SHOWN = 20  # dimensions that one sees at once
PLANE_PIXELS = 560  # about the side of the picture of the plane
LARGEST_CODE = 1e6


class Explorer:
    """An exported model as the page uses it.

    Pixels are uint8 [height, width, channels], images float32 in [0, 1] of the same shape. Codes
    lie around `centre`, between `low` and `high` [latent_dim]; `dimensions` are sorted by how much
    they tell of the images, and those after the first `used` tell nothing.
    """

    def __init__(self, model, data_dir=None):
        """`model` is an ExportedModel, its path or its name. Raises UserError."""
        self.model = load_for_images(model, "encode", "decode", "generate", with_labels=True)
        self.latent_dim, self.example_shape = self.model.latent_dim, self.model.example_shape
        self.class_names = self.model.class_names
        codes = spread(self.model)
        self.centre, width = codes.centre, np.maximum(codes.width, 1e-3)
        self.low, self.high = self.centre - 3 * width, self.centre + 3 * width
        self.dimensions = np.argsort(-codes.use, kind="stable").tolist()
        self.used = int((codes.use > UNUSED * codes.use.max()).sum())
        file = self.model.path / FEATURES
        self.features = features.load(file, self.latent_dim) if file.is_file() else {}
        self.examples = example_images(self.model, data_dir)
        self._planes = {}

    @property
    def name(self) -> str:
        return self.model.path.resolve().name

    def shown_dimensions(self) -> tuple[list[int], list[int]]:
        """Those that one sees at once, and the others."""
        count = max(2, min(SHOWN, self.used))
        return self.dimensions[:count], self.dimensions[count:]

    def decode(self, z, label=None) -> np.ndarray:
        """The pixels of a code [latent_dim]."""
        return to_pixels(self.model.decode(z[None], label)[0])

    def encode(self, image, label=None) -> np.ndarray:
        """The code [latent_dim] of an image."""
        return self.model.encode(image[None], label)[0]

    def with_features(self, z, alphas: dict[str, float]) -> np.ndarray:
        """The code moved by `alphas` times the feature vectors of these names."""
        for name, alpha in alphas.items():
            z = self.features[name].add(z, alpha)
        return np.asarray(z, np.float32)

    def random_code(self, rng: np.random.Generator, label=None) -> np.ndarray:
        """A code such as the model generates from."""
        if self.model.is_variational:
            return rng.standard_normal(self.latent_dim, np.float32)
        return self.encode(self.model.generate(1, rng.integers(2**31), label)[0], label)

    def plane(self, label=None) -> np.ndarray:
        """The pixels of a two-dimensional latent space: decoded codes, each at its place."""
        if label not in self._planes:
            side = int(np.clip(PLANE_PIXELS // max(self.example_shape[:2]), 8, 20))
            middles = (np.arange(side) + 0.5) / side
            codes = np.array([self.code_at(x, y) for y in middles for x in middles])
            tiles = to_pixels(self.model.decode(codes, label))
            tiles = tiles.reshape(side, side, *self.example_shape).swapaxes(1, 2)
            height, width, channels = self.example_shape
            self._planes[label] = tiles.reshape(side * height, side * width, channels)
        return self._planes[label]

    def code_at(self, x, y) -> np.ndarray:
        """The code at a place of the plane: shares of its width from the left, from the top."""
        place = np.clip([x, 1 - y], 0, 1)
        return (self.low + (self.high - self.low) * place).astype(np.float32)

    def place_of(self, z) -> tuple[float, float]:
        """Where a code [2] lies in the plane; at the rim if it lies outside."""
        x, y = np.clip((z - self.low) / (self.high - self.low), 0, 1)
        return float(x), float(1 - y)

    def morph(self, ends, steps: int, method="linear", label=None) -> np.ndarray:
        """The pixels of images on the way between two codes: [steps, height, width, channels]."""
        codes = morphing.path(np.stack(ends), steps, method)
        return to_pixels(self.model.decode(codes, label))


def read_code(text: str, latent_dim: int) -> np.ndarray:
    """The code [latent_dim] written as numbers with commas or spaces between. Raises UserError."""
    words = text.strip("[] \n").replace(",", " ").split()
    try:
        code = np.array([float(word) for word in words])
    except ValueError as error:
        raise UserError("A code is numbers with commas between.") from error
    if code.shape != (latent_dim,):
        raise UserError(f"A code of this model is {latent_dim} numbers, not {len(code)}.")
    if not np.all(np.abs(code) < LARGEST_CODE):  # nor if it is not a number
        raise UserError(f"The numbers of a code must be smaller than {LARGEST_CODE:,.0f}.")
    return code.astype(np.float32)


def written_code(z) -> str:
    """The reverse of `read_code`, to three digits."""
    return ", ".join(f"{value:z.3f}" for value in z)
