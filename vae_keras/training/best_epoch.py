"""The epoch with the lowest validation loss, and its weights."""

import math
from pathlib import Path

import keras
import numpy as np

BEST = "best.npz"  # the weights of the best epoch, in a checkpoint


class BestEpoch(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the lowest validation loss: `epoch`, `loss`, `weights`.

    If the optimizer averages the weights, these are the averages, with which the epoch is
    validated. With `patience` it stops the training after so many epochs without a lower loss.
    """

    def __init__(self, patience: int | None = None):
        super().__init__()
        self.patience = patience
        self.epoch, self.loss, self.weights = 0, math.inf, None

    def on_epoch_end(self, epoch, logs=None):
        if not logs["val_loss"] >= self.loss:  # true after NaN as well
            self.epoch, self.loss = epoch + 1, logs["val_loss"]
            self.weights = self.model.get_weights()
            if self.model.optimizer.use_ema:
                averages = self.model.optimizer._model_variables_moving_average
                places = {id(weight): place for place, weight in enumerate(self.model.weights)}
                for weight, average in zip(self.model.trainable_weights, averages, strict=True):
                    self.weights[places[id(weight)]] = average.numpy()
        if self.is_over(epoch + 1):
            self.model.stop_training = True

    def is_over(self, epoch: int) -> bool:
        """True if the patience has ended after `epoch`."""
        return self.patience is not None and epoch - self.epoch >= self.patience

    def write(self, folder: Path):
        """Write epoch, loss and weights to `folder`; nothing before the first epoch has ended."""
        if self.weights is None:
            return
        named = {f"{place:04d}": weight for place, weight in enumerate(self.weights)}
        np.savez(folder / BEST, epoch=self.epoch, loss=self.loss, **named)

    def read(self, folder: Path):
        """Read what `write` has written; without such a file, nothing is known yet."""
        if (folder / BEST).is_file():
            with np.load(folder / BEST) as file:
                found = {name: file[name] for name in file.files}
            self.epoch, self.loss = int(found.pop("epoch")), float(found.pop("loss"))
            self.weights = [found[name] for name in sorted(found)]
