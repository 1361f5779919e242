"""Measures what dynamic binarisation costs: epochs on grey and on binarised images take turns.

    python benchmarks/binarisation.py --data-dir DIR

It prints the median number of images per second for both, and by how much the epochs of each pair
differ. It does so for the default network, and for the smallest one of the README, for which the
draws cost the largest share.
"""

import statistics
import time

import click

from vae_keras import TrainConfig, data
from vae_keras.training.fitting import build, fit

ROUNDS = 5
NETWORKS = {"512-256-128, gelu": {}, "200-200, tanh": dict(units="200-200", activation="tanh")}


@click.command()
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--data-dir")
@click.option("--rounds", default=ROUNDS, show_default=True, help="epochs of each kind")
def main(dataset, data_dir, rounds):
    """Measure grey and dynamically binarised images by turns, in one process."""
    for name, network in NETWORKS.items():
        speeds = {"none": [], "dynamic": []}
        trainings = {}
        for kind in speeds:
            config = TrainConfig(dataset=dataset, data_dir=data_dir, binarize=kind, **network)
            loaded = data.load(config)
            config = config.replace(epochs=1).resolved(loaded)
            trainings[kind] = build(config, loaded), config, loaded
            fit(*trainings[kind], verbose=0)  # traces the graph
        for _ in range(rounds):
            for kind, (model, config, loaded) in trainings.items():
                start = time.perf_counter()
                fit(model, config, loaded, verbose=0)
                speeds[kind].append(len(loaded.train) / (time.perf_counter() - start))
        grey, dynamic = (statistics.median(values) for values in speeds.values())
        slower = sorted(one / other - 1 for one, other in zip(*speeds.values()))
        print(
            f"{name}: grey {grey:,.0f} images/s, dynamic {dynamic:,.0f}; slower by "
            f"{statistics.median(slower):.1%} ({', '.join(f'{pair:.1%}' for pair in slower)})",
            flush=True,
        )


if __name__ == "__main__":
    main()
