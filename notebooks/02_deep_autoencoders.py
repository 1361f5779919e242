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
# The best plane through a cloud of images is what principal component analysis finds, and no
# training improves on it. To do better, the plane must bend. A network bends it with activations.
# With the bend come better images, and the usual subjects of deep learning: losses that really
# differ, numbers that overflow, and a network that learns its training images by heart.
#
# You will
#
# 1. see a curve do with one number what a line cannot do,
# 2. write a deep autoencoder, beat the best plane with it, and show that it is the package's,
# 3. find out which of its two halves needs the bend,
# 4. compare squared error, its root and cross-entropy by their slopes,
# 5. learn why losses are summed over pixels and averaged over images,
# 6. make cross-entropy overflow, and mend it,
# 7. watch a network overfit, and see why the validation set is not a test set.
#
# It needs no download. From the chapter on the linear autoencoder it takes the best plane and the
# word *code*.

# %% [markdown] tags=["navigation"]
# **Builds on** [1. The linear autoencoder](01_linear_autoencoder.ipynb) ·
# **To read** about 50 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [1. The linear autoencoder](01_linear_autoencoder.ipynb) ·
# Next: [3. Sparse, denoising, contractive](03_sparse_denoising_contractive.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
CURVE_EPOCHS = 80  # fast: 40
EPOCHS = 40  # fast: 12
FACE_EPOCHS = 25  # fast: 4
HALVES = ("none", "encoder", "decoder")  # fast: ("encoder",)
LOSSES = 4  # fast: 1
LOSS_EPOCHS = 40  # fast: 2
CHARGED_EPOCHS = 25  # fast: 8
OVERFIT_EPOCHS = 200  # fast: 100

# %% [markdown]
# ## 1. Where a line must fail
#
# Here are 600 points on a half circle, with a little noise. One number is enough to say where on
# the arc a point lies. But the best **line** can only say how far to the left the point is.

# %%
import numpy as np

from vae_keras import figures

generator = np.random.default_rng(SEED)
place = generator.uniform(0, np.pi, 600)
points = np.stack([np.cos(place), np.sin(place)], axis=1) + generator.normal(0, 0.06, (600, 2))
points = points.astype("float32")

# %% [markdown]
# A *deep autoencoder* has hidden layers, each with an activation, on both sides of the code. Here
# is all of it: two functions. The first makes one half of the network, the second joins two halves.

# %%
import keras
from keras import layers, ops


def half(sizes, activation):
    """Dense layers from sizes[0] to sizes[-1] numbers; all but the last have the activation."""
    *hidden, last = sizes[1:]
    dense = [layers.Dense(size, activation) for size in hidden]
    return keras.Sequential([keras.Input((sizes[0],)), *dense, layers.Dense(last)])


def autoencoder(sizes, front="gelu", back="gelu"):
    """An encoder through `sizes`, and a decoder on the same way back."""
    return keras.Sequential([half(sizes, front), half(sizes[::-1], back)])


def squared(x, x_hat):
    """Σ (x − x̂)² of each example."""
    return ops.sum(ops.square(x - x_hat), axis=-1)


def fitted(model, x, epochs, rate, batch_size, loss=squared):
    """`model` trained to rebuild `x`, by Adam with a learning rate that falls to 0."""
    falling = keras.optimizers.schedules.CosineDecay(rate, len(x) // batch_size * epochs)
    adam = keras.optimizers.Adam(falling)
    adam.build(model.trainable_variables)  # which saves time: `fit` need not trace its step twice
    model.compile(adam, loss=loss)
    model.fit(x, x, epochs=epochs, batch_size=batch_size, verbose=0)
    return model


# %% [markdown]
# For the points: two coordinates, two layers of 32 units, **one** number, and back.

# %%
from sklearn.decomposition import PCA

keras.utils.set_random_seed(SEED)
bent = autoencoder((2, 32, 32, 1), "tanh", "tanh")
fitted(bent, points, CURVE_EPOCHS, rate=0.02, batch_size=50)
line = PCA(1).fit(points)


def squared_error(x, x_hat):
    """Σ (x − x̂)² of each example, averaged over examples."""
    return float(np.mean(np.sum((x - np.asarray(x_hat)) ** 2, axis=-1)))


on_line, on_curve = line.inverse_transform(line.transform(points)), bent(points).numpy()
line_error, curve_error = squared_error(points, on_line), squared_error(points, on_curve)
print(f"squared error of the best line {line_error:.4f}, of the curve {curve_error:.4f}")


# %%
def shown(axes, found, title):
    axes.plot(*points.T, ".", markersize=3, color=figures.PALETTE[1], label="points")
    axes.plot(*found.T, ".", markersize=3, color=figures.PALETTE[4], label="rebuilt")
    axes.set(title=title, xlabel="x₁", ylabel="x₂", aspect="equal")


def line_and_curve():
    figure, (left, right) = figures.panels(1, 2)
    shown(left, on_line, "one number, a line")
    shown(right, on_curve, "one number, a curve")
    right.legend(loc="lower center")
    return figure


line_and_curve()

# %% [markdown]
# The error that remains for the curve is the noise across the arc, and no curve should follow
# that. The line does not lack information: how far to the left a point is also says where on the
# arc it lies. But a line cannot *draw* an arc. Section 3 asks which half of the network is needed
# for that.
#
# ## 2. Digits from two numbers
#
# Now the same functions for digits of 8 × 8 pixels, 64 numbers each. The encoder goes down in
# steps, 64 → 256 → 128 → 2, and the decoder goes up again. The activation after each hidden layer
# is GELU, a smooth relative of ReLU. The last layer of each half has none: a code may be any
# number.

# %%
from vae_keras import TrainConfig, load

dataset = load(TrainConfig(dataset="digits"))
images, labels = dataset.train.arrays()
validation, test = dataset.validation.arrays()[0], dataset.test.arrays()[0]
x, x_val, x_test = (part.reshape(len(part), 64) for part in (images, validation, test))


def as_images(values):
    """Rows of 64 numbers as images of 8 × 8 pixels."""
    return np.reshape(values, (-1, 8, 8, 1))


keras.utils.set_random_seed(SEED)
deep = fitted(autoencoder((64, 256, 128, 2)), x, EPOCHS, rate=4e-3, batch_size=37)  # 1,295 = 35·37
plane = PCA(2).fit(x)
plane_error = squared_error(x_test, plane.inverse_transform(plane.transform(x_test)))
deep_error = squared_error(x_test, deep(x_test))
print(f"squared error per test image: best plane {plane_error:.2f}, deep {deep_error:.2f}")
print(f"parameters: {deep.count_params():,}")

# %%
rows = {
    "input": x_val[:12],
    "plane": plane.inverse_transform(plane.transform(x_val[:12])),
    "deep": deep(x_val[:12]),
}
rows = {name: as_images(row) for name, row in rows.items()}
figures.image_rows(rows, title="digits from two numbers")

# %%
from scipy.stats import norm, rankdata

encoder, decoder = deep.layers
codes = encoder(x).numpy()
stretched = norm.ppf((rankdata(codes, axis=0) - 0.5) / len(codes))  # the ranks on a bell curve
names = ("z₁, stretched", "z₂, stretched")
figures.latent_scatter(stretched, labels, dataset.class_names, names, "codes of the deep one")

# %% [markdown]
# (The codes are crowded in one corner and thin in another, so each axis is stretched to make them
# easier to see.) Some digits have drawn apart, although the network was given no labels. In the
# middle there is still a crowd. The reason: two images with nearly the same code are drawn nearly
# alike, so the loss is smaller if similar images have similar codes.
#
# Is your network the same as the package's? `Autoencoder` with a `DenseNetwork` of 256 and 128
# units is made of the same layers. Give it your weights, and compare the loss of every test image.

# %%
from vae_keras import Autoencoder
from vae_keras.networks import DenseNetwork

package = Autoencoder((8, 8, 1), latent_dim=2, network=DenseNetwork((256, 128), "gelu"))
package.encoder.set_weights(encoder.get_weights())
package.decoder.set_weights(decoder.get_weights())
theirs = package.objective(package.prepare(test), training=False)["reconstruction_loss"]
mine = squared(x_test, deep(x_test))
apart = float(np.max(np.abs(mine - theirs)))
print(f"largest difference in the loss of a test image: {apart:.0e}")

# %% [markdown]
# ### Faces from two numbers
#
# Digits differ in many ways, and two numbers cannot say all of them. Let us take images for which
# two numbers *are* enough: one face, drawn a thousand times in colour, 32 × 32 pixels. Only the
# tilt of the head and the tone of the skin change, and both are chosen at random. An image has
# 3,072 values, but the cloud of all images is a sheet of two dimensions.
#
# > **Predict.** To what extent can the best **plane** follow a head that tilts? What will it draw
# > between a head that leans to the left and one that leans to the right?

# %%
from vae_keras.data.drawn.faces import draw, sample

# one face (number 3 of the program's faces), a thousand times
person = np.repeat(sample(1, seed=0, start=3), 1_000)
person["tilt"] = generator.uniform(-20, 20, 1_000)  # degrees
person["skin_tone"] = generator.uniform(0, 1, 1_000)
faces = draw(person, 32).reshape(1_000, -1) / np.float32(255)
mean_face = faces[:800].mean(axis=0)
seen, unseen = faces[:800] - mean_face, faces[800:] - mean_face  # centred, as in chapter 1

keras.utils.set_random_seed(SEED)
sheet = autoencoder((3_072, 128, 64, 2))
fitted(sheet, seen, FACE_EPOCHS, rate=4e-3, batch_size=25)
face_plane = PCA(2, random_state=SEED).fit(seen)
of_plane = squared_error(unseen, face_plane.inverse_transform(face_plane.transform(unseen)))
of_sheet = squared_error(unseen, sheet(unseen))
print(f"squared error per new face: best plane {of_plane:.1f}, bent sheet {of_sheet:.1f}")

# %% [markdown]
# Move the two sliders. They go through the codes from the lowest to the highest, for the plane and
# for the sheet. The points on the left are the codes of the sheet, coloured by the true tilt, which
# the network was never told.

# %%
from vae_keras.figures.sliders import Sliders

LEVELS = np.linspace(0.04, 0.96, 9)
face_codes = sheet.layers[0](seen).numpy()
plane_codes = face_plane.transform(seen)


def grid(codes):
    """A grid that is as dense as the codes, and as slanted: [9 · 9, 2]."""
    slope, height = np.polyfit(*codes.T, 1)
    above = codes[:, 1] - slope * codes[:, 0] - height
    across, up = np.meshgrid(np.quantile(codes[:, 0], LEVELS), np.quantile(above, LEVELS))
    up = up + slope * across + height
    return np.stack([across.ravel(), up.ravel()], axis=1).astype("float32")


def as_faces(values):
    """Rows of 3,072 centred values as images in colour."""
    return (mean_face + np.asarray(values)).reshape(-1, 32, 32, 3).clip(0, 1)


from_plane = as_faces(face_plane.inverse_transform(grid(plane_codes)))
from_sheet = as_faces(sheet.layers[1](grid(face_codes)))


def at(across, up):
    figure, (left, middle, right) = figures.panels(1, 3, width=3.2, height=3.3)
    tilts = left.scatter(*face_codes.T, s=4, c=person["tilt"][:800], cmap="viridis")
    figure.colorbar(tilts, ax=left, label="tilt (degrees)")
    left.plot(*grid(face_codes)[9 * up + across], "X", color="black", markersize=11)
    left.set(title="codes, coloured by tilt", xlabel="z₁", ylabel="z₂")
    for axes, drawn, name in ((middle, from_plane, "the plane"), (right, from_sheet, "the sheet")):
        axes.imshow(drawn[9 * up + across])
        axes.set_axis_off()
        axes.set_title(name)
    return figure


Sliders(at, across=range(9), up=range(9))


# %% tags=["cover"]
def upright(grid):
    """The grid with its lowest z₂ at the bottom, as in the scatter."""
    return grid.reshape(9, 9, 32, 32, 3)[::-1].reshape(grid.shape)


def plane_and_sheet():
    figure = figures.image_grids(
        {"the best plane": upright(from_plane), "a bent sheet": upright(from_sheet)}
    )
    figure.set_size_inches(9, 4.9)
    figure.supxlabel("z₁ →")
    figure.supylabel("z₂ →")
    return figure


plane_and_sheet()

# %% [markdown]
# Every image on the left is the mean face, plus some amount of one fixed pattern, plus some amount
# of another. Between two tilts the plane can only mix them, and you see two heads at once. On the
# right the head really turns. (In the plane the skin changes from left to right and the tilt from
# bottom to top. The sheet happens to have them the other way round.) Has the network found the two
# numbers that the faces were drawn from? Then a linear function of its codes should give them:

# %%
from sklearn.linear_model import LinearRegression

told = {}
for name in ("tilt", "skin_tone"):
    straight = LinearRegression().fit(face_codes, person[name][:800])
    told[name] = straight.score(sheet.layers[0](unseen).numpy(), person[name][800:])
    print(f"{name:<9} of new faces: {told[name]:.0%} of its variance can be read from two numbers")

# %% [markdown]
# It has, up to slanted axes and a bend. Nobody told it what a tilt is.
#
# ## 3. Which half needs the bend?
#
# The network has two halves, and both have activations. Are both needed?
#
# > **Predict.** Train four networks of the same size on digits, with a code of two numbers: no
# > activations at all; activations in the encoder alone; in the decoder alone; in both, as in
# > section 2. Which of them are better than the best plane?

# %%
pairs = {
    "none": ("linear", "linear"),
    "encoder": ("gelu", "linear"),
    "decoder": ("linear", "gelu"),
}
halves = {}
for name in HALVES:
    keras.utils.set_random_seed(SEED)
    model = autoencoder((64, 256, 128, 2), *pairs[name])
    halves[name] = squared_error(x, fitted(model, x, EPOCHS, 4e-3, batch_size=37)(x))
halves["both"] = squared_error(x, deep(x))  # the network of section 2

best_plane = squared_error(x, plane.inverse_transform(plane.transform(x)))
figures.bars(
    {"best plane": best_plane, **halves},
    "squared error per training image",
    title="where the activations are",
    form="{:.2f}",
)

# %% [markdown]
# The answer: the last two. The reason is a theorem. The decoder draws the image. If the decoder is
# linear, everything that it can draw lies in one plane. The nearest point of a plane to an image is
# the image's projection, and PCA has already found the plane with the best projections. No encoder
# can do better than that. The bend in the decoder makes the sheet. The bend in the encoder helps to
# find the right place on it: the place on a bent sheet is, as a rule, no linear function of the
# image.
#
# *Depth* repeats this: every hidden layer with its activation bends what the layer before has bent.
# How much depth is worth having depends on the data and their number, as section 7 will show.
#
# ## 4. What a loss forgives
#
# Until now a wrong pixel cost its squared error. There are other losses. Let $x$ be the pixel and
# $\hat x$ what the decoder says, with sums over the pixels of one image:
#
# | loss | of one image | in the package |
# |---|---|---|
# | squared error | $\sum (x - \hat x)^2$ | `loss="mse"` |
# | its root, RMSE | $\sqrt{\operatorname{mean}\,(x - \hat x)^2}$ | `loss="rmse"` |
# | cross-entropy | $-\sum \big[x \log \hat x + (1 - x) \log (1 - \hat x)\big]$ | `loss="bce"` |
#
# (The package's `mse` is a sum over the pixels, in spite of its name; section 5 says why.)
#
# For cross-entropy $\hat x$ must lie between 0 and 1, so the decoder's output $a$ goes through a
# sigmoid, $\hat x = \sigma(a)$. The output $a$ is called a *logit*.
#
# > **Predict.** A black pixel, $x = 0$. The decoder says 0.5, and then, worse, 0.99. Which loss
# > grows most between the two, and which least?

# %%
from vae_keras.studies.losses import bernoulli_entropy, pixel_loss, pixel_losses

NAMES = {"mse": "squared error", "rmse": "its root", "bce": "cross-entropy"}
curves = pixel_losses(targets=(0.0,))
figures.lines(
    {NAMES[name]: (curves["prediction"], values) for name, values in curves[0.0].items()},
    "prediction of a black pixel",
    "loss above its minimum",
    title="what a wrong pixel costs",
    ylim=(0, 5),
)

# %%
for prediction in (0.5, 0.99):
    pixel, said = np.zeros((1, 1, 1, 1), "float32"), np.array([prediction], "float32")
    cost = {NAMES[name]: float(pixel_loss(name, pixel, said)[0]) for name in NAMES}
    print(f"prediction {prediction}:  " + "   ".join(f"{n} {v:.2f}" for n, v in cost.items()))

# %% [markdown]
# The root doubles. The square becomes four times as large, and is at most 1. Cross-entropy becomes
# seven times as large and has no upper limit: a decoder that is *certain* and wrong pays without
# bound.
#
# But a network does not learn from the *value* of a loss. It learns from the **slope**, and the
# slope that reaches the decoder is the one with respect to its output. Here the losses look quite
# different. We add a fourth: squared error through a sigmoid, $(x - \sigma(a))^2$.
#
# > **Predict.** The decoder's output moves further and further to the wrong side of a black pixel:
# > $\hat x$ = 0.5, 0.99, 0.9999. With which of these does its slope stay large, and with which does
# > it fall to 0: squared error, cross-entropy, squared error through a sigmoid?

# %%
import tensorflow as tf


def squared_of_sigmoid(x, a):
    return squared(x, ops.sigmoid(a))


def cross_entropy(x, a):
    """−Σ [x log σ(a) + (1 − x) log (1 − σ(a))], from logits; section 6 derives the formula."""
    return ops.sum(ops.softplus(a) - x * a, axis=-1)


def slopes(loss, output):
    """The derivative of the loss of a black pixel with respect to the decoder's output: [n]."""
    output = tf.constant(output[:, None])
    with tf.GradientTape() as tape:
        tape.watch(output)
        value = loss(tf.zeros_like(output), output)
    return tape.gradient(value, output).numpy()[:, 0]


said = np.array([0.5, 0.99, 0.9999])
logit = np.log(said / (1 - said))
slope = {
    "squared error": slopes(squared, said),
    "cross-entropy": slopes(cross_entropy, logit),
    "squared, through a sigmoid": slopes(squared_of_sigmoid, logit),
}
print(f"{'slope at the output, x = 0':<28}" + "".join(f"{f'x̂ = {p}':>12}" for p in said))
for name, values in slope.items():
    print(f"{name:<28}" + "".join(f"{value:12.4f}" for value in values))

# %% [markdown]
# The three formulas, which exercises 1 and 3 derive:
#
# $$2\,(\hat x - x), \qquad \sigma(a) - x, \qquad
# 2\,\big(\sigma(a) - x\big)\,\sigma(a)\,\big(1 - \sigma(a)\big) .$$
#
# Squared error has the steepest slope. It grows beyond 2 only if $\hat x$ leaves $[0, 1]$, where
# the table does not go. Cross-entropy's slope is the plain error, at most 1, for any logit. Squared
# error **through a sigmoid** is the one to avoid where a pixel is badly wrong: the slope of the
# sigmoid goes to 0 there, and takes the slope of the loss with it. So the sigmoid and cross-entropy
# belong together: the sigmoid keeps the output between black and white, and cross-entropy is steep
# exactly where the sigmoid is flat, so that the two effects cancel each other.
#
# The root behaves in another way, which shows only with several images. Its derivative has the same
# length for every image, whether it is nearly right or all wrong; that of the square is in
# proportion to the error. So the square works mostly on the images with large errors, and the root
# works on all alike.


# %%
def root(x, x_hat):
    return ops.sqrt(ops.mean(ops.square(x - x_hat), axis=-1) + 1e-12)  # no slope at exactly 0


def pull(loss, x, output):
    """The length of the loss's gradient with respect to the decoder's output, for each image."""
    with tf.GradientTape() as tape:
        tape.watch(output)
        value = loss(x, output)
    return np.linalg.norm(tape.gradient(value, output), axis=1)


target = x_val[:1].repeat(3, axis=0)
error = generator.normal(0, 1, 64).astype("float32")
off = tf.constant(target + np.array([[0.01], [0.1], [0.5]], "float32") * error)
for name, loss in (("squared error", squared), ("root", root)):
    near, middling, far = pull(loss, target, off)
    print(f"{name:<14} nearly right {near:.3f}   half right {middling:.3f}   all wrong {far:.3f}")

# %% [markdown]
# Now train with each of the four, with a code of eight numbers, and measure every model by three
# measures. If we compared only "squared error" with "cross-entropy", two things would change at
# once: the loss, and the sigmoid at the end. The fourth row separates them.

# %%
HALF_LEVEL = 1 / 510  # cross-entropy needs x̂ inside (0, 1): half a grey level of 256 away
trainings = {  # a loss, and what makes an image of the decoder's output
    "squared error": (squared, lambda a: a),
    "its root": (root, lambda a: a),
    "squared, sigmoid": (squared_of_sigmoid, ops.sigmoid),
    "cross-entropy": (cross_entropy, ops.sigmoid),
}
drawn, measures = {}, {}
for name in list(trainings)[-LOSSES:]:
    loss, as_pixels = trainings[name]
    keras.utils.set_random_seed(SEED)
    model = fitted(autoencoder((64, 256, 128, 8)), x, LOSS_EPOCHS, 2e-3, batch_size=37, loss=loss)
    drawn[name] = as_pixels(model(x_test)).numpy()
    inside = drawn[name].clip(HALF_LEVEL, 1 - HALF_LEVEL)
    measures[name] = (
        squared_error(x_test, drawn[name]),
        float(np.mean(root(x_test, drawn[name]))),
        float(np.mean(cross_entropy(x_test, np.log(inside / (1 - inside))))),
    )
print(f"{'trained with':<18}{'squared error':>14}{'RMSE':>8}{'cross-entropy':>15}")
for name, (first, second, third) in measures.items():
    print(f"{name:<18}{first:14.3f}{second:8.4f}{third:15.2f}")

# %%
figures.image_rows(
    {"input": test[:12], **{name: as_images(row[:12]) for name, row in drawn.items()}},
    title="test images, each with eight numbers, by four losses",
)

# %% [markdown]
# One might expect that each model is the best by the measure that it was trained with. It is not
# so: cross-entropy is the best by all three. The loss that you train with need not be the measure
# that you care about. But look at the third row before you praise the loss. Squared error *through
# a sigmoid* is much nearer to cross-entropy than to squared error without: most of the gain is the
# sigmoid's, which keeps every pixel between black and white and makes black easy to draw. The rest
# is the loss's. (One table is not a law.)
#
# One number needs a warning. Cross-entropy is in *nats*, and for grey pixels its minimum is not 0.
# A pixel of 0.5 costs $\log 2$ even if the decoder says 0.5. How much of the loss cannot be
# avoided?

# %%
floor = bernoulli_entropy(test) / len(test)
bce = measures["cross-entropy"][2]
print(f"cross-entropy {bce:.2f} nats per image, of which {floor:.2f} is the images' own entropy")

# %% [markdown]
# Most of it. So never read the cross-entropy of grey images as "how far from perfect". It can be
# used as a loss, but it is a true likelihood only for pixels that are 0 or 1. Chapter 9 says how
# the figures of grey and of black-and-white images are related.
#
# ## 5. Sum over pixels, average over images
#
# While a loss has one term, its scale only changes the learning rate. From the next chapter on
# there will be two terms. Here is an example: the code costs something as well, $0.2\,\|z\|^2$, in
# a linear autoencoder whose decoder uses the encoder's weights. (So it cannot avoid the cost by
# making $z$ small and the decoder's weights large.) In one model the reconstruction is **summed**
# over the 64 pixels. In the other it is **averaged**, which is what `keras.losses.MeanSquaredError`
# does.
#
# For this model there is an exact answer. Both halves share their weights, so if a share $s$ of a
# coordinate is rebuilt, the code is $\sqrt s$ times it. The cost is its variance times
# $\big[(1 - s)^2 + 0.2\,s\big]$. Set the derivative to 0: $s = 0.9$.
#
# > **Predict.** And with the average, where the first term is divided by 64?
#
# The package's models have two methods that a subclass may replace. `objective` returns the terms
# of the loss, one value for each image. `term_weights` says how much each term counts.
# `self.code(batch)` is the code of the images.

# %%
from vae_keras.models.linear import LinearAutoencoder
from vae_keras.training.fitting import trained


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
    wrong = squared_error(x_test, np.reshape(model(test), x_test.shape))
    print(f"{name:<5} squared error {wrong:.2f}, standard deviation of a code {spread[name]:.4f}")

# %%
rows = {name: model(test[:12]) for name, model in charged.items()}
figures.image_rows({"input": test[:12], **rows}, title="the same two terms, with sum and mean")

# %% [markdown]
# With the average the code dies. Divided by 64, a pixel is too cheap to be worth a code: the best
# $s$ would be negative, so it is 0, and every image is rebuilt as the mean image. There is no
# warning and no error, and the curve of the loss is smooth. Variational autoencoders show the same,
# under the name of *posterior collapse*, and it is one of the questions most often asked about
# them. The cause is often a wrong or missing argument `axis=`.
#
# The opposite mistake is a sum too many. `ops.sum` without an axis sums over the batch as well, and
# then the term weighs twice as much when the batch is twice as large:


# %%
def balance(batch, over_the_batch=False):
    """The reconstruction loss divided by the code loss."""
    model = charged["sum"]
    error, code = ops.square(batch - model(batch)), ops.square(model.encode(batch))
    each = ops.sum(error, axis=(1, 2, 3))
    reconstruction = ops.sum(error) if over_the_batch else ops.mean(each)
    return float(reconstruction / ops.mean(ops.sum(code, axis=-1)))


once, twice = images[:64], np.concatenate([images[:64]] * 2)  # the same images two times
growth = {wrong: balance(twice, wrong) / balance(once, wrong) for wrong in (True, False)}
print(f"batch of 128 against 64, the weight of the first term: {growth[True]:.3f} times as much")
print(f"summed over pixels, averaged over images:              {growth[False]:.3f}")

# %% [markdown]
# In this course every loss is **summed over the features of an example and averaged over
# examples**.
#
# ## 6. Logits, not probabilities
#
# Cross-entropy needs logarithms of probabilities. The formula of section 4 suggests a program:
# compute $\hat x = \sigma(a)$, then take $\log(1 - \hat x)$. But the numbers of a computer have
# about seven digits, and $\sigma(20)$ differs from 1 in the ninth.
#
# So put the sigmoid into the logarithm first, on paper. With $\operatorname{softplus}(a) =
# \log(1 + e^a)$ we have $\log \sigma(a) = a - \operatorname{softplus}(a)$ and
# $\log(1 - \sigma(a)) = -\operatorname{softplus}(a)$, so
#
# $$-\big[x \log \sigma(a) + (1 - x) \log (1 - \sigma(a))\big]
# = \operatorname{softplus}(a) - x\,a ,$$
#
# and no probability is ever computed. This is the formula of `cross_entropy` above. A black pixel,
# $x = 0$, with growing logits:


# %%
def with_gradient(loss, a):
    a = tf.constant(a)
    with tf.GradientTape() as tape:
        tape.watch(a)
        value = loss(a)
    return float(value), float(tape.gradient(value, a))


forms = {
    "−log(1 − σ(a))": lambda a: -tf.math.log(1 - tf.sigmoid(a)),
    "the same, clipped": lambda a: keras.losses.binary_crossentropy([0.0], [tf.sigmoid(a)]),
    "softplus(a)": tf.math.softplus,
}
overflow = {n: [with_gradient(f, a) for a in (5.0, 20.0, 100.0)] for n, f in forms.items()}
print(f"{'loss, gradient':<19}" + "".join(f"{f'a = {a}':>18}" for a in (5, 20, 100)))
for name, row in overflow.items():
    print(f"{name:<19}" + "".join(f"{value:>10.2f}, {slope:<6.2f}" for value, slope in row))

# %% [markdown]
# The direct formula ends in infinity, and its gradient in `nan`, which then spreads to every
# weight. Keras clips the probability, but that is no cure: where it is clipped there is no
# gradient, so a pixel that is certain and wrong stays so. The last row is right everywhere. That is
# why the decoders of this package give logits, and `decode` applies the sigmoid when you want to
# see an image.
#
# ## 7. Learning by heart
#
# A deep network can also have too much room. Give it only 100 digits, a code of 16 numbers, and
# plenty of time, and keep the other 1,195 digits hidden from it, to see how it does on them.

# %%
few, others = x[:100], x[100:]
epochs, few_errors, other_errors = [], [], []


def measure(number, logs):
    epochs.append(5 * number + 5)
    few_errors.append(squared_error(few, memoriser(few)))
    other_errors.append(squared(others, memoriser(others)).numpy())  # one for each image


keras.utils.set_random_seed(SEED)
memoriser = autoencoder((64, 256, 128, 16))
adam = keras.optimizers.Adam(0.002)
adam.build(memoriser.trainable_variables)
memoriser.compile(adam, loss=squared)
watch = keras.callbacks.LambdaCallback(on_epoch_end=measure)
five = np.tile(few, (5, 1))  # every image five times: `fit` measures after five epochs
memoriser.fit(five, five, epochs=OVERFIT_EPOCHS // 5, batch_size=25, callbacks=[watch], verbose=0)

other_errors = np.array(other_errors)  # [measurements, images]
held_out = other_errors.mean(axis=1)
figures.lines(
    {"100 images it has seen": (epochs, few_errors), "1,195 it has not": (epochs, held_out)},
    "epoch",
    "squared error per image",
    title="learning by heart",
    ylim=(0, 2.5),
)

# %%
rows = {
    "seen": few[:12],
    "rebuilt": memoriser(few[:12]),
    "not seen": others[:12],
    "and rebuilt": memoriser(others[:12]),
}
rows = {name: as_images(row) for name, row in rows.items()}
figures.image_rows(rows, title="after the last epoch")

# %%
best = int(held_out.argmin())
print(f"seen: {few_errors[-1]:.3f} at the end")
print(f"not seen: {held_out[-1]:.3f} at the end, {held_out[best]:.3f} after epoch {epochs[best]}")

# %% [markdown]
# The images that it has seen are rebuilt almost perfectly. On the others it is best somewhere in
# the middle of training, and then it slowly gets worse. More data would help. Where there are no
# more, stop at the epoch that is best on images that were held out for this purpose: the
# **validation set**.
#
# > **Predict.** We stop where the error on ten validation images is least, and report that error.
# > Is it a fair estimate of what the model will do on new images?
#
# We have 1,195 images that the model has never seen. Draw ten of them as a validation set, choose
# the epoch by these, and look at all the others. Do it two thousand times.


# %%
def chosen(generator):
    """The errors at the epoch that ten images choose: of these, and of all the others."""
    picked = np.zeros(len(others), bool)
    picked[generator.choice(len(others), 10, replace=False)] = True
    epoch = other_errors[:, picked].mean(axis=1).argmin()
    return other_errors[epoch, picked].mean(), other_errors[epoch, ~picked].mean()


on_validation, on_new = np.mean([chosen(generator) for _ in range(2_000)], axis=0)
print(f"error that the choice was made by  {on_validation:.3f}")
print(f"error on new images                {on_new:.3f}")

# %% [markdown]
# It is too good, and on average it must be. The smallest of many errors is partly a good model and
# partly luck, and the luck does not come again with new images. Nothing was trained on the ten
# images, but we used them to *choose* the epoch, and that is enough. The effect shrinks with a
# larger validation set and grows with the number of things tried. This is why one uses three sets:
# one to train, one to choose by as often as you like, and a **test set** that is used once, at the
# end, for the figure that you report.
#
# ## Exercises
#
# Fill in the function below an exercise and run the cell: it says whether the answer is right. The
# solutions are folded away below all of them.
#
# **1.** Derive the gradient of the cross-entropy $\operatorname{softplus}(a) - x\,a$ with respect
# to the logit, without automatic differentiation. Why can a single pixel never pull harder than 1?

# %%
from vae_keras.course import check

a = np.linspace(-30, 30, 1_000)
pixel = generator.uniform(0, 1, 1_000)


def answer_1(a, x):
    """Fill in: the derivative of softplus(a) − x a with respect to a, with NumPy."""
    ...


step = 1e-4  # the check moves the logit by a little
difference = np.logaddexp(0, a + step) - np.logaddexp(0, a - step)  # of softplus
check(1, answer_1(a, pixel), difference / (2 * step) - pixel)

# %% [markdown]
# **2.** How many numbers would a linear autoencoder need to match the deep one, which has two, on
# the test set? Find the answer without training anything.


# %%
def answer_2():
    """Fill in: the smallest size of a linear code whose test error is at most `deep_error`."""
    ...


def of_best_plane(k):
    best = PCA(k, random_state=SEED).fit(x)
    return squared_error(x_test, best.inverse_transform(best.transform(x_test)))


check(2, answer_2(), lambda k: of_best_plane(k) <= deep_error < of_best_plane(k - 1))

# %% [markdown]
# **3.** For a black pixel, $x = 0$, find the logit at which squared error *through a sigmoid* has
# its largest slope, and that slope. (Derive it: with $s = \sigma(a)$ the slope is $2\,s^2 (1 -
# s)$.)


# %%
def answer_3():
    """Fill in: the logit and the slope there, as a pair."""
    ...


tried = np.linspace(-10, 10, 20_001)
found = slopes(squared_of_sigmoid, tried)
check(3, answer_3(), [tried[found.argmax()], found.max()])

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
# d softplus(a) / da = eᵃ / (1 + eᵃ) = σ(a), and d(x·a) / da = x. Both lie between 0 and 1, so their
# difference lies between −1 and 1.


def answer_1(a, x):
    return 1 / (1 + np.exp(-a)) - x


assert check(1, answer_1(a, pixel), difference / (2 * step) - pixel)
assert np.abs(answer_1(a, pixel)).max() <= 1


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
# PCA is the best linear autoencoder. One fit with all 64 components is enough: what a code of k
# numbers loses is the squares of the other coordinates.
def answer_2():
    coordinates = PCA(64).fit(x).transform(x_test)
    left_out = [np.sum(coordinates[:, k:] ** 2, axis=1).mean() for k in range(65)]
    return next(k for k in range(65) if left_out[k] <= deep_error)


needed = answer_2()
print(f"{needed} numbers: error {of_best_plane(needed):.2f}; the deep one's two: {deep_error:.2f}")
assert check(2, needed, lambda k: of_best_plane(k) <= deep_error < of_best_plane(k - 1))
assert needed > 2


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
# d/ds s² (1 − s) = s (2 − 3s) is 0 at s = 2/3. The logit of 2/3 is log 2, and the slope there is
# 2 · 4/9 · 1/3 = 8/27. For a pixel that is worse than 2/3, the slope falls.
def answer_3():
    return np.log(2), 8 / 27


assert check(3, answer_3(), [tried[found.argmax()], found.max()])

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
#   what they did not do.
#
# ## Checks

# %%
assert curve_error < 0.1 * line_error, "a curve follows the arc, a line cannot"
assert deep_error < 0.95 * plane_error, "the deep one beats the best plane on test images"
assert apart < 1e-4, "and is the package's"
assert of_sheet < of_plane, "two numbers are enough for a sheet of two dimensions"
assert min(told.values()) > 0.5, "which it has found, up to slanted axes and a bend"
for name, error in halves.items():  # a straight decoder cannot, a bent one can
    assert error < best_plane if name in ("decoder", "both") else error > 0.999 * best_plane, name
assert (np.diff(slope["squared error"]) > 0).all() and slope["squared error"].max() > 1
assert slope["cross-entropy"].max() <= 1, "cross-entropy's slope is at most 1"
assert slope["squared, through a sigmoid"][-1] < 0.001, "and this one vanishes"
assert near < 1.001 * far and far < 1.001 * near, "the root pulls at all images alike"
assert bce > floor > 0.5 * bce, "most of a cross-entropy of grey pixels is their own"
assert spread["mean"] < 0.05 < spread["sum"], "the mean over pixels has killed the code"
assert abs(growth[True] - 2) < 1e-3 > abs(growth[False] - 1), "a sum over the batch grows with it"
naive = overflow["−log(1 − σ(a))"][2]
assert np.isinf(naive[0]) and np.isnan(naive[1]), "the direct formula overflows"
assert overflow["the same, clipped"][2][1] == 0, "no gradient where it is clipped"
assert overflow["softplus(a)"][2] == (100.0, 1.0), "right where the others fail"
assert few_errors[-1] < 0.3 * held_out[-1], "it knows its own images by heart"
assert held_out[-1] > held_out.min(), "and was better on the others"
assert on_validation < on_new, "what one has chosen by looks too good"

# %% [markdown] tags=["navigation"]
# ---
# Previous: [1. The linear autoencoder](01_linear_autoencoder.ipynb) ·
# Next: [3. Sparse, denoising, contractive](03_sparse_denoising_contractive.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
