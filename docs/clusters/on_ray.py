"""Trains on a Ray cluster: python docs/clusters/on_ray.py 2 --dataset digits --epochs 5

The first argument is the number of workers. The others are those of `train.py`. Ray sets TF_CONFIG
for every worker. All of them must see the folder of the project.
"""

import os
import sys

from ray.train import ScalingConfig
from ray.train.tensorflow import TensorflowTrainer


def work(task: dict):
    """Train as one of the workers."""
    os.chdir(task["folder"])
    from vae_keras.cli import main

    try:
        main(["train", "--strategy", "multiworker", *task["options"]])
    except SystemExit as end:  # Ray takes the end of a worker for a failure
        if end.code:
            raise RuntimeError(f"train.py ended with {end.code}") from end


if __name__ == "__main__":
    workers, *options = sys.argv[1:]
    trainer = TensorflowTrainer(
        work,
        train_loop_config={"folder": os.getcwd(), "options": options},
        scaling_config=ScalingConfig(num_workers=int(workers), use_gpu=False),
    )
    trainer.fit()
