"""Runs of sentences and of melodies."""

import filecmp
import json
import shutil
from pathlib import Path

import keras
import mido
import numpy as np
import pytest

from tests.commands import printed
from tests.folders import listing, working_in
from tests.runs import training_alone
from tests.sequences import of_melodies
from vae_keras import Dataset, Examples, train
from vae_keras.data.kinds import kind_of
from vae_keras.data.music.midi import read_midi
from vae_keras.training.results import write_sequences


@pytest.fixture(scope="module")
def model(talk):
    """What was exported."""
    return keras.models.load_model(talk[0] / "runs/talk_sequence/model.keras")


@pytest.mark.slow
def test_run_ends_without_a_word_on_standard_error(talk):
    _, run = talk
    assert (run.returncode, run.stderr) == (0, "")
    assert "SequenceVAE on text:talk.txt (tokens, " in run.stdout
    assert "network lstm, 4-D code" in run.stdout and "categorical" in run.stdout


@pytest.mark.slow
def test_run_of_sentences_leaves_texts_and_figures(talk, talker):
    run = talk[0] / "runs/talk_sequence"
    assert set(listing(run / "plots")) == {
        *("samples.txt", "reconstructions.txt", "morph.txt"),
        *("loss_curves.png", "latent_0001.png", "latent.gif"),
    }
    lines = {
        name: (run / f"plots/{name}.txt").read_text(encoding="utf-8").splitlines()
        for name in ("samples", "reconstructions", "morph")
    }
    assert [len(found) for found in lines.values()] == [16, 16, 8]
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["data_kind"] == "tokens" and metrics["unit"] == "nats"
    per_token = metrics["test_nats_per_token"]
    assert 0 < per_token < np.log(len(talker.vocabulary))
    assert metrics["test_perplexity"] == pytest.approx(np.exp(per_token))
    for name in ("test_forced_accuracy", "test_sampled_accuracy"):
        assert 0 <= metrics[name] <= 1
    text = (talk[0] / "talk.txt").read_text(encoding="utf-8").splitlines()
    assert set(lines["reconstructions"][::2]) <= set(text)


@pytest.mark.slow
def test_evaluation_is_of_the_same_model(talk, tmp_path, capsys):
    options = "--samples 50 --naive-samples 50 --naive-images 5 --output".split()
    with working_in(talk[0]):
        out = printed(capsys, "evaluate", "saved_models/talk_sequence", *options, tmp_path)
    found = json.loads((tmp_path / "evaluation.json").read_text())
    metrics = json.loads((talk[0] / "runs/talk_sequence/metrics.json").read_text())
    assert found["kl_loss"] == pytest.approx(metrics["test_kl_loss"], rel=1e-3)
    elbo = metrics["test_reconstruction_loss"] + metrics["test_kl_loss"]  # without the free bits
    assert found["negative_elbo"] == pytest.approx(elbo, rel=0.01)
    assert found["nll"] < found["negative_elbo"]
    assert found["likelihood"] == "categorical"
    assert "50 importance-weighted samples" in out


@pytest.mark.slow
def test_a_single_test_sequence_is_enough(model, tmp_path):
    examples = Examples(model.generate(3, (0, 0)).numpy())
    splits = (examples.take([n]) for n in range(3))
    dataset = Dataset("three", *splits, kind=kind_of(model.vocabulary))
    write_sequences(model, dataset, examples.values, tmp_path)
    assert set(listing(tmp_path)) == {"samples.txt", "reconstructions.txt"}
    reconstructions = (tmp_path / "reconstructions.txt").read_text().splitlines()
    assert reconstructions[0] == kind_of(model.vocabulary).texts(examples.values[2:])[0]


@pytest.mark.slow
def test_run_of_melodies_leaves_music_and_pictures(tunes):
    folder, run = tunes
    plots = folder / "runs/midi_sequence/plots"
    names = [
        f"{name}{end}"
        for name in ("samples", "reconstructions", "morph")
        for end in (".mid", ".wav", ".png")
    ]
    assert set(listing(plots)) == {
        *names,
        *("loss_curves.png", "latent_0001.png", "latent_0002.png", "latent.gif"),
    }
    counts = {"samples": 16, "reconstructions": min(16, 2 * len(run.dataset.test)), "morph": 8}
    for name, count in counts.items():
        (track,) = mido.MidiFile(plots / f"{name}.mid").tracks
        assert sum(event.time for event in track) == count * 32 * 120  # ticks of a sixteenth
    shown = read_midi(plots / "reconstructions.mid")[::2]
    np.testing.assert_array_equal(shown, run.dataset.test.read(slice(8)))


@pytest.mark.slow
def test_stopped_run_goes_on_as_if_it_had_not_been(tunes, monkeypatch):
    training_alone(monkeypatch)
    folder, whole = tunes
    with working_in(folder):
        stopped = shutil.copytree(whole.folder.path, "runs/stopped")
        shutil.rmtree(f"{stopped}/checkpoints/epoch_0002")
        for name in ("metrics.json", "model.keras", "history.csv"):
            Path(stopped, name).unlink()
        run = train(of_melodies(name="stopped", resume=True), verbose=0)
        assert filecmp.cmp(run.folder.history, whole.folder.history, shallow=False)
    for one, other in zip(run.model.weights, whole.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("test_loss", "test_sampled_accuracy"):
        assert run.metrics[name] == whole.metrics[name]
