"""Feature vectors on drawn faces: an autoencoder, a VAE and a β-VAE side by side.

    python benchmarks/faces.py            # about half an hour: trains the three, then compares them
    python benchmarks/faces.py --speed    # of the feature vectors of 100,000 faces, by faces_vae

Runs go to runs/NAME and are taken up again if they were stopped; what comes of it to studies/, as
from `python -m vae_keras study edits faces_vae faces_beta_vae faces_deep`.
"""

import time

import click

from runs import finished
from vae_keras import TrainConfig, data
from vae_keras.latent.codes import code_batches
from vae_keras.latent.features import feature_vectors
from vae_keras.studies.edits import NAMES, edits_table, study_edits
from vae_keras.training.run_folder import existing_run

MODELS = {
    "faces_vae": dict(model="vae"),
    "faces_beta_vae": dict(model="vae", beta=4.0),
    "faces_deep": dict(model="deep"),
}
ROUNDS = 3


def speed():
    """Time all feature vectors of 100,000 faces beside the encoder alone, in turn."""
    model = existing_run("faces_vae").load_model()
    dataset = data.load(TrainConfig(dataset="faces:100000"))
    everything = dataset.train.take(slice(None))
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in code_batches(model, everything):
            pass
        between = time.perf_counter()
        feature_vectors(model, everything, dataset.attribute_names, NAMES, tolerance=0)
        encoder, vectors = between - start, time.perf_counter() - between
        print(
            f"{len(everything):,} faces: encoder alone {encoder:.1f} s, with the vectors "
            f"{vectors:.1f} s: {encoder / vectors:.0%} of the time is the encoder's",
            flush=True,
        )


@click.command()
@click.option("--speed", "only_speed", is_flag=True, help="time the feature vectors instead")
def main(only_speed):
    if only_speed:
        return speed()
    for name, options in MODELS.items():
        finished(name, dataset="faces", latent_dim=64, **options)
    print(edits_table(study_edits(MODELS, overwrite=True)))


if __name__ == "__main__":
    main()
