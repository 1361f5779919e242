"""Does to runs what machines and people do, and prints what was survived and what was lost.

    python -m tests.faults [--kills N] [--tries N] [--seed S]

Every run is a real process. Whatever has happened to it, it is resumed until it ends, and must then
have the history, the weights and the samples of a run to which nothing happened, bit for bit. It
takes about half an hour on two idle cores; Ctrl-C ends it with a table of what was tried.
"""

import contextlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np

from tests.commands import TRAIN
from tests.processes import Started
from tests.runs import weights
from tests.training.test_checkpoints import DAMAGES, FILES
from vae_keras import load_exported
from vae_keras.progress import progress

OPTIONS = ["--epochs", "6", "--units", "16", "--batch-size", "16", "--binarize", "dynamic"]
OPTIONS += ["--ema", "0.9", "--checkpoint-minutes", "0.001"]
ERROR = re.compile(r"error: [^\n]+\n")


class Faults:
    """The faults, each a method that tries it once and says whether the run was survived."""

    def __init__(self, root: Path, seed: int):
        self.root, self.random, self.count = root, random.Random(seed), 0
        start = time.perf_counter()
        whole = self.started(*OPTIONS, name="whole")
        whole.communicate()
        assert whole.returncode == 0
        self.seconds = time.perf_counter() - start
        self.expected = self.result("whole")

    def started(self, *options, name: str, limit=None):
        """A process that trains; it can write files of at most `limit` bytes."""
        command = [TRAIN, *options, "--name", name]
        if limit is None:
            return Started(*command, cwd=self.root)
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )

    def new(self) -> str:
        """The name of a new run."""
        self.count += 1
        return f"run{self.count}"

    def result(self, name: str):
        """What a run has come to: its history, weights and samples."""
        run, exported = self.root / "runs" / name, self.root / "saved_models" / name
        samples = np.asarray(load_exported(exported).generate(4, 0))
        return (run / "history.csv").read_text(), [*weights(run / "model.keras"), samples]

    def is_survived(self, name: str) -> bool:
        """Resume a run until it ends, and compare it with that to which nothing happened."""
        begun = (self.root / "runs" / name / "config.json").is_file()
        options = ["--resume"] if begun else [*OPTIONS, "--overwrite"]
        process = self.started(*options, name=name)
        error = process.communicate()[1]
        if process.returncode:
            print(f"{name}: {error}", file=sys.stderr)
            return False
        (history, arrays), (expected, others) = self.result(name), self.expected
        shutil.rmtree(self.root / "saved_models" / name)
        same = [np.array_equal(one, other) for one, other in zip(arrays, others, strict=True)]
        return history == expected and all(same)

    def signalled(self, number, times=1) -> bool:
        """A signal at a random moment; `times` in one run, which is resumed in between."""
        name, options = self.new(), OPTIONS
        for _ in range(times):
            process = self.started(*options, name=name)
            time.sleep(self.random.uniform(0, 1.1 * self.seconds))
            process.send_signal(number)
            process.communicate()
            if process.returncode not in (0, -number, 128 + number):
                return False
            if (self.root / "runs" / name / "config.json").is_file():
                options = ["--resume"]
        return self.is_survived(name)

    def damaged(self, damage, file) -> bool:
        """Damage to a file of the last checkpoint of a run that was killed."""
        name = self.new()
        process = self.started(*OPTIONS, name=name)
        folder = self.root / "runs" / name / "checkpoints"
        while process.poll() is None and len(list(folder.glob("epoch_000[1-9]*"))) < 2:
            time.sleep(0.02)
        process.kill()
        process.communicate()
        last = max(folder.glob("epoch_*"), key=lambda path: path.stat().st_mtime)
        other = min(folder.glob("epoch_*"), key=lambda path: path.stat().st_mtime)
        if not (last.parent / "epoch_0003").exists():
            shutil.copytree(other, last.parent / "epoch_0003")  # where one damage takes a file from
        damage(last / file)
        return self.is_survived(name)

    def full(self, limit) -> bool:
        """A disk that takes no file larger than `limit`."""
        name = self.new()
        process = self.started(*OPTIONS, name=name, limit=limit)
        error = process.communicate()[1]
        told = process.returncode == 0 or (process.returncode == 2 and ERROR.fullmatch(error))
        return bool(told) and self.is_survived(name)

    def race(self, first, second) -> bool:
        """Two commands of one run at the same time: one of them ends it, the other is told."""
        name = self.new()
        if "--resume" in first:
            process = self.started(*OPTIONS, name=name)
            time.sleep(0.7 * self.seconds)
            process.kill()
            process.communicate()
        both = [self.started(*first, name=name)]
        time.sleep(self.random.uniform(0, 0.5 * self.seconds))
        both.append(self.started(*second, name=name))
        errors = [process.communicate()[1] for process in both]
        codes = sorted(process.returncode for process in both)
        told = [error for error in errors if ERROR.fullmatch(error)]
        return codes == [0, 2] and len(told) == 1 and self.is_survived(name)


@click.command()
@click.option("--kills", default=30, show_default=True, help="runs that are killed, and resumed")
@click.option("--tries", type=int, help="so many of all, drawn by the seed (default: all)")
@click.option("--seed", default=0, show_default=True)
def main(kills, tries, seed):
    """Try all faults, and print a table of them."""
    # A shell that starts this in the background has it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as root:
        faults = Faults(Path(root), seed)
        overwrite, resume = [*OPTIONS, "--overwrite"], ["--resume"]
        all_of_them = [
            *[("SIGKILL at a random moment", lambda: faults.signalled(signal.SIGKILL))] * kills,
            *[("SIGKILL, three times in a run", lambda: faults.signalled(signal.SIGKILL, 3))]
            * (kills // 6),
            *[("SIGTERM at a random moment", lambda: faults.signalled(signal.SIGTERM))]
            * (kills // 3),
            *[("SIGINT at a random moment", lambda: faults.signalled(signal.SIGINT))]
            * (kills // 3),
            *[
                ("damaged checkpoint", lambda d=damage, f=file: faults.damaged(d, f))
                for damage in list(DAMAGES.values())[: max(1, kills // 3)]
                for file in FILES
            ],
            *[
                ("full disk", lambda size=size: faults.full(size))
                for size in np.geomspace(100, 1e6, max(2, kills // 2)).astype(int).tolist()
            ],
            ("two commands, one run", lambda: faults.race(OPTIONS, OPTIONS)),
            ("two commands, one run", lambda: faults.race(overwrite, overwrite)),
            ("two commands, one run", lambda: faults.race(resume, resume)),
            ("two commands, one run", lambda: faults.race(OPTIONS, resume)),
            ("two commands, one run", lambda: faults.race(OPTIONS, overwrite)),
        ]
        faults.random.shuffle(all_of_them)  # so that a part of them is of every kind
        tried, survived = Counter(), Counter()
        with contextlib.suppress(KeyboardInterrupt):
            for what, attempt in progress(all_of_them[:tries], "faults"):
                well = attempt()
                tried[what] += 1
                survived[what] += well
                if not well:
                    print(f"lost: {what}", file=sys.stderr)
    print("| fault | tried | survived | lost |\n|---|---|---|---|")
    for what, count in tried.items():
        print(f"| {what} | {count} | {survived[what]} | {count - survived[what]} |")
    sys.exit(tried != survived)


if __name__ == "__main__":
    main()
