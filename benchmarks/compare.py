"""Measures this project beside what people would use instead, on MNIST, on this machine.

    python benchmarks/compare.py --data-dir DIR [quality|speed|use]

Each measurement is a process of its own. They take turns, so that a machine that is slow for a
while is slow for all. Tables and a plot go to benchmarks/results; all of it takes half an hour on
two idle cores. What needs PyTorch is left out without it (pip install torch).
"""

import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import click
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from machine import RESULTS, page, rows, started
from vae_keras.figures.base import panels, save
from vae_keras.files import write_text
from vae_keras.progress import progress

ROOT = RESULTS.parents[1]
ROUNDS = 3
GOALS = {2: 146.95, 20: 105.3}  # nats: what the examples of keras.io and PyTorch reach
MOST_EPOCHS = 20  # of PyTorch's example, which has 10 of its own
SAME_NETWORK = ("KerasExample", "TorchConv", "TorchConvChannelsLast")
HAS_TORCH = importlib.util.find_spec("torch") is not None


# What is measured in a process of its own: functions that print rows


def loaded(data_dir):
    """MNIST, grey."""
    from vae_keras import TrainConfig, data

    return data.load(TrainConfig(dataset="mnist", data_dir=data_dir))


def say(**row):
    print(json.dumps(row), flush=True)


def clock(dataset, goal=0.0):
    """A callback that prints seconds and test loss of each epoch, and stops at the `goal`.

    Its own evaluation is not counted.
    """
    import keras

    class Clock(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            end = time.perf_counter()
            averaged = self.model.optimizer.use_ema
            callbacks = [keras.callbacks.SwapEMAWeights()] if averaged else None
            batches = dataset.test.batches()
            found = self.model.evaluate(batches, callbacks=callbacks, verbose=0, return_dict=True)
            say(seconds=end - self.begin, loss=found["loss"])
            self.model.stop_training = self.model.stop_training or found["loss"] <= goal
            self.begin += time.perf_counter() - end

    return Clock()


def ours(data_dir, goal=0.0, **options):
    """Train with the recipe and all callbacks until the test loss is at most `goal`."""
    from vae_keras import TrainConfig, train

    if options.get("network") == "example":
        from rivals import ExampleNetwork

        options["network"] = ExampleNetwork()
    dataset = loaded(data_dir)
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(dataset="mnist", data_dir=data_dir, output_dir=folder, **options)
        train(config, verbose=0, callbacks=[clock(dataset, goal)])


def rival(data_dir, name, epochs, goal=0.0):
    """Train a rival, an epoch for each line that is read, until the test loss is at most `goal`.

    keras.io's example learns from training and test images; the others from training images.
    """
    from rivals import RIVALS

    dataset = loaded(data_dir)
    train_images, test_images = (split.arrays()[0] for split in (dataset.train, dataset.test))
    if name == "KerasExample":
        validation = dataset.validation.arrays()[0]
        train_images = np.concatenate([train_images, validation, test_images])
    one, seconds = RIVALS[name](train_images), 0.0
    for _ in range(epochs):
        sys.stdin.readline()
        start = time.perf_counter()
        one.epoch()
        seconds += time.perf_counter() - start
        loss = one.test_loss(test_images)
        say(seconds=seconds, loss=loss, images=len(train_images))
        if loss <= goal:
            break


def product(side=2048):
    """The speed of a matrix product in float32."""
    import tensorflow as tf

    a, times = tf.random.normal((side, side)), []
    for _ in range(20):
        start = time.perf_counter()
        tf.linalg.matmul(a, a).numpy()
        times.append(time.perf_counter() - start)
    say(gflops=2e-9 * side**3 / statistics.median(times[5:]))


def steps(data_dir, epochs=3, **options):
    """The speed of training without callbacks, once traced and compiled, and its share of work."""
    import keras

    from rivals import multiplications
    from vae_keras import TrainConfig
    from vae_keras.training.fitting import build, fit

    dataset = loaded(data_dir)
    config = TrainConfig(dataset="mnist", data_dir=data_dir, epochs=epochs, **options)
    config = config.resolved(dataset)
    model, times = build(config, dataset), []
    noted = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: times.append(time.perf_counter())
    )
    fit(model, config, dataset, callbacks=[noted], verbose=0)
    speed = len(dataset.train) / statistics.median(np.diff(times))
    say(speed=speed, gflops=2e-9 * multiplications(model) * speed)


def seconds_of(call, times=5) -> float:
    """The median time of a call, after a first one."""
    call()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def uses(data_dir, images=200, draws=1_000, new=10_000):
    """What is done with a trained 40-D VAE: by this project, and by a plain loop over its parts."""
    import keras
    import scipy.special

    from vae_keras import TrainConfig, load_exported, train
    from vae_keras.evaluation.likelihood import likelihood_figures
    from vae_keras.training.callbacks import LatentPlot

    dataset = loaded(data_dir)
    with tempfile.TemporaryDirectory() as folder:
        options = dict(units="200-200", activation="tanh", latent_dim=40, epochs=1)
        config = TrainConfig(dataset="mnist", data_dir=data_dir, output_dir=folder, **options)
        run = train(config, verbose=0)
        model, exported = run.model, load_exported(run.folder.exported)
        plot = LatentPlot(dataset.train, dataset.class_names, run.folder.plots)
        plot.set_model(model)
        say(
            what="a latent plot of 2,000 codes",
            unit="s",
            ours=seconds_of(lambda: plot.on_epoch_end(1)),
        )
        say(
            what=f"generate {new:,} images",
            unit="images/s",
            ours=new / seconds_of(lambda: exported.generate(new, 0)),
            plain=new
            / seconds_of(
                lambda: model.decoder.predict(
                    np.random.normal(size=(new, 40)), batch_size=new, verbose=0
                )
            ),
        )
    few = dataset.test.take(slice(images))
    x = few.arrays()[0]

    def plainly():
        mean, log_var = model.encoder(x)
        weights = []
        for _ in range(draws):
            noise = keras.random.normal(mean.shape)
            z = mean + keras.ops.exp(0.5 * log_var) * noise
            cross_entropy = keras.ops.binary_crossentropy(x, model.decoder(z), from_logits=True)
            log_q = -0.5 * keras.ops.sum(noise**2 + log_var, axis=1)
            log_p = -0.5 * keras.ops.sum(z**2, axis=1)
            weights.append(log_p - log_q - keras.ops.sum(cross_entropy, axis=(1, 2, 3)))
        return np.log(draws) - scipy.special.logsumexp(weights, axis=0).mean()

    estimates = images * draws
    say(
        what=f"importance weighting of {images} images, {draws:,} draws each",
        unit="draws/s",
        ours=estimates / seconds_of(lambda: likelihood_figures(model, few, draws), 3),
        plain=estimates / seconds_of(plainly, 1),
    )


MEASURES = {f.__name__: f for f in (ours, rival, product, steps, uses)}


# The processes


def measured(what: str, **arguments) -> list[dict]:
    """What a measurement prints."""
    return rows(started(__file__, what, **arguments))


def epochs_of(process: subprocess.Popen, count: int) -> list[dict]:
    """The rows of the next epochs of a rival, which trains for no longer; fewer at its end."""
    found = []
    for _ in range(count):
        try:
            process.stdin.write("\n")
            process.stdin.flush()
        except BrokenPipeError:
            break
        line = process.stdout.readline()
        if '"seconds"' not in line:  # it has reached its goal
            break
        found.append(json.loads(line))
    return found


@click.group(invoke_without_command=True)
@click.option("--data-dir", type=click.Path(exists=True, resolve_path=True))
@click.pass_context
def main(context, data_dir):
    """Measure everything, or one part."""
    context.obj = data_dir
    if context.invoked_subcommand is None:
        for part in (quality, speed, use):
            context.invoke(part)


@main.command(hidden=True)
@click.argument("what")
@click.argument("arguments")
def measure(what, arguments):
    """Measure one thing in this process."""
    MEASURES[what](**json.loads(arguments))
    print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


@main.command()
@click.option("--rounds", default=ROUNDS, show_default=True)
@click.pass_obj
def quality(data_dir, rounds):
    """Measure the seconds until the test loss is that of a rival."""
    curves: dict[str, list[list[dict]]] = {}
    example = started(
        __file__, "rival", data_dir=data_dir, name="KerasExample", epochs=30, goal=GOALS[2]
    )
    keras_rows: list[dict] = []
    for _ in progress(range(rounds), "rounds of time to quality"):
        for size, goal in GOALS.items():
            found = measured("ours", data_dir=data_dir, latent_dim=size, goal=goal)
            curves.setdefault(f"ours, {size}-D", []).append(found[:-1])
        keras_rows += epochs_of(example, -(-30 // rounds))
        if HAS_TORCH:
            rival_of_it = dict(name="TorchExample", epochs=MOST_EPOCHS, goal=GOALS[20])
            process = started(__file__, "rival", data_dir=data_dir, **rival_of_it)
            found = epochs_of(process, MOST_EPOCHS)
            curves.setdefault("PyTorch's example, 20-D", []).append(found)
            process.communicate()
    curves["keras.io's example, 2-D"] = [keras_rows]
    example.kill()
    example.communicate()
    lines = compared(curves)
    draw(curves)
    write_text(RESULTS / "quality.md", page("Time to quality", QUALITY_TEXT, lines))
    print("\n".join(lines))


def compared(curves: dict[str, list[list[dict]]]) -> list[str]:
    """The table of the times, and the ratios: from the rows of each run, by name."""
    lines = [
        "| what | goal, nats | reached in s, median (each) | epochs | last test loss |",
        "|---|---|---|---|---|",
    ]
    times, has_missed = {}, {}
    for name, runs in curves.items():
        goal = GOALS[int(name.rsplit(" ", 1)[1].removesuffix("-D"))]
        ends = [run[-1] for run in runs]
        times[name] = statistics.median(end["seconds"] for end in ends)
        has_missed[name] = any(end["loss"] > goal for end in ends)
        missed = "not reached in " * has_missed[name]
        each = ", ".join(f"{end['seconds']:.1f}" for end in ends)
        lines.append(
            f"| {name} | {goal} | {missed}{times[name]:.1f} ({each}) | "
            f"{', '.join(str(len(run)) for run in runs)} | {ends[-1]['loss']:.2f} |"
        )
    lines.append("")
    for size, name in ((2, "keras.io's example, 2-D"), (20, "PyTorch's example, 20-D")):
        if name in times:
            ratio = times[name] / times[f"ours, {size}-D"]
            than = "less than " * has_missed[name]
            lines.append(f"Ours needs {than}1/{ratio:.1f} of the time of {name}.\n")
    return lines


QUALITY_TEXT = """`python benchmarks/compare.py --data-dir DIR quality`, MNIST, grey, seed 0.
Seconds of `fit` until the test loss (reconstruction loss + KL, in nats) is that which the rival is
known for. Ours is the default recipe with all callbacks: a latent plot and a checkpoint are in its
time, and so are tracing and compiling. The rivals are written anew in rivals.py, with the data in
memory and nothing else to do; keras.io's learns from the test images as well, as it does there.

![Test loss against seconds of training, for ours and the two rivals](quality.png)"""


def draw(curves):
    """Draw the test loss against the time, a panel for each size of the code."""
    figure, axes = panels(1, len(GOALS), 4.6, 3.4)
    for (size, goal), one in zip(GOALS.items(), axes):
        for name, runs in curves.items():
            if name.endswith(f" {size}-D"):
                seconds, losses = ([row[key] for row in runs[0]] for key in ("seconds", "loss"))
                one.semilogx(seconds, losses, "o-", markersize=3, label=name)
        one.axhline(goal, color="0.6", linewidth=1)
        one.xaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}")
        one.xaxis.set_minor_formatter(NullFormatter())
        one.set(xlabel="seconds of training", ylabel="test loss (nats)", title=f"{size}-D code")
        one.legend()
    save(figure, RESULTS / "quality.png")


@main.command()
@click.option("--rounds", default=ROUNDS, show_default=True)
@click.pass_obj
def speed(data_dir, rounds):
    """Measure images per second of the same network, and the share of the matrix product's."""
    same: dict[str, list[float]] = {}
    dense: dict[str, list[tuple[float, float]]] = {}
    names = [name for name in SAME_NETWORK if HAS_TORCH or not name.startswith("Torch")]
    for _ in progress(range(rounds), "rounds of speed"):
        options = dict(network="example", batch_size=128, epochs=2, learning_rate=1e-3)
        first, second = measured("ours", data_dir=data_dir, **options)[:2]
        same.setdefault("ours, all callbacks", []).append(
            55_000 / (second["seconds"] - first["seconds"])
        )
        for name in names:
            process = started(__file__, "rival", data_dir=data_dir, name=name, epochs=2)
            first, second = epochs_of(process, 2)
            process.communicate()
            taken = second["seconds"] - first["seconds"]
            same.setdefault(name, []).append(second["images"] / taken)
        (peak, _) = measured("product")
        for jit in ("off", "on"):
            (found, _) = measured("steps", data_dir=data_dir, jit=jit)
            dense.setdefault(jit, []).append((found["speed"], found["gflops"] / peak["gflops"]))
    lines = ["| the network of keras.io's example | images/s, median (each) |", "|---|---|"]
    for name, found in same.items():
        each = ", ".join(f"{value:,.0f}" for value in found)
        lines.append(f"| {name} | {statistics.median(found):,.0f} ({each}) |")
    lines += ["", "| default network, no callbacks | images/s | of the matrix product's speed |"]
    lines += ["|---|---|---|"]
    for jit, found in dense.items():
        images, share = (statistics.median(values) for values in zip(*found))
        lines.append(f"| XLA {jit} | {images:,.0f} | {share:.0%} |")
    write_text(RESULTS / "speed.md", page("Speed", SPEED_TEXT, lines))
    print("\n".join(lines))


SPEED_TEXT = """`python benchmarks/compare.py --data-dir DIR speed`, MNIST, grey. The second epoch
of each training: the first traces and compiles. The matrix product is of 2048 × 2048 numbers in
float32; of the training, the multiplications of the dense layers are counted."""


@main.command()
@click.option("--rounds", default=ROUNDS, show_default=True)
@click.pass_obj
def use(data_dir, rounds):
    """Measure what is done beside training: start-up, pictures, generation, evaluation, memory."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in progress(range(rounds), "rounds of use"):
        times = {"ours": ["train.py", "--help"], "plain": ["-c", "import keras"]}
        row = found.setdefault("the help text; plain: `import keras` (s)", {})
        for whose, arguments in times.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
            row.setdefault(whose, []).append(time.perf_counter() - start)
        *of_uses, _ = measured("uses", data_dir=data_dir)
        for each in of_uses:
            row = found.setdefault(f"{each['what']} ({each['unit']})", {})
            for whose in {"ours", "plain"} & each.keys():
                row.setdefault(whose, []).append(each[whose])
        options = dict(network="example", batch_size=128, epochs=1, learning_rate=1e-3)
        row = found.setdefault("memory at most, training the example's network (MB)", {})
        row.setdefault("ours", []).append(
            measured("ours", data_dir=data_dir, **options)[-1]["peak"]
        )
        process = started(__file__, "rival", data_dir=data_dir, name="KerasExample", epochs=1)
        row.setdefault("plain", []).append(rows_after_an_epoch(process)[-1]["peak"])
    lines = ["| what | ours | plain | ours each |", "|---|---|---|---|"]
    for what, row in found.items():
        ours, plain = (
            f"{statistics.median(row[whose]):,.4g}" if whose in row else ""
            for whose in ("ours", "plain")
        )
        lines.append(
            f"| {what} | {ours} | {plain} | {', '.join(f'{v:,.4g}' for v in row['ours'])} |"
        )
    write_text(RESULTS / "use.md", page("Beside training", USE_TEXT, lines))
    print("\n".join(lines))


def rows_after_an_epoch(process: subprocess.Popen) -> list[dict]:
    """All that a rival prints which trains for one epoch."""
    found = epochs_of(process, 1)
    return [*found, *rows(process)]


USE_TEXT = """`python benchmarks/compare.py --data-dir DIR use`, MNIST, grey. Medians of several
processes, each after a first call. Plain is what a user would write around the same encoder and
decoder: `decoder.predict`, and a loop over draws. Ours `generate` is that of the SavedModel."""


if __name__ == "__main__":
    main()
