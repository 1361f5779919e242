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
# # A better bound
#
# A VAE maximises a lower bound of log p(x), and pays for the gap: where the true posterior is no
# Gaussian, the decoder is bent until it nearly is one. A tighter bound bends it less. The price is
# more draws of each code, and a surprise: with many draws the usual gradient of the encoder is
# nearly all noise. In this chapter you write the bound of the importance-weighted autoencoder
# (IWAE) in ten lines, see what it wins, watch its gradient die, and revive it.
#
# You will
#
# 1. see the bound of $k$ draws climb to a log p(x) that you know exactly, and prove that it climbs,
# 2. write it, and find it equal to the package's,
# 3. train with 1, 5 and 50 draws, and measure what that wins by other means,
# 4. find out which posterior such an encoder stands for, since it is not $q(z|x)$,
# 5. measure how clear the encoder's gradient is, and write the one that stays clear.

# %% [markdown] tags=["navigation"]
# **Builds on** [9. How good is it?](09_how_good_is_it.ipynb) ·
# **To read** about 55 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [14. What goes wrong](14_what_goes_wrong.ipynb) ·
# Next: [16. A better prior](16_a_better_prior.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 60  # fast: 6
UNITS = "64"
SEEDS = (0, 1)  # fast: (0,)
SAMPLES = (1, 5, 50)  # fast: (1, 5, 20)
MESH = 161  # fast: 101
SETS = 20_000  # fast: 4_000
POWERS = (1, 4, 16, 64, 256)  # fast: (1, 4, 16, 64)
REPEATS = 400  # fast: 50
TEMPERATURES = 150  # fast: 20

# %% [markdown]
# ## 1. What k draws know
#
# Take a model whose likelihood is known: $z$ from $\mathcal N(0, 1)$, and $x = 2z$ plus noise of
# $\mathcal N(0, 1)$. Then $x$ is from $\mathcal N(0, 5)$, and $\log p(x)$ can be written down. The
# true posterior of $x$ is $\mathcal N(\tfrac25 x, \tfrac15)$. Let the encoder be wrong on purpose:
# its mean is 0.6 too large, and its variance is 0.3 in place of 0.2.

# %%
import numpy as np
from scipy.special import logsumexp, softmax
from scipy.stats import norm

from vae_keras import figures

rng = np.random.default_rng(SEED)
x = 1.5
exact = norm.logpdf(x, 0, np.sqrt(5))
mean, deviation = 0.4 * x + 0.6, np.sqrt(0.3)


def log_weights(z):
    """log p(x|z) + log p(z) − log q(z|x)."""
    return norm.logpdf(x, 2 * z, 1) + norm.logpdf(z) - norm.logpdf(z, mean, deviation)


def draws(sets, k):
    """Sets of k draws of q(z|x): [sets, k]."""
    return mean + deviation * rng.normal(size=(sets, k))


def bound(log_w):
    """The logarithm of the mean weight of each set: [sets, k] -> [sets]."""
    return logsumexp(log_w, axis=1) - np.log(log_w.shape[1])


# %% [markdown]
# Each draw has a weight $w = p(x|z)\, p(z) / q(z|x)$. Its mean is $p(x)$, whatever $q$ is:
#
# $$\mathbb E_q[w] = \int q(z|x)\, \frac{p(x|z)\,p(z)}{q(z|x)}\, dz = p(x).$$
#
# The bound of a VAE is the mean of $\log w$. By Jensen's inequality it is too low, the more so the
# more $w$ varies. The mean of $k$ weights varies less, so the mean of *its* logarithm is nearer:
#
# $$\mathcal L_k = \mathbb E\Big[\log \frac1k \sum_{i=1}^k w_i\Big] \le
# \log \mathbb E\Big[\frac1k \sum_{i=1}^k w_i\Big] = \log p(x).$$
#
# > **Predict.** With one draw the bound is nearly one nat too low here. How low is it with 10
# > draws, and with 100?

# %%
COUNTS = (1, 2, 5, 10, 20, 50, 100)
bounds = {k: bound(log_weights(draws(SETS, k))) for k in COUNTS}
gaps = {k: exact - one.mean() for k, one in bounds.items()}
gap_errors = {k: one.std() / np.sqrt(SETS) for k, one in bounds.items()}
print(f"log p(x) = {exact:.4f}")
for k in COUNTS:
    print(f"{k:>4} draws: L_k = {bounds[k].mean():.4f}, gap {gaps[k]:.4f} ± {gap_errors[k]:.4f}")

# %% [markdown]
# For many draws there is a rule. Write the mean weight as $p(x)\,(1 + e)$, where $e$ is small and
# has the mean 0. Then $\log (1 + e) \approx e - \tfrac12 e^2$, and the variance of a mean of $k$ is
# a $k$-th of that of one:
#
# $$\log p(x) - \mathcal L_k \approx \frac{1}{2k} \cdot \frac{\operatorname{Var}[w]}{p(x)^2}.$$
#
# Twice the draws halve the gap. We can compute the fraction by a sum over a fine grid.

# %%
fine = np.linspace(mean - 8, mean + 8, 20_001)
density = norm.pdf(fine, mean, deviation)
ratio = np.exp(log_weights(fine) - exact)  # w / p(x)
relative_variance = np.trapezoid(density * (ratio - 1) ** 2, fine)
rule = {k: relative_variance / (2 * k) for k in COUNTS}
print(f"Var[w] / p(x)² = {relative_variance:.3f}")
figures.lines(
    {"measured": (COUNTS, list(gaps.values())), "rule": (COUNTS, list(rule.values()))},
    "draws k",
    "log p(x) − L_k (nats)",
    "what k draws still miss",
    xscale="log",
    yscale="log",
)

# %% [markdown]
# From ten draws on, the rule is good. (So the answers to the question were: about 0.08 nats, and
# 0.008.)
#
# **Why it never falls.** Take a set of $k$ weights, and leave out one of them, each in turn. Each
# of the $k$ smaller sets has a mean, $m_1, \dots, m_k$, and the mean of these is the mean $m$ of
# the whole set. The logarithm is concave, so the logarithm of a mean is not below the mean of the
# logarithms:
#
# $$\log m = \log \frac1k \sum_i m_i \ge \frac1k \sum_i \log m_i .$$
#
# Now take the mean over all sets. On the left stands $\mathcal L_k$, and on the right
# $\mathcal L_{k-1}$. The line is true for *every* set, not only on average:

# %%
sets_of_5 = log_weights(draws(SETS, 5))
smaller = np.mean([bound(np.delete(sets_of_5, i, axis=1)) for i in range(5)], axis=0)
never_below = bound(sets_of_5) - smaller
print(f"log m less the mean of log mᵢ, {SETS:,} sets: {never_below.min():.1e} and more")

# %% [markdown]
# ## 2. Ten lines
#
# Now for digits. Pixels are drawn, 0 or 1, as in chapter 9, since only then is the number a
# likelihood. A rung of the package states in `objective` what each example costs. The rest of the
# VAE stays as it is: encoder, decoder, training step.

# %%
import keras
import tensorflow as tf
from keras import ops

from vae_keras import VAE, TrainConfig, load


def log_normal(z, z_mean, z_log_var):
    """log N(z; z_mean, exp(z_log_var)) of codes [..., latent_dim]: [...]."""
    squared = (z - z_mean) ** 2 / ops.exp(z_log_var)
    return -0.5 * ops.sum(squared + z_log_var + np.log(2 * np.pi), axis=-1)


class OfManyDraws(VAE):
    """Minimises −log of the mean weight of k draws."""

    k = 5
    terms = ("importance_loss",)

    def term_weights(self, step=None):
        return {"importance_loss": 1.0}

    def log_weights(self, batch, training=False):
        """log p(x|z) + log p(z) − log q(z|x) of k draws of each example: [batch, k]."""
        z_mean, z_log_var = (head[:, None] for head in self.posterior(batch))
        epsilon = self.noise(batch, (self.k, self.latent_dim), training)  # [batch, k, latent_dim]
        z = z_mean + ops.exp(0.5 * z_log_var) * epsilon
        rows = ops.reshape(z, (-1, self.latent_dim))  # the decoder knows no sets
        log_px = -self.reconstruction_loss(batch.repeated(self.k), rows, training)
        log_prior, log_q = log_normal(z, 0.0, ops.zeros_like(z)), log_normal(z, z_mean, z_log_var)
        return ops.reshape(log_px, (-1, self.k)) + log_prior - log_q

    def objective(self, batch, training):
        log_mean = ops.logsumexp(self.log_weights(batch, training), axis=1) - np.log(self.k)
        return {"importance_loss": -log_mean}


# %% [markdown]
# The package has it as `--model iwae`, with `--samples` and `--gradient`. With the same weights,
# the same images and the same noise every number must agree. So must the weights after four steps
# of training. (`plain` is the gradient that automatic differentiation gives. Section 6 is about the
# other.)

# %%
from vae_keras.models.importance import ImportanceWeightedAutoencoder

digits = load(TrainConfig(dataset="digits", binarize="dynamic"))
images = digits.test.arrays()[0]
options = dict(latent_dim=2, network="dense", seed=SEED)
mine = OfManyDraws(digits.example_shape, **options)
theirs = ImportanceWeightedAutoencoder(
    digits.example_shape, samples=OfManyDraws.k, gradient="plain", **options
)
theirs.set_weights(mine.get_weights())


def costs(model, batch):
    """What each image of a batch costs, the last of the terms: [batch]."""
    return model.objective(batch, training=False)[model.terms[-1]].numpy()


some = mine.prepare(images[:100])
apart = np.abs(costs(mine, some) - costs(theirs, some)).max()
for model in (mine, theirs):
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)  # few steps: no graph is built
    for step in range(4):
        model.train_on_batch(digits.train.arrays()[0][64 * step :][:64])
apart_after = max(
    np.abs(a - b).max() for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True)
)
print(f"largest difference of a loss {apart:.1e} nats; of a weight after 4 steps {apart_after:.1e}")

# %% [markdown]
# With one draw it is the VAE. The package then takes the KL in closed form, so its loss is that of
# `VAE` to the last digit. Ours takes the KL by the draw at hand, $\log q(z|x) - \log p(z)$, and
# agrees on average only:

# %%
one_draw = ImportanceWeightedAutoencoder(digits.example_shape, samples=1, **options)
vae = VAE(digits.example_shape, **options)
for model in (one_draw, vae):
    model.set_weights(mine.get_weights())
batch = mine.prepare(images)
vae_loss = sum(vae.objective(batch, training=False).values()).numpy()
of_package = np.abs(costs(one_draw, batch) - vae_loss).max()
mine.k = 1
by_draw = costs(mine, batch) - vae_loss
mine.k = OfManyDraws.k
by_draw_error = by_draw.std() / np.sqrt(len(by_draw))
print(f"one draw, less the loss of VAE: package at most {of_package:.0e} nats,")
print(f"ours between {by_draw.min():.2f} and {by_draw.max():.2f}, ", end="")
print(f"mean {by_draw.mean():.3f} ± {by_draw_error:.3f}")

# %% [markdown]
# ## 3. One, five and fifty draws
#
# Three trainings differ in the number of draws alone. The code has two dimensions, so that the true
# likelihood can be computed by the grid of chapter 9. Each is trained from two seeds.

# %%
import itertools
import time

from vae_keras.training.fitting import trained

common = dict(latent_dim=2, units=UNITS, epochs=EPOCHS, batch_size=64, learning_rate=2e-3)


def fit(seed, k, gradient="doubly_reparameterised"):
    start = time.perf_counter()
    config = TrainConfig(model="iwae", samples=k, gradient=gradient, seed=seed, **common)
    return trained(config, digits), time.perf_counter() - start


found = {(seed, k): fit(seed, k) for seed in SEEDS for k in SAMPLES}
models = {key: model for key, (model, _) in found.items()}
FIRST, MANY = (SEED, SAMPLES[0]), (SEED, SAMPLES[-1])

# %% [markdown]
# What are they to be compared by? Not by their losses. The loss of a model with 50 draws is lower
# than that of a VAE for two reasons: the model may be better, and *any* model looks better when its
# bound is tighter. So every model is measured in the same ways: by the bounds with 1 and with 50
# draws, and by an estimate from 1,000 other draws, and by the grid.

# %%
from vae_keras.evaluation.likelihood import likelihood_figures

axis = np.linspace(-5, 5, MESH)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)
area = (axis[1] - axis[0]) ** 2


def log_joint(model, x):
    """log p(x|z) + log p(z) of images at every point of the plane: [n, MESH²]."""
    logits = np.concatenate([model.parameters(part) for part in np.array_split(grid, 20)])
    logits = logits.reshape(len(grid), -1)
    log_px = x.reshape(len(x), -1) @ logits.T - np.logaddexp(0, logits).sum(axis=1)
    return log_px + norm.logpdf(grid).sum(axis=1)


def by_grid(model, x):
    """−log p(x) of images, by the sum over the plane: [n]."""
    return -(logsumexp(log_joint(model, x), axis=1) + np.log(area))


measured = {}
for key, model in models.items():
    few, many = (likelihood_figures(model, digits.test, n) for n in (50, 1_000))
    measured[key] = {
        "1 draw": many["negative_elbo"],
        "50 draws": few["nll"],
        "1,000 draws": many["nll"],
        "grid": by_grid(model, images),
        "training": by_grid(model, digits.train.take(slice(len(images))).arrays()[0]),
    }
print(f"{'nats per image':<22}" + "".join(f"{name:>13}" for name in measured[FIRST]))
for (seed, k), columns in measured.items():
    row = "".join(f"{values.mean():13.2f}" for values in columns.values())
    print(f"seed {seed}, trained with {k:>2} {row}")

# %% [markdown]
# The column "grid" is the truth, and the one before it is within a few hundredths of a nat of it.
# (The last column is the truth for as many training images.) Read the first column from top to
# bottom: by the bound of one draw, the model with 50 draws is *not* better, for it has been trained
# for something else. Read a row from left to right: a bound with more draws is lower, for one and
# the same model. And read the grid's column: the likelihood itself improves from 1 to 5 draws, and
# from 5 to 50.
#
# Are these differences more than chance? Take them image by image, as in chapter 9, and look at
# both seeds.


# %%
def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


gains = {}
for seed in SEEDS:
    for few, many in itertools.pairwise(SAMPLES):
        gains[seed, many] = measured[seed, few]["grid"] - measured[seed, many]["grid"]
        gain, error = mean_and_error(gains[seed, many])
        print(f"seed {seed}: from {few:>2} to {many:>2} draws, better by {gain:.2f} ± {error:.2f}")

# %% [markdown]
# From one draw to five the gain is several times its error. From five to fifty it is about twice
# its error, and it is there with both seeds. On training images it is far larger, for a model that
# is bent less also learns its examples by heart more easily: a better bound is no cure for that.
#
# In more than a few dimensions there is no grid. Then a second way is needed that does not use the
# encoder at all, since it is the encoder that we have changed: *annealed importance sampling*. It
# moves draws of the prior, step by step, to where the posterior is. We try it on forty images.

# %%
from vae_keras.evaluation.annealing import annealed_nll

forty = digits.test.take(slice(40))
annealed = {
    key: annealed_nll(models[key], forty, chains=8, temperatures=TEMPERATURES)["nll"]
    for key in (FIRST, MANY)
}
for key, values in annealed.items():
    mean_nll, mean_truth = values.mean(), measured[key]["grid"][:40].mean()
    print(f"trained with {key[1]:>2}: annealed {mean_nll:.2f}, grid {mean_truth:.2f}")

# %% [markdown]
# The ways agree. The published figures say the same of MNIST, with a code of 50 dimensions, one
# stochastic layer and 5,000 draws for the estimate ([Burda
# 2016](https://arxiv.org/abs/1509.00519)): 86.76 nats with one draw, 85.54 with five, and 84.78
# with fifty.
#
# ## 4. The posterior that it stands for
#
# The first column of the table needs an explanation. Its distance from the grid's column is
# $D_\mathrm{KL}[q(z|x)\|p(z|x)]$. With 50 draws it has *grown*: the encoder has become a worse
# guess of the posterior, and the model is better.
#
# > **Predict.** Which $q$ is the best if one draw is taken: one that is too narrow for the
# > posterior, or one that is too wide? And if fifty draws are taken, and the best of them count
# > most?

# %%
from vae_keras.latent.codes import posterior


def true_widths(model):
    """The root of the variance of p(z|x), the mean of both dimensions, of each image: [n]."""
    log_p = log_joint(model, images)
    p = softmax(log_p, axis=1)
    variance = p @ grid**2 - (p @ grid) ** 2
    return np.sqrt(variance.mean(axis=1))


missed, wider = {}, {}
for (seed, k), columns in measured.items():
    missed[seed, k] = (columns["1 draw"] - columns["grid"]).mean()
    _, z_log_var = posterior(models[seed, k], digits.test)
    widths = np.sqrt(np.exp(z_log_var).mean(axis=1))
    wider[seed, k] = np.median(widths / true_widths(models[seed, k]))
    print(
        f"seed {seed}, trained with {k:>2}: KL of q(z|x) from the posterior {missed[seed, k]:.2f} "
        f"nats, q is {wider[seed, k]:.2f} times as wide"
    )

# %% [markdown]
# One draw must not miss, since a draw that $p(z|x)$ excludes costs many nats. So the VAE's $q$
# would rather stay inside a hill. Of fifty draws most may miss, if only some of them hit. So $q$
# becomes wider than the posterior, and covers what there is. (Exercise 2 has the two hills.)
#
# Then what is the code of an image? Draw $k$ codes of $q$, and keep *one* of them, each with a
# probability in proportion to its weight. What is kept has the density
#
# $$q_k(z|x) = p(x, z)\; \mathbb E_{z_2, \dots, z_k \sim q}\Big[
# \frac{k}{w(z) + w(z_2) + \dots + w(z_k)} \Big].$$
#
# (The chance that a place is drawn and kept is $k\, q(z) \cdot w(z) / \sum_j w_j$, and
# $q(z)\, w(z) = p(x, z)$.) This *implied posterior* is no Gaussian. With many draws the fraction
# tends to $1/p(x)$, and so $q_k$ tends to the true posterior. For it the ELBO is at least as large
# as $\mathcal L_k$, which says what training with $k$ draws does: it fits $q_k$, and $q$ is only
# what $q_k$ is made of (Cremer, Morris and Duvenaud 2017).
#
# We compute it on the grid, for the image whose $q$ is the worst.

# %%
wide = models[MANY]
joint = log_joint(wide, images)
z_means, z_log_vars = posterior(wide, digits.test)
by_image = measured[MANY]["1 draw"] - measured[MANY]["grid"]
shown = int(np.argmax(by_image))


def log_q_at(z):
    return log_normal(z, z_means[shown], z_log_vars[shown]).numpy().astype(float)


def log_weights_of(z):
    """log w of codes [n, 2] of the image: [n]."""
    x = np.repeat(images[shown : shown + 1], len(z), axis=0)
    log_px = wide.reconstruction.log_prob(x, wide.parameters(z)).numpy()
    return log_px + norm.logpdf(z).sum(axis=1) - log_q_at(z)


def implied(k, sets=500):
    """log q_k(z|x) on the grid, from `sets` sets of k − 1 draws."""
    epsilon = rng.normal(size=(sets * (k - 1), 2))
    z = (z_means[shown] + np.exp(0.5 * z_log_vars[shown]) * epsilon).astype(np.float32)
    others = logsumexp(log_weights_of(z).reshape(sets, k - 1), axis=1)  # log of their sum
    own = joint[shown] - log_q_at(grid)
    total = np.zeros(len(grid))
    for one in others:
        total += np.exp(-np.logaddexp(own, one))
    return joint[shown] + np.log(k * total / sets)


truth = joint[shown] + measured[MANY]["grid"][shown]  # log p(z|x), on the grid
densities = {"q(z|x)": log_q_at(grid), "q₅(z|x)": implied(5), "q₅₀(z|x)": implied(50)}
areas = {name: np.exp(one).sum() * area for name, one in densities.items()}
far = {
    name: np.sum(np.exp(one) * (one - truth)) * area for name, one in densities.items()
}  # their KL from the truth
for name in densities:
    print(f"{name:<9} area {areas[name]:.3f}, KL from the posterior {far[name]:.3f} nats")

# %% tags=["cover"]
panels = {**densities, "true posterior": truth}
figure, axes = figures.panels(1, 4, width=2.3, height=2.6)
for one, (name, values) in zip(axes, panels.items()):
    density = np.exp(values).reshape(MESH, MESH)
    one.contourf(axis, axis, density, levels=12, cmap="Blues")
    one.set(title=name, xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), aspect="equal", xlabel="z₁")
axes[0].set_ylabel("z₂")
figure

# %% [markdown]
# How many of fifty draws count? A usual measure is the *effective number of draws*,
# $1 / \sum_i \tilde w_i^2$, where $\tilde w_i$ are the weights divided by their sum. It is 50 if
# all are equal, and 1 if one of them has everything.

# %%
effective = {}
for name, model in (("one draw", models[FIRST]), (f"{MANY[1]} draws", models[MANY])):
    z_mean, z_log_var = (head[:, None] for head in model.posterior(batch))
    z = z_mean + ops.exp(0.5 * z_log_var) * model.noise(batch, (50, 2), training=False)
    log_px = model.log_likelihood(batch.repeated(50), ops.reshape(z, (-1, 2)))
    log_w = ops.reshape(log_px, (-1, 50)) + model.prior.log_prob(z)
    share = softmax((log_w - log_normal(z, z_mean, z_log_var)).numpy(), axis=1)
    effective[name] = 1 / (share**2).sum(axis=1)
    print(f"trained with {name:<9}: of 50 draws {np.median(effective[name]):.0f} count, ", end="")
    print(f"median of the images; {np.quantile(effective[name], 0.05):.0f} of the worst twentieth")

# %% [markdown]
# The $q$ of many draws wastes more of them than that of the VAE. So if you need *codes* of such a
# model, for a plot or for another program, remember that its $q$ is wider than the posterior: draw
# many, and keep one by its weight.
#
# ## 5. The gradient that dies
#
# A tighter bound is not better in everything. Look at what the encoder learns from. We go back to
# the model of section 1 and compute the derivative of $\log \frac1k\sum_i w_i$ with respect to the
# mean $\mu$ of $q$, where $z_i = \mu + \sigma\varepsilon_i$:
#
# $$\frac{\partial}{\partial\mu} \log \frac1k \sum_i w_i
# = \sum_i \tilde w_i\, \frac{d \log w_i}{d\mu}, \qquad
# \frac{d \log w_i}{d\mu} = \underbrace{\frac{\partial \log w_i}{\partial z_i}
# \frac{\partial z_i}{\partial\mu}}_{\text{through the draw}}
# - \underbrace{\frac{\partial \log q(z_i|x)}{\partial\mu}}_{\text{the score}}.$$
#
# $\mu$ occurs twice: it moves the draws, and it is a parameter of the density by which we divide.
#
# > **Predict.** The signal is the mean of this gradient, the noise its standard deviation. With
# > more draws we average over more. Does the ratio of signal to noise rise or fall with $k$?


# %%
def plain_gradient(epsilon):
    """The derivative for the mean of q, of each set of draws: [sets]."""
    z = mean + deviation * epsilon
    share = softmax(log_weights(z), axis=1)
    through_the_draw = 2 * (x - 2 * z) - z + (z - mean) / deviation**2
    score = (z - mean) / deviation**2
    return np.sum(share * (through_the_draw - score), axis=1)


def signal_to_noise(gradients):
    return np.abs(gradients.mean()) / gradients.std()


noises = {k: rng.normal(size=(SETS, k)) for k in POWERS}
plain = {k: plain_gradient(epsilon) for k, epsilon in noises.items()}
for k, values in plain.items():
    print(
        f"{k:>4} draws: mean {values.mean():.4f}, standard deviation {values.std():.4f}, "
        f"ratio {signal_to_noise(values):.3f}"
    )

# %% [markdown]
# It falls. Both get smaller, and the signal faster. The reason is the bound itself. With many draws
# $\mathcal L_k$ is near $\log p(x)$, and $q$ does not occur in $\log p(x)$: *whatever* the encoder
# does is right. What is left to be gained is the gap, which falls like $1/k$, and so the mean
# gradient falls like that, too. Its noise, that of a mean of $k$ numbers, falls like $1/\sqrt k$
# only. The ratio falls like $1/\sqrt k$ (Rainforth and others 2018). So much for the encoder. The
# decoder is not concerned: its signal stays as $k$ grows.
#
# ## 6. The one that stays clear
#
# The noise comes from the score. Its mean over $q$ is 0, and so it seems to do nothing, but here it
# is weighted by $\tilde w_i$, and the weights depend on the draw. There is a second way to write
# such a term. For any function $f$,
#
# $$\mathbb E_{q}\Big[f(z)\, \frac{\partial \log q(z)}{\partial\mu}\Big]
# = \frac{\partial}{\partial\mu} \int q(z) f(z)\, dz
# = \mathbb E_{\varepsilon}\Big[f'(z)\, \frac{\partial z}{\partial\mu}\Big],$$
#
# where $f$ is held as it is while $\mu$ changes. On the left is the score function of chapter 5, on
# the right the reparameterisation trick. Take $f(z_i) = \tilde w_i$, with the other draws held.
# Since $\tilde w_i = w_i / (w_i + \text{others})$, its derivative is
# $\tilde w_i (1 - \tilde w_i)\, \partial \log w_i / \partial z_i$. Put that in the place of
# $\tilde w_i$ times the score:
#
# $$\sum_i \big[\tilde w_i - \tilde w_i (1 - \tilde w_i)\big]\,
# \frac{\partial \log w_i}{\partial z_i} \frac{\partial z_i}{\partial\mu}
# = \sum_i \tilde w_i^2\, \frac{\partial \log w_i}{\partial z_i}
# \frac{\partial z_i}{\partial\mu}.$$
#
# The score is gone, and the weights are squared. This is the *doubly reparameterised* gradient of
# Tucker and others (2019). Where $q$ is the true posterior, $w$ is a constant, its slope is 0, and
# the gradient is 0 at every draw, not just on average.


# %%
def doubly_gradient(epsilon):
    """The same derivative without the score: [sets]."""
    z = mean + deviation * epsilon
    share = softmax(log_weights(z), axis=1)
    through_the_draw = 2 * (x - 2 * z) - z + (z - mean) / deviation**2
    return np.sum(share**2 * through_the_draw, axis=1)


doubly = {k: doubly_gradient(epsilon) for k, epsilon in noises.items()}
print(f"{'draws':>5} {'mean of plain':>22} {'mean of doubly':>22}")
for k in POWERS:
    means = [f"{g[k].mean():.5f} ± {g[k].std() / np.sqrt(SETS):.5f}" for g in (plain, doubly)]
    print("{:>5} {:>22} {:>22}".format(k, *means))

# %% [markdown]
# The means agree within their errors, and the errors of the second are smaller. Now both ratios. On
# these axes a power of $k$ is a straight line, and its slope is the exponent.


# %%
def slope_of(ratios):
    """The exponent in ratio ∝ k^slope, from 16 draws on."""
    counts = [k for k in ratios if k >= 16]
    return np.polyfit(np.log(counts), np.log([ratios[k] for k in counts]), 1)[0]


def drawn_ratios(ratios, title):
    curves = {
        f"{name}: slope {slope_of(values):+.2f}": (list(values), list(values.values()))
        for name, values in ratios.items()
    }
    return figures.lines(curves, "draws k", "signal over noise", title, xscale="log", yscale="log")


toy = {
    name: {k: signal_to_noise(values) for k, values in one.items()}
    for name, one in (("plain", plain), ("doubly reparameterised", doubly))
}
drawn_ratios(toy, "one number, gradient for the mean of q")

# %% [markdown]
# The plain one falls with the exponent −½, the other rises with ½.
#
# In Keras one need not write these derivatives. The encoder learns from its own surrogate: a loss
# whose *gradient* is the sum above. The shares are constants in it, and so are the heads where they
# are parameters of $\log q$. The draws are not.


# %%
def surrogate(model, batch, k):
    """Σ w̃² log w with draws that move and all else held: its gradient is for the encoder alone."""
    z_mean, z_log_var = (head[:, None] for head in model.posterior(batch))
    z = z_mean + ops.exp(0.5 * z_log_var) * model.noise(batch, (k, model.latent_dim), False)
    held = ops.stop_gradient(z_mean), ops.stop_gradient(z_log_var)
    log_px = model.log_likelihood(batch.repeated(k), ops.reshape(z, (-1, model.latent_dim)))
    log_w = ops.reshape(log_px, (-1, k)) + model.prior.log_prob(z) - log_normal(z, *held)
    share = ops.stop_gradient(ops.softmax(log_w, axis=1))
    return ops.sum(share**2 * log_w, axis=1)


# %% [markdown]
# The package does it by another way, with one pass for decoder and encoder: it multiplies the
# gradient that comes back to each draw by its share. Its encoder must receive the same. (We average
# over a hundred images.)

# %%
package = ImportanceWeightedAutoencoder.from_config({**models[FIRST].get_config(), "samples": 20})
package.set_weights(models[FIRST].get_weights())
weights = package.encoder.trainable_variables
with tf.GradientTape(persistent=True) as tape:
    ours = -ops.mean(surrogate(package, some, 20))
    of_class = ops.mean(package.objective(some, training=False)["importance_loss"])


def flat(gradients):
    return np.concatenate([np.ravel(one) for one in gradients])


written, expected = flat(tape.gradient(ours, weights)), flat(tape.gradient(of_class, weights))
difference = np.abs(written - expected).max() / np.abs(expected).max()
print(f"{len(written):,} numbers, the largest difference is {difference:.0e} of the largest")

# %% [markdown]
# Is it on digits as it is for one number? All that an encoder learns comes through its two heads.
# So we take twenty images, repeat the draws of each, and compute both gradients for `z_mean` and
# `z_log_var`. The noise is the root of the summed variances. The signal is the length of the mean
# gradient. It is the same for both, so we take it from the one that has less noise.

# %%
TWENTY, PART = 20, 25
first_x = np.repeat(images[:TWENTY], PART, axis=0)


def gradients_of(model):
    """A function of noise [rows, k, 2] that gives both gradients for the heads, [rows, 4] each."""
    heads = model.posterior(model.prepare(first_x))

    @tf.function(reduce_retracing=True, autograph=False)
    def gradients(epsilon):
        k = tf.shape(epsilon)[1]
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(heads)
            z_mean, z_log_var = (head[:, None] for head in heads)
            held = [tf.stop_gradient(head) for head in (z_mean, z_log_var)]
            z = z_mean + tf.exp(0.5 * z_log_var) * epsilon
            parameters = model.parameters(tf.reshape(z, (-1, 2)))
            log_px = model.reconstruction.log_prob(tf.repeat(first_x, k, axis=0), parameters)
            log_p = tf.reshape(log_px, (-1, k)) + model.prior.log_prob(z)
            log_w = log_p - log_normal(z, z_mean, z_log_var)
            share = tf.stop_gradient(tf.nn.softmax(log_w, axis=1))
            plain = tf.reduce_logsumexp(log_w, axis=1)
            doubly = tf.reduce_sum(share**2 * (log_p - log_normal(z, *held)), axis=1)
        return [tf.concat(tape.gradient(one, heads), axis=1) for one in (plain, doubly)]

    return gradients


def ratios_of(model, counts):
    """Signal over noise of both gradients by the number of draws: {name: {k: ratio}}."""
    gradients, ratios = gradients_of(model), {"plain": {}, "doubly reparameterised": {}}
    for k in counts:
        seeds = [(SEED, part) for part in range(REPEATS // PART)]
        shape = (TWENTY * PART, k, 2)
        parts = [gradients(tf.random.stateless_normal(shape, seed)) for seed in seeds]
        each = np.array(parts, float).reshape(-1, 2, TWENTY, PART, 4)
        each = np.moveaxis(each, (1, 3), (0, 2)).reshape(2, REPEATS, -1)
        noise = np.sqrt(each.var(axis=1).sum(axis=1))  # [2]
        signal = np.sqrt((each[1].mean(axis=0) ** 2).sum())
        for name, one in zip(ratios, noise):
            ratios[name][k] = signal / one
    return ratios


of_digits = ratios_of(models[MANY], POWERS)
drawn_ratios(of_digits, "digits, gradient for the heads of q")

# %% [markdown]
# It is, for the model that was trained with many draws. For that with one draw the rise is slower.
# Its $q$ is narrow, so the posterior has places that $q$ hardly ever draws. There a weight is
# large, and "many" draws are more than we have.

# %%
of_first = ratios_of(models[FIRST], (16, POWERS[-1]))
for name, ratios in of_first.items():
    print(f"trained with one draw, {name:<23}: " + ", ".join(f"{r:.3f}" for r in ratios.values()))

# %% [markdown]
# Does it matter for the model? Fifty draws again, and with the plain gradient:

# %%
plain_found = {seed: fit(seed, SAMPLES[-1], "plain")[0] for seed in SEEDS}
by_gradient = {
    seed: by_grid(model, images) - measured[seed, SAMPLES[-1]]["grid"]
    for seed, model in plain_found.items()
}
for seed, values in by_gradient.items():
    mean_loss, error = mean_and_error(values)
    print(f"seed {seed}: with the plain gradient worse by {mean_loss:.3f} ± {error:.3f} nats")

# %% [markdown]
# Hardly: a hundredth of a nat. The noise is averaged over some thousand steps, and with fifty draws
# of two numbers nearly every $q$ is good enough, which is the very reason for the weak signal. In a
# large code draws are rarely good by chance, and there the encoder is needed. The clear gradient
# costs nothing, so it is the package's default.
#
# ## 7. What it costs

# %%
seconds = {k: min(found[seed, k][1] for seed in SEEDS) for k in SAMPLES}
for k, one in seconds.items():
    print(f"{k:>2} draws: {one:5.1f} s for {EPOCHS} epochs")

# %% [markdown]
# The encoder is asked once for each image, and the decoder $k$ times. On a network as small as this
# one five draws cost half as much again and not five times as much, since a step has other work to
# do as well. With a large decoder the cost is nearly $k$ times, in time and in memory. So take few
# draws to train, and many to measure.
#
# More draws are one of three remedies for the gap. The others are a richer family for $q$, and
# a better $q$ for each image, by some steps of optimisation where the encoder has stopped.
#
# ## Exercises
#
# 1. Write the doubly reparameterised gradient of the model of section 1 for `z_log_var`, the
#    logarithm of the variance of $q$. (Since $z = \mu + e^{\frac12 \texttt{z\_log\_var}}
#    \varepsilon$, only the last factor differs from `doubly_gradient`.)

# %%
from vae_keras.course import check


def answer_1(epsilon):
    """Fill in: the gradient for z_log_var from noise [sets, k]: [sets]."""
    ...


def right_1(gradients):
    """Its mean is that of the plain one, here by differences, and it has less noise."""

    def shifted(step):
        scale = deviation * np.exp(0.5 * step)
        z = mean + scale * noises[16]
        log_w = norm.logpdf(x, 2 * z, 1) + norm.logpdf(z) - norm.logpdf(z, mean, scale)
        return bound(log_w)

    by_differences = (shifted(1e-4) - shifted(-1e-4)) / 2e-4
    error = np.hypot(by_differences.std(), np.std(gradients)) / np.sqrt(SETS)
    is_same = abs(by_differences.mean() - np.mean(gradients)) < 4 * error
    return is_same and np.std(gradients) < 0.5 * by_differences.std()


check(1, answer_1(noises[16]), right_1)

# %% [markdown]
# 2. A posterior has two hills. Find the Gaussian $q$ that maximises the bound of $k$ draws, for
#    $k = 1$ and $k = 10$. (`scipy.optimize.minimize` with `method="Nelder-Mead"` does it, if the
#    noise is fixed. Start once in a hill, and once between them.)


# %%
def log_hills(z):
    """log p(z|x): two hills of width 0.4, at −1.5 and 1.5."""
    return np.logaddexp(norm.logpdf(z, -1.5, 0.4), norm.logpdf(z, 1.5, 0.4)) - np.log(2)


def answer_2(k):
    """Fill in: (mean, deviation) of the best Gaussian of k draws."""
    ...


def right_2(answers):
    (mean_1, deviation_1), (mean_10, deviation_10) = answers
    stays = abs(abs(mean_1) - 1.5) < 0.15 and abs(deviation_1 - 0.4) < 0.1
    return stays and abs(mean_10) < 0.8 and 1.2 < deviation_10 < 2.2


answers = [answer_2(k) for k in (1, 10)]
check(2, None if None in answers else answers, right_2)

# %% [markdown]
# 3. Draw codes of the *implied* posterior of 50 draws, for the image of section 4: 50 draws of $q$
#    for each code, of which one is kept by its weight. Their mean and their covariance should be
#    those of the true posterior. (`log_weights_of` gives the weights; `rng.choice` takes
#    probabilities `p`, or add Gumbel noise to the log weights and take the largest.)


# %%
def answer_3(count):
    """Fill in: codes that are kept, [count, 2]."""
    ...


true_density = np.exp(truth) * area
middle = true_density @ grid
covariance = (grid - middle).T @ ((grid - middle) * true_density[:, None])


def right_3(codes):
    near = np.abs(codes.mean(axis=0) - middle).max() < 0.2
    return near and np.abs(np.cov(codes, rowvar=False) / covariance - 1)[[0, 1], [0, 1]].max() < 0.3


check(3, answer_3(1_000), right_3)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1(epsilon):
    """dz / d z_log_var is ½ σ ε."""
    z = mean + deviation * epsilon
    share = softmax(log_weights(z), axis=1)
    through_the_draw = 2 * (x - 2 * z) - z + (z - mean) / deviation**2
    return np.sum(share**2 * through_the_draw * 0.5 * deviation * epsilon, axis=1)


assert check(1, answer_1(noises[16]), right_1)

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
from scipy.optimize import minimize


def answer_2(k):
    """The mean of log w over fixed noise, as a function of mean and log deviation."""
    epsilon = np.random.default_rng(SEED).normal(size=(1_000, k))

    def missed_by(parameters):
        mean, scale = parameters[0], np.exp(parameters[1])
        z = mean + scale * epsilon
        return -bound(log_hills(z) - norm.logpdf(z, mean, scale)).mean()

    tried = [minimize(missed_by, start, method="Nelder-Mead") for start in ((1.5, -1), (0, 0.5))]
    best = min(tried, key=lambda one: one.fun)
    return best.x[0], np.exp(best.x[1])


answers = [answer_2(k) for k in (1, 10)]
for k, (m, s) in zip((1, 10), answers):
    print(f"{k:>2} draws: mean {m:.2f}, standard deviation {s:.2f}")
assert check(2, answers, right_2)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(count):
    """The largest of log weights with Gumbel noise is a draw in proportion to the weights."""
    epsilon = rng.normal(size=(count, 50, 2))
    z = (z_means[shown] + np.exp(0.5 * z_log_vars[shown]) * epsilon).astype(np.float32)
    log_w = log_weights_of(z.reshape(-1, 2)).reshape(count, 50)
    kept = np.argmax(log_w + rng.gumbel(size=log_w.shape), axis=1)
    return z[np.arange(count), kept]


assert check(3, answer_3(1_000), right_3)

# %% [markdown]
# ## Further reading
#
# - Y. Burda, R. Grosse and R. Salakhutdinov 2016, [Importance weighted
#   autoencoders](https://arxiv.org/abs/1509.00519): the bound of $k$ draws, and the figures of
#   section 3.
# - T. Rainforth and others 2018, [Tighter variational bounds are not necessarily
#   better](https://arxiv.org/abs/1802.04537): the ratio of signal to noise.
# - G. Tucker and others 2019, [Doubly reparameterized gradient estimators for Monte Carlo
#   objectives](https://arxiv.org/abs/1810.04152): the gradient of section 6, and its relatives.
# - C. Cremer, Q. Morris and D. Duvenaud 2017, [Reinterpreting importance-weighted
#   autoencoders](https://arxiv.org/abs/1704.02916): the implied posterior.
# - G. Roeder, Y. Wu and D. Duvenaud 2017, [Sticking the
#   landing](https://arxiv.org/abs/1703.09194): the gradient without the score for one draw.
#
# ## Checks

# %%
is_full = EPOCHS >= 60
for k in COUNTS:
    assert gaps[k] > -4 * gap_errors[k], "a bound is not above"
    if k >= 20:
        assert abs(gaps[k] - rule[k]) < 0.15 * rule[k] + 4 * gap_errors[k]
assert all(gaps[a] > gaps[b] for a, b in itertools.pairwise(COUNTS)) or not is_full
assert never_below.min() > -1e-12, "for every set"
assert apart < 1e-4 and apart_after < 1e-4, "ten lines are the package's"
assert of_package < 1e-4 and abs(by_draw.mean()) < 4 * by_draw_error
for columns in measured.values():
    nll = columns["grid"].mean()
    assert abs(columns["1,000 draws"].mean() - nll) < 0.05, "the estimate is the truth"
    assert columns["1 draw"].mean() > columns["50 draws"].mean() - 0.01 > nll - 0.03
for (seed, k), values in gains.items():
    gain, error = mean_and_error(values)
    assert gain > (2 * error if k == SAMPLES[1] else 0), (seed, k, gain, error)
for seed in SEEDS:
    first, *_, last = (measured[seed, k] for k in SAMPLES)
    assert first["training"].mean() - last["training"].mean() > 0.4, "and on training images more"
    assert not is_full or abs(last["1 draw"].mean() - first["1 draw"].mean()) < 0.2
    assert missed[seed, SAMPLES[-1]] > 2 * missed[seed, SAMPLES[0]], "a worse guess"
    assert not is_full or wider[seed, SAMPLES[-1]] > 1.1 * wider[seed, SAMPLES[0]], "and a wider q"
    assert abs(by_gradient[seed].mean()) < 0.1, "on digits the gradient hardly matters"
for key in annealed:
    assert abs(annealed[key].mean() - measured[key]["grid"][:40].mean()) < 0.15
assert all(abs(one - 1) < 0.1 for one in areas.values()), "a density"
assert far["q(z|x)"] > far["q₅(z|x)"] > far["q₅₀(z|x)"] > -0.05
assert np.median(effective["one draw"]) > np.median(effective[f"{MANY[1]} draws"])
for k in POWERS:
    error = np.hypot(plain[k].std(), doubly[k].std()) / np.sqrt(SETS)
    assert abs(plain[k].mean() - doubly[k].mean()) < 4 * error, "both have the same mean"
    assert doubly[k].std() < 0.5 * plain[k].std()
slopes = {name: slope_of(ratios) for name, ratios in toy.items()}
assert -0.65 < slopes["plain"] < -0.35 and 0.35 < slopes["doubly reparameterised"] < 0.6
slopes = {name: slope_of(ratios) for name, ratios in of_digits.items()}
assert slopes["plain"] < -0.3 and slopes["doubly reparameterised"] > (0.3 if is_full else 0)
assert of_first["doubly reparameterised"][16] > 3 * of_first["plain"][16]
assert difference < 1e-3, "the surrogate has the package's gradient"
assert not is_full or seconds[SAMPLES[-1]] > seconds[SAMPLES[0]], "draws are not free"

# %% [markdown] tags=["navigation"]
# ---
# Previous: [14. What goes wrong](14_what_goes_wrong.ipynb) ·
# Next: [16. A better prior](16_a_better_prior.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
