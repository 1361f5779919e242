"""Runs that start at the same moment do not share a folder."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vae_keras import TrainConfig, UserError
from vae_keras.training.run_folder import claimed, new_run

TRAIN = Path(__file__).parents[2] / "train.py"


def test_folders_of_many_that_start_at_once_are_their_own(tmp_path):
    config = TrainConfig(output_dir=tmp_path)
    before, found = [new_run(config) for _ in range(8)], []
    assert len({run.path for run in before}) == 1
    threads = [
        threading.Thread(target=lambda run=run: found.append(claimed(run, config, is_named=False)))
        for run in before
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = ["digits_vae", *(f"digits_vae-{number}" for number in range(2, 9))]
    assert sorted(run.name for run in found) == names
    for run in found:
        assert run.read_config().name == run.name


def test_a_name_that_was_given_is_not_changed(tmp_path):
    config = TrainConfig(name="mine", output_dir=tmp_path)
    first, second = new_run(config), new_run(config)
    claimed(first, config, is_named=True)
    with pytest.raises(UserError, match="named 'mine' exists"):
        claimed(second, config, is_named=True)


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    config = TrainConfig(output_dir=tmp_path)
    run = new_run(config)
    (tmp_path / "runs").write_text("mine")
    with pytest.raises(UserError, match="cannot write"):
        claimed(run, config, is_named=False)


@pytest.mark.slow
def test_two_commands_at_once_end_in_two_runs(tmp_path):
    command = [sys.executable, TRAIN, "--epochs", "1", "--units", "8"]
    processes = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) for _ in range(2)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    for folder in ("runs", "saved_models"):
        assert sorted(p.name for p in (tmp_path / folder).iterdir()) == [
            "digits_vae",
            "digits_vae-2",
        ]
