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
# # Quickstart: from handwritten digits to new ones
#
# In the next two minutes a variational autoencoder (VAE) learns to put small images of digits into
# **two numbers**, and to draw new digits from any two numbers that you give it. You will
#
# 1. train one with a single call,
# 2. look at the plane of codes that it has learned,
# 3. draw digits that nobody has written,
# 4. load it as a SavedModel, which runs wherever TensorFlow does,
# 5. see what the same kind of model does with larger digits and with faces.
#
# It needs no download: the 1,797 digits come with scikit-learn, and the larger models with the
# project.

# %% [markdown] tags=["navigation"]
# **Builds on** no other chapter ·
# **To read** about 10 minutes ·
# **To run** about 1 minute on two cores
#
# Next: [1. The linear autoencoder](01_linear_autoencoder.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
EPOCHS = 60  # fast: 6
SEED = 0
OUTPUT_DIR = "quickstart"  # the run and its export are written below this folder

# %% [markdown]
# ## 1. Train
#
# A VAE has two networks. The *encoder* takes an image $x$ and gives a small cloud in the plane: its
# centre `z_mean` and the logarithm of its variance, `z_log_var`. The *decoder* takes a point $z$
# from that cloud and draws the image again. Training minimises, in nats per image,
#
# $$\underbrace{-\log p(x|z)}_{\text{reconstruction\_loss}} \;+\;
# \underbrace{D_\mathrm{KL}\big[\,q(z|x)\,\|\,\mathcal N(0, I)\,\big]}_{\text{kl\_loss}}$$
#
# (A nat is a unit of information, 1.44 bits. Chapter 5 derives every symbol; none is needed today.
# The first term is averaged over the points $z$ of the cloud. The pixels are grey here; chapter 9
# says what that means for this term.)
#
# The first term is small if the decoded image is like $x$. The second pulls every cloud towards the
# same round cloud at the origin, the *prior* $\mathcal N(0, I)$. So all clouds together nearly fill
# the prior, and later we can take points from it.

# %%
from vae_keras import TrainConfig, train

config = TrainConfig(
    dataset="digits",
    model="vae",
    epochs=EPOCHS,
    seed=SEED,
    name="digits_vae",
    output_dir=OUTPUT_DIR,
    overwrite=True,
)
run = train(config, verbose=0)

for name in ("test_loss", "test_reconstruction_loss", "test_kl_loss"):
    print(f"{name:<25} {run.metrics[name]:6.2f} nats per image")

# %% [markdown]
# Both terms are recorded, for training and for validation. Look at the second panel and the third:
# the model spends more and more nats of the second term on saying *which* digit it is, and saves
# more than that in the first.

# %%
from vae_keras import figures

figures.loss_curves(run.history)

# %% [markdown]
# ## 2. Look at the codes
#
# `encode` gives the centre of each image's cloud, without noise.
#
# > **Predict.** The model was never given a label. Will the sevens lie together?

# %%
images, labels = run.dataset.train.arrays()
codes = run.model.encode(images).numpy()
figures.latent_scatter(codes, labels, run.dataset.class_names, title="codes of training images")

# %% [markdown]
# They do, for the most part. The clouds overlap, so it costs least if similar images are
# neighbours: then a point of the wrong cloud still gives nearly the right image. (The ones are an
# exception: they lie in several places.)
#
# ## 3. Draw new digits
#
# The plane has no empty places: at nearly every point the decoder draws something like a digit.
# Here is what it draws on a grid of points, dense where the prior $\mathcal N(0, I)$ is dense.

# %%
from vae_keras.latent.grids import prior_grid

grid = prior_grid(latent_dim=2, side=15)
axis = grid[:15, 0]
figures.manifold(run.model.decode(grid), (axis, axis), title="what each point decodes to")

# %% [markdown]
# To *generate*, draw random points from the prior and decode them. That is all that you need to
# sample from a VAE.

# %%
import numpy as np

points = np.random.default_rng(SEED).normal(size=(24, 2)).astype("float32")
figures.image_grid(run.model.decode(points), columns=8, title="24 digits nobody has written")

# %% [markdown]
# ## 4. Use it elsewhere
#
# The run has also written a SavedModel with named endpoints. Its users need only TensorFlow, and
# nothing of this package:

# %%
import tensorflow as tf

model = tf.saved_model.load(f"{OUTPUT_DIR}/saved_models/digits_vae")
new = model.generate(n=tf.constant(8), seed=tf.constant([0, 1]))["x"]
z = model.encode(new)["z"]
again = model.decode(z)["x"]
print(f"generated {new.shape}, encoded to {z.shape}, decoded to {again.shape}")

# %%
figures.image_rows({"generated": new, "and rebuilt": again})

# %% [markdown]
# On disk there are now figures of every epoch and a film of them (in `plots`), the history as CSV,
# a checkpoint to resume from, and the export with its model card:

# %%
from pathlib import Path

for path in sorted(Path(OUTPUT_DIR).glob("*/digits_vae/*")):
    print(path.as_posix())

# %% [markdown]
# ## 5. Larger digits, and faces
#
# Digits of 8 × 8 pixels train in seconds, but they are small. The project comes with larger models
# of the same kind, which you use in the same way. This one has learned from 60,000 digits of 28 ×
# 28 pixels (MNIST), again with two numbers for each:

# %% tags=["cover"]
PRETRAINED = "../saved_models/pretrained"
digits = tf.saved_model.load(f"{PRETRAINED}/mnist_vae_2d")
grid = prior_grid(latent_dim=2, side=16)
axis = grid[:16, 0]
figures.manifold(digits.decode(grid)["x"], (axis, axis), title="28 × 28 pixels, two numbers")

# %% [markdown]
# And this one has learned from faces in colour, 64 × 64 pixels, with a code of 64 numbers. None of
# the faces below was among its data. They were made as the digits were: draw a point from the
# prior, and decode it.

# %%
faces = tf.saved_model.load(f"{PRETRAINED}/faces_vae")
people = faces.generate(n=tf.constant(24), seed=tf.constant([SEED, 0]))["x"].numpy()
figures.image_grid(people, columns=8, title="24 faces of nobody")

# %% [markdown]
# You can calculate with codes. Take the codes of four of these faces, put them in the corners of a
# square, and mix them in between, decoding every point of the way:

# %%
corners = faces.encode(people[:4])["z_mean"].numpy()  # [4, 64]
across, up = np.meshgrid(np.linspace(0, 1, 8), np.linspace(0, 1, 5))
# how much of each of the four corners, for every point of the square: [4, 5, 8]
share = np.stack([(1 - across) * (1 - up), across * (1 - up), (1 - across) * up, across * up])
mixed = np.tensordot(share.reshape(4, -1).T, corners, 1).astype("float32")  # [5 · 8, 64]
square = faces.decode(mixed)["x"].numpy()
figures.image_grid(square, columns=8, title="from four faces to each other")

# %% [markdown]
# Every image on the way is one face with two eyes, and not two faces on top of each other. Only
# what a face has or has not, such as a beard or long hair, is half there in between. How that comes
# about, and where it fails, is what the course is about. Chapter 1 begins with a line through a
# cloud of points; chapter 11 comes back to these faces and puts glasses on them.
#
# ## Checks

# %%
assert run.history["val_loss"][-1] < run.history["val_loss"][0] - 0.5  # it has learned something
assert codes.std(axis=0).min() > 0.3  # neither dimension has collapsed
np.testing.assert_allclose(again, run.model(new), atol=1e-5)  # the export is the model
assert square.shape == (40, 64, 64, 3)
blend = np.tensordot(share.reshape(4, -1).T, faces.decode(corners)["x"].numpy(), 1)
assert np.abs(square[[0, 7, 32, 39]] - blend[[0, 7, 32, 39]]).max() < 1e-4  # the same corners
assert np.abs(square - blend).max() > 0.3  # but in between no mixture of pixels

# %% [markdown] tags=["navigation"]
# ---
# Next: [1. The linear autoencoder](01_linear_autoencoder.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
