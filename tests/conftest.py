"""What all tests share: how they are dealt out to processes, and the runs that they look at.

TensorFlow is imported by who uses it alone: the process that deals out does not.
"""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

import vae_keras
from tests import IS_WORKER
from tests.commands import TRAIN
from tests.folders import working_in
from tests.images import save
from tests.processes import look_for_cycles_seldom
from tests.sequences import SMALL, melody, of_melodies, talk_text
from vae_keras import TrainConfig
from vae_keras.data.music.midi import write_midi

settings.register_profile("tests", deadline=None)  # how long an example takes is the machine's
settings.load_profile("tests")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deal out long rows of tests, for each process makes fixtures; who is done takes of others."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


def pytest_collection_finish():
    look_for_cycles_seldom()


RUNS = {"digits_run", "conditional_run", "talk", "tunes", "run", "small"}  # fixtures that train


@pytest.hookimpl(tryfirst=True)  # before the tests are chosen by their markers
def pytest_collection_modifyitems(items):
    """Call slow what looks at a run, and deal out what takes long.

    The chapters come first in the shares of two processes: nothing else takes as long. What looks
    at the runs of sequences stands together: one process makes them.
    """
    for item in items:
        if RUNS & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    if IS_WORKER:
        items.sort(key=lambda item: not {"talk", "tunes"} & set(item.fixturenames))
        chapters = [item for item in items if "test_chapter_runs" in item.name]
        others = [item for item in items if "test_chapter_runs" not in item.name]
        half = len(others) // 2
        items[:] = chapters[::2] + others[:half] + chapters[1::2] + others[half:]


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    """A short run of the default model, used by every test that only looks."""
    root = tmp_path_factory.mktemp("digits")
    config = TrainConfig(epochs=5, output_dir=root)
    return vae_keras.train(config, verbose=0)


@pytest.fixture(scope="session")
def conditional_run(tmp_path_factory):
    """A conditional model with a Gaussian likelihood."""
    config = TrainConfig(
        model="conditional",
        likelihood="gaussian",
        sigma="optimal",
        units="32",
        latent_dim=3,
        epochs=2,
        output_dir=tmp_path_factory.mktemp("conditional"),
    )
    return vae_keras.train(config, verbose=0)


@pytest.fixture(scope="session")
def colour(tmp_path_factory, digits_run):
    """An untrained autoencoder of colour images of 6×9 pixels: neither square nor variational."""
    from vae_keras.export.saved_model import export
    from vae_keras.models import MODELS

    path = tmp_path_factory.mktemp("models") / "colour"
    export(MODELS["deep"]((6, 9, 3), 4), path, digits_run.config, digits_run.metrics)
    return vae_keras.load_exported(path)


@pytest.fixture(scope="session")
def photos(tmp_path_factory, digits_run):
    """A folder of 120 digits with attributes: some are had by enough of them, others are not."""
    root = tmp_path_factory.mktemp("data") / "photos"
    root.mkdir()
    images, labels = digits_run.dataset.test.take(slice(120)).arrays()
    columns = {
        "large": labels >= 5,
        "even": labels % 2 == 0,
        "rare": np.arange(120) < 6,
        "constant": np.ones(120),
        "ink": images.sum(axis=(1, 2, 3)),
    }
    lines = [",".join(["file", *columns])]
    for number, (image, row) in enumerate(zip(images, zip(*columns.values()))):
        save(root / f"{number:03}.png", image)
        lines.append(",".join([f"{number:03}.png", *(f"{value:g}" for value in row)]))
    (root / "attributes.csv").write_text("\n".join(lines))
    return root


@pytest.fixture
def three(tmp_path, digits_run):
    """Files of three digits: as it is, wider than it is high, and in colour; and the digits."""
    images = digits_run.dataset.test.take(slice(3)).arrays()[0]
    save(tmp_path / "0.png", images[0])
    save(tmp_path / "1.png", np.pad(images[1], ((0, 0), (8, 8), (0, 0)), constant_values=1))
    save(tmp_path / "2.png", images[2])
    Image.open(tmp_path / "2.png").convert("RGB").save(tmp_path / "2.png")
    return [tmp_path / f"{number}.png" for number in range(3)], images


@pytest.fixture(scope="session")
def mixed_photos(tmp_path_factory, digits_run):
    """A folder of images of several sizes, formats and colours, in sub-folders too."""
    root = tmp_path_factory.mktemp("photos")
    (root / "deep" / "er").mkdir(parents=True)
    digits = (digits_run.dataset.test.take(slice(9)).arrays()[0][..., 0] * 255).astype(np.uint8)
    images = [Image.fromarray(digit) for digit in digits]
    images[0].save(root / "plain.png")
    images[1].resize((50, 31)).convert("RGB").save(root / "colour.jpg")
    images[2].convert("RGBA").save(root / "deep" / "clear.webp")
    images[3].convert("P").save(root / "deep" / "er" / "palette.gif")
    for position in range(4, 9):
        images[position].save(root / "deep" / f"Größe {position}.png")
    return root


@pytest.fixture(scope="session")
def talk(tmp_path_factory):
    """The folder of a run on a text, and what the command printed."""
    folder = tmp_path_factory.mktemp("talk")
    (folder / "talk.txt").write_text(talk_text(), encoding="utf-8")
    with working_in(folder):
        arguments = [sys.executable, TRAIN, "--dataset", "text:talk.txt", "--epochs", "1", *SMALL]
        return folder, subprocess.run(arguments, capture_output=True, text=True)


@pytest.fixture(scope="session")
def talker(talk):
    """Its export."""
    return vae_keras.load_exported(talk[0] / "saved_models/talk_sequence")


@pytest.fixture(scope="session")
def tunes(tmp_path_factory):
    """The folder of a run on MIDI files with all that is drawn in training, and the run."""
    folder = tmp_path_factory.mktemp("tunes")
    (folder / "midi").mkdir()
    for number in range(12):
        windows = np.stack([melody(10 * number + n) for n in range(2)])
        write_midi(windows, folder / f"midi/{number}.mid")
    with working_in(folder):
        return folder, vae_keras.train(of_melodies(), verbose=0)
