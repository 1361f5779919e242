import io
import json
import math
import re
import shutil
import signal
import sys
import time
import urllib.parse
import urllib.request

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from tests.commands import TRAIN
from tests.processes import Started, said_by
from tests.runs import history, training_alone, wait_for
from vae_keras import Dataset, TrainConfig, UserError, data, figures, train
from vae_keras.data.dataset import Examples, split_dataset
from vae_keras.latent.codes import encode
from vae_keras.training.tensorboard import MOST_CODES, TensorBoard, metadata, sprite

PATIENCE = 60  # seconds
EPOCHS = 3


class Server:
    """A TensorBoard process that looks at a folder, and what it answers over HTTP."""

    def __init__(self, folder):
        options = "--host 127.0.0.1 --port 0 --reload_interval 1 --samples_per_plugin images=1000"
        program = 'import runpy; runpy.run_module("tensorboard.main", run_name="__main__")'
        self.process = Started("--logdir", folder, *options.split(), code=program)
        _, errors = self.process.said

        def found():
            return re.search(r"http://127\.0\.0\.1:\d+(?=/)", errors.read_text())

        wait_for(lambda: found() or self.process.poll() is not None)
        assert found(), errors.read_text()
        self.address = found()[0]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()

    def bytes(self, route, **query):
        address = f"{self.address}/data/plugin/{route}"
        if query:
            address += f"?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            return answer.read()

    def json(self, route, **query):
        return json.loads(self.bytes(route, **query))

    def await_epochs(self, run, epochs):
        """Wait until the last of `epochs` is seen."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            tags = self.json("scalars/tags")
            if run in tags and self.scalars(run, next(iter(tags[run])))[0][-1] == epochs:
                return
            time.sleep(0.1)
        raise TimeoutError(f"{run} has not {epochs} epochs")

    def scalars(self, run, tag):
        """The steps and the values."""
        rows = self.json("scalars/scalars", run=run, tag=tag)
        return [row[1] for row in rows], [row[2] for row in rows]

    def images(self, run, tag):
        """{step: the file}."""
        rows = self.json("images/images", run=run, tag=tag, sample=0)
        return {row["step"]: self.bytes(f"images/individualImage?{row['query']}") for row in rows}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("tensorboard")


@pytest.fixture(scope="module")
def command_run(root):
    """A run of the command, as a user makes one."""
    command = [TRAIN, "--epochs", EPOCHS, "--units", "8", "--tensorboard", "--name", "run"]
    return root / "runs/run", said_by(*command, cwd=root)


@pytest.fixture(scope="module")
def server(root, command_run):
    server = Server(root / "runs")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def digits():
    return data.load(TrainConfig())


def events(folder, run):
    """The summaries in the one file of a run: (step, seconds, {tag: value})."""
    (file,) = (folder / "tensorboard" / run).glob("events*")
    return [
        (event.step, event.wall_time, {value.tag: value for value in event.summary.value})
        for event in LegacyEventFileLoader(str(file)).Load()
        if event.HasField("summary")
    ]


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def stop_after(folder, epoch):
    """Leave of a whole run what a process leaves that is killed before it saves `epoch` + 1."""
    for path in (folder / "checkpoints").glob("epoch_*"):
        if int(path.name[-4:]) > epoch:
            shutil.rmtree(path)
    (folder / "metrics.json").unlink()
    (folder / "model.keras").unlink()


# --- What TensorBoard sees ---


@pytest.mark.slow
def test_command_says_where_to_look_and_nothing_else(command_run):
    folder, (output, error) = command_run
    assert error == ""
    assert output.splitlines()[-1].endswith("--logdir runs/run/tensorboard")
    stored = json.loads((folder / "config.json").read_text())
    assert TrainConfig(**stored).tensorboard  # so that --resume goes on with it


@pytest.mark.slow
def test_scalars_are_those_of_the_history(server, command_run):
    rows = history(command_run[0])
    server.await_epochs("run/tensorboard/validation", EPOCHS)
    tags = server.json("scalars/tags")
    terms = {"loss", "reconstruction_loss", "kl_loss"}
    for run, prefix in (("train", ""), ("validation", "val_")):
        assert set(tags[f"run/tensorboard/{run}"]) == terms
        for term in terms:
            found = server.scalars(f"run/tensorboard/{run}", term)
            assert found[0] == [row["epoch"] for row in rows]
            np.testing.assert_array_equal(
                found[1], np.float32([row[prefix + term] for row in rows])
            )


@pytest.mark.slow
def test_images_are_those_of_every_epoch(server, command_run, digits):
    folder, _ = command_run
    server.await_epochs("run/tensorboard/train", EPOCHS)
    tags = server.json("images/tags")
    assert {
        run.rpartition("/")[2]: list(found) for run, found in tags.items() if "run/" in run
    } == {
        "train": ["latent_space"],
        "validation": ["reconstructions"],
    }
    plots = server.images("run/tensorboard/train", "latent_space")
    assert list(plots) == list(range(1, EPOCHS + 1))
    for epoch, content in plots.items():
        assert content == (folder / f"plots/latent_{epoch:04d}.png").read_bytes()
    pictures = server.images("run/tensorboard/validation", "reconstructions")
    assert len(set(pictures.values())) == EPOCHS
    images = digits.validation.spread(10).arrays()[0]
    rebuilt = keras.models.load_model(folder / "model.keras").predict(images, verbose=0)
    rows = {"input": images, "reconstruction": rebuilt}
    figures.image_rows(rows, f"epoch {EPOCHS}").savefig(wanted := io.BytesIO())
    difference = np.abs(pixels(pictures[EPOCHS]) - pixels(wanted.getvalue()).astype(float))
    assert difference.max() <= 2  # levels: graphs and eager execution round differently


@pytest.mark.slow
def test_projector_has_codes_labels_and_images(server, command_run, digits):
    folder, _ = command_run
    run = {"run": "run/tensorboard/validation"}
    assert run["run"] in server.json("projector/runs")
    (points,) = server.json("projector/info", **run)["embeddings"]
    run["name"] = points["tensorName"]
    count = len(digits.validation)
    assert points["tensorShape"] == [count, 3]
    tensor = np.frombuffer(server.bytes("projector/tensor", **run), np.float32).reshape(count, 3)
    model = keras.models.load_model(folder / "model.keras")
    np.testing.assert_array_equal(tensor[:, :2], encode(model, digits.validation))
    assert not tensor[:, 2].any()  # the projector draws nothing of two dimensions
    lines = server.bytes("projector/metadata", **run).decode().splitlines()
    assert lines[0] == "label\texample"
    wanted = [f"{label}\t{n}" for n, label in enumerate(digits.validation.own_labels)]
    assert lines[1:] == wanted
    tiles = pixels(server.bytes("projector/sprite_image", **run))
    assert points["sprite"]["singleImageDim"] == [8, 8]
    columns = tiles.shape[1] // 8
    for n, image in enumerate(digits.validation.read(slice(None))):
        top, left = n // columns * 8, n % columns * 8
        found = tiles[top : top + 8, left : left + 8]
        np.testing.assert_allclose(found, 255 * image[..., 0], atol=0.5)


def small(channels, **more):
    """Random images of 12×16."""
    images = np.random.default_rng(0).integers(0, 255, (300, 12, 16, channels), np.uint8)
    names = ("hat", "long hair") if "attributes" in more else ()
    return split_dataset("small", Examples(images, **more), attribute_names=names)


def attributed():
    """In colour, with labels and attributes."""
    attributes = np.random.default_rng(1).integers(0, 2, (300, 2)).astype(np.float32)
    return small(3, labels=np.arange(300) % 2, attributes=attributes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "images", "options"),
    [
        ("plain", small(1), dict(model="deep", latent_dim=1, ema=0.9)),
        ("colour", attributed(), dict(model="conditional", latent_dim=5)),
    ],
)
def test_other_models_and_data_are_seen(server, root, name, images, options, monkeypatch):
    training_alone(monkeypatch)
    config = TrainConfig(epochs=1, output_dir=root, name=name, tensorboard=True, **options)
    config = config.replace(network="dense", units="8")
    found = train(config, images, verbose=0)
    run = {"run": f"{name}/tensorboard/validation"}
    server.await_epochs(run["run"], 1)
    assert server.scalars(run["run"], "loss")[1] == np.float32(found.history["val_loss"])
    assert list(server.images(run["run"], "reconstructions")) == [1]
    (points,) = server.json("projector/info", **run)["embeddings"]
    run["name"] = points["tensorName"]
    assert points["sprite"]["singleImageDim"] == [16, 12]
    codes = encode(found.model, images.validation)
    tensor = np.frombuffer(server.bytes("projector/tensor", **run), np.float32)
    tensor = tensor.reshape(len(codes), max(3, codes.shape[1]))
    np.testing.assert_array_equal(tensor[:, : codes.shape[1]], codes)
    lines = server.bytes("projector/metadata", **run).decode().splitlines()
    mode = Image.open(io.BytesIO(server.bytes("projector/sprite_image", **run))).mode
    if name == "plain":
        assert mode == "L" and lines == [str(n) for n in range(len(codes))]
        return
    own = images.validation
    table = zip(own.own_labels, range(len(codes)), *own.own_attributes.astype(int).T)
    wanted = ["label\texample\that\tlong hair", *("\t".join(map(str, row)) for row in table)]
    assert mode == "RGB" and lines == wanted


# --- Runs that go on, or begin anew ---


@pytest.fixture
def config(tmp_path, command_run):
    """That of a copy of the run."""
    folder = shutil.copytree(command_run[0], tmp_path / "runs/run")
    stored = json.loads((folder / "config.json").read_text())
    return TrainConfig(**stored).replace(output_dir=tmp_path)


@pytest.mark.slow
def test_killed_run_goes_on_without_doubled_or_lost_steps(config, tmp_path, digits, monkeypatch):
    training_alone(monkeypatch)
    folder = tmp_path / "runs/run"
    before = {run: events(folder, run) for run in ("train", "validation")}
    stop_after(folder, 1)
    again = train(config.replace(resume=True, epochs=4), digits, verbose=0)
    for run, prefix in (("train", ""), ("validation", "val_")):
        found = events(folder, run)
        assert [step for step, _, _ in found] == [1, 2, 3, 4]
        losses = [values["loss"].simple_value for _, _, values in found]
        assert losses == list(np.float32(again.history[prefix + "loss"]))
        assert found[:1] == before[run][:1]  # with the time of day at which they were trained
        images = [[v for v in values.values() if v.HasField("image")] for _, _, values in found]
        assert [len(some) for some in images] == [1, 1, 1, 1]


@pytest.mark.slow
def test_overwriting_leaves_nothing_old(config, tmp_path, digits, monkeypatch):
    training_alone(monkeypatch)
    train(config.replace(overwrite=True, epochs=1, seed=1), digits, verbose=0)
    folder = tmp_path / "runs/run"
    assert len(history(folder)) == 1  # there were three epochs before
    assert not (folder / "plots/latent_0002.png").exists()
    for run in ("train", "validation"):
        assert [step for step, _, _ in events(folder, run)] == [1]
    pictures = [path.name for path in (folder / "tensorboard").glob("*.png")]
    assert pictures == ["reconstructions_0001.png"]


@pytest.fixture
def not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.plugins", None)
    monkeypatch.delitem(sys.modules, "vae_keras.training.tensorboard")
    return monkeypatch


@pytest.mark.slow
def test_it_may_be_installed_and_asked_for_later(not_installed, tmp_path, digits):
    training_alone(not_installed)
    config = TrainConfig(epochs=2, units="8", output_dir=tmp_path, name="run")
    plain = train(config, digits, verbose=0)
    folder = plain.folder.path
    assert not (folder / "tensorboard").exists()
    not_installed.undo()
    training_alone(not_installed)
    again = train(config.replace(resume=True, tensorboard=True), digits, verbose=0)
    assert again.metrics["test_loss"] == plain.metrics["test_loss"]
    assert list((folder / "tensorboard/validation").rglob("codes.tsv"))
    for run, pictures in (("train", {"latent_space"}), ("validation", set())):
        found = events(folder, run)
        assert [step for step, _, _ in found] == [1, 2]
        wanted = {"loss", "reconstruction_loss", "kl_loss"} | pictures
        assert all(set(values) == wanted for _, _, values in found)


def test_without_it_one_line_says_what_to_install(not_installed, tmp_path, digits):
    config = TrainConfig(output_dir=tmp_path / "new", tensorboard=True)
    with pytest.raises(
        UserError, match=r"--tensorboard needs .*: pip install 'tensorboard"
    ) as told:
        train(config, digits, verbose=0)
    assert "\n" not in str(told.value) and not (tmp_path / "new").exists()


def test_a_reader_that_is_open_meanwhile_forgets_the_epochs_that_are_run_again(tmp_path):
    """TensorBoard's reader in Python; the other one, which the server starts, does so anyway."""
    rows = [{"epoch": n, "loss": float(n), "val_loss": n + 0.5} for n in range(1, 6)]
    board, none = TensorBoard(tmp_path, tmp_path), Examples(np.zeros((3, 2, 2, 1), np.float32))
    reader = EventAccumulator(str(tmp_path / "train"))

    def seen():
        reader.Reload()
        return [event.step for event in reader.Tensors("loss")]

    board.begin(Dataset("none", none, none, none), rows[:4])
    assert seen() == [1, 2, 3, 4]
    board.begin(board.dataset, rows[:2])
    assert seen() == [1, 2]
    board.begin(board.dataset, rows)
    assert seen() == [1, 2, 3, 4, 5]


# --- The parts of the projector ---


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(0))
def test_each_image_has_its_place_in_the_sprite(count, height, width, channels, seed):
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (count, height, width, channels), np.uint8)
    order = generator.permutation(count)
    whole, size = sprite(Examples(images, rows=order))
    assert size == (width, height)
    columns = whole.width // width
    assert columns == math.ceil(math.sqrt(count)) and whole.height == columns * height
    tiles = np.asarray(whole).reshape(whole.height, whole.width, -1).astype(float)
    for place, row in enumerate(order):
        top, left = place // columns * height, place % columns * width
        wanted = images[row].astype(float)
        if channels in (2, 5):  # no colours
            wanted = wanted.mean(axis=-1, keepdims=True)
        np.testing.assert_allclose(
            tiles[top : top + height, left : left + width], wanted, atol=0.51
        )


def test_sprite_of_large_images_is_one_that_tensorboard_reads():
    images = np.zeros((MOST_CODES, 40, 160, 1), np.uint8)
    images[:, :, 80:] = 255
    whole, size = sprite(Examples(images))
    assert size == (64, 16) and max(whole.size) <= 8_192
    tile = np.asarray(whole)[:16, :64]
    assert not tile[:, :30].any() and (tile[:, 34:] == 255).all()


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5, unique=True)
)
def test_names_cannot_break_the_table(names):
    labels = np.arange(len(names))
    attributes = np.zeros((len(names), len(names)), np.float32)
    images = np.zeros((len(names), 2, 2, 1), np.float32)
    examples = Examples(images, labels, attributes=attributes)
    named = Dataset("named", examples, examples, examples, tuple(names), tuple(names))
    lines = metadata(examples, named).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(names) + 1
    assert len({line.count("\t") for line in lines}) == 1


def test_a_single_column_has_no_name(digits):
    examples = Examples(np.zeros((3, 2, 2, 1), np.float32))
    assert metadata(examples, Dataset("plain", examples, examples, examples)) == "0\n1\n2\n"
