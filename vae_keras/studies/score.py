"""The scores of a user's own examples by a trained model, as a table and as a picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vae_keras.data.dataset import Examples
from vae_keras.data.kinds import Kind
from vae_keras.errors import UserError
from vae_keras.evaluation.anomaly import alarm_threshold, score_parts
from vae_keras.evaluation.probe import check_unconditional
from vae_keras.files import cached, free_output, state_of, write_table
from vae_keras.latent.codes import encode
from vae_keras.models.priors import FittedGaussian
from vae_keras.training.stored import StoredModel, open_stored

MOST_TRAINING, MOST_VALIDATION = 10_000, 1_000  # examples of the training that scores refer to
SHOWN = 12  # examples in the picture
VERSION = 1  # raise it when a model would give other scores


@dataclass(frozen=True)
class Scores:
    """The scores of some examples: a row for each, in their order.

    `threshold` is the loss above which an example is an anomaly, or None.
    """

    rows: list[dict]
    loss: str  # what the loss is, with its unit
    notes: tuple[str, ...]
    threshold: float | None
    files: tuple[Path, Path]  # the table and the picture


def score(
    name: str,
    path,
    samples: int = 50,
    false_alarms: float | None = None,
    threshold: float | None = None,
    pixel_range: str | None = None,
    data_dir=None,
    output=None,
    overwrite=False,
) -> Scores:
    """Score the examples in `path` by the run or export `name`; write a table and a picture.

    `path` is read as the model's data were: a folder, or a single file. An example is an anomaly if
    its loss exceeds `threshold`, or one that validation examples exceed with the share
    `false_alarms`. Losses and their parts are those of `score_parts`, from `samples` draws. With
    the data of the training at hand, the rows have the Mahalanobis distance of the code (`z_mean`)
    to the training codes. `pixel_range` replaces that of the training. The table goes to `output`,
    NAME_scores.csv unless it is given. Beside it, NAME_scores_highest.png shows the examples with
    the highest losses and their reconstructions; of sentences it is a .txt file.

    Raises UserError if the model or the examples cannot be read, the model is conditional, both or
    wrong limits are given, the files exist and `overwrite` is False, or `false_alarms` is given and
    the data of the training cannot be loaded.
    """
    if threshold is not None and false_alarms is not None:
        raise UserError("--threshold and --false-alarms contradict each other: give one of them")
    trained = open_stored(name)
    model, kind = trained.model, trained.kind
    check_unconditional(model)
    if pixel_range is not None:
        if not kind.is_pictured:
            raise UserError(f"--pixel-range is for images, and {trained.name} is for sequences")
        kind = kind.as_trained({"pixel_range": pixel_range})
    table = Path(output or f"{trained.name}_scores.csv")
    picture = table.with_name(f"{table.stem}_highest{kind.pairs}")
    for file in (free_output(table, overwrite, (".csv",)), picture):
        free_output(file, overwrite)
    read = kind.read_all(Path(path), model.example_shape)
    if false_alarms is not None:
        threshold = alarm_threshold(_losses_for(trained, samples, data_dir), false_alarms)
    examples = Examples(read.values, binarisation=_binarisation(trained.config.binarize))
    columns, notes = score_parts(model, examples, samples), read.notes
    try:
        columns["distance"] = training_codes(trained, data_dir).distance(encode(model, examples))
    except UserError as error:
        notes = (*notes, f"no distance of the codes: {error}")
    rows = _rows(read.names, columns, threshold)
    _draw(model, kind, examples, rows, picture, _title(trained))
    write_table(table, rows)
    return Scores(rows, _loss_in_words(trained, samples), notes, threshold, (table, picture))


def _losses_for(trained: StoredModel, samples: int, data_dir) -> np.ndarray:
    try:
        return validation_losses(trained, samples, data_dir)
    except UserError as error:
        raise UserError(f"--false-alarms: {error}; or give --threshold NUMBER instead") from error


def validation_losses(trained: StoredModel, samples: int, data_dir=None) -> np.ndarray:
    """The losses of at most MOST_VALIDATION validation examples, at equal distances: [n].

    They are those of `score_parts`, kept in the cache. Raises UserError if the data of the training
    cannot be loaded.
    """

    def measure() -> dict[str, np.ndarray]:
        familiar = trained.dataset(data_dir).validation.spread(MOST_VALIDATION)
        return {"losses": score_parts(trained.model, familiar, samples)["loss"]}

    return _kept(trained, ["losses", samples], measure)["losses"]


def training_codes(trained: StoredModel, data_dir=None) -> FittedGaussian:
    """The Gaussian of the codes of at most MOST_TRAINING training examples, at equal distances.

    It is kept in the cache. Raises UserError if the data of the training cannot be loaded.
    """
    gaussian = FittedGaussian(trained.model.latent_dim)

    def measure() -> dict[str, np.ndarray]:
        some = trained.dataset(data_dir).train.spread(MOST_TRAINING)
        gaussian.fit(lambda: encode(trained.model, some))
        return dict(zip(("mean", "scale"), gaussian.get_weights(), strict=True))

    found = _kept(trained, ["codes"], measure)
    gaussian.set_weights([found["mean"], found["scale"]])
    return gaussian


def _kept(trained: StoredModel, what: list, measure) -> dict[str, np.ndarray]:
    """What `measure` gives for a model, from the cache if it was measured before."""
    state = state_of(sorted(trained.files()), trained.folder)
    made_of = [VERSION, *what, str(trained.folder.resolve()), state]
    folder = cached("scores", made_of, lambda new: np.savez(new / "found.npz", **measure()))
    with np.load(folder / "found.npz") as file:
        return dict(file)


def _binarisation(choice: str) -> str:
    """How examples are binarised that a model has not seen: "static" draws them once, too."""
    return "dynamic" if choice.startswith("static") else choice


def _rows(names: list[str], columns: dict[str, np.ndarray], threshold: float | None) -> list[dict]:
    rows = []
    for position, name in enumerate(names):
        row = {
            "example": name,
            **{key: f"{column[position]:.6g}" for key, column in columns.items()},
        }
        if threshold is not None:
            row["is_anomaly"] = str(bool(columns["loss"][position] > threshold)).lower()
        rows.append(row)
    return rows


def highest(rows: list[dict], count: int) -> list[int]:
    """The positions of the rows with the highest losses, the highest first."""
    return sorted(range(len(rows)), key=lambda position: -float(rows[position]["loss"]))[:count]


def _draw(model, kind: Kind, examples: Examples, rows, picture: Path, title: str):
    chosen = highest(rows, SHOWN)
    x, _ = examples.take(chosen).arrays()
    rebuilt = np.asarray(model.decode(model.encode(x)))
    names = []
    for row in (rows[position] for position in chosen):
        alarm = ", an anomaly" if row.get("is_anomaly") == "true" else ""
        names.append(f"{shortened(row['example'])}\n{float(row['loss']):.4g}{alarm}")
    kind.save_pairs(x, rebuilt, names, picture, title)


def shortened(name: str, most=28) -> str:
    """A name of which the start is left out if it is long."""
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _title(trained: StoredModel) -> str:
    return f"{trained.name}: the highest losses in {trained.unit}, each beside its reconstruction"


def _loss_in_words(trained: StoredModel, samples: int) -> str:
    if trained.model.is_variational:
        return f"negative ELBO in {trained.unit}, {samples:,} samples"
    return f"reconstruction loss, {trained.unit}"


def summary(found: Scores) -> str:
    """A few lines on some scores: how many there are, how high, and how many are anomalies."""
    losses = np.array([float(row["loss"]) for row in found.rows])
    least, middle, most = np.quantile(losses, (0, 0.5, 1))
    lines = [
        *(f"note: {note}" for note in found.notes),
        f"{len(losses):,} example{'s' * (len(losses) > 1)}; {found.loss}: "
        f"{least:.4g} to {most:.4g}, median {middle:.4g}",
    ]
    if found.threshold is not None:
        count = sum(row["is_anomaly"] == "true" for row in found.rows)
        limit = f"exceed {found.threshold:.6g} and are anomalies"
        lines.append(f"{count:,} of {len(losses):,} ({count / len(losses):.1%}) {limit}")
    return "\n".join(lines)
