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
# # The linear autoencoder: compressing with a line
#
# A network that copies its input does not sound useful. But put a narrow place in its middle, and
# copying becomes hard: only the most important things fit through. That is an autoencoder. This
# chapter takes the smallest one there is, with no hidden layer and no activation. It is so simple
# that we can say exactly what it learns, and check it. Everything later in the course is this
# chapter with one thing changed.
#
# You will
#
# 1. find the best line through a cloud of points, by hand,
# 2. write an autoencoder of two layers, train it, and show that it is the package's,
# 3. see that it finds the plane of principal component analysis, but not its axes,
# 4. learn what the ½ in its loss does, and what its biases are for,
# 5. see why many linear layers are no better than one,
# 6. take the two halves apart and send digits through a narrow channel.
#
# It needs no download: the 1,797 digits come with scikit-learn.

# %% [markdown] tags=["navigation"]
# **Builds on** [0. Quickstart](00_quickstart.ipynb) ·
# **To read** about 45 minutes ·
# **To run** about 1 minute on two cores
#
# Previous: [0. Quickstart](00_quickstart.ipynb) ·
# Next: [2. Deep autoencoders](02_deep_autoencoders.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 25
LONG_EPOCHS = 95  # fast: 40
SIZES = (1, 2, 4, 8, 16, 32)  # fast: (8,)

# %% [markdown]
# ## 1. An image is a point
#
# A digit of this data set has 8 × 8 grey values between 0 and 1. Written in a row they are 64
# numbers, and 64 numbers are a point in a space of 64 dimensions. The training data are then a
# cloud of 1,295 points.

# %%
from vae_keras import TrainConfig, figures, load

dataset = load(TrainConfig(dataset="digits"))
images, labels = dataset.train.arrays()
x = images.reshape(len(images), -1)  # 8×8×1 => 64
print(f"{len(x):,} points with {x.shape[1]} coordinates each")
figures.image_grid(images[:20], columns=10, title="twenty points of the cloud")

# %% [markdown]
# Nobody can look at 64 dimensions, so let us begin with two: the ink in the top row of an image,
# and the ink in the row below. They are correlated: where there is ink in the top row, there is as
# a rule ink below it. Where two numbers are correlated, the first already says a part of the
# second.

# %%
import numpy as np

cloud = images[:, :2, :, 0].mean(axis=2)  # mean ink of the first two rows: [n, 2]
print(f"correlation {np.corrcoef(cloud.T)[0, 1]:.2f}")

# %% [markdown]
# ## 2. The best line through a cloud
#
# Suppose we may keep only **one** number per image. We choose a line through the middle of the
# cloud, with direction $u$ of length 1. For a point $x$ (with the mean taken off) we keep its place
# along the line, $z = u \cdot x$: that is *encoding*, and $z$ is the *code*. Later we put the point
# back on the line, $\hat x = z\,u$: that is *decoding*. What is lost is the part at a right angle
# to the line, with the squared length $\|x - \hat x\|^2$.
#
# > **Predict.** Linear regression also puts a line through a cloud: the line that predicts the
# > second number from the first. Is the best line for compression the regression line?
#
# Move the slider. The red pieces on the left are what is lost. On the right is the mean of their
# squared lengths; the vertical line there is the angle of the regression line.

# %%
from vae_keras.figures.sliders import Sliders

centred = cloud - cloud.mean(axis=0)
angles = np.arange(0, 180, 1)
directions = np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], axis=1)
lost = np.array(
    [np.mean(np.sum((centred - (centred @ u)[:, None] * u) ** 2, 1)) for u in directions]
)
regression = np.degrees(np.arctan(np.polyfit(*centred.T, 1)[0]))


def projected(angle):
    figure, (left, right) = figures.panels(1, 2)
    u, shown = directions[angle], centred[::16]
    ends = np.stack([shown, (shown @ u)[:, None] * u], axis=1)  # from a point to its place
    left.plot(*centred.T, ".", markersize=2, color=figures.PALETTE[1])
    left.plot(*ends.T, linewidth=1, color=figures.PALETTE[4])
    left.plot(*(u[:, None] * [-0.6, 0.6]), color=figures.PALETTE[0])
    left.set(xlim=(-0.4, 0.4), ylim=(-0.4, 0.4), aspect="equal", title="points and their line")
    left.set(xlabel="ink of the top row, minus the mean", ylabel="ink of the row below")
    right.plot(angles, lost)
    right.plot(angle, lost[angle], "o", color=figures.PALETTE[4])
    right.axvline(regression, linestyle=":", color=figures.PALETTE[9])
    right.set(xlabel="angle of the line (degrees)", ylabel="mean squared distance", ylim=(0, None))
    right.set(title=f"what the line loses: {lost[angle]:.4f}")
    return figure


Sliders(projected, angle=range(0, 180, 5))

# %%
from sklearn.decomposition import PCA

axis = PCA(1).fit(cloud).components_[0]
pca_angle = np.degrees(np.arctan2(axis[1], axis[0])) % 180
print(f"line that loses least       {angles[lost.argmin()]:6.1f} degrees")
print(f"first principal component   {pca_angle:6.1f} degrees")
print(f"line of linear regression   {regression:6.1f} degrees")

# %% [markdown]
# The answer is no. Regression measures its errors straight up and down, because only the second
# number is to be predicted. Compression measures them at a right angle to the line, because both
# numbers are to be rebuilt. The line that loses least has an old name: the first *principal
# component* of the cloud (Pearson, 1901).
#
# ## 3. The same with 64 numbers
#
# The same works in any number of dimensions. Take all 64 numbers, keep $k$ of them instead of one,
# and write the encoder and the decoder as matrices: $W_f$ with $k$ rows, $W_g$ with $k$ columns
# ($f$ is the encoder, $g$ the decoder; the drawing calls the code $h$, as chapter 3 will).

# %%
from vae_keras.figures import drawings

drawings.bottleneck()

# %% [markdown]
# The *linear autoencoder* minimises
#
# $$\tfrac12\,\big\| W_g W_f\, x - x \big\|^2$$
#
# averaged over the training images. Nothing says in which directions the lines should go. Here it
# is, with a code of two numbers: each matrix is a layer without activation. Each layer also has a
# bias, 66 numbers in all; section 5 says why.

# %%
import keras
from keras import layers, ops

keras.utils.set_random_seed(SEED + 1)
encoder = keras.Sequential([keras.Input((64,)), layers.Dense(2)], name="encoder")  # 64 => 2
decoder = keras.Sequential([keras.Input((2,)), layers.Dense(64)], name="decoder")  # 2 => 64
autoencoder = keras.Sequential([encoder, decoder])
print(f"{autoencoder.count_params()} parameters")


# %% [markdown]
# The loss is **summed** over the pixels of an image and averaged over images. Keras's own `"mse"`
# averages over the pixels as well, and so divides everything by 64. Here that would change only the
# scale. In a loss of two terms it changes how they are balanced, so the whole course sums.
#
# The target of `fit` is the input itself; there is no label. The learning rate falls to 0 during
# training (`CosineDecay`), so that the weights come to rest; `steps_per_execution` and `build` only
# save time. The batch size divides the number of images, so that all of them weigh the same: with
# 64, the last batch would hold 15.


# %%
def half_squared_error(x, x_hat):
    return 0.5 * ops.sum(ops.square(x_hat - x), axis=-1)  # ½ ‖W_g W_f x − x‖², one per image


equal = dict(batch_size=37, verbose=0)  # 1,295 = 35 · 37: no small batch at the end
rate = keras.optimizers.schedules.CosineDecay(0.05, decay_steps=35 * EPOCHS)
adam = keras.optimizers.Adam(rate)
adam.build(autoencoder.trainable_variables)
autoencoder.compile(adam, loss=half_squared_error, steps_per_execution=35)
history = autoencoder.fit(x, x, epochs=EPOCHS, **equal).history
losses = np.array(history["loss"])
figures.lines(
    {"": (np.arange(1, EPOCHS + 1), losses)},
    "epoch",
    "½ squared error per image",
    title="training the linear autoencoder",
)

# %%
validation = dataset.validation.arrays()[0]
rebuilt = np.reshape(autoencoder(validation[:10].reshape(10, 64)), (-1, 8, 8, 1))
figures.image_rows({"input": validation[:10], "from two numbers": rebuilt})

# %% [markdown]
# From two numbers a zero comes back as a blurred zero, and most other digits as a mixture. Could
# the network have done better? That is the question of the next section. First another one: is what
# you have written the linear autoencoder of the package? Give that one your weights, and compare.
# (`prepare` makes a batch of the images. `objective` returns the terms of the loss, one value for
# each image.)

# %%
from vae_keras.models.linear import LinearAutoencoder

package = LinearAutoencoder((8, 8, 1), latent_dim=2)
package.encoder.set_weights(encoder.get_weights())
package.decoder.set_weights(decoder.get_weights())
theirs = package.objective(package.prepare(images), training=False)["reconstruction_loss"]
mine = half_squared_error(x, autoencoder(x))
apart = float(np.max(np.abs(2 * mine - theirs)))
print(f"the package's loss is twice yours; largest difference of an image: {apart:.0e}")

# %% [markdown]
# It is the same model, up to the ½, which the package's losses do not have. Section 5 says what the
# ½ does.
#
# ## 4. Which plane, and which axes
#
# *Principal component analysis* (PCA) continues where the best line ended: the second component is
# the direction at a right angle to the first that loses least of what is left, and so on. It needs
# no training, only the solution of an eigenvalue problem, for which scikit-learn takes a few
# milliseconds.
#
# > **Predict.** The decoder's two columns span a plane in 64 dimensions. So do the first two
# > principal components. Is it the same plane? And are the two columns the two components?
#
# Two planes in many dimensions have two angles between them, the *principal angles*. If both are 0,
# the planes are the same.

# %%
from scipy.linalg import subspace_angles

pca = PCA(2).fit(x)
columns = decoder.layers[0].kernel.numpy()  # the columns of W_g lie in its rows: [2, 64]
plane = np.degrees(subspace_angles(columns.T, pca.components_.T))

unit = columns / np.linalg.norm(columns, axis=1, keepdims=True)
to_axis = np.degrees(np.arccos(np.abs(unit @ pca.components_.T).max(axis=1)))
between = np.degrees(np.arccos(unit[0] @ unit[1]))

print(f"angles between the two planes             {plane[0]:5.2f} and {plane[1]:.2f} degrees")
print(f"each column and the nearest component     {to_axis[0]:5.1f} and {to_axis[1]:.1f} degrees")
print(f"the two columns and each other            {between:5.1f} degrees")

# %% [markdown]
# The answer: the same plane, other axes. The reason takes one line. Take any invertible 2 × 2
# matrix $A$ and give the encoder $A W_f$ and the decoder $W_g A^{-1}$. Then
#
# $$W_g A^{-1} \, A W_f = W_g W_f ,$$
#
# and every image is rebuilt exactly as before. The loss depends only on the product, so it cannot
# prefer one pair of axes to another. Which one you get depends on the random start.

# %%
reconstruction, codes = autoencoder(x).numpy(), encoder(x).numpy()
A = np.array([[3.0, 1.0], [-2.0, 0.5]])
other_codes = codes @ A.T  # codes are rows here, so A z is written z Aᵀ
other = other_codes @ np.linalg.inv(A).T @ columns + decoder.layers[0].bias.numpy()
print(f"largest difference of any pixel: {np.abs(other - reconstruction).max():.1e}")

figures.latent_scatters(
    {
        "codes": {
            "PCA": pca.transform(x),
            "autoencoder": codes - codes.mean(axis=0),
            "autoencoder, mixed by A": other_codes - other_codes.mean(axis=0),
        }
    },
    labels,
    dataset.class_names,
)

# %% [markdown]
# Three views of one plane, and three models that rebuild equally well. Remember this when someone
# explains what "the third dimension of the code" means: unless the training objective says
# something about axes, the axes mean nothing.
#
# From here on we use the package's linear autoencoder, with `latent_dim` for the size of the code
# and a longer training. Does it find the best plane for codes of other sizes? Here is its error on
# the test set, beside that of PCA with as many components:

# %%
from vae_keras.training.fitting import trained

config = TrainConfig(model="linear", epochs=LONG_EPOCHS, seed=SEED)
models = {k: trained(config.replace(latent_dim=k), dataset) for k in SIZES}
test_images, test_labels = dataset.test.arrays()


def squared_error(x, x_hat):
    """Σ (x − x̂)² of each image, averaged over images."""
    return np.sum(np.reshape(x - x_hat, (len(x), -1)) ** 2, axis=1).mean()


def against_pca(model, k):
    """The test error of PCA, ours relative to it, and the largest angle between subspaces."""
    pca = PCA(k, random_state=0).fit(x)
    flat = test_images.reshape(-1, 64)
    of_pca = squared_error(flat, pca.inverse_transform(pca.transform(flat)))
    ours = squared_error(test_images, model(test_images).numpy())
    angles = subspace_angles(model.principal_components()[0].T, pca.components_.T)
    return of_pca, ours / of_pca, np.degrees(angles[0])


compared = {k: against_pca(model, k) for k, model in models.items()}
print("\ncode   error of PCA   ours / PCA   largest angle")
for k, (of_pca, ratio, angle) in compared.items():
    print(f"{k:4d}   {of_pca:12.4f}   {ratio:10.4f}   {angle:10.2f}°")

# %% [markdown]
# The errors agree to within a per cent. The angles grow with the code. The later components have
# nearly equal variances, and the loss hardly distinguishes two directions that are worth almost the
# same.
#
# The axes are not lost, by the way. The plane is known, and so is the cloud in it, whose longest
# axis is the first component. `principal_components` computes them. It first scales the decoder's
# columns by how far the codes vary (a square root of their covariance), so that long means
# important. Then it takes the singular vectors: directions at right angles, longest first.

# %%
eight = models[8]


def as_images(vectors):
    """Weights, which have signs, as images: 0 is mid-grey."""
    return (0.5 + 0.5 * vectors / np.abs(vectors).max(axis=1, keepdims=True)).reshape(-1, 8, 8, 1)


components = PCA(8).fit(x).components_
from_weights, variances = eight.principal_components()
from_weights = from_weights * np.sign(np.sum(from_weights * components, axis=1, keepdims=True))
# each column of W_g: what one unit of the code adds (the bias is subtracted)
raw = eight.decoder(np.eye(8)) - eight.decoder(np.zeros((1, 8)))
figures.image_rows(
    {
        "decoder": as_images(np.reshape(raw, (8, -1))),
        "put in order": as_images(from_weights),
        "PCA": as_images(components),
    },
    title="eight directions of one subspace",
)

# %% [markdown]
# ## 5. What the ½ does, and what the biases do
#
# **The ½** makes the derivative tidy: that of $\frac12\|\hat x - x\|^2$ with respect to $\hat x$ is
# $\hat x - x$, with no 2 in front. It moves no minimum. With plain gradient descent it is a change
# of learning rate and nothing else:


# %%
def after_descent(factor, learning_rate):
    """The decoder's weights after ten epochs with the loss `factor` · ‖x̂ − x‖²."""
    keras.utils.set_random_seed(SEED)
    model = keras.Sequential([keras.Input((64,)), layers.Dense(2), layers.Dense(64)])
    model.compile(
        keras.optimizers.SGD(learning_rate),
        loss=lambda x, x_hat: factor * ops.sum(ops.square(x_hat - x), axis=-1),
        steps_per_execution=35,
    )
    model.fit(x, x, epochs=10, **equal)
    return model.layers[-1].kernel.numpy()


halved, whole = after_descent(0.5, 0.04), after_descent(1.0, 0.02)
print(f"largest difference of a weight: {np.abs(halved - whole).max():.1e}")

# %% [markdown]
# So why be careful with it? Because later losses have two terms. Suppose that a code $z$ of one
# number should be near 1, which costs $c\,(1 - z)^2$, and also near 0, which costs $\frac12 z^2$.
# Now $c = \frac12$ and $c = 1$ have different minima: a ½ on **one** term decides which of the two
# matters more. The loss of a variational autoencoder is such a sum of two terms. Many programs that
# "do not work" have lost a ½, or an average, in one of them.

# %%
z = np.linspace(-0.2, 1.2, 4201)
balances = {"c = ½": 0.5 * (1 - z) ** 2 + 0.5 * z**2, "c = 1": (1 - z) ** 2 + 0.5 * z**2}
for name, values in balances.items():
    print(f"{name}: least at z = {z[values.argmin()]:.3f}")
figures.lines(
    {name: (z, values) for name, values in balances.items()},
    "z",
    "c (1 − z)² + ½ z²",
    title="a half on one of two terms moves the minimum",
)

# %% [markdown]
# **The biases** carry the mean. A product $W_g W_f x$ is 0 where $x$ is 0, so without biases the
# plane has to pass through the black image, and the cloud of digits is far from that. In section 2
# we took the mean off first, which is called *centring*. A bias in each layer can learn to do the
# same.
#
# What is lost without it? The best subspace through the origin comes from the same eigenvalue
# problem without centring, so we can find out without training.

# %%
_, _, uncentred = np.linalg.svd(x, full_matrices=False)
mean = x.mean(axis=0)
cosine = abs(uncentred[0] @ mean) / np.linalg.norm(mean)
print(f"first direction through the origin and the mean image: cosine {cosine:.4f}")

ks = np.arange(0, 65)
centred_pca = PCA(64).fit(x)
C = centred_pca.components_
with_mean = np.array([squared_error(x - mean, (x - mean) @ C[:k].T @ C[:k]) for k in ks])
without = np.array([squared_error(x, x @ uncentred[:k].T @ uncentred[:k]) for k in ks])
figures.lines(
    {"with the mean taken off": (ks[:17], with_mean[:17]), "without": (ks[:17], without[:17])},
    "size of the code",
    "squared error per image",
    title="what centring is worth",
    ylim=(0, None),
)

# %% [markdown]
# Without centring, the first number only says "this is a digit": the first direction is almost
# exactly the mean image. In a small code that is a large loss. In a large code it hardly shows, and
# it never costs more than one number:
#
# - a centred code can do everything that an uncentred one of the same size can;
# - an uncentred code can spend its first number on the mean, and do with the others what a centred
#   code of one number less does.
#
# ## 6. How many numbers?
#
# How much is lost with a code of $k$ numbers? Write a centred image in the axes of PCA: 64
# coordinates, of which the first $k$ are kept and the others set to 0. What is lost is the sum of
# the squares of the others, and the mean square of a centred coordinate is its variance. So
#
# $$\text{mean of } \|x - \hat x\|^2 \;=\; \sum_{j > k} \lambda_j ,$$
#
# where $\lambda_j$ is the variance along the component $j$. So a single list of 64 numbers tells
# you what any code loses, before you train anything.

# %%
lambdas = x.var(axis=0).sum() * centred_pca.explained_variance_ratio_
predicted = np.array([lambdas[k:].sum() for k in ks])
print(f"largest disagreement of the two sides: {np.abs(predicted - with_mean).max():.1e}")

trained_errors = {k: squared_error(images, model(images).numpy()) for k, model in models.items()}


def with_points(figure, points, name):
    figure.axes[0].plot(*zip(*points), "o", color=figures.PALETTE[4], label=name)
    figure.axes[0].legend()
    return figure


curve = figures.lines(
    {"variance that is left out": (ks, predicted)},
    "size of the code",
    "squared error per training image",
    title="what a code of k numbers loses",
    ylim=(0, None),
)
with_points(curve, trained_errors.items(), "trained autoencoders")

# %% tags=["cover"]
shown = validation[:12]
rows = {f"k = {k}": np.reshape(model(shown), shown.shape) for k, model in models.items()}
figures.image_rows({"input": shown, **rows}, title="digits through a bottleneck")

# %% [markdown]
# Read the figure downwards. The first numbers move ink from one region to another; most digits can
# be recognised only later. Squared error knows nothing of digits. The autoencoder uses its numbers
# where images vary most, and a 7 differs from a 9 only in a few pixels.
#
# ## 7. Why not more layers?
#
# Deep networks are often better than shallow ones. Let us put two more layers into the encoder and
# two more into the decoder, still without activations.
#
# > **Predict.** The code stays at two numbers. By how much does the error fall?

# %%
keras.utils.set_random_seed(SEED)
sizes = (32, 16, 2, 16, 32, 64)
stack = keras.Sequential([keras.Input((64,)), *map(layers.Dense, sizes)])
rate = keras.optimizers.schedules.CosineDecay(0.005, decay_steps=35 * EPOCHS)
adam = keras.optimizers.Adam(rate)
adam.build(stack.trainable_variables)
stack.compile(adam, loss=half_squared_error, steps_per_execution=35)
stack.fit(x, x, epochs=EPOCHS, **equal)
stack_error = squared_error(x, stack(x).numpy())
print(f"64 => 32 => 16 => 2 => 16 => 32 => 64   {stack.count_params():,} parameters")
print(f"squared error: {stack_error:.4f}; of the best plane: {with_mean[2]:.4f}")

# %% [markdown]
# It does not fall at all. Layers without activation are matrices, and their product is one matrix.
# One of them has only two rows, so the product has rank 2, however many others there are. (It is
# even a little worse: training has stopped just short of the best plane.) We can write the whole
# stack as a single matrix and get the same images:

# %%
kernels = [layer.kernel.numpy() for layer in stack.layers]
product = np.linalg.multi_dot(kernels)  # 64×32 · 32×16 · 16×2 · 2×16 · 16×32 · 32×64
offset = stack(np.zeros((1, 64))).numpy()
difference = np.abs(x @ product + offset - stack(x).numpy()).max()
print(f"rank {np.linalg.matrix_rank(product, tol=1e-4)} of a {product.shape} matrix")
print(f"largest difference of a pixel: {difference:.1e}")

# %% [markdown]
# To get below this error with two numbers, the plane has to bend. That is the next chapter.
#
# ## 8. Two halves, used apart
#
# Encoder and decoder are trained together. Afterwards they can be separated, and most uses need
# only one of them.
#
# **Compression** has the encoder with the sender and the decoder with the receiver. What is sent is
# the code, in half precision: 2 bytes a number. We measure with the *peak signal-to-noise ratio*
# (PSNR), $10 \log_{10}(1 / \text{mean squared error})$ in decibels (dB): 10 dB more is a tenth of
# the squared error.

# %%
import zlib

from vae_keras.evaluation.pixels import psnr

message = np.asarray(eight.encoder(test_images), "float16").tobytes()
# … and at the receiver, with the decoder alone:
received = np.frombuffer(message, "float16").reshape(-1, 8).astype("float32")
restored = np.asarray(eight.decoder(received))

exact = np.asarray(eight(test_images))
pixels = np.round(test_images * 16).astype("uint8").tobytes()  # its 17 grey levels
print(f"bytes per image: pixels {len(pixels) / len(test_images):.0f}, ", end="")
print(f"zlib {len(zlib.compress(pixels, 9)) / len(test_images):.1f}, ", end="")
print(f"code {len(message) / len(test_images):.0f}")
print(f"signal to noise {psnr(test_images, restored):.2f} dB, ", end="")
print(f"with unrounded codes {psnr(test_images, exact):.2f} dB")

# %%
figures.image_rows({"sent": test_images[:12], "received": restored[:12]})

# %% [markdown]
# The code needs a quarter of the bytes, and rounding it changes nothing that one can see. To be
# fair, `zlib` stands beside it: it needs more bytes, but loses nothing. And the receiver must have
# the decoder, whose weights are larger than any one image. An autoencoder is a compressor for many
# images **of one kind**; give it a photograph of a cat, and a digit comes back.
#
# **Reducing dimensions** needs the encoder alone. Eight numbers instead of 64 are easier to plot
# and faster to search. What can a linear classifier do with codes, and with pixels, if it has few
# or many labelled images?

# %%
from vae_keras.evaluation.probe import probe

print("labels   codes (8)   pixels (64)   PCA (8)")
probed = probe(eight, dataset, sizes=(100,))  # 100 labels, and all of them
for row in probed:
    print(f"{row['labels']:6d}   {row['codes']:9.1%}   {row['pixels']:11.1%}   {row['pca']:7.1%}")

# %% [markdown]
# The pixels are better: the code has dropped something that the classifier could have used. But
# eight numbers, found without a single label, keep most of it. The last column is PCA. It agrees
# with the codes up to a small difference. The subspace is the same, but the axes are not: those of
# PCA are at right angles, those of the autoencoder are slanted. A classifier that keeps its weights
# small may notice this a little.
#
# ## Exercises
#
# Fill in the function below an exercise and run the cell: it says whether the answer is right. The
# solutions are folded away below all of them.
#
# **1.** Let the decoder use the transposed weights of the encoder, $W_g = W_f^\top$
# (`TrainConfig(model="linear", tied=True)`). Now the loss does depend on the axes, a little. Which
# changes $A$ still leave it as it is? Train one with 8 numbers, and look at the rows of $W_f$: how
# long are they, and at which angles? (The transposed $W_f$ is
# `model.encoder.get_layer("z").kernel`.)

# %%
from vae_keras.course import check


def answer_1():
    """Fill in: the trained W_f, [8, 64]."""
    ...


def is_as_it_must_be(W):
    """Whether its rows have the right lengths and angles, and keep of the images what PCA keeps."""
    W = np.asarray(W)
    if W.shape != (8, 64):
        return False
    is_right = np.abs(np.linalg.eigvalsh(W @ W.T) - 1).max() < 0.15
    return is_right and squared_error(x - mean, (x - mean) @ W.T @ W) < 1.05 * predicted[8]


check(1, answer_1(), is_as_it_must_be)

# %% [markdown]
# **2.** Find the smallest code that keeps 90 % of the variance of the training images. How much
# does it keep of the test images?


# %%
def answer_2(variances):
    """Fill in: the size of that code, from the variances along the 64 components."""
    ...


check(2, answer_2(lambdas), lambda k: with_mean[k] <= 0.1 * with_mean[0] < with_mean[k - 1])

# %% [markdown]
# **3.** The loss has no local minima except the best ones, but it has other places with no slope.
# Take the *second and third* component, $W_g = (u_2, u_3)$ and $W_f = W_g^\top$. Show that the
# gradient is 0 there, though the error is not the least. Then add a little noise, descend, and
# watch. (With the covariance matrix $S$ of the data, `np.cov(x.T, bias=True)`, the gradients are
# $(W_g W_f - I)\,S\,W_f^\top$ and $W_g^\top (W_g W_f - I)\,S$, and the squared error is the trace
# of $(W_g W_f - I)\,S\,(W_g W_f - I)^\top$.)


# %%
def answer_3(S, W_g, W_f, steps=1_000, rate=0.2):
    """Fill in: the squared error before each of the steps of gradient descent from there."""
    ...


S = np.cov(x.T, bias=True)
generator = np.random.default_rng(SEED)
W_g = C[1:3].T + 1e-3 * generator.normal(size=(64, 2))  # the rows of C are the components
W_f = C[1:3] + 1e-3 * generator.normal(size=(2, 64))
saddle = lambdas.sum() - lambdas[1] - lambdas[2]
check(
    3,
    answer_3(S, W_g, W_f),
    lambda errors: abs(errors[0] - saddle) < 0.01 > abs(errors[-1] - predicted[2]),
)

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
# W_gᵀ = W_f must still hold after the change: (W_g A⁻¹)ᵀ = A W_f says that A⁻ᵀ = A, so A is a
# rotation (or a mirror). The best product is the projection W Wᵀ on the subspace, so WᵀW = I: the
# rows of W_f have length 1 and are at right angles.
tied = trained(config.replace(latent_dim=8, tied=True), dataset)


def answer_1():
    return tied.encoder.get_layer("z").kernel.numpy().T


W = answer_1()
print(np.round(W @ W.T, 2))  # all products of two rows
assert check(1, W, is_as_it_must_be)
assert np.abs(W @ W.T - np.eye(8)).max() < 0.1
assert not is_as_it_must_be(np.eye(8, 64)), "such rows are not enough"


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(variances):
    return int(np.argmax(np.cumsum(variances) >= 0.9 * np.sum(variances))) + 1


k90 = answer_2(lambdas)
kept = 1 - with_mean[k90] / with_mean[0]
t = test_images.reshape(-1, 64) - mean
kept_of_test = np.sum((t @ C[:k90].T) ** 2) / np.sum(t**2)
print(f"{k90} numbers keep {kept:.1%} in training, {kept_of_test:.1%} in test")
assert check(2, k90, lambda k: with_mean[k] <= 0.1 * with_mean[0] < with_mean[k - 1])
assert abs(kept_of_test - 0.9) < 0.02


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(S, W_g, W_f, steps=1_000, rate=0.2):
    errors = []
    for _ in range(steps):
        R = W_g @ W_f - np.eye(64)
        errors.append(np.trace(R @ S @ R.T))
        W_g, W_f = W_g - rate * R @ S @ W_f.T, W_f - rate * W_g.T @ R @ S
    return errors


errors, R = answer_3(S, W_g, W_f), C[1:3].T @ C[1:3] - np.eye(64)
flat_there = np.abs(R @ S @ C[1:3].T).max()  # without noise
print(f"gradient {flat_there:.0e}; error {errors[0]:.3f}, then {errors[-1]:.3f}")
assert flat_there < 1e-6
assert check(
    3, errors, lambda errors: abs(errors[0] - saddle) < 0.01 > abs(errors[-1] - predicted[2])
)
figures.lines({"": (np.arange(1_000), errors)}, "step", "squared error", title="leaving a saddle")

# %% [markdown]
# ## Further reading
#
# - Bourlard and Kamp 1988, [Auto-association by multilayer perceptrons and singular value
#   decomposition](https://doi.org/10.1007/BF00332918): shows that the linear autoencoder is PCA,
#   and that a bend in the encoder alone (hidden units with a linear output) does not help, as
#   chapter 2 finds.
# - Baldi and Hornik 1989, [Neural networks and principal component
#   analysis](https://doi.org/10.1016/0893-6080(89)90014-2): the loss has one minimum, up to axes,
#   and otherwise saddles (exercise 3).
# - Plaut 2018, [From principal subspaces to principal
#   components](https://arxiv.org/abs/1804.10253): how to get the axes back from the weights.
# - Lucas, Tucker, Grosse and Norouzi 2019, [Don't blame the ELBO](https://arxiv.org/abs/1911.02469):
#   the same analysis for a linear variational autoencoder. To be read after the chapters on those.
#
# ## Checks

# %%
assert abs(angles[lost.argmin()] - pca_angle) <= 1, "the best line is the principal component"
assert abs(regression - pca_angle) > 5, "which is not the regression line"
assert 2 * losses[-1] < 1.03 * predicted[2], "two layers have found the best plane"
assert apart < 1e-4, "yours is the package's"
assert plane.max() < 5 < to_axis.max(), "the same plane, other axes"
assert np.abs(other - reconstruction).max() < 1e-4, "mixing the codes changes nothing"
assert all(ratio < 1.01 for _, ratio, _ in compared.values()), "it rebuilds as well as PCA"
assert np.abs(np.sum(from_weights * components, axis=1)[:4]).min() > 0.98, "axes put in order"
assert np.abs(halved - whole).max() < 1e-4, "the ½ is a learning rate"
assert cosine > 0.99, "without centring the first direction is the mean"
assert (without[1:] <= with_mean[:-1] + 1e-4).all(), "and costs at most one number"
assert np.abs(predicted - with_mean).max() < 1e-3, "the error is the variance left out"
assert with_mean[2] - 1e-4 < stack_error < 1.05 * with_mean[2], "a linear stack is no better"
assert difference < 1e-4, "it is one matrix"
assert np.abs(restored - exact).max() < 0.02, "half precision is enough"

# %% [markdown] tags=["navigation"]
# ---
# Previous: [0. Quickstart](00_quickstart.ipynb) ·
# Next: [2. Deep autoencoders](02_deep_autoencoders.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
