"""Compares feature vectors of an autoencoder, a VAE and a β-VAE on drawn faces.

    python benchmarks/faces.py            # trains the three, then compares them: half an hour
    python benchmarks/faces.py --speed    # times the feature vectors of 100,000 faces by faces_vae

Runs go to runs/NAME; a run that was stopped is resumed. The results go to studies/, as those of
`python -m vae_keras study edits faces_vae faces_beta_vae faces_deep`.
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
    "faces_vae": dict(model="vae", sigma="learned", keep="last"),
    "faces_beta_vae": dict(model="vae", beta=4.0, sigma="learned", keep="last"),
    "faces_deep": dict(model="deep", keep="last"),
}
ROUNDS = 3


def speed():
    """Time all feature vectors of 100,000 faces and the encoder alone, by turns."""
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
