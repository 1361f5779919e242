"""The latent space of an export from the shell: morph, traverse, feature."""

import itertools
from pathlib import Path

import click
import numpy as np

from vae_keras import features, morphing, plotting
from vae_keras.errors import UserError
from vae_keras.export import FEATURES, FEATURES_PICTURE
from vae_keras.files import refuse_to_replace, whole_file
from vae_keras.latent import spread, traversal
from vae_keras.pictures import film
from vae_keras.trained import open_trained
from vae_keras.uses import load_for_images, read_images, to_pixels

PICTURES = (".png", ".jpg", ".pdf", ".svg")
ALPHAS = np.linspace(-2, 2, 9)  # of a feature vector in its picture
SQUARE = 10  # images in a row between four corners


def free_picture(path: Path, overwrite: bool, endings=PICTURES) -> Path:
    """The path, if a picture may be written there. Raises UserError."""
    if path.suffix.lower() not in endings:
        raise UserError(f"--output {str(path)!r} must end in one of {', '.join(endings)}")
    if not path.parent.is_dir():
        raise UserError(f"--output {str(path)!r}: folder {str(path.parent)!r} does not exist")
    refuse_to_replace(path, overwrite)
    if path.is_dir():
        raise UserError(f"--output {str(path)!r} is a folder")
    return path


def write_picture(figure, path: Path):
    """Write a figure, whole or not at all, and say where."""
    with whole_file(path) as temporary:
        plotting.save(figure, temporary)
    print(path)


def _to_a_picture(ending: str):
    """The options of a command that writes MODEL_ending."""

    def add(command):
        for option in (
            click.option("--overwrite", is_flag=True, help="replace the picture if it exists"),
            click.option("--output", type=Path, help=f"to write; default: MODEL_{ending}"),
            click.option("--label", type=int, help="class of the images, for a conditional model"),
            click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True),
        ):
            command = option(command)
        return command

    return add


@click.command()
@click.argument("model")
@click.argument("images", nargs=-1, type=Path)
@click.option("--method", type=click.Choice(list(morphing.METHODS)), default="linear")
@click.option("--steps", type=click.IntRange(2, 100), default=10, show_default=True)
@click.option("--square", is_flag=True, help="between four corners, 10 × 10 images")
@_to_a_picture("morph.png")
def morph(model, images, method, steps, square, seed, label, output, overwrite):
    """Go from image to image through the latent space of MODEL, an export or its name.

    IMAGES are two files or more; without any the model draws its own. A film if OUTPUT is a .gif.
    """
    exported = load_for_images(model, "encode", "decode", "generate", with_labels=True)
    name = exported.path.resolve().name
    endings = PICTURES if square else (*PICTURES, ".gif")
    output = free_picture(output or Path(f"{name}_morph.png"), overwrite, endings)
    if images and (len(images) < 2 or (square and len(images) != 4)):
        raise UserError(
            f"{len(images)} images: give {'four' if square else 'two or more'}, or none"
        )
    if images:
        ends = read_images(images, exported.image_shape)
    else:
        ends = exported.generate(4 if square else 2, seed, label)
    codes = exported.encode(ends, label)
    if output.suffix.lower() == ".gif":
        frames = exported.decode(morphing.path(codes, steps, method), label)
        with whole_file(output) as temporary:
            film(to_pixels(frames), temporary)
        print(output)
        return
    if square:
        between, steps = morphing.between_corners(codes, SQUARE, method), SQUARE
    else:
        legs = itertools.pairwise(codes)
        between = np.concatenate([morphing.path(leg, steps, method) for leg in legs])
    frames = exported.decode(between, label)
    write_picture(plotting.image_grid(frames, steps, f"{name}: {method} morphing"), output)


@click.command()
@click.argument("model")
@click.option("--image", type=Path, help="file to start from; default: the mean code")
@click.option("--dimensions", type=click.IntRange(1, 50), default=10, show_default=True)
@click.option("--steps", type=click.IntRange(2, 100), default=9, show_default=True)
@_to_a_picture("traversal.png")
def traverse(model, image, dimensions, steps, seed, label, output, overwrite):
    """Move along each dimension of the code of MODEL, those that it uses most first."""
    exported = load_for_images(model, "encode", "decode", "generate", with_labels=True)
    name = exported.path.resolve().name
    output = free_picture(output or Path(f"{name}_traversal.png"), overwrite)
    codes = spread(exported, seed=seed)
    start = codes.centre
    if image is not None:
        start = exported.encode(read_images([image], exported.image_shape), label)[0]
    values, rows = codes.quantiles(steps), {}
    for k in np.argsort(-codes.use, kind="stable")[:dimensions]:
        row = exported.decode(traversal(start, k, values[:, k]), label)
        rows[f"z{k + 1}: {codes.use[k]:.3g} {codes.unit}"] = row
    write_picture(plotting.image_rows(rows, f"{name}: quantiles of each dimension"), output)


@click.command()
@click.argument("model")
@click.argument("attributes", nargs=-1)
@click.option("--method", type=click.Choice(list(features.METHODS)), default="regression")
@click.option(
    "--tolerance",
    type=float,
    default=features.TOLERANCE,
    show_default=True,
    help="stop when no batch moves a vector by more than this share of its length",
)
@click.option("--pair", nargs=2, type=Path, help="images without and with the one attribute")
@click.option("--data-dir", help="folder with the model's data set")
@click.option("--overwrite", is_flag=True, help="replace vectors of the same names")
def feature(model, attributes, method, tolerance, pair, data_dir, overwrite):
    """Find the directions that add ATTRIBUTES to images of MODEL, an export or its name.

    Without ATTRIBUTES, all that its data say yes or no to. They are added to MODEL/features.json,
    which the page of `explore` shows as sliders, and drawn in MODEL/features.png.
    """
    exported = load_for_images(model, "encode", "decode")
    file = exported.path / FEATURES
    known = features.load(file, exported.latent_dim) if file.is_file() else {}
    for name in () if overwrite else attributes:
        _refuse_known(name, known, file)
    if pair:
        if len(attributes) != 1:
            raise UserError(f"--pair is of one attribute, not {len(attributes)}: name one")
        images = read_images(pair, exported.image_shape)
        found = {attributes[0]: features.pair_difference(exported, attributes[0], *images)}
    else:
        dataset = open_trained(str(exported.path)).dataset(data_dir)
        names = dataset.attribute_names
        attributes = attributes or features.binary(dataset.train.own_attributes, names)
        print(f"encoding {len(dataset.train):,} images at the most …", flush=True)
        found = features.feature_vectors(
            exported, dataset.train, names, attributes, method, tolerance
        )
        images = dataset.test.take(slice(1)).arrays()[0]
    for vector in found.values():
        print(vector.story())
    all_ = {**known, **found}
    features.save(list(all_.values()), file)
    z = exported.encode(images[:1])[0]
    rows = {name: exported.decode(vector.add(z, ALPHAS[:, None])) for name, vector in all_.items()}
    title = f"α from {ALPHAS[0]:g} to {ALPHAS[-1]:g} times each feature vector"
    with whole_file(exported.path / FEATURES_PICTURE) as temporary:
        plotting.save(plotting.image_rows(rows, title), temporary)
    print(file)


def _refuse_known(name, known, file):
    if name in known:
        raise UserError(f"{file} has {name!r} already: give --overwrite to replace it")
