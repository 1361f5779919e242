"""What a run has left in its folder."""

import csv
import time

import keras

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
