"""The command line: train, evaluate, generate, export."""

import dataclasses
import sys
from pathlib import Path

import click

from vae_keras import data, figures
from vae_keras.config.train_config import TrainConfig, config_class, type_of
from vae_keras.data import kinds
from vae_keras.errors import UserError
from vae_keras.evaluation import probe
from vae_keras.export import compression, image_files
from vae_keras.export.exported_model import load_exported
from vae_keras.export.saved_model import export
from vae_keras.files import free_output
from vae_keras.latent_commands import (
    PICTURES,
    feature,
    morph,
    traverse,
    write_picture,
)
from vae_keras.studies import anomaly
from vae_keras.studies.edits import edits_command
from vae_keras.studies.report import report, report_table
from vae_keras.studies.study import study
from vae_keras.studies.sweep import sweep_command
from vae_keras.training.runs import existing_run, run_to_resume
from vae_keras.training.train import train

EXIT_BAD_INPUT = 2


def main(arguments=None):
    """Run a command. Bad input gives one line on standard error and exit status 2."""
    try:
        sys.exit(commands.main(arguments, prog_name="vae-keras", standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except click.ClickException as error:
        _fail(error.format_message())
    except UserError as error:
        _fail(str(error))
    except OSError as error:  # a full disk, a folder that may not be written
        _fail(f"{error.filename or 'file system'}: {error.strerror or error}")
    except (KeyboardInterrupt, click.Abort):
        print("\nstopped (a training run goes on with --resume)", file=sys.stderr)
        sys.exit(130)


def _fail(message: str):
    print("error: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(EXIT_BAD_INPUT)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def commands():
    """Train, judge and use variational autoencoders."""


class TrainCommand(click.Command):
    """Its options are the fields of TrainConfig and those of the model that --model names."""

    def parse_args(self, context, arguments):
        peek = click.Command("peek", params=[click.Option(["--model"])], add_help_option=False)
        peek.ignore_unknown_options = peek.allow_extra_args = True
        model = peek.make_context("peek", list(arguments), resilient_parsing=True).params["model"]
        config = config_class(model or TrainConfig.model)
        self.params = [_as_option(field, config) for field in dataclasses.fields(config)]
        return super().parse_args(context, arguments)


def _as_option(field: dataclasses.Field, config: type) -> click.Option:
    flag, types = "--" + field.name.replace("_", "-"), type_of(config, field.name)
    if bool in types:
        return click.Option([flag], is_flag=True, help=field.metadata["help"])
    # a number or a word is a string here: the configuration converts it
    kind = str if str in types else types[0]
    shown = field.default is not None
    return click.Option(
        [flag], type=kind, default=field.default, show_default=shown, help=field.metadata["help"]
    )


@commands.command(cls=TrainCommand, name="train")
@click.pass_context
def train_command(context, **options):
    """Train a model: draws, evaluates and exports it. Needs no option.

    Options without a default are chosen for the data set and the model, and shown at the start.
    """
    given = {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    config = TrainConfig(**given)
    if config.resume:  # what is not given now is as it was
        stored = run_to_resume(config).read_config().as_dict()
        places = {"data_dir": config.data_dir, "output_dir": config.output_dir}
        config = TrainConfig(**{**stored, **places, **given})
    train(config)


@commands.command(name="evaluate")
@click.argument("model")
@click.option("--data-dir", help="folder with the archive of the model's data set")
@click.option("--samples", default=100, show_default=True, help="of the importance weighting")
@click.option(
    "--naive-samples", type=int, help="of naive Monte Carlo; default: 10,000; of sequences 1,000"
)
@click.option("--naive-images", default=50, show_default=True, help="on which the two are compared")
@click.option("--output", type=Path, help="folder to write to; default: that of the model")
@click.option("--overwrite", is_flag=True, help="replace evaluation.json and its picture")
def evaluate_command(model, **options):
    """The figures of MODEL, a run or an export such as runs/digits_vae, on its test set."""
    print(report_table(report(model, **options)))


@commands.command(name="generate")
@click.argument("model")
@click.option("--n", type=click.IntRange(1, 10_000), default=64, show_default=True, help="examples")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    "--label", type=int, help="class to draw, for a conditional model; default: each in turn"
)
@click.option("--temperature", type=float, help="of tokens; default: 1; 0: the likeliest")
@click.option("--output", type=Path, help="to write; default: MODEL_samples")
@click.option("--overwrite", is_flag=True, help="replace the file if it exists")
def generate_command(model, n, seed, label, temperature, output, overwrite):
    """Draw new examples from MODEL, an export such as saved_models/digits_vae, or its name.

    Images become a picture, melodies a .mid file, a .wav file or a picture, sentences a .txt file.
    """
    exported = load_exported(model)
    name, words = exported.path.resolve().name, exported.vocabulary
    endings = kinds.endings(words) if words else PICTURES
    output = free_output(output or Path(f"{name}_samples{endings[0]}"), overwrite, endings)
    examples = exported.generate(n, seed, label, temperature)
    if words:
        kinds.save(examples, words, output, f"{name}, {n} samples")
        print(output)
    else:
        write_picture(figures.image_grid(examples, title=f"{name}, {n} samples"), output)


@commands.command(name="export")
@click.argument("run")
@click.option("--output", type=Path, help="folder to write; default: saved_models/NAME")
@click.option("--overwrite", is_flag=True, help="replace the folder if it exists")
def export_command(run, output, overwrite):
    """Write RUN (a folder such as runs/digits_vae) as a SavedModel, with its evaluation if any."""
    folder = existing_run(run)
    output = free_output(output or folder.exported, overwrite, folder=True)
    model, metrics = folder.load_model(), folder.read_metrics()
    evaluation = [file for file in folder.evaluation if file.is_file()]
    export(model, output, folder.read_config(), metrics, evaluation)
    print(output)


@commands.command(name="compress")
@click.argument("model")
@click.argument("folder", type=Path)
@click.option("--output", type=Path, required=True, help="file of codes to write (.npz)")
@click.option("--overwrite", is_flag=True, help="replace the file if it exists")
def compress_command(model, folder, output, overwrite):
    """Encode the images in FOLDER to float16 codes by MODEL, an export or its name."""
    free_output(output, overwrite)
    print(f"encoding the images in {folder} by {model} …", flush=True)
    found = compression.compress(model, folder, output)
    sizes = {name: found[f"{name}_bytes"] for name in ("original", "pixel", "code", "archive")}
    print(f"{output}: {found['images']:,} images")
    print(f"  codes {sizes['code']:,} bytes (the file, with names: {sizes['archive']:,})")
    for name, what in (("pixel", "resized pixels"), ("original", "original files")):
        print(f"  {what} {sizes[name]:,} bytes, {sizes[name] / sizes['code']:.1f} times the codes")
    error, ratio = found["mean_squared_error"], found["psnr"]
    print(f"  restored: mean squared error {error:.5f} of values in [0, 1], PSNR {ratio:.2f} dB")


def _into_folder(command):
    """The options of a command that writes PNG files."""
    output = click.option("--output", type=Path, required=True, help="folder to write PNG files to")
    overwrite = click.option(
        "--overwrite", is_flag=True, help="write to a folder that exists, over its files"
    )
    return output(overwrite(command))


@commands.command(name="restore")
@click.argument("model")
@click.argument("file", type=Path)
@_into_folder
def restore_command(model, file, output, overwrite):
    """Decode FILE, which compress wrote with the same MODEL, to PNG files."""
    free_output(output, overwrite, folder=True)
    print(f"decoding {file} by {model} …", flush=True)
    print(f"{output}: {compression.restore(model, file, output):,} images")


@commands.command(name="denoise")
@click.argument("model")
@click.argument("folder", type=Path)
@_into_folder
def denoise_command(model, folder, output, overwrite):
    """Reconstruct the images in FOLDER by MODEL, best the export of a denoising model."""
    free_output(output, overwrite, folder=True)
    print(f"reconstructing the images in {folder} by {model} …", flush=True)
    print(f"{output}: {image_files.denoise(model, folder, output):,} images")


@commands.command(name="probe")
@click.argument("run")
@click.option("--data-dir", help="folder with the archive of the run's data set")
def probe_command(run, data_dir):
    """Accuracy of a linear classifier on the codes of RUN, beside pixels and PCA."""
    folder = existing_run(run)
    config = folder.read_config()
    dataset = data.load(config.replace(data_dir=data_dir or config.data_dir))
    dataset.require_labels()
    model = folder.load_model()
    print(f"{folder.name}: logistic regression on three kinds of features …", flush=True)
    print(f"{'labels':>8} {'codes':>8} {'pixels':>8} {f'PCA, {model.latent_dim}':>8}")
    for row in probe.probe(model, dataset):
        values = (row[name] for name in ("codes", "pixels", "pca"))
        cells = (f"{'–' if value is None else format(value, '.1%'):>8}" for value in values)
        print(f"{row['labels']:>8,} {' '.join(cells)}")
    most = probe.most_in_memory(dataset)
    note = f"; pixels, and PCA fitted, of {most:,} at most" if len(dataset.train) > most else ""
    print(f"accuracy on {min(len(dataset.test), most):,} test images{note}")


@commands.command(name="anomaly")
@click.option("--dataset", default="digits", show_default=True, help="as of train, with labels")
@click.option("--data-dir", help="folder with the archive of the data set")
@click.option("--model", default="vae", show_default=True, help="as of train")
@click.option("--held-out", required=True, help="label, by name or number, that is not trained on")
@click.option("--latent-dim", type=int, help="size of the code")
@click.option("--epochs", type=int, help="passes over the training data")
@click.option("--seed", type=int, help="as of train")
def anomaly_command(held_out, **options):
    """How well the loss of a model tells a label that it never saw (AUROC). Leaves no files."""
    config = TrainConfig(**{name: value for name, value in options.items() if value is not None})
    print(f"training {config.model} on {config.dataset} without {held_out!r} …", flush=True)
    area = anomaly.held_out_auroc(config, held_out)
    print(f"AUROC {area:.3f} on the test set, {held_out!r} against the rest (0.5 is chance)")


@commands.command(name="explore")
@click.argument("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="default: a free one")
@click.option("--data-dir", help="folder with the model's data set, for examples")
@click.option("--browser/--no-browser", default=True, help="open it; else only print the address")
def explore_command(model, **options):
    """Look around in the latent space of MODEL, an export or its name, in the browser."""
    from vae_keras.explore import serve  # NiceGUI is an extra, and slow to import

    serve(model, **options)


study.add_command(edits_command)
for _command in (study, sweep_command, morph, traverse, feature):
    commands.add_command(_command)
