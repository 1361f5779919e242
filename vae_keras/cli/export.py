"""The command export: it writes a run as a SavedModel."""

from pathlib import Path

import click


@click.command(name="export")
@click.argument("run")
@click.option("--output", type=Path, help="folder to write; default: saved_models/NAME")
@click.option("--overwrite", is_flag=True, help="replace the folder if it exists")
def export_command(run, output, overwrite):
    """Write RUN (a folder such as runs/digits_vae) as a SavedModel, with its evaluation if any."""
    from vae_keras.export.saved_model import export
    from vae_keras.files import free_output
    from vae_keras.training.run_folder import existing_run

    folder = existing_run(run)
    output = free_output(output or folder.exported, overwrite, folder=True)
    model, metrics = folder.load_model(), folder.read_metrics()
    evaluation = [file for file in folder.evaluation if file.is_file()]
    export(model, output, folder.read_config(), metrics, evaluation)
    print(output)


COMMANDS = (export_command,)
