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
# Two choices are made before a VAE sees its first picture, and both are usually made by copying
# what somebody else did. One is the shape of the two networks: dense, or convolutional. The other
# is the length of the code. This chapter takes both apart. The first turns out to be a bet about
# pictures, which we shall win and then lose on purpose. The second turns out to be a choice that
# the model partly makes for itself.
#
# You will
#
# 1. find out what a convolution knows about pictures, by taking that knowledge away from it,
# 2. predict the shapes and parameter counts of an encoder and a decoder,
# 3. turn a convolution round and see where the notorious checkerboard comes from,
# 4. sample VAEs with codes of 2, 5, 10 and 20 numbers, and count the numbers that they use.
#
# It takes about two minutes and needs no download. It builds on the chapters about autoencoders
# and the VAE: you should know what `z_mean`, `reconstruction_loss` and `kl_loss` are.

# %% [markdown] tags=["navigation"]
# **Builds on** [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# **To read** about 35 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# Next: [8. β, and codes that fall silent](08_beta_and_collapse.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
import os

SEED = 0
EPOCHS = 40  # fast: 4
SLIM_SEEDS = 2  # fast: 1
DATA_DIR = os.environ.get("VAE_KERAS_DATA_DIR", "")  # fast: ""
MNIST_EPOCHS = 2  # of the last section, which is skipped unless DATA_DIR has mnist.npz

# %% [markdown]
# ## 1. A picture is not a list
#
# A dense layer multiplies a list of numbers by a matrix. It does not know that the list was once a
# picture: that one pixel lies above another is nothing to it. So let us shuffle the pixels, with
# one and the same permutation for every picture.

# %%
import dataclasses

import numpy as np

from vae_keras import VAE, TrainConfig, evaluate, figures, load, load_exported

digits = load(TrainConfig(dataset="digits"))
order = np.random.default_rng(SEED).permutation(64)


def permuted(examples):
    images = examples.values.reshape(-1, 64)[:, order].reshape(examples.values.shape)
    return dataclasses.replace(examples, values=images)


splits = {name: permuted(getattr(digits, name)) for name in ("train", "validation", "test")}
data = {"as written": digits, "permuted": dataclasses.replace(digits, **splits)}

# %%
first = slice(0, 10)
figures.image_rows({name: one.train.take(first).arrays()[0] for name, one in data.items()})

# %% [markdown]
# Nothing is lost: the same permutation, backwards, restores every digit. To us, though, the second
# row is noise. Here is a VAE as a Keras model, with a network of our choice, and its test loss.

# %%
import keras


def fitted(network, dataset, seed=SEED):
    """The test loss of a VAE with this network, in nats per picture, and its parameters."""
    keras.utils.set_random_seed(seed)
    model = VAE(dataset.example_shape, latent_dim=8, network=network, seed=seed)
    model.compile(keras.optimizers.Adam(2e-3), steps_per_execution=7)
    model.fit(dataset.train.arrays()[0], epochs=EPOCHS, batch_size=64, verbose=0)
    return evaluate(model, dataset)["loss"], model.count_params()


# %% [markdown]
# > **Predict.** Two VAEs, one dense and one convolutional, are each trained on both rows: four test
# > losses. Which of them stands out?

# %%
losses, parameters = {}, {}
for network in ("dense", "conv"):
    for name, one in data.items():
        losses[network, name], parameters[network] = fitted(network, one)
        print(f"{network:<6} {name:<11} {losses[network, name]:6.2f} nats per picture")
for network, count in parameters.items():
    print(f"{network:<6} has {count:,} parameters")

# %% [markdown]
# If you said that the convolution would suffer from the shuffling, you said what nearly everybody
# says, and the numbers do not bear it out: the four are close together. The dense network cannot
# suffer, because a permutation only renames its inputs: what differs is chance. But the
# convolutional one ought to mind. Why does it not?
#
# Because it is not only convolutional. After one halving of an 8×8 picture it flattens what it has
# and ends in dense layers, and these have most of the weights. They can undo any mess that is made
# before them. What the convolution did buy is in the last two lines: much the same loss for a
# little over a third of the parameters.
#
# ## 2. The bet
#
# What would a convolution know, if we let it? That a pixel has more to do with its neighbours than
# with the rest. That is a statement about data, so we can measure it. Predict each inner pixel
# linearly from the eight around it, and look at the share of its variance that is explained.


# %%
def explained_by_neighbours(images):
    """R² of a linear prediction of the inner pixels from their eight neighbours."""
    views = {(i, j): images[:, i : i + 6, j : j + 6].ravel() for i in range(3) for j in range(3)}
    pixel = views.pop((1, 1))
    around = np.stack([*views.values(), np.ones_like(pixel)], axis=1)
    weights = np.linalg.lstsq(around, pixel, rcond=None)[0]
    return 1 - np.var(pixel - around @ weights) / np.var(pixel)


explained = {name: explained_by_neighbours(one.train.arrays()[0]) for name, one in data.items()}
for name, share in explained.items():
    print(f"{name:<11} {share:.0%} of a pixel's variance is explained by its neighbours")

# %% [markdown]
# That is the bet: one small set of weights, the *kernel*, is moved over the whole picture and sees
# a neighbourhood at a time. It pays if neighbours matter, and if what is worth seeing in one corner
# is worth seeing in another. To see it lost, take away the dense layers' room to make up for it:
# 8 filters and 16 features in place of 32 and 128.

# %%
from vae_keras.networks import ConvNetwork

for name, one in data.items():
    several = [
        fitted(ConvNetwork(filters=8, features=16), one, SEED + n) for n in range(SLIM_SEEDS)
    ]
    losses["slim conv", name] = np.mean([loss for loss, _ in several])
    print(f"slim conv  {name:<11}", ", ".join(f"{loss:.2f}" for loss, _ in several), "nats")
print(f"slim conv  has {several[0][1]:,} parameters")

# %%
bars = {f"{network}\n{name}": loss for (network, name), loss in losses.items()}
figure = figures.bars(bars, "test loss (nats per picture)", "what permuting costs", "{:.2f}")
figure.axes[0].set_ylim(min(bars.values()) - 1, max(bars.values()) + 0.5)
figure

# %% [markdown]
# Mind the axis: it does not start at 0. The slim network has about a seventieth of the dense one's
# weights and is a nat behind. With the pixels permuted it falls back a little further, by a tenth
# of a nat or so, with either seed. On 8×8 pixels the bet is for small stakes: dense layers are
# cheap, and there are few places to be clever about. The next section shows why on large pictures
# it is not.
#
# ## 3. Strides: halving on the way in
#
# A kernel of side $k$ that moves $s$ pixels at a time (its *stride*) turns a picture of side $n$
# into one of side
#
# $$\text{output} = \lceil n / s \rceil$$
#
# if the edges are padded (`padding="same"`). Its weights are $k^2 \cdot \text{channels in} \cdot
# \text{channels out}$, and one bias for each channel out: **the side of the picture does not
# occur**. With stride 2 the picture is halved, and the channels usually doubled, so that what was
# said by *where* is said by *which*. Here is the encoder that the package builds for 64×64 pixels
# in colour.

# %%
encoder = ConvNetwork().encoder((64, 64, 3))
for layer in encoder.layers:
    shape = "×".join(map(str, layer.output.shape[1:]))
    print(f"{layer.__class__.__name__:<10} {shape:>10}  {layer.count_params():>8,} parameters")

# %% [markdown]
# Check one line by hand: the second convolution has $3^2 \cdot 16 \cdot 32 + 32$ parameters. And
# look at where the weights are: in the one dense layer, again, because it is the only one that has
# a weight for each place. A dense network starts with such a layer, on the full picture.

# %%
from vae_keras.networks import DenseNetwork


def sizes_of(network, shape):
    """The parameters of encoder and decoder for a code of 8."""
    return network.encoder(shape).count_params() + network.decoder(8, shape).count_params()


shapes = {side: (side, side, 3) for side in (8, 16, 32, 64, 96, 128)}
curves = {
    name: (list(shapes), [sizes_of(network, shape) / 1e6 for shape in shapes.values()])
    for name, network in (("dense", DenseNetwork()), ("convolutional", ConvNetwork()))
}
figures.lines(
    curves, "side of the picture (pixels)", "million parameters", "what a larger picture costs"
)

# %% [markdown]
# The dense network grows with the area. The convolutional one adds a halving now and then, and
# grows little, not even steadily: the last halving decides how much is left for the dense layer.
#
# What does one number of the last convolution see? Each layer widens its *receptive field*, the
# patch of the picture that it depends on: by $k - 1$ steps, and a step is as wide as all strides
# before it together.

# %%
field, step = 1, 1
for number in range(1, 5):
    field, step = field + (3 - 1) * step, step * 2
    print(f"after convolution {number}: {field:>2} pixels wide, one number every {step} pixels")

# %% [markdown]
# Rather than believe that, ask the network. The derivative of one number in the middle of a layer
# by the pixels of the input is zero wherever it does not look.

# %%
import tensorflow as tf


def seen(layer):
    """Which pixels the number in the middle of a convolution depends on: [64, 64]."""
    part = keras.Model(encoder.inputs, layer.output)
    picture = tf.random.stateless_normal((1, 64, 64, 3), (SEED, 0))
    with tf.GradientTape() as tape:
        tape.watch(picture)
        output = part(picture)
        middle = tf.reduce_sum(output[0, output.shape[1] // 2, output.shape[2] // 2])
    return np.abs(tape.gradient(middle, picture)).sum(axis=(0, 3))


fields = [seen(layer) for layer in encoder.layers[:4]]
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
# number still sees less than half of the width. To see the whole picture at once, there is the
# dense layer.
#
# ## 4. Transposed convolutions: doubling on the way out
#
# The decoder has to go the other way, from a few places with many channels to many places. The
# usual tool has a name that confuses everybody once, so let us take it literally. A convolution is
# linear, hence a matrix. Feed it the unit vectors and you can read the matrix off.

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
# The right matrix is the left one transposed: nothing more, and in particular not its inverse. Read
# it by columns: every input number stamps a copy of the kernel on the output, `strides` apart, and
# where stamps overlap they add up. So
#
# $$\text{output} = \text{input} \times \text{stride}.$$
#
# A decoder thus starts from a small picture made by a dense layer and doubles it. Where a side does
# not divide evenly, the package rounds up and crops what is left over:

# %%
for side in (28, 30):
    decoder = ConvNetwork().decoder(2, (side, side, 1))
    steps = [layer.output.shape[1:] for layer in decoder.layers if len(layer.output.shape) == 4]
    print(f"to {side}×{side}: ", " => ".join("×".join(map(str, shape)) for shape in steps))

# %% [markdown]
# ## 5. The checkerboard
#
# Stamps that overlap add up, and that is where a well-known blemish comes from. Count the stamps
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
    picture = axes.imshow(stamps(kernel, stride), cmap="viridis", vmin=0, extent=(0, side, side, 0))
    figure.colorbar(picture, label="stamps on a pixel")
    found = ", ".join(f"{count:g}" for count in inside(kernel, stride))
    axes.set(title=f"kernel {kernel}, stride {stride}: {found} in the interior", xlabel="pixels")
    axes.grid(False)
    return figure


drawn_stamps(kernel=3, stride=2)

# %% [markdown]
# If you said that it depends, you have seen this pattern in other people's samples: every other
# row and column is hit twice as often, and where both meet, four times. A network can learn to
# balance it with its weights, but it has to learn it, and where it has not quite, the samples carry
# a fine chequered weave.
#
# The slider has all combinations. Look for those with a single number in the title. When does that
# happen? And what does a kernel do that is smaller than its stride?

# %%
from vae_keras.figures.sliders import Sliders

Sliders(drawn_stamps, kernel=(1, 2, 3, 4, 5, 6), stride=(1, 2, 3))

# %% [markdown]
# The interior is even exactly when **the kernel is a multiple of the stride**: 2 or 4 or 6 for
# stride 2, 3 or 6 for stride 3. Smaller than the stride, it leaves holes.
#
# Real kernels are not all ones. But before training they are random, and the sum of $n$ random
# weights is about $\sqrt n$ in size, so the weave is there from the first step: here is the
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
    picture = one.imshow(spread, cmap="viridis", vmin=0, vmax=2.2, extent=(0, 4, 4, 0))
    one.set(title=f"kernel {kernel}, stride 2", xlabel="pixels in the interior")
    one.grid(False)
figure.colorbar(picture, ax=axes, label="standard deviation of the output")
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
# Without it each layer is a matrix, and a product of matrices is one matrix: the picture of a sum
# of codes is the sum of their pictures. (The biases count once, hence the last term. Pictures
# before the sigmoid, that is.)

# %%
a, b = tf.unstack(tf.random.stateless_normal((2, 1, 8), (SEED, 1)))
for activation in ("gelu", None):
    keras.utils.set_random_seed(SEED)
    f = ConvNetwork(activation=activation).decoder(8, (8, 8, 1))
    gap = np.abs(f(a + b) - (f(a) + f(b) - f(0 * a))).max() / np.abs(f(a)).max()
    print(f"activation {activation!s:<5} f(a + b) differs from f(a) + f(b) − f(0) by {gap:.1e}")

# %% [markdown]
# Four layers with weights, and all they can say together is what one could. On digits that costs:

# %%
linear = fitted(ConvNetwork(activation=None), digits)[0]
print(f"with activations {losses['conv', 'as written']:.2f}, without {linear:.2f} nats per picture")

# %% [markdown]
# ## 7. How many dimensions?
#
# Now the code. A longer one can say more, so the reconstruction improves. But every nat that it
# says is a nat of `kl_loss`, and a sample has to get every dimension right. The package has this
# comparison as a study (`python -m vae_keras study sizes`): four VAEs that differ in `latent_dim`.
#
# > **Predict.** With codes of 2, 5, 10 and 20 numbers, does the test loss go on falling? And how
# > many of the 20 dimensions will be *active*, that is, have a mean whose variance over the
# > pictures is above 0.01?

# %%
import functools

from vae_keras.studies.sizes import sizes

found, figure = sizes(functools.partial(TrainConfig, epochs=EPOCHS, seed=SEED), digits)
figure

# %%
print("code   loss = reconstruction + KL (nats per picture)   active units")
for name, row in found.items():
    terms = f"{row['loss']:.2f} = {row['reconstruction_loss']:.2f} + {row['kl_loss']:.2f}"
    print(f"{name:<6} {terms:<43}   {row['active_units']}")

# %% [markdown]
# If you said that the loss goes on falling, you are right, by less and less: from 2 dimensions to
# 20 it gains half a nat. If you said that a code of 20 has 20 active dimensions, look at the last
# column. Beyond four or five the model has no use for more. An unused dimension costs nothing, as
# its posterior is the prior, and its `kl_loss` 0; a used one has to earn its nats in
# reconstruction. So a VAE with too long a code is not punished much: **it chooses how many of them
# to use**. Too short a code cannot be helped.
#
# The samples hardly tell the codes apart: on 8×8 pixels all four draw blurred digits, and now and
# then none. On larger pictures it is another matter.
#
# ## 8. MNIST, where there is more to say
#
# An 8×8 digit is soon told. On 28×28 pixels the size of the code matters far more. Two models ship
# with the package, the same dense network with codes of 2 and of 20, both on grey values, and with
# each the command that made it and its evaluation on the 10,000 test images.

# %%
import json
from pathlib import Path

PRETRAINED = Path("../saved_models/pretrained")
names = ("mnist_vae_2d", "mnist_vae_20d")
stored = {name: json.loads((PRETRAINED / name / "evaluation.json").read_text()) for name in names}
for name, row in stored.items():
    card = (PRETRAINED / name / "model_card.md").read_text()
    print(next(line.strip() for line in card.splitlines() if "python train.py" in line))
    for key in ("negative_elbo", "reconstruction_loss", "kl_loss"):
        print(f"  {key:<20} {row[key]:7.2f} ± {row[key + '_standard_error']:.2f} nats per picture")
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
# digit. Those of the 20-D code have sharper strokes, and more of them are no digit at all: a draw
# of the prior has to be right in ten dimensions at once, and between the classes there is more
# empty room. The better bound, by some 40 nats, does not mean that every sample is prettier. (It
# was also trained for longer, as its command says, so not all of the 40 are the code's.)
#
# What the 2-D code, the *plane*, has instead is that it can be looked at, all of it, at once. The
# grid is as dense as the prior: each picture stands for the same probability.

# %% tags=["cover"]
from vae_keras.latent.grids import prior_grid

side = 15
grid = prior_grid(latent_dim=2, side=side)
axis = grid[:side, 0]
figures.manifold(plane.decode(grid), (axis, axis), title="what each code of mnist_vae_2d draws")

# %% [markdown]
# For a longer code there is no such map, but one can pull at one dimension at a time. Here are the
# three of the 20 with the largest `kl_loss`, and the two with the smallest.

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
# The lower rows do not change at all. Half of the 20 dimensions are switched off, for every
# picture. How a model comes to that decision, and when it is a wrong one, is the subject of the
# next chapter.
#
# ## 9. The same with MNIST at hand
#
# If you have `mnist.npz` in a folder, set `DATA_DIR` above (or the environment variable
# `VAE_KERAS_DATA_DIR`) and this cell trains dense and convolutional encoders on 28×28 pixels. It
# takes a few minutes, and is skipped otherwise.

# %%
from vae_keras.training.fitting import trained

if (Path(DATA_DIR) / "mnist.npz").is_file() and DATA_DIR:
    common = dict(dataset="mnist", data_dir=DATA_DIR, latent_dim=10, epochs=MNIST_EPOCHS, seed=SEED)
    mnist = load(TrainConfig(**common))
    for network in ("dense", "conv"):
        model = trained(TrainConfig(**common, network=network), mnist)
        loss = evaluate(model, mnist)["loss"]
        print(f"{network:<5} {model.count_params():>9,} parameters, {loss:.1f} nats per picture")
else:
    print("skipped: no mnist.npz in DATA_DIR")

# %% [markdown]
# ## Exercises
#
# 1. A doubling without stamps: repeat every pixel (`UpSampling2D`), then convolve with kernel 3 and
#    stride 1. Count its stamps as above. What does it cost?
# 2. Find a kernel and a stride for `Conv2DTranspose` that triple a picture evenly, with as few
#    weights as possible. What may its seams look like?
# 3. `network="resnet"` begins with a kernel of 4 and stride 4, then a kernel of 4 and stride 2.
#    What is its receptive field after these two? Check it with `seen`'s method.

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
resize = keras.Sequential(
    [
        keras.Input((6, 6, 1)),
        layers.UpSampling2D(2),
        layers.Conv2D(1, 3, padding="same", use_bias=False, kernel_initializer="ones"),
    ]
)
counts = np.asarray(resize(np.ones((1, 6, 6, 1), np.float32)))[0, :, :, 0]
assert np.unique(counts[1:-1, 1:-1]).tolist() == [9.0]  # even, for every kernel
# The cost: nine products at each of the large picture's pixels, where the stride-2 layer has
# nine at each of the small one's, a quarter as many places.

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
assert inside(kernel=3, stride=3) == [1.0]
# Kernel 3, nine weights: the stamps just touch. Every output pixel then depends on one input only,
# so blocks may show at the seams; kernel 6 overlaps evenly, at four times the weights.

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
two = keras.Sequential(
    [
        keras.Input((64, 64, 3)),
        layers.Conv2D(4, 4, strides=4, padding="same"),
        layers.Conv2D(4, 4, strides=2, padding="same"),
    ]
)
picture = tf.random.stateless_normal((1, 64, 64, 3), (SEED, 0))
with tf.GradientTape() as tape:
    tape.watch(picture)
    middle = tf.reduce_sum(two(picture)[0, 4, 4])
width = int((np.abs(tape.gradient(middle, picture)).sum(axis=(0, 1, 3)) > 0).sum())
assert width == 4 + (4 - 1) * 4  # 16

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
assert abs(losses["dense", "as written"] - losses["dense", "permuted"]) < 0.5  # it cannot care
assert abs(losses["conv", "as written"] - losses["conv", "permuted"]) < 0.8  # nor does this one
assert parameters["conv"] < parameters["dense"] / 2.5
assert explained["as written"] > explained["permuted"] + 0.2, "neighbours no longer matter"
assert widths == [3, 7, 15, 31], widths
assert np.allclose(up_matrix, down_matrix.T)
assert all(
    (len(inside(kernel, stride)) == 1) == (kernel % stride == 0)
    for kernel in range(1, 7)
    for stride in (1, 2, 3)
)
assert spreads[3].max() > 1.8 * spreads[3].min() and spreads[4].max() < 1.2 * spreads[4].min()
assert gap < 1e-5  # the last one: without activation
assert EPOCHS < 40 or linear > losses["conv", "as written"] + 0.5  # it learns fast, but little
assert EPOCHS < 40 or losses["slim conv", "permuted"] > losses["slim conv", "as written"]
assert EPOCHS < 40 or found["20-D"]["loss"] < found["2-D"]["loss"]
assert stored["mnist_vae_20d"]["active_units"] == 10
still = wide.decode(traversal(z, ranked[-1], values))
assert np.abs(still - still[:1]).max() < 0.02  # an unused dimension draws nothing

# %% [markdown] tags=["navigation"]
# ---
# Previous: [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# Next: [8. β, and codes that fall silent](08_beta_and_collapse.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
