"""Compares a VAE of melodies or sentences with a language model: its decoder without a code.

    python benchmarks/sequences.py melodies     # about an hour
    python benchmarks/sequences.py sentences    # about half an hour

Runs go to runs/NAME; a run that was stopped is resumed. The figures go to studies/NAME.json.
"""

import itertools
import json
import time
from dataclasses import replace
from pathlib import Path

import click
import keras
import numpy as np
import tensorflow as tf
from keras import ops
from rapidfuzz.distance import Levenshtein

from runs import finished
from vae_keras.data.music.melody_attributes import NAMES, attributes
from vae_keras.data.music.melody_tokens import FIRST_PITCH, is_valid
from vae_keras.evaluation.code_use import code_figures, mutual_information
from vae_keras.evaluation.likelihood import likelihood_figures
from vae_keras.evaluation.losses import evaluate
from vae_keras.files import write_text
from vae_keras.latent import morphing
from vae_keras.latent.codes import encode
from vae_keras.latent.features import feature_vectors
from vae_keras.models.sequence import SequenceVAE
from vae_keras.training.fitting import trained

MODELS = {
    "melodies": dict(name="melodies_vae", latent_dim=128, beta=0.2, beta_warmup=2),
    "sentences": dict(
        name="sentences_vae", latent_dim=16, word_dropout=0.25, free_bits=0.35, beta_warmup=2
    ),
}
EPOCHS = {"melodies": 48, "sentences": 10}  # of the language model, by its loss on validation data
SAMPLES = 100  # draws for importance weighting
EVALUATED = 1_000  # test examples, at equal distances, for figures that are slow to compute
PAIRS, STEPS = 200, 9  # pairs of test examples, and codes on the way between the two


@keras.saving.register_keras_serializable("benchmarks")
class LanguageModel(SequenceVAE):
    """The decoder of a SequenceVAE alone: its posterior is the prior, and its code always 0."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.encoder.trainable = False

    def posterior(self, batch):
        nothing = ops.zeros((ops.shape(batch.x)[0], self.latent_dim))
        return nothing, nothing

    def parameters(self, z, condition=None):
        return super().parameters(ops.zeros_like(z), condition)


def figures(model, dataset) -> dict:
    """The figures of the VAE on the test set, by name."""
    test = dataset.test
    bound = likelihood_figures(model, evaluated(test), SAMPLES)
    use = code_figures(model, test)
    found = {
        **evaluate(model, dataset),
        **{f"{name}_of_shown": float(values.mean()) for name, values in bound.items()},
        "greedy_seconds": greedy_seconds(model),
        "active_units": use["active_units"],
        "mutual_information": mutual_information(model, test),
        **interpolations(model, test),
    }
    if dataset.name == "melodies":
        found |= {"samples": music(np.asarray(model.generate(EVALUATED, (0, 0))), test)}
        found |= {"attributes": edits(model, dataset)}
    return found


def evaluated(examples):
    """About EVALUATED of the examples of a split, at equal distances."""
    return examples.take(slice(0, None, max(1, len(examples) // EVALUATED)))


def greedy_seconds(model) -> float:
    """Seconds to decode EVALUATED codes of the prior, after the graph is traced."""
    decode, z = tf.function(model.decode), model.prior.sample(EVALUATED, (0, 0))
    decode(z)
    start = time.perf_counter()
    decode(z).numpy()
    return time.perf_counter() - start


def interpolations(model, test) -> dict:
    """Mean edit distances of neighbours and ends on ways between test sequences.

    `valid_on_the_way` is the share of decoded sequences that can be melodies or sentences.
    """
    codes = encode(model, evaluated(test), 2 * PAIRS)
    neighbours, ends, valid = [], [], []
    for pair in codes.reshape(PAIRS, 2, -1):
        way = np.asarray(model.decode(morphing.path(pair, STEPS)))
        written = way.tolist()
        neighbours += [Levenshtein.distance(*two) for two in itertools.pairwise(written)]
        ends.append(Levenshtein.distance(written[0], written[-1]))
        valid.append(is_valid(way).mean() if model.end is None else np.mean(way[:, 0] > model.end))
    return {
        "edit_distance_of_neighbours": float(np.mean(neighbours)),
        "edit_distance_of_ends": float(np.mean(ends)),
        "valid_on_the_way": float(np.mean(valid)),
    }


def music(samples, test) -> dict:
    """Figures of samples [n, steps]: shares of failures, and distances from test melodies.

    The distances are total variations between the distributions of pitch classes, and of onsets
    over the steps.
    """
    notes = (samples >= FIRST_PITCH).sum(axis=1)
    real = test.arrays()[0]
    distances = {
        f"{name}_distance": float(np.abs(histogram(samples) - histogram(real)).sum() / 2)
        for name, histogram in (("pitch_class", _pitch_classes), ("rhythm", _onsets))
    }
    return {
        "valid": float(is_valid(samples).mean()),
        "empty_or_one_note": float((notes < 2).mean()),
    } | distances


def _pitch_classes(windows):
    """The shares of pitch classes, counted from the last note of each window: keys differ."""
    last = windows.shape[1] - 1 - np.argmax(windows[:, ::-1] >= FIRST_PITCH, axis=1)
    relative = windows.astype(int) - windows[np.arange(len(windows)), last][:, None]
    return _shares(relative[windows >= FIRST_PITCH] % 12, 12)


def _onsets(windows):
    return _shares(np.nonzero(windows >= FIRST_PITCH)[1], windows.shape[1])


def _shares(values, count):
    counts = np.bincount(values, minlength=count)
    return counts / counts.sum()


def edits(model, dataset) -> dict:
    """The mean change of every attribute in test melodies to which a feature vector was added.

    It is {attribute of the vector: {attribute: change}}.
    """
    vectors = feature_vectors(model, dataset.train, NAMES, NAMES, "regression")
    codes = encode(model, evaluated(dataset.test))
    before = attributes(np.asarray(model.decode(codes)))
    return {
        name: dict(
            zip(
                NAMES,
                (attributes(np.asarray(model.decode(vector.add(codes)))) - before)
                .mean(axis=0)
                .tolist(),
            )
        )
        for name, vector in vectors.items()
    }


@click.command()
@click.argument("name", type=click.Choice(list(MODELS)))
@click.option("--epochs", type=int, help="passes over the training data")
def main(name, epochs):
    options = dict(dataset=name, model="sequence", epochs=epochs, **MODELS[name])
    run = finished(**options)
    found = {"vae": figures(run.model, run.dataset)}
    _write(name, found)
    config = run.config.replace(epochs=epochs or EPOCHS[name], beta_warmup=0)
    language_model = trained(config, run.dataset, LanguageModel)
    same = replace(run.dataset, test=evaluated(run.dataset.test))
    found["language_model"] = evaluate(language_model, run.dataset)
    found["language_model_of_shown"] = evaluate(language_model, same)
    _write(name, found)
    print(json.dumps(found, indent=2))


def _write(name, found):
    Path("studies").mkdir(exist_ok=True)
    write_text(Path("studies") / f"{name}.json", json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
