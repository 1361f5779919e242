"""Writes a run for TensorBoard: figures, pictures of every epoch, and codes for the projector."""

import math
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from vae_keras import figures
from vae_keras.errors import UserError
from vae_keras.figures.pixels import to_image, to_pixels
from vae_keras.files import remove_folder, whole_folder, write_text
from vae_keras.latent.codes import encode

try:
    from tensorboard.plugins import projector
    from tensorboard.plugins.projector.metadata import PLUGIN_ASSETS_NAME, PROJECTOR_FILENAME
except ImportError as error:
    raise UserError(
        f"--tensorboard needs TensorBoard ({error}): pip install 'tensorboard>=2.21,<3'"
    ) from error
Event, SessionLog, Summary = tf.compat.v1.Event, tf.compat.v1.SessionLog, tf.compat.v1.Summary
RUNS = {  # runs of TensorBoard: the prefix of their logged figures, and the tag of their picture
    "train": ("", "latent_space"),
    "validation": ("val_", "reconstructions"),
}
RECONSTRUCTIONS = 10
MOST_CODES = 3_000  # codes in the projector
MOST_CODE_VALUES = 1_000_000  # numbers in all these codes, which are written as text
FEWEST_DIMENSIONS = 3  # the projector draws no fewer
THUMBNAIL = 64  # pixels: MOST_CODES make a sprite of 3,520, and TensorBoard reads 8,192 at most
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's modes by the number of channels


class TensorBoard(keras.callbacks.Callback):
    """Writes a run for TensorBoard, as its runs `folder`/train and `folder`/validation.

    Both have the same tags; the step is the number of the epoch. Everything comes from the history
    and from pictures on disk: the latent space from `plots`, reconstructions from `folder`. So a
    resumed run writes everything again up to its checkpoint, and no epoch is missing or there
    twice.
    """

    def __init__(self, folder: Path, plots: Path):
        super().__init__()
        self.folder, self.plots = Path(folder), Path(plots)
        self.assets = self.folder / "validation" / "plugins" / PLUGIN_ASSETS_NAME

    def is_complete(self) -> bool:
        """True if the codes for the projector are there, which are written last."""
        return (self.assets / PROJECTOR_FILENAME).is_file()

    def begin(self, dataset, rows):
        """Write the `rows` of the history so far, and remove what was there before."""
        self.dataset, self.writers, now = dataset, {}, time.time()
        for run in RUNS:
            if (self.folder / run).is_dir():
                remove_folder(self.folder / run)
            (self.folder / run).mkdir(parents=True)
            file = self.folder / run / f"events.out.tfevents.{now:.6f}"
            self.writers[run] = tf.io.TFRecordWriter(str(file))
            self._append(run, now, file_version="brain.Event:2")
            # With this mark, a TensorBoard that is open forgets what it has read of this run.
            self._append(run, now, session_log=SessionLog(status=SessionLog.START))
        for row in rows:
            self._write(row)

    def on_epoch_end(self, epoch, logs=None):
        if self.dataset.kind.is_pictured:
            self._draw_reconstructions(epoch + 1)
        self._write({"epoch": epoch + 1, **logs})

    def _draw_reconstructions(self, epoch):
        x, label = self.dataset.validation.spread(RECONSTRUCTIONS).arrays()
        rows = {"input": x, "reconstruction": self.model({"x": x, "label": label})}
        figure = figures.image_rows(rows, f"epoch {epoch}")
        figures.save(figure, self._picture("validation", epoch))

    def _picture(self, run, epoch) -> Path:
        names = {"train": self.plots / "latent", "validation": self.folder / "reconstructions"}
        return Path(f"{names[run]}_{epoch:04d}.png")

    def _write(self, row):
        """Append the figures and the picture of an epoch to the file of each run."""
        epoch = row["epoch"]
        names = [name for name in row if f"val_{name}" in row]
        plot = self._picture("train", epoch)
        ended = plot.stat().st_mtime if plot.is_file() else time.time()
        for run, (prefix, tag) in RUNS.items():
            values = [Summary.Value(tag=name, simple_value=row[prefix + name]) for name in names]
            picture = self._picture(run, epoch)
            if picture.is_file():  # epochs before TensorBoard was asked for have none
                values.append(Summary.Value(tag=tag, image=_png(picture)))
            self._append(run, ended, step=epoch, summary=Summary(value=values))

    def _append(self, run, seconds, **what):
        event = Event(wall_time=seconds, **what)
        self.writers[run].write(event.SerializeToString())
        self.writers[run].flush()

    def write_projector(self, model):
        """Write the codes of validation examples for the projector, with labels and images."""
        most = max(1, min(MOST_CODES, MOST_CODE_VALUES // model.latent_dim))
        examples = self.dataset.validation.take(slice(most))
        codes = encode(model, examples)
        zeros = max(0, FEWEST_DIMENSIONS - model.latent_dim)
        config = projector.ProjectorConfig()
        points = config.embeddings.add(tensor_name="codes", tensor_path="codes.tsv")
        points.metadata_path = "metadata.tsv"
        with whole_folder(self.assets) as temporary:
            codes = np.pad(codes, ((0, 0), (0, zeros)))
            np.savetxt(temporary / points.tensor_path, codes, "%.9g", delimiter="\t")
            table = metadata(examples, self.dataset)
            write_text(temporary / points.metadata_path, table)
            if self.dataset.kind.is_pictured:
                images, size = sprite(examples)
                points.sprite.image_path = "sprite.png"
                points.sprite.single_image_dim.extend(size)
                images.save(temporary / points.sprite.image_path)
            projector.visualize_embeddings(str(temporary), config)


def metadata(examples, dataset) -> str:
    """A table for the projector, of tab-separated columns, with a row for each example.

    The columns are the label, the sequence as text and the attributes, where there are any, and the
    position. A single column has no name, because TensorBoard wants none.
    """
    columns = {}
    if examples.labels is not None:
        names = dict(enumerate(dataset.class_names))
        columns["label"] = [names.get(label, str(label)) for label in examples.own_labels]
    texts = dataset.kind.texts(examples.read(slice(None)))
    if texts is not None:
        columns["text"] = texts
    columns["example"] = [str(position) for position in range(len(examples))]
    if examples.attributes is not None:
        values = [[f"{value:g}" for value in column] for column in examples.own_attributes.T]
        columns |= zip(dataset.attribute_names, values, strict=True)
    rows = list(zip(*columns.values(), strict=True))
    if len(columns) > 1:
        rows.insert(0, tuple(columns))
    return "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)


def sprite(examples) -> tuple[Image.Image, tuple[int, int]]:
    """One image that holds all examples in rows, and the (width, height) of each in it."""
    height, width, channels = examples.example_shape
    scale = min(1, THUMBNAIL / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    columns = math.ceil(math.sqrt(len(examples)))
    whole = Image.new(MODES.get(channels, "L"), (columns * size[0], columns * size[1]))
    for batch in examples.batches():
        images = batch["x"].numpy()
        if channels not in MODES:
            images = images.mean(axis=-1, keepdims=True)
        for position, pixels in zip(batch["index"].numpy(), to_pixels(images), strict=True):
            down, across = divmod(int(position), columns)
            whole.paste(to_image(pixels).resize(size), (across * size[0], down * size[1]))
    return whole, size


def _png(path) -> Summary.Image:
    with Image.open(path) as image:
        width, height = image.size
    return Summary.Image(width=width, height=height, encoded_image_string=path.read_bytes())
