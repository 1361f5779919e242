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
# # Deep autoencoders: bending the line
#
# A straight line is a poor road through the mountains, however well it is surveyed. The best plane
# through a cloud of pictures is what principal component analysis finds, and no amount of training
# improves on it. To go on we have to let the plane bend, and with the bend comes everything that
# makes deep learning pleasant and tiresome: better pictures, a choice of losses that really differ,
# numbers that overflow, and a network that learns its training pictures by heart.
#
# You will
#
# 1. see a curve do with one number what a line cannot,
# 2. beat the best plane with a deep autoencoder, and find out which half of it needs the bend,
# 3. compare squared error, its root and cross-entropy by what each of them forgives,
# 4. learn why losses are summed over pixels and averaged over pictures,
# 5. break cross-entropy with a large number, and mend it,
# 6. watch a network overfit, and see why the validation set is not a test set.
#
# It takes three quarters of an hour to read and a minute or two to run, and needs no download. It
# builds on the chapter on the linear autoencoder, of which it takes up the best plane and the word
# *code*.

# %% [markdown] tags=["navigation"]
# **Builds on** [1. The linear autoencoder](01_linear_autoencoder.ipynb) ·
# **To read** about 35 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [1. The linear autoencoder](01_linear_autoencoder.ipynb) ·
# Next: [3. Sparse, denoising, contractive](03_sparse_denoising_contractive.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
CURVE_EPOCHS = 80  # fast: 40
EPOCHS = 40  # fast: 20
HALVES_EPOCHS = 40  # fast: 15
LOSS_EPOCHS = 40  # fast: 4
CHARGED_EPOCHS = 25  # fast: 12
OVERFIT_EPOCHS = 200  # fast: 100

# %% [markdown]
# ## 1. Where a line must fail
#
# Here are 600 points on a half circle, with a little noise. One number is enough to say where on
# the arc a point lies. But the best **line** can only report how far to the left it is.
#
# The autoencoder below also keeps a single number. Between the input and the code, and again
# between the code and the output, it has two layers of 32 units with an activation. A picture of
# two pixels will do for a point.

# %%
import numpy as np
from sklearn.decomposition import PCA

from vae_keras import Autoencoder, TrainConfig, figures, load
from vae_keras.networks import DenseNetwork

generator = np.random.default_rng(SEED)
place = generator.uniform(0, np.pi, 600)
points = np.stack([np.cos(place), np.sin(place)], axis=1) + generator.normal(0, 0.06, (600, 2))
points = points.astype("float32")

# %%
import keras


def fitted(model, x, epochs, rate, batch_size):
    """`model` trained on `x` by Adam, with a learning rate that falls to 0."""
    steps = len(x) // batch_size
    falling = keras.optimizers.schedules.CosineDecay(rate, steps * epochs)
    model.compile(keras.optimizers.Adam(falling), steps_per_execution=steps)
    model.fit(x, epochs=epochs, batch_size=batch_size, verbose=0)
    return model


keras.utils.set_random_seed(SEED)
bent = Autoencoder((2, 1, 1), latent_dim=1, network=DenseNetwork((32, 32), "tanh"))
as_pictures = points.reshape(-1, 2, 1, 1)
fitted(bent, as_pictures, epochs=CURVE_EPOCHS, rate=0.02, batch_size=50)

line = PCA(1).fit(points)
on_line = line.inverse_transform(line.transform(points))
on_curve = np.reshape(bent(as_pictures), points.shape)
line_error, curve_error = (np.sum((points - p) ** 2, axis=1).mean() for p in (on_line, on_curve))
print(f"squared error of the best line {line_error:.4f}, of the curve {curve_error:.4f}")


# %%
def shown(axes, found, title):
    axes.plot(*points.T, ".", markersize=3, color=figures.PALETTE[1], label="points")
    axes.plot(*found.T, ".", markersize=3, color=figures.PALETTE[4], label="rebuilt")
    axes.set(title=title, xlabel="first pixel", ylabel="second pixel", aspect="equal")


def line_and_curve():
    figure, (left, right) = figures.panels(1, 2)
    shown(left, on_line, "one number, a line")
    shown(right, on_curve, "one number, a curve")
    right.legend(loc="lower center")
    return figure


line_and_curve()

# %% [markdown]
# What is left of the curve's error is the noise across the arc, which no curve should follow. The
# line is not short of information: how far to the left a point lies does say where on the arc it
# is. What a line cannot do is *draw* an arc. Section 3 asks which half of the network that needs.
#
# ## 2. Digits from two numbers
#
# Now the same for pictures of 64 numbers. The encoder goes down in steps, 64 → 256 → 128 → 2, and
# the decoder goes up them again; after every hidden layer stands the activation GELU, a smooth
# relative of ReLU. The last layer of each half has none: a code may be any number.

# %%
from vae_keras.training.fitting import trained

dataset = load(TrainConfig(dataset="digits"))
images, labels = dataset.train.arrays()
validation, test = dataset.validation.arrays()[0], dataset.test.arrays()[0]
x, flat_test = images.reshape(-1, 64), test.reshape(-1, 64)

config = TrainConfig(model="deep", units="256-128", epochs=EPOCHS, learning_rate=4e-3, seed=SEED)
deep = trained(config, dataset)


def squared_error(x, x_hat):
    """Σ (x − x̂)² of each picture, averaged over pictures."""
    return np.sum(np.reshape(x - x_hat, (len(x), -1)) ** 2, axis=1).mean()


plane = PCA(2).fit(x)
plane_error = squared_error(flat_test, plane.inverse_transform(plane.transform(flat_test)))
deep_error = squared_error(test, deep(test).numpy())
print(f"squared error per test picture: best plane {plane_error:.2f}, deep {deep_error:.2f}")
print(f"parameters: {deep.count_params():,}")

# %%
on_plane = plane.inverse_transform(plane.transform(validation[:12].reshape(-1, 64)))
rows = {
    "input": validation[:12],
    "plane": on_plane.reshape(-1, 8, 8, 1),
    "deep": deep(validation[:12]),
}
figures.image_rows(rows, title="digits from two numbers")

# %%
from scipy.stats import norm, rankdata

codes = deep.encode(images).numpy()
stretched = norm.ppf((rankdata(codes, axis=0) - 0.5) / len(codes))  # the ranks on a bell curve
names = ("z₁, stretched", "z₂, stretched")
figures.latent_scatter(stretched, labels, dataset.class_names, names, "codes of the deep one")

# %% [markdown]
# (The codes themselves are crowded in one corner and thin in another, so each axis is stretched to
# make them easier to see.) Some digits have drawn apart, though nobody gave the network a label; in
# the middle there is still a crowd. The reason is economy: two pictures with nearly the same code
# are drawn nearly alike, so it pays to give like codes to like pictures.
#
# The scatter is not where the gain lies, however. What has changed is the set of pictures that the
# decoder can draw at all. Move the two sliders, which go through the codes from the lowest to the
# highest. Watch the plane draw a mixture of strokes wherever you are, and the bent sheet turn one
# digit into another.

# %%
from vae_keras.figures.sliders import Sliders

LEVELS = np.linspace(0.04, 0.96, 11)
plane_codes = plane.transform(x)


def grid(codes):
    """A grid that is as dense as the codes along each axis: [11 · 11, 2]."""
    across, up = np.meshgrid(*np.quantile(codes, LEVELS, axis=0).T)
    return np.stack([across.ravel(), up.ravel()], axis=1).astype("float32")


from_plane = plane.inverse_transform(grid(plane_codes)).reshape(-1, 8, 8, 1)
from_sheet = deep.decode(grid(codes)).numpy()


def at(across, up):
    figure, (left, middle, right) = figures.panels(1, 3, width=3.2, height=3.3)
    left.scatter(*stretched.T, s=2, c=[figures.PALETTE[label] for label in labels])
    left.plot(
        *norm.ppf(LEVELS[[across, up]]), "X", color="black", markersize=11, markeredgecolor="white"
    )
    left.set(title="codes of the deep one", xlabel=names[0], ylabel=names[1])
    for axes, drawn, name in ((middle, from_plane, "the plane"), (right, from_sheet, "the sheet")):
        axes.imshow(drawn[11 * up + across, ..., 0], cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
        axes.set_title(name)
    return figure


Sliders(at, across=range(11), up=range(11))


# %% tags=["cover"]
def upright(grid):
    """The grid with its lowest z₂ at the bottom, as in the scatter."""
    return grid.reshape(11, 11, 8, 8, 1)[::-1].reshape(grid.shape)


figures.image_grids({"the best plane": upright(from_plane), "a bent sheet": upright(from_sheet)})

# %% [markdown]
# Every picture on the left is the mean digit, plus so much of one fixed pattern and so much of
# another. On the right the strokes move. (Not in the bottom left corner: there are no codes there,
# and the sheet draws nonsense. The chapter on generating comes back to that.)
#
# ## 3. Which half needs the bend?
#
# The network has two halves, and we bent both. Perhaps that was a waste.
#
# > **Predict.** Train four networks of the same size, with a code of two numbers: no activations at
# > all; activations in the encoder alone; in the decoder alone; in both. Which of them beat the
# > best plane?
#
# A network of this package is a pair of builders, so a mixed one takes a few lines.

# %%
from vae_keras.networks.network import Network


class Halves(Network):
    """The encoder of one network and the decoder of another."""

    def __init__(self, front, back):
        self.front, self.back = front, back

    def encoder(self, input_shape):
        return self.front.encoder(input_shape)

    def decoder(self, code_size, output_shape):
        return self.back.decoder(code_size, output_shape)


bend, straight = DenseNetwork((256, 128), "gelu"), DenseNetwork((256, 128), "linear")
pairs = {
    "none": (straight, straight),
    "encoder": (bend, straight),
    "decoder": (straight, bend),
    "both": (bend, bend),
}
halves = {}
for name, pair in pairs.items():
    keras.utils.set_random_seed(SEED)
    model = Autoencoder(dataset.example_shape, latent_dim=2, network=Halves(*pair))
    fitted(model, images, HALVES_EPOCHS, rate=0.004, batch_size=37)  # 1,295 = 35 · 37
    halves[name] = squared_error(images, model(images).numpy())

best_plane = squared_error(x, plane.inverse_transform(plane.transform(x)))
figures.bars(
    {"best plane": best_plane, **halves},
    "squared error per training picture",
    title="where the activations are",
    form="{:.2f}",
)

# %% [markdown]
# If you said "the last two", you have found the theorem. The decoder draws the picture. If it is
# linear, everything it can draw lies in one plane, and no encoder, however clever, can put a
# picture nearer to that plane than its foot on it. The bend in the decoder is what makes the sheet;
# the bend in the encoder helps to find the right place on it. (A straight encoder may be a plane's,
# but its two numbers then have to say where on a curved sheet a picture belongs, and that is a
# curved question.)
#
# *Depth* does the same again: every hidden layer with its activation folds what the layer before
# has folded. How much of it pays is a matter of trying, and of how much data there is, as section 7
# will show.
#
# ## 4. What a loss forgives
#
# So far a wrong pixel cost its squared error. There are others in use. With $x$ the pixel, $\hat x$
# what the decoder says it is, and sums over the pixels of one picture:
#
# | loss | of one picture | in the code |
# |---|---|---|
# | squared error | $\sum (x - \hat x)^2$ | `loss="mse"` |
# | its root, RMSE | $\sqrt{\operatorname{mean}\,(x - \hat x)^2}$ | `loss="rmse"` |
# | cross-entropy | $-\sum \big[x \log \hat x + (1 - x) \log (1 - \hat x)\big]$ | `loss="bce"` |
#
# For cross-entropy $\hat x$ has to lie between 0 and 1, so the decoder's output $a$ goes through a
# sigmoid, $\hat x = \sigma(a)$; $a$ is called a *logit*.
#
# > **Predict.** A black pixel, $x = 0$. The decoder says 0.5, and then, worse, 0.99. Which loss
# > grows most between the two, and which least?

# %%
from vae_keras.studies import losses, study

curves = losses.pixel_losses(targets=(0.0,))
by_prediction = {name: (curves["prediction"], values) for name, values in curves[0.0].items()}
figures.lines(
    by_prediction,
    "prediction of a black pixel",
    "loss above its minimum",
    title="what a wrong pixel costs",
    ylim=(0, 5),
)

# %%
for prediction in (0.5, 0.99):
    pixel, said = np.zeros((1, 1, 1, 1), "float32"), np.array([prediction], "float32")
    cost = {name: float(losses.pixel_loss(name, pixel, said)[0]) for name in ("mse", "rmse", "bce")}
    print(f"prediction {prediction}:  " + "   ".join(f"{n} {v:.2f}" for n, v in cost.items()))

# %% [markdown]
# In order: the root doubles, the square goes up fourfold and stops at 1, and cross-entropy grows
# sevenfold and has no end: to be *certain* and wrong is the one thing that it does not forgive.
# That makes it quick to put right what is badly wrong, and it is why it draws crisper black.
#
# What the root does shows only with several pictures. Its derivative with respect to the output has
# the same length for every picture, whether that is nearly right or all wrong; the square's is in
# proportion to the error. So the square works on the hard pictures first, and the root on all
# alike.

# %%
import tensorflow as tf

from vae_keras.objectives.likelihoods import loss_named


def pull(name, x, output):
    """The length of the loss's gradient with respect to the decoder's output, for each picture."""
    with tf.GradientTape() as tape:
        tape.watch(output)
        loss = loss_named(name).loss(x, output)
    return np.linalg.norm(np.reshape(tape.gradient(loss, output), (len(x), -1)), axis=1)


target = validation[:1].repeat(3, axis=0)
noise = generator.normal(0, 1, target.shape[1:]).astype("float32")
off = tf.constant(target + np.array([0.01, 0.1, 0.5], "float32").reshape(3, 1, 1, 1) * noise)
for name in ("mse", "rmse"):
    near, middling, far = pull(name, target, off)
    print(f"{name:<5} nearly right {near:.3f}   half right {middling:.3f}   all wrong {far:.3f}")

# %% [markdown]
# Now let us train with each, a code of eight numbers this time, and measure each model by all
# three.

# %%
import functools

configured = functools.partial(TrainConfig, units="256-128", epochs=LOSS_EPOCHS, seed=SEED)
found, *pictures = losses.losses(configured, dataset)
print(study.study_table(found))

# %%
pictures[0]

# %% [markdown]
# Look along the rows. The natural guess is that each model is best at what it was trained for. It
# is not so: here cross-entropy has won by all three measures, the others' as well as its own. What
# one measures by and what one trains with may be two things, and the second had better be chosen
# for its gradients. Cross-entropy's are steep where a pixel is badly wrong, and its sigmoid keeps
# every pixel between black and white without being told. (One table is not a law.)
#
# Look closely at the black around the strokes: what squared error leaves there as a grey haze,
# cross-entropy has pressed to black.
#
# One number needs a warning. Cross-entropy is in *nats*, and for grey pixels its minimum is not 0.
# A pixel of 0.5 costs $\log 2$ even if the decoder says 0.5. How much of the loss is nobody's
# fault?

# %%
floor = losses.bernoulli_entropy(test) / len(test)
bce = found["trained with bce"]["bce"]
print(
    f"cross-entropy {bce:.2f} nats per picture, of which {floor:.2f} is the pictures' own entropy"
)

# %% [markdown]
# Most of it. So never read a cross-entropy of grey pictures as "how far from perfect", nor
# compare it with one of pictures that were made black and white first. (For those, the sum is a
# true likelihood, and the floor is 0. For grey values it is a usable loss with a borrowed name.)
#
# ## 5. Sum over pixels, average over pictures
#
# While a loss has one term, its scale is a change of learning rate. From the next chapter on there
# will be two. Here is a small foretaste: charge for the code as well, with $0.2\,\|z\|^2$, in a
# linear autoencoder whose decoder uses the encoder's weights, so that it cannot cheat by making $z$
# small and its own weights large. Once the reconstruction is **summed** over the 64 pixels, and
# once it is **averaged**, which is what `keras.losses.MeanSquaredError` does.
#
# For this model there is an exact answer. Both halves share their weights, so if a share $s$ of a
# coordinate is rebuilt, the code is $\sqrt s$ times it. The cost is its variance times
# $\big[(1 - s)^2 + 0.2\,s\big]$; set the derivative to 0, and $s = 0.9$.
#
# > **Predict.** And with the average, where the first term is divided by 64?

# %%
from keras import ops

from vae_keras.models.linear import LinearAutoencoder


class Charged(LinearAutoencoder):
    """A linear autoencoder that pays for the length of its code."""

    terms = ("reconstruction_loss", "code_loss")
    scale = 1.0

    def objective(self, batch, training):
        code = self.code(batch)
        loss = self.reconstruction_loss(batch, code, training)  # Σ over pixels, [batch]
        return {"reconstruction_loss": loss, "code_loss": ops.sum(ops.square(code), axis=-1)}

    def term_weights(self, step=None):
        return {"reconstruction_loss": self.scale, "code_loss": 0.2}


class ChargedMean(Charged):
    scale = 1 / 64  # the mean over the pixels


tied = TrainConfig(model="linear", tied=True, latent_dim=8, epochs=CHARGED_EPOCHS, seed=SEED)
charged = {"sum": trained(tied, dataset, Charged), "mean": trained(tied, dataset, ChargedMean)}
spread = {name: model.encode(test).numpy().std(axis=0).mean() for name, model in charged.items()}
for name, model in charged.items():
    error = squared_error(test, model(test).numpy())
    print(f"{name:<5} squared error {error:.2f}, standard deviation of a code {spread[name]:.4f}")

# %%
rows = {name: model(test[:12]) for name, model in charged.items()}
figures.image_rows({"input": test[:12], **rows}, title="the same two terms, with sum and mean")

# %% [markdown]
# If you said that the code dies, you have met *posterior collapse* before its time. Divided by 64 a
# pixel is too cheap to be worth a code: the best $s$ would be negative, so it is 0, and every
# picture is rebuilt as the mean picture. No warning, no error, a smooth curve of the loss. It is
# one of the questions most often asked about variational autoencoders, and the answer is an
# `axis=`.
#
# The other direction is an average too few: a loss summed over *all* axes has also been summed over
# the batch, and weighs twice as much when the batch is twice as large. In this course every loss is
# **summed over the features of an example and averaged over examples**.
#
# ## 6. Logits, not probabilities
#
# Cross-entropy asks for logarithms of probabilities. The formula of section 4 suggests a program:
# compute $\hat x = \sigma(a)$, then take $\log(1 - \hat x)$. Numbers in a computer have about seven
# digits, and $\sigma(20)$ differs from 1 in the ninth.
#
# So put the sigmoid into the logarithm first, on paper. With $\operatorname{softplus}(a) =
# \log(1 + e^a)$ we have $\log \sigma(a) = a - \operatorname{softplus}(a)$ and
# $\log(1 - \sigma(a)) = -\operatorname{softplus}(a)$, so
#
# $$-\big[x \log \sigma(a) + (1 - x) \log (1 - \sigma(a))\big]
# = \operatorname{softplus}(a) - x\,a ,$$
#
# and no probability is ever formed. A black pixel, $x = 0$, with growing logits:


# %%
def with_gradient(loss, a):
    a = tf.constant(a)
    with tf.GradientTape() as tape:
        tape.watch(a)
        value = loss(a)
    return float(value), float(tape.gradient(value, a))


losses = {
    "−log(1 − σ(a))": lambda a: -tf.math.log(1 - tf.sigmoid(a)),
    "the same, clipped": lambda a: keras.losses.binary_crossentropy([0.0], [tf.sigmoid(a)]),
    "softplus(a)": tf.math.softplus,
}
overflow = {n: [with_gradient(f, a) for a in (5.0, 20.0, 100.0)] for n, f in losses.items()}
print(f"{'loss, gradient':<19}" + "".join(f"{f'a = {a}':>18}" for a in (5, 20, 100)))
for name, row in overflow.items():
    print(f"{name:<19}" + "".join(f"{value:>10.2f}, {slope:<6.2f}" for value, slope in row))

# %% [markdown]
# The naive formula ends in infinity, and its gradient in `nan`, which from there spreads to every
# weight. Clipping the probability, as Keras does, is no cure: where it is clipped there is no
# gradient, so a pixel that is certain and wrong stays so for good. The last row is right
# everywhere. That is why the decoders of this package give logits, and `decode` applies the sigmoid
# when you want to look at something.
#
# ## 7. Learning by heart
#
# A deep network can also have too much room. Let us give one only 100 digits, a code of 16, and
# plenty of time, and keep the other 1,195 out of its sight to see how it does on them.

# %%
few, others = images[:100], images[100:]
epochs, few_errors, other_errors = [], [], []


def measure(epoch, logs):
    if epoch % 5 == 4:
        epochs.append(epoch + 1)
        few_errors.append(squared_error(few, memoriser(few).numpy()))
        differences = others - memoriser(others).numpy()
        other_errors.append(np.sum(differences**2, axis=(1, 2, 3)))  # one for each picture


keras.utils.set_random_seed(SEED)
memoriser = Autoencoder(dataset.example_shape, latent_dim=16, network=DenseNetwork((256, 128)))
memoriser.compile(keras.optimizers.Adam(0.002), steps_per_execution=4)
watch = keras.callbacks.LambdaCallback(on_epoch_end=measure)
memoriser.fit(few, epochs=OVERFIT_EPOCHS, batch_size=25, callbacks=[watch], verbose=0)

other_errors = np.array(other_errors)  # [measurements, pictures]
held_out = other_errors.mean(axis=1)
figures.lines(
    {"100 pictures it has seen": (epochs, few_errors), "1,195 it has not": (epochs, held_out)},
    "epoch",
    "squared error per picture",
    title="learning by heart",
    ylim=(0, 2.5),
)

# %%
figures.image_rows(
    {
        "seen": few[:12],
        "rebuilt": memoriser(few[:12]),
        "not seen": others[:12],
        "and rebuilt": memoriser(others[:12]),
    },
    title="after the last epoch",
)

# %%
best = int(held_out.argmin())
print(f"seen: {few_errors[-1]:.3f} at the end")
print(f"not seen: {held_out[-1]:.3f} at the end, {held_out[best]:.3f} after epoch {epochs[best]}")

# %% [markdown]
# What it has seen it rebuilds all but perfectly; for what it has not seen, it is at its best after
# some 75 epochs, and then slowly gets worse. More data is the cure. Where there is none, stop at
# the epoch that is best on pictures held out for the purpose: the **validation set**.
#
# > **Predict.** We stop where the error on ten validation pictures is least, and report that error.
# > Is it a fair estimate of what the model will do on new pictures?
#
# We have 1,195 pictures that the model has never seen. Draw ten of them as a validation set, choose
# the epoch by these, and look at all the others; and do it two thousand times.


# %%
def chosen(generator):
    """The errors at the epoch that ten pictures choose: of these, and of all the others."""
    picked = np.zeros(len(others), bool)
    picked[generator.choice(len(others), 10, replace=False)] = True
    epoch = other_errors[:, picked].mean(axis=1).argmin()
    return other_errors[epoch, picked].mean(), other_errors[epoch, ~picked].mean()


on_validation, on_new = np.mean([chosen(generator) for _ in range(2_000)], axis=0)
print(f"error that the choice was made by  {on_validation:.3f}")
print(f"error on new pictures              {on_new:.3f}")

# %% [markdown]
# It is too good, and on average it must be. Among many epochs the least error is partly merit and
# partly luck, and the luck does not travel. Nothing was trained on these pictures; *choosing* by
# them is enough. The effect shrinks with a larger validation set and grows with the number of
# things tried. Hence three sets: one to train, one to choose by as often as you please, and a
# **test set** that is used once, at the end, for the figure that you report.
#
# ## Exercises
#
# **1.** Show, on paper and with `tf.GradientTape`, that the gradient of the cross-entropy with
# respect to the logit is $\sigma(a) - x$. Why can a single pixel never pull harder than 1?
#
# **2.** How many numbers would a linear autoencoder need to match the deep one with two on the test
# set? Look for the answer without training anything.
#
# **3.** A colleague computes the reconstruction as `ops.sum(ops.square(x - x_hat))`, over
# everything, and adds `ops.mean(code_loss)`. Show that the balance of the two terms depends on the
# batch size, and mend it.

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
# d softplus(a) / da = eᵃ / (1 + eᵃ) = σ(a), and d(x·a) / da = x. Both lie between 0 and 1.
a = tf.random.stateless_uniform((1_000,), (SEED, 0), -50.0, 50.0)
pixel = tf.random.stateless_uniform((1_000,), (SEED, 1))
with tf.GradientTape() as tape:
    tape.watch(a)
    loss = tf.math.softplus(a) - pixel * a
gradient = tape.gradient(loss, a)
np.testing.assert_allclose(gradient, tf.sigmoid(a) - pixel, atol=1e-6)
assert np.abs(gradient).max() <= 1

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
all_components = PCA(64).fit(x)
coordinates = all_components.transform(flat_test)
left_out = [np.sum(coordinates[:, k:] ** 2, axis=1).mean() for k in range(65)]
needed = next(k for k in range(65) if left_out[k] <= deep_error)
print(
    f"{needed} numbers: error {left_out[needed]:.2f}, and {left_out[needed - 1]:.2f} with one less"
)
assert needed > 2
assert left_out[needed] <= deep_error < left_out[needed - 1]


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def balance(batch, mended=False):
    squared = ops.square(batch - deep(batch))
    reconstruction = ops.mean(ops.sum(squared, axis=(1, 2, 3))) if mended else ops.sum(squared)
    return float(reconstruction / ops.mean(ops.sum(ops.square(deep.encode(batch)), axis=-1)))


once, twice = images[:64], np.concatenate([images[:64]] * 2)
print(f"{balance(twice) / balance(once):.3f}, {balance(twice, True) / balance(once, True):.3f}")
assert abs(balance(twice) / balance(once) - 2) < 1e-3
assert abs(balance(twice, True) / balance(once, True) - 1) < 1e-3

# %% [markdown]
# ## Further reading
#
# - Hinton and Salakhutdinov 2006, [Reducing the dimensionality of data with neural
#   networks](https://doi.org/10.1126/science.1127647): the deep autoencoder that made the idea
#   famous, with digits in a plane beside those of PCA.
# - Loaiza-Ganem and Cunningham 2019, [The continuous Bernoulli](https://arxiv.org/abs/1907.06845):
#   what is missing from cross-entropy on grey pixels to make it a likelihood.
# - Hendrycks and Gimpel 2016, [Gaussian error linear units](https://arxiv.org/abs/1606.08415): the
#   activation used here.
# - Recht, Roelofs, Schmidt and Shankar 2019, [Do ImageNet classifiers generalize to
#   ImageNet?](https://arxiv.org/abs/1902.10811): what years of choosing by one test set did, and
#   what they did not.
#
# ## Checks

# %%
assert curve_error < 0.1 * line_error, "a curve follows the arc, a line cannot"
assert deep_error < 0.95 * plane_error, "the deep one beats the best plane on test pictures"
assert min(halves["none"], halves["encoder"]) > 0.999 * best_plane, "a straight decoder cannot"
assert max(halves["decoder"], halves["both"]) < best_plane, "a bent one can"
assert near < 1.001 * far and far < 1.001 * near, "the root pulls at all pictures alike"
assert bce > floor > 0.5 * bce, "most of a cross-entropy of grey pixels is their own"
assert spread["mean"] < 0.05 < spread["sum"], "the mean over pixels has killed the code"
naive = overflow["−log(1 − σ(a))"][2]
assert np.isinf(naive[0]) and np.isnan(naive[1]), "the naive formula overflows"
assert overflow["the same, clipped"][2][1] == 0, "no gradient where it is clipped"
assert overflow["softplus(a)"][2] == (100.0, 1.0), "right where the others fail"
assert few_errors[-1] < 0.3 * held_out[-1], "it knows its own pictures by heart"
assert held_out[-1] > held_out.min(), "and has been better on the others"
assert on_validation < on_new, "what one has chosen by looks too good"

# %% [markdown] tags=["navigation"]
# ---
# Previous: [1. The linear autoencoder](01_linear_autoencoder.ipynb) ·
# Next: [3. Sparse, denoising, contractive](03_sparse_denoising_contractive.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
