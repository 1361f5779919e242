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
# # β, and codes that fall silent
#
# The loss of a VAE is a sum of two terms that want opposite things. The reconstruction wants a code
# that says everything; the KL wants one that says nothing. Put a weight between them and you have
# a β-VAE, and a knob that everybody turns and few can read. Turn it far enough and the code falls
# silent altogether: the KL is a perfect 0, the loss looks respectable, and every picture is rebuilt
# as the same grey smudge. This chapter learns to read the knob, breaks a model with it, and repairs
# it.
#
# You will
#
# 1. find the weight that a model really has, wherever β was put and whatever was averaged,
# 2. draw the curve of what one gets for a nat of code,
# 3. make a code collapse on purpose, and see in which figures it shows and in which it does not,
# 4. try two cures, and learn which of them cures what.
#
# It takes two to three minutes, needs no download, and builds on the chapter about the VAE.

# %% [markdown] tags=["navigation"]
# **Builds on** [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# **To read** about 30 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [7. Convolutions, and how many dimensions](07_convolutions_and_dimensions.ipynb) ·
# Next: [9. How good is it?](09_how_good_is_it.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 40  # fast: 6
BETAS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)  # fast: (0.25, 1.0, 4.0)

# %% [markdown]
# ## 1. One weight, in two places
#
# Per picture, with $\beta$ on the KL term,
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
# There is a second way to have a weight without knowing it. The terms are *sums*: of all pixels,
# and of all dimensions of the code. Take the mean of the pixels instead, as a careless
# `reduction="mean"` does, and the reconstruction is divided by their number:

# %%
digits = load(TrainConfig(dataset="digits"))
height, width, channels = digits.example_shape
print(f"8×8 digits, mean of the pixels: effective beta {height * width * channels}")
print(f"28×28 digits, mean of the pixels: effective beta {28 * 28}")
print(f"28×28 digits, mean of the pixels and of 20 dimensions: effective beta {28 * 28 / 20:g}")

# %% [markdown]
# We shall see below what a β of 4 does to these digits. Nobody who averages over pixels means 64:
# chapter 6 has shown what that does.
#
# > **Predict.** Train one model with β = ¼ on the KL, and one with β = 4 on the reconstruction,
# > from the same seed. By how much do their terms differ? And will Adam mind that one loss is four
# > times the other?

# %%
from vae_keras.training.fitting import trained

common = dict(latent_dim=10, epochs=EPOCHS, seed=SEED)
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
# If you said "hardly at all", and "no", you are right. Their losses are four times apart, and mean
# nothing beside each other; their terms agree but for rounding. Even the factor 4 in the gradient
# is gone, as Adam divides every step by the size of the gradient. This is why the package logs the
# two terms unweighted.
#
# ## 2. What a nat of code buys
#
# Now let β vary. The test KL is the *rate*: how many nats the code says about a picture. The test
# reconstruction loss is the *distortion*: what is still wrong with the picture, in nats as well.

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
# The curve falls: a nat of rate buys distortion, the first ones a lot and the later ones less and
# less. Training with weight β walks along it until the next nat would buy less than β nats of
# distortion. So **β is a price, and the slope of the curve at its point is −β**. Check that on two
# neighbours:

# %%
by_beta = {row["beta"]: row for row in rows}
low, high = by_beta[0.25], by_beta[1.0]
slope = (low["distortion"] - high["distortion"]) / (low["rate"] - high["rate"])
print(f"between β = 0.25 and β = 1 a nat of rate buys {-slope:.2f} nats of distortion")

# %% [markdown]
# It lies between the two prices, as it should.
#
# The dashed line joins all points of the best −ELBO, rate plus distortion. It touches the curve at
# β = 1, for that is what β = 1 minimises, up to what training and a test set of a few hundred leave
# to chance. (`python -m vae_keras sweep` draws this curve for any data set.)
#
# ## 3. What it does to pictures
#
# Test digits, and what the models make of them, without noise:

# %%
test_images = digits.test.take(slice(12)).arrays()[0]
rebuilt = {name: models[name](test_images) for name in named.values()}
figures.image_rows({"test digits": test_images, **rebuilt}, "rebuilt")

# %% [markdown]
# The larger β, the more each digit looks like an average of its kind, and at the end like the
# average of all kinds.
#
# > **Predict.** Reconstructions are best at the smallest β. Are the *samples*, the decoder's
# > pictures of points of the prior?

# %%
drawn = {name: models[name].generate(12, (SEED, 1)) for name in named.values()}
figures.image_rows(drawn, "drawn")

# %% [markdown]
# If you said yes, look again at the first row: there are stains that are no digit. A sample is good
# if the decoder has been trained near the point that is drawn, and that needs something that
# neither term says alone: that the posteriors *of all pictures together*, the *aggregate
# posterior*
#
# $$q(z) = \frac{1}{N} \sum_{n} q(z|x_n),$$
#
# resemble the prior. The package measures that with the KL between Gaussians of the same mean and
# covariance:

# %%
for row in rows:
    distance = row["aggregate_posterior_kl"]
    print(f"β = {row['beta']:<4g} aggregate posterior to prior {distance:.3f} nats")

# %% [markdown]
# The first row of samples is explained: at β = 0.1 the crowd and the prior are apart. But the last
# row is a perfect match, and draws one smudge: a code that says nothing is never out of place. One
# needs both, the match and something to say.
#
# Move β and watch three things at once: how much each dimension of the code says, what is rebuilt,
# and what is drawn. Which comes apart first on the way down, and which on the way up?

# %%
from vae_keras.figures.sliders import Sliders


def both(beta):
    name, kl = named[beta], sorted(by_beta[beta]["kl_per_dimension"], reverse=True)
    shown = {"test digits": test_images, "rebuilt": rebuilt[name], "drawn": drawn[name]}
    nats = " ".join(f"{value:.1f}" for value in kl[:6])
    return figures.image_rows(shown, f"{name}: 10 dimensions of {nats} … nats")


Sliders(both, beta=BETAS)

# %% [markdown]
# On the way down it is the samples that come apart; on the way up, what is rebuilt and what is
# drawn fade together, as one dimension after another falls silent.
#
# ## 4. The wrong goal
#
# One often reads that the KL term *wants* `z_mean` and `z_log_var` close to 0 for every picture,
# and that this is the goal of training. The first half is true. The second half is a disaster.
# Chapter 4 has watched it in the plane; here it is once more, with a number for what the code still
# tells. This model minimises the KL alone.

# %%
from vae_keras.studies.terms import KLOnlyVAE

fit("KL alone", KLOnlyVAE)
silent = models["KL alone"]
figures.image_rows({"test digits": test_images, "KL alone": silent(test_images)}, "rebuilt")

# %% [markdown]
# The *mutual information* is how much a code tells of which picture it is of, in nats. It is never
# more than the KL.

# %%
import numpy as np

from vae_keras.evaluation.code_use import mutual_information
from vae_keras.latent.codes import posterior

largest, told = {}, {}
for name in ("KL alone", "β = 1"):
    z_mean, z_log_var = posterior(models[name], digits.test)
    largest[name] = np.abs(z_mean).max()
    told[name] = mutual_information(models[name], digits.test)
    print(
        f"{name:<8} KL {terms[name]['kl_loss']:.3f} nats, largest |z_mean| {largest[name]:.2f}, "
        f"code tells {told[name]:.2f} nats about the picture"
    )

# %% [markdown]
# With both heads at 0 for every input, the posterior *is* the prior, the decoder is handed pure
# noise, and the code says nothing. That is *posterior collapse*: not the goal, but its opposite.
#
# What a good model has instead is posteriors that differ from picture to picture and are each much
# narrower than the prior, and that **together** fill it. Here is the dimension that the model with
# β = 1 uses most: fifty test digits, their average over the whole test set, and the prior.

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
axes.set(xlabel=f"z[{most}]", ylabel="density", title="each one narrow, together the prior")
axes.legend()
figure

# %%
inside = np.sqrt(np.exp(z_log_var[:, most]).mean())
print(f"one posterior: standard deviation {inside:.2f}; the means: {z_mean[:, most].std():.2f}")
print(f"z_log_var of that dimension: {z_log_var[:, most].mean():.2f} on average, not 0")

# %% [markdown]
# The two widths add up, as squares, to about that of the prior. That is the sense in which the code
# is "close to N(0, I)": the crowd is, and no single picture.
#
# ## 5. Dimension by dimension
#
# Collapse is not all or nothing. The KL is a sum over dimensions, and each of them pays for itself
# or leaves:

# %%
figure, axes = figures.panels(width=6.4, height=3.6)
for beta, marker in zip(BETAS, "os^Dv*"):
    nats = np.sort(by_beta[beta]["kl_per_dimension"])[::-1]
    axes.plot(np.arange(1, 11), nats, marker=marker, label=f"β = {beta:g}")
axes.set(xlabel="dimension, sorted", ylabel="kl_loss (nats per picture)", title="who still talks")
axes.set_xticks(range(1, 11))
axes.legend()
figure

# %% [markdown]
# Either a dimension says something worth its price, or next to nothing. At a price of 4
# nothing is worth it on these digits. In the terms alone that is easy to miss: the KL is small,
# which sounds good, and a reconstruction loss of 27 says nothing unless there is a better one
# beside it. What to look at is `active_units`, the KL of each dimension, and reconstructions of
# *different* pictures. (`active_units` counts whispers too: at β = ¼ all ten are active, and four
# of them hardly speak.)
#
# ## 6. Cures, and what they cure
#
# A code, or a part of it, may be silent for two reasons. The first is its price: at β = 4, saying
# nothing *is* the best solution. The second is an accident. Early in training the decoder does not
# use the code yet, so it is pure cost; a dimension that the encoder gives up before the decoder has
# learned to listen seldom comes back, though talking would pay. Five times the usual learning rate
# is enough to lose half of the code, at an honest β of 1:

# %%
fit("accident", learning_rate=0.01)  # the usual is 0.002
for name in ("accident", "β = 1"):
    print(f"{name:<9} loss {terms[name]['loss']:.2f}, KL {terms[name]['kl_loss']:.3f}")

# %% [markdown]
# There are three usual cures. *Warm-up* lets β rise from 0 over the first epochs, so that the code
# is cheap while the decoder learns to use it. *Cycles* repeat that (they are drawn below, but not
# trained: try them). *Free bits* leave the first nats of each dimension $j$ unpaid: in the place of
# the KL one minimises
#
# $$\sum_j \max(\text{free\_bits},\; \text{kl}_j).$$
#
# (In nats, in spite of the name.)

# %%
half, eighth = EPOCHS // 2, max(1, EPOCHS // 8)
fit("warm-up", learning_rate=0.01, beta_warmup=half)
fit("free bits", learning_rate=0.01, free_bits=0.25)

# %%
from vae_keras.training.fitting import build

cycles = TrainConfig(**common, beta_warmup=eighth, beta_cycles=4).resolved(digits)
shown = {name: models[name] for name in ("accident", "warm-up")}
shown["cycles"] = build(cycles, digits)  # not trained
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
fit("β = 4, warm-up", beta=4.0, beta_warmup=half)
fit("β = 4, free bits", beta=4.0, free_bits=0.25)
by_accident = ("β = 1", "accident", "warm-up", "free bits")
by_price = ("β = 4", "β = 4, warm-up", "β = 4, free bits")
for name in (*by_accident, *by_price):
    rate, distortion = terms[name]["kl_loss"], terms[name]["reconstruction_loss"]
    use = code_figures(models[name], digits.test)
    nats = abs(mutual_information(models[name], digits.test))  # abs: a −0.00 is only noise
    print(
        f"{name:<16} {distortion:.2f} + {rate:.2f} = −ELBO {distortion + rate:.2f}, "
        f"{use['active_units']:>2} active, code tells {nats:.2f} nats"
    )

# %%
answers = {name: models[name](test_images) for name in (*by_accident, *by_price)}
figures.image_rows({"test digits": test_images, **answers}, "rebuilt")

# %% [markdown]
# If you said that warm-up helps the first and not the second, that is what the numbers say. It
# keeps the accident from happening: the code carries as much as at the usual rate, or more, and the
# bound is as good. At β = 4 it changes nothing: the price is the same in the end, and the model
# that could talk in its youth stops.
#
# Free bits help in both cases, because they change what is minimised: nobody saves by being silent.
# But look at what the code does with the allowance. Nearly all ten dimensions use just about the
# quarter of a nat that is free, and the code *tells* less than it *uses*: part of the rate is spent
# on being different from the prior and not on being different from each other.
#
# And the model of the first line had no accident and needed no cure: β = 1 at the usual learning
# rate. So the order of questions is: is the price right? Is the learning rate? Only then, which
# cure?
#
# %% [markdown]
# ## Exercises
#
# 1. A colleague takes `mean` over the 784 pixels of MNIST and over a code of 20, and sets
#    `kl_weight = 0.00025` "because it worked". Which β is that?
# 2. Free bits set a floor. Show that no dimension of the free-bits model with β = 4 says much less
#    than its free nats, and that their sum is the rate.
# 3. Show without training that a decoder that ignores its code does best with a KL of 0, whatever
#    β > 0 is: the gradient of `kl_loss` vanishes at the prior and nowhere else.

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
# loss = R / 784 + 0.00025 · K / 20 = (R + 784 · 0.00025 / 20 · K) / 784
beta = 784 * 0.00025 / 20
print(f"effective β {beta:.4f}")
assert abs(beta - 0.0098) < 1e-6  # almost a plain autoencoder: no wonder its samples are poor

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
freed = models["β = 4, free bits"]
nats = np.array(code_figures(freed, digits.test)["kl_per_dimension"])
print(np.sort(nats).round(2))
assert nats.min() > 0.1
np.testing.assert_allclose(nats.sum(), terms["β = 4, free bits"]["kl_loss"], rtol=1e-3)

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
import tensorflow as tf

from vae_keras.models.vae import kl_to_standard_normal

mean, log_var = tf.Variable([[0.0, 0.5]]), tf.Variable([[0.0, -1.0]])
with tf.GradientTape() as tape:
    kl = kl_to_standard_normal(mean, log_var)
slopes = tape.gradient(kl, [mean, log_var])  # z_mean and ½ (exp(z_log_var) − 1)
np.testing.assert_allclose(slopes[0], [[0.0, 0.5]])
np.testing.assert_allclose(slopes[1], [[0.0, 0.5 * (np.exp(-1) - 1)]], rtol=1e-5)

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
assert largest["KL alone"] < 0.1 < 1 < largest["β = 1"]
assert told["KL alone"] < 0.1 < told["β = 1"]
assert abs(inside**2 + z_mean[:, most].var() - 1) < 0.3  # together the prior
usual, accident, warm = (terms[name]["kl_loss"] for name in ("β = 1", "accident", "warm-up"))
assert accident < 0.7 * usual, "the accident did not happen"
assert warm > 1.5 * accident, "warm-up keeps it from happening"
assert terms["β = 4, warm-up"]["kl_loss"] < 0.3, "warm-up does not change the price"
assert min(terms["free bits"]["kl_loss"], terms["β = 4, free bits"]["kl_loss"]) > 1.0
assert np.ptp(np.asarray(silent(test_images)), axis=0).max() < 0.05  # one answer to everything

# %% [markdown] tags=["navigation"]
# ---
# Previous: [7. Convolutions, and how many dimensions](07_convolutions_and_dimensions.ipynb) ·
# Next: [9. How good is it?](09_how_good_is_it.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
