"""Four studies: why autoencoders do not generate; what each term, each loss, each size does.

Each trains the models it compares, measures them, and draws one picture. A study takes
`configured`, which makes a TrainConfig of the options that its models do not share, and the data
set; it returns {column: {figure: number}} and the picture.
"""

import functools
import json
import math
from pathlib import Path

import click
import keras
import numpy as np
import scipy.spatial
import scipy.special
from keras import ops
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from vae_keras import data, latent, plotting
from vae_keras.config import TrainConfig
from vae_keras.evaluation import code_figures, evaluate
from vae_keras.files import refuse_to_replace, write_text
from vae_keras.latent import decode, encode
from vae_keras.models import VAE
from vae_keras.models.priors import StandardNormal
from vae_keras.objectives.likelihoods import LOSSES, Bernoulli
from vae_keras.objectives.likelihoods import loss as loss_called
from vae_keras.training import trained

SAMPLES = 10_000  # of the prior, for figures
MOST_FOR_CLASSIFIER = 20_000  # training images
MOST_POINTS = 3_000  # in a scatter
SHOWN = 36  # decoded samples in a picture
SIZES = (2, 5, 10, 20)  # of codes
HALF_LEVEL = 1 / 510  # half a grey level of 256


def run(
    study: str, dataset="digits", data_dir=None, epochs=None, seed=0, output="studies", **options
) -> dict:
    """Train, measure and draw one of STUDIES; write `output`/STUDY.png and STUDY.json.

    `epochs` None is the recipe's; the option `overwrite` replaces files that exist. Returns what
    the JSON file holds: the options and `figures`, {column: {figure: number}}. Raises UserError.
    """
    picture, numbers = free_files(Path(output), study, **options)
    common = dict(dataset=dataset, data_dir=data_dir, epochs=epochs, seed=seed)
    configured = functools.partial(TrainConfig, **common)
    found, figure = STUDIES[study](configured, data.load(configured()))
    found = {"study": study, "dataset": dataset, "epochs": epochs, "seed": seed, "figures": found}
    picture.parent.mkdir(parents=True, exist_ok=True)
    plotting.save(figure, picture)
    write_text(numbers, json.dumps(found, indent=2) + "\n")
    return found


def free_files(folder: Path, study: str, overwrite=False) -> list[Path]:
    """The picture and the file of numbers of a study. Raises UserError if they exist."""
    files = [folder / f"{study}.png", folder / f"{study}.json"]
    for file in files:
        refuse_to_replace(file, overwrite)
    return files


# Why a plain autoencoder does not generate


def generation(configured, dataset):
    """Sample an autoencoder and a VAE of the same network, and judge what the decoders make of it.

    Both have the Bernoulli decoder. The autoencoder is sampled from N(0, I), like the VAE, and from
    the Gaussian fitted to its codes.
    """
    dataset.require_labels()
    plain = trained(configured(model="deep", loss="bce"), dataset)
    vae = trained(configured(model="vae", likelihood="bernoulli"), dataset)
    standard = StandardNormal(vae.latent_dim)
    compared = {
        "autoencoder, N(0, I)": (plain, standard),
        "autoencoder, fitted Gaussian": (plain, plain.prior),
        "VAE, N(0, I)": (vae, standard),
    }
    print("training the classifier …", flush=True)
    classifier = fitted_classifier(dataset)
    found, panels = {}, {}
    for name, (model, prior) in compared.items():
        z = np.asarray(prior.sample(SAMPLES, (model.seed, 0)))
        codes = encode(model, dataset.train)
        images = decode(model, z)
        found[name] = {
            **gaps(z, codes),
            **class_areas(z, codes, dataset.train.own_labels),
            **confidence(classifier, images),
        }
        panels[name] = {"codes": spread(codes), "samples": z, "images": images[:SHOWN]}
    images, labels = dataset.test.arrays()
    accuracy = float(classifier.score(flat(images), labels))
    found["test images"] = {**confidence(classifier, images), "classifier_accuracy": accuracy}
    shown = spread(dataset.train.own_labels)
    return found, plotting.codes_and_samples(panels, shown, dataset.class_names)


def gaps(samples, codes) -> dict[str, float]:
    """How far `samples` [n, latent_dim] lie from the nearest of `codes` [m, latent_dim].

    Median and 95 % quantile of the distance, in the units of the latent space and in spacings: the
    mean distance of a code to its nearest neighbour.
    """
    tree = scipy.spatial.cKDTree(codes)
    spacing = tree.query(codes, k=2)[0][:, 1].mean()
    median, quantile = np.quantile(tree.query(samples)[0], (0.5, 0.95))
    return {
        "code_spacing": float(spacing),
        "gap_median": float(median),
        "gap_95_percent": float(quantile),
        "gap_median_in_spacings": float(median / spacing),
        "gap_95_percent_in_spacings": float(quantile / spacing),
    }


def class_areas(samples, codes, labels) -> dict[str, float]:
    """How evenly `samples` [n, latent_dim] fall to the classes of their nearest `codes`.

    Smallest and largest share of a class, and the entropy of the shares divided by log(classes): 1
    if all are equal, 0 if one class has everything.
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    nearest = scipy.spatial.cKDTree(codes).query(samples)[1]
    shares = np.bincount(numbers[nearest], minlength=len(classes)) / len(samples)
    return {
        "class_entropy": float(scipy.special.entr(shares).sum() / math.log(len(classes))),
        "smallest_class_share": float(shares.min()),
        "largest_class_share": float(shares.max()),
    }


def fitted_classifier(dataset):
    """A classifier of images that has seen at most MOST_FOR_CLASSIFIER real training images."""
    images, labels = dataset.train.take(evenly(len(dataset.train), MOST_FOR_CLASSIFIER)).arrays()
    network = MLPClassifier((256,), alpha=0.01, tol=1e-3, n_iter_no_change=3, random_state=0)
    return make_pipeline(PCA(0.9), network).fit(flat(images), labels)


def confidence(classifier, images) -> dict[str, float]:
    """The largest class probability of each image: its mean, and the share above 0.9."""
    largest = classifier.predict_proba(flat(images)).max(axis=1)
    return {"confidence": float(largest.mean()), "confident_share": float((largest > 0.9).mean())}


# What each term of the VAE's objective does


@keras.saving.register_keras_serializable("vae_keras")
class KLOnlyVAE(VAE):
    """A VAE that minimises the KL term alone; the reconstruction loss is only measured."""

    def term_weights(self, step=None):
        return {**super().term_weights(step), "reconstruction_loss": 0.0}


def terms(configured, dataset):
    """Train a VAE with the reconstruction loss alone, the KL term alone, and both.

    The accuracy is that of the nearest training code's label for the test codes, with sampled codes
    and with their means. Means that all but coincide can still be told apart by it: it knows no
    scale.
    """
    dataset.require_labels()
    models = {
        "reconstruction only": trained(configured(beta=0.0), dataset),
        "KL only": trained(configured(), dataset, KLOnlyVAE),
        "both": trained(configured(), dataset),
    }
    found, means, samples = {}, {}, {}
    for name, model in models.items():
        train, test = posterior(model, dataset.train), posterior(model, dataset.test)
        labels = dataset.train.own_labels, dataset.test.own_labels
        found[name] = {
            **evaluate(model, dataset),
            "mean_sigma": float(test["sigma"].mean()),
            "accuracy_of_samples": nearest_label_accuracy(train["z"], test["z"], *labels),
            "accuracy_of_means": nearest_label_accuracy(train["z_mean"], test["z_mean"], *labels),
        }
        means[name], samples[name] = spread(train["z_mean"]), spread(train["z"])
    rows = {"mean of q(z|x)": means, "one sample of q(z|x)": samples}
    shown = spread(dataset.train.own_labels)
    return found, plotting.latent_scatters(rows, shown, dataset.class_names)


def posterior(model, examples) -> dict[str, np.ndarray]:
    """`z_mean`, `sigma` and one sample `z` of q(z|x) for every example: [n, latent_dim] each."""
    z_mean, z_log_var = latent.posterior(model, examples)
    sigma = np.exp(0.5 * z_log_var)
    noise = np.random.default_rng(model.seed).standard_normal(z_mean.shape, np.float32)
    return {"z_mean": z_mean, "sigma": sigma, "z": z_mean + sigma * noise}


def nearest_label_accuracy(train_codes, test_codes, train_labels, test_labels) -> float:
    """The share of test codes whose nearest training code has their label."""
    nearest = KNeighborsClassifier(1).fit(train_codes, train_labels)
    return float(nearest.score(test_codes, test_labels))


# What each reconstruction loss penalises


def losses(configured, dataset):
    """Train the deep autoencoder with each loss, and measure each by all of them.

    Its output is unbounded with mse and rmse; for the cross-entropy, and for it alone, that is
    clipped to half a grey level (1/510) above 0 and below 1.
    """
    images = dataset.test.take(slice(8)).arrays()[0]
    found, rows = {}, {"input": images}
    for name in LOSSES:
        model = trained(configured(model="deep", loss=name, latent_dim=8), dataset)
        found[f"trained with {name}"] = reconstruction_errors(model, dataset.test)
        rows[name] = np.asarray(model(images))
    return found, plotting.loss_comparison(pixel_losses(), found, rows)


def pixel_losses(targets=(0.0, 0.5, 1.0), points=401) -> dict:
    """Each loss of one pixel by its prediction: {target: {loss: [points]}}, and "prediction".

    Less the loss's smallest value at that target, which is 0 but for the cross-entropy: there it is
    the entropy of the target.
    """
    predictions = np.linspace(HALF_LEVEL, 1 - HALF_LEVEL, points).astype(np.float32)
    found = {"prediction": predictions}
    for target in targets:
        entropy = bernoulli_entropy(target)
        x = np.full((points, 1, 1, 1), target, np.float32)
        found[target] = {
            name: pixel_loss(name, x, predictions) - (entropy if name == "bce" else 0)
            for name in LOSSES
        }
    return found


def pixel_loss(name: str, x, predictions):
    """The loss called `name` of images of one pixel: [n]."""
    parameters = scipy.special.logit(predictions) if name == "bce" else predictions
    return np.asarray(loss_called(name).loss(x, parameters.reshape(x.shape)))


def reconstruction_errors(model, examples) -> dict[str, float]:
    """The test error of a model by each of LOSSES, per example and averaged.

    In squared error, RMSE and nats; sums over pixels but for the RMSE. Even a perfect
    reconstruction of grey values has a cross-entropy, their entropy: `bce_above_minimum` is
    without it.
    """
    measures = {name: loss_called(name) for name in LOSSES}
    totals = dict.fromkeys((*LOSSES, "bce_above_minimum"), 0.0)
    for batch in map(model.prepare, examples.batches()):
        output = model.parameters(model.code(batch))
        mean = model.reconstruction.mean(output)
        bounded = isinstance(model.reconstruction, Bernoulli)
        logits = output if bounded else logit(ops.clip(mean, HALF_LEVEL, 1 - HALF_LEVEL))
        for name, measure in measures.items():
            parameters = logits if name == "bce" else mean
            totals[name] += float(ops.sum(measure.loss(batch.x, parameters)))
        totals["bce_above_minimum"] -= bernoulli_entropy(batch.x)
    totals["bce_above_minimum"] += totals["bce"]
    return {name: total / len(examples) for name, total in totals.items()}


def bernoulli_entropy(x) -> float:
    """The entropy of independent Bernoulli variables with the means `x`, summed, in nats."""
    x = np.asarray(x, np.float64)
    return float((scipy.special.entr(x) + scipy.special.entr(1 - x)).sum())


def logit(p):
    """The inverse of the sigmoid."""
    return ops.log(p) - ops.log1p(-p)


# How many dimensions


def sizes(configured, dataset):
    """Train VAEs with codes of 2, 5, 10 and 20 dimensions, and draw samples of each."""
    found, panels = {}, {}
    for size in SIZES:
        model = trained(configured(latent_dim=size), dataset)
        use = code_figures(model, dataset.test)
        found[f"{size}-D"] = {**evaluate(model, dataset), "active_units": use["active_units"]}
        title = f"{size} dimensions, {use['active_units']} active"
        panels[title] = np.asarray(model.generate(SHOWN, (model.seed, 0)))
    return found, plotting.image_grids(panels)


# What the studies share


def flat(images):
    return images.reshape(len(images), -1)


def evenly(count: int, most: int) -> slice:
    """Every so many of `count` things, so that they are at most `most`."""
    return slice(None, None, max(1, math.ceil(count / most)))


def spread(values):
    """Some of `values`, as many as a scatter shows."""
    return values[evenly(len(values), MOST_POINTS)]


STUDIES = {"generation": generation, "terms": terms, "losses": losses, "sizes": sizes}


# Command line


@click.group(name="study")
def study():
    """Compare models on one question: a picture and the figures behind it."""


def table(figures: dict) -> str:
    """{column: {figure: number}} as lines, a row for each figure."""
    names = dict.fromkeys(name for column in figures.values() for name in column)
    widths = [max(12, len(column)) for column in figures]
    lines = ["  ".join([" " * 26, *map(str.rjust, figures, widths)])]
    for name in names:
        cells = (f"{c[name]:.4g}" if name in c else "" for c in figures.values())
        label = name.replace("_", " ").ljust(26)
        lines.append("  ".join([label, *map(str.rjust, cells, widths)]).rstrip())
    return "\n".join(lines)


def _command(name: str) -> click.Command:
    def call(**options):
        found = run(name, **options)
        print(table(found["figures"]))
        for ending in ("png", "json"):
            print(options["output"] / f"{name}.{ending}")

    seeds = click.IntRange(0, 2**31 - 1)
    options = [
        click.Option(["--dataset"], default="digits", show_default=True, help="as of train"),
        click.Option(["--data-dir"], help="folder with the archive of the data set"),
        click.Option(["--epochs"], type=click.IntRange(1), help="passes over the training data"),
        click.Option(["--seed"], type=seeds, default=0, show_default=True),
        click.Option(["--output"], type=Path, default=Path("studies"), show_default=True),
        click.Option(["--overwrite"], is_flag=True, help="replace the files if they exist"),
    ]
    return click.Command(name, callback=call, params=options, help=STUDIES[name].__doc__)


for _name in STUDIES:
    study.add_command(_command(_name))
