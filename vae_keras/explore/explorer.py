"""An exported model as the page uses it: it takes codes and images, and gives pixels."""

import numpy as np

from vae_keras.errors import UserError
from vae_keras.explore.examples import example_images
from vae_keras.export.image_files import load_for_images
from vae_keras.export.places import FEATURES
from vae_keras.figures.pixels import to_pixels
from vae_keras.latent import features, morphing
from vae_keras.latent.grids import spread

UNUSED_SHARE = 0.005  # a dimension with less use than this share of the largest counts as unused
SHOWN_DIMENSIONS = 20  # dimensions that the page shows at once
PLANE_PIXELS = 560  # approximate side of the picture of the plane
LARGEST_CODE = 1e6  # bounds the numbers of a code that the user writes


class Explorer:
    """An exported model as the page uses it.

    `model` is an `ExportedModel`, or the path or name of an export. With `data_dir`, the `examples`
    are test images of its data set in that folder.

    Pixels are uint8 [height, width, channels]; images are float32 of the same shape, in [0, 1]. The
    codes of images lie around `centre` [latent_dim], mostly between `low` and `high` [latent_dim].
    `dimensions` are sorted by how much they tell about images; only the first `used` tell anything.
    `features` has the feature vectors of the export, by name.

    Raises UserError if the model cannot be used for images, if its feature vectors cannot be read,
    or if its data set is not in `data_dir`.
    """

    def __init__(self, model, data_dir=None):
        self.model = load_for_images(model, "encode", "decode", "generate", with_labels=True)
        self.latent_dim, self.example_shape = self.model.latent_dim, self.model.example_shape
        self.class_names = self.model.class_names
        codes = spread(self.model)
        self.centre, width = codes.centre, np.maximum(codes.width, 1e-3)
        self.low, self.high = self.centre - 3 * width, self.centre + 3 * width
        self.dimensions = np.argsort(-codes.use, kind="stable").tolist()
        self.used = int((codes.use > UNUSED_SHARE * codes.use.max()).sum())
        file = self.model.path / FEATURES
        self.features = features.load(file, self.latent_dim) if file.is_file() else {}
        self.examples = example_images(self.model, data_dir)
        self._planes = {}

    @property
    def name(self) -> str:
        return self.model.path.resolve().name

    def shown_dimensions(self) -> tuple[list[int], list[int]]:
        """The dimensions that the page shows at once, and the others."""
        count = max(2, min(SHOWN_DIMENSIONS, self.used))
        return self.dimensions[:count], self.dimensions[count:]

    def decode(self, z, label=None) -> np.ndarray:
        """The pixels that a code [latent_dim] is decoded to."""
        return to_pixels(self.model.decode(z[None], label)[0])

    def encode(self, image, label=None) -> np.ndarray:
        """The code [latent_dim] of an image, without noise."""
        return self.model.encode(image[None], label)[0]

    def with_features(self, z, alphas: dict[str, float]) -> np.ndarray:
        """The code `z` [latent_dim] plus alpha times each feature vector named in `alphas`."""
        for name, alpha in alphas.items():
            z = self.features[name].add(z, alpha)
        return np.asarray(z, np.float32)

    def random_code(self, rng: np.random.Generator, label=None) -> np.ndarray:
        """A code [latent_dim] drawn from the prior; without one, the code of a generated image."""
        if self.model.is_variational:
            return np.asarray(self.model.prior.sample(1, rng.integers(2**31, size=2)))[0]
        return self.encode(self.model.generate(1, rng.integers(2**31), label)[0], label)

    def plane(self, label=None) -> np.ndarray:
        """A picture of a two-dimensional latent space: images at the places of their codes."""
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
        """The code [2] at a place of the plane: `x` from left, `y` from top, both from 0 to 1."""
        place = np.clip([x, 1 - y], 0, 1)
        return (self.low + (self.high - self.low) * place).astype(np.float32)

    def place_of(self, z) -> tuple[float, float]:
        """The place (x, y) of a code [2] in the plane, or the nearest one if it lies outside."""
        x, y = np.clip((z - self.low) / (self.high - self.low), 0, 1)
        return float(x), float(1 - y)

    def morph(self, ends, steps: int, method="linear", label=None) -> np.ndarray:
        """The pixels on the way between two codes `ends`: [steps, height, width, channels].

        `method` is "linear" or "spherical".
        """
        codes = morphing.path(np.stack(ends), steps, method)
        return to_pixels(self.model.decode(codes, label))


def read_code(text: str, latent_dim: int) -> np.ndarray:
    """The code [latent_dim] in `text`, which has numbers with commas or spaces between them.

    Raises UserError if a word is not a number, if there are not `latent_dim` of them, or if one is
    LARGEST_CODE or beyond.
    """
    words = text.strip("[] \n").replace(",", " ").split()
    try:
        code = np.array([float(word) for word in words])
    except ValueError as error:
        raise UserError("A code is numbers with commas between.") from error
    if code.shape != (latent_dim,):
        raise UserError(f"A code of this model is {latent_dim} numbers, not {len(code)}.")
    if not np.all(np.abs(code) < LARGEST_CODE):  # false for NaN, too
        raise UserError(f"The numbers of a code must be smaller than {LARGEST_CODE:,.0f}.")
    return code.astype(np.float32)


def written_code(z) -> str:
    """A code as text for `read_code`, with three decimal places."""
    return ", ".join(f"{value:z.3f}" for value in z)
