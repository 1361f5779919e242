"""What a user may name as a data set, and what is said of other things."""

import numpy as np
import pytest

from vae_keras import TrainConfig, UserError, load
from vae_keras.data import other_files

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 3, 4), np.uint8)


def message_of(name):
    with pytest.raises(UserError) as caught:
        load(TrainConfig(dataset=str(name)))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("ending", [*other_files.ADVICE, ".PNG", ".Zip"])
def test_other_files_are_told_what_they_are_and_what_to_do(tmp_path, ending):
    path = tmp_path / f"own{ending}"
    assert message_of(path) == f"file {str(path)!r} does not exist"
    path.write_bytes(b"anything")
    assert message_of(path).startswith(f"{path}: is a")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.tar.gz", "unpack it"),
        ("a.zip", "folder:DIR"),
        ("a.mat", "scipy.io.loadmat"),
        ("a.pkl", "can run code"),
        ("a.txt", "text:"),
        ("a.mid", "midi:DIR"),
        ("a.jpg", "folder:DIR"),
        ("a.xlsx", "FILE.csv"),
    ],
)
def test_advice_is_that_of_the_ending(tmp_path, name, told):
    (tmp_path / name).write_bytes(b"anything")
    assert told in message_of(tmp_path / name)


def test_a_path_that_does_not_exist_is_no_unknown_name(tmp_path):
    assert message_of(tmp_path / "photos") == f"file {str(tmp_path / 'photos')!r} does not exist"
    assert "did you mean 'digits'" in message_of("digit")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    return tmp_path


def test_home_is_meant_by_a_tilde_wherever_a_path_is_given(home, monkeypatch):
    config = TrainConfig(
        dataset="folder:~/photos", data_dir="~", binarize="static:~/a.npz", output_dir="~/out"
    )
    assert config.dataset == f"folder:{home}/photos"
    assert (config.data_dir, config.output_dir) == (str(home), f"{home}/out")
    assert config.binarize == f"static:{home}/a.npz"
    for name in ("digits", "faces:100", "a~b.npz", "text:a~"):
        assert TrainConfig(dataset=name).dataset == name
    np.savez(home / "mnist.npz", x_train=IMAGES)
    assert len(load(TrainConfig(dataset="~/mnist.npz")).test) == 4
    monkeypatch.setenv("VAE_KERAS_DATA_DIR", "~")
    assert load(TrainConfig(dataset="mnist")).train.values.shape[0] == 40


def test_home_is_meant_in_a_folder_of_text_and_of_tunes(home):
    assert str(home / "no") in message_of("midi:~/no")
    assert str(home / "no.txt") in message_of("text:~/no.txt")
