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
# # The variational idea
#
# Suppose that you had a model that tells how probable an image is. With it you could draw new
# images, repair damaged ones and notice strange ones. There is a simple recipe for such a model,
# but it contains an integral that nobody can compute. The variational idea is what one does
# instead of computing it. It fits in one equation. In this chapter you derive that equation line
# by line, and check every line with numbers. That is possible because we choose a model so small
# that its integral can be computed.
#
# You will
#
# 1. write down a model of images with a *latent variable*, and read a decoder as a
#    distribution,
# 2. compute $p(x)$ exactly where the code is one number, and see the obvious estimate fail
#    where it is twenty,
# 3. derive the evidence lower bound (ELBO), with a check after each line,
# 4. see the gap between the bound and the truth, and move it with a slider,
# 5. measure by how much the reparameterisation trick lowers the variance of the gradient,
# 6. make the classic mistakes on purpose, each refuted by a number.

# %% [markdown] tags=["navigation"]
# **Builds on** [4. Why autoencoders do not generate](04_why_autoencoders_do_not_generate.ipynb) ·
# **To read** about 70 minutes ·
# **To run** about 1 minute on two cores
#
# Previous: [4. Why autoencoders do not generate](04_why_autoencoders_do_not_generate.ipynb) ·
# Next: [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
IMAGE = 34  # of the test set: the one that we follow
EPOCHS = 60  # fast: 20
PRIOR_DRAWS = 100_000  # fast: 20_000
GRADIENT_DRAWS = 4_000

# %% [markdown]
# ## 1. A model of how images come to be
#
# Suppose that every image $x$ was made in two steps.
#
# 1. A hidden number $z$ was drawn from the *prior* $p(z) = \mathcal N(0, 1)$. It is called a
#    *latent variable*: it is a part of the model, and not of the data.
# 2. The image was drawn from $p_\theta(x|z)$, a distribution whose parameters a network computes
#    from $z$. That network is the *decoder*, and $\theta$ are its weights.
#
# We need a trained decoder for the experiments. The next chapter builds one from nothing; here one
# line is enough. The images are the 8×8 digits of scikit-learn with every pixel turned into 0 or
# 1, and the code is a single number.

# %%
from vae_keras import TrainConfig, figures, load, load_exported  # first: it quiets TensorFlow
from vae_keras.training.fitting import trained

config = TrainConfig(dataset="digits", binarize="threshold", latent_dim=1, epochs=EPOCHS, seed=SEED)
dataset = load(config)
model = trained(config, dataset)

# %% [markdown]
# What the decoder makes of the number line, from $z = -2.5$ to $z = 2.5$:

# %%
import numpy as np
import tensorflow as tf
from scipy import stats
from scipy.optimize import minimize
from scipy.special import logsumexp

from vae_keras.course import check

rng = np.random.default_rng(SEED)
places = np.linspace(-2.5, 2.5, 13, dtype="float32")[:, None]
figures.image_rows({"f(z)": model.decode(places)}, title="one number, thirteen images")

# %% [markdown]
# A single number cannot tell all digits apart. Where the model hesitates between two digits, it
# gives grey. That is a poor model of handwriting. For us it is an excellent model, since everything
# about it can be computed.
#
# ## 2. A decoder is a distribution
#
# A grey pixel in the figure does not mean a grey pixel in an image. The pixels are 0 or 1, and the
# decoder's $f(z)$ says, for each of the 64, how probable a 1 is. Given $z$ the pixels are
# independent, so the probability of a whole image is a product, and its logarithm is a sum over
# pixels:
#
# $$\log p(x|z) = \sum_{i=1}^{64} \; x_i \log f_i(z) + (1 - x_i) \log\big(1 - f_i(z)\big)$$
#
# You know this sum: with the sign turned it is the *binary cross-entropy*, summed over pixels. So
# cross-entropy is not an arbitrary choice of loss. It is minus the log-probability under a
# *Bernoulli* decoder.

# %%
images, labels = dataset.test.arrays()
a = model.decoder(places).numpy()  # logits: f = sigmoid(a)
f = 1 / (1 + np.exp(-a.astype(float)))
by_hand = np.sum(images[0] * np.log(f) + (1 - images[0]) * np.log(1 - f), axis=(1, 2, 3))
same_image = np.repeat(images[:1], len(places), axis=0)
# model.reconstruction: the decoder's distribution p(x|z), given logits
by_package = model.reconstruction.log_prob(same_image, a).numpy()
print("largest difference:", f"{np.abs(by_hand - by_package).max():.1e} nats")

# %% [markdown]
# The unit is the *nat*, because the logarithms are natural. Since $p(x|z)$ is a distribution we can
# draw from it. It is worth seeing once what such draws look like. Papers nearly always show the
# upper row, the mean.

# %%
drawn = model.reconstruction.sample(a, seed=(0, SEED))
figures.image_rows({"mean f(z)": f, "a draw of p(x|z)": drawn}, title="the mean, and the model")

# %% [markdown]
# For grey or coloured pixels one takes a *Gaussian* decoder,
# $p(x|z) = \mathcal N(f(z), \sigma^2 I)$ with one $\sigma$ for all pixels. Write out its density
# and take the logarithm, and squared error appears:
#
# $$-\log p(x|z) = \sum_i \Big( \frac{(x_i - f_i(z))^2}{2\sigma^2} + \log\sigma +
# \tfrac12 \log 2\pi \Big)$$
#
# Note the bracket: all three terms are inside the sum, so the last two count once for each pixel.

# %%
sigma, mean = 0.3, f[6].ravel()
of_scipy = -stats.norm.logpdf(images[0].ravel(), mean, sigma).sum()
squares = np.sum((images[0].ravel() - mean) ** 2) / (2 * sigma**2)
constant = np.log(sigma) + 0.5 * np.log(2 * np.pi)
with_bracket, without_bracket = squares + 64 * constant, squares + constant
print(f"SciPy {of_scipy:.3f}; with the bracket {with_bracket:.3f}, without {without_bracket:.3f}")

# %% [markdown]
# The ½ comes from the exponent of the bell curve, $e^{-d^2/2\sigma^2}$. With $\sigma = 1$ the
# loss is *half* the squared error, and a constant. If you minimise the squared error without the ½
# you have chosen $2\sigma^2 = 1$, so $\sigma^2 = ½$, whether you knew it or not. A plain
# autoencoder has only one term, so a factor in front of it changes nothing. Soon there will be a
# second term. Then $\sigma$ is an exchange rate: it says how many nats a wrong pixel costs.

# %%
error = np.linspace(-0.5, 0.5, 201)
costs = {
    f"σ = {name}": (error, error**2 / (2 * sigma**2))
    for name, sigma in {"0.1": 0.1, "0.3": 0.3, "√½": 0.5**0.5, "1": 1.0}.items()
}
figures.lines(
    costs, "error of the pixel, x − f(z)", "nats above the minimum", "what a wrong pixel costs"
)

# %% [markdown]
# How much can a code save? A decoder that ignores $z$ always answers with the mean image. The most
# that any code can save is the whole squared deviation from that mean, times the exchange rate.

# %%
grey, _ = load(TrainConfig(dataset="digits")).train.arrays()
deviation = np.sum((grey - grey.mean(axis=0)) ** 2, axis=(1, 2, 3)).mean()
at_stake = {
    name: deviation / (2 * sigma**2)
    for name, sigma in {"1": 1.0, "√½": 0.5**0.5, "0.1": 0.1}.items()
}
for name, nats in at_stake.items():
    print(f"σ = {name:<4} a perfect code saves at most {nats:6.1f} nats per digit")

# %% [markdown]
# With $\sigma = 1$, *knowing the image exactly* saves about two nats. Remember this when your VAE
# gives the same blurred image for every input: the code may simply not be worth its price.
#
# ## 3. The probability of an image
#
# The model has two steps, and we only see the result of the second. To get the probability of an
# image, add up all the ways in which it may have come about:
#
# $$p(x) = \int p(x|z)\, p(z)\, dz$$
#
# For data of two numbers the result can be drawn as a map. Here is a decoder written by hand: it
# bends the line of $z$ to a wave in the plane, and adds a little Gaussian noise. Left are draws of
# the model, in two steps. Right is $p(x)$ for every point $x$ of the plane, by the integral.

# %%
wave_sigma = 0.15


def wave(z):
    """The mean of p(x|z) in the plane: [..., 2]."""
    return np.stack([1.2 * z, np.sin(2.5 * z)], axis=-1)


z_grid = np.linspace(-5, 5, 1_001)
prior_weights = stats.norm.pdf(z_grid) * (z_grid[1] - z_grid[0])
axis_1, axis_2 = np.linspace(-4, 4, 161), np.linspace(-2, 2, 81)
across = stats.norm.pdf(axis_1[:, None], wave(z_grid)[:, 0], wave_sigma)  # [161, 1001]
upwards = stats.norm.pdf(axis_2[:, None], wave(z_grid)[:, 1], wave_sigma)  # [81, 1001]
p_map = (upwards * prior_weights) @ across.T  # the integral over z, for each point: [81, 161]

story = np.random.default_rng(SEED)
z_story = story.normal(size=600)
x_story = wave(z_story) + wave_sigma * story.normal(size=(600, 2))
figure, (left, right) = figures.panels(1, 2, width=4.8, height=3)
left.plot(*x_story.T, "o", markersize=2.5, color=figures.PALETTE[0])
left.plot(*wave(z_grid).T, color=figures.PALETTE[4], linewidth=1, label="f(z)")
left.set(xlim=(-4, 4), ylim=(-2, 2), xlabel="x₁", ylabel="x₂", title="600 draws of the model")
left.legend()
shown = right.pcolormesh(axis_1, axis_2, p_map, cmap="magma", shading="nearest", rasterized=True)
right.grid(False)
right.set(xlabel="x₁", ylabel="x₂", title="p(x) of every point")
figure.colorbar(shown, label="density")
map_total = p_map.sum() * (axis_1[1] - axis_1[0]) * (axis_2[1] - axis_2[0])
print(f"the whole map sums to {map_total:.4f}")
figure

# %% [markdown]
# The map is bright at points to which many $z$ lead, and it sums to 1, as a probability must. The
# rest of this chapter does the same for digits. Their $x$ has 64 numbers, so there is no map to
# draw, but the integral for one image is still an integral over one number, an area under a curve.
#
# We lay a fine grid over $[-10, 10]$ and let the decoder compute $\log p(x|z)$ at each point, once.
# From then on an integral is a sum. Numbers such as $e^{-800}$ are 0 in a computer (with 32 bits,
# $e^{-110}$ is), so we stay with logarithms as long as possible: `logsumexp` computes the logarithm
# of a sum from logarithms.

# %%
grid = np.linspace(-10, 10, 8_001)
step = grid[1] - grid[0]
logits = model.decoder(grid[:, None].astype("float32")).numpy().reshape(-1, 64).astype(float)
flat = images.reshape(-1, 64).astype(float)

log_pz = -0.5 * (grid**2 + np.log(2 * np.pi))  # [8001]
# the sum of section 2 in logits: Σ x·a − log(1 + eᵃ)
log_px_z = flat @ logits.T - np.logaddexp(0, logits).sum(axis=1)  # [images, 8001]


def integral(values):
    return np.sum(values, axis=-1) * step


def log_integral(log_values):
    return logsumexp(log_values, axis=-1) + np.log(step)


log_px = log_integral(log_px_z + log_pz)  # one number per image: the truth
print(f"log p(x) of the {len(log_px)} test images: {log_px.mean():.2f} nats on average")

# %% [markdown]
# Is the grid fine enough to be called the truth? If so, half of its points give the same result.

# %%
coarse = logsumexp((log_px_z + log_pz)[:, ::2], axis=-1) + np.log(2 * step)
print(f"largest change with half of the points: {np.abs(coarse - log_px).max():.1e} nats")

# %% [markdown]
# For the rest of the chapter we follow one test image. We have chosen an ambiguous one: more than
# one place on the number line explains it.

# %%
log_pz_x = log_px_z + log_pz - log_px[:, None]  # Bayes' rule: see section 5
chosen = IMAGE
log_px_z, log_pz_x, log_px_1 = log_px_z[chosen], log_pz_x[chosen], log_px[chosen]
x = images[chosen : chosen + 1]
print(f"image {chosen}, a {labels[chosen]}: log p(x) = {log_px_1:.3f} nats")

# %%
figure, (left, middle, right) = figures.panels(1, 3, width=3.6, height=3.2)
left.imshow(x[0, ..., 0], cmap="gray")
left.set(title="the image x", xticks=[], yticks=[])
left.grid(False)
middle.plot(grid, np.exp(log_px_z - log_px_z.max()))
middle.set(
    xlim=(-4, 4), xlabel="z", ylabel="p(x|z), largest = 1", title="how well each z explains it"
)
right.plot(grid, np.exp(log_pz), label="p(z)", color=figures.PALETTE[3])
right.plot(grid, np.exp(log_pz_x), label="p(z|x)", color=figures.PALETTE[0])
right.set(xlim=(-4, 4), xlabel="z", ylabel="density", title="before and after seeing x")
right.legend()
figure

# %% [markdown]
# Most of the number line has nothing to do with this image: the curve in the middle has a few
# narrow peaks, and is near 0 elsewhere. The area under it, weighted with the prior, is $p(x)$.
#
# ## 4. The obvious way, and why it fails
#
# There is an obvious way to do without the grid. $p(x)$ is a mean over the prior, so draw from
# the prior and average. That is called *naive Monte Carlo*:
#
# $$p(x) \approx \frac1n \sum_{i=1}^n p(x|z_i), \qquad z_i \sim p(z)$$
#
# With one number it works.

# %%
z_i = rng.normal(size=(200, 1_000))  # 200 experiments of 1,000 draws
at_draws = np.interp(z_i, grid, log_px_z)
estimates = logsumexp(at_draws, axis=1) - np.log(1_000)
print(f"truth {log_px_1:.3f}; the estimates: {estimates.mean():.3f} ± {estimates.std():.3f} nats")

# %% [markdown]
# Now take a code of twenty numbers, which is not large. The model was trained on MNIST and comes
# with the package. We ask for the probability of an image that the model has made itself (the mean
# at a drawn code, black or white at ½), so there is certainly a $z$ that explains it.

# %%
large = load_exported("../saved_models/pretrained/mnist_vae_20d")
image = (large.generate(1, seed=SEED + 3) > 0.5).astype("float32")
others = large.generate(7, seed=SEED)
figures.image_grid(
    np.concatenate([image, others]),
    columns=8,
    title="our image (left), and seven codes from the prior, decoded",
)

# %% [markdown]
# > **Predict.** We draw `PRIOR_DRAWS` = 100,000 codes from the prior and add up $p(x|z_i)$. How
# > many of the draws make up 99 % of the sum?

# %%
z_i = rng.normal(size=(PRIOR_DRAWS, large.latent_dim)).astype("float32")
repeated = np.repeat(image, 5_000, axis=0)
# log p(x|z) of our image, for 5,000 codes at a time
log_w = np.concatenate(
    [large.log_prob(repeated, part) for part in np.split(z_i, len(z_i) // 5_000)]
)
log_w = log_w.astype(float)


def effective_sample_size(log_weights):
    """(Σw)² / Σw²: by how many equally good draws the same accuracy would be had."""
    return np.exp(2 * logsumexp(log_weights) - logsumexp(2 * log_weights))


share = np.sort(np.exp(log_w - logsumexp(log_w)))[::-1]
needed = 1 + np.searchsorted(np.cumsum(share), 0.99)
ess_naive = effective_sample_size(log_w)
print(f"{needed} of {PRIOR_DRAWS:,} draws hold 99 % of the sum")
print(f"effective sample size: {ess_naive:.2f}")
print(f"log p(x|z) of the median draw: {np.median(log_w):.0f} nats")

# %% [markdown]
# It takes three. All those draws together are worth about as much as two good ones.
# Nearly all of them decode to some other image, and by the last line such a draw gives our image a
# probability of $e$ to the power of minus several hundred.
#
# So the estimate depends on the luckiest draw, and it has not settled:

# %%
counts = np.unique(np.geomspace(10, PRIOR_DRAWS, 60).astype(int))
running = [logsumexp(log_w[:n]) - np.log(n) for n in counts]
naive = running[-1]
figure = figures.lines(
    {"naive estimate": (counts, running)},
    "draws of the prior",
    "estimate of log p(x), nats",
    "twenty numbers: one lucky draw decides",
    xscale="log",
)
figure

# %% [markdown]
# It falls slowly while no better draw comes, then leaps when one does. Is it at least close? We
# cannot compute the truth here, but the next section computes a number that is never above it.
#
# ## 5. Bayes, and a guess
#
# The remedy: draw only codes that have something to do with $x$. Which codes these are is
# described by the *posterior*. Bayes' rule gives it:
#
# $$p(z|x) = \frac{p(x|z)\, p(z)}{p(x)}$$
#
# Its numerator is easy. Its denominator is the integral that we want to avoid, so the exact
# posterior is out of reach as well. But we may *guess* it. A second network reads $x$ and answers
# with a distribution $q(z|x)$ of a simple kind, a Gaussian:
#
# $$q(z|x) = \mathcal N\big(\texttt{z\_mean},\, e^{\texttt{z\_log\_var}}\big)$$
#
# That network is the *encoder*. Its two outputs, `z_mean` and `z_log_var`, are called its *heads*.
# It gives the logarithm of the variance, because a logarithm may be any real number and a variance
# may not. `z_log_var` is a log-variance everywhere in this course, never a log standard deviation.
#
# Encoder and decoder are maps between two spaces, that of the examples and that of the codes:

# %%
from vae_keras.figures import drawings

drawings.two_spaces()

# %% [markdown]
# A guess need not be right to be useful. We may draw from any $q$, if each draw is weighted by
# $p(z)/q(z|x)$: how much more often the prior would have given this $z$ than $q$ does. (This is
# *importance weighting*; chapter 9 is about it.)
#
# $$p(x) = \int q(z|x)\, \frac{p(x|z)\, p(z)}{q(z|x)}\, dz \approx
# \frac1n \sum_i \frac{p(x|z_i)\,p(z_i)}{q(z_i|x)}, \qquad z_i \sim q(z|x)$$

# %%
encoded = large.call("encode", x=image)
z_mean, z_log_var = encoded["z_mean"], encoded["z_log_var"]  # [1, 20] each
epsilon = rng.normal(size=(5_000, 20)).astype("float32")
z_i = z_mean + np.exp(0.5 * z_log_var) * epsilon
of_pixels = large.log_prob(np.repeat(image, 5_000, axis=0), z_i).astype(float)
# log p(z) − log q(z|x): (z − z_mean)² / variance is ε², and ½·log 2π cancels
log_ratio = 0.5 * np.sum(epsilon**2 + z_log_var - z_i**2, axis=1)
weighted = logsumexp(of_pixels + log_ratio) - np.log(5_000)
ess_weighted = effective_sample_size(of_pixels + log_ratio)
# D[p(z|x)‖p(z)], by the same draws: the mean of log p(x|z) − log p(x) over the posterior
posterior_weights = np.exp(of_pixels + log_ratio - logsumexp(of_pixels + log_ratio))
needed_nats = posterior_weights @ of_pixels - weighted
# D[q‖p(z)]: defined in section 6, in this form in section 7
kl = 0.5 * np.sum(np.exp(z_log_var) + z_mean**2 - z_log_var - 1)
bound = of_pixels.mean() - kl  # derived in section 6
print(f"{'naive':<22}{naive:8.1f} nats, from {PRIOR_DRAWS:,} draws worth {ess_naive:.1f}")
print(f"{'weighted draws of q':<22}{weighted:8.1f} nats, from 5,000 draws worth {ess_weighted:.1f}")
print(f"{'a lower bound (ELBO)':<22}{bound:8.1f} nats")
print(f"D[p(z|x) ‖ p(z)] ≈ {needed_nats:.1f} nats, e to that power {np.exp(needed_nats):.0e}")
print(f"D[q(z|x) ‖ p(z)] = {kl:.1f} nats, e to that power {np.exp(kl):.0e}")

# %% [markdown]
# Five thousand draws from the guess are not all equally good, but they beat all the draws from the
# prior. The naive estimate lies *below a lower bound* of the truth. The last two lines say why. A
# divergence $D$, which the next section defines, measures how far one distribution is from another.
# Averages over $p(z|x)$ with draws of $p(z)$ need about $e^{D[p(z|x)\|p(z)]}$ draws; that is a
# theorem of Chatterjee and Diaconis (2018). The theorem is about the *true* posterior. We can only
# estimate that divergence, from the weighted draws. $D[q\|p(z)]$ of the guess is known exactly, and
# it has the same size here. Each nat multiplies the work by $e$: more draws do not help, better
# draws do.
#
# ## 6. The bound, line by line
#
# How good is a guess? The *Kullback–Leibler divergence*
# $D[q\|p] = \mathbb E_q[\log q - \log p]$ says by how much a distribution $q$ misses another one:
# 0 if they are equal, positive otherwise. ($\mathbb E_q$ is the mean over draws of $q$.) We go back
# to the model with the exact integral and to our ambiguous digit. The guess is that of its encoder.


# %%
def log_normal(mean, log_var):
    """log N(mean, exp(log_var)) on the grid."""
    return -0.5 * (np.log(2 * np.pi) + log_var + (grid - mean) ** 2 / np.exp(log_var))


def expected(log_q, values):
    """E over q of values, both on the grid."""
    return integral(np.exp(log_q) * values)


z_mean, z_log_var = (head.numpy().item() for head in model.encoder(x))
log_qz = log_normal(z_mean, z_log_var)
print(f"z_mean = {z_mean:.3f}, z_log_var = {z_log_var:.3f}")
print(f"area under p(z|x): {integral(np.exp(log_pz_x)):.12f}, q: {integral(np.exp(log_qz)):.12f}")

# %% [markdown]
# **Line 1.** The divergence of the guess from the true posterior, by definition:
#
# $$D[q\|p(z|x)] = \mathbb E_q\big[\log q(z|x) - \log p(z|x)\big]$$

# %%
gap = expected(log_qz, log_qz - log_pz_x)
print(f"line 1: {gap:.12f} nats")

# %% [markdown]
# **Line 2.** Put Bayes' rule, in logarithms, in the place of $\log p(z|x)$. Take care of the signs:
# it is subtracted as a whole.
#
# $$D[q\|p(z|x)] =
# \mathbb E_q\big[\log q(z|x) - \big(\log p(x|z) + \log p(z) - \log p(x)\big)\big]$$

# %%
line_2 = expected(log_qz, log_qz - (log_px_z + log_pz - log_px_1))
print(f"line 2: {line_2:.12f}, differs from line 1 by {abs(line_2 - gap):.0e}")

# %% [markdown]
# **Line 3.** $\log p(x)$ does not depend on $z$. Its mean over $z$ is itself, so it may leave the
# mean:
#
# $$D[q\|p(z|x)] =
# \mathbb E_q\big[\log q(z|x) - \log p(x|z) - \log p(z)\big] + \log p(x)$$

# %%
line_3 = expected(log_qz, log_qz - log_px_z - log_pz) + log_px_1
print(f"line 3: {line_3:.12f}, differs from line 1 by {abs(line_3 - gap):.0e}")

# %% [markdown]
# **Line 4.** What we can compute goes to one side, what we cannot to the other:
#
# $$\log p(x) - D[q\|p(z|x)] =
# \mathbb E_q\big[\log p(x|z)\big] - \mathbb E_q\big[\log q(z|x) - \log p(z)\big]$$

# %%
left_side = log_px_1 - gap
right_side = expected(log_qz, log_px_z) - expected(log_qz, log_qz - log_pz)
print(f"left {left_side:.12f}, right {right_side:.12f}")
print(f"line 4: the sides differ by {abs(left_side - right_side):.0e}")

# %% [markdown]
# **Line 5.** The last bracket is a Kullback–Leibler divergence too, from the *prior*:
#
# $$\log p(x) - \underbrace{D[q\|p(z|x)]}_{\text{the gap}} =
# \underbrace{\mathbb E_q[\log p(x|z)]}_{-\texttt{reconstruction\_loss}} -
# \underbrace{D[q\|p(z)]}_{\texttt{kl\_loss}}$$

# %%
reconstruction_loss = -expected(log_qz, log_px_z)
kl_loss = expected(log_qz, log_qz - log_pz)
elbo = -reconstruction_loss - kl_loss
print(f"log p(x) = {log_px_1:.6f}      gap = {gap:.6f}")
print(f"reconstruction_loss = {reconstruction_loss:.6f}      kl_loss = {kl_loss:.6f}")
print(f"ELBO = {elbo:.6f};  log p(x) − gap − ELBO = {log_px_1 - gap - elbo:.0e}")

# %% [markdown]
# Look at what has happened. On the left stand the two things that we cannot compute, the
# probability of the image and the true posterior. On the right stand things that we can compute:
# draw a $z$ from the encoder, decode it, compare, and add a penalty that keeps the code near the
# prior. That is an autoencoder with noise and a penalty. We did not design it; it follows from
# Bayes' rule.
#
# **Line 6.** The gap is never negative, whatever $q$ is. The reason is that $\log u \le u - 1$:
#
# $$-D[q\|p] = \mathbb E_q\Big[\log \frac{p}{q}\Big] \le \mathbb E_q\Big[\frac{p}{q} - 1\Big]
# = \int p \, dz - \int q \, dz = 0$$
#
# so the right side is a lower bound of $\log p(x)$, the *evidence*: the ELBO.

# %%
guesses = [log_normal(m, v) for m, v in zip(rng.normal(0, 2, 1_000), rng.normal(-2, 1.5, 1_000))]
gaps = np.array([expected(guess, guess - log_pz_x) for guess in guesses])
print(f"gaps of 1,000 random guesses: {gaps.min():.3f} to {gaps.max():,.0f} nats")

# %% [markdown]
# > **Predict.** The encoder's guess has the gap printed above. Suppose that we set the encoder
# > aside, that we know the exact posterior, and that we search for the *best* mean and variance for
# > this one image. Will the gap become 0?

# %%
starts = [(m, v) for m in np.linspace(-2.5, 2.5, 11) for v in (-4.0, -1.0)]
found = [
    minimize(lambda q: expected(log_normal(*q), log_normal(*q) - log_pz_x), s, method="Nelder-Mead")
    for s in starts
]
best = min(found, key=lambda one: one.fun)
log_best = log_normal(*best.x)
print(f"gap of the encoder's q: {gap:.3f} nats; of the best Gaussian: {best.fun:.3f} nats")

# %% tags=["cover"]
figure, axes = figures.panels(width=6.4, height=3.8)
posterior = dict(color=figures.PALETTE[1], alpha=0.3, label="posterior p(z|x)")
axes.fill_between(grid, np.exp(log_pz_x), **posterior)
axes.plot(grid, np.exp(log_pz), color=figures.PALETTE[3], label="prior p(z)")
axes.plot(grid, np.exp(log_qz), "--", color=figures.PALETTE[4], label="q(z|x) of the encoder")
axes.plot(grid, np.exp(log_best), color=figures.PALETTE[0], label="the best Gaussian")
top = 1.15 * max(np.exp(log_pz_x).max(), np.exp(log_best).max())
axes.set(xlim=(-3.5, 3.5), ylim=(0, top), xlabel="z", ylabel="density")
axes.set_title("the encoder's guess, the best guess and the truth")
axes.legend()
figure

# %% [markdown]
# The answer is no. A posterior with more than one peak is no Gaussian, and no choice of mean and
# variance makes it one. The best Gaussian covers one of the peaks. $D[q\|p]$ is large if $q$ has
# mass where $p$ has none. But if $q$ leaves out a peak of $p$, this costs only $-\log$ of the share
# that is kept: for half of the mass $\log 2$, which is 0.69 nats. The gap is the price of a simple
# family of guesses, and it is not 0.
#
# Now move the guess yourself. **What to look for:** the black line never moves. A better guess
# does not make the image more probable; it moves the border between ELBO and gap.

# %%
from vae_keras.figures.sliders import Sliders


def guess(mean, log_variance):
    log_q = log_normal(mean, log_variance)
    miss = expected(log_q, log_q - log_pz_x)
    figure, (left, right) = figures.panels(1, 2, width=4.2, height=3.2)
    left.fill_between(grid, np.exp(log_pz_x), color=figures.PALETTE[1], alpha=0.3, label="p(z|x)")
    left.plot(grid, np.exp(log_q), color=figures.PALETTE[0], label="q(z|x)")
    left.set(xlim=(-3.5, 3.5), ylim=(0, top), xlabel="z", ylabel="density", title="the guess")
    left.legend()
    # a bar from far left
    right.barh(0, 1_000 - miss, left=log_px_1 - 1_000, color=figures.PALETTE[0], label="ELBO")
    right.barh(0, miss, left=log_px_1 - miss, color=figures.PALETTE[4], label="gap")
    right.axvline(log_px_1, color="black", label="log p(x)")
    right.set(xlim=(log_px_1 - 30, log_px_1 + 3), ylim=(-0.8, 1.6), xlabel="nats", yticks=[])
    right.set_title(f"ELBO {log_px_1 - miss:.2f} + gap {miss:.2f} = {log_px_1:.2f}")
    right.legend(ncols=3, loc="upper center")
    return figure


Sliders(
    guess,
    mean=np.linspace(-2.5, 2.5, 21).round(2).tolist(),
    log_variance=(-5, -4, -3, -2, -1, 0, 1),
)

# %% [markdown]
# One image proves little. Here are the bound and the truth of all test images, and the gap that
# the encoder leaves.

# %%
all_log_px_z = flat @ logits.T - np.logaddexp(0, logits).sum(axis=1)
heads = [head.numpy().astype(float) for head in model.encoder(images)]  # [images, 1] each
all_log_q = log_normal(*heads)
elbos = expected(all_log_q, all_log_px_z + log_pz - all_log_q)
all_gaps = log_px - elbos
print(
    f"mean log p(x) {log_px.mean():.2f} = mean ELBO {elbos.mean():.2f} + gap {all_gaps.mean():.2f}"
)
print(f"median gap {np.median(all_gaps):.2f} nats, largest {all_gaps.max():.1f}")

# %%
figure, axes = figures.panels(width=5, height=4.2)
axes.plot(log_px, elbos, "o", markersize=4, alpha=0.5)
ends = [min(log_px.min(), elbos.min()), 0]
axes.plot(ends, ends, color=figures.PALETTE[4], label="no gap")
axes.set(xlabel="log p(x), nats", ylabel="ELBO, nats", title="never above the line")
axes.legend()
figure

# %% [markdown]
# For most images the guess is nearly right. The mean gap comes from a few images for which it is
# far off. The encoder has to answer for *all* images, also for those that it has never seen, with
# one set of weights. This is called *amortised* inference. How much of the mean gap is the family's
# and how much the encoder's, `minimize` could tell as above (Cremer et al., below).
#
# ## 7. The penalty in closed form
#
# So far `kl_loss` was an integral. For a Gaussian $q$ and a standard normal prior there is a
# formula. The only means that occur are those of $z^2$ and of $(z - \texttt{z\_mean})^2$, which are
# $\texttt{z\_mean}^2 + e^{\texttt{z\_log\_var}}$ and $e^{\texttt{z\_log\_var}}$:
#
# $$\mathbb E_q[\log q - \log p] = \mathbb E_q\Big[-\tfrac12 \texttt{z\_log\_var} -
# \tfrac{(z-\texttt{z\_mean})^2}{2\,e^{\texttt{z\_log\_var}}} + \tfrac12 z^2\Big]
# = \tfrac12\big(e^{\texttt{z\_log\_var}} + \texttt{z\_mean}^2 - \texttt{z\_log\_var} - 1\big)$$
#
# With several dimensions one sums over them. In the package that is this:

# %%
from vae_keras.models.vae import kl_to_standard_normal

means, log_vars = (
    v.ravel() for v in np.meshgrid(np.linspace(-2.5, 2.5, 41), np.linspace(-5, 0.5, 45))
)
numerical = np.array(
    [expected(q, q - log_pz) for q in map(log_normal, means, log_vars)]
)  # by integration
closed = kl_to_standard_normal(means[:, None], log_vars[:, None]).numpy()
print(
    f"largest difference over {len(means)} Gaussians: {np.abs(closed - numerical).max():.0e} nats"
)

# %%
figure, axes = figures.panels(width=5.6, height=3.8)
shown = axes.contourf(
    means.reshape(45, 41), log_vars.reshape(45, 41), closed.reshape(45, 41), 12, cmap="Blues"
)
figure.colorbar(shown, label="kl_loss, nats")
axes.plot(0, 0, "o", color=figures.PALETTE[4])
axes.text(0.12, -0.3, "the prior: 0 nats", color=figures.PALETTE[4])
axes.set(xlabel="z_mean", ylabel="z_log_var", title="what a code costs")
figure

# %% [markdown]
# The lowest point is at `z_mean` = `z_log_var` = 0, where the code says nothing at all about the
# image. That point is not the goal of training. It is where the penalty alone pulls. A code that
# tells images apart has to leave it, and this costs nats.
#
# ## 8. The derivative of a draw
#
# Training needs the gradient of $\mathbb E_q[\log p(x|z)]$ with respect to `z_mean` and
# `z_log_var`, and from there to the encoder's weights. But those two numbers say *how to draw*
# $z$. What is the derivative of a draw?
#
# There are two answers. The first one leaves the draw as it is and differentiates the density.
# ($\log p(x|z)$ does not depend on `z_mean` and `z_log_var` once $z$ is fixed.) Since
# $\nabla q = q\,\nabla \log q$, a slope of $q$ can be written as a mean over $q$ again:
#
# $$\nabla\, \mathbb E_q[\log p(x|z)] = \int \log p(x|z)\, \nabla q\, dz
# = \int q\, \log p(x|z)\, \nabla \log q\, dz
# = \mathbb E_q\big[\log p(x|z)\; \nabla \log q(z|x)\big]$$
#
# This is the *score function* estimator, known as REINFORCE. The mean of $\nabla \log q$ over $q$
# is 0, because $\int \nabla q\, dz = \nabla \int q\, dz = \nabla 1 = 0$. So a constant, a
# *baseline*, may be subtracted from $\log p(x|z)$ without changing the mean, and it can lower the
# variance a lot. We try both, with the mean of $\log p(x|z)$ over all *other* draws as the
# baseline.
#
# The second one rewrites the draw. A draw from
# $\mathcal N(\texttt{z\_mean}, e^{\texttt{z\_log\_var}})$ is a standard normal one, stretched and
# moved:
#
# $$z = \texttt{z\_mean} + e^{\frac12 \texttt{z\_log\_var}} \cdot \varepsilon,
# \qquad \varepsilon \sim \mathcal N(0, 1)$$
#
# Now the mean is a mean over $\varepsilon$, whose distribution has *no parameters*. That is why
# $\varepsilon$ may be treated as a constant: what we average over does not change when the weights
# do, so the derivative may be taken inside the mean:
#
# $$\nabla\, \mathbb E_\varepsilon[\log p(x|z(\varepsilon))] =
# \mathbb E_\varepsilon[\nabla \log p(x|z(\varepsilon))].$$
#
# This is the *reparameterisation trick*. The gradient has a path that does not meet the draw:

# %%
drawings.reparameterisation()

# %% [markdown]
# Both answers are right on average. To be sure we need the truth, and on the grid we have it: move
# each number a little and see how the integral changes (finite differences).

# %%
nudge = 1e-4
exact = {
    "z_mean": expected(log_normal(z_mean + nudge, z_log_var), log_px_z)
    - expected(log_normal(z_mean - nudge, z_log_var), log_px_z),
    "z_log_var": expected(log_normal(z_mean, z_log_var + nudge), log_px_z)
    - expected(log_normal(z_mean, z_log_var - nudge), log_px_z),
}
exact = {name: value / (2 * nudge) for name, value in exact.items()}
print({name: f"{value:.3f}" for name, value in exact.items()})

# %% [markdown]
# Each estimator gets the same draws. For the trick TensorFlow does the differentiating: `mu` and
# `log_var` have one copy per draw, so that we see the gradient of every single draw.

# %%
epsilon = rng.normal(size=(GRADIENT_DRAWS, 1)).astype("float32")
mu = tf.fill(epsilon.shape, tf.constant(z_mean, tf.float32))
log_var = tf.fill(epsilon.shape, tf.constant(z_log_var, tf.float32))
with tf.GradientTape() as tape:
    tape.watch([mu, log_var])
    z = mu + tf.exp(0.5 * log_var) * epsilon  # the package's Sampling layer is this line
    log_p = model.reconstruction.log_prob(tf.repeat(x, GRADIENT_DRAWS, axis=0), model.decoder(z))
trick = dict(zip(exact, (g.numpy()[:, 0] for g in tape.gradient(log_p, [mu, log_var]))))

log_p, e = log_p.numpy().astype(float), epsilon[:, 0]
# ∇ log q(z|x): (z − z_mean)/σ² = ε/σ for the mean, ½(ε² − 1) for the log-variance
slopes = {"z_mean": e / np.exp(0.5 * z_log_var), "z_log_var": 0.5 * (e**2 - 1)}
score = {name: log_p * slope for name, slope in slopes.items()}
above_others = log_p - (log_p.sum() - log_p) / (GRADIENT_DRAWS - 1)  # minus the others' mean
with_baseline = {name: above_others * slope for name, slope in slopes.items()}

# %% [markdown]
# > **Predict.** All three are averages of the same draws, and all tend to the exact gradient. By
# > what factors do the variances of single draws differ? How much does the baseline remove?

# %%
estimators = {"trick": trick, "with baseline": with_baseline, "score function": score}
variance_ratio = {
    label: {name: draws[name].var() / trick[name].var() for name in exact}
    for label, draws in estimators.items()
}
for name in exact:
    print(f"{name}: exact {exact[name]:.3f}")
    for label, draws in estimators.items():
        error = draws[name].std() / np.sqrt(GRADIENT_DRAWS)
        times = f"variance of one draw {variance_ratio[label][name]:5,.0f} times the trick's"
        print(f"  {label:<15}{draws[name].mean():8.3f} ± {error:.3f}   {times}")

# %%
figure, axes = figures.panels(width=6, height=3.6)
limit = 2 * score["z_mean"].std()
bins = np.linspace(-limit, limit, 81)
for (label, draws), colour in zip(reversed(estimators.items()), (1, 2, 0)):
    axes.hist(draws["z_mean"], bins, label=label, color=figures.PALETTE[colour], alpha=0.8)
axes.axvline(exact["z_mean"], color=figures.PALETTE[4], label="exact")
axes.set(xlabel="gradient for z_mean from one draw", ylabel="draws", yscale="log")
axes.set_title("three estimators, one draw each")
axes.legend()
figure

# %% [markdown]
# The plain score function has hundreds of times the variance of the trick. After 4,000 draws its
# error is nearly as large as the slope for `z_mean`, so not even the sign is certain. But nearly
# all of that comes from the missing baseline: $\log p(x|z)$ is around −23 nats at every draw, and
# this common part only adds noise. With the mean subtracted, the variance is two times that of the
# trick for `z_mean`, and eight times for `z_log_var`. This factor, two to eight, is the advantage
# of the trick itself in one dimension. The score function only learns *how good* a draw was, and
# must find the slope by comparing draws. The trick asks the decoder for the slope itself.
#
# And with more dimensions? A draw is good or bad because of all of them together, so for the slope
# of one dimension the others are noise. Here is the same comparison for the code of twenty numbers
# and our image of section 4, with the variances of all slopes of `z_mean` added up:

# %%
some = 1_000
epsilon_20 = rng.normal(size=(some, 20)).astype("float32")
mu_20, log_var_20 = (tf.repeat(encoded[name], some, axis=0) for name in ("z_mean", "z_log_var"))
with tf.GradientTape() as tape:
    tape.watch(mu_20)
    z = mu_20 + tf.exp(0.5 * log_var_20) * epsilon_20
    log_p_20 = large.model.log_prob(tf.repeat(image, some, axis=0), z)["log_prob"]
trick_20 = tape.gradient(log_p_20, mu_20).numpy()

log_p_20 = log_p_20.numpy().astype(float)[:, None]
slope_20 = epsilon_20 / np.exp(0.5 * log_var_20)
ratio_20 = {}
for label, reward in (
    ("with baseline", (log_p_20 - log_p_20.mean()) * some / (some - 1)),  # as above
    ("score function", log_p_20),
):
    ratio_20[label] = (reward * slope_20).var(axis=0).sum() / trick_20.var(axis=0).sum()
    print(f"twenty dimensions, {label:<15}{ratio_20[label]:6,.0f} times the trick's variance")

# %% [markdown]
# With the baseline a factor of about seven is left in twenty dimensions. Seven times the variance
# needs seven times as many draws for the same accuracy. With the trick one draw for each image and
# step is enough, so a VAE trains like any other network.
#
# What does *not* work is to draw $z$ and then treat **it** as a constant, as one does with data:

# %%
with tf.GradientTape() as tape:
    tape.watch([mu, log_var])
    z = tf.stop_gradient(mu + tf.exp(0.5 * log_var) * epsilon)
    log_p = model.reconstruction.log_prob(tf.repeat(x, GRADIENT_DRAWS, axis=0), model.decoder(z))
no_gradient = tape.gradient(log_p, [mu, log_var])
print("gradient for z_mean and z_log_var if z is a constant:", no_gradient)

# %% [markdown]
# The encoder would learn nothing from the reconstruction. $\varepsilon$ is the constant, $z$ is
# not.
#
# ## 9. Mistakes that are easy to make
#
# Most of these have been in print. Each is a line that looks right, with a number that shows that
# it is not. In all of them $q$ is the encoder's guess from section 6 unless another one is named.
#
# **The standard deviation is $e^{\frac12 \texttt{z\_log\_var}}$.** Some texts write
# $z = \texttt{z\_mean} + e^{\sigma^2/2} \cdot \varepsilon$. With `z_log_var` = −2 the variance of
# the draws should be $e^{-2}$.

# %%
eps, wanted = rng.normal(size=200_000), np.exp(-2.0)
right_one, wrong = np.var(np.exp(0.5 * -2.0) * eps), np.var(np.exp(wanted / 2) * eps)
print(f"wanted {wanted:.3f};  exp(½·z_log_var)·ε: {right_one:.3f};  exp(σ²/2)·ε: {wrong:.3f}")

# %% [markdown]
# **The lost minus sign.** For a Gaussian decoder with $\sigma = 1$ and $d$ pixels some texts write
# $\|x - \mu\|^2 - d \log\sqrt{2\pi}$ as the log-likelihood. It must be
# $-\tfrac12\|x - \mu\|^2 - d \log\sqrt{2\pi}$: both the minus and the ½ are lost. We compare a
# mean that is the image itself with a mean that is its negative.

# %%
flat_x = x.ravel().astype(float)
likelihoods = {}
for name, mu in (("the image itself", flat_x), ("its negative", 1 - flat_x)):
    squared, constant = np.sum((flat_x - mu) ** 2), 64 * 0.5 * np.log(2 * np.pi)
    likelihoods[name] = stats.norm.logpdf(flat_x, mu).sum(), squared - constant
    right_one, found = likelihoods[name]
    lost = f"−½‖x−μ‖² − …: {-0.5 * squared - constant:.2f};  ‖x−μ‖² − …: {found:.2f}"
    print(f"{name:<17} SciPy {right_one:.2f};  {lost}")

# %% [markdown]
# Without the minus sign, the worst of all reconstructions is the most probable one. With the minus
# but without the ½, a reconstruction error counts twice as much against the KL term as it should.
#
# **The lost bracket.** In line 2, $\log p(z|x)$ is subtracted as a whole. Written without its
# bracket, as $\mathbb E_q[\log q - \log p(x|z) + \log p(z) - \log p(x)]$, two signs are wrong, and
# the result is not the divergence of line 1.

# %%
bracket_lost = expected(log_qz, log_qz - log_px_z + log_pz - log_px_1)
print(f"D[q‖p(z|x)] = {gap:.3f} nats;  without the bracket: {bracket_lost:.3f}")

# %% [markdown]
# **A mean of logarithms is not the logarithm of a mean.** Some texts write
# "$p(x|z) \approx \mathbb E[\log p(x|z)]$": a probability on the left, a negative number on the
# right. Even with the logarithm on both sides the two differ, here by several nats, with means over
# the prior:

# %%
log_of_mean, mean_of_log = log_integral(log_px_z + log_pz), expected(log_pz, log_px_z)
print(f"p(x) = {np.exp(log_of_mean):.2e}, which no negative number approximates")
print(f"log E[p(x|z)] = {log_of_mean:.1f} nats;  E[log p(x|z)] = {mean_of_log:.1f} nats")

# %% [markdown]
# **The KL with a log standard deviation.** With $s = \log\sigma$ it is
# $\tfrac12(e^{2s} + \texttt{z\_mean}^2 - 2s - 1)$. Two common lines mix the conventions. The
# first forgets the ½ and the 2, the second has $(e^s)^2$ and a single $s$. Both are tried at
# `z_mean` = 0, $\sigma$ = ½.

# %%
s, sigma = np.log(0.5), 0.5
truth = expected(log_normal(0, 2 * s), log_normal(0, 2 * s) - log_pz)
kl_forms = {
    "Σ σ² + μ² − log σ − 1": sigma**2 - np.log(sigma) - 1,
    "−½ Σ 1 + s − μ² − (e^s)²": -0.5 * (1 + s - np.exp(s) ** 2),
    "½ Σ e^2s + μ² − 2s − 1": 0.5 * (np.exp(2 * s) - 2 * s - 1),
}
print(f"by integration {truth:.4f} nats;", {k: f"{v:.4f}" for k, v in kl_forms.items()})

# %% [markdown]
# Both of the common lines give a *negative* number there, and a divergence is never negative. This
# check costs nothing.
#
# **$\theta$ computes $x$ from $z$, not $z$.** What is drawn from the prior does not depend on the
# weights of the decoder. With other weights the same $z$ gives another image.

# %%
other = trained(config.replace(epochs=1, seed=SEED + 1), dataset)
same_z = tf.constant([[0.7]])
changed = np.abs(model.decode(same_z) - other.decode(same_z)).max()
print(f"same z, other θ: a pixel's probability changes by up to {changed:.2f}")

# %% [markdown]
# **The gap is not 0, and matching $q$ does not by itself maximise $p(x)$.** With a better guess the
# ELBO rises, and $\log p(x)$ stays where it is, because $q$ is not in it. Only a better decoder
# makes images more probable. Below, a decoder trained for a single epoch gets a perfect $q$, its
# own posterior, and the trained one keeps its encoder's.

# %%
other_logits = other.decoder(grid[:, None].astype("float32")).numpy().reshape(-1, 64)
other_joint = flat @ other_logits.T.astype(float) - np.logaddexp(0, other_logits).sum(1) + log_pz
elbo_best = expected(log_best, log_px_z + log_pz - log_best)
print(f"this image, better q: ELBO {elbo:.2f} → {elbo_best:.2f}", end="; ")
print(f"log p(x) {elbo + gap:.2f} → {elbo_best + best.fun:.2f}")
print(f"all, poor decoder, perfect q (no gap): {log_integral(other_joint).mean():.2f} nats")
print(f"all, good decoder, the encoder's q:    {elbos.mean():.2f} nats")

# %% [markdown]
# Training moves both at once: it raises the ELBO over the weights of encoder and decoder. The
# evidence grows, or the gap shrinks, or both, in no fixed proportion.
#
# ## Exercises
#
# Fill in a cell and run it: it says whether the answer is right. The solutions are folded below.
#
# 1. **Does it add up?** If $p(x)$ is a probability it must sum to 1 over all images. There are
#    $2^{64}$ of those, which is too many. But pixels are independent given $z$, so leaving factors
#    out of the product gives the probability of the *other* pixels. Take the nine pixels of rows 3
#    to 5 and columns 3 to 5 (counted from 0), and compute the probability of each of their 512
#    patterns.

# %%
patterns = np.array([[(n >> k) & 1 for k in range(9)] for n in range(512)], float)
nine = logits.reshape(-1, 8, 8)[:, 3:6, 3:6].reshape(-1, 9)  # [8001, 9]: their logits on the grid


def answer_1(patterns, nine):
    """Fill in: the probability of each pattern, [512]."""
    ...


def right_1(p):
    """They sum to 1, and those with the first two pixels at 1 to the probability of these two."""
    two = integral(np.exp(log_pz) / np.prod(1 + np.exp(-nine[:, :2]), axis=1))
    have_both = patterns[:, :2].all(axis=1)
    is_joint = np.shape(p) == (512,) and np.isclose(np.sum(p[have_both]), two, atol=1e-6)
    return is_joint and np.isclose(np.sum(p), 1, atol=1e-6)


check(1, answer_1(patterns, nine), right_1)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1(patterns, nine):
    return np.exp(log_integral(patterns @ nine.T - np.logaddexp(0, nine).sum(axis=1) + log_pz))


print(f"sum over 512 patterns: {answer_1(patterns, nine).sum():.10f}")
assert check(1, answer_1(patterns, nine), right_1)

# %% [markdown]
# 2. **A gap of 0.** Make the decoder linear and Gaussian: $p(x|z) = \mathcal N(w z, \sigma^2)$
#    for one pixel, with $w = 2$, $\sigma = ½$ and $x = 1$. Then
#    $p(x) = \mathcal N(0, w^2 + \sigma^2)$ and the posterior is Gaussian with variance
#    $1/(1 + w^2/\sigma^2)$ and mean $x\,w/(w^2 + \sigma^2)$. Show on the grid that with this $q$
#    the ELBO *is* $\log p(x)$.


# %%
def answer_2(w, sigma, value):
    """Fill in: the ELBO with this q, by `expected` on the grid."""
    ...


log_evidence = stats.norm.logpdf(1.0, 0, np.sqrt(2.0**2 + 0.5**2))
check(2, answer_2(w=2.0, sigma=0.5, value=1.0), log_evidence, tolerance=1e-9)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(w, sigma, value):
    log_linear = stats.norm.logpdf(value, w * grid, sigma)
    log_q = log_normal(value * w / (w**2 + sigma**2), -np.log(1 + w**2 / sigma**2))
    return expected(log_q, log_linear + log_pz - log_q)


assert check(2, answer_2(w=2.0, sigma=0.5, value=1.0), log_evidence, tolerance=1e-9)

# %% [markdown]
# 3. **The other way round.** Choose a Gaussian $q$ for our image by minimising $D[p(z|x)\|q]$, the
#    divergence in the other direction. Give its mean and the logarithm of its variance. Compare its
#    ELBO with that of the best Gaussian, and draw both. What does each of the two care about?


# %%
def answer_3(log_posterior):
    """Fill in: (mean, log variance) of the Gaussian that minimises D[p(z|x)‖q]."""
    ...


def right_3(answer):
    """Every small step away from it makes D[p(z|x)‖q] larger."""
    steps = 0.01 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1], [0, 0]])
    tried = [expected(log_pz_x, log_pz_x - log_normal(*one)) for one in np.add(answer, steps)]
    return np.argmin(tried) == 4


check(3, answer_3(log_pz_x), right_3)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(log_posterior):
    where = expected(log_posterior, grid)  # a Gaussian takes over mean and variance
    return where, np.log(expected(log_posterior, (grid - where) ** 2))


assert check(3, answer_3(log_pz_x), right_3)
log_matched = log_normal(*answer_3(log_pz_x))
matched_gap = expected(log_matched, log_matched - log_pz_x)
print(f"gap: best Gaussian {best.fun:.2f} nats, same mean and variance {matched_gap:.2f} nats")
assert matched_gap > best.fun
figures.lines(
    {
        "posterior": (grid, np.exp(log_pz_x)),
        "min D[q‖p]: stays inside a peak": (grid, np.exp(log_best)),
        "min D[p‖q]: covers all of them": (grid, np.exp(log_matched)),
    },
    "z",
    "density",
    "two ways to miss a posterior",
    xlim=(-3.5, 3.5),
    ylim=(0, 5.5),
)

# %% [markdown]
# ## Further reading
#
# * Kingma and Welling 2014, [Auto-Encoding Variational Bayes](https://arxiv.org/abs/1312.6114):
#   the bound, the trick, and the closed form in appendix B.
# * Rezende, Mohamed and Wierstra 2014, [Stochastic Backpropagation and Approximate Inference in
#   Deep Generative Models](https://arxiv.org/abs/1401.4082): the same idea, found independently
#   and argued from the gradient.
# * Chatterjee and Diaconis 2018, [The sample size required in importance
#   sampling](https://arxiv.org/abs/1511.01437): why the number of draws is the exponential of a
#   divergence.
# * Cremer, Li and Duvenaud 2018, [Inference Suboptimality in Variational
#   Autoencoders](https://arxiv.org/abs/1801.03558): how much of the gap is due to the Gaussian
#   family, and how much to the encoder.
#
# ## Checks

# %%
assert np.abs(by_hand - by_package).max() < 1e-3
assert np.isclose(with_bracket, of_scipy) and abs(without_bracket - of_scipy) > 10
assert abs(map_total - 1) < 1e-3, "a density sums to 1"
assert np.abs(coarse - log_px).max() < 1e-6, "the grid is too coarse to be the truth"
assert max(abs(line_2 - gap), abs(line_3 - gap), abs(left_side - right_side)) < 1e-9
assert abs(log_px_1 - gap - elbo) < 1e-9, "the identity holds to float precision"
assert gaps.min() > 0 and all_gaps.min() > -1e-6, "a lower bound is never above"
assert 0.01 < best.fun < gap + 1e-6, "the best Gaussian is better, and its gap is not 0"
assert needed <= 20 and ess_naive < 5, "naive Monte Carlo hangs on a few draws"
assert naive < bound < weighted, "and lies below a lower bound"
assert abs(needed_nats - kl) < 0.3 * kl and np.exp(needed_nats) > 100 * PRIOR_DRAWS
assert np.abs(closed - numerical).max() < 1e-5
for name, value in exact.items():
    for draws in (trick[name], with_baseline[name], score[name]):
        assert abs(draws.mean() - value) < 5 * draws.std() / np.sqrt(GRADIENT_DRAWS)
for name in exact:  # nearly all of the factor is the missing baseline
    plain, based = (variance_ratio[label][name] for label in ("score function", "with baseline"))
    assert plain > 30 * based and based < 30, (name, plain, based)
assert ratio_20["score function"] > 30 * ratio_20["with baseline"]
assert 4 < ratio_20["with baseline"] < 25, "less than that is left"
assert no_gradient == [None, None]
exact_one, lost_one = zip(*likelihoods.values())
assert exact_one[0] > exact_one[1] and lost_one[0] < lost_one[1], "the worst one is preferred"
assert abs(bracket_lost - gap) > 1 and abs(wrong - wanted) > 0.5
assert max(list(kl_forms.values())[:2]) < 0 < truth, "a divergence is never negative"
assert np.isclose(kl_forms["½ Σ e^2s + μ² − 2s − 1"], truth)
assert elbo_best > elbo and np.isclose(elbo_best + best.fun, elbo + gap)
assert log_integral(other_joint).mean() < elbos.mean()

# %% [markdown] tags=["navigation"]
# ---
# Previous: [4. Why autoencoders do not generate](04_why_autoencoders_do_not_generate.ipynb) ·
# Next: [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
