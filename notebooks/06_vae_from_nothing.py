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
# # A variational autoencoder from nothing
#
# An equation is understood when you can make a machine obey it. In this chapter you write a
# variational autoencoder with plain Keras: two small networks, a layer that rolls dice, and a
# training step of your own. It fits on one screen. Then comes the question that most tutorials
# leave out. How do you know that it is *right*? A VAE with a wrong sign or a lost factor still
# trains, and still draws something. So we put yours beside another one that was written
# independently and tested at length, give both the same weights and the same dice, and look at
# the digits behind the decimal point.
#
# You will
#
# 1. write the model, with every line beside the piece of mathematics that it is,
# 2. say beforehand what its loss will be, and be right,
# 3. train it with `fit`, validate it, and walk through its latent space,
# 4. see the most common mistake of all wipe out the code,
# 5. prove that your model and `vae_keras.VAE` are the same,
# 6. save it, and load it in a process that has never seen this notebook.
#
# It takes about a minute to run and needs no download. The mathematics is derived in chapter 5;
# the formulas that are needed are repeated here.

# %% [markdown] tags=["navigation"]
# **Builds on** [5. The variational idea](05_the_variational_idea.ipynb) ·
# **To read** about 30 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [5. The variational idea](05_the_variational_idea.ipynb) ·
# Next: [7. Convolutions, and how many dimensions](07_convolutions_and_dimensions.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 60  # fast: 15
COLLAPSE_EPOCHS = 20  # fast: 8

# %% [markdown]
# ## 1. What there is to learn
#
# The data are the 1,797 digits that come with scikit-learn, 8×8 pixels between 0 and 1. They are
# in three parts: *training* pictures, which move the weights; *validation* pictures, which you
# may look at as often as you like while you make up your mind; and *test* pictures, which are for
# the end. The package cuts them, so that every chapter uses the same ones. It is used for nothing
# else until section 6.

# %%
from vae_keras import TrainConfig, figures, load

dataset = load(TrainConfig(dataset="digits"))
x_train, y_train = dataset.train.arrays()
x_val, y_val = dataset.validation.arrays()
x_test, y_test = dataset.test.arrays()
print(f"x_train {x_train.shape}, x_val {x_val.shape}, x_test {x_test.shape}, {x_train.dtype}")
print(f"values from {x_train.min():g} to {x_train.max():g}")
figures.image_grid(x_train[:32], columns=16, title="training pictures")

# %% [markdown]
# ## 2. The whole model on one screen
#
# This is what it has to compute, for one picture $x$:
#
# 1. The encoder answers with a cloud,
#    $q(z|x) = \mathcal N(\texttt{z\_mean}, e^{\texttt{z\_log\_var}})$. That is `self.encoder(x)`.
# 2. A point is drawn from the cloud,
#    $z = \texttt{z\_mean} + e^{\frac12 \texttt{z\_log\_var}}\,\varepsilon$ with
#    $\varepsilon \sim \mathcal N(0, I)$. That is `Sampling`.
# 3. The decoder answers with 64 *logits* $a$; a pixel is white with probability
#    $f = \mathrm{sigmoid}(a)$. That is `self.decoder(z)`.
# 4. How well does that explain the picture?
#    $\log p(x|z) = \sum_i \big(x_i a_i - \log(1 + e^{a_i})\big)$, in the code `log_px_z`.
# 5. What does the code cost? For each dimension of it, half of
#    $e^{\texttt{z\_log\_var}} + \texttt{z\_mean}^2 - \texttt{z\_log\_var} - 1$. The sum is
#    $D[q\|p(z)]$, in the code `kl`.
# 6. Minimised is $-\log p(x|z) + D[q\|p(z)]$, the negative evidence lower bound (ELBO).
#
# The fourth line is the cross-entropy $x \log f + (1 - x)\log(1 - f)$ in other clothes. Put
# $f = 1/(1 + e^{-a})$ into it and simplify. The point of the clothes is that $\log(1 + e^a)$,
# called *softplus*, is safe for any $a$, whereas the logarithm of a sigmoid that has been rounded
# to 0 is $-\infty$.
#
# One honest remark. Our pixels are grey, and this likelihood is for pixels of 0 and 1. It is a
# usable loss all the same, and the usual one; chapter 9 says what is wrong with it.
#
# Read the class from top to bottom once. Nothing in it is hidden.

# %%
import keras
import tensorflow as tf
from keras import layers, ops


@keras.saving.register_keras_serializable("course")
class Sampling(layers.Layer):
    """z = z_mean + exp(½ z_log_var) · ε"""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(0)

    def call(self, inputs, epsilon=None):
        z_mean, z_log_var = inputs
        if epsilon is None:
            epsilon = keras.random.normal(ops.shape(z_mean), seed=self.generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


@keras.saving.register_keras_serializable("course")
class MyVAE(keras.Model):
    """−log p(x|z) + KL, for pictures of 8×8 pixels in [0, 1]."""

    def __init__(self, latent_dim=2, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.encoder, self.decoder = self.build_encoder(), self.build_decoder()
        self.sampling = Sampling()
        names = ("loss", "reconstruction_loss", "kl_loss")
        self.trackers = {name: keras.metrics.Mean(name) for name in names}
        self.built = True  # all weights are there already

    def build_encoder(self):
        x = keras.Input((8, 8, 1))
        h = layers.Dense(256, "gelu")(layers.Flatten()(x))
        h = layers.Dense(128, "gelu")(h)
        heads = [layers.Dense(self.latent_dim, name=name)(h) for name in ("z_mean", "z_log_var")]
        return keras.Model(x, heads, name="encoder")

    def build_decoder(self):
        z = keras.Input((self.latent_dim,))
        h = layers.Dense(128, "gelu")(z)
        h = layers.Dense(256, "gelu")(h)
        a = layers.Reshape((8, 8, 1))(layers.Dense(64)(h))  # logits: no activation
        return keras.Model(z, a, name="decoder")

    def terms(self, x, epsilon=None):
        """Both terms of each picture, in nats: summed over pixels, and over code dimensions."""
        z_mean, z_log_var = self.encoder(x)
        a = self.decoder(self.sampling((z_mean, z_log_var), epsilon))
        log_px_z = ops.sum(x * a - ops.softplus(a), axis=(1, 2, 3))
        kl = 0.5 * ops.sum(ops.exp(z_log_var) + z_mean**2 - z_log_var - 1, axis=1)
        return {"reconstruction_loss": -log_px_z, "kl_loss": kl}

    def train_step(self, data):
        with tf.GradientTape() as tape:
            terms = self.terms(data)
            loss = ops.mean(sum(terms.values()))  # over the batch
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self.track(terms)

    def test_step(self, data):
        return self.track(self.terms(data))  # the same terms, and no gradient

    def track(self, terms):
        for name, values in {"loss": sum(terms.values()), **terms}.items():
            self.trackers[name].update_state(values)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    @property
    def metrics(self):
        return list(self.trackers.values())  # Keras sets these to 0 before every epoch

    def call(self, x):
        z_mean, _ = self.encoder(x)
        return ops.sigmoid(self.decoder(z_mean))  # the reconstruction, without dice

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim}


# %% [markdown]
# Five decisions in it deserve a word.
#
# * **One function for the loss.** `train_step` and `test_step` both call `terms`. If they
#   computed the loss separately, one day they would differ, and validation would validate
#   something else.
# * **A tracker for each term.** The sum hides which of the two went up. And a tracker is a *mean
#   over the epoch*: what one prints from the last batch is the loss of a few pictures.
# * **Sum, then mean.** Sum over pixels and code dimensions, mean over the batch. Section 5 shows
#   what happens otherwise.
# * **Logits.** The decoder has no sigmoid at its end; the loss wants $a$, and `call` applies the
#   sigmoid for the eyes.
# * **`get_config`.** Whatever the constructor was told must be told again when the model is
#   loaded.
#
# ## 3. A forecast, and training
#
# > **Predict.** What is the loss before the first step? It is not just "something large". A fresh
# > decoder's logits are near 0, so it says ½ for each of the 64 pixels, whatever the pixel is.

# %%
import math

keras.utils.set_random_seed(SEED)
model = MyVAE()
model.compile(keras.optimizers.Adam(2e-3))


def batches(x):
    return tf.data.Dataset.from_tensor_slices(x).batch(64)


untrained = model.evaluate(batches(x_val), return_dict=True, verbose=0)
print({name: f"{value:.2f}" for name, value in untrained.items()}, "nats per picture")
print(f"64 log 2 = {64 * math.log(2):.2f}")

# %% [markdown]
# If you said $64 \log 2$ you have a test that costs one line and catches a mean in the place of a
# sum, a forgotten factor and a wrong sign in the reconstruction. It says little of the KL, which
# is near 0, since a fresh encoder's answers are near the prior. For the KL there is section 6.
#
# Now `fit`. Training pictures are shuffled, validation pictures have their own split and are
# never trained on.

# %%
how = dict(batch_size=64, verbose=0)
fitted = model.fit(x_train, validation_data=batches(x_val), epochs=EPOCHS, **how)
names = ("loss", "reconstruction_loss", "kl_loss")
history = {"epoch": range(1, EPOCHS + 1)}
history |= {key: fitted.history[key] for name in names for key in (name, f"val_{name}")}
figures.loss_curves(history)

# %% [markdown]
# Apart from a stumble at the beginning, while the decoder is busy learning the average digit, the
# KL *rises*, and that is good news. It grows as the model finds out that a nat spent on the code
# saves more than a nat of reconstruction. A KL that falls to 0 and stays there is the alarming
# picture; you will see it in section 5.
#
# What it makes of test pictures:

# %%
few = x_test[:14]
figures.image_rows({"input": few, "rebuilt": model(few)}, title="test pictures through two numbers")

# %% [markdown]
# Two numbers are few. The zeros and threes come back; some others are smears that could be
# anything. Chapter 7 gives the code more room.
#
# ## 4. The plane that it has made
#
# The encoder answers each picture with a cloud. Here are the centres, coloured by a label that
# the model was never shown.

# %%
z_mean, z_log_var = (head.numpy() for head in model.encoder(x_test))
figures.latent_scatter(z_mean, y_test, dataset.class_names, title="codes of test pictures")

# %% [markdown]
# And here is what the decoder draws. The grid is spaced so that each picture stands for the same
# share of the prior: closer in the middle, wider outside.

# %% tags=["cover"]
from vae_keras.latent.grids import prior_grid

grid = prior_grid(latent_dim=2, side=18)
axis = grid[:18, 0]
figures.manifold(ops.sigmoid(model.decoder(grid)), (axis, axis), title="the plane, decoded")

# %% [markdown]
# Generating is sampling from the prior and decoding. Nobody wrote these:

# %%
import numpy as np

z = np.random.default_rng(SEED).normal(size=(32, 2)).astype("float32")
figures.image_grid(
    ops.sigmoid(model.decoder(z)), columns=16, title="32 draws of the prior, decoded"
)

# %% [markdown]
# Walk about in it. **What to look for:** at the rim (a 0 on the left, a 7 on the right) the picture
# hardly changes over long distances; in the middle, where the classes meet, it is several at once.

# %%
from vae_keras.figures.sliders import Sliders

steps = np.linspace(-2.4, 2.4, 17).round(1).tolist()
plane = np.array([[a, b] for a in steps for b in steps], "float32")
decoded = ops.sigmoid(model.decoder(plane)).numpy().reshape(17, 17, 8, 8)


def look(z_1, z_2):
    figure, (left, right) = figures.panels(1, 2, width=3.4, height=3.4)
    for one in range(10):
        left.plot(*z_mean[y_test == one].T, "o", markersize=2, alpha=0.6)
    left.plot(z_1, z_2, "k+", markersize=16, markeredgewidth=2)
    left.set(xlim=(-3, 3), ylim=(-3, 3), xlabel="z₁", ylabel="z₂", title="where you are")
    right.imshow(decoded[steps.index(z_1), steps.index(z_2)], cmap="gray", vmin=0, vmax=1)
    right.set(xticks=[], yticks=[], title="what is drawn there")
    right.grid(False)
    return figure


Sliders(look, z_1=steps, z_2=steps)

# %% [markdown]
# ## 5. The most common mistake
#
# Library losses like to average. `keras.losses.BinaryCrossentropy` takes the mean over pixels,
# and many programs add the KL to that. It looks harmless: a constant factor. But it is a factor
# on *one* of two terms.
#
# > **Predict.** The loss below divides the reconstruction by 64, the number of pixels, and leaves
# > the KL alone. What will the KL be at the end of training, and what will the reconstructions
# > look like?


# %%
class MeanOverPixels(MyVAE):
    def terms(self, x, epsilon=None):
        terms = super().terms(x, epsilon)
        return {**terms, "reconstruction_loss": terms["reconstruction_loss"] / 64}


keras.utils.set_random_seed(SEED)
averaged = MeanOverPixels()
averaged.compile(keras.optimizers.Adam(2e-3))
averaged.fit(x_train, epochs=COLLAPSE_EPOCHS, **how)

right = model.evaluate(batches(x_val), return_dict=True, verbose=0)
wrong = averaged.evaluate(batches(x_val), return_dict=True, verbose=0)
difference = np.ptp(averaged(x_test).numpy(), axis=0).max()
print(
    f"kl_loss: sum over pixels {right['kl_loss']:.3f} nats, mean over pixels {wrong['kl_loss']:.5f}"
)
print(f"largest difference between two reconstructions of different pictures: {difference:.4f}")

# %%
figures.image_rows(
    {"input": few, "sum over pixels": model(few), "mean over pixels": averaged(few)},
    title="one factor, two models",
)

# %% [markdown]
# If you said "about 0, and always the same picture", you have seen it coming: the answer to every
# input is the average digit. To tell the digits apart would cost nats at full price, and save
# nats at a 64th. The model is not broken. It has solved the problem that it was given, in which a
# code is not worth its price. (It had fewer epochs, but that is not why: after 20 the right one
# already spent about 2 nats.)
#
# On larger pictures the factor is larger. A mean over 64×64×3 values is a factor of 12,288.
# People meet it by chance, see the blur, and then multiply the reconstruction by 1,000 or the KL
# by 0.00025 until the pictures look right. The sum needs no such number: it *is* the bound.
#
# ## 6. Is it right?
#
# The package has a class `VAE` that does the same by other code. Build one with the same layers,
# give it your weights, and compare term by term. The same pictures, the same weights; what about
# the dice? They must show the same too, which is why `terms` and `Sampling` take an `epsilon`.
# The package will tell which one it is about to use.

# %%
from vae_keras import VAE
from vae_keras.networks.dense import DenseNetwork

package = VAE((8, 8, 1), latent_dim=2, network=DenseNetwork((256, 128), "gelu"), seed=SEED)
offset = package.offset.get_weights()  # zeros; where a decoder starts, see below
package.encoder.set_weights(model.encoder.get_weights())
package.decoder.set_weights([*model.decoder.get_weights(), *offset])

batch = package.prepare(x_val)
epsilon = package.noise(batch, (2,), training=False)
mine = model.terms(x_val, epsilon)
theirs = package.objective(batch, training=False)
for name in mine:
    apart = np.abs(mine[name] - theirs[name]).max()
    print(f"{name:<20} {np.mean(mine[name]):.6f} and {np.mean(theirs[name]):.6f} nats;", end=" ")
    print(f"largest difference of one picture {apart:.0e}")

# %% [markdown]
# Equal to the last digits that 32-bit numbers have, for every picture and both terms. Equal
# losses could still have unequal gradients, if one of them had stopped a gradient somewhere. So
# let both learn, from the same batches and with the same dice, and see whether they stay
# together.

# %%
keras.utils.set_random_seed(SEED)
twin = MyVAE()
twin.compile(keras.optimizers.Adam(1e-3))
package.encoder.set_weights(twin.encoder.get_weights())
package.decoder.set_weights([*twin.decoder.get_weights(), *offset])
package.compile(keras.optimizers.Adam(1e-3))

curves = {"yours": [], "vae_keras.VAE": []}
for step in range(20):
    part = x_train[64 * step :][:64]
    epsilon = package.noise(package.prepare(part), (2,), training=True)  # of this very step
    with tf.GradientTape() as tape:
        loss = ops.mean(sum(twin.terms(part, epsilon).values()))
    twin.optimizer.apply(tape.gradient(loss, twin.trainable_variables), twin.trainable_variables)
    curves["yours"].append(float(loss))
    curves["vae_keras.VAE"].append(float(package.train_on_batch(part, return_dict=True)["loss"]))
    package.reset_metrics()

pairs = zip(twin.trainable_variables, package.trainable_variables)
apart = max(float(ops.max(ops.abs(a - b))) for a, b in pairs)
print(
    f"after 20 steps the loss has gone from {curves['yours'][0]:.2f} to {curves['yours'][-1]:.2f}"
)
print(f"largest difference between any two weights: {apart:.1e}")

# %%
figures.lines(
    {name: (range(1, 21), values) for name, values in curves.items()},
    "step",
    "loss of the batch, nats per picture",
    "two programs, one curve",
)

# %% [markdown]
# The same to rounding. From here on, whatever the later chapters find out with the package holds
# for your model as well.
#
# ## 7. What the package adds
#
# Not mathematics. Three habits, each of which answers a complaint that you will have one day.
#
# **Dice that can be asked twice.** Evaluate your model two times and the numbers differ, since
# new dice are rolled. In the package the noise is a function of what it is for: of (seed, step)
# in training, of (seed, example) in evaluation.

# %%
package.encoder.set_weights(model.encoder.get_weights())
package.decoder.set_weights([*model.decoder.get_weights(), *offset])


def val_loss(one, size=None):
    data = dataset.validation.batches(size) if one is package else batches(x_val)
    return one.evaluate(data, return_dict=True, verbose=0)["loss"]


mine_twice = [val_loss(model) for _ in range(2)]
package_twice = [val_loss(package), val_loss(package), val_loss(package, 7)]
print("yours, twice:                ", [f"{value:.4f}" for value in mine_twice])
print("package, twice and in sevens:", [f"{value:.4f}" for value in package_twice])

# %% [markdown]
# The first pair is why the best epoch of such a run is in part the luckiest, and why a run that
# was stopped cannot be resumed to the same end. The second does not care, not even about the
# batch size.
#
# **One objective.** Training, validation, evaluation and the tests call the same `objective`, and
# another kind of autoencoder is a class that states its own and little else.
#
# **A sensible start.** A decoder that has to learn the average digit first does so without its
# code, and some never come back to it. The package's decoder starts at the mean picture; that is
# the `offset` which we have kept at zero here.

# %%
started = VAE((8, 8, 1), latent_dim=2, network=DenseNetwork((256, 128), "gelu"), seed=SEED)
started.compile()
before = started.evaluate(dataset.validation.batches(), return_dict=True, verbose=0)
started.offset.offset.assign(started.reconstruction.initial(dataset.mean_example()))
after = started.evaluate(dataset.validation.batches(), return_dict=True, verbose=0)
print(
    f"loss before the first step: {before['loss']:.2f}; from the mean picture {after['loss']:.2f}"
)

# %% [markdown]
# ## 8. Into another process
#
# A model that lives in a notebook is a rumour. Save it, and load it in a fresh Python process
# that knows nothing of this one. `.keras` files hold weights and configuration; they do *not*
# hold your classes.

# %%
import inspect
import subprocess
import sys
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
model.save(folder / "mine.keras")
np.save(folder / "x.npy", x_test)
(folder / "my_vae.py").write_text("".join(inspect.findsource(MyVAE.terms)[0]))  # the cell above

visitor = """
import keras, numpy as np
try:
    keras.models.load_model("mine.keras")
except TypeError as error:
    print("without the classes:", str(error).splitlines()[0][:60], "…")
import my_vae
again = keras.models.load_model("mine.keras")
np.save("again.npy", again(np.load("x.npy")))
print("with them:", type(again).__name__, "of latent_dim", again.latent_dim)
"""
done = subprocess.run(
    [sys.executable, "-c", visitor], cwd=folder, capture_output=True, text=True, check=True
)
print(done.stdout, end="")
again = np.load(folder / "again.npy")
print(f"largest difference of a reconstructed pixel: {np.abs(again - model(x_test)).max():.0e}")

# %% [markdown]
# Two things made that work: the decorator `register_keras_serializable`, and a `get_config` that
# gives the constructor its arguments back. The second attempt had only to *import* the file with
# the classes. A user who should not need your code at all needs another format, the SavedModel,
# which is what `vae_keras` exports and chapter 13 is about.
#
# ## Exercises
#
# 1. **A mean over pixels is a β.** Show with the gradients of one batch that `MeanOverPixels`
#    minimises, up to a constant factor, what `vae_keras.VAE` with `beta=64` minimises.
#    (`package.weighted_sum(terms)` weighs the terms.)
# 2. **Without dice.** Replace $z$ by `z_mean` and keep both terms. What will `z_log_var` be after
#    training, and why? Say so before you run it.
# 3. **Another pixel.** Turn the decoder into a Gaussian one with $\sigma = 0.2$: change
#    `log_px_z`, and what `call` returns. What must the loss be before the first step, if the
#    decoder's output is near 0? Forecast it from the data and check.

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
beta_64 = VAE((8, 8, 1), 2, DenseNetwork((256, 128), "gelu"), beta=64.0, seed=SEED)
beta_64.encoder.set_weights(twin.encoder.get_weights())
beta_64.decoder.set_weights([*twin.decoder.get_weights(), *offset])
averaged.set_weights(twin.get_weights())
batch = beta_64.prepare(x_val)
epsilon = beta_64.noise(batch, (2,), training=False)
with tf.GradientTape(persistent=True) as tape:
    loss_beta = ops.mean(beta_64.weighted_sum(beta_64.objective(batch, training=False)))
    loss_mean = ops.mean(sum(averaged.terms(x_val, epsilon).values()))
of_beta = tape.gradient(loss_beta, beta_64.trainable_variables)
of_mean = tape.gradient(loss_mean, averaged.trainable_variables)
ratio = (
    np.concatenate([np.ravel(g) for g in of_beta])
    @ np.concatenate([np.ravel(g) for g in of_mean])
    / sum(float(ops.sum(g**2)) for g in of_mean)
)
print(f"gradient of beta = 64 over that of the mean: {ratio:.4f}")
for a, b in zip(of_beta, of_mean):
    np.testing.assert_allclose(a, 64 * b, rtol=1e-3, atol=1e-3)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
class WithoutDice(MyVAE):
    def terms(self, x, epsilon=None):
        return super().terms(x, epsilon=ops.zeros((ops.shape(x)[0], self.latent_dim)))


keras.utils.set_random_seed(SEED)
certain = WithoutDice()
certain.compile(keras.optimizers.Adam(2e-3))
certain.fit(x_train, epochs=COLLAPSE_EPOCHS, **how)
leftover = np.abs(certain.encoder(x_val)[1]).mean()
print(f"mean |z_log_var|: {leftover:.3f}; with dice {np.abs(z_log_var).mean():.3f}")
# Only the KL sees z_log_var now, and the KL is smallest at 0: the cloud has the prior's size and
# tells nothing of how exactly the decoder needs to know z.
assert leftover < 0.2 < np.abs(z_log_var).mean()


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
class GaussianVAE(MyVAE):
    sigma = 0.2

    def terms(self, x, epsilon=None):
        z_mean, z_log_var = self.encoder(x)
        mean = self.decoder(self.sampling((z_mean, z_log_var), epsilon))
        each = 0.5 * ((x - mean) / self.sigma) ** 2 + 0.5 * math.log(2 * math.pi * self.sigma**2)
        kl = 0.5 * ops.sum(ops.exp(z_log_var) + z_mean**2 - z_log_var - 1, axis=1)
        return {"reconstruction_loss": ops.sum(each, axis=(1, 2, 3)), "kl_loss": kl}

    def call(self, x):
        return self.decoder(self.encoder(x)[0])  # the mean is the picture: no sigmoid


keras.utils.set_random_seed(SEED)
gaussian = GaussianVAE()
gaussian.compile(keras.optimizers.Adam(2e-3))
found = gaussian.evaluate(batches(x_val), return_dict=True, verbose=0)["reconstruction_loss"]
forecast = 0.5 * np.sum(x_val**2, axis=(1, 2, 3)).mean() / 0.2**2
forecast += 32 * math.log(2 * math.pi * 0.2**2)
print(f"forecast {forecast:.1f}, found {found:.1f} nats")
assert abs(found - forecast) < 0.05 * abs(forecast)

# %% [markdown]
# ## Further reading
#
# * Kingma and Welling 2014, [Auto-Encoding Variational Bayes](https://arxiv.org/abs/1312.6114):
#   section 3 is the model of this chapter; the encoder's formulas are in appendix C.
# * Kingma and Welling 2019, [An Introduction to Variational
#   Autoencoders](https://arxiv.org/abs/1906.02691): the same by its authors, five years wiser and
#   at length.
# * Higgins et al. 2017, [β-VAE](https://openreview.net/forum?id=Sy2fzU9gl): what a factor in
#   front of one term does when it is there on purpose.
#
# ## Checks

# %%
assert abs(untrained["loss"] - 64 * math.log(2)) < 1
assert history["val_loss"][-1] < history["val_loss"][0] - 3, "it has learned something"
assert right["kl_loss"] > 1, "the code is used"
assert wrong["kl_loss"] < 0.02 and difference < 0.1, "and is not, with a mean over pixels"
for name in mine:
    np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-5, atol=1e-5)
np.testing.assert_allclose(curves["yours"], curves["vae_keras.VAE"], rtol=1e-4)
assert apart < 1e-3, "the two programs walk the same way"
assert mine_twice[0] != mine_twice[1]
np.testing.assert_allclose(package_twice, package_twice[0], rtol=1e-5)
assert after["loss"] < before["loss"] - 5
np.testing.assert_allclose(again, model(x_test), atol=1e-5)

# %% [markdown] tags=["navigation"]
# ---
# Previous: [5. The variational idea](05_the_variational_idea.ipynb) ·
# Next: [7. Convolutions, and how many dimensions](07_convolutions_and_dimensions.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
