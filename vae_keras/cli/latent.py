"""The commands morph, traverse and feature: they use the latent space of an exported model."""

import itertools
from pathlib import Path

import click

from vae_keras.errors import UserError
from vae_keras.latent import features, morphing

ALPHAS = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)  # multiples of a feature vector
SQUARE = 10  # images on each side of a square between four corners


def _to_a_picture(ending: str):
    """Add the options of a command that writes a picture, by default MODEL_`ending`."""

    def add(command):
        for option in (
            click.option("--overwrite", is_flag=True, help="replace the picture if it exists"),
            click.option("--output", type=Path, help=f"file to write; default: MODEL_{ending}"),
            click.option(
                "--label", help="class of the images, by name or number, for a conditional model"
            ),
            click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True),
        ):
            command = option(command)
        return command

    return add


@click.command()
@click.argument("model")
@click.argument("ends", nargs=-1)
@click.option("--method", type=click.Choice(list(morphing.METHODS)), default="linear")
@click.option("--steps", type=click.IntRange(2, 100), default=10, show_default=True)
@click.option("--square", is_flag=True, help="10 × 10 images between four corners")
@_to_a_picture("morph")
def morph(model, ends, method, steps, square, seed, label, output, overwrite):
    """Go from one example to another through the latent space of MODEL, an export or its name.

    ENDS are two or more image files, .mid files, sentences or rows of numbers such as 5.1,3.5,
    whichever the model takes. Without them, the model generates the examples. Images become a
    picture, or a film if OUTPUT is a .gif.
    """
    import numpy as np

    from vae_keras import figures
    from vae_keras.export import load_exported
    from vae_keras.export.image_files import load_for_images
    from vae_keras.files import free_output, whole_file

    exported = load_exported(model)
    kind, name = exported.kind, exported.path.resolve().name
    if square and not kind.is_pictured:
        raise UserError(f"--square is for images, and {name} is for {kind.plural}")
    if ends and (len(ends) < 2 or (square and len(ends) != 4)):
        raise UserError(
            f"{len(ends)} to morph: give {'four' if square else 'two or more'}, or none"
        )
    endings = kind.endings
    if kind.is_pictured:
        exported = load_for_images(exported, "encode", "decode", "generate", with_labels=True)
        endings = kind.endings if square else (*kind.endings, ".gif")
    output = free_output(output or Path(f"{name}_morph{endings[0]}"), overwrite, endings)
    if ends:
        read = [kind.read(one, exported.example_shape) for one in ends]
        examples = np.concatenate([one.values for one in read])
        for note in (note for one in read for note in one.notes):
            print(note)
    else:
        examples = exported.generate(4 if square else 2, seed, label)
    codes = exported.encode(examples, label)
    in_rows = kind.is_pictured and output.suffix.lower() != ".gif"
    if square:
        between, steps = morphing.between_corners(codes, SQUARE, method), SQUARE
    elif in_rows:
        legs = itertools.pairwise(codes)  # each is a row, with both its ends
        between = np.concatenate([morphing.path(leg, steps, method) for leg in legs])
    else:
        between = morphing.path(codes, steps, method)
    frames, title = exported.decode(between, label), f"{name}: {method} morphing"
    if in_rows:
        figures.save(figures.image_grid(frames, steps, title), output)
    elif kind.is_pictured:
        with whole_file(output) as temporary:
            figures.film(figures.to_pixels(frames), temporary)
    else:
        kind.save(frames, output, title)
    print(output)


@click.command()
@click.argument("model")
@click.option("--image", type=Path, help="file to start from; default: the mean code")
@click.option("--dimensions", type=click.IntRange(1, 50), default=10, show_default=True)
@click.option("--steps", type=click.IntRange(2, 100), default=9, show_default=True)
@_to_a_picture("traversal.png")
def traverse(model, image, dimensions, steps, seed, label, output, overwrite):
    """Draw what each dimension of the code of MODEL changes, starting with the most used ones."""
    import numpy as np

    from vae_keras import figures
    from vae_keras.data.kinds import PICTURES
    from vae_keras.export.image_files import load_for_images, read_images
    from vae_keras.files import free_output
    from vae_keras.latent import spread, traversal

    exported = load_for_images(model, "encode", "decode", "generate", with_labels=True)
    name = exported.path.resolve().name
    output = free_output(output or Path(f"{name}_traversal.png"), overwrite, PICTURES)
    codes = spread(exported, seed=seed)
    start = codes.centre
    if image is not None:
        start = exported.encode(read_images([image], exported), label)[0]
    values, rows = codes.quantiles(steps), {}
    for k in np.argsort(-codes.use, kind="stable")[:dimensions]:
        row = exported.decode(traversal(start, k, values[:, k]), label)
        rows[f"z{k + 1}: {codes.use[k]:.3g} {codes.unit}"] = row
    figures.save(figures.image_rows(rows, f"{name}: quantiles of each dimension"), output)
    print(output)


@click.command()
@click.argument("model")
@click.argument("attributes", nargs=-1)
@click.option("--method", type=click.Choice(list(features.METHODS)), default="regression")
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    default=features.TOLERANCE,
    show_default=True,
    help="stop when no batch moves a vector by more than this share of its length",
)
@click.option("--pair", nargs=2, type=Path, help="two images, without and with the attribute")
@click.option("--data-dir", help="folder with the model's data set")
@click.option("--overwrite", is_flag=True, help="replace vectors of the same names")
def feature(model, attributes, method, tolerance, pair, data_dir, overwrite):
    """Find the directions that add ATTRIBUTES to images of MODEL, an export or its name.

    Without ATTRIBUTES, it takes all yes-or-no attributes that enough images have and lack. The
    directions are added to MODEL/features.json, which the page of `explore` shows as sliders, and
    drawn in MODEL/features.png.
    """
    from vae_keras.export.image_files import load_for_images, read_images
    from vae_keras.export.places import FEATURES
    from vae_keras.training.stored import open_stored

    exported = load_for_images(model, "encode", "decode")
    file = exported.path / FEATURES
    known = features.load(file, exported.latent_dim) if file.is_file() else {}
    if pair and len(attributes) != 1:
        raise UserError(f"--pair is of one attribute, not {len(attributes)}: name one")
    if not pair:
        dataset = open_stored(str(exported.path)).dataset(data_dir)
        names = dataset.attribute_names
        attributes = attributes or features.binary(dataset.train, names)
    _refuse_known(() if overwrite else attributes, known, file)
    if pair:
        images = read_images(pair, exported)
        found = {attributes[0]: features.pair_difference(exported, attributes[0], *images)}
    else:
        images = dataset.test.take(slice(1)).arrays()[0]
        print(f"encoding {len(dataset.train):,} images at the most …", flush=True)
        found = features.feature_vectors(
            exported, dataset.train, names, attributes, method, tolerance
        )
    for vector in found.values():
        print(vector.story())
    vectors = {**known, **found}
    features.save(list(vectors.values()), file)
    _draw_features(exported, vectors, images[0])
    print(file)


def _refuse_known(names, known, file):
    for name in names:
        if name in known:
            raise UserError(f"{file} has {name!r} already: give --overwrite to replace it")


def _draw_features(exported, vectors, image):
    """Draw an image with multiples of each feature vector added to its code."""
    import numpy as np

    from vae_keras import figures
    from vae_keras.export.places import FEATURES_PICTURE

    alphas = np.array(ALPHAS)[:, None]
    z = exported.encode(image[None])[0]
    rows = {name: exported.decode(vector.add(z, alphas)) for name, vector in vectors.items()}
    title = f"α from {ALPHAS[0]:g} to {ALPHAS[-1]:g} times each feature vector"
    figures.save(figures.image_rows(rows, title), exported.path / FEATURES_PICTURE)


COMMANDS = (morph, traverse, feature)
