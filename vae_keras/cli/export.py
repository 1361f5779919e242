"""The commands export and refit: the first writes a run as a SavedModel, or for another runtime."""

from pathlib import Path

import click

from vae_keras.export.formats import PACKAGES, check_installed, default_output


@click.command(name="export")
@click.argument("run")
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(PACKAGES)),
    default="saved_model",
    show_default=True,
    help="what reads it: TensorFlow, ONNX Runtime or LiteRT",
)
@click.option(
    "--output", type=Path, help="folder to write; default: saved_models/NAME, or NAME-FORMAT"
)
@click.option("--overwrite", is_flag=True, help="replace the folder if it exists")
def export_command(run, format_, output, overwrite):
    """Write RUN (a folder such as runs/digits_vae) as a SavedModel, with its evaluation if any.

    The formats onnx and litert have encode, decode, reconstruct and generate, each checked against
    the SavedModel.
    """
    from vae_keras.export.places import OF_AN_EXPORT
    from vae_keras.files import check_replaceable, free_output
    from vae_keras.training.run_folder import existing_run

    check_installed(format_)
    folder = existing_run(run)
    output = output or default_output(folder.exported, format_)
    output = free_output(output, overwrite, folder=True)
    check_replaceable(output, "model_card.md", OF_AN_EXPORT)
    model, config, metrics = folder.load_model(), folder.read_config(), folder.read_metrics()
    if format_ == "saved_model":
        from vae_keras.export.saved_model import export

        export(model, output, config, metrics, [f for f in folder.evaluation if f.is_file()])
    else:
        from vae_keras.export.portable import convert

        convert(model, output, config, metrics, format_)
    print(output)


@click.command(name="refit")
@click.argument("model")
@click.option("--prior", type=click.Choice(["mixture"]), default="mixture", show_default=True)
@click.option("--components", type=click.IntRange(1), help="Gaussians; default: by validation data")
@click.option("--data-dir", help="folder with the archive of the model's data set")
@click.option("--output", type=Path, help="folder to write; default: saved_models/MODEL-mixture")
@click.option("--overwrite", is_flag=True, help="replace the folder if it exists")
def refit_command(model, prior, **options):
    """Export MODEL, a run or an export, with a prior that is fitted to its codes.

    Its samples are then decoded from where the codes of the training data lie.
    """
    from vae_keras.studies.refit import refit

    print(refit(model, **options))


COMMANDS = (export_command, refit_command)
