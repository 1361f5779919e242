"""The commands probe, anomaly and score: they show what codes and losses are good for."""

from pathlib import Path

import click

from vae_keras.config import TrainConfig


@click.command(name="probe")
@click.argument("run")
@click.option("--data-dir", help="folder with the archive of the run's data set")
def probe_command(run, data_dir):
    """Compare a linear classifier on the codes of RUN with one on its input and one on PCA."""
    from vae_keras import data
    from vae_keras.training.run_folder import existing_run

    folder = existing_run(run)
    config = folder.read_config()
    dataset = data.load(config.replace(data_dir=data_dir or config.data_dir))
    dataset.require_labels()
    from vae_keras.evaluation.probe import most_in_memory, probe

    model = folder.load_model()
    print(f"{folder.name}: logistic regression on three kinds of features …", flush=True)
    given = "pixels" if dataset.kind.is_pictured else "numbers"
    print(f"{'labels':>8} {'codes':>8} {given:>8} {f'PCA, {model.latent_dim}':>8}")
    for row in probe(model, dataset):
        values = (row[name] for name in ("codes", "pixels", "pca"))
        cells = (f"{'–' if value is None else format(value, '.1%'):>8}" for value in values)
        print(f"{row['labels']:>8,} {' '.join(cells)}")
    most = most_in_memory(dataset)
    note = f"; {given}, and PCA fitted, of {most:,} at most" if len(dataset.train) > most else ""
    print(f"accuracy on {min(len(dataset.test), most):,} test examples{note}")


@click.command(name="anomaly")
@click.option("--dataset", default="digits", show_default=True, help="as in train, but with labels")
@click.option("--data-dir", help="folder with the archive of the data set")
@click.option("--model", default="vae", show_default=True, help="as in train")
@click.option("--held-out", required=True, help="label, by name or number, that is not trained on")
@click.option("--latent-dim", type=int, help="size of the code")
@click.option("--epochs", type=int, help="passes over the training data")
@click.option("--seed", type=int, help="as in train")
def anomaly_command(held_out, **options):
    """Measure how well a model's loss detects a label left out of its training. Leaves no files."""
    from vae_keras.studies.anomaly import held_out_auroc

    config = TrainConfig(**{name: value for name, value in options.items() if value is not None})
    print(f"training {config.model} on {config.dataset} without {held_out!r} …", flush=True)
    area = held_out_auroc(config, held_out)
    print(f"AUROC {area:.3f} on the test set, {held_out!r} against the rest (0.5 is chance)")


@click.command(name="score")
@click.argument("model")
@click.argument("path", type=Path)
@click.option("--samples", type=click.IntRange(1), default=50, show_default=True, help="draws")
@click.option(
    "--false-alarms", type=float, help="share of validation examples that may exceed the threshold"
)
@click.option("--threshold", type=float, help="loss above which an example is an anomaly")
@click.option("--pixel-range", help="as in train; default: that of the training")
@click.option("--data-dir", help="folder with the archive of the model's data set")
@click.option("--output", type=Path, help="table to write (.csv); default: MODEL_scores.csv")
@click.option("--overwrite", is_flag=True, help="replace the table and its picture if they exist")
def score_command(model, path, **options):
    """Score your own files by MODEL, a run or an export: the higher, the less familiar.

    PATH is a folder of images or one image, an .npz or IDX file, a text with a sentence a line, or
    MIDI files. OUTPUT has a row for each example: its loss and the parts of the loss, an estimate
    of −log p(x) (nll) by importance weighting where there is a likelihood, and the Mahalanobis
    distance of its code to the codes of the training data. Beside it, OUTPUT_highest.png, or
    .txt, has the examples with the highest losses and their reconstructions. With --false-alarms or
    --threshold, it tells which are anomalies.
    """
    from vae_keras.studies.score import score, summary

    found = score(model, path, **options)
    print(summary(found))
    for file in found.files:
        print(file)


COMMANDS = (probe_command, anomaly_command, score_command)
