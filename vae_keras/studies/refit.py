"""Fits a prior to the codes of a trained model, and exports the model with it."""

import shlex
import tempfile
from pathlib import Path

import numpy as np

from vae_keras.errors import UserError
from vae_keras.export import load_exported
from vae_keras.export.exported_model import ExportedModel
from vae_keras.export.places import OF_AN_EXPORT
from vae_keras.export.refitted import export_refitted
from vae_keras.export.saved_model import export
from vae_keras.files import check_replaceable, free_output
from vae_keras.latent.codes import encode
from vae_keras.models.priors import FittedMixture
from vae_keras.progress import progress
from vae_keras.training.run_folder import existing_run
from vae_keras.training.stored import open_stored

COMPONENTS = (1, 3, 10, 30, 100)  # of which the best on validation data is taken
RIDGE = 1e-4  # added to the variances, in the units of the codes: some never vary
MOST_CODES = 20_000  # more of them change little, and take minutes


def refit(name, components=None, data_dir=None, output=None, overwrite=False) -> Path:
    """Export the run or export `name` with a mixture of Gaussians that is fitted to its codes.

    It returns the folder that is written: `output`, or saved_models/NAME-mixture. Raises UserError
    if there is no such model or it is of sequences, if its data cannot be loaded, if there are more
    `components` than codes, or if the folder exists and `overwrite` is False.
    """
    trained = open_stored(name)
    if trained.model.vocabulary:
        raise UserError(
            f"{trained.name} is of sequences, whose tokens are drawn together with their codes: "
            "train it with --prior mixture instead"
        )
    output = free_output(
        Path(output or f"saved_models/{trained.name}-mixture"), overwrite, folder=True
    )
    check_replaceable(output, "model_card.md", OF_AN_EXPORT)
    dataset = trained.dataset(data_dir)
    given = [] if components is None else ["--components", str(components)]
    command = shlex.join(["python", "-m", "vae_keras", "refit", trained.name, *given])
    with tempfile.TemporaryDirectory() as folder:
        model = trained.model
        if not isinstance(model, ExportedModel):
            export(model, Path(folder) / "run", trained.config, existing_run(name).read_metrics())
            model = load_exported(Path(folder) / "run")
        prior = fitted_mixture(model, dataset, components)
        export_refitted(model, prior, output, command)
    return output


def fitted_mixture(model: ExportedModel, dataset, components: int | None = None) -> FittedMixture:
    """A mixture of Gaussians, fitted to the codes of the training examples.

    Those of a variational model are draws of q(z|x), so that the mixture takes the place of the
    aggregate posterior. Unless the number of `components` is given, it is that of COMPONENTS which
    gives the codes of the validation examples the highest density. Raises UserError if there are
    more components than training examples.
    """
    from sklearn.mixture import GaussianMixture

    codes = drawn_codes(model, dataset.train.spread(MOST_CODES))
    if components is not None and components > len(codes):
        raise UserError(
            f"{components:,} components are more than the {len(codes):,} codes they are fitted to: "
            "lower --components"
        )
    counts = [n for n in COMPONENTS if n <= len(codes)] if components is None else [components]
    held_out = drawn_codes(model, dataset.validation)
    fitted = [
        GaussianMixture(n, reg_covar=RIDGE, random_state=model.seed).fit(codes)
        for n in progress(counts, "fitting mixtures", len(counts))
    ]
    return FittedMixture(max(fitted, key=lambda mixture: mixture.score(held_out)))


def drawn_codes(model: ExportedModel, examples) -> np.ndarray:
    """A draw of q(z|x) for each example, or its code if there is no posterior: [n, latent_dim]."""
    if not model.is_variational:
        return encode(model, examples)
    numbers, codes = np.random.default_rng(model.seed), []
    for data in examples.batches():
        batch = model.prepare(data)
        noise = numbers.standard_normal((len(batch.x), 1, model.latent_dim), np.float32)
        codes.append(np.asarray(model.proposal(batch).draw(noise))[:, 0])
    return np.concatenate(codes)
