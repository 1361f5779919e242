"""The commands study and sweep: they train and compare models."""

from pathlib import Path

import click

from vae_keras.data.drawn.face_factors import BINARY
from vae_keras.errors import UserError

STUDIES = {
    "generation": "Sample an autoencoder and a VAE with the same network, and compare the images.",
    "terms": "Train a VAE with the reconstruction loss alone, the KL term alone, and both.",
    "losses": "Train the deep autoencoder with each loss, and measure each by all of them.",
    "sizes": "Train VAEs with codes of 2, 5, 10 and 20 dimensions, and draw samples of each.",
}


@click.group(name="study")
def study():
    """Compare models on one question, and write a picture and the figures behind it."""


def _command(name: str) -> click.Command:
    def call(**options):
        from vae_keras.studies.study import run, study_table

        found = run(name, **options)
        print(study_table(found["figures"]))
        for ending in ("png", "json"):
            print(options["output"] / f"{name}.{ending}")

    seeds = click.IntRange(0, 2**31 - 1)
    options = [
        click.Option(["--dataset"], default="digits", show_default=True, help="as in train"),
        click.Option(["--data-dir"], help="folder with the archive of the data set"),
        click.Option(["--epochs"], type=click.IntRange(1), help="passes over the training data"),
        click.Option(["--seed"], type=seeds, default=0, show_default=True),
        click.Option(["--output"], type=Path, default=Path("studies"), show_default=True),
        click.Option(["--overwrite"], is_flag=True, help="replace the files if they exist"),
    ]
    return click.Command(name, callback=call, params=options, help=STUDIES[name])


for _name in STUDIES:
    study.add_command(_command(_name))


@click.command(name="edits")
@click.argument("models", nargs=-1, required=True)
@click.option("--attribute", default="glasses", show_default=True, help=", ".join(BINARY))
@click.option("--output", type=Path, default=Path("studies"), show_default=True)
@click.option("--overwrite", is_flag=True, help="replace the files if they exist")
def edits_command(models, attribute, output, overwrite):
    """Measure how well feature vectors of MODELS, runs or exports, edit faces with known truth."""
    from vae_keras.studies.edits import OUTPUTS, edits_table, study_edits

    print(edits_table(study_edits(models, attribute, output=output, overwrite=overwrite)))
    for name in OUTPUTS[1:]:
        print(output / name)


@click.command(name="sweep")
@click.option("--dataset", default="digits", show_default=True, help="as in train")
@click.option("--data-dir", help="folder with the archive of the data set")
@click.option("--binarize", default="none", show_default=True, help="as in train")
@click.option("--latent-dim", default=10, show_default=True, help="size of the code")
@click.option("--betas", default="0.1,0.25,0.5,1,2,4,8,16", show_default=True)
@click.option("--epochs", type=int, help="passes over the training data for each β")
@click.option("--seed", default=0, show_default=True, help="as in train")
@click.option("--output", type=Path, default=Path("rate_distortion"), show_default=True)
@click.option("--overwrite", is_flag=True, help="replace the files if they exist")
def sweep_command(betas, output, overwrite, **options):
    """Compare rate and distortion of VAEs with several β; write OUTPUT.png and OUTPUT.json."""
    try:
        values = [float(beta) for beta in betas.split(",")]
    except ValueError as error:
        raise UserError(f"--betas {betas!r} must be numbers, such as 0.5,1,2") from error
    from vae_keras.studies.sweep import sweep

    rows = sweep(output, values, overwrite, **options)
    print(f"{'β':>8} {'rate (KL)':>12} {'distortion':>12} {'−ELBO':>12} {'active units':>14}")
    for row in rows:
        elbo = row["rate"] + row["distortion"]
        print(
            f"{row['beta']:>8g} {row['rate']:>12.3f} {row['distortion']:>12.3f} {elbo:>12.3f} "
            f"{row['active_units']:>14}"
        )
    print(output.with_suffix(".png"))


study.add_command(edits_command)
COMMANDS = (study, sweep_command)
