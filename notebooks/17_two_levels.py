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
# # Two levels
#
# In every variational autoencoder so far the code comes from one Gaussian, $\mathcal N(0, I)$. This
# chapter puts a second code on top of it: $z_2$ is drawn first, and says where $z_1$ is to be
# drawn. The top level can settle what the image is, and the bottom level how it is written. It can
# also do next to nothing, and often does. You will see how that happens, how much a second level is
# worth on small data, and what each level decides.
#
# You will
#
# 1. see that a level on top is a *learned prior* for the level below, and how much such a prior can
#    save,
# 2. derive the bound of two levels, line by line, with a KL for each level,
# 3. write a model of two levels on one screen, and show that it equals the package's,
# 4. compare one level with two, over several seeds, with error bars,
# 5. watch the top level wither, look for the causes, and revive it,
# 6. measure what each of the two levels decides.

# %% [markdown] tags=["navigation"]
# **Builds on** [9. How good is it?](09_how_good_is_it.ipynb) ·
# **To read** about 65 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [16. A better prior](16_a_better_prior.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 20  # fast: 3
STEPS = 100  # fast: 40
SEEDS = (0, 1, 2)  # fast: (0,)
CURES = ("warm-up", "free bits")  # fast: ()
NOISY = True  # fast: False
DRAWS = 50  # fast: 5
COPIES = 5  # fast: 1

# %% [markdown]
# ## 1. A level on top is a prior
#
# The model of two levels tells the story of an image in three steps:
#
# $$z_2 \sim \mathcal N(0, I), \qquad z_1 \sim p_\theta(z_1|z_2), \qquad x \sim p_\theta(x|z_1).$$
#
# The middle step is a Gaussian whose mean and variance a network computes from $z_2$. Given $z_2$
# it is as plain as any Gaussian. But nobody tells the decoder what $z_2$ was. What the decoder
# meets is the mixture of all these Gaussians, one for each $z_2$:
#
# $$p(z_1) = \int p_\theta(z_1|z_2)\, p(z_2)\, dz_2$$
#
# So the level on top is a prior for the level below, and one that learns. Here both codes are a
# single number, and the network is written by hand: the mean of $z_1$ is
# $1.5 \tanh(\text{steep} \cdot z_2)$, its standard deviation ½.
#
# > **Predict.** What does $p(z_1)$ look like if `steep` is 0, and what if it is large?

# %%
import numpy as np
from scipy.stats import norm

from vae_keras import TrainConfig, figures, load  # before Keras: it quiets TensorFlow
from vae_keras.figures.sliders import Sliders

grid = np.linspace(-6, 6, 601)
step = grid[1] - grid[0]
WIDTH_1 = 0.5  # the standard deviation of p(z₁|z₂)


def mean_below(z_2, steep):
    return 1.5 * np.tanh(steep * z_2)


def density_below(steep):
    """p(z₁) on the grid, by the integral over z₂."""
    given = norm.pdf(grid[:, None], mean_below(grid, steep), WIDTH_1)  # [z₁, z₂]
    return given @ (norm.pdf(grid) * step)


def drawn_densities(steep):
    joint = norm.pdf(grid[:, None], mean_below(grid, steep), WIDTH_1) * norm.pdf(grid)
    figure, (left, right) = figures.panels(1, 2, width=3.8, height=3.2)
    left.pcolormesh(grid, grid, joint, cmap="magma", shading="nearest", rasterized=True)
    left.grid(False)
    left.set(xlim=(-3, 3), ylim=(-3, 3), xlabel="z₂", ylabel="z₁", title="p(z₁, z₂)")
    right.plot(density_below(steep), grid, label="p(z₁)")
    right.plot(norm.pdf(grid), grid, "--", color=figures.PALETTE[4], label="N(0, 1)")
    right.set(ylim=(-3, 3), xlabel="density", ylabel="z₁", title=f"z₁ alone, steep = {steep:g}")
    right.legend()
    return figure


Sliders(drawn_densities, steep=(0.0, 1.0, 3.0, 10.0))

# %% [markdown]
# With `steep` at 0 the top level says nothing, and $p(z_1)$ is one Gaussian: a model of one level
# could have it as its prior. The larger `steep` is, the further two hills stand apart. Draws of
# the two steps must have the density of the integral:

# %%
rng = np.random.default_rng(SEED)
z_2 = rng.normal(size=200_000)
z_1 = mean_below(z_2, 3.0) + WIDTH_1 * rng.normal(size=z_2.size)
counted, edges = np.histogram(z_1, bins=40, range=(-3, 3), density=True)
by_integral = np.interp((edges[1:] + edges[:-1]) / 2, grid, density_below(3.0))
between, on_hill = np.interp([0.0, 1.5], grid, density_below(3.0))
print(f"largest difference of histogram and integral: {np.abs(counted - by_integral).max():.3f}")
print(f"density of z₁ on a hill {on_hill:.2f}, between the hills {between:.2f}")

# %% [markdown]
# Is one Gaussian not enough, then? A network that is large enough can bend a Gaussian into any
# shape, so in principle it is. But the decoder has to do that bending, and the encoder has to undo
# it. What it fails to do can be measured. Chapter 8 took the mean KL of a code apart:
#
# $$\underbrace{\frac1N \sum_n D[q(z|x_n)\|p(z)]}_{\texttt{kl\_loss}} =
# \text{mutual information} + D[q(z)\|p(z)]$$
#
# The first part is what the code tells of the images. No prior makes it smaller. The second part is
# paid for nothing: it is the distance of the codes of all images together, $q(z)$, from the prior.
# A prior that learns can at best become $q(z)$, and save the second part. So **with encoder and
# decoder as they are, a level on top saves at most $D[q(z)\|p(z)]$ nats.** Section 5 measures that
# number for a model of digits. (A level on top is one kind of prior that learns. Chapter 16 has
# others.)
#
# ## 2. The bound, line by line
#
# With two hidden codes, the probability of an image is an integral over both:
#
# $$p(x) = \iint p(x|z_1)\, p(z_1|z_2)\, p(z_2)\, dz_1\, dz_2.$$
#
# As in chapter 5 we take a guess $q(z_1, z_2|x)$ and ask how far it is from the posterior:
#
# **Line 1**, the definition of the divergence, with Bayes' rule for
# $p(z_1, z_2|x) = p(x, z_1, z_2)/p(x)$:
#
# $$D[q(z_1, z_2|x)\|p(z_1, z_2|x)] = \mathbb E_q\big[\log q(z_1, z_2|x) - \log p(x, z_1, z_2)\big]
# + \log p(x)$$
#
# **Line 2**, rearranged. A divergence is never negative, so what is left is a lower bound of
# $\log p(x)$:
#
# $$\text{ELBO} = \mathbb E_q\big[\log p(x|z_1) + \log p(z_1|z_2) + \log p(z_2)
# - \log q(z_1, z_2|x)\big]$$
#
# **Line 3**, a choice: the guess is made from the top, as the story is told,
# $q(z_1, z_2|x) = q(z_2|x)\, q(z_1|z_2, x)$. Then each $q$ has the $p$ of the same level as its
# partner:
#
# $$\text{ELBO} = \mathbb E_q\Big[\log p(x|z_1) - \log\frac{q(z_1|z_2, x)}{p(z_1|z_2)}
# - \log\frac{q(z_2|x)}{p(z_2)}\Big]$$
#
# **Line 4**, the mean over the draw of the level itself turns each quotient into a divergence:
#
# $$\text{ELBO} = \mathbb E_q[\log p(x|z_1)] -
# \mathbb E_{q(z_2|x)}\, D\big[q(z_1|z_2, x)\|p(z_1|z_2)\big] - D\big[q(z_2|x)\|p(z_2)\big]$$
#
# **A KL for each level.** The one of the top is that of chapter 5. The one of the bottom is between
# two Gaussians, neither of which is $\mathcal N(0, I)$, and it depends on the $z_2$ that has been
# drawn. In closed form, for one dimension,
#
# $$D\big[\mathcal N(m_q, s_q^2)\|\mathcal N(m_p, s_p^2)\big] = \tfrac12\Big(\frac{s_q^2}{s_p^2} +
# \frac{(m_q - m_p)^2}{s_p^2} - 1 - \log\frac{s_q^2}{s_p^2}\Big).$$
#
# Check all of it where it can be computed: with the hand-made prior of section 1, an "image" of one
# number $x \sim \mathcal N(z_1, 1)$, and any guess that we like. Integrals are sums over the
# grid of all pairs $(z_1, z_2)$.

# %%
X, SIGMA = 0.2, 1.0
below, above = grid[:, None], grid[None, :]  # z₁ down the rows, z₂ along the columns
prior_mean = mean_below(above, 3.0)
log_joint = (
    norm.logpdf(X, below, SIGMA) + norm.logpdf(below, prior_mean, WIDTH_1) + norm.logpdf(above)
)
log_px = np.log(np.exp(log_joint).sum() * step**2)

# a guess: q(z₂|x), and q(z₁|z₂, x), whose mean depends on z₂ as well
MEAN_2, WIDTH_2 = 0.1, 0.9
log_q2 = norm.logpdf(above, MEAN_2, WIDTH_2)
guess_mean, guess_width = 0.8 * prior_mean + 0.1, 0.4
log_q1 = norm.logpdf(below, guess_mean, guess_width)
q = np.exp(log_q1 + log_q2)


def expected(values):
    """The mean over both codes, drawn from the guess."""
    return np.sum(q * values) * step**2


gap = expected(log_q1 + log_q2 - (log_joint - log_px))
line_2 = expected(log_joint - log_q1 - log_q2)
kl_2 = 0.5 * (WIDTH_2**2 + MEAN_2**2 - 1 - np.log(WIDTH_2**2))
ratio = guess_width**2 / WIDTH_1**2
kl_1_of_z2 = 0.5 * (ratio + (guess_mean - prior_mean) ** 2 / WIDTH_1**2 - 1 - np.log(ratio))
kl_1 = np.sum(np.exp(log_q2) * kl_1_of_z2) * step
line_4 = expected(norm.logpdf(X, below, SIGMA)) - kl_1 - kl_2
print(f"log p(x) {log_px:.4f};  ELBO + gap: {line_2 + gap:.4f}, of which the gap is {gap:.4f}")
print(f"ELBO by line 2 {line_2:.6f}, by line 4 {line_4:.6f}")
print(f"KL of the top {kl_2:.3f}; of the bottom {kl_1:.3f}, between", end=" ")
print(f"{kl_1_of_z2.min():.3f} and {kl_1_of_z2.max():.3f} at single z₂")

# %% [markdown]
# There is a gain on the side of the guess as well. Given $z_2$, $q(z_1|z_2, x)$ is a Gaussian. But
# $q(z_1|x) = \int q(z_1|z_2, x)\, q(z_2|x)\, dz_2$ is a mixture, so the guess at $z_1$ may have two
# hills too. The model of chapter 9 had only one hill for a digit that could be two.

# %%
guessed = (np.exp(log_q1) * np.exp(log_q2)).sum(axis=1) * step  # q(z₁|x)
posterior = np.exp(log_joint - log_px).sum(axis=1) * step  # p(z₁|x)
middle = np.sum(grid * posterior) * step
spread = np.sqrt(np.sum((grid - middle) ** 2 * posterior) * step)
figures.lines(
    {
        "p(z₁|x), the posterior": (grid, posterior),
        "q(z₁|x), our guess of two levels": (grid, guessed),
        "one Gaussian, same mean and width": (grid, norm.pdf(grid, middle, spread)),
    },
    "z₁",
    "density",
    "a guess of two levels may have two hills",
    xlim=(-3.5, 3.5),
    ylim=(0, 0.62),
)

# %% [markdown]
# ## 3. Two levels on one screen
#
# Now the real thing, for the 8×8 digits of chapter 9: grey values are the probabilities of white
# pixels, and each pixel is drawn anew at every step. The code has 12 numbers in all. One level has
# all of them; two levels have 6 at the top and 6 below.
#
# First what a model of one level and one of two have in common: the decoder, which sees all
# numbers, the loss, the training, and the weight of an image for importance weighting. A model has
# to say in `descend` how its codes are drawn. It answers with a `Level` for each code: the draw,
# the guess $q$ that it was drawn from, and the $p$ of the model. Both are pairs of mean and log
# variance.

# %%
import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import layers, ops

dataset = load(TrainConfig(dataset="digits"))
(x_train, y_train), (x_test, y_test) = dataset.train.arrays(), dataset.test.arrays()
SHAPE, HIDDEN = x_train.shape[1:], 128
CODE, TOP = 12, 6
STANDARD = (0.0, 0.0)  # mean and log variance of N(0, I)


class Level(NamedTuple):
    z: Any  # the draw, [batch, size of the level]
    q: Any  # mean and log variance of the guess
    p: Any  # mean and log variance of the model


def halves(heads):
    """Mean and log variance, side by side in the output of a layer."""
    return ops.split(heads, 2, axis=-1)


def drawn(heads, epsilon):
    mean, log_var = heads
    return mean + ops.exp(0.5 * log_var) * epsilon


def log_normal(z, mean, log_var):
    each = (z - mean) ** 2 * ops.exp(-log_var) + log_var + math.log(2 * math.pi)
    return -0.5 * ops.sum(each, axis=-1)


def kl(q, p):
    """D[q‖p] of two Gaussians with independent dimensions, the formula of section 2: [batch]."""
    (mean_q, log_var_q), (mean_p, log_var_p) = q, p
    log_ratio = log_var_q - log_var_p
    distance = (mean_q - mean_p) ** 2 * ops.exp(-log_var_p)
    return 0.5 * ops.sum(ops.exp(log_ratio) + distance - 1 - log_ratio, axis=-1)


class Levels(keras.Model):
    """What models of one and of two levels share: `descend` is what they differ in."""

    warmup, free = 0, 0.0  # section 6: steps until the KL counts fully, nats of a level for nothing

    def __init__(self):
        super().__init__()
        self.decoder = keras.Sequential(
            [
                keras.Input((CODE,)),
                layers.Dense(HIDDEN, "gelu"),
                layers.Dense(math.prod(SHAPE)),
                layers.Reshape(SHAPE),
            ]
        )
        share = np.clip(x_train.mean(axis=0), 1e-3, 1 - 1e-3)  # it starts at the mean image
        start = keras.initializers.Constant(np.log(share / (1 - share)))
        self.offset = self.add_weight(shape=SHAPE, initializer=start)
        self.random = keras.random.SeedGenerator(SEED)

    def seen(self, codes):
        """What the decoder sees: the codes of all levels, side by side."""
        return ops.concatenate(codes, axis=-1)

    def logits(self, codes):
        return self.decoder(self.seen(codes)) + self.offset

    def kls(self, levels):
        return [kl(level.q, level.p) for level in levels]

    def terms(self, x, epsilon):
        """The terms of the negative ELBO, [batch] each; the levels are counted from the bottom."""
        levels = self.descend(x, epsilon)
        logits = self.logits([level.z for level in levels])
        pixels = ops.sum(ops.softplus(logits) - x * logits, axis=(1, 2, 3))
        names = [f"kl_{number}" for number in range(len(levels), 0, -1)]
        return {"reconstruction_loss": pixels, **dict(zip(names, self.kls(levels)))}

    def log_weight(self, x, epsilon):
        """log p(x, z) − log q(z|x) at the draws that epsilon makes: [batch]."""
        levels = self.descend(x, epsilon)
        ratios = [log_normal(one.z, *one.p) - log_normal(one.z, *one.q) for one in levels]
        return sum(ratios) - self.terms(x, epsilon)["reconstruction_loss"]

    def train_step(self, x):
        x = ops.cast(keras.random.uniform(ops.shape(x), seed=self.random) < x, "float32")
        epsilon = keras.random.normal((ops.shape(x)[0], CODE), seed=self.random)
        weight = 1.0
        if self.warmup:
            weight = ops.minimum(1.0, ops.cast(self.optimizer.iterations, "float32") / self.warmup)
        with tf.GradientTape() as tape:
            means = {name: ops.mean(term) for name, term in self.terms(x, epsilon).items()}
            costs = [ops.maximum(means[name], self.free) for name in means if "kl" in name]
            loss = means["reconstruction_loss"] + weight * sum(costs)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return means


class OneLevel(Levels):
    """z ~ N(0, I), then the pixels: the VAE of chapter 6."""

    def __init__(self, width=360):  # then it has as many weights as two levels of width 128
        super().__init__()
        self.up = keras.Sequential([layers.Flatten(), layers.Dense(HIDDEN, "gelu")])
        self.told = layers.Dense(width, "gelu")
        self.guess = layers.Dense(2 * CODE)

    def descend(self, x, epsilon):
        q = halves(self.guess(self.told(self.up(x))))
        return [Level(drawn(q, epsilon), q, STANDARD)]


# %% [markdown]
# And now two levels, in words (section 6 has a drawing): $x$ climbs, without any noise, to $h_1$
# and from there to $h_2$. At the top $h_2$ gives $q(z_2|x)$, and $z_2$ is drawn. From here on it
# goes down, and **the guess and the model go the same way together**. The model says from $z_2$
# where it expects $z_1$, $p(z_1|z_2)$. The guess takes that expectation and *changes* it by what
# $h_1$ knows of the image: it moves the mean by so many standard deviations, and scales the
# variance. If $h_1$ has nothing to add, guess and model are the same and the KL of the bottom is 0.
# (Sønderby and others, who had the idea, let $h_1$ give a second Gaussian, and multiply the two.
# The form with a change is that of NVAE, which adds the move as it is and does not count it in
# standard deviations.)


# %%
class TwoLevels(Levels):
    """z₂ ~ N(0, I), then z₁ given z₂, then the pixels given both; the guess goes down as well."""

    def __init__(self, width=128):
        super().__init__()
        bottom = CODE - TOP
        # up: what the image says to each level, without noise
        self.up = keras.Sequential([layers.Flatten(), layers.Dense(HIDDEN, "gelu")])
        self.to_h1, self.to_h2 = layers.Dense(width), layers.Dense(width, "gelu")
        # down, the model: p(z₁|z₂)
        self.of_z2 = layers.Dense(width, "gelu")
        self.model_1 = layers.Dense(2 * bottom, kernel_initializer="zeros")
        # down, the guess: q(z₂|x), and what it changes in p(z₁|z₂)
        self.guess_2, self.change_1 = (layers.Dense(2 * n) for n in (TOP, bottom))
        self.from_above = layers.Dense(width)

    def below(self, z_2):
        """What z₂ tells the level below, and the mean and log variance of p(z₁|z₂)."""
        told = self.of_z2(z_2)
        return told, halves(self.model_1(told))

    def descend(self, x, epsilon):
        h_1 = self.to_h1(self.up(x))
        h_2 = h_1 + self.to_h2(ops.gelu(h_1))
        q_2 = halves(self.guess_2(ops.gelu(h_2)))
        z_2 = drawn(q_2, epsilon[:, :TOP])
        told, p_1 = self.below(z_2)
        move, log_scale = halves(self.change_1(ops.gelu(h_1 + self.from_above(told))))
        q_1 = p_1[0] + ops.exp(0.5 * p_1[1]) * move, p_1[1] + log_scale
        z_1 = drawn(q_1, epsilon[:, TOP:])
        return [Level(z_2, q_2, STANDARD), Level(z_1, q_1, p_1)]

    def generate(self, z_2, epsilon):
        """Images from codes of the top and the noise of the bottom."""
        _, p_1 = self.below(z_2)
        return ops.sigmoid(self.logits([z_2, drawn(p_1, epsilon)]))


# %% [markdown]
# In one thing it differs from the story of section 1: its decoder sees $z_2$ as well as $z_1$. In
# the bound, $p(x|z_1)$ becomes $p(x|z_1, z_2)$, and all else stays. Then the top is more than a
# prior, because it can say something of the image by itself. (Exercise 2 takes that away.)
#
# > **Predict.** The layer that makes $p(z_1|z_2)$ starts at zero. What does the model expect of
# > $z_1$ before the first step? And how large are the two KLs?

# %%
keras.utils.set_random_seed(SEED)
few = (x_test[:6] > 0.5).astype("float32")
untrained = TwoLevels()
start = untrained.terms(few, rng.normal(size=(6, CODE)).astype("float32"))
expected_first = untrained.below(rng.normal(size=(6, TOP)).astype("float32"))[1]
print("p(z₁|z₂) has mean and log variance", [float(np.abs(part).max()) for part in expected_first])
print({name: np.round(term, 3) for name, term in start.items()})

# %% [markdown]
# Whatever $z_2$ is, the model expects $\mathcal N(0, I)$: two levels start as one. The layers of
# the guess do not start at zero, so both codes say something of the image from the first step on,
# and the decoder has something to listen to. A code that starts as nothing but noise may stay that.
#
# ## 4. Is it right?
#
# The package has the same model, `--model ladder` (a *ladder VAE*), for two to five levels. Give it
# your weights and your noise, and compare term by term. Its layers are 256 wide. Since the zeros
# would hide most mistakes, all weights are moved by noise first.

# %%
from vae_keras.models.ladder import LadderVAE
from vae_keras.networks.dense import DenseNetwork

mine = TwoLevels(width=256)
mine.terms(few, np.zeros((6, CODE), "float32"))  # builds the layers
mine.set_weights([w + 0.1 * rng.normal(size=w.shape) for w in mine.get_weights()])

package = LadderVAE(SHAPE, latent_dim=CODE, levels=2, network=DenseNetwork((HIDDEN,)))
of_package = [
    *[layer for layer in package.encoder.layers if layer.weights],
    *[layer for layer in package.decoder.layers if layer.weights],
    *package.prior.of_codes,
    *package.prior.heads,
    *package.of_above,
    *package.changes,
]
of_mine = [
    *[mine.up.layers[-1], mine.to_h1, mine.to_h2],
    *[mine.decoder.layers[0], mine.decoder.layers[1]],
    *[mine.of_z2, mine.model_1],
    *[mine.from_above, mine.guess_2, mine.change_1],
]
of_package.remove(package.offset)
package.offset.set_weights([mine.offset])
for theirs, own in zip(of_package, of_mine, strict=True):
    theirs.set_weights(own.get_weights())

batch = package.prepare((x_test > 0.5).astype("float32"))
epsilon = package.noise(batch, (CODE,), training=False)
own_terms, package_terms = mine.terms(batch.x, epsilon), package.objective(batch, training=False)
own_kl = own_terms["kl_2"] + own_terms["kl_1"]
apart = {
    "reconstruction_loss": own_terms["reconstruction_loss"] - package_terms["reconstruction_loss"],
    "kl_loss": own_kl - package_terms["kl_loss"],
}
for name, difference in apart.items():
    print(f"{name:<20} {np.mean(package_terms[name]):8.4f} nats;", end=" ")
    print(f"largest difference of one image {np.abs(difference).max():.0e}")

# %% [markdown]
# The two programs are one model with one bound; our layers are only narrower. Training differs in
# what fights the withering of section 6: `--model ladder` warms up over a third of the run, and its
# free bits are those of each dimension and image.
#
# ## 5. One level or two?
#
# For a fair comparison both models have a code of 12 numbers *and* the same number of weights: the
# layers of the one with one level are wider. They are trained from several seeds, 2,000 steps each.
# In both, the weight of the KL rises from 0 to 1 over the first half (warm-up, chapter 8; section 6
# shows what it does here). An "epoch" is 100 steps here, five times all images.


# %%
def train(model_class, seed=SEED, **options):
    """A trained model; its `curves` are the means of each term in each epoch."""
    keras.utils.set_random_seed(seed)
    model = model_class()
    for name, value in options.items():
        setattr(model, name, value)
    model.terms(few, np.zeros((6, CODE), "float32"))  # builds the layers
    images = tf.data.Dataset.from_tensor_slices(x_train).cache().shuffle(len(x_train), seed)
    batches = images.batch(64, drop_remainder=True).repeat().take(STEPS * EPOCHS)
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False, steps_per_execution=20)
    model.optimizer.build(model.trainable_variables)  # else the first step is traced twice
    how = dict(epochs=EPOCHS, steps_per_epoch=STEPS, shuffle=False, verbose=0)
    model.curves = model.fit(batches, **how).history
    return model


half = STEPS * EPOCHS // 2
ones = [train(OneLevel, seed, warmup=half) for seed in SEEDS]
twos = [train(TwoLevels, seed, warmup=half) for seed in SEEDS]
for name, model in (("one level", ones[0]), ("two levels", twos[0])):
    count = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    print(f"{name:<10} {count:,} weights")

# %% [markdown]
# > **Predict.** By how many nats does the second level lower the bound, and $-\log p(x)$? Here is a
# > hint. By section 1, a level that is nothing but a prior lowers the bound by at most
# > $D[q(z)\|p(z)]$, as long as encoder and decoder stay. For models that are trained anew this is a
# > guide and no limit.
#
# That number can be estimated for the model of one level, as in chapter 8: draw from the posteriors
# of test images, and average $\log q(z) - \log p(z)$. If $q(z)$ is the mixture of the posteriors of
# the *same* images, the estimate is too large, because each draw finds its own posterior in the
# mixture. If it is the mixture of training images, it is too small, because a density that was made
# of other images fits less well. The truth lies between.

# %%
from scipy.special import logsumexp


def drawn_pixels(images, seed):
    """Each pixel drawn, white with its grey value as the probability."""
    return (np.random.default_rng(seed).random(images.shape) < images).astype("float32")


def distance_to_prior(model, x, of_mixture):
    """The mean of log q(z) − log p(z) over a draw for each of `x`; q(z) mixes `of_mixture`."""
    no_noise = np.zeros((len(of_mixture), CODE), "float32")
    (mixed,) = model.descend(of_mixture, no_noise)
    means, log_vars = (np.asarray(part, float) for part in mixed.q)
    (level,) = model.descend(x, rng.normal(size=(len(x), CODE)).astype("float32"))
    z = np.asarray(level.z, float)
    log_q = [
        logsumexp(-0.5 * np.sum((one - means) ** 2 * np.exp(-log_vars) + log_vars, axis=1))
        for one in z
    ]
    # the constants of both densities cancel
    return np.mean(log_q) - math.log(len(means)) + 0.5 * np.mean(np.sum(z**2, axis=1))


x_drawn, train_drawn = drawn_pixels(x_test, SEED), drawn_pixels(x_train, SEED + 1)
too_small = np.mean([distance_to_prior(one, x_drawn, train_drawn) for one in ones])
too_large = np.mean([distance_to_prior(one, x_drawn, x_drawn) for one in ones])
print(f"D[q(z)‖N(0, I)] of one level: between {too_small:.2f} and {too_large:.2f} nats")

# %% [markdown]
# So a prior for this very model could save about a nat at most, and perhaps a quarter of it. Now
# the answer. The bound and the importance-weighted estimate (*NLL*, chapter 9) come from the same
# draws. The weight of a draw is $p(x, z_1, z_2)/q(z_1, z_2|x)$: as for one level, with a factor for
# each level. Every test image has its pixels drawn several times. The gain is taken image by image,
# and its error bar is that of the choice of test images.


# %%
def estimates(model, seed=SEED):
    """−ELBO and NLL of each test image: [2, images]."""
    x = tf.constant(drawn_pixels(np.repeat(x_test, COPIES, axis=0), seed))
    log_weight = tf.function(lambda epsilon: model.log_weight(x, epsilon))
    noise = np.random.default_rng(seed).normal(size=(DRAWS, len(x), CODE)).astype("float32")
    log_w = np.array([log_weight(tf.constant(one)) for one in noise], float)
    both = -log_w.mean(axis=0), math.log(DRAWS) - logsumexp(log_w, axis=0)
    return np.reshape(both, (2, -1, COPIES)).mean(axis=2)


found = {seed: (estimates(one), estimates(two)) for seed, one, two in zip(SEEDS, ones, twos)}
names = ("−ELBO", "NLL")
gains, gain_errors = {name: [] for name in names}, {name: [] for name in names}
for seed, (one, two) in found.items():
    for name, of_one, of_two in zip(names, one, two):
        gain = of_one - of_two
        gains[name].append(gain.mean())
        gain_errors[name].append(gain.std(ddof=1) / math.sqrt(len(gain)))
        print(
            f"seed {seed}, {name:<5} one level {of_one.mean():.2f}, two {of_two.mean():.2f}: "
            f"gain {gains[name][-1]:5.2f} ± {gain_errors[name][-1]:.2f} nats"
        )
for name in names:
    print(f"on average of the seeds: {name:<5} {np.mean(gains[name]):.2f} nats lower")

# %%
figure, axes = figures.panels(width=5.2, height=3.4)
for place, seed in enumerate(SEEDS):
    at = np.arange(2) + 0.15 * (place - (len(SEEDS) - 1) / 2)
    values, errors = ([table[name][place] for name in names] for table in (gains, gain_errors))
    axes.errorbar(at, values, errors, fmt="o", capsize=4, label=f"seed {seed}")
axes.axhline(0, color="black", linewidth=1)
axes.set(xlim=(-0.5, 1.8), ylabel="nats per image", title="what the second level gains")
axes.set_xticks((0, 1), names)
axes.legend()
figure

# %% [markdown]
# Two levels are better with each of the seeds, by eight times the error bars and more. But the
# bound gains a quarter of a nat, of 23, and $-\log p(x)$ a fifth: one percent. These images are
# small, and the guide had said that there is little to gain.
#
# On larger images more is gained. For scale, test figures on MNIST with dynamic pixels:
#
# | model | NLL, one level | two levels |
# |---|---|---|
# | VAE ([Burda 2016](https://arxiv.org/abs/1509.00519)) | 86.76 | 85.33 |
# | the same trained as IWAE, 50 draws (chapter 15) | 84.78 | 82.90 |
#
# These two have the guess of section 6, from the bottom up. From the top down and with five levels,
# [Sønderby 2016](https://arxiv.org/abs/1602.02282) reports 81.74 at best. None of them keeps the
# number of weights fixed, as we did.
#
# What has the second level done with its 12 numbers? Here is the KL of each level over training.

# %%
epochs = np.arange(1, EPOCHS + 1)
curves = {
    "two levels: z₂, the top": (epochs, twos[0].curves["kl_2"]),
    "two levels: z₁, the bottom": (epochs, twos[0].curves["kl_1"]),
    "one level": (epochs, ones[0].curves["kl_1"]),
}
title = "what each level says, while the weight of the KL rises"
ticks = range(0, EPOCHS + 1, 5)
figures.lines(curves, "epoch of 100 steps", "KL (nats per image)", title, xticks=ticks)

# %% [markdown]
# While the KL costs little, both levels say a lot. As the price rises they get shorter. At the end
# the top says more than the bottom.
#
# ## 6. The top that withers
#
# A guess that goes down is not what one would write first. The encoder reads $x$, so one would let
# it climb: $z_1$ from $x$, and then $z_2$ from $z_1$. The models of Burda and others do that:
#
# $$q(z_1, z_2|x) = q(z_1|x)\, q(z_2|z_1).$$

# %%
nodes = {"x": (0, 0), "h₁": (0, 1), "h₂": (0, 2), "z₂": (1, 2), "z₁": (1, 1), "x ": (1, 0)}
down = [("z₂", "z₁"), ("z₁", "x "), ("z₂", "x ")]
sketches = {
    "the model": (down, []),
    "bottom-up guess": ([], [("x", "h₁"), ("h₁", "z₁"), ("z₁", "z₂")]),
    "top-down guess": (
        [("z₂", "z₁")],
        [("x", "h₁"), ("h₁", "h₂"), ("h₂", "z₂"), ("h₁", "z₁")],
    ),
}
figure, axes = figures.panels(1, 3, width=2.5, height=2.9)
for panel, (title, ways) in zip(axes, sketches.items()):
    for color, arrows in zip((figures.PALETTE[0], figures.PALETTE[4]), ways):
        for start_at, end_at in arrows:
            bend = "arc3,rad=-0.5" if (start_at, end_at) == ("z₂", "x ") else "arc3"
            style = dict(arrowstyle="-|>", color=color, shrinkA=15, shrinkB=15, linewidth=1.6)
            way = style | dict(connectionstyle=bend)
            panel.annotate("", nodes[end_at], nodes[start_at], arrowprops=way)
    for name in {name for arrows in ways for arrow in arrows for name in arrow}:
        panel.text(*nodes[name], name.strip(), ha="center", va="center", size=14)
    panel.set(xlim=(-0.5, 1.7), ylim=(-0.4, 2.4), title=title)
    panel.set_axis_off()
figure

# %% [markdown]
# (Dark arrows belong to the model, red ones to the guess. The top-down guess shares a dark one.)
#
# It is a guess like any other, so line 2 of section 2 holds, and the bound is a bound. Only the
# pairs differ. $q(z_2|z_1)$ has $p(z_2)$ for a partner, with a KL in closed form. $q(z_1|x)$ has
# $p(z_1|z_2)$. There $z_2$ depends on $z_1$, so no closed form will do: the mean of
# $\log q(z_1|x) - \log p(z_1|z_2)$ is taken at the draw.
#
# > **Predict.** The model of images is the same as before; only the guess differs. Train both
# > without warm-up. How many nats will the top level say, with either guess?


# %%
class BottomUp(TwoLevels):
    """The same model of images; the guess climbs: q(z₁|x), and then q(z₂|z₁)."""

    def __init__(self, width=128):
        super().__init__(width)
        self.guess_1 = layers.Dense(2 * (CODE - TOP))
        self.climb = keras.Sequential(
            [layers.Dense(width, "gelu"), layers.Dense(width, "gelu"), layers.Dense(2 * TOP)]
        )

    def descend(self, x, epsilon):
        q_1 = halves(self.guess_1(ops.gelu(self.to_h1(self.up(x)))))
        z_1 = drawn(q_1, epsilon[:, TOP:])
        q_2 = halves(self.climb(z_1))
        z_2 = drawn(q_2, epsilon[:, :TOP])
        _, p_1 = self.below(z_2)
        return [Level(z_2, q_2, STANDARD), Level(z_1, q_1, p_1)]

    def kls(self, levels):
        top, bottom = levels
        at_draw = log_normal(bottom.z, *bottom.q) - log_normal(bottom.z, *bottom.p)
        return [kl(top.q, top.p), at_draw]


models = {"top-down": train(TwoLevels)}
models |= {f"bottom-up, seed {seed}": train(BottomUp, seed) for seed in SEEDS}


def show(name):
    """−ELBO, NLL, and the KL of top and bottom at the end of training."""
    at_end = [np.mean(models[name].curves[term][-2:]) for term in ("kl_2", "kl_1")]
    values = [*estimates(models[name]).mean(axis=1), *at_end]
    text = "−ELBO {:.2f}, NLL {:.2f}; KL of the top {:.2f}, of the bottom {:.2f}"
    print(f"{name:<28}", text.format(*values))
    return values


shown = {name: show(name) for name in models}

# %% [markdown]
# From the bottom up, the top says less than half as much, with one seed a fifth, and the bound is
# worse by about as much as the second level was worth. There are three likely reasons why the top
# withers, and each helps the next one.
#
# 1. **The top hears nothing but the bottom.** $z_2$ is made of $z_1$ alone. Whatever $z_2$ knows of
#    the image, $z_1$ knows as well, so $z_2$ cannot tell the decoder anything new. All that is left
#    for it is to be a good prior for $z_1$. From the top down, $z_2$ sees $h_2$, which is made of
#    the image itself, and $z_1$ need only add what $z_2$ has not said.
# 2. **At the start that prior is deaf.** $p(z_1|z_2)$ does not look at $z_2$ yet. So $z_2$ costs
#    its KL and saves nothing, and $q(z_2|z_1)$ gives nearly all of it up within the first hundred
#    steps (there is a figure below). It comes back only in part, since what is mostly noise is
#    seldom listened to. This is the accident of chapter 8, and as with accidents, no two seeds are
#    alike.
# 3. **Meanwhile the bottom adapts.** $z_1$ pays for its distance from a single Gaussian, so it
#    moves there. Then $D[q(z_1)\|\mathcal N]$ is small, and this is all that the top could save.
#
# From the top down, guess and model share the step from $z_2$ to $z_1$. A guess that has nothing to
# add costs nothing, whatever the model expects. So the model is free to expect something of $z_2$,
# and each nat that $z_2$ says is a nat that $z_1$ need not say again.
#
# Is the withered top to blame for the whole loss? Perhaps not. There is a fourth difference, which
# is easily overlooked: from the bottom up, the KL of the bottom is taken at the draw, and its
# gradient is noisy. To see what that alone does, change nothing else: a guess from the top down,
# with the KL of the bottom at the draw.
#
# > **Predict.** Which of the two levels will suffer?


# %%
class NoisyTopDown(TwoLevels):
    """From the top down, but with the KL of the bottom as `BottomUp` has to take it."""

    kls = BottomUp.kls


if NOISY:
    models["top-down, noisy KL"] = train(NoisyTopDown)
    shown["top-down, noisy KL"] = show("top-down, noisy KL")

# %% [markdown]
# The bottom! In the mean its price is the same as before. But with the noise it falls silent, and
# the top, whose price is exact, has to say all. So noise alone can cost more than a tenth of a nat.
# How the loss of the guess from the bottom up divides between the noise and the quiet top this does
# not say, for there the noisy level is the one that talks. Use the closed form wherever there is
# one.
#
# An accident can be prevented. With *warm-up* the KL costs little while $p(z_1|z_2)$ learns to
# listen. *Free bits* let each level say one nat for nothing. (Here the maximum is taken of the
# mean over the batch, for a level as a whole.)

# %%
cures = {"warm-up": dict(warmup=half), "free bits": dict(free=1.0)}
cured = {cure: [f"bottom-up, {cure}, seed {seed}" for seed in SEEDS] for cure in CURES}
for cure, names_of_cure in cured.items():
    for name, seed in zip(names_of_cure, SEEDS):
        models[name] = train(BottomUp, seed, **cures[cure])
        shown[name] = show(name)

climbing = [f"bottom-up, seed {seed}" for seed in SEEDS]
of_seeds = {}
for name, group in {"no cure": climbing, **cured}.items():
    of_seeds[name] = np.mean([shown[one] for one in group], axis=0)
    text = "mean of the seeds: −ELBO {:.2f}, NLL {:.2f}; KL of the top {:.2f}, of the bottom {:.2f}"
    print(f"{name:<10}", text.format(*of_seeds[name]))

# %%
drawn_lines = ["top-down", *climbing, *(names_of_cure[0] for names_of_cure in cured.values())]
said = {name: (epochs, models[name].curves["kl_2"]) for name in drawn_lines}
title = "the top level, over training"
figures.lines(said, "epoch of 100 steps", "KL of z₂ (nats)", title, xticks=ticks, ylim=(-0.2, 6.8))

# %% [markdown]
# In the mean of the seeds both cures make the top say about half as much again. With warm-up the
# bound is better, too, by more than a tenth of a nat, and with each of the seeds. So a guess may
# climb, if one takes care of the top. Free bits help less: here one of the seeds is no better than
# the best without a cure. (And that the top says more proves little with them, for a nat of it
# costs nothing.) With warm-up in both, the guess that goes down is still ahead by more than a tenth
# of a nat: compare the lines of section 5.
#
# ## 7. What each level decides
#
# Now look at what the levels say. We take two models that differ in the guess: the healthy one from
# the top down, and, of those that climb, the one whose top says least. First the healthy one. Draw
# $z_2$ once, and then draw $z_1$ several times from $p(z_1|z_2)$. Each row has one $z_2$.

# %%
two = models["top-down"]


def noise(*shape):
    return rng.normal(size=shape).astype("float32")


rows, columns = 5, 10
z_2 = np.repeat(noise(rows, TOP), columns, axis=0)
same_top = np.reshape(two.generate(z_2, noise(rows * columns, CODE - TOP)), (rows, columns, *SHAPE))
figures.image_rows(
    {f"top {place + 1}": row for place, row in enumerate(same_top)},
    "each row: one draw of the top, ten of the bottom",
)

# %% [markdown]
# And the other way round: one noise for the bottom in each row, and ten draws of the top. (The
# noise $\varepsilon_1$ stays and not $z_1$ itself, because $p(z_1|z_2)$ moves with $z_2$.)

# %%
epsilon_1 = np.repeat(noise(rows, CODE - TOP), columns, axis=0)
same_bottom = np.reshape(two.generate(noise(rows * columns, TOP), epsilon_1), same_top.shape)
figures.image_rows(
    {f"bottom {place + 1}": row for place, row in enumerate(same_bottom)},
    "each row: one noise of the bottom, ten draws of the top",
)

# %% [markdown]
# > **Predict.** A classifier reads the digit in each image. In what share of the images of a row
# > does it read the row's most frequent digit, if the top is kept, and if the bottom is? And for
# > the model whose top has withered?
#
# The classifier is a support vector machine on the pixels of real digits. Twenty draws from ten
# equally likely classes would have 22% in the most frequent one, by chance alone.

# %%
from sklearn.svm import SVC

judge = SVC(C=10).fit(x_train.reshape(-1, 64), y_train)
right_on_test = judge.score(x_test.reshape(-1, 64), y_test)
print(f"the classifier is right on {right_on_test:.1%} of the real test digits")


def kept_class(model, keep, rows=100, columns=20):
    """The share of the most frequent digit in a row that keeps its "top" or its "bottom"."""
    sizes = {"top": TOP, "bottom": CODE - TOP}
    codes = [
        np.repeat(noise(rows, size), columns, axis=0)
        if name == keep
        else noise(rows * columns, size)
        for name, size in sizes.items()
    ]
    images = np.reshape(model.generate(*codes), (-1, 64))
    read = judge.predict(images).reshape(rows, columns)
    return np.mean([np.bincount(row).max() for row in read]) / columns


poorest = min(climbing, key=lambda name: shown[name][2])
compared = {"healthy": two, "with a withered top": models[poorest]}
kept = {
    name: {level: kept_class(model, level) for level in ("top", "bottom")}
    for name, model in compared.items()
}
for name, shares in kept.items():
    print(f"{name:<19} top kept: {shares['top']:.0%} the same digit", end="; ")
    print(f"noise of the bottom kept: {shares['bottom']:.0%}")

# %% [markdown]
# In the healthy model the top decides most of the class, and the bottom little of it. In the
# withered one it is the bottom that decides most of the class.
#
# That was about drawing. For real images, a *probe* (chapter 1) is to read the digit from draws of
# $q(z_2|x)$; of $q(z_1|x)$; and of what $z_1$ *adds* to what $z_2$ has said,
# $(z_1 - m_p)/s_p$ with mean and deviation of $p(z_1|z_2)$.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def drawn_codes(model, images):
    """A draw of z₂, of z₁, and of what z₁ adds, of each image."""
    top, bottom = model.descend(images, noise(len(images), CODE))
    mean, log_var = bottom.p
    return {
        "z₂": top.z,
        "z₁": bottom.z,
        "what z₁ adds": (bottom.z - mean) * ops.exp(-0.5 * log_var),
    }


def probed(model):
    codes, test_codes = drawn_codes(model, x_train), drawn_codes(model, x_test)
    accuracies = {}
    for part, code in codes.items():
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
        probe.fit(np.asarray(code), y_train)
        accuracies[part] = probe.score(np.asarray(test_codes[part]), y_test)
    return accuracies


probes = {name: probed(model) for name, model in compared.items()}
for name, accuracies in probes.items():
    print(f"{name:<19}", ", ".join(f"{part} {value:.0%}" for part, value in accuracies.items()))

# %% [markdown]
# The top tells the digit far better than what the bottom adds. (From $z_1$ itself still more can be
# read, for it is drawn where $z_2$ has said, and holds both.) In the model with the withered top it
# is what the bottom adds that tells the digit, and $z_2$ hardly does.
#
# Last, walk along single dimensions. We take the code of a test digit and move one number at a
# time, from −2 to 2, while all others stay.

# %%
walk = np.linspace(-2, 2, 9, dtype="float32")


def walked(images, place):
    """Images along dimension `place` of the code: [n, steps, *SHAPE]; the first half is z₂."""
    top, bottom = two.descend(images, np.zeros((len(images), CODE), "float32"))
    own_noise = (bottom.z - bottom.p[0]) * ops.exp(-0.5 * bottom.p[1])
    codes = np.repeat(np.concatenate([top.z, own_noise], axis=1), len(walk), axis=0)
    codes[:, place] = np.tile(walk, len(images))
    return np.reshape(two.generate(codes[:, :TOP], codes[:, TOP:]), (-1, len(walk), *SHAPE))


digits_read = np.empty(CODE)
for place in range(CODE):
    read = judge.predict(walked(x_test, place).reshape(-1, 64)).reshape(-1, len(walk))
    digits_read[place] = np.mean([len(set(row)) for row in read])
print("different digits read along a walk, mean of the test images")
print("top:   ", digits_read[:TOP].round(1))
print("bottom:", digits_read[TOP:].round(1))

# %% tags=["cover"]
DIGIT = 3
most = TOP + np.argsort(-digits_read[TOP:])[:2]  # of the bottom, those that change most
places = {f"top {place + 1}": place for place in range(TOP)}
places |= {f"bottom {place - TOP + 1}": place for place in most}
walks = {name: walked(x_test[DIGIT : DIGIT + 1], place)[0] for name, place in places.items()}
figures.image_rows(walks, f"from a {y_test[DIGIT]}: one number moved at a time, −2 to 2")

# %% [markdown]
# Along most numbers of the top the digit turns into another one, and often into a third. Along a
# number of the bottom it often stays what it was, and a stroke changes.
#
# ## Exercises
#
# Fill in a cell and run it: it says whether the answer is right. The solutions are folded below.
#
# 1. **Two ways to the same KL.** In a top-down guess the KL of the bottom may be taken in closed
#    form, or at the draw as $\log q(z_1|z_2, x) - \log p(z_1|z_2)$. Compute both for 4,000 draws of
#    one image, from the `Level` that `descend` gives. The means must agree. Which one varies less
#    from draw to draw?

# %%
from vae_keras.course import check


def answer_1(bottom):
    """Fill in: the KL of a level in closed form, and at its draw: [batch] each."""
    ...


many = np.repeat(x_drawn[:1], 4_000, axis=0)
_, bottom = two.descend(many, noise(len(many), CODE))


def right_1(answer):
    """The means agree, and the closed form is that of the model."""
    closed, at_draw = (np.asarray(part, float) for part in answer)
    error = np.std(closed - at_draw) / math.sqrt(len(closed))
    is_closed = np.allclose(closed, two.kls([bottom])[0], atol=1e-4)
    return is_closed and 0 < abs(np.mean(closed - at_draw)) < 5 * error


check(1, answer_1(bottom), right_1)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1(bottom):
    at_draw = log_normal(bottom.z, *bottom.q) - log_normal(bottom.z, *bottom.p)
    return kl(bottom.q, bottom.p), at_draw


assert check(1, answer_1(bottom), right_1)
closed, at_draw = (np.asarray(part) for part in answer_1(bottom))
print(f"closed form {closed.mean():.3f} nats, standard deviation over draws {closed.std():.3f}")
print(f"at the draw {at_draw.mean():.3f} nats, standard deviation over draws {at_draw.std():.3f}")
assert closed.std() < at_draw.std()

# %% [markdown]
# 2. **Nothing but a prior.** Write the model of section 1, whose decoder sees $z_1$ alone. What can
#    its top still do, and how many nats will it say? Train it without warm-up and compare with the
#    top-down model of section 6.


# %%
def answer_2(model_class):
    """Fill in: a subclass of `model_class` whose decoder does not see z₂."""
    ...


def right_2(chain_class):
    """Its decoder has the same input for every z₂, and z₂ still decides p(z₁|z₂)."""
    chain = chain_class()
    chain.terms(few, np.zeros((6, CODE), "float32"))
    chain.model_1.kernel.assign(noise(*chain.model_1.kernel.shape))
    z_1, (one, other) = noise(3, CODE - TOP), noise(2, 3, TOP)
    (_, p), (_, p_2) = chain.below(one), chain.below(other)
    same = np.allclose(chain.seen([one, z_1]), chain.seen([other, z_1]))
    depends = not np.allclose(chain.seen([one, z_1]), chain.seen([one, z_1 + 1]))
    return same and depends and not np.allclose(p[0], p_2[0])


check(2, answer_2(TwoLevels), right_2)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(model_class):
    class Chain(model_class):
        def seen(self, codes):
            z_2, z_1 = codes
            return ops.concatenate([ops.zeros_like(z_2), z_1], axis=-1)

    return Chain


assert check(2, answer_2(TwoLevels), right_2)
models["nothing but a prior"] = train(answer_2(TwoLevels))
shown["nothing but a prior"] = show("nothing but a prior")
# All that z₂ can do now is to move p(z₁|z₂) to where z₁ will be, so it says less than half as much.
# The bound is worse by little more than a tenth of a nat, for z₁ says the rest.
assert shown["nothing but a prior"][2] < (0.6 if EPOCHS >= 20 else 0.9) * shown["top-down"][2]

# %% [markdown]
# 3. **How wide is the mixture?** In section 1, the mean of $z_1$ is 0. What is its variance, as a
#    function of `steep`? Use that the variance of a mixture is the mean of the variances and the
#    variance of the means.


# %%
def answer_3(steep):
    """Fill in: the variance of z₁, by an integral over z₂ alone."""
    ...


steeps = (0.0, 1.0, 3.0, 10.0)
by_density = [np.sum(grid**2 * density_below(steep)) * step for steep in steeps]
check(3, [answer_3(steep) for steep in steeps] if answer_3(1.0) else None, by_density)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(steep):
    return WIDTH_1**2 + np.sum(mean_below(grid, steep) ** 2 * norm.pdf(grid)) * step


assert check(3, [answer_3(steep) for steep in steeps], by_density)

# %% [markdown]
# ## Further reading
#
# * Burda, Grosse and Salakhutdinov 2016, [Importance weighted
#   autoencoders](https://arxiv.org/abs/1509.00519): models of one and two levels, guessed from the
#   bottom up.
# * Sønderby and others 2016, [Ladder variational autoencoders](https://arxiv.org/abs/1602.02282):
#   inference from the top down, and what becomes of the upper levels without it.
# * Vahdat and Kautz 2020, [NVAE](https://arxiv.org/abs/2007.03898): dozens of levels, and the guess
#   as a change of what the model expects.
# * Child 2021, [Very deep VAEs](https://arxiv.org/abs/2011.10650): still more levels, many of them
#   at each of a few image sizes.
#
# ## Checks

# %%
full = EPOCHS >= 20
assert np.abs(counted - by_integral).max() < 0.02 and on_hill > 2 * between
assert abs(line_2 - line_4) < 1e-6 and abs(line_2 + gap - log_px) < 1e-6 and gap > 0
assert kl_1_of_z2.max() > 2 * kl_1_of_z2.min(), "the KL of the bottom depends on z₂"
hills = np.flatnonzero((np.diff(guessed)[:-1] > 0) & (np.diff(guessed)[1:] < 0))
assert len(hills) == 2, "the guess has two hills"
assert max(np.abs(part).max() for part in expected_first) == 0
assert min(np.mean(start[name]) for name in ("kl_1", "kl_2")) > 0
assert np.mean(own_kl) > 1 and max(np.abs(difference).max() for difference in apart.values()) < 1e-3
weights = [sum(math.prod(w.shape) for w in model.trainable_variables) for model in (ones[0], two)]
assert abs(weights[0] / weights[1] - 1) < 0.01, "as many weights"
assert not full or 0.05 < too_small < too_large < 1.5
for name in names:
    assert not full or min(gains[name]) > 0, "two levels are better with each seed"
    assert not full or 0.03 < np.mean(gains[name]) < 0.4, "by little"
assert not full or twos[0].curves["kl_2"][-1] > twos[0].curves["kl_1"][-1]
falling, rising = shown["top-down"], np.mean([shown[name] for name in climbing], axis=0)
assert rising[2] < 0.5 * falling[2], "the tops have withered"
assert shown[poorest][2] < 0.3 * falling[2]
assert min(shown[name][0] for name in climbing) > falling[0] + 0.1, "and the bounds are worse"
if NOISY:
    noisy = shown["top-down, noisy KL"]
    assert noisy[3] < 0.3 < falling[3] and noisy[0] > falling[0] + 0.05, "the bottom suffers"
for cure in CURES:
    bound, _, top_kl, _ = of_seeds[cure]
    assert top_kl > 1.25 * rising[2], "the top says more again"
    assert bound < rising[0] - (0.1 if cure == "warm-up" else 0.02), "and the bound is better"
if "warm-up" in CURES:
    top_down = np.mean([two for _, two in found.values()], axis=(0, 2))
    assert (of_seeds["warm-up"][:2] > top_down + 0.1).all(), "with warm-up in both, it is ahead"
assert right_on_test > 0.97
by_chance = rng.multinomial(20, [0.1] * 10, size=2_000).max(axis=1).mean() / 20
assert abs(by_chance - 0.22) < 0.01
assert not full or kept["healthy"]["top"] > kept["healthy"]["bottom"] + 0.15
healthy, withered = compared
assert not full or kept[withered]["bottom"] > kept[withered]["top"] + 0.15
healthy, withered = probes[healthy], probes[withered]
assert not full or healthy["z₂"] > healthy["what z₁ adds"] + 0.2
assert not full or withered["z₂"] < withered["what z₁ adds"] - 0.2
assert not full or digits_read[:TOP].mean() > digits_read[TOP:].mean() + 0.5

# %% [markdown] tags=["navigation"]
# ---
# Previous: [16. A better prior](16_a_better_prior.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
