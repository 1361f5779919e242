"""The examples for clusters start `train.py` as they say; stand-ins take the place of a cluster."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from vae_keras.training.cluster import Place, place

FOLDER = Path(__file__).parents[1] / "docs" / "clusters"


def stand_in(path: Path, script: str):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("status", [0, 143, 2])
def test_a_job_of_slurm_is_resumed_after_it_was_stopped(status, tmp_path):
    python, log = tmp_path / ".venv/bin/python", tmp_path / "log"
    stand_in(python, f'echo "$@" >> {log}; exit {status}')
    stand_in(tmp_path / "bin/srun", '[ "$1" = --distribution=block ] && shift; exec "$@"')
    stand_in(tmp_path / "bin/scontrol", f'echo "$@" >> {log}')
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    environment = {"PATH": path, "SLURM_JOB_NAME": "vae", "SLURM_JOB_ID": "7"}

    def submitted() -> list[str]:
        command = ["bash", FOLDER / "slurm.sbatch", "--epochs", "3"]
        log.write_text("")
        ended = subprocess.run(command, cwd=tmp_path, env=environment)
        assert ended.returncode == status
        return log.read_text().splitlines()

    requeued = ["requeue 7"] if status == 143 else []
    first = "train.py --strategy multiworker --name vae-7 --epochs 3"
    assert submitted() == [first, *requeued]
    (tmp_path / "runs/vae-7").mkdir(parents=True)
    (tmp_path / "runs/vae-7/config.json").touch()
    assert submitted() == ["train.py --resume --name vae-7", *requeued]


def test_pods_know_the_cluster_and_their_place(tmp_path, monkeypatch):
    service, job = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
    name, pod = job["metadata"]["name"], job["spec"]["template"]["spec"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["metadata"]["name"] == pod["subdomain"]
    assert service["spec"]["selector"] == {"job-name": name}
    (container,) = pod["containers"]
    script = container["args"][0].replace("cd /work", f"cd {tmp_path}")
    stand_in(tmp_path / "bin/python", 'echo "$@"; echo "$TF_CONFIG"')
    count = job["spec"]["completions"]
    assert count == job["spec"]["parallelism"]
    for index in range(count):
        environment = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "JOB_COMPLETION_INDEX": str(index),
        }
        command = [*container["command"], script]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        options, config = told.stdout.split("\n", 1)
        assert options == "/app/train.py --strategy multiworker --name cluster --dataset digits"
        monkeypatch.setenv("TF_CONFIG", config)
        assert place("multiworker") == Place(index, count, index == 0)
        workers = json.loads(config)["cluster"]["worker"]
        assert workers[index] == f"{name}-{index}.{pod['subdomain']}:12345"


def test_the_image_has_all_that_is_installed():
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    assert {"pyproject.toml", "requirements.txt", "README.md", "LICENSE", "vae_keras"} < set(copied)
    assert all((FOLDER.parents[1] / name).exists() for name in copied)
