"""What a run has left in its folder."""

import csv

import keras


def history(folder):
    with open(folder / "history.csv") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def weights(path):
    return [weight.numpy() for weight in keras.models.load_model(path).weights]
