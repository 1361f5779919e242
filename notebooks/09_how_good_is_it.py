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
# # How good is it?
#
# A VAE comes with a number, and the number is easily misread. It is a bound on what we want to
# know, and it does not say how loose the bound is. It depends on how grey pixels were made black or
# white, which is often not mentioned. It has an error bar, which is seldom drawn. This chapter
# takes a model that is so small that its true likelihood can be computed, compares all the usual
# estimates with it, and then reads the tables of papers.
#
# You will
#
# 1. compute log p(x) exactly, by a sum over a grid of codes,
# 2. see which estimates approach it, from which side, and what a small error bar may hide,
# 3. find out what a figure on grey pixels says of black and white ones, and what it does not say,
# 4. put an error bar on a number, and a smaller one on a difference,
# 5. set the models that ship with the package beside published ones.

# %% [markdown] tags=["navigation"]
# **Builds on** [8. β, and codes that say nothing](08_beta_and_collapse.ipynb) ·
# **To read** about 45 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [8. β, and codes that say nothing](08_beta_and_collapse.ipynb) ·
# Next: [10. Conditions](10_conditions.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 40  # fast: 8
UNITS = "512-256-128"  # fast: "64"
MESH = 201  # fast: 101
IMAGES = 60  # fast: 20
NAIVE_SAMPLES = 10_000  # fast: 1_000
REDRAWN = 20  # fast: 3

# %% [markdown]
# ## 1. A model small enough to know the truth
#
# What we want to know is how probable a new image is under the model,
#
# $$\log p(x) = \log \int p(x|z)\, p(z)\, dz ,$$
#
# in nats, for images that it has not seen. This is a probability only if the pixels are what the
# decoder's Bernoulli distribution is about: 0 or 1. So we draw each pixel, white with its grey
# value as the probability, and draw it again at every step of training (`binarize="dynamic"`).
# Section 5 says more about that.

# %%
import numpy as np

from vae_keras import TrainConfig, evaluate, figures, load
from vae_keras.training.fitting import trained

grey = load(TrainConfig(dataset="digits"))
dynamic = load(TrainConfig(dataset="digits", binarize="dynamic"))
common = dict(units=UNITS, epochs=EPOCHS, seed=SEED)
plane = trained(TrainConfig(latent_dim=2, **common), dynamic)
figures.image_rows(
    {
        name: one.test.take(slice(12)).arrays()[0]
        for name, one in (("grey", grey), ("drawn", dynamic))
    }
)

# %% [markdown]
# The codes of this model are points of a plane, and an integral over a plane is a sum over small
# squares. We decode 201 × 201 points, and for each image add up $p(x|z)\, p(z)$ times the area of a
# square. This is not an estimate. It is the likelihood itself, and the smaller the squares are, the
# more exact it is.

# %%
from scipy.special import logsumexp

axis = np.linspace(-5, 5, MESH)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)
logits = np.concatenate([plane.parameters(part) for part in np.array_split(grid, 20)])
logits = logits.reshape(len(grid), -1)
log_prior = -0.5 * np.sum(grid**2, axis=1) - np.log(2 * np.pi)


def log_joint(x):
    """log p(x|z) + log p(z) at every point of the plane: [n, MESH²]."""
    # a Bernoulli pixel with logit l: log p(x) = x·l − log(1 + eˡ)
    log_px = x.reshape(len(x), -1) @ logits.T - np.logaddexp(0, logits).sum(axis=1)
    return log_px + log_prior


images = dynamic.test.arrays()[0]
joint = log_joint(images)
area = (axis[1] - axis[0]) ** 2
exact = -(logsumexp(joint, axis=1) + np.log(area))
print(f"−log p(x) of {len(exact)} test images: {exact.mean():.3f} nats on average")

# %% [markdown]
# ## 2. Bounds and estimates
#
# No grid is fine enough in forty dimensions, so there one estimates. There are three usual ways:
#
# - the **negative ELBO**, `reconstruction_loss` + `kl_loss`, which lies above $-\log p(x)$ by
#   $D_\mathrm{KL}[q(z|x) \| p(z|x)]$;
# - **importance weighting**: $K$ draws $z_k$ of $q(z|x)$. Each has a weight. It is large where
#   $q(z|x)$ draws a code more rarely than it should, and small where it draws it too often:
#   $$-\log \frac{1}{K} \sum_k \frac{p(x|z_k)\, p(z_k)}{q(z_k|x)}.$$
#   On average this is an upper bound as well, and it falls towards the truth as $K$ grows. Below it
#   is called *NLL*, negative log-likelihood. (The mean of a weight over $q$ is
#   $\int p(x|z)\, p(z)\, dz = p(x)$, because $q$ cancels. The logarithm of an average is too small
#   on average, so its negative is too large);
# - **naive Monte Carlo**: draw $z_k$ of the prior and average $p(x|z_k)$. No encoder is needed.
#
# (The table has one more column, half of the draws from each. Section 3 is about it. A dash means
# that it was not tried.)
#
# > **Predict.** The prior is a plane with all digits in it. How many draws does naive Monte Carlo
# > need to come within a tenth of a nat of the truth: 10, 100, 1,000 or 10,000?

# %%
from vae_keras.evaluation.likelihood import convergence, likelihood_figures

few, truth = dynamic.test.take(slice(IMAGES)), exact[:IMAGES].mean()
bound = likelihood_figures(plane, few, samples=1_000)["negative_elbo"]
rows = convergence(plane, few, samples=1_000, naive_samples=NAIVE_SAMPLES)
print(f"{'samples':>8} {'q(z|x)':>9} {'prior':>9} {'half of each':>13}")
for row in rows:
    names = ("importance_weighted", "naive", "defensive")
    cells = (f"{row[name]:.3f}" if name in row else "–" for name in names)
    print("{:>8,} {:>9} {:>9} {:>13}".format(row["samples"], *cells))
print(f"exact {truth:.3f}, negative ELBO {bound.mean():.3f}, of {IMAGES} images")


# %%
def drawn_estimates(rows, title, low, high):
    """The three estimates by their number of samples, between two values."""
    curves = {
        label: tuple(zip(*[(row["samples"], row[name]) for row in rows if name in row]))
        for name, label in figures.ESTIMATES.items()
    }
    scale = dict(xscale="log", ylim=(low, high))
    return figures.lines(curves, "samples for each image", "−log p(x) (nats)", title, **scale)


figure = drawn_estimates(rows, "three estimates, and the truth", truth - 0.1, truth + 1)
figure.axes[0].axhline(truth, color="black", linewidth=1, label="exact")
figure.axes[0].axhline(bound.mean(), color="grey", linestyle=":", label="negative ELBO")
figure.axes[0].legend()
figure

# %% [markdown]
# The answer is 1,000: with a hundred draws of the prior the error is still more than a tenth of a
# nat. Ten draws of $q(z|x)$ are enough for that. The negative ELBO does not improve with more
# draws: it stays a fifth of a nat too high. (The figure is cut off above: a single draw of the
# prior is wrong by ten nats. An estimate may also fall a little below the truth, as the last ones
# do here. It is a bound on average, not each time.) And this is an easy case, because the code
# carries only about three nats.
#
# Here is why the prior does so badly. The posterior of an image is a small part of the prior, and
# the KL says in nats how small. Roughly, of $e^{\text{KL}}$ draws of the prior one lies in that
# part, and the others contribute almost nothing. For the models that ship with the package:

# %%
import json
from pathlib import Path

PRETRAINED = Path("../saved_models/pretrained")
names = ("digits_vae", "mnist_vae_2d", "mnist_vae_20d", "mnist_grid")
stored = {name: json.loads((PRETRAINED / name / "evaluation.json").read_text()) for name in names}
for name, row in stored.items():
    print(
        f"{name:<18} {row['latent_dim']:>2}-D, KL {row['kl_loss']:5.2f} nats: "
        f"one draw in {np.exp(row['kl_loss']):,.0f} lies there"
    )

# %% [markdown]
# A good estimate needs many draws there, and hard images have a larger KL than the mean. So it took
# a thousand above, where this rule says 21. The encoder was invented *for* this: it proposes where
# to look.
#
# But why must a draw come so near? Because a likelihood is added up pixel by pixel. With a Gaussian
# decoder it is a squared error, and a squared error does not know which changes matter to us. Take
# a digit of `mnist_vae_20d`, and two bad copies of it: one has a hole in a stroke, the other is
# moved to the right by a single pixel.
#
# > **Predict.** Which copy has the larger squared error?

# %%
from vae_keras import load_exported

drawings = load_exported(PRETRAINED / "mnist_vae_20d").generate(100, seed=SEED)


def with_hole(digits):
    """The digits without the ink of a square of 3×3 pixels in the middle."""
    copies = np.array(digits)
    copies[:, 13:16, 13:16] = 0
    return copies


copies = {"with a hole": with_hole(drawings), "moved by one pixel": np.roll(drawings, 1, axis=2)}
squared_errors = {
    name: np.sum((copy - drawings) ** 2, axis=(1, 2, 3)) for name, copy in copies.items()
}
SHOWN = 2
figure, axes = figures.panels(1, 3, width=2.3, height=2.6)
titles = ["a digit", *(f"{name}: {e[SHOWN]:.1f}" for name, e in squared_errors.items())]
for one, image, title in zip(axes, (drawings, *copies.values()), titles):
    one.imshow(image[SHOWN], cmap="gray", vmin=0, vmax=1)
    one.set_title(title, size="medium")
    one.set(xticks=[], yticks=[])
    one.grid(False)
figure.suptitle("squared error of two copies")
figure

# %%
for name, values in squared_errors.items():
    print(f"{name:<18} squared error {values.mean():5.1f}, mean of {len(drawings)} digits")
decoder_sigma = 0.2
for name, values in squared_errors.items():
    nats = values.mean() / (2 * decoder_sigma**2)
    print(f"{name:<18} {nats:5.0f} nats with a Gaussian decoder of σ = {decoder_sigma:g}")

# %% [markdown]
# To us the moved digit is the same digit, and the one with a hole is damaged. The squared error
# says the opposite. If σ is small enough to refuse the hole, then it refuses the move as well. So a
# draw of the prior is useful only if it shows the digit at almost the same place, with almost the
# same strokes, and such draws are rare.
#
# ## 3. What the encoder does not propose
#
# The encoder proposes where to look. Does it propose all places? The true posterior
# $p(z|x) = p(x|z)\, p(z) / p(x)$ is known on our plane, so we can compute how much of it lies
# further than three standard deviations from the middle of $q(z|x)$, where there will hardly be any
# draw. If the posterior were the round cloud $q(z|x)$, that would be one part in a hundred.

# %%
from vae_keras.latent.codes import posterior

z_means, z_log_vars = posterior(plane, dynamic.test)


def left_out(row):
    """The share of p(z|x) beyond three standard deviations of q(z|x)."""
    squared = np.sum((grid - z_means[row]) ** 2 / np.exp(z_log_vars[row]), axis=1)
    # p(z|x) = p(x, z) / p(x), and exact is −log p(x)
    return np.exp(joint[row] + exact[row])[squared > 9].sum() * area


missing = np.array([left_out(row) for row in range(len(images))])
worst = int(np.argmax(missing))
found = likelihood_figures(plane, dynamic.test.take([worst]), samples=1_000)
print(f"left out: median {np.median(missing):.1%}, of the worst image {missing[worst]:.0%}")
print(
    f"its −log p(x): estimated {found['nll'][0]:.2f} ± {found['nll_error'][0]:.2f} from 1,000 draws"
)
print(f"               exact     {exact[worst]:.2f}")
z_mean, sigma = z_means[worst], np.exp(0.5 * z_log_vars[worst])
density = np.exp(joint[worst] + exact[worst]).reshape(MESH, MESH)


# %% tags=["cover"]
def drawn_posterior(points=None, title="true posterior, and q(z|x)"):
    """p(z|x) of the worst image on the plane, two standard deviations of q, and draws."""
    figure, (left, axes) = figures.panels(1, 2, width=3.8, height=3.7)
    left.imshow(images[worst], cmap="gray", vmin=0, vmax=1)
    left.set(title="the image", xticks=[], yticks=[])
    axes.contourf(axis, axis, density, levels=12, cmap="Blues")
    angle = np.linspace(0, 2 * np.pi, 100)
    ellipse = z_mean + 2 * sigma * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    axes.plot(*ellipse.T, "--", color=figures.PALETTE[4], label="q(z|x), 2σ")
    if points is not None:
        axes.plot(*points.T, "o", color=figures.PALETTE[2], markersize=2, label="draws")
    axes.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), xlabel="z₁", ylabel="z₂", title=title)
    axes.legend(loc="lower left")
    return figure


drawn_posterior()

# %% [markdown]
# This digit is so ragged that it could be either of two, and $p(z|x)$ has two hills. $q(z|x)$ has
# only one, and the encoder must place it at once, for an image that it has never seen. It lies
# between the two hills. Nearly all of its draws have almost no weight, and the few at its rim
# carry the whole sum. That the estimate is so near to the truth is luck (exercise 1 has another
# thousand draws, which are half a nat off). Here at least the error bar warns us: it is most of a
# nat wide.
#
# There is a remedy, called *defensive* importance sampling. Let half of the draws come from the
# prior, which leaves out nothing, and divide by the density of the mixture. Choose below which
# distribution proposes, and how often. Watch where the draws fall, and the estimate in the title.
# Which thousand draws come nearest to the truth?

# %%
from vae_keras.figures.sliders import Sliders

generator = np.random.default_rng(SEED)
noise, coin = generator.standard_normal((1_000, 2)), generator.random((1_000, 1)) < 0.5


def log_normal(z, mean, scale):
    return np.sum(
        -0.5 * ((z - mean) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi), axis=1
    )


def log_px_of(z):
    """log p(x|z) of the worst image at codes [n, 2]: [n]."""
    x = np.repeat(images[worst : worst + 1], len(z), axis=0)
    return plane.reconstruction.log_prob(x, plane.parameters(z.astype(np.float32))).numpy()


narrow, wide = z_mean + sigma * noise, noise
proposals = {"q(z|x)": narrow, "prior": wide, "both": np.where(coin, wide, narrow)}
log_px = {name: log_px_of(z) for name, z in proposals.items()}


def estimated(samples, proposal):
    """Draws of a proposal, and the estimate of −log p(x) from them."""
    z = proposals[proposal][:samples]
    log_q, log_p = log_normal(z, z_mean, sigma), log_normal(z, 0.0, np.ones(2))
    both = np.logaddexp(log_q, log_p) - np.log(2)
    used = {"q(z|x)": log_q, "prior": log_p, "both": both}[proposal]
    return z, np.log(samples) - logsumexp(log_px[proposal][:samples] + log_p - used)


def drawn_estimate(samples, proposal):
    points, value = estimated(samples, proposal)
    return drawn_posterior(points, f"estimated {value:.2f}, true {exact[worst]:.2f} nats")


Sliders(drawn_estimate, samples=(1, 10, 100, 1_000), proposal=("q(z|x)", "both", "prior"))

# %%
for proposal in ("q(z|x)", "both", "prior"):
    print(f"1,000 draws, {proposal:<6}: {estimated(1_000, proposal)[1]:.2f}")
print(f"exact              : {exact[worst]:.2f}")

# %% [markdown]
# On MNIST the effect is larger, and harder to see. The evaluation that is stored with
# `mnist_vae_2d` went on to a million draws for each of 20 test images:

# %%
two = stored["mnist_vae_2d"]
drawn_estimates(two["convergence"], "mnist_vae_2d, 20 test images", 132, 138)

# %%
last = two["convergence"][-1]
alone = next(row for row in two["convergence"] if row["samples"] == two["samples"])
thousand = next(row for row in two["convergence"] if row["samples"] == 1_000)
shown = (("importance_weighted", alone), ("naive", last), ("defensive", last))
for name, row in (*shown, ("defensive", thousand)):
    print(
        f"{figures.ESTIMATES[name]:<19} {row['samples']:>9,} samples: "
        f"{row[name]:.2f} ± {row[f'{name}_error']:.3f}"
    )

# %% [markdown]
# Draws of $q(z|x)$ alone stay more than a nat too high, and this time their error bar does not say
# so. (A thousand draws of both are already better than five thousand of $q(z|x)$.) An error bar is
# computed from the draws. Where $q(z|x)$ covers one hill well, its draws agree with each other, and
# none of them has been on the other hill. The two other estimates leave nothing out, and they
# agree. Two ways that agree are worth more than one way with a small error.
#
# In forty dimensions draws of the prior find nothing, so neither naive nor defensive draws help.
# There is one more way to check: *annealed importance sampling* (Wu and others, in the list at the
# end). It starts with draws of the prior and moves them, in thousands of small steps, to where the
# posterior is. It costs thousands of passes of the decoder for each image, so most published
# figures rest on $q(z|x)$ alone. They remain bounds: the truth may be better, but not worse.
#
# ## 4. Grey is not a likelihood
#
# Most tutorials, and our own default, put grey values into the cross-entropy
#
# $$-\sum_i \big[x_i \log p_i + (1 - x_i) \log (1 - p_i)\big].$$
#
# As a loss that is fine. As $-\log p(x)$ of a grey image it is not, for two reasons, and both have
# a number. First, even a perfect reconstruction, $p_i = x_i$, does not cost 0:

# %%
from vae_keras.studies.losses import bernoulli_entropy

grey_model = trained(TrainConfig(latent_dim=2, **common), grey)
grey_found = evaluate(grey_model, grey)
x_grey = grey.test.arrays()[0]
floor = bernoulli_entropy(x_grey) / len(x_grey)
print(f"test reconstruction loss {grey_found['reconstruction_loss']:.2f} nats, of which")
print(f"{floor:.2f} would be left if every pixel were rebuilt exactly")

# %% [markdown]
# Most of the number is a property of the data, and no model can do anything about it. Second, it is
# not normalised: a density over grey values would have to integrate to 1, and $p^x (1-p)^{1-x}$
# does not.

# %%
value = np.linspace(0, 1, 2_001)
figure = figures.lines(
    {
        f"p = {p:g}, area {np.trapezoid(p**value * (1 - p) ** (1 - value), value):.2f}": (
            value,
            p**value * (1 - p) ** (1 - value),
        )
        for p in (0.02, 0.2, 0.5, 0.9)
    },
    "grey value x of a pixel",
    "pˣ (1 − p)¹⁻ˣ",
    "not a density",
    ylim=(0, 1.05),
)
figure

# %% [markdown]
# The *continuous Bernoulli* divides by that area. This is the difference for a whole image:

# %%
from vae_keras.objectives.likelihoods import likelihood_named

parameters = grey_model.parameters(grey_model.encode(x_grey))
sums = {
    name: float(np.mean(likelihood_named(name).loss(x_grey, parameters)))
    for name in ("bernoulli", "continuous_bernoulli")
}
normaliser = sums["bernoulli"] - sums["continuous_bernoulli"]
for name, loss in sums.items():
    print(f"{name:<21} {loss:7.2f} nats per image")
print(f"the normaliser that the cross-entropy leaves out: {normaliser:.2f} nats")

# %% [markdown]
# The images are the same, the decoder's outputs are the same, and the two numbers differ by that
# many nats. (The first is below the test loss above, because here the mean code is decoded, without
# noise.) A density may be larger than 1, so its $-\log$ may be negative: nothing is wrong there. To
# train with it, give `--likelihood continuous_bernoulli`.
#
# ## 5. Four kinds of the same digits
#
# So one makes the pixels 0 or 1. There are three ways, and they make three data sets. *Dynamic*:
# drawn again at every step. *Static*: drawn once and kept, for training as well. *Threshold*: white
# above one half.
#
# > **Predict.** One model, the one of section 1, is tested on the same test digits as grey, dynamic
# > and thresholded. How far apart are the three numbers: a tenth of a nat, one nat, several?

# %%
from vae_keras.data import binarised

kinds = {kind: binarised(grey, kind) for kind in ("dynamic", "threshold")}
same_model = {
    name: evaluate(plane, data)["loss"]
    for name, data in (
        ("grey", grey),
        ("dynamic", kinds["dynamic"]),
        ("threshold", kinds["threshold"]),
    )
}
figures.bars(same_model, "negative ELBO (nats per image)", "one model, the same digits", "{:.2f}")

# %% [markdown]
# The answer: several, although not one weight has changed. Thresholded digits have smooth edges and
# are easier to predict. The model is the same in all three columns; the images are not.
#
# Grey and dynamic belong together in one way. Cross-entropy is linear in $x$: if every
# pixel of $b$ is drawn with the grey value as its probability, then $\mathbb E\,b = x$, and for any
# one code $z$
#
# $$\mathbb E_b\big[-\log p(b|z)\big] = \mathrm{BCE}\big(x, p(z)\big).$$
#
# So the loss of a grey image is the *mean* loss of the binary images that can be drawn from it. Now
# take codes from $q(z|x)$, which has seen the grey image. For each $b$ the negative ELBO with this
# $q$ is a bound, whatever $q$ has seen. The mean of these bounds over $b$ is the grey negative
# ELBO:
#
# $$\mathbb E_b\big[-\log p(b)\big] \;\le\; \mathbb E_b\Big[\mathbb E_{q(z|x)}[-\log p(b|z)] +
# D_\mathrm{KL}[q(z|x)\|p(z)]\Big] = -\mathrm{ELBO}_\text{grey}(x).$$
#
# **A grey figure bounds the same decoder's mean $-\log p$ of dynamically drawn pixels from above.**
# We can check it: draw each test digit many times, and estimate $-\log p(b)$ by importance
# weighting. We do it for both models, the one that was trained on dynamic digits and the one that
# was trained on grey ones.

# %%
import dataclasses


def drawn_once(examples, copies=1):
    """The examples, each so many times, with every pixel drawn once: 0 or 255."""
    images, labels = (np.repeat(one, copies, axis=0) for one in examples.arrays())
    is_white = np.random.default_rng(len(images)).random(images.shape) < images
    return dataclasses.replace(
        examples,
        values=255 * is_white.astype(np.uint8),
        labels=labels,
        rows=None,
        binarisation="static",
    )


models = {"trained on dynamic": plane, "trained on grey": grey_model}
redrawn = drawn_once(grey.test, copies=REDRAWN)
of_grey, of_draws = {}, {}
print(f"{'nats per image':<20} {'grey −ELBO':>11} {'grey NLL':>9} {'mean −log p(b)':>15}")
for name, model in models.items():
    found = likelihood_figures(model, grey.test, samples=50)
    of_grey[name] = {one: found[one].mean() for one in ("negative_elbo", "nll")}
    of_draws[name] = likelihood_figures(model, redrawn, samples=50)["nll"].mean()
    print("{:<20} {:>11.3f} {:>9.3f}".format(name, *of_grey[name].values()), end=" ")
    print(f"{of_draws[name]:>15.3f}")

at_same_codes = {  # of the grey model: BCE of grey pixels, and mean BCE of those drawn from them
    "grey": np.mean(grey_model.reconstruction.loss(x_grey, parameters)),
    "draws": np.mean(
        grey_model.reconstruction.loss(redrawn.arrays()[0], np.repeat(parameters, REDRAWN, axis=0))
    ),
}
print("with the same codes:", ", ".join(f"{k} {v:.2f}" for k, v in at_same_codes.items()))

# %% [markdown]
# The bound holds for both. (The last column is a mean over many draws. The single draw of section 1
# happens to be an easy one, by a quarter of a nat.) It holds for importance weighting as well (the
# middle column): the logarithm of a mean of weights is convex in $x$, so Jensen's inequality goes
# the same way.
#
# The gap between the first column and the last is the mean of $D_\mathrm{KL}[q(z|x) \| p(z|b)]$,
# and nobody knows it beforehand. So nothing follows the other way round: a grey figure says that
# the dynamic one is not larger, but not how much smaller it is. And it is no density of grey
# values, as section 4 has shown.
#
# Now the numbers that each kind would report of itself: trained and tested on its own.

# %%
splits = {name: drawn_once(getattr(grey, name)) for name in ("train", "validation", "test")}
static = dataclasses.replace(grey, **splits)
config = TrainConfig(latent_dim=2, **common)
static_model = trained(config, static)
reported = {"grey": grey_found["loss"], "dynamic": evaluate(plane, dynamic)["loss"]}
reported["static"] = evaluate(static_model, static)["loss"]
threshold_model = trained(config, kinds["threshold"])
reported["threshold"] = evaluate(threshold_model, kinds["threshold"])["loss"]
for kind, loss in reported.items():
    print(f"trained and tested on {kind:<10} {loss:6.2f} nats per image")
crossed = evaluate(static_model, dynamic)["loss"]
print(f"trained on static, tested on dynamic {crossed:.2f}")

# %% [markdown]
# In a table, the last of the four would win by nearly four nats, and it would mean nothing. Look at
# the first two as well. The dynamic figure is lower by 0.4 nats. But on the same draws, in the
# table before, the model that was trained on grey digits is the *better* one, by nearly as much.
# (Grey values are the mean of all draws, so its training has less noise.) **Figures of two models
# on different kinds of data must not be compared.**
#
# Static is the kind that is easily overlooked. Its test images are of the same kind as those of
# dynamic, but the model is trained on one draw of each digit. Dynamic draws again at every step,
# which is more data. The last line has both on the same test images. It also shows how the number
# of one model changes when the same test digits are drawn again: 24.39, then 24.14. The literature
# has both kinds for MNIST, under the same name.
#
# ## 6. Error bars, and what may be looked at
#
# The test set is a sample too. The standard error of a mean over $n$ images is their standard
# deviation divided by $\sqrt n$. To compare two models, take the *difference* image by image first:
# a digit that is hard for one model is hard for the other, and that cancels.

# %%
wider = trained(TrainConfig(latent_dim=8, **common), dynamic)
bounds = {
    name: likelihood_figures(model, dynamic.test, samples=20)["nll"]
    for name, model in (("2-D", plane), ("8-D", wider))
}


def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


for name, values in (*bounds.items(), ("8-D − 2-D", bounds["8-D"] - bounds["2-D"])):
    print("{:<10} {:7.3f} ± {:.3f} nats".format(name, *mean_and_error(values)))

# %% [markdown]
# (The error bar covers only the choice of test images. A training with another seed gives another
# model and another number.)
#
# And a test set can be used up. Suppose twenty models are equally good, and you report the one that
# does best on the test set. Draw twenty test sets of our size from these images to see how much
# better than the truth the best looks:

# %%
generator = np.random.default_rng(SEED)
values = bounds["2-D"]
draws = generator.choice(values, (2_000, 20, len(values))).mean(axis=-1)
bias = values.mean() - draws.min(axis=1).mean()
print(f"the best of twenty equals looks better by {bias:.2f} nats than it is")

# %% [markdown]
# (Here each of the twenty has a test set of its own. On a shared one, what is hard for all of them
# cancels, as it did above. The best still looks better than it is, but by less.)
#
# So choose on the validation set, as often as you like, and never use the test set to choose. In
# this package validation is cut from training, and `evaluate` touches the test set at the end.
#
# ## 7. Reading the tables
#
# Now we can read the figures of the shipped models next to published ones. Ours are computed from
# the 10,000 test images of MNIST with many draws of $q(z|x)$ each, and stored with the model. A
# unit is *active* if the variance of its `z_mean` over the images is above 0.01.

# %%
for name, row in stored.items():
    if row["dataset"] == "mnist":
        print(
            f"{name:<18} {row['data_kind']:<8} −ELBO {row['negative_elbo']:6.2f}, "
            f"NLL {row['nll']:6.2f} ± {row['nll_standard_error']:.2f} "
            f"({row['samples']:>5,} draws), "
            f"{row['active_units']} of {row['latent_dim']} units active"
        )

# %% [markdown]
# Published figures, for comparison:
#
# | model | data | figure |
# |---|---|---|
# | VAE, 2×200 tanh, 50-D ([Burda 2016](https://arxiv.org/abs/1509.00519)) | dynamic | NLL 86.76 |
# | the same, trained as an IWAE with 50 samples | dynamic | NLL 84.78 |
# | residual VAE, 32-D ([Kingma 2016](https://arxiv.org/abs/1606.04934)) | dynamic | NLL 81.08 |
# | the same | dynamic | −ELBO 84.08 |
# | convolutional VAE, 2-D ([keras.io](https://keras.io/examples/generative/vae/)) | grey | 146.95 |
#
# The NLL figures of the first two lines are from 5,000 draws. (An IWAE is a VAE trained with the
# importance-weighted bound.) The last line is a −ELBO of training and test images pooled.
#
# `mnist_grid` can be compared with the dynamic ones: it was binarised in the same way, and the
# quantity is the same. (The test pixels are each work's own draw, so differences of a tenth mean
# nothing. Its decoder takes long, so its NLL is from fewer draws, and a little too high for it.) It
# is made of convolutions, like the residual VAE, which is still better. Our grey rows can be
# compared with the last line, although that is not a test figure. What do the grey figures of
# `mnist_vae_20d` say of dynamic pixels? By section 5, that its decoder has a dynamic NLL of at most
# 96.34, and by the weighted bound of at most 93.10 (apart from the error bars). They do not say
# that this decoder is worse than one with 82.70. And ± 0.46 is the error of the test set alone: if
# the 20 images of section 3 are typical, the 134 is more than a nat too high.
#
# Last, the active units. It is no disadvantage that only 27 of the 40 units are active, as the
# chapter on β has shown. But it suggests that a code of 50 would not help.
#
# ## Exercises
#
# 1. Take one image and its thousand importance weights. Show that the bound with $K$ draws,
#    averaged over groups of $K$, falls from $K = 1$ to $K = 1{,}000$.

# %%
from vae_keras.course import check

log_weights = (
    log_px["q(z|x)"] + log_normal(narrow, 0.0, np.ones(2)) - log_normal(narrow, z_mean, sigma)
)


def answer_1(log_weights):
    """Fill in: the bounds for K = 1, 10, 100 and 1,000, each averaged over its groups: [4]."""
    ...


def is_right_1(bounds):
    ends = [-log_weights.mean(), estimated(1_000, "q(z|x)")[1]]  # K = 1, and all in one group
    return np.allclose([bounds[0], bounds[-1]], ends) and (np.diff(bounds) < 0).all()


check(1, answer_1(log_weights), is_right_1)

# %% [markdown]
# 2. The area under $p^x (1-p)^{1-x}$ has a closed form with `np.arctanh(1 - 2 * p)` in it. Find it,
#    and check it where $p$ is not ½.

# %%
some_p = np.array([0.05, 0.3, 0.8])


def answer_2(p):
    """Fill in: the area in closed form, for an array of probabilities p."""
    ...


areas = np.trapezoid(some_p ** value[:, None] * (1 - some_p) ** (1 - value[:, None]), value, axis=0)
check(2, answer_2(some_p), areas)

# %% [markdown]
# 3. Compare the 2-D and the 8-D model of section 6 without pairing: each has its own test images.
#    How many times more images would you need for an error as small as that of the paired
#    difference?


# %%
def answer_3(one, other):
    """Fill in: how many times as many images, from the nats [n] of both models."""
    ...


shared = np.cov(bounds["2-D"], bounds["8-D"])[0, 1]  # what both models find hard
gain = 1 + 2 * shared / np.var(bounds["8-D"] - bounds["2-D"], ddof=1)
check(3, answer_3(bounds["2-D"], bounds["8-D"]), gain)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1(log_weights):
    """One bound for each group of K, and their mean."""
    groups = [log_weights.reshape(-1, k) for k in (1, 10, 100, 1_000)]
    return [np.mean(np.log(g.shape[1]) - logsumexp(g, axis=1)) for g in groups]


print([round(float(one), 3) for one in answer_1(log_weights)])
assert check(1, answer_1(log_weights), is_right_1)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(p):
    """The integral of exp(a x) (1 − p), where a = log p − log(1 − p) = −2 artanh(1 − 2p)."""
    return (1 - 2 * p) / (2 * np.arctanh(1 - 2 * p))


assert check(2, answer_2(some_p), areas)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(one, other):
    """Variances of independent errors add up; an error falls with the root of the number."""
    paired = mean_and_error(other - one)[1]
    return np.hypot(mean_and_error(one)[1], mean_and_error(other)[1]) ** 2 / paired**2


print(f"{answer_3(bounds['2-D'], bounds['8-D']):.1f} times as many")
assert check(3, answer_3(bounds["2-D"], bounds["8-D"]), gain)

# %% [markdown]
# ## Further reading
#
# - Y. Burda, R. Grosse and R. Salakhutdinov, [Importance weighted
#   autoencoders](https://arxiv.org/abs/1509.00519): the bound that tightens with K.
# - G. Loaiza-Ganem and J. Cunningham, [The continuous
#   Bernoulli](https://arxiv.org/abs/1907.06845): the missing normaliser, and what leaving it out
#   does.
# - L. Theis, A. van den Oord and M. Bethge, [A note on the evaluation of generative
#   models](https://arxiv.org/abs/1511.01844): why likelihood and good samples are different things.
# - Y. Wu and others, [On the quantitative analysis of decoder-based generative
#   models](https://arxiv.org/abs/1611.04273): annealed importance sampling in many dimensions, and
#   how far off the other estimates are.
#
# ## Checks

# %%
assert bound.mean() > truth, "a bound must bound"
weighted = [row["importance_weighted"] for row in rows if "importance_weighted" in row]
assert weighted[0] > weighted[-1] > truth - 0.02
assert abs(rows[-1]["defensive"] - truth) < 0.1, "the defensive estimate has missed the truth"
assert EPOCHS < 40 or rows[0]["naive"] > truth + 1, "one draw of the prior is not enough"
moved, holed = squared_errors["moved by one pixel"], squared_errors["with a hole"]
assert moved.mean() > 2 * holed.mean() and moved[SHOWN] > holed[SHOWN], "a move costs more"
assert EPOCHS < 40 or missing[worst] > 5 * np.median(missing)
assert abs(estimated(1_000, "both")[1] - exact[worst]) < 0.3
assert alone["importance_weighted"] - last["defensive"] > 1 > 10 * last["defensive_error"]
assert 0 < floor < grey_found["reconstruction_loss"]
assert normaliser > 10
assert EPOCHS < 40 or max(same_model.values()) - min(same_model.values()) > 2, same_model
slack = 0.0 if REDRAWN >= 20 else 0.3  # few draws
for name in models:
    assert of_draws[name] <= min(of_grey[name].values()) + slack, "a grey figure is a bound"
assert EPOCHS < 40 or reported["dynamic"] < reported["grey"], "by its figure dynamic is better"
assert EPOCHS < 40 or of_draws["trained on grey"] < of_draws["trained on dynamic"], "it is not"
assert abs(at_same_codes["grey"] - at_same_codes["draws"]) < 0.3, "cross-entropy is linear in x"
assert mean_and_error(bounds["8-D"] - bounds["2-D"])[1] < mean_and_error(bounds["2-D"])[1]
assert bias > 0.1

# %% [markdown] tags=["navigation"]
# ---
# Previous: [8. β, and codes that say nothing](08_beta_and_collapse.ipynb) ·
# Next: [10. Conditions](10_conditions.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
