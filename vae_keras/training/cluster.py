"""The workers of a cluster, as the environment names them; without TensorFlow."""

import json
import os
from typing import Any, NamedTuple

from vae_keras.errors import UserError

SLURM = (  # what srun gives to every task of a step
    "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE",
    "SLURM_JOB_ID",
)  # fmt: skip
FIRST_PORT, PORTS = 20_000, 10_000  # jobs on one node seldom have the same of so many


class Place(NamedTuple):
    """The place of this process among the workers; the chief is the one that writes files."""

    number: int
    count: int
    is_chief: bool


ALONE = Place(0, 1, True)


def place(strategy: str) -> Place:
    """Where this process stands in a training with `--strategy` `strategy`.

    A cluster is named by TF_CONFIG, or else by the variables SLURM. Raises
    UserError if neither is there for "multiworker", or if it does not say who this process is.
    """
    if strategy != "multiworker":
        return ALONE
    if "TF_CONFIG" in os.environ:
        return _of_tf_config(os.environ["TF_CONFIG"])
    if all(name in os.environ for name in SLURM):
        number, count = (int(os.environ[name]) for name in SLURM[:2])
        return Place(number, count, number == 0)
    raise UserError(
        "--strategy multiworker needs a cluster: set TF_CONFIG for every worker, or start the "
        "workers by Slurm's srun"
    )


def _of_tf_config(text: str) -> Place:
    try:
        config: Any = json.loads(text)
        kind, index = config["task"]["type"], int(config["task"]["index"])
        cluster = [(name, config["cluster"].get(name, ())) for name in ("chief", "worker")]
        tasks = [(name, n) for name, hosts in cluster for n in range(len(hosts))]
        number = tasks.index((kind, index))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"TF_CONFIG is not that of a worker ({type(error).__name__}: {error}): it must be like "
            '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from error
    return Place(number, len(tasks), number == 0)


def set_tf_config():
    """Set TF_CONFIG from the variables of Slurm, unless it is set.

    Tasks are taken to be dealt out block by block, as srun does unless it is told otherwise.
    TensorFlow's SlurmClusterResolver is not used: it fails on nodes without GPUs, and it sorts
    hosts by their names, so that node10 comes before node2.
    """
    if "TF_CONFIG" in os.environ:
        return
    from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver as slurm

    number, _, nodes, tasks, job = (os.environ[name] for name in SLURM)
    hosts = zip(slurm.expand_hostlist(nodes), slurm.expand_tasks_per_node(tasks), strict=True)
    port = FIRST_PORT + int(job) % PORTS
    workers = [f"{host}:{port + task}" for host, count in hosts for task in range(count)]
    task = {"type": "worker", "index": int(number)}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
