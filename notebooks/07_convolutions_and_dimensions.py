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
# # Convolutions, and how many dimensions
#
# Two choices are made before a VAE sees its first image, and many people copy them from somebody
# else. One is the shape of the two networks: dense, or convolutional. The other is the length of
# the code. This chapter takes both apart. The first is an assumption about images: we shall see
# where it helps, where it does not, and how to make it wrong on purpose. The second is a choice
# that the model partly makes for itself.
#
# You will
#
# 1. find out what a convolution knows about images, by taking that knowledge away from it,
# 2. predict the shapes and parameter counts of an encoder and a decoder, and write both yourself,
# 3. double an image by a transposed convolution, and see where the checkerboard comes from,
# 4. sample VAEs with codes of 2, 5, 10 and 20 numbers, and count the numbers that they use.
#
# You should know what `z_mean`, `reconstruction_loss` and `kl_loss` are.

# %% [markdown] tags=["navigation"]
# **Builds on** [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# **To read** about 40 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# Next: [8. β, and codes that say nothing](08_beta_and_collapse.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
import os

SEED = 0
EPOCHS = 40  # fast: 2
UNITS = "512-256-128"  # fast: "64"
DIMENSIONS = (2, 5, 10, 20)  # fast: (2, 20)
DATA_DIR = os.environ.get("VAE_KERAS_DATA_DIR", "")  # fast: ""
MNIST_EPOCHS = 4

# %% [markdown]
# ## 1. An image is not a list
#
# A dense layer multiplies a list of numbers by a matrix. It does not know that the list was once an
# image, so it does not know which pixels lie beside each other. Let us shuffle the pixels, with one
# and the same permutation for every image. Here are faces that the package draws.

# %%
import dataclasses
from pathlib import Path

import numpy as np

from vae_keras import VAE, TrainConfig, evaluate, figures, load, load_exported
from vae_keras.data.drawn.faces import draw, sample


def permuted(images):
    """The images [n, height, width, channels] with their pixels in another order, one for all."""
    count, height, width, channels = images.shape
    order = np.random.default_rng(SEED).permutation(height * width)
    return images.reshape(count, -1, channels)[:, order].reshape(images.shape)


faces = draw(sample(200, seed=0), 32) / np.float32(255)
figures.image_rows({"as drawn": faces[:10], "permuted": permuted(faces[:10])})

# %% [markdown]
# Nothing is lost: the same permutation, backwards, restores every face. But we see only noise in
# the second row. What does a network see? We train on handwritten digits: on the first 10,000 of
# MNIST if its archive is in `DATA_DIR` (set it above, or set the environment variable
# `VAE_KERAS_DATA_DIR`), and always on the small digits of 8×8 pixels. The outputs that are stored
# with this chapter have both.

# %%
small = load(TrainConfig(dataset="digits"))
digits = {"8×8": small}
if DATA_DIR and (Path(DATA_DIR) / "mnist.npz").is_file():
    whole = load(TrainConfig(dataset="mnist", data_dir=DATA_DIR))
    digits["28×28"] = dataclasses.replace(whole, train=whole.train.take(slice(10_000)))
largest = list(digits)[-1]  # what the later sections take


def reordered(dataset):
    """The data set with permuted pixels."""
    splits = {name: getattr(dataset, name) for name in ("train", "validation", "test")}
    splits = {
        name: dataclasses.replace(one, values=permuted(np.asarray(one.values)))
        for name, one in splits.items()
    }
    return dataclasses.replace(dataset, **splits)


# %% [markdown]
# The two networks should have the same number of weights. The convolutional one has 8 filters, 16
# after the next halving, and so on, and a dense layer of 64 features. The dense one has a single
# hidden layer, which is as wide as that number of weights allows.

# %%
from vae_keras.networks import ConvNetwork, DenseNetwork
from vae_keras.training.fitting import trained

CODE = 8


def sizes_of(network, shape):
    """The parameters of encoder and decoder for a code of 8."""
    return network.encoder(shape).count_params() + network.decoder(CODE, shape).count_params()


def of_equal_size(shape):
    """A convolutional network, and a dense one with as many parameters."""
    conv = ConvNetwork(filters=8, features=64)
    width = round(sizes_of(conv, shape) / (2 * np.prod(shape) + 2 + CODE))
    return {"dense": DenseNetwork((width,)), "conv": conv}


def fitted(network, dataset):
    """The test loss of a VAE with this network, in nats per image."""
    epochs = EPOCHS if dataset.name == "digits" else MNIST_EPOCHS
    config = TrainConfig(
        latent_dim=CODE,
        network=network,
        epochs=epochs,
        batch_size=64,
        learning_rate=2e-3,
        seed=SEED,
    )
    return evaluate(trained(config, dataset), dataset)["loss"]


# %% [markdown]
# > **Predict.** Each network is trained on digits as they were written, and on permuted ones. Which
# > network does better on written digits? What does the permutation cost each of them?

# %%
losses = {}
for side, dataset in digits.items():
    for name, network in of_equal_size(dataset.example_shape).items():
        parameters = sizes_of(network, dataset.example_shape)
        for order, one in (("as written", dataset), ("permuted", reordered(dataset))):
            losses[side, name, order] = fitted(network, one)
            print(f"{side:<6} {name:<6} {parameters:>8,} parameters, {order:<11}", end="")
            print(f"{losses[side, name, order]:7.2f} nats per image")

# %%
bars = {f"{name}\n{order}": v for (side, name, order), v in losses.items() if side == largest}
figure = figures.bars(
    bars, "test loss (nats per image)", f"equally many weights, {largest} pixels", "{:.1f}"
)
figure.axes[0].set_ylim(0.8 * min(bars.values()), 1.05 * max(bars.values()))
figure

# %% [markdown]
# (The axis does not start at 0.) On 28×28 pixels the convolutional network wins by more than ten
# nats, with equally many weights. The permutation takes nearly all of that away: the network falls
# back to where the dense one is. The dense network does not care: a permutation renames its inputs,
# and the small difference is chance.
#
# On 8×8 pixels the same assumption does not help: there the dense network is as good. One likely
# reason: after one halving only 4×4 places are left, so neighbours tell little. (The number of
# images differs as well.)
#
# ## 2. What a convolution assumes
#
# What does a convolution know about images? That a pixel has more to do with its neighbours than
# with the rest. That is a statement about data, so we can measure it. Predict each inner pixel
# linearly from the eight around it, and compute the share of its variance that is explained.


# %%
def explained_by_neighbours(images):
    """R² of a linear prediction of the inner pixels from their eight neighbours."""
    height, width = images.shape[1:3]
    views = {
        (i, j): images[:, i : i + height - 2, j : j + width - 2].ravel()
        for i in range(3)
        for j in range(3)
    }
    pixel = views.pop((1, 1))
    around = np.stack([*views.values(), np.ones_like(pixel)], axis=1)
    weights = np.linalg.lstsq(around, pixel, rcond=None)[0]
    return 1 - np.var(pixel - around @ weights) / np.var(pixel)


seen = {
    "faces": faces,
    **{side: one.test.take(slice(300)).arrays()[0] for side, one in digits.items()},
}
explained = {
    name: (explained_by_neighbours(images), explained_by_neighbours(permuted(images)))
    for name, images in seen.items()
}
for name, shares in explained.items():
    print("{:<6} {:.0%} explained by neighbours, {:.0%} after permuting".format(name, *shares))

# %% [markdown]
# That is the assumption: one small set of weights, the *kernel*, is moved over the whole image and
# sees one neighbourhood at a time. It helps if neighbours matter, and if what is worth seeing in
# one corner is worth seeing in another. Neighbours explain as much in faces as in digits of 28×28
# pixels. In digits of 8×8 pixels they explain less: there one pixel is as wide as a stroke.
#
# ## 3. Strides: halving on the way in
#
# A kernel of side $k$ that moves $s$ pixels at a time (its *stride*) turns an image of side $n$
# into one of side
#
# $$\text{output} = \lceil n / s \rceil$$
#
# if the edges are padded (`padding="same"`). It has $k^2 \cdot \text{channels in} \cdot
# \text{channels out}$ weights, and one bias for each channel out: **the side of the image does not
# occur**. With stride 2 the image is halved, and the channels are usually doubled. There are fewer
# places, and more numbers in each of them. Here is the encoder that the package builds for 64×64
# pixels in colour.

# %%
encoder = ConvNetwork().encoder((64, 64, 3))
for layer in encoder.layers:
    shape = "×".join(map(str, layer.output.shape[1:]))
    print(f"{layer.__class__.__name__:<10} {shape:>10}  {layer.count_params():>8,} parameters")

# %% [markdown]
# Check one line by hand: the second convolution has $3^2 \cdot 16 \cdot 32 + 32$ parameters. And
# look at where most weights are: in the one dense layer, because it is the only one that has a
# weight for each place. A dense network starts with such a layer, on the full image.

# %%
shapes = {side: (side, side, 3) for side in (8, 16, 32, 64, 96, 128)}
curves = {
    name: (list(shapes), [sizes_of(network, shape) / 1e6 for shape in shapes.values()])
    for name, network in (("dense", DenseNetwork()), ("convolutional", ConvNetwork()))
}
figures.lines(
    curves, "side of the image (pixels)", "million parameters", "what a larger image costs"
)

# %% [markdown]
# The dense network grows with the area. The convolutional one adds a halving now and then, and
# grows little. It may even shrink, because one more halving leaves less for the dense layer.
#
# What does one number of the last convolution see? Its *receptive field* is the patch of the image
# that it depends on. Each layer widens it by $k - 1$ steps, and a step is as wide as the product of
# all strides before it.

# %%
field, step = 1, 1
for number in range(1, 5):
    field, step = field + (3 - 1) * step, step * 2
    print(f"after convolution {number}: {field:>2} pixels wide, one number every {step} pixels")

# %% [markdown]
# The network itself can confirm that. Take the derivative of one number in the middle of a layer
# with respect to the pixels of the input. It is zero at all pixels that this number does not see.

# %%
import keras
import tensorflow as tf


def field_of(layer):
    """Which pixels the number in the middle of a convolution depends on: [64, 64]."""
    part = keras.Model(encoder.inputs, layer.output)
    image = tf.random.stateless_normal((1, 64, 64, 3), (SEED, 0))
    with tf.GradientTape() as tape:
        tape.watch(image)
        output = part(image)
        middle = tf.reduce_sum(output[0, output.shape[1] // 2, output.shape[2] // 2])
    return np.abs(tape.gradient(middle, image)).sum(axis=(0, 3))


fields = [field_of(layer) for layer in encoder.layers[:4]]
widths = [int((field.max(axis=0) > 0).sum()) for field in fields]
figure, axes = figures.panels(1, 4, width=2.3, height=2.6)
for number, (one, field, width) in enumerate(zip(axes, fields, widths), start=1):
    one.imshow(field / field.max(), cmap="viridis", extent=(0, 64, 64, 0))
    one.set(title=f"convolution {number}: {width} wide", xlabel="pixels")
    one.grid(False)
figure

# %% [markdown]
# The widths agree with the rule. (The fields lie to the lower right of the middle because a stride
# of 2 on an even side pads the lower and right edges alone.) After four convolutions of 3×3 a
# number still sees less than half of the width. The dense layer behind them sees the whole image.
#
# ## 4. Transposed convolutions: doubling on the way out
#
# The decoder goes the other way, from a few places with many channels to many places with few. It
# uses a layer called *transposed convolution*, and the name can be taken literally. A convolution
# is linear, so it is a matrix. Its outputs for the unit vectors are the columns of this matrix.

# %%
from keras import layers

options = dict(kernel_size=3, strides=2, padding="same", use_bias=False)
down, up = layers.Conv1D(1, **options), layers.Conv1DTranspose(1, **options)
for layer, side in ((down, 8), (up, 4)):
    layer.build((None, side, 1))
    layer.set_weights([np.reshape([0.4, 1.0, 0.7], (3, 1, 1))])  # the same kernel
down_matrix = np.asarray(down(np.eye(8, dtype="float32")[:, :, None]))[:, :, 0].T  # [4, 8]
up_matrix = np.asarray(up(np.eye(4, dtype="float32")[:, :, None]))[:, :, 0].T  # [8, 4]

figure, axes = figures.panels(1, 2, width=3.4, height=3.4)
titles = ("convolution: 8 => 4", "transposed convolution: 4 => 8")
for one, matrix, title in zip(axes, (down_matrix, up_matrix), titles):
    one.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    one.set(title=title, xlabel="input", ylabel="output")
    one.grid(False)
figure

# %% [markdown]
# The right matrix is the left one transposed. It is not its inverse. Read it by columns: every
# input number stamps a copy of the kernel on the output, multiplied by that number. The stamps are
# `strides` apart, and where they overlap they are added. So, for the sides of the image,
#
# $$\text{output} = \text{input} \times \text{stride}.$$
#
# A decoder starts from a small image that a dense layer has made, and doubles it again and again.
# If a side cannot be halved evenly, the package rounds up and crops the rest:

# %%
for side in (28, 30):
    decoder = ConvNetwork().decoder(2, (side, side, 1))
    steps = [layer.output.shape[1:] for layer in decoder.layers if len(layer.output.shape) == 4]
    print(f"to {side}×{side}: ", " => ".join("×".join(map(str, shape)) for shape in steps))

# %% [markdown]
# You know all that is needed to write both networks for digits of 28×28 pixels. The package's `VAE`
# takes an encoder and a decoder of your own. Your encoder ends in features, and the package puts
# the two heads of the chapter before behind them. Your decoder ends in logits.


# %%
def my_encoder():
    """28×28 => 14×14 => 7×7, and 64 features."""
    x = keras.Input((28, 28, 1))
    h = layers.Conv2D(8, 3, strides=2, padding="same", activation="gelu")(x)
    h = layers.Conv2D(16, 3, strides=2, padding="same", activation="gelu")(h)
    h = layers.Dense(64, "gelu")(layers.Flatten()(h))
    return keras.Model(x, h, name="my_encoder")


def my_decoder():
    """A code => 7×7 => 14×14 => 28×28 logits."""
    z = keras.Input((CODE,))
    h = layers.Dense(64, "gelu")(z)
    h = layers.Dense(7 * 7 * 16, "gelu")(h)
    h = layers.Reshape((7, 7, 16))(h)
    h = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="gelu")(h)
    h = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="gelu")(h)
    return keras.Model(z, layers.Conv2D(1, 3, padding="same")(h), name="my_decoder")


mine = VAE((28, 28, 1), CODE, encoder=my_encoder(), decoder=my_decoder(), seed=SEED)
theirs = VAE((28, 28, 1), CODE, network=ConvNetwork(filters=8, features=64), seed=SEED)
theirs.set_weights(mine.get_weights())
images = tf.random.stateless_uniform((16, 28, 28, 1), (SEED, 2))
both = [one.objective(one.prepare(images), training=False) for one in (mine, theirs)]
for name in both[0]:
    print(f"{name:<20}", "and".join(f" {np.mean(terms[name]):.5f} " for terms in both), "nats")
    np.testing.assert_allclose(both[0][name], both[1][name], rtol=1e-5, atol=1e-5)
my_decoder().summary()

# %% [markdown]
# With the same weights the two models give the same terms, for every image. So your network is the
# convolutional network of section 1, and its results are yours too.
#
# ## 5. The checkerboard
#
# Stamps that overlap are added, and that is where a well-known defect comes from. Count the stamps
# that each pixel gets: let every input be 1 and the kernel be all ones.
#
# > **Predict.** Kernel 3, stride 2. How many stamps does a pixel in the interior get?


# %%
def stamps(kernel, stride):
    """How many copies of the kernel fall on each pixel, from 10×10 inputs of ones."""
    layer = layers.Conv2DTranspose(
        1, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer="ones"
    )
    return np.asarray(layer(np.ones((1, 10, 10, 1), np.float32)))[0, :, :, 0]


def inside(kernel, stride):
    """The numbers of stamps that occur away from the edges."""
    edge = kernel // 2 + 1
    return np.unique(stamps(kernel, stride)[edge:-edge, edge:-edge]).tolist()


def drawn_stamps(kernel, stride):
    figure, axes = figures.panels(width=4.6, height=4)
    side = 10 * stride
    drawn = axes.imshow(stamps(kernel, stride), cmap="viridis", vmin=0, extent=(0, side, side, 0))
    figure.colorbar(drawn, label="stamps on a pixel")
    found = ", ".join(f"{count:g}" for count in inside(kernel, stride))
    axes.set(title=f"kernel {kernel}, stride {stride}: {found} in the interior", xlabel="pixels")
    axes.grid(False)
    return figure


drawn_stamps(kernel=3, stride=2)

# %% [markdown]
# The answer: it depends on the pixel. Every other row and column gets twice as many stamps, and
# pixels where both meet get four. A network can learn weights that balance this. Where it has not
# learned it well, its samples show a fine checkerboard.
#
# The sliders have all combinations. Look for those with a single number in the title. When does
# that happen? And what does a kernel do that is smaller than its stride?

# %%
from vae_keras.figures.sliders import Sliders

Sliders(drawn_stamps, kernel=(1, 2, 3, 4, 5, 6), stride=(1, 2, 3))

# %% [markdown]
# The interior is even exactly when **the kernel is a multiple of the stride**: 2 or 4 or 6 for
# stride 2, 3 or 6 for stride 3. A kernel that is smaller than the stride leaves holes.
#
# Real kernels are not all ones. But before training they are random, and the sum of $n$ random
# weights is about $\sqrt n$ in size, so the checkerboard is there from the first step. Here is the
# standard deviation of each output pixel over a thousand random kernels.

# %%
start = keras.initializers.RandomNormal(stddev=1.0, seed=SEED)
spreads = {}
for kernel in (3, 4):
    layer = layers.Conv2DTranspose(
        1_000, kernel, strides=2, padding="same", use_bias=False, kernel_initializer=start
    )
    spreads[kernel] = np.asarray(layer(np.ones((1, 6, 6, 1), np.float32)))[0, 4:8, 4:8].std(axis=-1)

figure, axes = figures.panels(1, 2, width=3.6, height=3.2)
for one, (kernel, spread) in zip(axes, spreads.items()):
    drawn = one.imshow(spread, cmap="viridis", vmin=0, vmax=2.2, extent=(0, 4, 4, 0))
    one.set(title=f"kernel {kernel}, stride 2", xlabel="pixels in the interior")
    one.grid(False)
figure.colorbar(drawn, ax=axes, label="standard deviation of the output")
figure

# %% [markdown]
# So what does the package do? `network="conv"` has kernels of 3 with stride 2, as most tutorials
# have, and ends in an ordinary convolution that can smooth what the doubling has left.
# `network="resnet"`, which the package takes for faces, has kernels of 4 with stride 2, and 4 with
# stride 4 at the end: multiples, both.
#
# ## 6. An activation after each
#
# It is easy to forget the activation of a layer that is there to change shapes. What would be lost?
# Without it each layer is a matrix, and a product of matrices is one matrix. Then the logits of a
# sum of two codes are the sum of their logits. (The biases count once, hence the term with 0.)

# %%
a, b = tf.unstack(tf.random.stateless_normal((2, 1, 8), (SEED, 1)))
for activation in ("gelu", None):
    keras.utils.set_random_seed(SEED)
    f = ConvNetwork(activation=activation).decoder(8, (8, 8, 1))
    gap = np.abs(f(a + b) - (f(a) + f(b) - f(0 * a))).max() / np.abs(f(a)).max()
    print(f"activation {activation!s:<5} f(a + b) differs from f(a) + f(b) − f(0) by {gap:.1e}")

# %% [markdown]
# There are four layers with weights (five for 28×28 pixels), but together they can compute only
# what one layer can. On digits that costs:

# %%
without = ConvNetwork(filters=8, features=64, activation=None)
linear = fitted(without, digits[largest])
print(f"with activations {losses[largest, 'conv', 'as written']:.2f} nats per image", end=", ")
print(f"without {linear:.2f}")

# %% [markdown]
# ## 7. How many dimensions?
#
# Now the code. A longer one can say more, so the reconstruction improves. But every nat that it
# says costs at least a nat of `kl_loss`, and a sample has to get every dimension right. The package
# has this comparison as a study (`python -m vae_keras study sizes`): four VAEs that differ in
# `latent_dim`. Here they are dense, and trained on the largest digits that we have.
#
# A dimension is *active* if the variance of its `z_mean` over the test images is above 0.01, and
# *inactive* otherwise.
#
# > **Predict.** With codes of 2, 5, 10 and 20 numbers, does the test loss go on falling? And how
# > many of the 20 dimensions will be active?

# %%
import functools

from vae_keras.studies.sizes import sizes

long = MNIST_EPOCHS if largest == "28×28" else EPOCHS
common = dict(units=UNITS, epochs=long, batch_size=64, learning_rate=1e-3, seed=SEED)
found, figure = sizes(functools.partial(TrainConfig, **common), digits[largest], DIMENSIONS)
figure

# %%
print("code   loss = reconstruction + KL (nats per image)   active units")
for name, row in found.items():
    terms = f"{row['loss']:.2f} = {row['reconstruction_loss']:.2f} + {row['kl_loss']:.2f}"
    print(f"{name:<6} {terms:<43}   {row['active_units']}")

# %% [markdown]
# The loss falls by less and less. From 10 dimensions to 20 it falls no longer, and the KL rises by
# about one nat: the ten further dimensions add almost nothing. After so short a training all 20
# still count as active here. The next section has a model with 20 dimensions that was trained for
# longer, on all of MNIST. It has 10 active and 10 inactive dimensions. (On 8×8 digits, which are
# learned faster, 4 or 5 of 20 stay active.)
#
# An inactive dimension costs nothing, because its posterior is the prior and its `kl_loss` is 0. An
# active one has to save as many nats of reconstruction as it costs. So a VAE with too long a code
# is not punished much: **it chooses how many dimensions to use**. Nothing can repair a code that is
# too short.
#
# ## 8. MNIST, where there is more to say
#
# These models saw 10,000 digits for a minute. Two models that ship with the package were trained on
# all of MNIST: the same dense network with codes of 2 and of 20, both on grey values. Each comes
# with the command that made it and with its evaluation on the 10,000 test images.

# %%
import json

PRETRAINED = Path("../saved_models/pretrained")
names = ("mnist_vae_2d", "mnist_vae_20d")
stored = {name: json.loads((PRETRAINED / name / "evaluation.json").read_text()) for name in names}
for name, row in stored.items():
    card = (PRETRAINED / name / "model_card.md").read_text()
    print(next(line.strip() for line in card.splitlines() if "python train.py" in line))
    for key in ("negative_elbo", "reconstruction_loss", "kl_loss"):
        print(f"  {key:<20} {row[key]:7.2f} ± {row[key + '_standard_error']:.2f} nats per image")
    print(f"  {'active_units':<20} {row['active_units']:>4} of {row['latent_dim']}\n")

# %%
plane = load_exported(PRETRAINED / "mnist_vae_2d")
wide = load_exported(PRETRAINED / "mnist_vae_20d")
figures.image_grids(
    {
        "2 dimensions": plane.generate(36, seed=SEED),
        "20 dimensions": wide.generate(36, seed=SEED),
    }
)

# %% [markdown]
# Look closely before you choose. The samples of the 2-D code are blurred but nearly always some
# digit. Those of the 20-D code have sharper strokes, and more of them are no digit at all. A draw
# of the prior has to be right in ten dimensions at once, and between the classes there is more
# empty room. The better bound, by some 40 nats, does not mean that every sample is prettier. (This
# model was also trained for longer, as its command says, so not all of the 40 nats come from the
# code.)
#
# The 2-D code has another advantage: we can look at all of its plane at once. The grid below is as
# dense as the prior, so each image stands for the same probability.

# %% tags=["cover"]
from vae_keras.latent.grids import prior_grid

side = 15
grid = prior_grid(latent_dim=2, side=side)
axis = grid[:side, 0]
figures.manifold(plane.decode(grid), (axis, axis), title="what each code of mnist_vae_2d draws")

# %% [markdown]
# For a longer code there is no such map. But we can decode all codes between four corners: the
# codes of four digits, straight lines between them, and straight lines between the lines. The
# corners are real test digits if the archive is there, and samples of the model otherwise.

# %%
from vae_keras.latent.morphing import between_corners

if largest == "28×28":
    test_images, test_labels = digits[largest].test.arrays()
    four = test_images[[np.flatnonzero(test_labels == label)[0] for label in (0, 3, 7, 6)]]
else:
    four = wide.generate(100, seed=SEED)[[2, 38, 24, 39]]
corners = np.asarray(wide.encode(four))
figures.image_grid(
    wide.decode(between_corners(corners, 9)), 9, "between four digits, in 20 numbers"
)

# %% [markdown]
# Every step is small, and most of the way shows digits. In the middle, where four of them meet, it
# is hard to say which digit it is.
#
# And we can move one dimension at a time. Here are the three of the 20 with the largest `kl_loss`,
# and the two with the smallest.

# %%
from vae_keras.latent.grids import normal_quantiles, traversal

use = np.array(stored["mnist_vae_20d"]["kl_per_dimension"])
ranked = np.argsort(-use)
z = wide.encode(wide.generate(1, seed=4))[0]
values = normal_quantiles(11)
figures.image_rows(
    {
        f"z[{k}]: {use[k]:.2f} nats": wide.decode(traversal(z, k, values))
        for k in (*ranked[:3], *ranked[-2:])
    },
    "one dimension from −1.7 to 1.7, the others as they were",
)

# %% [markdown]
# The lower rows do not change at all. Half of the 20 dimensions are inactive, for every image. How
# a model comes to that decision, and when it is a wrong one, is the subject of the next chapter.
#
# ## Exercises
#
# 1. A doubling without stamps: repeat every pixel (`UpSampling2D`), then convolve with kernel 3 and
#    stride 1. Count its stamps as above. What does it cost?

# %%
from vae_keras.course import check


def answer_1(images):
    """Fill in: the stamps on each pixel of the doubled images, [n, 6, 6, 1] => [n, 12, 12, 1]."""
    ...


def is_even(counts):
    counts = np.asarray(counts)
    return counts.shape == (1, 12, 12, 1) and (counts[:, 1:-1, 1:-1] == 9).all()


ones = np.ones((1, 6, 6, 1), np.float32)
check(1, answer_1(ones), is_even)

# %% [markdown]
# 2. Find a kernel and a stride for `Conv2DTranspose` that triple an image evenly, with as few
#    weights as possible. What may its seams look like?


# %%
def answer_2():
    """Fill in: the kernel and the stride."""
    ...


check(2, answer_2(), lambda one: one[1] == 3 and one[0] ** 2 == 9 and len(inside(*one)) == 1)

# %% [markdown]
# 3. `network="resnet"` begins with a kernel of 4 and stride 4, then a kernel of 4 and stride 2.
#    What is its receptive field after these two? The check asks the network, as `field_of` does.


# %%
def answer_3():
    """Fill in: the width of the receptive field in pixels."""
    ...


two = keras.Sequential(
    [
        keras.Input((64, 64, 3)),
        layers.Conv2D(4, 4, strides=4, padding="same"),
        layers.Conv2D(4, 4, strides=2, padding="same"),
    ]
)


def is_width(width):
    image = tf.random.stateless_normal((1, 64, 64, 3), (SEED, 0))
    with tf.GradientTape() as tape:
        tape.watch(image)
        middle = tf.reduce_sum(two(image)[0, 4, 4])
    seen_pixels = np.abs(tape.gradient(middle, image)).sum(axis=(0, 1, 3)) > 0
    return width == seen_pixels.sum()


check(3, answer_3(), is_width)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1(images):
    """Nine on every pixel away from the edges."""
    repeated = layers.UpSampling2D(2)(images)
    ones = dict(use_bias=False, kernel_initializer="ones")
    return layers.Conv2D(1, 3, padding="same", **ones)(repeated)


assert check(1, answer_1(ones), is_even)
# The cost: nine products at each of the large image's pixels. The stride-2 layer has nine at each
# of the small one's, a quarter as many places.


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2():
    """Kernel 3, nine weights: the stamps just touch."""
    return 3, 3


assert check(2, answer_2(), lambda one: one[1] == 3 and one[0] ** 2 == 9 and len(inside(*one)) == 1)
# Every output pixel then depends on one input only, so blocks may show at the seams. Kernel 6
# overlaps evenly, at four times the weights.


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3():
    """The first sees 4; the second adds three steps of 4."""
    return 4 + (4 - 1) * 4


assert check(3, answer_3(), is_width)

# %% [markdown]
# ## Further reading
#
# - V. Dumoulin and F. Visin, [A guide to convolution arithmetic for deep
#   learning](https://arxiv.org/abs/1603.07285): every case of sizes, strides and padding, drawn.
# - A. Odena, V. Dumoulin and C. Olah, [Deconvolution and checkerboard
#   artifacts](https://distill.pub/2016/deconv-checkerboard/): where the pattern was explained.
# - W. Luo and others, [Understanding the effective receptive field in deep convolutional neural
#   networks](https://arxiv.org/abs/1701.04128): not all of the field counts alike.
# - Y. Burda, R. Grosse and R. Salakhutdinov, [Importance weighted
#   autoencoders](https://arxiv.org/abs/1509.00519): section 5.2 defines active units.
#
# ## Checks

# %%
for side, dataset in digits.items():
    ours, theirs_ = (
        sizes_of(one, dataset.example_shape)
        for one in of_equal_size(dataset.example_shape).values()
    )
    assert abs(ours - theirs_) < 0.02 * theirs_, "the weights are not equally many"
    costs = {
        n: losses[side, n, "permuted"] - losses[side, n, "as written"] for n in ("dense", "conv")
    }
    if side == "28×28":  # here the assumption helps, until the pixels are permuted
        assert losses[side, "conv", "as written"] < losses[side, "dense", "as written"] - 5
        assert costs["conv"] > 5 > 2 * abs(costs["dense"])
    else:  # and here it does not help
        assert losses[side, "conv", "as written"] > losses[side, "dense", "as written"] - 0.5
        assert abs(costs["dense"]) < 0.5  # a permutation renames its inputs, and that is all
assert all(shares[0] > shares[1] + 0.2 for shares in explained.values()), explained
assert widths == [3, 7, 15, 31], widths
assert np.allclose(up_matrix, down_matrix.T)
assert all(
    (len(inside(kernel, stride)) == 1) == (kernel % stride == 0)
    for kernel in range(1, 7)
    for stride in (1, 2, 3)
)
assert spreads[3].max() > 1.8 * spreads[3].min() and spreads[4].max() < 1.2 * spreads[4].min()
assert gap < 1e-5  # the last one: without activation
assert EPOCHS < 40 or linear > losses[largest, "conv", "as written"] + 0.5
assert EPOCHS < 40 or found["20-D"]["loss"] < found["2-D"]["loss"]
assert stored["mnist_vae_20d"]["active_units"] == 10
still = wide.decode(traversal(z, ranked[-1], values))
assert np.abs(still - still[:1]).max() < 0.02  # an inactive dimension draws nothing

# %% [markdown] tags=["navigation"]
# ---
# Previous: [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# Next: [8. β, and codes that say nothing](08_beta_and_collapse.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
