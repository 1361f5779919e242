"""Images as pixels, and films of them."""

from pathlib import Path

import numpy as np
from PIL import Image

MOST_FRAMES = 60
FRAME_PIXELS = 112  # the least height of a frame of a film
FRAME_MILLISECONDS = 90


def to_pixels(images) -> np.ndarray:
    """Turn images in [0, 1] into uint8 of the same shape."""
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)


def to_image(pixels) -> Image.Image:
    """Turn pixels uint8 [height, width, channels] into a Pillow image."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def film(frames, target):
    """Write a GIF that goes through frames uint8 [n, height, width, channels] and back, for ever.

    `target` is a path or an open file.
    """
    there_and_back = np.concatenate([frames, frames[-2:0:-1]])
    images = [to_image(frame) for frame in enlarged(there_and_back)]
    options = dict(format="GIF", save_all=True, loop=0, duration=FRAME_MILLISECONDS)
    images[0].save(target, append_images=images[1:], **options)


def enlarged(images) -> np.ndarray:
    """Images [n, height, width, channels] with every pixel repeated, if they are small."""
    times = -(-FRAME_PIXELS // images.shape[1])
    return images.repeat(times, axis=1).repeat(times, axis=2)


def latent_gif(folder: Path):
    """Join latent_0001.png, … in `folder` to latent.gif, in which the last frame stays longer."""
    files = sorted(folder.glob("latent_[0-9]*.png"))
    chosen = np.unique(np.linspace(0, len(files) - 1, MOST_FRAMES).round().astype(int))
    frames = [Image.open(files[i]).convert("P", palette=Image.Palette.ADAPTIVE) for i in chosen]
    durations = [max(80, 4_000 // len(frames))] * (len(frames) - 1) + [2_000]  # milliseconds
    frames[0].save(
        folder / "latent.gif", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )
