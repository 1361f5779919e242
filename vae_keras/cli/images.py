"""The commands compress, restore and denoise: they pass image files through an exported model."""

from pathlib import Path

import click


@click.command(name="compress")
@click.argument("model")
@click.argument("folder", type=Path)
@click.option("--output", type=Path, required=True, help="file of codes to write (.npz)")
@click.option("--overwrite", is_flag=True, help="replace the file if it exists")
def compress_command(model, folder, output, overwrite):
    """Encode the images in FOLDER to float16 codes by MODEL, an export or its name."""
    from vae_keras.export.compression import compress
    from vae_keras.files import free_output

    free_output(output, overwrite)
    print(f"encoding the images in {folder} by {model} …", flush=True)
    found = compress(model, folder, output)
    sizes = {name: found[f"{name}_bytes"] for name in ("original", "pixel", "code", "archive")}
    print(f"{output}: {found['images']:,} images")
    print(f"  codes {sizes['code']:,} bytes (the file, with names: {sizes['archive']:,})")
    for name, what in (("pixel", "resized pixels"), ("original", "original files")):
        print(f"  {what} {sizes[name]:,} bytes, {sizes[name] / sizes['code']:.1f} times the codes")
    error, ratio = found["mean_squared_error"], found["psnr"]
    print(f"  restored: mean squared error {error:.5f} of values in [0, 1], PSNR {ratio:.2f} dB")


def _into_folder(command):
    """Add the options of a command that writes PNG files."""
    output = click.option("--output", type=Path, required=True, help="folder to write PNG files to")
    overwrite = click.option(
        "--overwrite", is_flag=True, help="write to a folder that exists, over its files"
    )
    return output(overwrite(command))


@click.command(name="restore")
@click.argument("model")
@click.argument("file", type=Path)
@_into_folder
def restore_command(model, file, output, overwrite):
    """Decode FILE, which compress wrote with the same MODEL, to PNG files."""
    from vae_keras.export.compression import restore
    from vae_keras.files import free_output

    free_output(output, overwrite, folder=True)
    print(f"decoding {file} by {model} …", flush=True)
    print(f"{output}: {restore(model, file, output):,} images")


@click.command(name="denoise")
@click.argument("model")
@click.argument("folder", type=Path)
@_into_folder
def denoise_command(model, folder, output, overwrite):
    """Reconstruct the images in FOLDER by MODEL, which is best the export of a denoising model."""
    from vae_keras.export.image_files import denoise
    from vae_keras.files import free_output

    free_output(output, overwrite, folder=True)
    print(f"reconstructing the images in {folder} by {model} …", flush=True)
    print(f"{output}: {denoise(model, folder, output):,} images")


COMMANDS = (compress_command, restore_command, denoise_command)
