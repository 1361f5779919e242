"""The command generate: new examples from an exported model."""

from pathlib import Path

import click


@click.command(name="generate")
@click.argument("model")
@click.option(
    "--n", type=click.IntRange(1, 10_000), default=64, show_default=True, help="number of examples"
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    "--label",
    help="class to draw, by name or number, for a conditional model; default: all in turn",
)
@click.option(
    "--temperature", type=float, help="randomness of drawn tokens; default: 1; 0: the likeliest"
)
@click.option(
    "--top-p",
    type=float,
    help="draw only from the likeliest tokens whose probabilities sum to this",
)
@click.option("--beams", type=int, help="search for the likeliest tokens with this number of beams")
@click.option(
    "--output", type=Path, help="file or folder to write; default: MODEL_samples and an ending"
)
@click.option("--overwrite", is_flag=True, help="replace the file if it exists")
def generate_command(model, n, seed, label, temperature, top_p, beams, output, overwrite):
    """Draw new examples from MODEL, an export such as saved_models/digits_vae, or its name.

    Images become a picture, melodies a .mid file, a .wav file or a picture, sentences a .txt file,
    rows of a table a .csv file. With OUTPUT a folder, a name without an ending, each image or
    melody gets a file of its own.
    """
    from vae_keras.export import load_exported
    from vae_keras.files import free_output

    exported = load_exported(model)
    name, kind = exported.path.resolve().name, exported.kind
    output = output or Path(f"{name}_samples{kind.endings[0]}")
    is_folder = bool(kind.each) and not output.suffix
    free_output(output, overwrite, () if is_folder else kind.endings, folder=is_folder)
    examples = exported.generate(n, seed, label, temperature, top_p, beams)
    if is_folder:
        kind.save_each(examples, output)
    else:
        kind.save(examples, output, f"{name}, {n} samples")
    print(output)


COMMANDS = (generate_command,)
