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
# In the next minute or two a variational autoencoder (VAE) learns to squeeze small pictures of
# digits into **two numbers**, and to draw new digits from any two numbers you give it. You will
#
# 1. train one with a single call,
# 2. look at the plane of codes that it has learned,
# 3. draw digits that nobody has written,
# 4. save it as a SavedModel that runs wherever TensorFlow does.
#
# It needs no download: the 1,797 digits come with scikit-learn.

# %% [markdown] tags=["navigation"]
# **Builds on** no other chapter ·
# **To read** about 5 minutes ·
# **To run** about 1 minute on two cores
#
# Next: [1. The linear autoencoder](01_linear_autoencoder.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
EPOCHS = 60  # fast: 20
SEED = 0
OUTPUT_DIR = "quickstart"  # the run and its export are written below this folder

# %% [markdown]
# ## 1. Train
#
# A VAE has two networks. The *encoder* reads a picture $x$ and answers with a small cloud in the
# plane: its centre `z_mean` and the logarithm of its variance, `z_log_var`. The *decoder* takes a
# point $z$ from that cloud and draws the picture again. Training minimises, in nats per picture,
#
# $$\underbrace{-\log p(x|z)}_{\text{reconstruction\_loss}} \;+\;
# \underbrace{D_\mathrm{KL}\big[\,q(z|x)\,\|\,\mathcal N(0, I)\,\big]}_{\text{kl\_loss}}$$
#
# (A nat is a unit of information, 1.44 bits. Chapter 5 derives every symbol; none is needed today.)
#
# The first term asks that the drawing be like the picture. The second pulls every cloud towards one
# and the same round cloud at the origin, the *prior* $\mathcal N(0, I)$, so that together they fill
# it; that is what lets us draw from it later.

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
    print(f"{name:<25} {run.metrics[name]:6.2f} nats per picture")

# %% [markdown]
# Both terms are tracked on their own, for training and for validation. Watch the second panel and
# the third: the model first learns what a digit looks like on average, and then spends more and
# more nats on saying *which* digit it is.

# %%
from vae_keras import figures

figures.loss_curves(run.history)

# %% [markdown]
# ## 2. Look at the codes
#
# Before you run the next cell: the model never saw a label. Will the sevens lie together?
#
# `encode` gives the centre of each picture's cloud, without noise.

# %%
images, labels = run.dataset.train.arrays()
codes = run.model.encode(images).numpy()
figures.latent_scatter(codes, labels, run.dataset.class_names, title="codes of training images")

# %% [markdown]
# They do, for the most part, because similar pictures are cheap to keep close: a cloud that leaks
# into its neighbour's then decodes to nearly the same drawing. (Not so the ones, which lie in
# several places.)
#
# ## 3. Draw new digits
#
# The plane is full: wherever you point, the decoder has something to say. Here is what it draws on
# a grid of points, dense where the prior $\mathcal N(0, I)$ is dense.

# %% tags=["cover"]
from vae_keras.latent.grids import prior_grid

grid = prior_grid(latent_dim=2, side=15)
axis = grid[:15, 0]
figures.manifold(run.model.decode(grid), (axis, axis), title="what each point decodes to")

# %% [markdown]
# And to *generate*, take random points from the prior. That is all that sampling from a VAE is.

# %%
import numpy as np

points = np.random.default_rng(SEED).normal(size=(24, 2)).astype("float32")
figures.image_grid(run.model.decode(points), columns=8, title="24 digits nobody has written")

# %% [markdown]
# ## 4. Use it elsewhere
#
# The run has also written a SavedModel with named endpoints. A user needs TensorFlow, and nothing
# of this package:

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
# On disk there are now the pictures of every epoch and a film of them (in `plots`), the history as
# CSV, a checkpoint to resume from, and the export with its model card:

# %%
from pathlib import Path

for path in sorted(Path(OUTPUT_DIR).glob("*/digits_vae/*")):
    print(path.as_posix())

# %% [markdown]
# ## Checks

# %%
assert run.history["val_loss"][-1] < run.history["val_loss"][0] - 2  # it has learned something
assert codes.std(axis=0).min() > 0.3  # neither dimension has collapsed
np.testing.assert_allclose(again, run.model(new), atol=1e-5)  # the export is the model

# %% [markdown] tags=["navigation"]
# ---
# Next: [1. The linear autoencoder](01_linear_autoencoder.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
