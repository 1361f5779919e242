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
# Here is a wish: a machine that tells how probable a picture is. With it one could draw new
# pictures, mend damaged ones and notice strange ones. There is a simple recipe for such a
# machine, and an integral in the middle of it that nobody can compute. The variational idea is
# what one does instead of computing it. It fits in one equation, and by the end of this chapter
# you will have derived that equation line by line and checked every line with numbers, because we
# shall pick a model so small that the impossible integral is possible.
#
# You will
#
# 1. write down a model of pictures with a *latent variable*, and read a decoder as a
#    distribution,
# 2. compute $p(x)$ exactly where the code is one number, and watch the obvious estimate fail
#    where it is twenty,
# 3. derive the evidence lower bound (ELBO), with a check after each line,
# 4. see the gap between the bound and the truth, and move it with a slider,
# 5. find out what the reparameterisation trick buys, in variance,
# 6. make the classic slips on purpose, each refuted by a number.
#
# It takes about a minute to run and needs no download. It helps to know autoencoders (chapters 1
# to 4); nothing is imported from them.

# %% [markdown] tags=["navigation"]
# **Builds on** [4. Why autoencoders do not generate](04_why_autoencoders_do_not_generate.ipynb) ·
# **To read** about 55 minutes ·
# **To run** about 1 minute on two cores
#
# Previous: [4. Why autoencoders do not generate](04_why_autoencoders_do_not_generate.ipynb) ·
# Next: [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
PICTURE = 34  # of the test set: the one that we follow
EPOCHS = 60
PRIOR_DRAWS = 100_000  # fast: 20_000
GRADIENT_DRAWS = 4_000

# %% [markdown]
# ## 1. A story about how pictures come to be
#
# Suppose that every picture $x$ was made in two steps.
#
# 1. Somebody drew a hidden number $z$ from the *prior* $p(z) = \mathcal N(0, 1)$. It is called a
#    *latent variable*: it is part of the story, and not of the data.
# 2. Somebody drew the picture from $p_\theta(x|z)$, a distribution whose parameters a network
#    computes from $z$. That network is the *decoder*, and $\theta$ are its weights.
#
# It takes a trained decoder to play with. The next chapter builds one from nothing; here one line
# is enough. The pictures are the 8×8 digits of scikit-learn with every pixel turned into 0 or 1,
# and the code is a single number.

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

rng = np.random.default_rng(SEED)
places = np.linspace(-2.5, 2.5, 13, dtype="float32")[:, None]
figures.image_rows({"f(z)": model.decode(places)}, title="one number, thirteen pictures")

# %% [markdown]
# A single number cannot tell all digits apart, and this model knows it: where it is torn between
# two digits it paints grey. That is a poor model of handwriting. It is an excellent model for us,
# since everything about it can be computed.
#
# ## 2. A decoder is a distribution
#
# A grey pixel is not a drawing of grey. The pixels are 0 or 1, and the decoder's $f(z)$ says, for
# each of the 64, how probable a 1 is. Given $z$ the pixels are independent, so the probability of
# a whole picture is a product, and its logarithm is a sum over pixels:
#
# $$\log p(x|z) = \sum_{i=1}^{64} \; x_i \log f_i(z) + (1 - x_i) \log\big(1 - f_i(z)\big)$$
#
# You have met this before: with the sign turned it is the *binary cross-entropy*, summed over
# pixels. Cross-entropy was never an arbitrary choice of loss. It is minus the log-probability
# under a *Bernoulli* decoder.

# %%
images, labels = dataset.test.arrays()
a = model.decoder(places).numpy()  # logits: f = sigmoid(a)
f = 1 / (1 + np.exp(-a))
by_hand = np.sum(images[0] * np.log(f) + (1 - images[0]) * np.log(1 - f), axis=(1, 2, 3))
same_image = np.repeat(images[:1], len(places), axis=0)
# model.reconstruction: the decoder's distribution p(x|z), given logits
by_package = model.reconstruction.log_prob(same_image, a).numpy()
print("largest difference:", f"{np.abs(by_hand - by_package).max():.1e} nats")

# %% [markdown]
# The unit is the *nat*: natural logarithms all the way. Because $p(x|z)$ is a distribution we can
# draw from it, and it is worth seeing once what that looks like. The pictures in papers are
# nearly always the upper row, the mean.

# %%
drawn = model.reconstruction.sample(a, seed=(0, SEED))
figures.image_rows({"mean f(z)": f, "a draw of p(x|z)": drawn}, title="the mean, and the model")

# %% [markdown]
# For grey or coloured pixels one takes a *Gaussian* decoder,
# $p(x|z) = \mathcal N(f(z), \sigma^2 I)$ with one $\sigma$ for all pixels. Write out its density
# and take the logarithm, and squared error appears:
#
# $$-\log p(x|z) = \sum_i \frac{(x_i - f_i(z))^2}{2\sigma^2} + \log\sigma + \tfrac12 \log 2\pi$$
#
# The ½ comes from the exponent of the bell curve, $e^{-d^2/2\sigma^2}$. With $\sigma = 1$ the
# loss is *half* the squared error. If you minimise the squared error without the ½ you have
# chosen $2\sigma^2 = 1$, so $\sigma^2 = ½$, whether you knew it or not. For a plain autoencoder a
# factor in front of the only term is no matter. In a moment there will be a second term, and then
# $\sigma$ is an exchange rate: it says how many nats a wrong pixel costs.

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
# How much is there to win? Say a decoder that ignores $z$ always answers with the mean picture.
# The most that any code can save is the whole squared deviation from that mean, at the exchange
# rate.

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
# With $\sigma = 1$, *knowing the picture exactly* is worth a couple of nats. Keep this in mind
# for the day when your VAE paints the same blur for every input: it may have worked out that a
# code is not worth its price.
#
# ## 3. The probability of a picture
#
# The story had two steps, and we only see the result of the second. To get the probability of a
# picture, add up all the ways in which it may have come about:
#
# $$p(x) = \int p(x|z)\, p(z)\, dz$$
#
# With one number $z$ this is an area under a curve. We lay a fine grid over $[-10, 10]$, let the
# decoder compute $\log p(x|z)$ at each point once and for all, and from then on an integral is a
# sum. Logarithms are kept as long as possible: $e^{-60}$ is nothing that one would like to add up
# directly, and `logsumexp` does the sum without leaving the logarithm.

# %%
grid = np.linspace(-10, 10, 8_001)
step = grid[1] - grid[0]
logits = model.decoder(grid[:, None].astype("float32")).numpy().reshape(-1, 64).astype(float)
flat = images.reshape(-1, 64).astype(float)

log_pz = -0.5 * (grid**2 + np.log(2 * np.pi))  # [8001]
# the sum of section 2 in logits: Σ x·a − log(1 + eᵃ)
log_px_z = flat @ logits.T - np.logaddexp(0, logits).sum(axis=1)  # [pictures, 8001]


def integral(values):
    return np.sum(values, axis=-1) * step


def log_integral(log_values):
    return logsumexp(log_values, axis=-1) + np.log(step)


log_px = log_integral(log_px_z + log_pz)  # one number per picture: the truth
print(f"log p(x) of the {len(log_px)} test pictures: {log_px.mean():.2f} nats on average")

# %% [markdown]
# Is the grid fine enough to be called the truth? Half of its points must give the same.

# %%
coarse = logsumexp((log_px_z + log_pz)[:, ::2], axis=-1) + np.log(2 * step)
print(f"largest change with half of the points: {np.abs(coarse - log_px).max():.1e} nats")

# %% [markdown]
# For the rest of the chapter we follow one test picture. So that it is not too easy we take an
# ambiguous one, found by looking: more than one place on the number line explains it.

# %%
log_pz_x = log_px_z + log_pz - log_px[:, None]  # Bayes, of which more in section 5
chosen = PICTURE
log_px_z, log_pz_x, log_px_1 = log_px_z[chosen], log_pz_x[chosen], log_px[chosen]
x = images[chosen : chosen + 1]
print(f"picture {chosen}, a {labels[chosen]}: log p(x) = {log_px_1:.3f} nats")

# %%
figure, (left, middle, right) = figures.panels(1, 3, width=3.6, height=3.2)
left.imshow(x[0, ..., 0], cmap="gray")
left.set(title="the picture x", xticks=[], yticks=[])
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
# Most of the number line has nothing to do with this picture: the curve in the middle is two
# peaks in a desert. The area under the peaks, weighted with the prior, is $p(x)$.
#
# ## 4. The obvious way, and why it fails
#
# There is an obvious way to do without the grid. $p(x)$ is a mean over the prior, so draw from
# the prior and average, which is called *naive Monte Carlo*:
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
# Now a code of twenty numbers, which is a modest size. The model was trained on MNIST and ships
# with the package. To be kind, we ask for the probability of a picture that the model has drawn
# itself, so there is certainly a $z$ that explains it.

# %%
large = load_exported("../saved_models/pretrained/mnist_vae_20d")
picture = (large.generate(1, seed=SEED + 3) > 0.5).astype("float32")
others = large.generate(7, seed=SEED)
figures.image_grid(
    np.concatenate([picture, others]), columns=8, title="our picture (left), and draws of the prior"
)

# %% [markdown]
# > **Predict.** We draw from the prior as many codes as `PRIOR_DRAWS` says, tens of thousands of
# > them, and add up $p(x|z_i)$. How many of the draws does it take to make up 99 % of the sum?

# %%
z_i = rng.normal(size=(PRIOR_DRAWS, large.latent_dim)).astype("float32")
repeated = np.repeat(picture, 5_000, axis=0)
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
# If you said "a handful" you were generous. All those draws are worth about as much as two good
# ones. Nearly all of them decode to some other picture, and by the last line what decodes to
# another picture explains this one hardly at all: write $e$ to that power, and count the zeros.
#
# So the estimate is what the luckiest draw says, and it has not settled:

# %%
counts = np.unique(np.geomspace(10, PRIOR_DRAWS, 60).astype(int))
running = [logsumexp(log_w[:n]) - np.log(n) for n in counts]
naive = running[-1]
figure = figures.lines(
    {"naive estimate": (counts, running)},
    "draws of the prior",
    "estimate of log p(x), nats",
    "twenty numbers: waiting for a lucky draw",
    xscale="log",
)
figure

# %% [markdown]
# It hangs, drifts down while nothing happens, then leaps when a better draw turns up. Is it at
# least close? We cannot compute the truth here, but we are about to learn a number that the truth
# is *certain* to exceed.
#
# ## 5. Bayes, and a guess
#
# The remedy is plain: do not draw codes that have nothing to do with $x$. The codes that have are
# described by the *posterior*, which Bayes' rule gives:
#
# $$p(z|x) = \frac{p(x|z)\, p(z)}{p(x)}$$
#
# Its numerator is easy. Its denominator is the integral that we are trying to avoid, so the exact
# posterior is out of reach as well. But we may *guess* it: let a second network read $x$ and
# answer with a distribution $q(z|x)$ of a simple kind, a Gaussian:
#
# $$q(z|x) = \mathcal N\big(\texttt{z\_mean},\, e^{\texttt{z\_log\_var}}\big)$$
#
# That network is the *encoder*. Its two outputs, `z_mean` and `z_log_var`, are called its *heads*.
# It gives the logarithm of the variance, because a logarithm may be any real number and a variance
# may not. `z_log_var` is a log-variance everywhere in this course, never a log standard deviation.
#
# A guess need not be right to be useful. Any $q$ can be drawn from, if each draw is weighted by
# how much more often the prior would have come by it:
#
# $$p(x) = \int q(z|x)\, \frac{p(x|z)\, p(z)}{q(z|x)}\, dz \approx
# \frac1n \sum_i \frac{p(x|z_i)\,p(z_i)}{q(z_i|x)}, \qquad z_i \sim q(z|x)$$

# %%
encoded = large.call("encode", x=picture)
z_mean, z_log_var = encoded["z_mean"], encoded["z_log_var"]  # [1, 20] each
epsilon = rng.normal(size=(5_000, 20)).astype("float32")
z_i = z_mean + np.exp(0.5 * z_log_var) * epsilon
of_pixels = large.log_prob(np.repeat(picture, 5_000, axis=0), z_i).astype(float)
log_ratio = 0.5 * np.sum(epsilon**2 + z_log_var - z_i**2, axis=1)  # log p(z) − log q(z|x)
weighted = logsumexp(of_pixels + log_ratio) - np.log(5_000)
ess_weighted = effective_sample_size(of_pixels + log_ratio)
# D[q‖p(z)]: defined in section 6, in this form in section 7
kl = 0.5 * np.sum(np.exp(z_log_var) + z_mean**2 - z_log_var - 1)
bound = of_pixels.mean() - kl  # derived in section 6
print(f"{'naive':<22}{naive:8.1f} nats, from {PRIOR_DRAWS:,} draws worth {ess_naive:.1f}")
print(f"{'weighted draws of q':<22}{weighted:8.1f} nats, from 5,000 draws worth {ess_weighted:.1f}")
print(f"{'a certain lower bound':<22}{bound:8.1f} nats")
print(f"D[q ‖ p(z)] = {kl:.1f} nats, and e to that power is {np.exp(kl):.0e}")

# %% [markdown]
# Five thousand draws from the guess, though by no means all equally good, beat all the draws from
# the prior, and the naive estimate lies *below a lower bound* of the truth. The last line says
# how hopeless it was: $D[q\|p(z)]$, which the next section defines, measures how special the
# codes of this picture are among all codes, and the number of draws that one needs from the prior
# is about its exponential (Chatterjee and Diaconis 2018). Each nat multiplies the work by $e$.
# More draws are no cure; better draws are.
#
# ## 6. The bound, line by line
#
# A guess needs a grade. The *Kullback–Leibler divergence*
# $D[q\|p] = \mathbb E_q[\log q - \log p]$ says by how much a distribution $q$ misses another one:
# 0 if they are equal, positive otherwise. ($\mathbb E_q$ is the mean over draws of $q$.) Let us
# grade a guess for our ambiguous digit and see what comes out. Back to the model with the exact
# integral; the guess is the encoder's own.


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
# **Line 1.** The grade of the guess, by definition:
#
# $$D[q\|p(z|x)] = \mathbb E_q\big[\log q(z|x) - \log p(z|x)\big]$$

# %%
gap = expected(log_qz, log_qz - log_pz_x)
print(f"line 1: {gap:.12f} nats")

# %% [markdown]
# **Line 2.** Put Bayes' rule, in logarithms, in the place of $\log p(z|x)$. Mind the signs: it is
# subtracted as a whole.
#
# $$D[q\|p(z|x)] =
# \mathbb E_q\big[\log q(z|x) - \big(\log p(x|z) + \log p(z) - \log p(x)\big)\big]$$

# %%
line_2 = expected(log_qz, log_qz - (log_px_z + log_pz - log_px_1))
print(f"line 2: {line_2:.12f}, differs from line 1 by {abs(line_2 - gap):.0e}")

# %% [markdown]
# **Line 3.** $\log p(x)$ does not depend on $z$. Its mean over $z$ is itself, so it may leave the
# bracket:
#
# $$D[q\|p(z|x)] =
# \mathbb E_q\big[\log q(z|x) - \log p(x|z) - \log p(z)\big] + \log p(x)$$

# %%
line_3 = expected(log_qz, log_qz - log_px_z - log_pz) + log_px_1
print(f"line 3: {line_3:.12f}, differs from line 1 by {abs(line_3 - gap):.0e}")

# %% [markdown]
# **Line 4.** What we know goes to one side, what we do not to the other:
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
# probability of the picture and the true posterior. On the right stand things that we can: draw a
# $z$ from the encoder, decode it, compare, and add a penalty that keeps the code near the prior.
# That is an autoencoder with noise and a penalty. Nobody asked for one; it fell out of Bayes'
# rule.
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
# > aside and search for the *best* mean and variance for this one picture, with the exact
# > posterior in hand. Will the gap become 0?

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
axes.fill_between(grid, np.exp(log_pz_x), color=figures.PALETTE[1], label="posterior p(z|x)")
axes.plot(grid, np.exp(log_pz), color=figures.PALETTE[3], label="prior p(z)")
axes.plot(grid, np.exp(log_qz), "--", color=figures.PALETTE[4], label="q(z|x) of the encoder")
axes.plot(grid, np.exp(log_best), color=figures.PALETTE[0], label="the best Gaussian")
top = 1.15 * max(np.exp(log_pz_x).max(), np.exp(log_best).max())
axes.set(xlim=(-3.5, 3.5), ylim=(0, top), xlabel="z", ylabel="density")
axes.set_title("the guess, the best guess and the truth")
axes.legend()
figure

# %% [markdown]
# If you said "no", you saw the picture in section 3: a posterior with more than one peak is no
# Gaussian, and no choice of mean and variance makes it one. The best Gaussian settles for one of
# the peaks, since $D[q\|p]$ punishes a $q$ that has mass where $p$ has none and is lenient about
# places that $q$ forgets. The gap is the price of a simple family of guesses, and it is not 0.
#
# Now move the guess yourself. **What to look for:** the black line never moves. A better guess
# does not make the picture more probable; it moves the border between ELBO and gap.

# %%
from vae_keras.figures.sliders import Sliders


def guess(mean, log_variance):
    log_q = log_normal(mean, log_variance)
    miss = expected(log_q, log_q - log_pz_x)
    figure, (left, right) = figures.panels(1, 2, width=4.2, height=3.2)
    left.fill_between(grid, np.exp(log_pz_x), color=figures.PALETTE[1], label="p(z|x)")
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
# One picture is an anecdote. Here are the bound and the truth of all test pictures, and the gap
# that the encoder leaves.

# %%
all_log_px_z = flat @ logits.T - np.logaddexp(0, logits).sum(axis=1)
heads = [head.numpy().astype(float) for head in model.encoder(images)]  # [pictures, 1] each
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
# For most pictures the guess is nearly right; the gap is the work of a few for which the encoder
# has picked the wrong place. It has to answer for *all* pictures with one set of weights, which
# is known as *amortised* inference, and it sometimes guesses worse than the best Gaussian would.
#
# ## 7. The penalty in closed form
#
# `kl_loss` was an integral so far. For a Gaussian $q$ and a standard normal prior it need not be.
# The only means that occur are those of $z^2$ and of $(z - \texttt{z\_mean})^2$, which are
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
# The bowl has its bottom at `z_mean` = `z_log_var` = 0, where the code says nothing at all about
# the picture. It would be a mistake to call that point the goal. It is where the penalty alone
# pulls; a picture that wants to be recognised has to climb out of it, and pay.
#
# ## 8. How to differentiate through a dice roll
#
# Training needs the gradient of $\mathbb E_q[\log p(x|z)]$ with respect to `z_mean` and
# `z_log_var`, and from there to the encoder's weights. But those two numbers say *how to draw*
# $z$. What is the derivative of a draw?
#
# There are two answers. The first one leaves the draw alone and differentiates the density. Since
# $\nabla q = q\,\nabla \log q$, a slope of $q$ can be written as a mean over $q$ again (the *score
# function* estimator, known as REINFORCE):
#
# $$\nabla\, \mathbb E_q[\log p(x|z)] = \mathbb E_q\big[\log p(x|z)\; \nabla \log q(z|x)\big]$$
#
# (In practice one subtracts a *baseline* from $\log p$ first, which helps. We do not, here.)
#
# The second one rewrites the draw. A draw from
# $\mathcal N(\texttt{z\_mean}, e^{\texttt{z\_log\_var}})$ is a standard normal one, stretched and
# moved:
#
# $$z = \texttt{z\_mean} + e^{\frac12 \texttt{z\_log\_var}} \cdot \varepsilon,
# \qquad \varepsilon \sim \mathcal N(0, 1)$$
#
# and now the mean is one over $\varepsilon$, whose distribution has *no parameters*. That is the
# whole reason why $\varepsilon$ may be treated as a constant: the derivative passes through the
# mean because what we average over does not move when the weights do,
#
# $$\nabla\, \mathbb E_\varepsilon[\log p(x|z(\varepsilon))] =
# \mathbb E_\varepsilon[\nabla \log p(x|z(\varepsilon))].$$
#
# This is the *reparameterisation trick*. Both answers are right on average. To be sure we need
# the truth, and on a grid it is at hand: move each number a little and see how the integral
# changes (finite differences).

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

log_p, e = log_p.numpy(), epsilon[:, 0]
# ∇ log q(z|x): (z − z_mean)/σ² = ε/σ for the mean, ½(ε² − 1) for the log-variance
score = {"z_mean": log_p * e / np.exp(0.5 * z_log_var), "z_log_var": log_p * 0.5 * (e**2 - 1)}

# %% [markdown]
# > **Predict.** Both are averages of the same draws, and both tend to the exact gradient. By what
# > factor do the variances of single draws differ?

# %%
variance_ratio = {name: score[name].var() / trick[name].var() for name in exact}
for name in exact:
    for label, draws in (("trick", trick[name]), ("score function", score[name])):
        error = draws.std() / np.sqrt(len(draws))
        mean, one = f"{draws.mean():8.3f} ± {error:.3f}", f"one draw: ± {draws.std():.1f}"
        print(f"{name:<10} {label:<15} {mean}   {one}")
    print(f"{name:<10} {'exact':<15} {exact[name]:8.3f}")
    print(f"{name:<10} variance of the score function: {variance_ratio[name]:,.0f} times\n")

# %%
figure, axes = figures.panels(width=6, height=3.6)
limit = 2 * score["z_mean"].std()
bins = np.linspace(-limit, limit, 81)
axes.hist(score["z_mean"], bins, label="score function", color=figures.PALETTE[1])
axes.hist(trick["z_mean"], bins, label="reparameterisation", color=figures.PALETTE[0], alpha=0.8)
axes.axvline(exact["z_mean"], color=figures.PALETTE[4], label="exact")
axes.set(xlabel="gradient for z_mean from one draw", ylabel="draws", title="one dice roll each")
axes.legend()
figure

# %% [markdown]
# If you said "about the same", look at the widths. After 4,000 draws the score function has not
# even found the sign of the slope for `z_mean` for certain: its error is nearly as large as the
# slope. It only learns *how good* a draw was and must find the slope by comparing; the trick asks
# the decoder for the slope itself.
# Variance is paid for in draws: as many times more of them for the same accuracy. With the trick,
# one draw per picture and step is enough, which is why a VAE trains like any other network.
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
# ## 9. Slips that are easy to make
#
# Most of these have been in print. Each is a line that looks right, and a number that says no. In
# all of them $q$ is the encoder's guess from section 6 unless another one is named.
#
# **The standard deviation is $e^{\frac12 \texttt{z\_log\_var}}$.** One meets
# $z = \texttt{z\_mean} + e^{\sigma^2/2} \cdot \varepsilon$. With `z_log_var` = −2 the variance of
# the draws should be $e^{-2}$.

# %%
eps, wanted = rng.normal(size=200_000), np.exp(-2.0)
right_one, wrong = np.var(np.exp(0.5 * -2.0) * eps), np.var(np.exp(wanted / 2) * eps)
print(f"wanted {wanted:.3f};  exp(½·z_log_var)·ε: {right_one:.3f};  exp(σ²/2)·ε: {wrong:.3f}")

# %% [markdown]
# **The lost bracket.** In line 2, $\log p(z|x)$ is subtracted as a whole. Written without its
# bracket, as $\mathbb E_q[\log q - \log p(x|z) + \log p(z) - \log p(x)]$, two signs are wrong. A
# divergence that comes out otherwise than line 1 is none.

# %%
bracket_lost = expected(log_qz, log_qz - log_px_z + log_pz - log_px_1)
print(f"D[q‖p(z|x)] = {gap:.3f} nats;  without the bracket: {bracket_lost:.3f}")

# %% [markdown]
# **A mean of logarithms is not the logarithm of a mean.** One meets
# "$p(x|z) \approx \mathbb E[\log p(x|z)]$": a probability on the left, a negative number on the
# right. Even with the logarithm on both sides the two differ, here with means over the prior, and
# by how much is no detail:

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
# Both of the common lines come out *negative* there, which a divergence cannot be. That is the
# cheapest of all checks.
#
# **$\theta$ computes $x$ from $z$, not $z$.** The weights of the decoder have no say in what is
# drawn from the prior; the same $z$ under other weights is another picture.

# %%
other = trained(config.replace(epochs=1, seed=SEED + 1), dataset)
same_z = tf.constant([[0.7]])
changed = np.abs(model.decode(same_z) - other.decode(same_z)).max()
print(f"same z, other θ: a pixel's probability changes by up to {changed:.2f}")

# %% [markdown]
# **The gap is not 0, and matching $q$ does not by itself maximise $p(x)$.** A better guess closes
# the gap from below: the ELBO rises and $\log p(x)$ stays where it is, because $q$ is not in it.
# Only a better decoder makes pictures more probable. Below, the hardly trained decoder gets the
# best $q$ that its own posterior allows, and the trained one keeps its encoder's.

# %%
other_logits = other.decoder(grid[:, None].astype("float32")).numpy().reshape(-1, 64)
other_joint = flat @ other_logits.T.astype(float) - np.logaddexp(0, other_logits).sum(1) + log_pz
elbo_best = expected(log_best, log_px_z + log_pz - log_best)
print(f"this picture, better q: ELBO {elbo:.2f} → {elbo_best:.2f}", end="; ")
print(f"log p(x) {elbo + gap:.2f} → {elbo_best + best.fun:.2f}")
print(f"all, poor decoder, perfect q (no gap): {log_integral(other_joint).mean():.2f} nats")
print(f"all, good decoder, the encoder's q:    {elbos.mean():.2f} nats")

# %% [markdown]
# Training moves both at once: it raises the ELBO over the weights of encoder and decoder. The
# evidence grows, or the gap shrinks, or both. Nothing says in which proportion.
#
# ## Exercises
#
# 1. **Does it add up?** If $p(x)$ is a probability it must sum to 1 over all pictures. There are
#    $2^{64}$ of those, which is too many; but since pixels are independent given $z$, leaving
#    factors out of the product gives the probability of the *other* pixels. Take the nine pixels
#    of rows 3 to 5 and columns 3 to 5, and sum over all their 512 patterns.
# 2. **A gap of 0.** Make the decoder linear and Gaussian: $p(x|z) = \mathcal N(w z, \sigma^2)$
#    for one pixel, with $w = 2$, $\sigma = ½$ and $x = 1$. Then
#    $p(x) = \mathcal N(0, w^2 + \sigma^2)$ and the posterior is Gaussian with variance
#    $1/(1 + w^2/\sigma^2)$ and mean $x\,w/(w^2 + \sigma^2)$. Show on the grid that with this $q$
#    the ELBO *is* $\log p(x)$.
# 3. **The other way round.** Choose $q$ for our picture by minimising $D[p(z|x)\|q]$, which for a
#    Gaussian means to take over the posterior's mean and variance. Compare its ELBO with that of
#    the best Gaussian, and draw both. What does each of the two care about?

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
nine = logits.reshape(-1, 8, 8)[:, 3:6, 3:6].reshape(-1, 9)
patterns = np.array([[(n >> k) & 1 for k in range(9)] for n in range(512)], float)
log_p_patterns = log_integral(patterns @ nine.T - np.logaddexp(0, nine).sum(axis=1) + log_pz)
total = np.exp(log_p_patterns).sum()
print(f"sum over 512 patterns: {total:.10f}")
assert abs(total - 1) < 1e-8

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
w, sigma, value = 2.0, 0.5, 1.0
log_linear = stats.norm.logpdf(value, w * grid, sigma)
log_q = log_normal(value * w / (w**2 + sigma**2), -np.log(1 + w**2 / sigma**2))
linear_elbo = expected(log_q, log_linear + log_pz - log_q)
linear_truth = stats.norm.logpdf(value, 0, np.sqrt(w**2 + sigma**2))
print(f"ELBO {linear_elbo:.12f}, log p(x) {linear_truth:.12f}")
assert abs(linear_elbo - linear_truth) < 1e-9

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
where = expected(log_pz_x, grid)
variance = expected(log_pz_x, (grid - where) ** 2)
log_matched = log_normal(where, np.log(variance))
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
#   the bound, the trick and the closed form in appendix B. Shorter than its fame.
# * Rezende, Mohamed and Wierstra 2014, [Stochastic Backpropagation and Approximate Inference in
#   Deep Generative Models](https://arxiv.org/abs/1401.4082): the same idea, found independently
#   and argued from the gradient.
# * Chatterjee and Diaconis 2018, [The sample size required in importance
#   sampling](https://arxiv.org/abs/1511.01437): why the number of draws is the exponential of a
#   divergence.
# * Cremer, Li and Duvenaud 2018, [Inference Suboptimality in Variational
#   Autoencoders](https://arxiv.org/abs/1801.03558): how much of the gap is the Gaussian's fault,
#   and how much the encoder's.
#
# ## Checks

# %%
assert np.abs(by_hand - by_package).max() < 1e-3
assert np.abs(coarse - log_px).max() < 1e-6, "the grid is too coarse to be the truth"
assert max(abs(line_2 - gap), abs(line_3 - gap), abs(left_side - right_side)) < 1e-9
assert abs(log_px_1 - gap - elbo) < 1e-9, "the identity holds to float precision"
assert gaps.min() > 0 and all_gaps.min() > -1e-6, "a lower bound is never above"
assert 0.01 < best.fun < gap + 1e-6, "the best Gaussian is better, and its gap is not 0"
assert needed <= 20 and ess_naive < 5, "naive Monte Carlo hangs on a few draws"
assert naive < bound < weighted, "and lies below a lower bound"
assert np.abs(closed - numerical).max() < 1e-5
for name, value in exact.items():
    assert abs(trick[name].mean() - value) < 5 * trick[name].std() / np.sqrt(GRADIENT_DRAWS)
    assert abs(score[name].mean() - value) < 5 * score[name].std() / np.sqrt(GRADIENT_DRAWS)
assert variance_ratio["z_mean"] > 5, "the trick has much less variance"
assert no_gradient == [None, None]
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
