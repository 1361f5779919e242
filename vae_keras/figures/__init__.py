"""The figures of the project: functions take arrays or tensors and return a Matplotlib Figure.

Figures are made without pyplot, so they need no display and leave nothing open.
"""

from vae_keras.figures.base import DPI, PALETTE, Picture, bars, lines, panels, save
from vae_keras.figures.codes import (
    codes_and_samples,
    codes_figure,
    latent_scatter,
    latent_scatters,
)
from vae_keras.figures.comparisons import leakage, loss_comparison, morphing
from vae_keras.figures.curves import ESTIMATES, evaluation, loss_curves, rate_distortion
from vae_keras.figures.images import (
    image_grid,
    image_grids,
    image_pairs,
    image_rows,
    manifold,
    with_hidden,
)
from vae_keras.figures.music import piano_rolls
from vae_keras.figures.pixels import enlarged, film, latent_gif, to_image, to_pixels
from vae_keras.figures.tables import column_errors, column_histograms, column_scatters, curves

__all__ = [
    "DPI",
    "ESTIMATES",
    "PALETTE",
    "Picture",
    "bars",
    "codes_and_samples",
    "codes_figure",
    "column_errors",
    "column_histograms",
    "column_scatters",
    "curves",
    "enlarged",
    "evaluation",
    "film",
    "image_grid",
    "image_grids",
    "image_pairs",
    "image_rows",
    "latent_gif",
    "latent_scatter",
    "latent_scatters",
    "leakage",
    "lines",
    "loss_comparison",
    "loss_curves",
    "manifold",
    "morphing",
    "panels",
    "piano_rolls",
    "rate_distortion",
    "save",
    "to_image",
    "to_pixels",
    "with_hidden",
]
