"""Signals that end a training: it finishes its step and writes a checkpoint first."""

import contextlib
import signal
import threading

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Stopped(KeyboardInterrupt):
    """A signal has stopped a run, whose last checkpoint is on disk."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.signal = number


class Stops(contextlib.AbstractContextManager):
    """Within its block, a signal raises `Stopped`: at once, or later if `wait` is True.

    Then the signal is kept as `signal` for whoever made it wait, and a second one raises `Stopped`
    at once. A signal that the process ignores, as after `nohup`, stays ignored. Outside the main
    thread, where Python cannot handle signals, nothing changes.
    """

    def __init__(self):
        self.signal, self.wait, self._before = None, False, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)

    def _receive(self, number, frame):
        if self.signal is not None or not self.wait:
            raise Stopped(number)
        self.signal = number
