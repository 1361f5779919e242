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
# You understand an equation when you can write a program for it. In this chapter you write a
# variational autoencoder with plain Keras: two small networks, a layer that draws random numbers,
# and a training step of your own. It fits on one screen. Then comes the question that most
# tutorials leave out. How do you know that it is *right*? A VAE with a wrong sign or a lost factor
# still trains, and still draws something. So we compare yours with another program, written
# independently and tested at length. Both get the same weights and the same noise, and we look at
# the digits after the decimal point.
#
# You will
#
# 1. write the pieces, and try each of them alone,
# 2. put them together, with the formula beside each line,
# 3. say beforehand what the loss will be, and be right,
# 4. train it with `fit`, validate it, and explore its latent space,
# 5. see how the most common mistake of all removes the code,
# 6. prove that your model and `vae_keras.VAE` are the same,
# 7. save it, and load it in a process that has never seen this notebook.
#
# The mathematics is derived in chapter 5; the formulas that are needed are repeated here.

# %% [markdown] tags=["navigation"]
# **Builds on** [5. The variational idea](05_the_variational_idea.ipynb) ·
# **To read** about 40 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [5. The variational idea](05_the_variational_idea.ipynb) ·
# Next: [7. Convolutions, and how many dimensions](07_convolutions_and_dimensions.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
FACES = 2_000  # fast: 600
SIDE = 32  # fast: 16
EPOCHS = 40  # fast: 12
COLLAPSE_EPOCHS = 10  # fast: 5
STEPS = 20  # fast: 6

# %% [markdown]
# ## 1. What there is to learn
#
# The examples are cartoon faces that the package draws, 32×32 pixels in colour. Each image is 3,072
# numbers between 0 and 1. They are in three parts. *Training* images change the weights.
# *Validation* images may be looked at as often as you like while you decide how to train. *Test*
# images are for the end.
#
# What comes from the package, here and below: it loads the data, it draws figures and sliders, and
# in section 5 it gives a grid of codes. The model and its training are yours. In section 7 we
# compare your model with the package's own.

# %%
from vae_keras import TrainConfig, figures, load

dataset = load(TrainConfig(dataset=f"faces:{FACES}", image_size=str(SIDE)))
x_train, _ = dataset.train.arrays()
x_val, _ = dataset.validation.arrays()
x_test, _ = dataset.test.arrays()
SHAPE = x_train.shape[1:]
VALUES = x_train[0].size
print(f"x_train {x_train.shape}, x_val {x_val.shape}, x_test {x_test.shape}, {x_train.dtype}")
print(f"{VALUES} values of an image, from {x_train.min():.2f} to {x_train.max():.2f}")
figures.image_grid(x_train[:16], columns=8, title="training images")

# %% [markdown]
# ## 2. The pieces, one at a time
#
# A VAE has three pieces. The first is the **encoder**. It reads an image and answers with two
# vectors, its *heads*: the mean and the logarithm of the variance of
# $q(z|x) = \mathcal N(\texttt{z\_mean}, e^{\texttt{z\_log\_var}})$. Both heads read the same
# features $h$, and neither has an activation, because both may be any real number.

# %%
import keras
import tensorflow as tf
from keras import layers, ops


def build_encoder(shape, latent_dim):
    """From images to z_mean and z_log_var."""
    x = keras.Input(shape, name="x")
    h = layers.Dense(256, "gelu")(layers.Flatten()(x))
    h = layers.Dense(128, "gelu")(h)
    heads = [layers.Dense(latent_dim, name=name)(h) for name in ("z_mean", "z_log_var")]
    return keras.Model(x, heads, name="encoder")


# %%
keras.utils.set_random_seed(SEED)
encoder = build_encoder(SHAPE, latent_dim=2)
encoder.summary(line_length=78)
heads = encoder(x_train[:3])
print("z_mean and z_log_var of three images:", [tuple(head.shape) for head in heads])

# %% [markdown]
# The second piece is the layer that draws, **Sampling**:
# $z = \texttt{z\_mean} + e^{\frac12 \texttt{z\_log\_var}}\,\varepsilon$ with
# $\varepsilon \sim \mathcal N(0, I)$. It has no weights. It takes an `epsilon` from outside if it
# is given one; section 7 needs that.


# %%
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


# %% [markdown]
# Try it alone. Ten thousand draws with mean (1, −2) and variance ¼ must have these means, and a
# standard deviation of ½. The gradient must reach both inputs.

# %%
import numpy as np

asked_mean = tf.repeat([[1.0, -2.0]], 10_000, axis=0)
asked_log_var = tf.fill((10_000, 2), float(np.log(0.25)))
with tf.GradientTape() as tape:
    tape.watch([asked_mean, asked_log_var])
    drawn = Sampling()((asked_mean, asked_log_var))
reached = tape.gradient(drawn, [asked_mean, asked_log_var])
print(
    "means", np.mean(drawn, axis=0).round(2), "standard deviations", np.std(drawn, axis=0).round(2)
)
print("a gradient for z_mean and z_log_var:", [g is not None for g in reached])

# %% [markdown]
# The third piece is the **decoder**. It reads a code and answers with one *logit* $a$ for each of
# the values of an image. $f = \mathrm{sigmoid}(a)$ is the decoder's probability of a 1. There is no
# sigmoid in the network, because the loss is safer without it.


# %%
import math


def build_decoder(shape, latent_dim):
    """From codes to logits, shaped as images."""
    z = keras.Input((latent_dim,), name="z")
    h = layers.Dense(128, "gelu")(z)
    h = layers.Dense(256, "gelu")(h)
    a = layers.Dense(math.prod(shape), name="logits")(h)  # no activation
    return keras.Model(z, layers.Reshape(shape)(a), name="decoder")


# %%
decoder = build_decoder(SHAPE, latent_dim=2)
decoder.summary(line_length=78)
a = decoder(Sampling()(heads))
print("logits of three images:", tuple(a.shape), f"between {np.min(a):.2f} and {np.max(a):.2f}")

# %% [markdown]
# The two terms of the loss are left. How well does $z$ explain the image? Its binary cross-entropy
# is $-\log p(x|z) = -\sum_i \big(x_i \log f_i + (1 - x_i) \log(1 - f_i)\big)$. Put
# $f = 1/(1 + e^{-a})$ into it and simplify: it becomes
# $-\sum_i \big(x_i a_i - \log(1 + e^{a_i})\big)$. That form is safe for any $a$, whereas the
# logarithm of a sigmoid that was rounded to 0 is $-\infty$. $\log(1 + e^a)$ is called *softplus*.
# Keras must agree:

# %%
by_hand = -ops.sum(x_train[:3] * a - ops.softplus(a), axis=(1, 2, 3))
by_keras = ops.sum(ops.binary_crossentropy(x_train[:3], a, from_logits=True), axis=(1, 2, 3))
print("by hand ", np.round(by_hand, 2))
print("by Keras", np.round(by_keras, 2))

# %% [markdown]
# And what does the code cost? For each dimension half of
# $e^{\texttt{z\_log\_var}} + \texttt{z\_mean}^2 - \texttt{z\_log\_var} - 1$. The sum is
# $D[q\|p(z)]$. It is exactly 0 for a posterior that is the prior, and here it is small:

# %%
z_mean, z_log_var = heads
kl = 0.5 * ops.sum(ops.exp(z_log_var) + z_mean**2 - z_log_var - 1, axis=1)
print("KL of three images, before training:", np.round(kl, 4))

# %% [markdown]
# One remark. This likelihood is for values of 0 and 1, and our colours lie between. Cross-entropy
# is a usable loss for them all the same; chapter 9 says what it is not.
#
# ## 3. The whole model on one screen
#
# Now we put the pieces together. We minimise $-\log p(x|z) + D[q\|p(z)]$, the negative evidence
# lower bound (ELBO). Read the class from top to bottom once. Nothing in it is hidden.


# %%
@keras.saving.register_keras_serializable("course")
class MyVAE(keras.Model):
    """−log p(x|z) + KL, for images with values in [0, 1]."""

    def __init__(self, shape, latent_dim=2, **kwargs):
        super().__init__(**kwargs)
        self.shape, self.latent_dim = tuple(shape), latent_dim
        self.encoder = build_encoder(self.shape, latent_dim)
        self.sampling = Sampling()
        self.decoder = build_decoder(self.shape, latent_dim)
        names = ("loss", "reconstruction_loss", "kl_loss")
        self.trackers = {name: keras.metrics.Mean(name) for name in names}
        self.built = True  # all weights are there already

    def terms(self, x, epsilon=None):
        """Both terms of each image, in nats: summed over its values, and over code dimensions."""
        z_mean, z_log_var = self.encoder(x)
        a = self.decoder(self.sampling((z_mean, z_log_var), epsilon))
        # log p(x|z) = Σ x·a − log(1 + eᵃ)
        log_px_z = ops.sum(x * a - ops.softplus(a), axis=(1, 2, 3))
        # D[q‖p(z)] = ½ Σ σ² + μ² − log σ² − 1
        kl = 0.5 * ops.sum(ops.exp(z_log_var) + z_mean**2 - z_log_var - 1, axis=1)
        return {"reconstruction_loss": -log_px_z, "kl_loss": kl}

    def train_step(self, data):
        with tf.GradientTape() as tape:
            terms = self.terms(data)
            loss = ops.mean(sum(terms.values()))  # −ELBO, mean over the batch
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
        return ops.sigmoid(self.decoder(z_mean))  # the reconstruction, without noise

    def get_config(self):
        return {**super().get_config(), "shape": self.shape, "latent_dim": self.latent_dim}


# %% [markdown]
# Five decisions need an explanation.
#
# * **One function for the loss.** `train_step` and `test_step` both call `terms`. If they computed
#   the loss separately, one day they would differ, and validation would measure something else.
# * **A tracker for each term.** The sum hides which of the two went up. And a tracker is a *mean
#   over the epoch*; the loss of the last batch is that of a few images.
# * **Sum, then mean.** Sum over the values of an image and the dimensions of its code, mean over
#   the batch. Section 6 shows what happens otherwise.
# * **Logits.** The decoder has no sigmoid at its end. The loss needs $a$, and `call` applies the
#   sigmoid to show an image.
# * **`get_config`.** When Keras loads the model, it needs the arguments of the constructor again.
#
# ## 4. A forecast, and training
#
# > **Predict.** What is the loss before the first step? It is not just "something large". A fresh
# > decoder's logits are near 0, so it says ½ for each of the 3,072 values, whatever the value is.

# %%
keras.utils.set_random_seed(SEED)
model = MyVAE(SHAPE)
model.compile(keras.optimizers.Adam(1e-3))


def batches(x):
    return tf.data.Dataset.from_tensor_slices(x).batch(64)


untrained = model.evaluate(batches(x_val), return_dict=True, verbose=0)
print({name: f"{value:.2f}" for name, value in untrained.items()}, "nats per image")
print(f"{VALUES} log 2 = {VALUES * math.log(2):.2f}")

# %% [markdown]
# It is $3072 \log 2$. This forecast is a test that costs one line. It catches a mean in the place
# of a sum, a forgotten factor and a wrong sign in the reconstruction. It says little about the KL,
# which is near 0, since a fresh encoder's answers are near the prior. For the KL there is section
# 7.
#
# > **Predict.** This decoder would first learn the average face. While it does so, the code is
# > useless, and the means of the encoder drift away from the prior. It is better to start there:
# > let the biases of the last layer be the logits of the average training image. What is the
# > reconstruction loss then?

# %%
average = x_train.mean(axis=0).clip(0.01, 0.99)


def start_at_average(model):
    """Let the decoder's answer before training be the average face, whatever the code is."""
    model.decoder.get_layer("logits").bias.assign(np.log(average / (1 - average)).ravel())


start_at_average(model)
started = model.evaluate(batches(x_val), return_dict=True, verbose=0)
forecast = -np.sum(average * np.log(average) + (1 - average) * np.log(1 - average))
print(f"forecast {forecast:.1f}, found {started['reconstruction_loss']:.1f} nats per image")

# %% [markdown]
# Cross-entropy is linear in $x$, so its mean over images is that of the mean image $m$ with the
# answer $m$: the entropy $-\sum_i \big(m_i \log m_i + (1 - m_i) \log(1 - m_i)\big)$.
#
# Now `fit`. Training images are shuffled; validation images have their own split and are never
# trained on.

# %%
how = dict(batch_size=64, verbose=0)
fitted = model.fit(x_train, validation_data=batches(x_val), epochs=EPOCHS, **how)
names = ("loss", "reconstruction_loss", "kl_loss")
history = {"epoch": range(1, EPOCHS + 1)}
history |= {key: fitted.history[key] for name in names for key in (name, f"val_{name}")}
figures.loss_curves(history)

# %% [markdown]
# The KL *rises* in the first epochs, and that is good: the model finds out that a nat spent on the
# code saves more than a nat of reconstruction. A KL that falls to 0 and stays there would be a
# reason to worry; section 6 shows one. The reconstruction loss stays large, because cross-entropy
# is not 0 even for a perfect reconstruction of values between 0 and 1.
#
# What it makes of test images:

# %%
few = x_test[:8]
figures.image_rows({"input": few, "rebuilt": model(few)}, title="test images through two numbers")

# %% [markdown]
# Two numbers are few. Skin and the shape of the hair come back, roughly; glasses, smiles and the
# background do not. Chapter 7 gives the code more room.
#
# ## 5. The plane that it has made
#
# The encoder answers each image with a distribution. Here are the means of these, for test images
# and the first training images. The colour of a point is the tone of the skin, its shape says
# whether the hair is long. The data set knows both; the model was never told.

# %%
shown = np.concatenate([x_test, x_train[:800]])
known = [
    dataset.attributes_of(part, ("skin_tone", "long_hair"))
    for part in (dataset.test, dataset.train)
]
tone, long_hair = np.concatenate([known[0], known[1][:800]]).T
z_mean, z_log_var = (head.numpy() for head in model.encoder(shown))
figure, axes = figures.panels(width=6.4, height=5.2)
for is_long, marker, label in ((True, "^", "long hair"), (False, "o", "short hair")):
    where = (long_hair > 0) == is_long
    points = axes.scatter(
        *z_mean[where].T, c=tone[where], s=20, marker=marker, cmap="copper_r", label=label
    )
figure.colorbar(points, label="tone of the skin, from the data set")
axes.set(xlabel="z₁", ylabel="z₂", title="z_mean of faces")
axes.legend()
figure

# %% [markdown]
# The two numbers were spent on what changes many values of an image at once. In one of the groups
# all faces have long hair; in the other both kinds occur. In each group the tone of the skin
# changes from one side to the other. To check it, read both from the codes of the ten nearest
# faces:

# %%
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

is_long, half = long_hair > 0, len(z_mean) // 2
hair = KNeighborsClassifier(10).fit(z_mean[:half], is_long[:half])
skin = KNeighborsRegressor(10).fit(z_mean[:half], tone[:half])
hair_right, skin_r2 = (
    hair.score(z_mean[half:], is_long[half:]),
    skin.score(z_mean[half:], tone[half:]),
)
guessed = max(is_long.mean(), 1 - is_long.mean())  # by always giving the same answer
print(f"long hair: right for {hair_right:.0%} of faces, without the code {guessed:.0%}")
print(f"tone of the skin: R² {skin_r2:.2f}")
print("standard deviation of z_mean:", z_mean.std(axis=0).round(2))
squared_width = np.mean(z_mean**2 + np.exp(z_log_var), axis=0)  # that of the prior is 1
to_save = 0.5 * np.sum(squared_width - 1 - np.log(squared_width))
print(f"at the prior's width the codes would cost {to_save:.2f} nats less")

# %% [markdown]
# The means spread wider than the prior, whose standard deviation is 1. Shrink them and the widths
# of the posteriors to fit, and let the decoder undo that: the reconstructions stay as they are, and
# the KL falls a little. So this is not the best code. One possible reason is the short training.
# Chapter 8 measures how far the codes of a model are from the prior.
#
# And here is what the decoder draws. The grid is spaced so that each image stands for the same
# share of the prior: closer in the middle, wider outside.

# %% tags=["cover"]
from vae_keras.latent.grids import prior_grid

side = 8
grid = prior_grid(latent_dim=2, side=side)
axis = grid[:side, 0]
figures.manifold(ops.sigmoid(model.decoder(grid)), (axis, axis), title="the plane, decoded")

# %% [markdown]
# The decoded plane shows a third thing that changes many values: a hat.
#
# To generate is to draw from the prior and to decode. None of these faces is in the data:

# %%
z = np.random.default_rng(SEED).normal(size=(16, 2)).astype("float32")
figures.image_grid(ops.sigmoid(model.decoder(z)), columns=8, title="16 draws of the prior, decoded")

# %% [markdown]
# Move around in the plane. **What to look for:** every point gives a face, and a small step
# changes it a little. Between the two groups of the figure the hair is half long.

# %%
from vae_keras.figures.sliders import Sliders

steps = np.linspace(-4, 4, 17).tolist()


def look(z_1, z_2):
    figure, (left, right) = figures.panels(1, 2, width=3.4, height=3.4)
    left.scatter(*z_mean.T, c=tone, s=8, cmap="copper_r")
    left.plot(z_1, z_2, "k+", markersize=16, markeredgewidth=2)
    left.set(xlim=(-5, 5), ylim=(-5, 5), xlabel="z₁", ylabel="z₂", title="where you are")
    right.imshow(ops.sigmoid(model.decoder(np.array([[z_1, z_2]], "float32")))[0])
    right.set(xticks=[], yticks=[], title="what is decoded there")
    right.grid(False)
    return figure


Sliders(look, z_1=steps, z_2=steps)

# %% [markdown]
# ## 6. The most common mistake
#
# Losses of libraries like to average. `keras.losses.BinaryCrossentropy` takes the mean over the
# values, and many programs add the KL to that. It looks harmless: a constant factor. But it is a
# factor on *one* of two terms.
#
# > **Predict.** The loss below divides the reconstruction by 3,072, the number of values, and
# > leaves the KL alone. What will the KL be at the end of training, and what will the
# > reconstructions look like?


# %%
class MeanOverValues(MyVAE):
    def terms(self, x, epsilon=None):
        terms = super().terms(x, epsilon)
        return {**terms, "reconstruction_loss": terms["reconstruction_loss"] / VALUES}


keras.utils.set_random_seed(SEED)
averaged = MeanOverValues(SHAPE)
averaged.compile(keras.optimizers.Adam(1e-3))
start_at_average(averaged)
averaged.fit(x_train, epochs=COLLAPSE_EPOCHS, **how)

right = model.evaluate(batches(x_val), return_dict=True, verbose=0)
wrong = averaged.evaluate(batches(x_val), return_dict=True, verbose=0)
difference = np.ptp(averaged(x_test).numpy(), axis=0).max()
print(f"kl_loss: sum over values {right['kl_loss']:.3f} nats, mean {wrong['kl_loss']:.5f}")
print(f"largest difference between two reconstructions of different images: {difference:.4f}")

# %%
figures.image_rows(
    {"input": few, "sum over values": model(few), "mean over values": averaged(few)},
    title="one factor, two models",
)

# %% [markdown]
# The KL is about 0, and the answer to every image is the average face. To tell faces apart would
# cost nats at the full price, and save nats at a 3,072nd of it. The program is not broken. It has
# solved the problem that it was given, in which a code is not worth its price.
#
# On larger images the factor is larger. People meet it by chance, see the blur, and then multiply
# the reconstruction by 1,000 or the KL by 0.00025 until the images look right. The sum needs no
# such number: it *is* the bound.
#
# ## 7. Is it right?
#
# The package has a class `VAE` that does the same by other code. Build one with the same layers,
# give it your weights, and compare term by term. The images and the weights are the same. The noise
# must be the same as well, which is why `terms` and `Sampling` take an `epsilon`. The method
# `noise` of the package returns the noise that the package will use next.

# %%
from vae_keras import VAE
from vae_keras.networks.dense import DenseNetwork

package = VAE(SHAPE, latent_dim=2, network=DenseNetwork((256, 128), "gelu"), seed=SEED)
offset = package.offset.get_weights()  # zeros: see section 8
package.encoder.set_weights(model.encoder.get_weights())
package.decoder.set_weights([*model.decoder.get_weights(), *offset])

batch = package.prepare(x_val)
epsilon = package.noise(batch, (2,), training=False)
mine = model.terms(x_val, epsilon)
theirs = package.objective(batch, training=False)
for name in mine:
    apart = np.abs(mine[name] - theirs[name]).max()
    print(f"{name:<20} {np.mean(mine[name]):.5f} and {np.mean(theirs[name]):.5f} nats;", end=" ")
    print(f"largest difference of one image {apart:.0e}")

# %% [markdown]
# They are equal to the last digits that 32-bit numbers have, for every image and both terms. Equal
# losses could still have unequal gradients, if one of the programs had stopped a gradient
# somewhere. So let both learn, from the same batches and with the same noise, and see whether they
# stay together.

# %%
keras.utils.set_random_seed(SEED)
twin = MyVAE(SHAPE)
twin.compile(keras.optimizers.Adam(1e-3))
package.encoder.set_weights(twin.encoder.get_weights())
package.decoder.set_weights([*twin.decoder.get_weights(), *offset])
package.compile(keras.optimizers.Adam(1e-3))

curves = {"yours": [], "vae_keras.VAE": []}
for step in range(STEPS):
    part = x_train[64 * (step % 7) :][:64]
    epsilon = package.noise(package.prepare(part), (2,), training=True)  # of this very step
    with tf.GradientTape() as tape:
        loss = ops.mean(sum(twin.terms(part, epsilon).values()))
    twin.optimizer.apply(tape.gradient(loss, twin.trainable_variables), twin.trainable_variables)
    curves["yours"].append(float(loss))
    curves["vae_keras.VAE"].append(float(package.train_on_batch(part, return_dict=True)["loss"]))
    package.reset_metrics()

pairs = zip(twin.trainable_variables, package.trainable_variables)
apart = max(float(ops.max(ops.abs(a - b))) for a, b in pairs)
print(f"in {STEPS} steps the loss goes from {curves['yours'][0]:.1f} to {curves['yours'][-1]:.1f}")
print(f"largest difference between any two weights: {apart:.1e}")

# %%
figures.lines(
    {name: (range(1, STEPS + 1), values) for name, values in curves.items()},
    "step",
    "loss of the batch, nats per image",
    "two programs, one curve",
)

# %% [markdown]
# They are the same up to rounding. So what later chapters find out with the package holds for your
# model as well.
#
# ## 8. What the package adds
#
# It adds no mathematics, but three habits. Each answers a problem that you will have one day.
#
# **Noise that can be drawn again.** Evaluate your model two times and the numbers differ, since new
# noise is drawn. In the package the noise is a function of what it is for: of (seed, step) in
# training, of (seed, example) in evaluation.

# %%
package.encoder.set_weights(model.encoder.get_weights())
package.decoder.set_weights([*model.decoder.get_weights(), *offset])


def val_loss(one, size=None):
    data = dataset.validation.batches(size) if one is package else batches(x_val)
    return one.evaluate(data, return_dict=True, verbose=0)["loss"]


mine_twice = [val_loss(model) for _ in range(2)]
package_twice = [val_loss(package), val_loss(package), val_loss(package, 7)]
print("yours, twice:                ", [f"{value:.3f}" for value in mine_twice])
print("package, twice and in sevens:", [f"{value:.3f}" for value in package_twice])

# %% [markdown]
# If the numbers change as in the first line, the best epoch of a run is partly the luckiest one,
# and a run that was stopped cannot be resumed to the same end. The second line does not change, not
# even with the batch size.
#
# **One objective.** Training, validation, evaluation and the tests call the same `objective`.
# Another kind of autoencoder is a class that states its own and little else.
#
# **A good start.** The package lets every decoder start at the mean of the training data, as you
# did in section 4. It has a layer for that behind the decoder; this is the `offset` which is zero
# here.
#
# ## 9. Into another process
#
# Nobody else can use a model that exists only in a notebook. Save it, and load it in a fresh
# Python process that knows nothing of this one. `.keras` files hold weights and configuration;
# they do *not* hold your classes.

# %%
import inspect
import subprocess
import sys
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
model.save(folder / "mine.keras")
np.save(folder / "x.npy", x_test[:50])
pieces = (build_encoder, Sampling.call, build_decoder, MyVAE.terms)
cells = ["".join(inspect.findsource(piece)[0]) for piece in pieces]  # the cells above
(folder / "my_vae.py").write_text("\n\n".join(cells))

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
print(f"largest difference of a rebuilt value: {np.abs(again - model(x_test[:50])).max():.0e}")

# %% [markdown]
# Two things made that work: the decorator `register_keras_serializable`, and a `get_config` that
# gives the constructor its arguments back. The second attempt had only to *import* the file with
# the classes. A user who should not need your code at all needs another format, the SavedModel,
# which `vae_keras` exports; chapter 13 is about it.
#
# ## Exercises
#
# Fill in a cell and run it: it says whether the answer is right. The solutions are folded below.
#
# 1. **A mean over the values is a β.** `MeanOverValues` minimises, up to a constant factor, what
#    `vae_keras.VAE` minimises with some `beta`. Which one? The check compares the gradients of one
#    batch.

# %%
from vae_keras.course import check


def answer_1():
    """Fill in: the beta."""
    ...


def right_1(beta):
    """The gradient of the package with this beta is VALUES times that of the mean."""
    of_beta = VAE(SHAPE, 2, DenseNetwork((256, 128), "gelu"), beta=float(beta), seed=SEED)
    of_beta.encoder.set_weights(twin.encoder.get_weights())
    of_beta.decoder.set_weights([*twin.decoder.get_weights(), *offset])
    averaged.set_weights(twin.get_weights())
    batch = of_beta.prepare(x_val)
    epsilon = of_beta.noise(batch, (2,), training=False)
    with tf.GradientTape(persistent=True) as tape:
        terms = of_beta.objective(batch, training=False)
        loss_beta = ops.mean(of_beta.weighted_sum(terms))
        loss_mean = ops.mean(sum(averaged.terms(x_val, epsilon).values()))
    pairs = zip(
        tape.gradient(loss_beta, of_beta.encoder.trainable_variables),
        tape.gradient(loss_mean, averaged.encoder.trainable_variables),
    )
    return all(np.allclose(a, VALUES * b, rtol=2e-3, atol=1e-2 * np.abs(a).max()) for a, b in pairs)


check(1, answer_1(), right_1)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1():
    return VALUES  # R/3072 + K is (R + 3072 K)/3072


assert check(1, answer_1(), right_1) and not right_1(VALUES / 2)

# %% [markdown]
# 2. **Without noise.** Replace $z$ by `z_mean` and keep both terms. What will `z_log_var` be after
#    training, and why? Write the class, and say which value you expect `z_log_var` to have.


# %%
def answer_2(model_class):
    """Fill in: (a subclass of `model_class` without noise, the value of z_log_var)."""
    ...


def right_2(answer):
    """After training, z_log_var of validation images is within 0.2 of what was expected."""
    cls, expected_value = answer
    keras.utils.set_random_seed(SEED)
    certain = cls(SHAPE)
    certain.compile(keras.optimizers.Adam(1e-3))
    start_at_average(certain)
    certain.fit(x_train, epochs=COLLAPSE_EPOCHS, **how)
    found = certain.encoder(x_val)[1].numpy().mean()
    print(f"z_log_var without noise {found:.3f}, with noise {z_log_var.mean():.3f}")
    return abs(found - expected_value) < 0.2 and found > z_log_var.mean() + 1


check(2, answer_2(MyVAE), right_2)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(model_class):
    class WithoutNoise(model_class):
        def terms(self, x, epsilon=None):
            return super().terms(x, epsilon=ops.zeros((ops.shape(x)[0], self.latent_dim)))

    # Only the KL depends on z_log_var now, and the KL is smallest at 0: the posterior is as wide as
    # the prior and tells nothing of how exactly the decoder needs to know z.
    return WithoutNoise, 0.0


assert check(2, answer_2(MyVAE), right_2)

# %% [markdown]
# 3. **Another likelihood.** Turn the decoder into a Gaussian one with $\sigma = 0.2$: what is
#    `reconstruction_loss` of images `x` whose means are `mean`? Then forecast it before the first
#    step, when the decoder's output is near 0, from the data alone.


# %%
from scipy.stats import norm


def answer_3(x, mean, sigma):
    """Fill in: −log N(x; mean, sigma² I) of each image, [batch]."""
    ...


small = x_val[:5]
of_scipy = -norm.logpdf(small, 0, 0.2).sum(axis=(1, 2, 3))
check(3, answer_3(small, np.zeros_like(small), 0.2), of_scipy)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(x, mean, sigma):
    each = 0.5 * ((x - mean) / sigma) ** 2 + 0.5 * math.log(2 * math.pi * sigma**2)
    return ops.sum(each, axis=(1, 2, 3))


assert check(3, answer_3(small, np.zeros_like(small), 0.2), of_scipy)


class GaussianVAE(MyVAE):
    def terms(self, x, epsilon=None):
        mean = self.decoder(self.sampling(self.encoder(x), epsilon))
        return {**super().terms(x, epsilon), "reconstruction_loss": answer_3(x, mean, 0.2)}

    def call(self, x):
        return self.decoder(self.encoder(x)[0])  # the mean is the image: no sigmoid


keras.utils.set_random_seed(SEED)
found = np.mean(GaussianVAE(SHAPE).terms(x_val)["reconstruction_loss"])
expected_loss = np.mean(answer_3(x_val, np.zeros_like(x_val), 0.2))
print(f"forecast {expected_loss:.0f}, found {found:.0f} nats")
assert abs(found - expected_loss) < 0.05 * expected_loss

# %% [markdown]
# ## Further reading
#
# * Kingma and Welling 2014, [Auto-Encoding Variational Bayes](https://arxiv.org/abs/1312.6114):
#   section 3 is the model of this chapter; the encoder's formulas are in appendix C.
# * Kingma and Welling 2019, [An Introduction to Variational
#   Autoencoders](https://arxiv.org/abs/1906.02691): the same by its authors, five years later and
#   at length.
# * Higgins et al. 2017, [β-VAE](https://openreview.net/forum?id=Sy2fzU9gl): what a factor in front
#   of one term does when it is there on purpose.
#
# ## Checks

# %%
np.testing.assert_allclose(np.mean(drawn, axis=0), [1, -2], atol=0.03)
np.testing.assert_allclose(np.std(drawn, axis=0), 0.5, atol=0.02)
assert all(gradient is not None for gradient in reached)
np.testing.assert_allclose(by_hand, by_keras, rtol=1e-5)
assert encoder.count_params() == (VALUES + 1) * 256 + 257 * 128 + 2 * 129 * 2
assert abs(untrained["loss"] - VALUES * math.log(2)) < 0.01 * VALUES
assert history["val_loss"][-1] < started["loss"] - 5, "it has learned something"
assert right["kl_loss"] > 1, "the code is used"
assert hair_right > guessed and skin_r2 > 0.5, "by what changes many values of an image"
assert wrong["kl_loss"] < 0.02 and difference < 0.1, "and is not, with a mean over the values"
for name in mine:
    np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-5, atol=1e-5)
np.testing.assert_allclose(curves["yours"], curves["vae_keras.VAE"], rtol=1e-4)
assert apart < 1e-3, "the two programs learn the same"
assert mine_twice[0] != mine_twice[1]
np.testing.assert_allclose(package_twice, package_twice[0], rtol=1e-5)
assert abs(started["reconstruction_loss"] - forecast) < 0.02 * forecast
np.testing.assert_allclose(again, model(x_test[:50]), atol=1e-5)

# %% [markdown] tags=["navigation"]
# ---
# Previous: [5. The variational idea](05_the_variational_idea.ipynb) ·
# Next: [7. Convolutions, and how many dimensions](07_convolutions_and_dimensions.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
