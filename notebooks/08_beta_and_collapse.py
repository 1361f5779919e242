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
# # β, and codes that say nothing
#
# The loss of a VAE is a sum of two terms that want opposite things. The reconstruction wants a code
# that says everything; the KL wants one that says nothing. A weight β between them gives a β-VAE.
# Many people change this weight, and few know what a value of it means. If it is too large the code
# says nothing at all: the KL is 0, the loss looks respectable, and every image is rebuilt as the
# same grey blur. In this chapter you learn what β means, break a model with it, and repair it.
#
# You will
#
# 1. find the weight that a model really has, wherever β was put and whatever was averaged,
# 2. draw the curve of what one gets for a nat of code,
# 3. measure how far the codes of all images together are from the prior,
# 4. make a code collapse on purpose, and see in which numbers it shows and in which it does not,
# 5. write two cures, and learn which of them cures what.

# %% [markdown] tags=["navigation"]
# **Builds on** [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# **To read** about 40 minutes ·
# **To run** about 3 minutes on two cores
#
# Previous: [7. Convolutions, and how many dimensions](07_convolutions_and_dimensions.ipynb) ·
# Next: [9. How good is it?](09_how_good_is_it.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 40  # fast: 12
UNITS = "512-256-128"  # fast: "64"
CURES = 5  # fast: 2
BETAS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)  # fast: (0.25, 1.0, 4.0)

# %% [markdown]
# ## 1. One weight, in two places
#
# Per image, with $\beta$ on the KL term,
#
# $$\text{loss} = \text{reconstruction\_loss} + \beta \cdot \text{kl\_loss}.$$
#
# One may as well put the weight on the other term. Then
#
# $$\beta \cdot \text{reconstruction\_loss} + \text{kl\_loss} = \beta \left(
# \text{reconstruction\_loss} + \tfrac{1}{\beta}\, \text{kl\_loss} \right),$$
#
# which is the same objective with the reciprocal weight, times a constant. So when somebody reports
# a $\beta$, ask on which term. What decides is the weight of the KL relative to the reconstruction,
# the *effective* β:

# %%
from vae_keras import TrainConfig, evaluate, figures, load

for where in ("kl", "reconstruction"):
    config = TrainConfig(beta=4.0, beta_on=where)
    print(f"beta 4 on the {where:<15} effective beta {config.effective_beta():g}")

# %% [markdown]
# There is a second way to have a weight without knowing it. The terms are *sums* over all pixels,
# and over all dimensions of the code. With the mean over the pixels instead, the reconstruction is
# divided by their number:

# %%
digits = load(TrainConfig(dataset="digits"))
height, width, channels = digits.example_shape
print(f"8×8 digits, mean of the pixels: effective beta {height * width * channels}")
print(f"28×28 digits, mean of the pixels: effective beta {28 * 28}")
print(f"28×28 digits, mean of the pixels and of 20 dimensions: effective beta {28 * 28 / 20:g}")

# %% [markdown]
# Below you see what a β of 4 does to these digits. Somebody who averages over pixels probably does
# not want a β of 64; chapter 6 shows what such a factor does.
#
# > **Predict.** Train one model with β = ¼ on the KL, and one with β = 4 on the reconstruction,
# > from the same seed. By how much do their terms differ? Does it matter for Adam that one loss is
# > four times the other?

# %%
from vae_keras.training.fitting import trained

common = dict(latent_dim=10, units=UNITS, epochs=EPOCHS, seed=SEED)
models, terms = {}, {}


def fit(name, variant=None, **options):
    """Train a model, keep it under a name, and measure its terms on the test set."""
    models[name] = trained(TrainConfig(**{**common, **options}), digits, variant)
    terms[name] = evaluate(models[name], digits)


fit("β = 0.25", beta=0.25)
fit("4 on the other", beta=4.0, beta_on="reconstruction")
pair = {name: terms[name] for name in ("β = 0.25", "4 on the other")}
for name, found in pair.items():
    print(
        f"{name:<15} loss {found['loss']:6.2f}   "
        f"reconstruction {found['reconstruction_loss']:.3f} + KL {found['kl_loss']:.3f}"
    )

# %% [markdown]
# The terms agree, except for small differences: rounding errors grow during training. One loss is
# four times the other, so the losses cannot be compared. The factor 4 in the gradient does not
# matter either, because Adam divides every step by the size of the gradient. This is why the
# package logs the two terms unweighted.
#
# ## 2. What a nat of code buys
#
# Now let β vary. The test KL is the *rate*: how many nats the code of an image costs. The test
# reconstruction loss is the *distortion*: what is still wrong with the image, in nats as well.

# %%
from vae_keras.evaluation.code_use import code_figures

named = {beta: f"β = {beta:g}" for beta in BETAS}
for beta, name in named.items():
    if name not in models:
        fit(name, beta=beta)

rows = []
for beta, name in named.items():
    rate, distortion = terms[name]["kl_loss"], terms[name]["reconstruction_loss"]
    use = code_figures(models[name], digits.test)
    rows.append({"beta": beta, "rate": rate, "distortion": distortion, **use})
    print(
        f"{name:<8} rate {rate:6.3f}, distortion {distortion:.3f}, "
        f"−ELBO {rate + distortion:.3f}, {use['active_units']} active units"
    )

# %%
figures.rate_distortion(rows, "digits (grey), 10-D code")

# %% [markdown]
# The curve falls: more rate means less distortion. The first nats of rate lower it a lot, the
# later ones less and less. Training with weight β stops where one more nat of rate would lower the
# distortion by less than β nats. So **β is a price, and the slope of the curve at its point is
# −β**. Check that on two neighbours:

# %%
by_beta = {row["beta"]: row for row in rows}
low, high = by_beta[0.25], by_beta[1.0]
slope = (low["distortion"] - high["distortion"]) / (low["rate"] - high["rate"])
print(f"between β = 0.25 and β = 1 a nat of rate buys {-slope:.2f} nats of distortion")

# %% [markdown]
# It lies between the two prices, as it should.
#
# All points on the dashed line have the same sum of rate and distortion, the best −ELBO. The line
# touches the curve at β = 1, because β = 1 minimises this sum. Chance plays a small part, as
# training is random and the test set has only a few hundred images. (`python -m vae_keras sweep`
# draws this curve for any data set.)
#
# ## 3. What it does to images
#
# Test digits, and what the models make of them, without noise:

# %%
test_images = digits.test.take(slice(12)).arrays()[0]
rebuilt = {name: models[name](test_images) for name in named.values()}
figures.image_rows({"test digits": test_images, **rebuilt}, "rebuilt")

# %% [markdown]
# The larger β is, the more each digit looks like the average of its class, and at the end like the
# average of all digits.
#
# > **Predict.** Reconstructions are best at the smallest β. Is that true for *samples* as well, for
# > decoded draws of the prior?

# %%
drawn = {name: models[name].generate(12, (SEED, 1)) for name in named.values()}
figures.image_rows(drawn, "drawn")

# %% [markdown]
# It is not. In the first row there are stains that are no digit. A sample is good if the decoder
# has been trained near the point that is drawn. For that, the posteriors *of all images together*
# must resemble the prior. Their mixture is the *aggregate posterior*
#
# $$q(z) = \frac{1}{N} \sum_{n} q(z|x_n).$$
#
# How far is it from the prior? One can compare mean and covariance alone, and take the KL between
# the Gaussian that has those of $q(z)$ and the prior. But $q(z)$ is no Gaussian, so this is only a
# *lower bound* of the distance. The distance itself follows from an identity. The mean KL term has
# two parts:
#
# $$\underbrace{\frac1N \sum_n D[q(z|x_n)\|p(z)]}_{\texttt{kl\_loss}} =
# \underbrace{\frac1N \sum_n D[q(z|x_n)\|q(z)]}_{\text{mutual information}} + D[q(z)\|p(z)]$$
#
# The *mutual information* is how much a code tells of which image it belongs to. It is estimated
# from one draw of each posterior, and what is left of the KL is $D[q(z)\|p(z)]$.

# %%
from vae_keras.evaluation.code_use import kl_parts

print("          by mean and covariance    KL − information    the same, training images")
for row in rows:
    parts = kl_parts(models[named[row["beta"]]], digits.test)
    row |= parts | {
        "of_training": kl_parts(models[named[row["beta"]]], digits.train)["marginal_kl"]
    }
    print(
        f"β = {row['beta']:<4g}{row['aggregate_posterior_kl']:16.3f} nats"
        f"{row['marginal_kl']:16.3f} ± {row['kl_parts_error']:.3f}{row['of_training']:18.3f}"
    )

# %% [markdown]
# The first column is near 0 where the second is not. At β = 1 mean and covariance agree with the
# prior almost perfectly, and yet the distance is some tenths of a nat. The second column is the
# distance of the mixture of these few hundred images. More images fill the gaps between their
# posteriors, so it falls with their number. The third column shows this: there are three to four
# times as many training images. For all digits that there could be, the distance lies between the
# first column and the third. (The information about $N$ images cannot be more than $\log N$: 5.9
# nats for the second column, 7.2 for the third. At β = 0.1 it has reached that, so there these two
# columns say little more than $\text{KL} - \log N$.)
#
# An estimate by another way must agree: draw from the mixture, and average $\log q(z) - \log p(z)$.

# %%
import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from vae_keras.latent.codes import posterior

rng = np.random.default_rng(SEED)
z_mean, z_log_var = (head.astype(float) for head in posterior(models["β = 1"], digits.test))
of = rng.integers(len(z_mean), size=2_000)  # whose posterior each draw is from
z = z_mean[of] + np.exp(0.5 * z_log_var[of]) * rng.normal(size=(2_000, 10))
log_q = [logsumexp(norm.logpdf(one, z_mean, np.exp(0.5 * z_log_var)).sum(axis=1)) for one in z]
log_ratio = np.array(log_q) - np.log(len(z_mean)) - norm.logpdf(z).sum(axis=1)
direct, direct_error = log_ratio.mean(), log_ratio.std() / np.sqrt(2_000)
print(f"D[q(z)‖p(z)] at β = 1, directly: {direct:.3f} ± {direct_error:.3f} nats")

# %% [markdown]
# The distances explain the samples. At β = 0.1 the aggregate posterior is far from the prior. At β
# = 4 it is the prior exactly, but every sample is the same blur: a code that says nothing always
# follows the prior. A good generator needs both: an aggregate posterior near the prior, and a code
# that says something.
#
# Move β and watch three things at once: how much each dimension of the code says, what is rebuilt,
# and what is drawn. Which gets worse first when β falls, and which when it rises?

# %%
from vae_keras.figures.sliders import Sliders


def both(beta):
    name, kl = named[beta], sorted(by_beta[beta]["kl_per_dimension"], reverse=True)
    shown = {"test digits": test_images, "rebuilt": rebuilt[name], "drawn": drawn[name]}
    nats = " ".join(f"{value:.1f}" for value in kl[:6])
    return figures.image_rows(shown, f"{name}: 10 dimensions of {nats} … nats")


Sliders(both, beta=BETAS)

# %% [markdown]
# When β falls, the samples get worse. When it rises, rebuilt and drawn images become blurred
# together, as one dimension after another becomes inactive.
#
# ## 4. The wrong goal
#
# One often reads that the KL term *wants* `z_mean` and `z_log_var` close to 0 for every image, and
# that this is the goal of training. The first half is true, the second is wrong. Chapter 4 shows it
# in the plane; here it is with a number for what the code still tells. This model minimises the KL
# alone.

# %%
from vae_keras.studies.terms import KLOnlyVAE

fit("KL alone", KLOnlyVAE)
collapsed = models["KL alone"]
figures.image_rows({"test digits": test_images, "KL alone": collapsed(test_images)}, "rebuilt")

# %%
from vae_keras.evaluation.code_use import mutual_information

largest, told = {}, {}
for name in ("KL alone", "β = 1"):
    z_mean, z_log_var = posterior(models[name], digits.test)
    largest[name] = np.abs(z_mean).max()
    told[name] = mutual_information(models[name], digits.test)
    print(
        f"{name:<8} KL {terms[name]['kl_loss']:.3f} nats, largest |z_mean| {largest[name]:.2f}, "
        f"code tells {told[name]:.2f} nats about the image"
    )

# %% [markdown]
# With both heads at 0 for every input, the posterior *is* the prior, the decoder gets pure noise,
# and the code says nothing. That is *posterior collapse*. It is not the goal, but its opposite.
#
# In a good model the posteriors differ from image to image. Each is much narrower than the prior,
# and **together** they fill it. Here is the dimension that the model with β = 1 uses most: fifty
# test digits, the average over the whole test set, and the prior.

# %% tags=["cover"]
z_mean, z_log_var = posterior(models["β = 1"], digits.test)
most = int(np.argmax(by_beta[1.0]["kl_per_dimension"]))
z = np.linspace(-4, 4, 400)


def density(mean, log_var):
    return np.exp(-0.5 * (z - mean) ** 2 / np.exp(log_var)) / np.sqrt(2 * np.pi * np.exp(log_var))


each = np.array([density(m, v) for m, v in zip(z_mean[:, most], z_log_var[:, most])])
figure, axes = figures.panels(width=6.4, height=3.8)
axes.plot(z, each[:50].T, color=figures.PALETTE[1], alpha=0.35, linewidth=1)
axes.plot([], [], color=figures.PALETTE[1], label="q(z|x) of fifty digits")
axes.plot(z, each.mean(axis=0), color=figures.PALETTE[0], label="average of all digits")
axes.plot(z, density(0, 0), "--", color=figures.PALETTE[4], label="prior N(0, 1)")
axes.set(xlabel=f"z[{most}]", ylabel="density", title="each one narrow, together near the prior")
axes.legend()
figure

# %%
inside = np.sqrt(np.exp(z_log_var[:, most]).mean())
print(f"one posterior: standard deviation {inside:.2f}; the means: {z_mean[:, most].std():.2f}")
print(f"z_log_var of that dimension: {z_log_var[:, most].mean():.2f} on average, not 0")

# %% [markdown]
# The squares of the two widths add up to about the square of the prior's. In this sense the code is
# "close to N(0, I)": all images together are, and no single image.
#
# ## 5. Dimension by dimension
#
# Collapse need not be complete. The KL is a sum over dimensions, and each of them says something
# worth its price, or nothing:

# %%
figure, axes = figures.panels(width=6.4, height=3.6)
for beta, marker in zip(BETAS, "os^Dv*"):
    nats = np.sort(by_beta[beta]["kl_per_dimension"])[::-1]
    axes.plot(np.arange(1, 11), nats, marker=marker, label=f"β = {beta:g}")
axes.set(
    xlabel="dimension, sorted", ylabel="kl_loss (nats per image)", title="what each dimension says"
)
axes.set_xticks(range(1, 11))
axes.legend()
figure

# %% [markdown]
# A dimension is called *active* if the variance of its `z_mean` over the images is above 0.01, and
# *inactive* otherwise. Here is every dimension of the model with β = 1: one draw of the code of
# each test image, the means `z_mean`, and the prior.

# %%
z_mean, z_log_var = posterior(models["β = 1"], digits.test)
codes = z_mean + np.exp(0.5 * z_log_var) * rng.normal(size=z_mean.shape)
variance = z_mean.var(axis=0)
bins = np.linspace(-3.5, 3.5, 36)
figure, axes = figures.panels(2, 5, width=2.3, height=2.2)
for one, panel in zip(np.argsort(-variance), axes.ravel()):
    panel.hist(codes[:, one], bins, density=True, color=figures.PALETTE[1], label="z")
    panel.hist(
        z_mean[:, one],
        bins,
        density=True,
        histtype="step",
        color=figures.PALETTE[0],
        label="z_mean",
    )
    panel.plot(bins, norm.pdf(bins), "--", color=figures.PALETTE[4], label="N(0, 1)")
    panel.set(ylim=(0, 0.8), yticks=[])
    panel.set_title(f"z[{one}]: {'active' if variance[one] > 0.01 else 'inactive'}", fontsize=10)
axes[0, 0].legend(fontsize=7)
figure

# %%
active = variance > 0.01
print("mean of z:              ", codes.mean(axis=0).round(2))
print("standard deviation of z:", codes.std(axis=0).round(2))
print(
    f"variance of z_mean: active {variance[active].round(2)}, inactive {variance[~active].round(5)}"
)

# %% [markdown]
# The codes `z` follow N(0, 1) in every dimension, active or not. So their histograms do not show a
# collapse. The means do: in an active dimension they are spread nearly as widely as `z`, in an
# inactive one they are all near 0 (their bar is higher than the panel), and `z` there is noise
# alone.
#
# At a price of 4 no dimension is active on these digits. The terms do not show that clearly: a
# small KL sounds good, and a reconstruction loss of 27 says nothing unless there is a better one
# beside it. Look at `active_units`, at the KL of each dimension, and at reconstructions of
# *different* images. (`active_units` counts dimensions that say very little as well: at β = ¼ all
# ten are active, and some of them say hardly anything.)
#
# ## 6. Cures, and what they cure
#
# A code, or a part of it, may be inactive for two reasons. The first is its price: at β = 4,
# saying nothing *is* the best solution. The second is an accident. Early in training the decoder
# does not use the code yet, so the code only costs. If the encoder gives up a dimension before the
# decoder has learned to use it, that dimension seldom becomes active again, though it would lower
# the loss. Five times the usual learning rate is enough to lose half of the code, at a β of 1:

# %%
fit("accident", learning_rate=0.01)  # the usual is 0.002
for name in ("accident", "β = 1"):
    print(f"{name:<9} loss {terms[name]['loss']:.2f}, KL {terms[name]['kl_loss']:.3f}")

# %% [markdown]
# There are three usual cures. *Warm-up* lets β rise from 0 over the first epochs, so that the code
# costs little while the decoder learns to use it. *Cycles* repeat that. *Free bits* leave the first
# nats of each dimension $j$ without cost. In the place of the KL one minimises
#
# $$\sum_j \max(\text{free\_bits},\; \text{kl}_j).$$
#
# (The unit is nats, in spite of the name. Here the maximum is taken for each image. Kingma and
# others take that of a mean over the batch, so a dimension may save its nats for the images that
# need them.) Warm-up is a weight that depends on the step, free bits are another term. Each takes a
# few lines on top of the package's `VAE`, which asks `objective` for the terms of each image and
# `term_weights` for their weights:

# %%
from keras import ops

from vae_keras import VAE


class WithWarmup(VAE):
    """The weight of the KL rises from 0 to 1 over the first `warmup_steps` steps."""

    warmup_steps = 3  # an epoch of 3 steps, as the package is told below

    def term_weights(self, step=None):
        done = step is None  # in evaluation the weight is the final one
        share = 1.0 if done else ops.minimum(1.0, ops.cast(step, "float32") / self.warmup_steps)
        return {"reconstruction_loss": 1.0, "kl_loss": share}


class WithFreeBits(VAE):
    """Each dimension may use `free` nats without cost. The KL itself is only reported."""

    free = 0.25
    terms = ("reconstruction_loss", "kl_loss", "free_bits_kl_loss")

    def objective(self, batch, training):
        z_mean, z_log_var = self.posterior(batch)
        kl = 0.5 * (ops.exp(z_log_var) + z_mean**2 - z_log_var - 1)  # [batch, latent_dim]
        paid = ops.maximum(self.free, kl)
        found = super().objective(batch, training)  # reconstruction_loss and kl_loss
        return {**found, "free_bits_kl_loss": ops.sum(paid, axis=1)}

    def term_weights(self, step=None):
        return {"reconstruction_loss": 1.0, "kl_loss": 0.0, "free_bits_kl_loss": 1.0}


# %% [markdown]
# Are they right? Train each of them for 4 steps beside the package's own, from the same seed and
# with the same batches. The noise is the same as well, since it depends on seed and step. Every
# weight must agree.

# %%
x_train, _ = digits.train.arrays()


def weights_after(model_class, **options):
    """All weights, end to end, after 4 steps."""
    model = model_class(digits.example_shape, latent_dim=10, seed=SEED, **options)
    model.set_weights(start)
    model.compile("adam", run_eagerly=True)  # for so few steps it does not pay to build a graph
    for step in range(4):
        model.train_on_batch(x_train[64 * step :][:64])
    return np.concatenate([np.ravel(weight) for weight in model.trainable_variables])


start = VAE(digits.example_shape, latent_dim=10, seed=SEED).get_weights()
twins = {
    "warm-up": (weights_after(WithWarmup), weights_after(VAE, beta_warmup=1, steps_per_epoch=3)),
    "free bits": (weights_after(WithFreeBits), weights_after(VAE, free_bits=0.25)),
}
apart = {name: np.abs(mine - theirs).max() for name, (mine, theirs) in twins.items()}
plain = weights_after(VAE)
moved = {name: np.abs(mine - plain).max() for name, (mine, _) in twins.items()}
for name in twins:
    print(
        f"{name:<10} yours and the package's: largest difference of a weight {apart[name]:.0e}; "
        f"to a VAE without it: {moved[name]:.0e}"
    )

# %% [markdown]
# They are the same up to rounding, and they are not the plain VAE. So we may use the package's
# options, which the training of a whole run knows.

# %%
half, eighth = EPOCHS // 2, max(1, EPOCHS // 8)
cures = {
    "warm-up": dict(learning_rate=0.01, beta_warmup=half),
    "β = 4, free bits": dict(beta=4.0, free_bits=0.25),
    "free bits": dict(learning_rate=0.01, free_bits=0.25),
    "β = 4, warm-up": dict(beta=4.0, beta_warmup=half),
    "β = 1, warm-up": dict(beta_warmup=half),
}
for name in [*cures][:CURES]:
    fit(name, **cures[name])

# %%
from vae_keras.training.fitting import build

cycles = TrainConfig(**common, beta_warmup=eighth, beta_cycles=4).resolved(digits)
shown = {name: models[name] for name in ("accident", "warm-up")}
# to train it: fit("cycles", learning_rate=0.01, beta_warmup=eighth, beta_cycles=4)
shown["cycles"] = build(cycles, digits)
steps = np.arange(21 * EPOCHS)  # 21 to an epoch
curves = {
    name: (steps / 21, model.term_weights(steps)["kl_loss"] * np.ones(len(steps)))
    for name, model in shown.items()
}
figures.lines(curves, "epoch", "weight of the kl_loss", "β during training")

# %% [markdown]
# > **Predict.** Which of the cures helps the model that lost its code by accident? And which would
# > help the one with β = 4?


# %%
by_accident = ("β = 1", "β = 1, warm-up", "accident", "warm-up", "free bits")
by_price = ("β = 4", "β = 4, warm-up", "β = 4, free bits")
compared = [name for name in (*by_accident, *by_price) if name in models]
for name in compared:
    rate, distortion = terms[name]["kl_loss"], terms[name]["reconstruction_loss"]
    use = code_figures(models[name], digits.test)
    nats = abs(mutual_information(models[name], digits.test))  # abs: a −0.00 is only noise
    print(
        f"{name:<16} {distortion:.2f} + {rate:.2f} = −ELBO {distortion + rate:.2f}, "
        f"{use['active_units']:>2} active, code tells {nats:.2f} nats"
    )

# %%
answers = {name: models[name](test_images) for name in compared}
figures.image_rows({"test digits": test_images, **answers}, "rebuilt")

# %% [markdown]
# Warm-up helps the first and not the second. It keeps the accident from happening: the code carries
# more than with the usual learning rate, and the bound is as good. At β = 4 it changes nothing. The
# price is the same in the end, so a code that was active early in training becomes inactive later.
#
# Free bits help in both cases, because they change what is minimised: a dimension saves nothing by
# saying less than its free nats. But look at what the code does with them. Nearly all ten
# dimensions use just about the quarter of a nat that is free, and the code *tells* less than it
# *uses*. A part of the rate makes the posteriors different from the prior, but not different from
# each other.
#
# The model of the first line needed no cure: β = 1 at the usual learning rate. With warm-up it ends
# with eight active units in place of four, and its code tells a third of a nat more, but the bound
# is the same. (Warm-up at five times the rate is 0.2 nats better. With one seed each, that may be
# chance.) So check β first, then the learning rate. Try a cure only after that.
#
# ## Exercises
#
# Fill in a cell and run it: it says whether the answer is right. The solutions are folded below.
#
# 1. Somebody takes the mean over the 784 pixels of MNIST and over a code of 20, and sets
#    `kl_weight = 0.00025` "because it worked". Which β is that?

# %%
from vae_keras.course import check


def answer_1():
    """Fill in: the effective beta."""
    ...


def right_1(beta):
    """Both losses are the same, up to a factor: here for two different pairs of terms."""
    theirs, mine = (
        np.array([r / 784 + 0.00025 * k / 20 for r, k in ((90.0, 20.0), (200.0, 1.0))]),
        np.array([r + beta * k for r, k in ((90.0, 20.0), (200.0, 1.0))]),
    )
    return np.ptp(theirs / mine) < 1e-8


check(1, answer_1(), right_1)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1():
    return 784 * 0.00025 / 20  # R/784 + 0.00025 K/20 = (R + 784 · 0.00025/20 · K)/784


print(f"effective β {answer_1():.4f}: almost a plain autoencoder, so its samples are poor")
assert check(1, answer_1(), right_1)

# %% [markdown]
# 2. Below its free nats a dimension has nothing to gain from saying less. Compute the KL of each
#    dimension of the free-bits model with β = 4, averaged over the test images, from the heads.
#    Does any dimension say much less than its free nats?


# %%
def answer_2(z_mean, z_log_var):
    """Fill in: the mean KL of each dimension, [10]."""
    ...


freed = models["β = 4, free bits"]
known = code_figures(freed, digits.test)["kl_per_dimension"]
check(2, answer_2(*posterior(freed, digits.test)), known)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(z_mean, z_log_var):
    return np.mean(0.5 * (np.exp(z_log_var) + z_mean**2 - z_log_var - 1), axis=0)


nats = answer_2(*posterior(freed, digits.test))
print(np.sort(nats).round(2))
assert check(2, nats, known)
assert nats.min() > 0.1
np.testing.assert_allclose(nats.sum(), terms["β = 4, free bits"]["kl_loss"], rtol=1e-3)

# %% [markdown]
# 3. Show without training that a decoder that ignores its code does best with a KL of 0, for any
#    positive β: give the derivatives of the `kl_loss` of one dimension with respect to `z_mean` and
#    `z_log_var`. Where are both 0?


# %%
import tensorflow as tf

from vae_keras.models.vae import kl_to_standard_normal


def answer_3(z_mean, z_log_var):
    """Fill in: the derivatives with respect to z_mean and z_log_var."""
    ...


mean, log_var = tf.Variable([[0.5], [-1.0]]), tf.Variable([[-1.0], [0.3]])
with tf.GradientTape() as tape:
    kl = kl_to_standard_normal(mean, log_var)
by_tensorflow = tape.gradient(kl, [mean, log_var])
check(3, answer_3(mean.numpy(), log_var.numpy()), by_tensorflow)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(z_mean, z_log_var):
    return z_mean, 0.5 * (np.exp(z_log_var) - 1)  # both 0 where z_mean = z_log_var = 0 alone


assert check(3, answer_3(mean.numpy(), log_var.numpy()), by_tensorflow)
assert np.max(np.abs(answer_3(0.0, 0.0))) == 0

# %% [markdown]
# ## Further reading
#
# - I. Higgins and others, [β-VAE](https://openreview.net/forum?id=Sy2fzU9gl): where the weight got
#   its name.
# - A. Alemi and others, [Fixing a broken ELBO](https://arxiv.org/abs/1711.00464): rate and
#   distortion.
# - M. Hoffman and M. Johnson,
#   [ELBO surgery](http://approximateinference.org/accepted/HoffmanJohnson2016.pdf): the aggregate
#   posterior, and the KL as mutual information and the rest.
# - S. Bowman and others, [Generating sentences from a continuous
#   space](https://arxiv.org/abs/1511.06349): warm-up; H. Fu and others, [Cyclical
#   annealing](https://arxiv.org/abs/1903.10145): cycles; D. Kingma and others, [Inverse
#   autoregressive flow](https://arxiv.org/abs/1606.04934): free bits.
#
# ## Checks

# %%
for term in ("reconstruction_loss", "kl_loss"):  # one objective, written in two ways
    one, other = (found[term] for found in pair.values())
    assert abs(one - other) < 0.02 * max(one, 1), (term, one, other)
rates = [row["rate"] for row in rows]
assert rates == sorted(rates, reverse=True), "a dearer nat must not be used more"
assert by_beta[4.0]["rate"] < 0.1 and by_beta[4.0]["active_units"] == 0, "β = 4 is collapse"
assert largest["KL alone"] < (0.1 if EPOCHS >= 40 else 0.3) < 1 < largest["β = 1"]
assert told["KL alone"] < 0.1 < told["β = 1"]
for row in rows:  # mean and covariance alone give a lower bound
    assert row["marginal_kl"] > row["aggregate_posterior_kl"] - 3 * row["kl_parts_error"]
    assert abs(row["mutual_information"] + row["marginal_kl"] - row["rate"]) < 0.01 * max(
        1, row["rate"]
    )
one = by_beta[1.0]
assert EPOCHS < 40 or one["marginal_kl"] > one["aggregate_posterior_kl"] + one["kl_parts_error"]
assert abs(direct - one["marginal_kl"]) < 4 * (direct_error + one["kl_parts_error"])
assert active.any() and np.abs(codes.std(axis=0) - 1).max() < 0.3  # near N(0, 1), each dimension
assert max(apart.values()) < 1e-4 and min(moved["warm-up"], moved["free bits"]) > 1e-3
assert abs(inside**2 + z_mean[:, most].var() - 1) < 0.3  # together the prior
usual, accident, warm = (terms[name]["kl_loss"] for name in ("β = 1", "accident", "warm-up"))
assert EPOCHS < 40 or accident < 0.7 * usual, "the accident did not happen"
assert EPOCHS < 40 or warm > 1.5 * accident, "warm-up keeps it from happening"
assert CURES < 5 or terms["β = 4, warm-up"]["kl_loss"] < 0.3, "warm-up does not change the price"
assert min(terms[name]["kl_loss"] for name in terms if "free bits" in name) > 1.0
assert np.ptp(np.asarray(collapsed(test_images)), axis=0).max() < 0.05  # one answer to everything

# %% [markdown] tags=["navigation"]
# ---
# Previous: [7. Convolutions, and how many dimensions](07_convolutions_and_dimensions.ipynb) ·
# Next: [9. How good is it?](09_how_good_is_it.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
