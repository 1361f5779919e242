"""A study: how many dimensions a code needs."""

import numpy as np

from vae_keras import figures
from vae_keras.evaluation.code_use import code_figures
from vae_keras.evaluation.losses import evaluate
from vae_keras.studies.generation import SHOWN_SAMPLES
from vae_keras.training.fitting import trained

SIZES = (2, 5, 10, 20)  # dimensions of the codes


def sizes(configured, dataset, dimensions=SIZES):
    """Train a VAE with a code of each number of `dimensions`, and draw samples of each.

    It returns {column: {figure: number}} and the picture.
    """
    found, panels = {}, {}
    for size in dimensions:
        model = trained(configured(latent_dim=size), dataset)
        use = code_figures(model, dataset.test)
        found[f"{size}-D"] = {**evaluate(model, dataset), "active_units": use["active_units"]}
        title = f"{size} dimensions, {use['active_units']} active"
        panels[title] = np.asarray(model.generate(SHOWN_SAMPLES, (model.seed, 0)))
    return found, figures.image_grids(panels)
