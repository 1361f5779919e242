"""A checkpoint that is not as it was written is found, and the one before it is used."""

import json
import shutil

import numpy as np
import pytest

from tests.runs import training_alone
from vae_keras import TrainConfig, UserError, train
from vae_keras.training import callbacks
from vae_keras.training.best_epoch import BestEpoch
from vae_keras.training.checkpoints import Position, checkpoints, restore
from vae_keras.training.fitting import build


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run of four epochs, with a checkpoint after each."""
    config = TrainConfig(epochs=4, network="linear", output_dir=tmp_path_factory.mktemp("small"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks, "SHARE", 1e9)
        training_alone(patch)
        return train(config, verbose=0)


@pytest.fixture(scope="module")
def model(small):
    return build(small.config, small.dataset)


@pytest.fixture
def folder(small, tmp_path):
    """A copy of its checkpoints, which may be damaged."""
    return shutil.copytree(small.folder.checkpoints, tmp_path / "checkpoints")


def found(model, folder, config):
    """The lines of the checkpoints that are left out, and the state of the one that is used."""
    lines = []
    state = restore(model, folder, config, BestEpoch(), lines.append)
    return lines, state


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def append(file):
    file.write_bytes(file.read_bytes() + b"\0")


FILES = ("model.keras", "best.npz", "state.json", "checksums.json")
DAMAGES = {
    "gone": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "cut": cut,
    "flipped": flip,
    "longer": append,
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "nested": lambda file: file.write_text("[" * 100_000),
    "of another kind": lambda file: file.write_text("{}"),
    "of another epoch": lambda file: shutil.copy(file.parents[1] / "epoch_0003" / file.name, file),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_found(folder, small, model, damage, name):
    damage(folder / "epoch_0004" / name)
    (line,), state = found(model, folder, small.config)
    assert "epoch_0004 is damaged" in line and "\n" not in line
    assert state["epoch"] == 3


def test_whole_checkpoints_are_used_and_give_what_was_saved(folder, small, model):
    best, lines = BestEpoch(), []
    state = restore(model, folder, small.config, best, lines.append)
    assert lines == []
    assert (state["epoch"], state["step"]) == (4, 0)
    assert [row["epoch"] for row in state["history"]] == [1, 2, 3, 4]
    assert best.epoch == small.metrics["best_epoch"]
    for weight, kept in zip(best.weights, small.model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_folders_that_are_not_what_their_name_says_are_left_out(folder, small, model):
    shutil.copytree(folder / "epoch_0003", folder / "epoch_0009")
    (folder / "epoch_0007_step_000003").mkdir()
    (folder / "epoch_0005").write_text("")
    (folder / "epoch_mine").mkdir()
    (folder / "epoch_0004" / "notes.txt").write_text("mine")
    lines, state = found(model, folder, small.config)
    assert [line.split(" is damaged")[0].rpartition("/")[2] for line in lines] == [
        "epoch_0009",
        "epoch_0007_step_000003",
        "epoch_0005",
        "epoch_0004",
    ]
    assert "it is of epoch 3" in lines[0] and "notes.txt" in lines[-1]
    assert state["epoch"] == 3


def test_checkpoints_of_another_configuration_are_left_out(folder, small, model):
    with pytest.raises(UserError, match=r"no checkpoint in .* is whole: start the run anew"):
        found(model, folder, small.config.replace(beta=2.0))
    found(model, folder, small.config.replace(epochs=9, learning_rate=0.5, name="other"))


def test_checkpoints_of_an_earlier_version_are_used_unless_they_cannot_be_read(
    folder, small, model
):
    for checkpoint in folder.iterdir():
        (checkpoint / "checksums.json").unlink()
        state = json.loads((checkpoint / "state.json").read_text())
        old = {key: state[key] for key in ("epoch", "train_seconds", "history")}
        (checkpoint / "state.json").write_text(json.dumps(old))
    assert found(model, folder, small.config)[1]["epoch"] == 4
    other = TrainConfig(network="linear", latent_dim=3).resolved(small.dataset)
    build(other, small.dataset).save(folder / "epoch_0004" / "model.keras")
    (line,), state = found(model, folder, small.config)
    assert "epoch_0004 is damaged" in line
    assert state["epoch"] == 3


def test_without_checkpoints_there_is_nothing_to_restore(tmp_path, small, model):
    assert found(model, tmp_path, small.config) == ([], None)


def test_checkpoints_are_in_the_order_of_their_numbers(tmp_path):
    positions = [
        Position(2), Position(2, 5), Position(2, 1_000_000), Position(9_999), Position(10_000),
        Position(123_456, 7),
    ]  # fmt: skip
    for position in reversed(positions):
        (tmp_path / position.name).mkdir()
    assert [Position.of(path) for path in checkpoints(tmp_path)] == positions


@pytest.mark.slow
def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(
    small, tmp_path, capsys, monkeypatch
):
    training_alone(monkeypatch)
    shutil.copytree(small.folder.path, tmp_path / "runs/digits_vae")
    cut(tmp_path / "runs/digits_vae/checkpoints/epoch_0004/model.keras")
    config = small.config.replace(output_dir=tmp_path, name="digits_vae", resume=True)
    again = train(config, verbose=2)
    assert "epoch_0004 is damaged" in capsys.readouterr().out
    assert again.history == small.history
    for one, other in zip(again.model.get_weights(), small.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_finished_run_goes_on_with_more_epochs_and_another_learning_rate(
    small, tmp_path, monkeypatch
):
    training_alone(monkeypatch)
    shutil.copytree(small.folder.path, tmp_path / "runs/digits_vae")
    config = small.config.replace(output_dir=tmp_path, name="digits_vae", resume=True)
    again = train(config.replace(epochs=5, learning_rate=1e-7), verbose=0)
    assert again.metrics["epochs"] == len(again.history["loss"]) == 5
    rates = again.history["learning_rate"]  # they tell of it
    assert rates[:4] == small.history["learning_rate"]
    assert 0 <= rates[4] < 1e-7
