"""A study: rate against distortion of the same model, trained with several β."""

import json
from pathlib import Path

from vae_keras import data, figures
from vae_keras.config import NOT_OF_THE_RUN, TrainConfig
from vae_keras.errors import UserError
from vae_keras.evaluation.code_use import code_figures
from vae_keras.evaluation.losses import evaluate
from vae_keras.files import free_output, write_text
from vae_keras.training.fitting import trained

BETAS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


def sweep(output, betas=BETAS, overwrite=False, **options) -> list[dict]:
    """Train a VAE for each of `betas`; write each result to `output`.json, and draw `output`.png.

    A sweep that was stopped goes on where it was. `options` are those of TrainConfig. It returns a
    row {"beta", "rate", "distortion", "active_units"} for each: rate and distortion are the KL and
    the reconstruction loss of the test set, in nats per example (Alemi et al. 2018, Fixing a broken
    ELBO). Raises UserError if the picture exists and `overwrite` is False, if `output`.json is of
    another sweep or cannot be written, or if options and data do not fit.
    """
    numbers, picture = (Path(output).with_suffix(ending) for ending in (".json", ".png"))
    free_output(picture, overwrite)
    free_output(numbers, overwrite=True)  # a sweep that was stopped goes on
    dataset = data.load(TrainConfig(**options))
    configs = [TrainConfig(**options, beta=beta).resolved(dataset) for beta in betas]
    asked = json.loads(configs[0].replace(beta=1.0).to_json())
    rows = [] if picture.exists() else _rows_so_far(numbers, asked)
    for number, config in enumerate(configs, start=1):
        if any(row["beta"] == config.options.beta for row in rows):
            continue
        print(f"β = {config.options.beta:g}, {number} of {len(configs)}: ", end="", flush=True)
        model = trained(config, dataset)
        found = evaluate(model, dataset)
        rows.append(
            {
                "beta": config.options.beta,
                "rate": found["kl_loss"],
                "distortion": found["reconstruction_loss"],
                "active_units": code_figures(model, dataset.test)["active_units"],
            }
        )
        rows.sort(key=lambda row: row["beta"])
        write_text(numbers, json.dumps({"config": asked, "rows": rows}, indent=2) + "\n")
    title = f"{dataset.name} ({dataset.data_kind}), {model_size(asked)}"
    figures.save(figures.rate_distortion(rows, title), picture)
    return rows


def _rows_so_far(numbers: Path, asked: dict) -> list[dict]:
    """The rows of a sweep with the same configuration that was stopped.

    Raises UserError if the file is damaged, or if the configuration is another one.
    """
    if not numbers.exists():
        return []
    try:
        stored = json.loads(numbers.read_text(encoding="utf-8"))
        config, rows = stored["config"], stored["rows"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{numbers} is damaged: delete it, or choose another --output") from error
    for name in asked:
        if config.get(name) != asked[name] and name not in NOT_OF_THE_RUN:
            raise UserError(
                f"{numbers} is of a sweep with {name.replace('_', ' ')} {config.get(name)}, not "
                f"{asked[name]}: choose another --output, or delete it"
            )
    return rows


def model_size(config: dict) -> str:
    """The size of the code and the number of epochs, for a title."""
    return f"{config['latent_dim']}-D code, {config['epochs']} epochs"
