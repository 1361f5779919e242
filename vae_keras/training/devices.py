"""The devices on which a training computes: one, all of a machine, or those of several machines."""

import contextlib
import functools
import itertools
import os
import sys
import threading
from collections.abc import Callable

import tensorflow as tf

from vae_keras.data.dataset import Share
from vae_keras.errors import UserError
from vae_keras.training.cluster import place, set_tf_config
from vae_keras.training.stopping import SIGNALS

LOST = (  # what TensorFlow raises if another worker has ended or does not answer
    tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)  # fmt: skip
WAIT = 10  # minutes that a worker waits for the others to start; they may load data first


class Devices:
    """Where a training computes, by the name of its strategy.

    "none" is one device, which TensorFlow chooses. "mirrored" is all GPUs of this machine, or all
    logical CPUs if there is none. "multiworker" is all of the cluster that the environment names,
    of which every worker is a process like this one. "auto" is "mirrored" where there are several
    GPUs, and "none" elsewhere. Raises UserError if there is no cluster, or if TensorFlow has
    computed already, which it must not have before it joins one.
    """

    def __init__(self, name: str = "none"):
        self.place = place(name)
        self.strategy = _strategy(name)
        self.count = self.strategy.num_replicas_in_sync if self.strategy else 1

    @property
    def is_chief(self) -> bool:
        """True for the one process that writes files and tells what happens."""
        return self.place.is_chief

    def __str__(self):
        names = [
            tf.config.experimental.get_device_details(gpu).get("device_name")
            for gpu in tf.config.list_physical_devices("GPU")
        ]
        own = ", ".join(map(str, names)) or f"CPU ({os.cpu_count()} cores)"
        if self.place.count > 1:
            return f"{self.count} devices of {self.place.count} workers, here {own}"
        return own if self.count == 1 else f"{self.count} devices, {own}"

    def scope(self):
        """The block in which a model is made that trains on these devices."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def batches(self, make: Callable[[Share | None], tf.data.Dataset]):
        """The pipeline that `make` gives, where each device reads its part of every batch."""
        if self.strategy is None:
            return make(None)
        own = self.count // self.place.count  # replicas of this process
        first = self.place.number * own
        share = Share(range(first, first + own), self.count)
        return self.strategy.distribute_datasets_from_function(lambda _: make(share))

    def agreed(self, signal: int | None, is_due=False) -> tuple[int | None, bool]:
        """A signal that any worker has received, and what the chief says of `is_due`.

        All workers must ask for it, after the same steps.
        """
        if self.place.count == 1:
            return signal, is_due
        own = [*(signal == number for number in SIGNALS), is_due and self.is_chief]
        *received, is_due = self._total(tf.cast(own, tf.float32)).numpy() > 0
        return next(itertools.compress(SIGNALS, received), None), is_due

    def check_same(self, what: str, *numbers: int):
        """Raise UserError if the workers have not all the same `numbers` of `what`."""
        if self.place.count == 1:
            return
        own = tf.constant(numbers, tf.int64)
        if tf.reduce_any(self._total(own) != self.place.count * own):
            raise UserError(
                f"the workers have found another {what}: let all of them read the same folder, "
                "and start them again"
            )

    @functools.cached_property
    def _total(self):
        """Adds up the values of all workers."""
        first = self.place.number * self.count // self.place.count

        def own(value):
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            return tf.where(replica == first, value, tf.zeros_like(value))

        @tf.function(autograph=False)
        def total(value):
            values = self.strategy.run(own, (value,))
            return self.strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)

        return total

    @contextlib.contextmanager
    def joined(self):
        """The block in which workers compute together. Raises UserError if one is lost."""
        try:
            yield
        except LOST as error:
            if self.place.count == 1:
                raise
            raise UserError(
                f"another of the {self.place.count} workers has ended, or does not answer: start "
                "all of them again with --resume"
            ) from error


@functools.cache  # a second one would use the numbers of the first one's collective operations
def _strategy(name: str) -> tf.distribute.Strategy | None:
    gpus = tf.config.list_logical_devices("GPU") if name in ("auto", "mirrored") else []
    if name == "mirrored" or len(gpus) > 1:
        return tf.distribute.MirroredStrategy(
            [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
        )
    if name != "multiworker":
        return None
    set_tf_config()
    try:
        with _patience():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UserError(
            "--strategy multiworker must come first: TensorFlow has computed something in this "
            f"process already ({error})"
        ) from error


@contextlib.contextmanager
def _patience():
    """The block in which a worker waits for the others; it ends the process after WAIT minutes."""

    def give_up():
        print(
            f"error: not all workers of the cluster have come within {WAIT} minutes: start all of "
            "them, at the addresses that they are given",
            file=sys.stderr,
            flush=True,
        )
        os._exit(2)  # TensorFlow, which would wait for an hour, cannot be interrupted

    timer = threading.Timer(60 * WAIT, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
