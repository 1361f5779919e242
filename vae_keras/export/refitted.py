"""Exports with another prior: one that is fitted to the codes of a trained model."""

import shutil

import tensorflow as tf

from vae_keras.export.endpoints import SEED, N, of_prior
from vae_keras.export.exported_model import ExportedModel
from vae_keras.export.guards import guarded
from vae_keras.export.places import FEATURES, FEATURES_PICTURE, LABELS, TRAINING
from vae_keras.export.saved_model import write_functions
from vae_keras.files import whole_folder, write_text
from vae_keras.models.priors import FittedMixture

COPIED = (TRAINING, LABELS, FEATURES, FEATURES_PICTURE, "assets")


def export_refitted(model: ExportedModel, prior: FittedMixture, path, command: str):
    """Write the exported `model` with another `prior` into the folder `path`, whole or not at all.

    `generate` decodes draws of the new prior; `sample_prior` and `log_prior` are added, and the
    other endpoints stay. The card says so, and names the `command`.
    """
    with whole_folder(path) as temporary:
        found = guarded(refitted_endpoints(model, prior))
        held = [model.model, *(variable.value for variable in prior.variables)]
        write_functions(found, held, temporary)
        for name in COPIED:
            source = model.path / name
            if source.is_dir():
                shutil.copytree(source, temporary / name, dirs_exist_ok=True)
            elif source.is_file():
                shutil.copy(source, temporary)
        card = (model.path / "model_card.md").read_text(encoding="utf-8")
        write_text(temporary / "model_card.md", card + card_section(prior, command))


def refitted_endpoints(model: ExportedModel, prior: FittedMixture) -> dict:
    """The endpoints of an export with another prior: {name: (function, specifications)}."""
    signatures = model.model.signatures

    def kept(name):
        specs = signatures[name].structured_input_signature[1]
        names = [spec for spec in ("x", "z", "label") if spec in specs]

        def call(*tensors):
            return signatures[name](**dict(zip(names, tensors, strict=True)))

        return call, [tf.TensorSpec(specs[n].shape, specs[n].dtype, n) for n in names]

    decode, (_, *label) = kept("decode")

    def generate(n, seed, *label):
        return decode(prior.sample(n, seed), *label)

    names = ("reconstruct", "encode", "decode", "log_prob", "posterior")
    found = {name: kept(name) for name in names if name in signatures}
    return {**found, "generate": (generate, [N, SEED, *label]), **of_prior(prior)}


def card_section(prior: FittedMixture, command: str) -> str:
    """What the card says of the prior, below all that was said of the model before."""
    count = prior.mean.shape[0]
    return f"""
## Prior

This is the model above with another prior: a mixture of {count} Gaussians with full covariances,
fitted to its codes. `generate` draws from it. The endpoint `sample_prior` takes `n` and `seed`
and gives `z`, and `log_prior` takes `z` and gives `log_prob` in nats. Figures above are those of
the model before.

    {command}
"""
