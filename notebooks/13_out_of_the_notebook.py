# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Out of the notebook: your images, your parts, another machine
#
# A notebook is a good place to understand a model and a bad place to keep one. The kernel dies. The
# cells were run in an order that nobody remembers. A colleague who wants to *use* the model has
# another machine, without any of this. In this chapter you leave the notebook: with images of your
# own, on a command line, through a crash, and into a process that does not have the package.
#
# You will
#
# 1. train on a folder of image files of all sizes,
# 2. kill the training in the middle, resume it, and get the same model, bit for bit,
# 3. write a likelihood and a network of your own, check them, train with them, save and load them,
# 4. use the result with TensorFlow alone,
# 5. use encoder and decoder apart: to compress, to find features, to generate.
#
# It needs no download: we draw the images. It uses convolutions (chapter 7) and likelihoods
# (chapter 5).

# %% [markdown] tags=["navigation"]
# **Builds on** [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# **To read** about 45 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [12. Sequences](12_sequences.ipynb) ·
# Next: [14. What goes wrong](14_what_goes_wrong.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
FILES = 1_200  # fast: 120
EPOCHS = 8  # fast: 2
UNITS = "256-128"  # fast: "64"
WIDTHS = (512, 256, 128)  # fast: (64,)
OWN_EPOCHS = 9  # fast: 1
TRAINED_ON = ("dusty", "clean")  # fast: ("dusty",)
DECODERS = 24  # fast: 4
PROBED = ("glasses", "shapes")  # fast: ("shapes",)
MODELS = "../../saved_models/pretrained"  # the models that ship, from this chapter's folder

# %% [markdown]
# ## 1. A folder of images
#
# All files of this chapter go to a folder of their own, which the last code cell removes. We move
# into it, as one does in a shell, so that all paths below are short.

# %%
import os
import tempfile
from pathlib import Path

if not Path.cwd().name.startswith("elsewhere-"):  # or this cell has been run already
    NOTEBOOKS = Path.cwd()
    os.chdir(tempfile.mkdtemp(prefix="elsewhere-", dir=NOTEBOOKS))
os.environ["VAE_KERAS_CACHE_DIR"] = str(Path("cache").resolve())  # what is resized goes there

# %% [markdown]
# Your images may be of leaves or X-rays. Ours are discs, squares and triangles in any colour, which
# every machine can draw. They are as untidy as real ones: few have the same size, some are PNG and
# some are JPEG, and the only label is the name of the sub-folder.

# %%
import colorsys

import numpy as np
from PIL import Image, ImageDraw

CORNERS = {"disc": 0, "square": 4, "triangle": 3}
rng = np.random.default_rng(SEED)


def colour(saturation, value):
    """A colour of any hue, as Pillow takes it."""
    return tuple(round(255 * c) for c in colorsys.hsv_to_rgb(rng.random(), saturation, value))


def drawn(shape):
    """An image of a shape, of any size."""
    width, height = rng.integers(48, 97, 2).tolist()
    image = Image.new("RGB", (2 * width, 2 * height), colour(0.15, 0.95))
    pen, radius = ImageDraw.Draw(image), min(width, height) * float(rng.uniform(0.45, 0.85))
    if shape == "disc":
        pen.circle((width, height), 0.85 * radius, fill=colour(0.75, 0.8))
    else:
        tilt = float(rng.uniform(-15, 15))
        circle = (width, height, radius)
        pen.regular_polygon(circle, CORNERS[shape], rotation=tilt, fill=colour(0.75, 0.8))
    return image.resize((width, height), Image.Resampling.LANCZOS)


for number in range(FILES):
    shape = list(CORNERS)[number % 3]
    file = Path("shapes", shape, f"{number:04}.{'jpg' if number % 4 == 0 else 'png'}")
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn(shape).save(file)

# %%
from vae_keras import figures

some = sorted(Path("shapes").glob("*/*"))[:: FILES // 6][:6]
figure, panels = figures.panels(1, 6, width=1.5, height=1.8)
for axes, file in zip(panels, some):
    image = Image.open(file)
    axes.imshow(image)
    axes.set_axis_off()
    axes.set_title(f"{file.suffix} {image.width}×{image.height}", size="medium")
figure

# %% [markdown]
# `folder:shapes` makes a data set of it. Every image is cropped at its centre to the wanted shape,
# resized once into a cache, and read from there batch by batch. So a folder may be larger than the
# memory. The folders directly below are the labels.

# %%
from vae_keras import TrainConfig, load

config = TrainConfig(
    dataset="folder:shapes",
    image_size="24",
    latent_dim=8,
    network="dense",
    units=UNITS,
    batch_size=16,
    learning_rate=2e-3,
    epochs=EPOCHS,
    seed=SEED,
    name="whole",
)
dataset = load(config)
sizes = {split: len(getattr(dataset, split)) for split in ("train", "validation", "test")}
print(dataset.example_shape, sizes, dataset.class_names)

# %% [markdown]
# Validation is cut from training. The test set is separate and always the same. What if one of ten
# thousand files is damaged? You want to know before the training starts, not after a night:

# %%
from vae_keras import UserError

broken = Path("shapes/disc/broken.png")
broken.write_bytes(b"half a download")
try:
    load(config)
except UserError as error:
    print(error)
broken.unlink()

# %% [markdown]
# ## 2. One command, and what it leaves
#
# In a shell the training is one line, with an option for every field of `TrainConfig`:
#
# ```sh
# python train.py --dataset folder:shapes --image-size 24 --latent-dim 8 --network dense \
#                 --units 256-128 --batch-size 16 --learning-rate 2e-3 --epochs 8 --name whole
# ```
#
# `train(config)` does exactly what that line does. With `--tensorboard` it also writes what
# TensorBoard shows: curves, the images of every epoch, and the codes for its projector.
#
# We train twice at the same time. One training runs in this notebook. The other runs in a process
# of its own, under the name `killed`. A callback kills that process at the end of its second epoch.
# The next section says why.

# %%
import signal
import subprocess
import sys

program = f"""
import os, signal
from vae_keras import TrainConfig, train
import keras

class Kill(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:  # Keras counts from 0
            os.kill(os.getpid(), signal.SIGKILL)

train(TrainConfig(**{config.replace(name="killed").as_dict()}), callbacks=[Kill()])
"""
with open("killed.log", "w") as log:
    process = subprocess.Popen([sys.executable, "-c", program], stdout=log, stderr=log)
checkpoints = Path("runs/killed/checkpoints").resolve()

# %%
from vae_keras import train

whole = train(config, verbose=0)
left = sorted(path for path in Path().glob("*/whole/**/*") if path.is_file())
for path in left:
    if not path.name.startswith("latent_0"):  # one for every epoch
        print(path.as_posix())

# %% [markdown]
# `config.json` is what is needed to repeat the run. `history.csv` and `metrics.json` are its
# numbers, `plots/` are figures to look at first, and `checkpoints/` are there to resume from.
# `model.keras` is for Python with this package, and `saved_models/whole` is for Python with
# TensorFlow alone.

# %%
test_images, test_labels = dataset.test.arrays()
shown = test_images[:: len(test_images) // 8][:8]
figures.image_rows({"test image": shown, "rebuilt": whole.model(shown)})

# %% [markdown]
# ## 3. Kill it
#
# The other process was killed after its second epoch. `SIGKILL` is the signal that no program can
# catch: no last line is written, no `finally` runs, nothing is tidied up. A power cut looks the
# same. The package writes checkpoints, but spends at most two percent of the time on them. So in a
# run of a few seconds the last one is that of the first epoch. What came after it will be trained
# again.

# %%
print(f"exit status {process.wait()}: killed by {signal.SIGKILL.name}")
print("a finished model:", Path("runs/killed/model.keras").exists())
print("checkpoints:", *sorted(path.name for path in checkpoints.glob("epoch_*")))

# %% [markdown]
# > **Predict.** We resume from the checkpoint and train to the end. To how many digits will the
# > weights agree with those of the run that was never disturbed?

# %% [markdown]
# First the usual way: load the model, compile it, and call `fit` for the epochs that are left.

# %%
import keras


def largest_difference(model, other):
    """Of any two weights of the same place in two models."""
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


train_images, _ = dataset.train.arrays()
last = max(checkpoints.glob("epoch_*"))
careless = keras.models.load_model(last / "model.keras")
careless.compile(keras.optimizers.Adam(config.learning_rate))
epochs_left = EPOCHS - int(last.name[-4:])
careless.fit(train_images, batch_size=16, epochs=epochs_left, verbose=0)
print(f"largest difference of a weight: {largest_difference(careless, whole.model):.3f}")

# %% [markdown]
# And now with `--resume`. In a shell: `python train.py --resume --name killed`.

# %%
resumed = train(config.replace(name="killed", resume=True), verbose=0)
print("largest difference of a weight:", largest_difference(resumed.model, whole.model))
histories = (Path("runs", name, "history.csv").read_bytes() for name in ("killed", "whole"))
print("the same history, byte for byte:", len(set(histories)) == 1)

# %% [markdown]
# The answer is: to all digits. Three things are needed for that, and none may be missing:
#
# - The checkpoint holds the weights, the moments of Adam (its running means of every gradient and
#   its square) and the step count. The usual way began with moments of zero, and it never lowered
#   the learning rate, which the run does step by step.
# - A checkpoint is written whole or not at all: to another name first, and then renamed. If a kill
#   comes in the middle of writing, the checkpoint before is still there.
# - The order of the data is a function of (seed, epoch), and the noise ε is a function of
#   (seed, step). A random generator in memory ends with its process. A function has no state that
#   could be lost.
#
# Most programs do the first, some do the second, and few do the third. A VAE draws noise at every
# step, so here the third decides.
#
# ## 4. A likelihood of your own
#
# Now the images are scanned, and the scanner is dusty: one pixel in twenty is white.

# %%
dust = np.random.default_rng(SEED)


def dusty(images):
    """The images with one pixel in twenty white."""
    return np.where(dust.random((*images.shape[:3], 1)) < 0.05, np.float32(1), images)


dusty_train, dusty_test = dusty(train_images), dusty(test_images)

# %% [markdown]
# How does a likelihood treat dust? Take a single pixel, dark in nine scans and white in one. The
# decoder must give one value $m$ for all ten, since no code says where the dust is. For a Gaussian
# the loss of a value is $\tfrac12 (x-m)^2/\sigma^2$ and constants. For a Laplace distribution,
#
# $$p(x) = \frac{1}{2b}\,e^{-|x-m|/b}, \qquad -\log p(x) = \frac{|x-m|}{b} + \log 2b .$$

# %% [markdown]
# > **Predict.** For which $m$ is each of the two losses smallest?

# %% [markdown]
# The package has no Laplace likelihood. A subclass of `Likelihood` states `log_prob`, per example
# and in nats, and a `sample`; everything else (training, validation, saving, export) follows.

# %%
import math

import tensorflow as tf
from keras import ops

from vae_keras.objectives.likelihoods import Gaussian, Likelihood, sum_over_features


@keras.saving.register_keras_serializable("my_images")
class Laplace(Likelihood):
    """Independent values, exp(−|x − m| / b) / 2b, with one learned b for all of them."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        start = keras.initializers.Constant(-1.0)
        self.log_scale = self.add_weight(name="log_scale", shape=(), initializer=start)
        self.built = True  # there is nothing more to build

    def log_prob(self, x, parameters, mask=None):
        distance = ops.abs(x - parameters) * ops.exp(-self.log_scale)
        return -sum_over_features(distance + self.log_scale + math.log(2), mask)

    def sample(self, parameters, seed):
        # the inverse of the distribution function, of a number between −½ (left out) and ½
        u = tf.random.stateless_uniform(ops.shape(parameters), seed, 1e-6 - 0.5, 0.5)
        return parameters - ops.exp(self.log_scale) * ops.sign(u) * ops.log1p(-2 * ops.abs(u))


# %% [markdown]
# `parameters` is what the decoder gives, here $m$. A `mask` says which steps of a sequence count;
# images have none. Three things in the class are easy to get wrong. `log_prob` sums over the
# features and *not* over the batch. The scale is kept as a logarithm, so that it cannot become
# negative. And the decorator gives Keras a name by which it finds the class. Without it, the model
# loads only where the class was defined.
#
# Compare every density that you write with somebody else's. (The test of Kolmogorov and Smirnov
# compares draws with a distribution. A p near 0 would say that they are not from it.)

# %%
import scipy.stats

ours = Laplace()
x = rng.normal(size=(4, 3, 3, 1)).astype("float32")
centre = rng.normal(size=x.shape).astype("float32")
scale = math.exp(float(ours.log_scale))
theirs = scipy.stats.laplace.logpdf(x, centre, scale).sum(axis=(1, 2, 3))
np.testing.assert_allclose(ours.log_prob(x, centre), theirs, rtol=1e-5)
draws = ours.sample(np.zeros((20_000, 1, 1, 1), "float32"), (SEED, 0)).numpy().ravel()
fit = scipy.stats.kstest(draws, scipy.stats.laplace(0, scale).cdf)
print(f"log_prob: as SciPy's; draws: Kolmogorov–Smirnov p = {fit.pvalue:.2f}")

# %%
scans = np.array([0.3] * 9 + [1.0], "float32")[:, None]
m = np.linspace(0, 1, 101).astype("float32")
pixel_losses = {}
# a σ like our b, e⁻¹ ≈ 0.37; every other σ has its minimum at the same m
for name, likelihood in {"Gaussian": Gaussian(sigma=0.37), "Laplace": ours}.items():
    each = [likelihood.loss(scans, np.full_like(scans, value)).numpy().mean() for value in m]
    pixel_losses[name] = np.array(each)
    print(f"{name}: smallest at m = {m[np.argmin(each)]:.2f}")
figures.lines(
    {name: (m, values - values.min()) for name, values in pixel_losses.items()},
    "m, the value that the decoder gives",
    "mean loss above its minimum (nats)",
    "a dark pixel, white in one scan of ten",
)

# %% [markdown]
# The Gaussian takes the *mean*, the Laplace takes the *median*. One white value in ten moves the
# Gaussian a tenth of the way to white. The Laplace does not move until half of the scans are
# dusty. Now with a VAE. A likelihood can be given as an object in the place of its name, and the
# model is an ordinary Keras model.

# %%
from vae_keras import VAE
from vae_keras.networks import DenseNetwork


def fitted(likelihood, network=None, epochs=OWN_EPOCHS, images=dusty_train):
    """A VAE that has seen only these images."""
    keras.utils.set_random_seed(SEED)
    network = network or DenseNetwork(WIDTHS)
    model = VAE(dataset.example_shape, 8, network, likelihood, seed=SEED)
    # as `train` does: begin at the mean image
    model.offset.offset.assign(model.reconstruction.initial(images.mean(axis=0)))
    model.compile(keras.optimizers.Adam(2e-3))
    model.fit(images, batch_size=16, epochs=epochs, verbose=0)
    return model


models, scales, from_clean = {}, {}, {}
for kind, images, seen in (
    ("dusty", dusty_train, dusty_test),
    ("clean", train_images, test_images),  # the control: no dust at all
):
    for likelihood in (Gaussian(), Laplace()) if kind in TRAINED_ON else ():
        name = type(likelihood).__name__
        model = models[kind, name] = fitted(likelihood, images=images)
        own = likelihood.log_sigma if name == "Gaussian" else likelihood.log_scale
        scales[kind, name] = float(ops.exp(own))
        rebuilt = np.clip(model(seen), 0, 1)
        from_clean[f"{name},\n{kind}"] = float(np.abs(rebuilt - test_images).mean())
        print(f"{kind} images, {name}: scale {scales[kind, name]:.3f}")
figures.bars(
    {"dusty\nimage": float(np.abs(dusty_test - test_images).mean()), **from_clean},
    "mean distance from the clean image",
    "models of dusty images, and of clean ones",
    "{:.4f}",
)

# %%
step = len(test_images) // 8
shown, clean = dusty_test[::step][:8], test_images[::step][:8]
rows = {"dusty": shown, "clean": clean}
for (kind, name), model in models.items():
    rows[f"{name}, {kind}"] = np.clip(model(rows[kind]), 0, 1)
figures.image_rows(rows)

# %% [markdown]
# The bars point the same way as the one pixel: of the models of dust, that with the Laplace
# likelihood is nearer to the clean images, by 0.019. But the control says that not all of this is
# dust. Without any, the Laplace model is nearer as well, by 0.008: the bars are absolute errors,
# and these are what it makes small. So look at what dust *adds*: 0.014 for the Gaussian, 0.004 for
# the Laplace. The mean in place of the median is a part of it, a twentieth of the way to white,
# which is 0.01 on average. One possible reason for the rest: dust is a large squared error, so σ
# grows (0.077 without dust, 0.099 with it), all other errors become cheap, and the code pays less
# for the hue of a background. Look at the row of the Gaussian: some backgrounds are grey.
#
# Neither is nearer than the dusty image itself. Dust covers only a few pixels, and eight numbers
# after a few epochs cannot hold the edges of a shape.
#
# ## 5. A network of your own
#
# The convolutional network of the package enlarges by transposed convolutions of stride 2 and
# width 3. Neighbouring outputs then have different numbers of inputs: one, two or four. Odena et
# al. (2016) name this as the cause of the checkerboards in many generated images. They recommend
# to enlarge first (repeat each pixel) and to convolve after that. A `Network` is a pair of
# builders, without any loss:

# %%
from keras import layers

from vae_keras.networks import ConvNetwork, Network


@keras.saving.register_keras_serializable("my_images")
class RepeatAndConvolve(Network):
    """Enlarges by repeating pixels: for sides that can be halved twice."""

    name = "repeat_and_convolve"

    def __init__(self, filters=16):
        self.filters = filters

    def get_config(self):
        return {"filters": self.filters}

    def encoder(self, input_shape):
        """[batch, height, width, channels] -> [batch, n]: 24×24 => 12×12 => 6×6."""
        halve = dict(strides=2, padding="same", activation="gelu")
        convolutions = [layers.Conv2D(self.filters * k, 3, **halve) for k in (1, 2)]
        return keras.Sequential([keras.Input(input_shape), *convolutions, layers.Flatten()])

    def decoder(self, code_size, output_shape):
        """[batch, code_size] -> [batch, height, width, channels], unbounded."""
        height, width, channels = output_shape
        small, wide = (height // 4, width // 4, 2 * self.filters), dict(padding="same")
        stages = [layers.Dense(math.prod(small), activation="gelu"), layers.Reshape(small)]
        for k in (2, 1):
            stages += [layers.UpSampling2D()]
            stages += [layers.Conv2D(self.filters * k, 3, activation="gelu", **wide)]
        stages += [layers.Conv2D(channels, 3, **wide)]
        return keras.Sequential([keras.Input((code_size,)), *stages])


# %% [markdown]
# > **Predict.** Take decoders that have learned *nothing*, with random weights, and decode a
# > hundred random codes. How much does each pixel vary? Will a map of that be flat?

# %%
keras.utils.set_random_seed(SEED)
codes = rng.normal(size=(100, 8)).astype("float32")


def variation(network):
    """The standard deviation of every pixel over codes, mean of many untrained decoders."""
    decoders = [network.decoder(8, (24, 24, 3)) for _ in range(DECODERS)]
    return np.mean([np.std(decoder(codes), axis=(0, 3)) for decoder in decoders], axis=0)


def checkerboard(values):
    """How far the means of the four kinds of pixels (even or odd row, column) lie apart."""
    means = [values[4 + i : 20 : 2, 4 + j : 20 : 2].mean() for i in (0, 1) for j in (0, 1)]
    return float(np.ptp(means) / np.mean(means))


untrained = {
    "transposed convolutions": variation(ConvNetwork()),
    "repeat and convolve": variation(RepeatAndConvolve()),
}
figure, panels = figures.panels(1, 2, width=3.4, height=3.4)
for axes, (name, values) in zip(panels, untrained.items()):
    axes.imshow(values / values.max(), cmap="gray", vmin=0, vmax=1)
    axes.set_axis_off()
    axes.set_title(name)
    print(f"{name:<24} from even to odd pixels the variation differs by {checkerboard(values):.1%}")
figure

# %% [markdown]
# The left map is not flat. Untrained transposed convolutions already prefer every other pixel, in
# rows and in columns, and a mean over many decoders shows the pattern clearly. On the right there
# is no such pattern. (The dark rim of both comes from the zeros around the image.) Training can
# undo the pattern, but it has to learn how.
#
# Now both parts of your own in one model: trained, saved, loaded.

# %%
own = fitted(Laplace(), RepeatAndConvolve(), epochs=max(1, OWN_EPOCHS // 3))
own.save("own.keras")
loaded = keras.models.load_model("own.keras")
print(type(loaded.network).__name__, "and", type(loaded.reconstruction).__name__, "are back")
print("largest difference of a weight:", largest_difference(own, loaded))

# %% [markdown]
# It loads here because the two classes are known here. In another program, import the module that
# has them, then load. Or use a format that needs no classes.
#
# ## 6. TensorFlow and nothing else
#
# A SavedModel holds the computation itself, as a graph. It needs no classes: neither the package's,
# nor those of Keras, nor yours. `train` has exported the run of section 2 already. For your own
# model it takes four lines.

# %%
from vae_keras.export.endpoints import endpoints

tf.get_logger().setLevel("ERROR")  # hides a message about assets; this model has none
archive = keras.export.ExportArchive()
for name, (function, inputs) in endpoints(own).items():
    archive.add_endpoint(name, function, inputs)
archive.write_out("saved_models/own", verbose=False)

# %% [markdown]
# The user has another program, in another process. Its second line makes every import of the
# package and of Keras fail, so it has to work without them.

# %%
PROGRAM = """
import sys
sys.modules["vae_keras"] = sys.modules["keras"] = None  # an import of either fails now
import numpy as np
import tensorflow as tf

images = tf.constant(np.load("images.npy"))
for path in sys.argv[1:]:
    model = tf.saved_model.load(path)
    z = model.encode(x=images)["z"]
    again = model.decode(z=z)["x"]
    new = model.generate(n=tf.constant(5), seed=tf.constant([0, 1]))["x"]
    print(f"{path}: {images.shape} -> {z.shape} -> {again.shape}, and {new.shape[0]} new ones")
    np.save(f"{path}/again.npy", again)
try:
    import vae_keras
except ImportError:
    print("there is no vae_keras here")
"""
Path("user.py").write_text(PROGRAM)
np.save("images.npy", test_images)
paths = ["saved_models/whole", "saved_models/own"]
quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
arguments = [sys.executable, "user.py", *paths]
user = subprocess.run(arguments, env=quiet, capture_output=True, text=True)
print(user.stdout or user.stderr)

# %%
elsewhere = [np.load(f"{path}/again.npy") for path in paths]
for model, again in zip((whole.model, own), elsewhere):
    here = model.predict(test_images, verbose=0)
    print(f"largest difference of a value from here: {np.abs(here - again).max():.1e}")

# %% [markdown]
# The images agree to the last digits of float32. The graph leaves the batch size open, so it takes
# one image or a thousand. TensorFlow Serving puts such a folder behind an HTTP address as it is.
# The names `encode`, `decode`, `generate`, `reconstruct` are its signatures, and for an export of
# the package `serving_default` is `reconstruct`.
#
# ## 7. Encoder and decoder, apart
#
# An autoencoder is two machines, and one rarely needs both in the same place.
#
# **Compression.** The sender has the encoder, the receiver has the decoder, and only codes travel.
# Here the images are faces, and the model is `faces_vae`, which ships with the course. It has 64
# numbers of two bytes for a face of 64×64 pixels. We draw four hundred faces that it has not seen.
# They go to a folder with the parts `train` and `test`, and glasses are the label. (PSNR is the
# squared error on a logarithmic scale: at 28 decibels a pixel is off by 0.04, where black is 0 and
# white is 1.)

# %%
from vae_keras import load_exported
from vae_keras.data.drawn.faces import faces
from vae_keras.export import compression

face_images, factors = faces(64, 400, seed=1)  # the model has seen those of seed 0
for number, (pixels, glasses) in enumerate(zip(face_images, factors["glasses"])):
    part = "train" if number < 100 else "test"
    file = Path("faces", part, "glasses" if glasses else "none", f"{number:03}.png")
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)

faces_vae = load_exported(f"{MODELS}/faces_vae")
found = compression.compress(faces_vae, "faces/test", "codes.npz")
ratio = found["pixel_bytes"] / found["code_bytes"]
each = found["code_bytes"] // found["images"]
print(f"{found['images']:,} faces of {found['pixel_bytes'] // found['images']:,} bytes each")
print(f"codes of {each} bytes each: {ratio:.0f} times smaller; PSNR {found['psnr']:.1f} dB")

# %% [markdown]
# (In a shell: `python -m vae_keras compress` and `restore`.) It is lossy, and good only for images
# of this kind: the decoder can draw nothing but such faces.
#
# **Features.** The encoder alone turns images into a few numbers for whatever comes next. Below, a
# logistic regression is given codes, pixels, or as many principal components. It learns to tell
# faces with glasses from faces without, and discs from squares and triangles.
#
# > **Predict.** In which of the two cases will codes do better than pixels?

# %%
from vae_keras.evaluation import probe

exported = load_exported("saved_models/whole")
portraits = load(TrainConfig(dataset="folder:faces", image_size="64"))
asked = {"glasses": (faces_vae, portraits), "shapes": (exported, dataset)}
probed = {what: probe.probe(*asked[what], sizes=())[-1] for what in PROBED}
for what, row in probed.items():
    cells = (f"{name} {row[name]:.0%}" for name in ("codes", "pixels", "pca"))
    print(f"{what:<8}{row['labels']:>4} labels:", "  ".join(cells))

# %% [markdown]
# For glasses codes do better. For shapes they do worse, and even principal components are better
# than codes. Look at the shapes that were rebuilt in section 2 and you see why. Hue and size fill
# hundreds of pixels, so the code spends its nats on them. Whether a small shape has corners is
# decided by few pixels at its edge. A code keeps what matters to the *likelihood*, and what matters
# to you may be something else. The larger model has learned from 16,200 faces, its code has room,
# and glasses are many pixels. (The two cases differ in more: there are 90 labels for 12,288 values
# in the first, and 972 for 1,728 in the second. The principal components are those of the labelled
# images alone.)
#
# **Generation.** The decoder alone, fed with noise:

# %% tags=["cover"]
shown_faces = np.float32(face_images[100:108]) / 255
starts = faces_vae.encode(shown_faces)
rows = {
    "faces": shown_faces,
    f"from {each} bytes": faces_vae.decode(starts.astype("float16")),
    "new": faces_vae.generate(8, seed=SEED),
}
figures.image_rows(rows)

# %% [markdown]
# The codes are chosen by you, so you can also ask what each number of a code is for. The slider
# sets one of them to a value in all eight faces. The first dimension is the one that the model uses
# most. **What to look for:** dimensions that change a colour and leave the face alone, and others
# that put on glasses or a hat. Few dimensions change only one thing.

# %%
from vae_keras.figures.sliders import Sliders
from vae_keras.latent.grids import spread

by_use = np.argsort(-spread(faces_vae).use)


def with_value(dimension, value):
    changed = starts.copy()
    changed[:, by_use[dimension - 1]] = value
    title = f"dimension {dimension} by use, set to {value:g}"
    return figures.image_grid(faces_vae.decode(changed), 8, title)


Sliders(with_value, dimension=range(1, 6), value=np.linspace(-2, 2, 9).tolist())

# %% [markdown]
# ## 8. What else there is to train on
#
# Images in folders are one kind of data. These are all the forms that `--dataset` takes:

# %%
from vae_keras.config.names import DATASETS

print(", ".join(DATASETS))
np.savez("mine.npz", x_train=(255 * train_images).astype("uint8"))
mine = load(TrainConfig(dataset="mine.npz"))
print(mine.example_shape, "labels:", mine.class_names or "none")

# %% [markdown]
# | kind of data | form | labels |
# |---|---|---|
# | handwritten digits | `digits`, `mnist`; `--binarize` for black and white | ten digits |
# | clothes, small colour photographs | `fashion_mnist`, `cifar10` | ten kinds each |
# | faces | `faces` (drawn; `faces:COUNT` for as many), `celeba:DIR` (photographs) | attributes |
# | your images | `folder:DIR`, with `attributes.csv` if you have any | sub-folders |
# | your arrays | `FILE.npz` with `x_train`; also `x_test`, `y_train`, `y_test` | `y_train` |
# | your copy of MNIST or its like | an IDX file, such as `train-images-idx3-ubyte` | beside it |
# | melodies | `melodies`, `midi:DIR` | none needed |
# | text | `sentences`, `text:FILE` | none needed |
#
# A VAE needs no labels. They colour the plots and measure the features. Only a conditional model
# needs them.
#
# ## Exercises
#
# Do them before you run the last code cell. It removes the folder, and exercise 1 needs the run in
# it.
#
# 1. Resume the killed run with β = 4. The package refuses. What does it say, and why is it better
#    to refuse than to continue?

# %%
from vae_keras.course import check


def answer_1():
    """Fill in: what the package says to `train` with `resume=True` and `beta=4.0`, as a text."""
    ...


check(1, answer_1(), lambda text: "'killed' was started with beta" in str(text))

# %% [markdown]
# 2. Write the logarithm of a logistic density,
#    $-\log p(x) = u + 2\log(1 + e^{-u}) + \log s$ with $u = (x - m)/s$. It must be finite far away
#    from $m$ as well. What overflows if you copy the formula as it stands? Then make a `Likelihood`
#    of it, with one learned $s$.

# %%
far = np.array([-1e4, -1.0, 0.5, 1e4], "float32")


def answer_2(x, m, s):
    """Fill in: log p of each of the values `x` [n], for numbers m and s."""
    ...


def is_right_2(log_p):
    return np.allclose(log_p, scipy.stats.logistic.logpdf(far, 0.3, 0.2), rtol=1e-4, atol=1e-4)


check(2, answer_2(far, 0.3, 0.2), is_right_2)

# %% [markdown]
# 3. The codes of the shapes have eight numbers of two bytes. Send each number as one byte, 256 even
#    steps over its range. What does it cost? Compare a step with the standard deviation of
#    $q(z|x)$.

# %%
z = exported.encode(test_images)


def answer_3(z):
    """Fill in: the codes [n, 8] after each number was rounded to one of 256 even steps."""
    ...


def is_rounded(codes):
    steps = np.ptp(z, axis=0) / 255
    few = all(len(np.unique(column)) <= 256 for column in np.transpose(codes))
    return few and np.all(np.abs(codes - z) <= 0.51 * steps)


check(3, answer_3(z), is_rounded)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1():
    try:
        train(config.replace(name="killed", resume=True, beta=4.0), verbose=0)
    except UserError as error:
        return str(error)


print(answer_1())
# Half a run with one objective and half with another is neither, and its config.json would lie.
assert check(1, answer_1(), lambda text: "'killed' was started with beta" in str(text))


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(x, m, s):
    u = (x - m) / s
    return -(u + 2 * ops.softplus(-u) + math.log(s))  # exp(−u) alone would overflow


@keras.saving.register_keras_serializable("my_images")
class Logistic(Laplace):
    """Independent logistic values with one learned scale."""

    def log_prob(self, x, parameters, mask=None):
        u = (x - parameters) * ops.exp(-self.log_scale)
        return -sum_over_features(u + 2 * ops.softplus(-u) + self.log_scale, mask)

    def sample(self, parameters, seed):  # or it would draw as a Laplace does
        u = tf.random.stateless_uniform(ops.shape(parameters), seed, 1e-6, 1 - 1e-6)
        return parameters + ops.exp(self.log_scale) * (ops.log(u) - ops.log1p(-u))


assert check(2, answer_2(far, 0.3, 0.2), is_right_2)
expected = scipy.stats.logistic.logpdf(x, centre, scale).sum(axis=(1, 2, 3))
np.testing.assert_allclose(Logistic().log_prob(x, centre), expected, rtol=1e-5)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(z):
    low, high = z.min(axis=0), z.max(axis=0)
    in_bytes = np.rint((z - low) / (high - low) * 255).astype("uint8")
    return (low + in_bytes / 255 * (high - low)).astype("float32")


assert check(3, answer_3(z), is_rounded)
cost = {
    name: float(np.mean((exported.decode(code) - test_images) ** 2))
    for name, code in {
        "float32": z,
        "float16": z.astype("float16"),
        "one byte": answer_3(z),
    }.items()
}
for name, value in cost.items():
    print(f"{name:<9} mean squared error {value:.5f}")
z_log_var = exported.call("encode", x=test_images)["z_log_var"]
active = z.var(axis=0) > 0.01  # the others say next to nothing
in_steps = np.exp(0.5 * z_log_var).mean(axis=0)[active] / (np.ptp(z, axis=0)[active] / 255)
print(f"σ of q(z|x) is {in_steps.min():.0f} steps or more: the decoder ignores that much")
assert cost["one byte"] < 1.1 * cost["float32"]
assert in_steps.min() > 1

# %% [markdown]
# ## Further reading
#
# - Odena, Dumoulin, Olah, [Deconvolution and Checkerboard
#   Artifacts](https://distill.pub/2016/deconv-checkerboard/) (2016): where the pattern comes from,
#   with figures to move.
# - Rybkin, Daniilidis, Levine, [Simple and Effective VAE Training with Calibrated
#   Decoders](https://arxiv.org/abs/2006.13202) (2021): why a likelihood should learn its scale.
# - Higgins et al., [β-VAE](https://openreview.net/forum?id=Sy2fzU9gl) (2017): what one may hope
#   for of single dimensions.
# - Townsend, Bird, Barber, [Practical Lossless Compression with Latent Variables using Bits Back
#   Coding](https://arxiv.org/abs/1901.04866) (2019): how to compress *without* loss by a VAE, at
#   the price of its negative ELBO.
#
# ## Checks

# %%
assert process.returncode == -signal.SIGKILL, "it was killed, not stopped"
assert largest_difference(resumed.model, whole.model) == 0, "resumed: the very same weights"
assert largest_difference(careless, whole.model) > 1e-3, "the careless way: others"
best = {name: float(m[np.argmin(values)]) for name, values in pixel_losses.items()}
assert abs(best["Gaussian"] - scans.mean()) < 0.011, "the Gaussian takes the mean"
assert abs(best["Laplace"] - np.median(scans)) < 0.011, "the Laplace takes the median"
assert fit.pvalue > 0.001, "draws are from the density"
added = {  # by dust, where there is the control
    name: from_clean[f"{name},\ndusty"] - from_clean[f"{name},\nclean"]
    for name in ("Gaussian", "Laplace")
    if "clean" in TRAINED_ON
}
assert not added or added["Gaussian"] > 2 * added["Laplace"], "dust costs the Gaussian more"
assert not added or scales["dusty", "Gaussian"] > 1.1 * scales["clean", "Gaussian"], "σ grows"
boards = [checkerboard(values) for values in untrained.values()]
assert boards[0] > 0.1 > 0.03 > boards[1], "repeating leaves no checkerboard"
assert largest_difference(own, loaded) == 0 and isinstance(loaded.reconstruction, Laplace)
assert "there is no vae_keras here" in user.stdout, user.stderr
for model, again in zip((whole.model, own), elsewhere):
    np.testing.assert_allclose(model.predict(test_images, verbose=0), again, atol=1e-4)
assert ratio == 64 * 64 * 3 / (64 * 2), "12,288 bytes against 128"
shapes, glasses = probed["shapes"], probed.get("glasses")
assert not glasses or glasses["codes"] > glasses["pixels"] + 0.02, "codes that hold what is asked"
assert shapes["codes"] < shapes["pixels"] - 0.1, "and codes that do not"

# %% [markdown]
# ## Tidying up
#
# This cell removes the folder of the chapter, with all that was trained.

# %%
import shutil

finished = Path.cwd()
os.chdir(NOTEBOOKS)
shutil.rmtree(finished)
assert not finished.exists(), "nothing stays behind"

# %% [markdown] tags=["navigation"]
# ---
# Previous: [12. Sequences](12_sequences.ipynb) ·
# Next: [14. What goes wrong](14_what_goes_wrong.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
