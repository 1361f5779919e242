"""What a run has left in its folder."""

import csv
import time

import keras

from vae_keras.training import carry_out

PATIENCE = 300  # seconds; a loaded machine takes its time


def history(folder):
    with open(folder / "history.csv") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def weights(path):
    return [weight.numpy() for weight in keras.models.load_model(path).weights]


def wait_for(found):
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def training_alone(monkeypatch):
    """Leave out what a run does after its training and evaluation: its pictures and its export."""
    for name in ("draw_results", "export"):
        monkeypatch.setattr(carry_out, name, lambda *_: None)
