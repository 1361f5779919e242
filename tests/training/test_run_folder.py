"""Runs that start at the same moment do not share a folder."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.processes import Started
from vae_keras import TrainConfig, UserError
from vae_keras.training.run_folder import claimed, new_run, read_config

TRAIN = Path(__file__).parents[2] / "train.py"


def test_folders_of_many_that_start_at_once_are_their_own(tmp_path):
    config = TrainConfig(output_dir=tmp_path)
    before, found, together = (
        [new_run(config) for _ in range(8)],
        [],
        threading.Barrier(8, timeout=60),
    )
    assert len({run.path for run in before}) == 1

    def claim(run):
        with claimed(run, config, is_named=False) as own:
            found.append(own)
            together.wait()  # all hold theirs at the same time

    threads = [threading.Thread(target=claim, args=[run]) for run in before]
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
    with claimed(first, config, is_named=True):
        pass
    with pytest.raises(UserError, match="named 'mine' exists"), claimed(second, config, True):
        pass


def test_a_configuration_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"config.json is damaged"):
        read_config(tmp_path / "config.json")


def test_a_name_leaves_room_for_what_is_added_to_it():
    assert TrainConfig(name="n" * 200).name == "n" * 200
    with pytest.raises(UserError, match="at most 200 bytes"):
        TrainConfig(name="ä" * 101)


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    config = TrainConfig(output_dir=tmp_path)
    run = new_run(config)
    (tmp_path / "runs").write_text("mine")
    with pytest.raises(UserError, match="cannot write"), claimed(run, config, is_named=False):
        pass


@pytest.mark.parametrize("options", [{"resume": True}, {"overwrite": True}])
def test_a_run_that_another_process_holds_is_left_alone(tmp_path, options):
    config = TrainConfig(name="mine", output_dir=tmp_path)
    with claimed(new_run(config), config, is_named=True) as run:
        before = sorted(tmp_path.rglob("*"))
        expected = rf"'{run.path}' is being written by process {os.getpid()} on "
        again = claimed(run, config.replace(**options), is_named=True)
        with pytest.raises(UserError, match=expected), again:
            pass
        assert sorted(tmp_path.rglob("*")) == before
    with claimed(run, config.replace(**options), is_named=True):
        pass  # nobody has it now


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    program = f"""
import time
from vae_keras import TrainConfig
from vae_keras.training.run_folder import claimed, new_run

config = TrainConfig(name="mine", output_dir={str(tmp_path)!r})
with claimed(new_run(config), config, True):
    print("held", flush=True)
    time.sleep(1000)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    config = TrainConfig(name="mine", output_dir=tmp_path, overwrite=True)
    held = claimed(new_run(config), config, True)
    with pytest.raises(UserError, match=f"process {process.pid} on"), held:
        pass
    process.kill()
    process.communicate()
    with claimed(new_run(config), config, True) as run:
        assert run.read_config().name == "mine"


def finished(tmp_path, name="mine"):
    """Folders that look like those of a run, and its configuration, which may replace it."""
    config = TrainConfig(name=name, output_dir=tmp_path)
    with claimed(new_run(config), config, is_named=True) as run:
        (run.plots / "latent_0001.png").write_text("")
        run.exported.mkdir()
        (run.exported / "saved_model.pb").write_text("")
    return run, config.replace(overwrite=True)


def overwrite(run, config):
    with claimed(run, config, is_named=True):
        pass


def test_overwrite_replaces_what_runs_have_written(tmp_path):
    run, config = finished(tmp_path)
    (run.path / "history.csv").write_text("")
    (run.path / ".metrics.partial-abcd_123.json").write_text("")
    overwrite(run, config)
    assert sorted(file.name for file in run.path.iterdir()) == [
        "checkpoints",
        "config.json",
        "plots",
    ]
    assert list(run.plots.iterdir()) == []


@pytest.mark.parametrize("place", ["runs/mine/notes.txt", "saved_models/mine/data/a.csv"])
def test_overwrite_keeps_what_no_run_has_written(tmp_path, place):
    run, config = finished(tmp_path)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=r"holds '(notes.txt|data)', which it has not: move"):
        overwrite(run, config)
    assert sorted(set(tmp_path.rglob("*")) - set(before)) == []
    assert (tmp_path / place).read_text() == "mine"


@pytest.mark.parametrize("folder", ["runs/other", "saved_models/other"])
def test_overwrite_refuses_folders_that_are_no_run(tmp_path, folder):
    _, config = finished(tmp_path)
    config = config.replace(name="other")
    (tmp_path / folder / "plots").mkdir(parents=True)
    with pytest.raises(UserError, match="holds 'plots', which it has not"):
        overwrite(new_run(config), config)
    assert (tmp_path / folder / "plots").is_dir()


@pytest.mark.parametrize("folder", ["runs", "saved_models"])
def test_overwrite_refuses_links(tmp_path, folder):
    run, config = finished(tmp_path)
    link = tmp_path / folder / "link"
    link.symlink_to(tmp_path / folder / "mine")
    config = config.replace(name="link")
    with pytest.raises(UserError, match=r"replaces folders, and .* is none"):
        overwrite(new_run(config), config)
    assert link.is_symlink() and run.config.is_file()


def test_what_was_left_half_written_is_swept_and_nothing_else(tmp_path):
    run, config = finished(tmp_path)
    partial = [
        "runs/mine/plots/.latent_0002.png.partial-abcd_123.png",
        "runs/mine/checkpoints/.epoch_0002.partial-12345678",
        "saved_models/.mine.partial-abcd1234",
    ]
    kept = [
        "runs/mine/.hidden",
        "runs/mine/plots/.partial-mine",
        "saved_models/.mine-2.partial-abcd1234",
        "saved_models/.mine.partial-not_one_of_ours",
    ]
    for place in (*partial, *kept):
        (tmp_path / place).mkdir() if "." not in place[-5:] else (tmp_path / place).write_text("")
    config = config.replace(overwrite=False, resume=True)
    with claimed(run, config, is_named=True):
        run.create(config)
    assert [place for place in partial if (tmp_path / place).exists()] == []
    assert [place for place in kept if not (tmp_path / place).exists()] == []


@pytest.mark.slow
def test_two_commands_at_once_end_in_two_runs(tmp_path):
    command = [TRAIN, "--epochs", "1", "--model", "linear"]
    processes = [Started(*command, cwd=tmp_path) for _ in range(2)]
    for process in processes:
        _, error = process.communicate()
        assert process.returncode == 0, error
    for folder in ("runs", "saved_models"):
        found = [p.name for p in (tmp_path / folder).iterdir() if not p.name.startswith(".")]
        assert sorted(found) == [
            "digits_linear",
            "digits_linear-2",
        ]


FULL = f"""
import os, resource, runpy
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is printed counts as a file, too
resource.setrlimit(resource.RLIMIT_FSIZE, ({{0}}, {{0}}))
runpy.run_path({str(TRAIN)!r}, run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("size", [300, 1_400])  # of config.json, of a function that is compiled
def test_a_disk_that_is_full_is_told_in_one_line(size, tmp_path):
    process = Started("--epochs", "1", "--model", "linear", code=FULL.format(size), cwd=tmp_path)
    error = process.communicate()[1]
    assert process.returncode == 2
    assert error.startswith("error: ") and error.count("\n") == 1
    assert "File too large" in error
    again = TrainConfig(name="digits_linear", output_dir=tmp_path, overwrite=True)
    with claimed(new_run(again), again, True) as run:  # nothing is left that stands in the way
        assert run.read_config().name == "digits_linear"
