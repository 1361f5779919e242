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
# # What goes wrong
#
# A program with a wrong formula in it usually crashes, or prints nonsense. A variational
# autoencoder with a wrong formula in it trains. The loss falls, digits appear, and something is a
# little blurry, or a little slow, or not comparable with anybody else's numbers. This chapter is
# a collection of such specimens. Each is bred on purpose, in a few lines, looked at, named and
# cured; and each comes with a line of code that would have caught it.
#
# You will
#
# 1. recognise sixteen mistakes by their symptoms,
# 2. learn for each the cause, the cure and a one-line check,
# 3. take home a checklist for your own code.
#
# It takes one to two minutes to run and needs no download. It builds on chapters 5 and 6 and can
# be read in any order, or looked things up in:
#
# | what you see | section |
# |---|---|
# | every input gives the same blur; the KL is 0 | 1, 3 |
# | samples are bad although reconstructions are fine | 1, 2, 4 |
# | the KL is negative | 2 |
# | the posterior is too sharp, or too wide | 2 |
# | some dimensions of the code do nothing | 3 |
# | the training loss is excellent, the validation loss is not | 4, 8 |
# | NaN, or a loss that falls below zero and keeps falling | 5, 6 |
# | black is never quite black | 7 |
# | the validation loss is far above, or below, the training loss from the start | 8 |
# | the loss jumps about from epoch to epoch | 9 |
# | the model cannot be loaded again | 10 |
# | blank pictures at the edge of the manifold | 11 |
# | an attribute vector changes from run to run, or does the opposite | 12, 13 |
# | your nats cannot be compared with the paper's | 14, 15 |
# | two evaluations of one model differ | 16 |

# %% [markdown] tags=["navigation"]
# **Builds on** [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# **To read** about 50 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [13. Out of the notebook](13_out_of_the_notebook.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 40  # fast: 12
WIDE_EPOCHS = 40  # fast: 25
SAME_NOISE_EPOCHS = 150  # fast: 100
HARD_EPOCHS = 15  # fast: 8

# %% [markdown]
# One healthy model, for comparison, and a notebook to write down what we find:

# %%
from vae_keras import VAE, TrainConfig, UserError, figures, load
from vae_keras.training.fitting import trained

config = TrainConfig(dataset="digits", units="128-64", epochs=EPOCHS, seed=SEED)
dataset = load(config)
good = trained(config, dataset)

# %%
import numpy as np

x_train, y_train = dataset.train.arrays()
x_test, y_test = dataset.test.arrays()
rng = np.random.default_rng(SEED)
findings = []


def finding(mistake, measure, wrong, right):
    findings.append((mistake, measure, wrong, right))
    print(f"{measure}: wrong {wrong:.4g}, right {right:.4g}")


def kl_of(model, x):
    return float(np.mean(model.objective(model.prepare(x), training=False)["kl_loss"]))


# %% [markdown]
# ## 1. A mean where a sum should be
#
# **Symptom.** Whatever goes in, the same grey average comes out. The KL is 0 to three digits.
#
# **Cause.** The reconstruction was averaged over the pixels (as library losses do) and the KL was
# not. For 64 pixels the KL then weighs 64 times as much as the bound says. The opposite slip is
# as common: the KL averaged over the code's dimensions, so that it weighs half as much in two
# dimensions and a twentieth in twenty. (It is in the second and third edition of a well-known
# book.) Both are a β, a weight of the KL, that nobody chose.
#
# > **Predict.** Below are three models that differ in nothing but that factor: 64 times too much
# > KL, the right amount, and a 50th of it, as from a KL averaged over fifty dimensions. Which of
# > the three has the sharpest *reconstructions*, and which the best *samples*?

# %%
by_factor = {1.0: good}
for factor in (0.02, 64.0):
    by_factor[factor] = trained(config.replace(beta=factor), dataset)

finding("mean over pixels", "KL, nats", kl_of(by_factor[64.0], x_test), kl_of(good, x_test))

# %% tags=["cover"]
seeds = (SEED, 1)
figures.image_grids(
    {
        "KL × 64: samples": by_factor[64.0].generate(36, seeds),
        "KL × 1: samples": good.generate(36, seeds),
        "KL × 0.02: samples": by_factor[0.02].generate(36, seeds),
    }
)

# %% [markdown]
# If you said that the weakest KL reconstructs best and the right one samples best, you are right.
# The samples of the weakest show the few classes that happen to lie in the middle, over and over.
# Look with the slider. **What to look for:** as the factor falls the rows grow sharper, while the
# codes leave the circle that holds most of the prior's mass (two standard deviations). The decoder
# becomes an expert on a region that `generate` hardly visits.

# %%
from vae_keras.figures.sliders import Sliders

views = {}
for factor, model in by_factor.items():
    codes, rebuilt = model.encode(x_test).numpy(), np.asarray(model(x_test[:6]))
    views[factor] = codes, np.concatenate([x_test[:6, ..., 0], rebuilt[..., 0]], axis=1)


def look(factor):
    codes, pictures = views[factor]
    figure, (left, right) = figures.panels(1, 2, width=4.2, height=3.4)
    for one in range(10):
        left.plot(*codes[y_test == one].T, "o", markersize=2)
    turn = np.linspace(0, 2 * np.pi)
    left.plot(2 * np.cos(turn), 2 * np.sin(turn), "k--")
    left.set(xlim=(-8, 8), ylim=(-8, 8), xlabel="z₁", ylabel="z₂", aspect="equal")
    left.set_title(f"codes, KL × {factor:g}")
    right.imshow(np.concatenate(list(pictures), axis=1), cmap="gray", vmin=0, vmax=1)
    right.set(xticks=[], yticks=[3.5, 11.5], title="reconstructions")
    right.set_yticklabels(["input", "rebuilt"])
    right.grid(False)
    return figure


Sliders(look, factor=(0.02, 1.0, 64.0))

# %%
inside = {f: np.mean(np.linalg.norm(codes, axis=1) < 2) for f, (codes, _) in views.items()}
finding("KL too weak", "share of codes inside the circle", inside[0.02], inside[1.0])

# %% [markdown]
# **Cure.** Sum over pixels and over code dimensions, then mean over the batch. **Check.** Before
# training, the loss is about $64 \log 2$; and a code of twice the length costs twice as much.

# %%
from vae_keras.models.vae import kl_to_standard_normal

untrained = VAE((8, 8, 1), network="dense", seed=SEED)
start = untrained.weighted_sum(untrained.objective(untrained.prepare(x_test), training=False))
assert abs(np.mean(start) - 64 * np.log(2)) < 2

heads = [head.numpy() for head in good.encoder(x_test)]
once = kl_to_standard_normal(*heads).numpy()
twice = kl_to_standard_normal(*(np.concatenate([h, h], axis=1) for h in heads)).numpy()
np.testing.assert_allclose(twice, 2 * once, rtol=1e-5)
finding("mean over code dimensions", "KL, nats", once.mean() / 2, once.mean())

# %% [markdown]
# In passing: one can read that the aim of a VAE is `z_mean` and `z_log_var` close to 0 for every
# picture. The model with the factor 64 has reached that aim. It is called posterior collapse.
#
# ## 2. Log-variance, log-deviation
#
# **Symptom.** A negative KL. Or a decent one, and samples that do not look like reconstructions.
#
# **Cause.** An encoder's second head may mean $\log \sigma^2$ or $\log \sigma$. Either is fine.
# One formula from each is not. With `z_log_var` the deviation is
# $e^{\frac12\texttt{z\_log\_var}}$; $e^{\texttt{z\_log\_var}}$ is the variance, and
# $e^{\sigma^2/2}$, which has been printed, is nothing at all.

# %%
z_log_var, eps = -2.0, rng.normal(size=100_000)
deviations = {
    "exp(½v)": np.std(np.exp(0.5 * z_log_var) * eps),
    "exp(v)": np.std(np.exp(z_log_var) * eps),
    "exp(σ²/2)": np.std(np.exp(np.exp(z_log_var) / 2) * eps),
}
wanted = np.exp(-1.0)
figures.bars(deviations, "standard deviation of z", f"v = z_log_var = −2; wanted: {wanted:.3f}")

# %%
finding("exp(z_log_var) as deviation", "deviation of z", deviations["exp(v)"], wanted)
finding("exp(σ²/2) as deviation", "deviation of z", deviations["exp(σ²/2)"], wanted)

# %% [markdown]
# The KL is hurt likewise. With $s = \log\sigma$ it is
# $\frac12(e^{2s} + \texttt{z\_mean}^2 - 2s - 1)$; the version with $e^{2s}$ and a single $s$ has
# its minimum elsewhere, and below zero:

# %%
s = np.linspace(-2.5, 0.8, 200)
figures.lines(
    {
        "½(e²ˢ − 2s − 1)": (s, 0.5 * (np.exp(2 * s) - 2 * s - 1)),
        "½(e²ˢ − s − 1), the mixture": (s, 0.5 * (np.exp(2 * s) - s - 1)),
    },
    "s = log σ",
    "KL at z_mean = 0, nats",
    "a divergence that is negative is none",
)

# %% [markdown]
# A model that minimises the second curve is drawn to the deviation at its minimum, and that is
# below 1. **Cure.** One name that says what it is: `z_log_var`. **Check.** The KL is never
# negative, it is 0 at the prior, and draws at `z_log_var` = −2 have the variance $e^{-2}$.

# %%
lowest = s[np.argmin(np.exp(2 * s) - s - 1)]
finding("log σ in the KL of log σ²", "deviation at the KL's minimum", np.exp(lowest), 1.0)
assert (kl_to_standard_normal(*rng.normal(size=(2, 1_000, 1))).numpy() >= 0).all()

# %% [markdown]
# ## 3. Collapse that is nobody's slip
#
# **Symptom.** As in section 1, or in part: some dimensions of the code have a KL of 0. But all
# formulas are right.
#
# **Cause.** The code is not worth its price. A Gaussian decoder with $\sigma = 1$ pays
# $\frac12(x - f)^2$ for a pixel. Pixels in $[0, 1]$ are never wrong by more than 1, and all that
# there is to know about a digit of 64 pixels is worth a couple of nats.

# %%
half_squared = 0.5 * np.sum((x_train - x_train.mean(axis=0)) ** 2, axis=(1, 2, 3)).mean()
print(f"all that a code can save at σ = 1: {half_squared:.2f} nats per digit")
fixed = trained(config.replace(likelihood="gaussian", sigma=1.0), dataset)
learned = trained(config.replace(likelihood="gaussian"), dataset)
finding("σ = 1 for pixels in [0, 1]", "KL, nats", kl_of(fixed, x_test), kl_of(learned, x_test))
print(f"the σ that was learned: {np.exp(learned.reconstruction.log_sigma.numpy()):.3f}")

# %%
few = x_test[:12]
figures.image_rows(
    {"input": few, "σ = 1": fixed(few), "σ learned": learned(few)}, title="the same VAE but for σ"
)

# %% [markdown]
# The same happens by degrees to a code that is larger than the data deserve. Sixteen dimensions,
# and everything as it should be:

# %%
wide_config = config.replace(latent_dim=16, epochs=WIDE_EPOCHS, learning_rate=2e-3)
wide = trained(wide_config, dataset)

# %%
from vae_keras.evaluation.code_use import mean_kl_per_dimension

kl = mean_kl_per_dimension(wide, dataset.validation)
unused = kl < 0.01
figure, axes = figures.panels(width=6, height=3)
axes.bar(np.arange(1, 17), np.sort(kl)[::-1], color=figures.PALETTE[0])
axes.axhline(0.01, color=figures.PALETTE[4], linestyle="--", label="0.01 nats: unused below")
axes.set(xlabel="dimension of the code, sorted", ylabel="KL, nats", title="sixteen dimensions")
axes.legend()
figure

# %% [markdown]
# **Cure.** Let $\sigma$ be learned; use β = 1; raise the KL's weight slowly (`beta_warmup`), or
# give every dimension a little for nothing (`free_bits`). An unused dimension does no harm as long
# as you know of it; section 12 shows what happens if you do not. **Check.** The KL of each
# dimension, which the package looks at after every epoch of a run, on the validation pictures. Here
# is what it says of the sixteen dimensions, and then of the factor 64 in section 1:

# %%
from vae_keras.training.callbacks import CollapseWarning

for model in (wide, by_factor[64.0]):
    watch = CollapseWarning(dataset.validation)
    watch.set_model(model)
    watch.on_epoch_end(EPOCHS - 1)
finding("size of the code taken for its use", "dimensions", 16, int((~unused).sum()))

# %% [markdown]
# ## 4. Dice thrown once
#
# **Symptom.** A training loss to be proud of. Validation is worse, and it is not the usual
# overfitting.
#
# **Cause.** The noise was drawn once, before the loop: an array of ε made with the data set, a
# fixed seed inside the training step, noisy pictures for a denoising autoencoder computed
# beforehand. A fixed ε is part of the example, and can be learned by heart.
#
# > **Predict.** A VAE is trained on 200 pictures with one ε per picture, the same in every epoch.
# > Then the *training* pictures are evaluated twice: with their own ε, and with a fresh one. How
# > far apart are the losses?


# %%
import dataclasses


class OneThrow(VAE):
    def noise(self, batch, shape, training):
        return super().noise(batch, shape, training=False)  # a function of the example alone


few_pictures = dataclasses.replace(dataset, train=dataset.train.take(slice(200)))
once_only = trained(config.replace(epochs=SAME_NOISE_EPOCHS), few_pictures, variant=OneThrow)


def loss_with(model, stream):
    """The mean loss of the 200 pictures; each stream is other noise."""
    batch = model.prepare({"x": x_train[:200], "index": np.arange(200) + 100_000 * stream})
    return float(np.mean(model.weighted_sum(model.objective(batch, training=False))))


own, fresh = loss_with(once_only, 0), loss_with(once_only, 1)
finding("noise drawn once", "loss with fresh less own noise", fresh - own, 0.0)
print(f"thrown anew at every step: {loss_with(good, 0):.2f} and {loss_with(good, 1):.2f} nats")
print(f"thrown once: {own:.2f} with the known noise, {fresh:.2f} with fresh noise")

# %% [markdown]
# If you said "not at all", you trusted that one number per dimension cannot matter. It can: the
# pair (picture, ε) is always the same, so nothing asks the neighbourhood of a code to decode to
# the same picture. **Cure.** Draw inside the step. **Check.** Two training steps on the same
# batch see different noise:

# %%
batch = good.prepare(x_train[:4])
first = good.noise(batch, (2,), training=True).numpy()
good.optimizer.iterations.assign_add(1)
assert np.abs(first - good.noise(batch, (2,), training=True).numpy()).max() > 0.1

# %% [markdown]
# ## 5. The logarithm of a probability
#
# **Symptom.** NaN, all at once, after an hour. Or, with a library that clips, a loss that stops
# falling.
#
# **Cause.** The decoder ends in a sigmoid, and the loss takes its logarithm. In 32 bits the
# sigmoid of 20 is 1, so $\log(1 - f)$ is $-\infty$, and $0 \cdot \infty$ is not a number. A clip
# at $10^{-7}$ hides it: the loss of a pixel is then capped, and where it is capped the gradient
# is gone.

# %%
import tensorflow as tf

a = tf.Variable([2.0, 10.0, 20.0, 100.0])  # logits of pixels that are in truth 0
ways = {
    "log(1 − sigmoid(a))": lambda: -tf.math.log(1 - tf.sigmoid(a)),
    "clipped at 1e-7": lambda: -tf.math.log(1 - tf.clip_by_value(tf.sigmoid(a), 1e-7, 1 - 1e-7)),
    "softplus(a)": lambda: tf.nn.softplus(a),
}
slopes = {}
for name, loss_of in ways.items():
    with tf.GradientTape() as tape:
        loss = loss_of()
    slopes[name] = tape.gradient(loss, a).numpy()
    print(f"{name:<20} loss {loss.numpy().round(3)}, slope {slopes[name].round(3)}")

# %% [markdown]
# For a large logit the right answers are the logit itself and a slope of 1. **Cure.** Logits all
# the way; `softplus`, or `from_logits=True`. **Check.** The loss at a logit of 100 is 100.

# %%
finding("probability, clipped", "slope at a logit of 20", slopes["clipped at 1e-7"][2], 1.0)
at_100 = good.reconstruction.loss(np.zeros((1, 8, 8, 1)), np.full((1, 8, 8, 1), 100.0)).numpy()
assert np.isclose(at_100, 64 * 100).all() and not np.isfinite(slopes["log(1 − sigmoid(a))"][3])

# %% [markdown]
# ## 6. Data that are not in [0, 1]
#
# **Symptom.** A loss that falls through zero and does not stop, then NaN.
#
# **Cause.** Cross-entropy is bounded below only for $0 \le x \le 1$. The digits come from
# scikit-learn with values up to 16. For $x > 1$ the loss $\log(1 + e^a) - x a$ has no minimum:
# the larger the logit, the better.

# %%
logit = np.linspace(-5, 30, 200)
curves = {f"x = {x:g}": (logit, np.logaddexp(0, logit) - x * logit) for x in (0, 0.7, 1, 2)}
figures.lines(
    curves, "logit a of the pixel", "cross-entropy, nats", "four pixels, one of them bottomless",
    ylim=(-30, 30),
)  # fmt: skip

# %% [markdown]
# **Cure.** Divide by the largest possible value, once, where the data are loaded. **Check.** `0
# <= x.min() and x.max() <= 1`. The package insists on it:

# %%
from vae_keras.data.dataset import Examples, split_dataset

raw = split_dataset("raw digits", Examples(16 * np.concatenate([x_train, x_test])))
refused = ""
try:
    trained(config, raw)
except UserError as error:
    refused = str(error)
print("refused:", refused)
bottomless, rescaled = (np.logaddexp(0, 1_000) - white * 1_000 for white in (16, 1))
finding("pixels up to 16", "loss of one pixel at a logit of 1,000", bottomless, rescaled)

# %% [markdown]
# ## 7. An output that cannot say it
#
# **Symptom.** The loss stops at a height that no network gets below. Black comes out grey.
#
# **Cause.** The range of the output and that of the data differ: pictures scaled to $[-1, 1]$
# against a sigmoid, or pictures in $[0, 1]$ against a tanh (which can, but wastes half of its
# range). What an output in $[0, 1]$ cannot reach is lost for certain, and can be computed without
# training anything:

# %%
scaled = 2 * x_test - 1
floor = np.sum((scaled - np.clip(scaled, 0, 1)) ** 2, axis=(1, 2, 3)).mean()
finding("data in [−1, 1], output in [0, 1]", "squared error that remains", floor, 0.0)
nearest = np.clip(scaled, 0, 1)
figures.image_rows(
    {"x": x_test[:12], "the best such output, rescaled": (nearest[:12] + 1) / 2},
    title="what a sigmoid can say of pictures in [−1, 1]",
)

# %% [markdown]
# **Cure.** Let the likelihood decide: it knows the range of its data and what the decoder has to
# put out. **Check.** The error of the nearest output that the decoder *could* give is 0.
#
# ## 8. Two losses with one name
#
# **Symptom.** Validation is far above training from the first epoch, or far below. Early stopping
# does odd things.
#
# **Cause.** `train_step` and `test_step` each compute a loss, and only one of them was changed. A
# well-known repository weighs the KL 4,000 times less in training than in validation. The same
# pictures, the same model, namely that of section 1 with the weak KL:

# %%
terms = by_factor[0.02].objective(by_factor[0.02].prepare(x_train), training=False)
rec, kl_loss = (float(np.mean(terms[name])) for name in ("reconstruction_loss", "kl_loss"))
print(f"training: {rec:.2f} + {kl_loss:.2f}/4000 = {rec + kl_loss / 4000:.2f} nats")
print(f"validation of the same pictures: {rec:.2f} + {kl_loss:.2f} = {rec + kl_loss:.2f} nats")
finding("another weight in validation", "validation − training", kl_loss * (1 - 1 / 4000), 0.0)

# %% [markdown]
# **Cure.** One function for the terms and one for their weights. (While a warm-up lasts the two
# *should* differ: the package trains with the weight of the step and validates with the final
# one.) **Check.** Evaluate the training pictures with both.

# %%
same = {name: good.term_weights(step) for name, step in (("training", 1), ("evaluation", None))}
assert same["training"] == same["evaluation"]

# %% [markdown]
# ## 9. The loss of the last batch
#
# **Symptom.** Curves like a seismograph; an epoch that is suddenly the best.
#
# **Cause.** The number printed at the end of the epoch is that of its last batch. With 1,295
# pictures in batches of 64, that is 15 pictures.

# %%
losses = good.weighted_sum(good.objective(good.prepare(x_train), training=False)).numpy()
last = np.array([losses[rng.permutation(len(losses))[:15]].mean() for _ in range(100)])
figure = figures.lines(
    {
        "of the last batch": (range(1, 101), last),
        "of the epoch": (range(1, 101), np.full(100, losses.mean())),
    },
    "epoch, nothing being learned",
    "loss, nats",
    "a model at rest, reported in two ways",
)
figure

# %%
finding("last batch as the epoch", "nats between best and worst epoch", np.ptp(last), 0.0)

# %% [markdown]
# **Cure.** A `keras.metrics.Mean` for each term, updated with one value *per picture*, so that a
# small batch counts for less. **Check.** The logged loss is the mean over all pictures:

# %%
logged = good.evaluate(dataset.train.batches(64), return_dict=True, verbose=0)["loss"]
np.testing.assert_allclose(logged, losses.mean(), rtol=1e-4)

# %% [markdown]
# ## 10. A model that lives once
#
# **Symptom.** `load_model` fails, a month later, for somebody else.
#
# **Cause.** The file holds weights and a configuration, and no code. A `Lambda` layer *is* code,
# so Keras refuses to load it from a file that it cannot trust. A class of your own is not looked
# for unless it was registered under a name. `custom_objects` helps, as long as one has the class
# at hand and knows which it was.

# %%
import tempfile
from pathlib import Path

import keras

folder = Path(tempfile.mkdtemp())


def loading(name, **how):
    try:
        return f"loads: {type(keras.models.load_model(folder / name, **how)).__name__}"
    except (TypeError, ValueError) as error:
        return f"fails: {type(error).__name__}"


class Dice(keras.layers.Layer):
    def call(self, z):
        return z + keras.random.normal(keras.ops.shape(z), seed=0)


code = keras.Input((2,))
keras.Model(code, keras.layers.Lambda(lambda z: 2 * z)(code)).save(folder / "lambda.keras")
keras.Model(code, Dice()(code)).save(folder / "dice.keras")
loads = {
    "a Lambda layer": loading("lambda.keras"),
    "my layer": loading("dice.keras"),
    "my layer, handed over": loading("dice.keras", custom_objects={"Dice": Dice}),
}
good.save(folder / "good.keras")
loads["a registered class"] = loading("good.keras")
for what, outcome in loads.items():
    print(f"{what:<22} {outcome}")

# %% [markdown]
# **Cure.** `@keras.saving.register_keras_serializable()` on every class, a `get_config` that
# returns all arguments, and a file to import. For users who should not need your code there is
# the SavedModel. **Check.** Load it in another process and compare the outputs (chapter 6 does).
#
# ## 11. A grid with infinite edges
#
# **Symptom.** The outer ring of the manifold is blank, or NaN.
#
# **Cause.** `norm.ppf(linspace(0, 1, n))` for a grid with equal probability between its lines.
# The quantiles at 0 and 1 are $\pm\infty$. The opposite slip is a grid over $[-1, 1]$, which
# leaves out most of the prior's mass in the plane.

# %%
from scipy.stats import norm

from vae_keras.latent.grids import normal_quantiles

edges, midpoints = norm.ppf(np.linspace(0, 1, 12)), normal_quantiles(12)
print("edges:    ", edges.round(2))
print("midpoints:", midpoints.round(2))
outside = 1 - (norm.cdf(1) - norm.cdf(-1)) ** 2
print(f"share of the prior outside of [−1, 1]²: {outside:.0%}")

# %%
grids = {}
for name, line in (("quantiles of 0 … 1", edges), ("midpoints", midpoints)):
    codes = np.array([[a, b] for b in line[::-1] for a in line], "float32")
    grids[name] = np.asarray(good.decode(codes))
figures.image_grids({name: np.nan_to_num(grid, nan=0.4) for name, grid in grids.items()})

# %%
broken = np.isnan(grids["quantiles of 0 … 1"]).any(axis=(1, 2, 3)).sum()
finding("norm.ppf of 0 and 1", "pictures that are not numbers, of 144", int(broken), 0)

# %% [markdown]
# **Cure.** The midpoints of the intervals: `vae_keras.latent.prior_grid`. **Check.**
# `np.isfinite(grid).all()`.
#
# ## 12. Attribute vectors from rolled codes
#
# **Symptom.** An attribute vector that changes from run to run, and drags other things along.
#
# **Cause.** An *attribute vector* is the mean code of pictures with the attribute minus that of
# pictures without it. It was computed from codes *with* their noise, because the encoder of that
# program only gives these. In dimensions that the model does not use the mean is never far from 0,
# but a rolled code is nearly all noise, of variance 1, and that goes into the vector. Here with the
# sixteen-dimensional model of section 3; the attribute is "is a zero", and there are twenty
# pictures with and twenty without.

# %%
from vae_keras.latent.codes import posterior

z_mean, z_log_var = posterior(wide, dataset.train)
has = y_train == 0
chosen = np.concatenate([np.flatnonzero(has)[:20], np.flatnonzero(~has)[:20]])


def vector(codes):
    return codes[chosen[:20]].mean(axis=0) - codes[chosen[20:]].mean(axis=0)


from_means = vector(z_mean)
rolled = [
    vector(z_mean + np.exp(0.5 * z_log_var) * rng.normal(size=z_mean.shape)) for _ in range(200)
]
off = np.mean([np.linalg.norm(v - from_means) for v in rolled]) / np.linalg.norm(from_means)
figures.bars(
    {
        "from means": np.linalg.norm(from_means[unused]),
        "from rolled codes": np.mean([np.linalg.norm(v[unused]) for v in rolled]),
    },
    "length in unused dimensions",
    "what the vector picks up",
)

# %%
finding("attribute vector of rolled codes", "error, share of its length", off, 0.0)

# %% [markdown]
# **Cure.** Use `z_mean`, which is what `encode` gives. **Check.** Encode the same picture twice
# and compare.

# %%
np.testing.assert_array_equal(wide.encode(x_test[:5]), wide.encode(x_test[:5]))

# %% [markdown]
# ## 13. The wrong way round
#
# **Symptom.** Adding "glasses" takes them off.
#
# **Cause.** The vector was computed as the mean without the attribute minus the mean with it. A
# picture of a face may hide that for a while; a classifier does not. It reads the decoded
# pictures of digits that are not zeros, before and after one step along the vector.

# %%
from sklearn.neighbors import KNeighborsClassifier

classifier = KNeighborsClassifier().fit(x_train.reshape(-1, 64), y_train)
codes = z_mean[~has]
direction = z_mean[has].mean(axis=0) - z_mean[~has].mean(axis=0)


def read_as_zero(codes):
    pictures = np.asarray(wide.decode(codes.astype("float32")))
    return np.mean(classifier.predict(pictures.reshape(len(pictures), -1)) == 0)


figures.bars(
    {
        "minus the vector": read_as_zero(codes - direction),
        "as it was": read_as_zero(codes),
        "plus the vector": read_as_zero(codes + direction),
    },
    "share read as a zero",
    "which way adds the attribute?",
)

# %% [markdown]
# **Cure.** With − without. **Check.** The projection of codes on the vector is larger, on
# average, for those that have the attribute:
# $\overline{z}_{with} \cdot v > \overline{z}_{without} \cdot v$.

# %%
assert (z_mean[has] @ direction).mean() > (z_mean[~has] @ direction).mean()
plus, minus = read_as_zero(codes + direction), read_as_zero(codes - direction)
finding("vector turned round", "share read as a zero", minus, plus)

# %% [markdown]
# ## 14. Half a square
#
# **Symptom.** None, until you compare. Reconstructions are sharper and samples worse than in the
# paper.
#
# **Cause.** "Squared error plus KL". The Gaussian with $\sigma = 1$ has ½ in front of its square:
# $-\log p(x|z) = \frac12\|x - f\|^2 + d \log\sqrt{2\pi}$. Without the ½ it is a Gaussian with
# $\sigma^2 = ½$, which is a fair choice, if it is one.

# %%
x, f = (
    x_test.reshape(len(x_test), -1),
    np.broadcast_to(x_train.mean(axis=0).ravel(), (len(x_test), 64)),
)
squared, constant = np.sum((x - f) ** 2, axis=1), 64 * np.log(np.sqrt(2 * np.pi))
scipy_says = -norm.logpdf(x, f, 1).sum(axis=1)
finding("Gaussian without ½", "−log p, nats", (squared + constant).mean(), scipy_says.mean())

# %% [markdown]
# **Cure.** Write $\sigma$ into the formula and keep the constants, so that nats are nats.
# **Check.** Ask `scipy.stats`.

# %%
np.testing.assert_allclose(0.5 * squared + constant, scipy_says, rtol=1e-5)
np.testing.assert_allclose(norm.logpdf(0.3, 0, np.sqrt(0.5)), -(0.3**2) - np.log(np.sqrt(np.pi)))

# %% [markdown]
# ## 15. Cross-entropy on grey
#
# **Symptom.** A "log-likelihood" that is far from that of every paper.
#
# **Cause.** Cross-entropy is $-\log$ of a probability if the pixels are 0 or 1. On grey values it
# is a usable loss and no likelihood: $f^x (1 - f)^{1 - x}$ does not integrate to 1 over $[0, 1]$.
#
# > **Predict.** A model rebuilds every grey digit *exactly*. What is its cross-entropy, in nats
# > per digit? And after turning the pixels into black and white at ½?

# %%
from vae_keras.studies.losses import bernoulli_entropy

perfect_grey = bernoulli_entropy(x_test) / len(x_test)
perfect_binary = bernoulli_entropy((x_test >= 0.5).astype("float32")) / len(x_test)
print(f"cross-entropy of a perfect reconstruction: grey {perfect_grey:.2f}", end=", ")
print(f"binary {perfect_binary:.2f} nats per digit")

p = np.linspace(0.02, 0.98, 97)
u = (np.arange(400) + 0.5) / 400
area = np.mean(p[:, None] ** u * (1 - p[:, None]) ** (1 - u), axis=1)
figures.lines(
    {"∫ fˣ(1 − f)¹⁻ˣ dx": (p, area), "a density": (p, np.ones_like(p))},
    "f, the decoder's answer for a pixel",
    "area over x from 0 to 1",
    "not a density",
    ylim=(0, 1.1),
)

# %% [markdown]
# If you said 0 both times: it is 0 only for the second. Most of a good model's loss on grey
# digits may be this floor, which no model can go below. **Cure.** Compare grey with grey only;
# for likelihoods use binarised pixels (`binarize="dynamic"`), or a density for grey ones: the
# continuous Bernoulli has the missing factor. **Check.** The area.

# %%
from vae_keras.objectives.likelihoods import ContinuousBernoulli

finding("cross-entropy on grey", "loss of a perfect copy, nats", perfect_grey, perfect_binary)
fine = u.astype("float32").reshape(-1, 1, 1, 1)
density = np.exp(ContinuousBernoulli().log_prob(fine, np.full_like(fine, 2.0)))
assert abs(density.mean() - 1) < 1e-3, "the continuous Bernoulli integrates to 1"

# %% [markdown]
# ## 16. One evaluation is no evaluation
#
# **Symptom.** The validation loss of one and the same model changes when asked again; the best
# epoch cannot be found again.
#
# **Cause.** The loss has an ε in it. With noise from a generator that moves on, every evaluation
# is another throw.

# %%
throws = []
batch = good.prepare(x_test)
heads = good.posterior(batch)
for _ in range(30):
    z = good.sampling(heads)  # rolls its own dice
    throws.append(-np.mean(good.log_likelihood(batch, z)) + np.mean(kl_to_standard_normal(*heads)))
finding("other noise at each evaluation", "nats between 30 evaluations", np.ptp(throws), 0.0)

# %% [markdown]
# **Cure.** Noise that is a function of the seed and of the example. **Check.** Evaluate twice,
# with other batch sizes:

# %%
evaluated = [
    good.evaluate(dataset.test.batches(size), return_dict=True, verbose=0)["loss"]
    for size in (50, 359)
]
np.testing.assert_allclose(evaluated[0], evaluated[1], rtol=1e-5)
print(f"{evaluated[0]:.4f} and {evaluated[1]:.4f} nats")

# %% [markdown]
# ## All of them
#
# What this notebook has measured:

# %%
from IPython.display import Markdown

head = "| mistake | measured | wrong | right |\n|---|---|---|---|\n"
rows = (f"| {name} | {what} | {bad:,.4g} | {ok:,.4g} |" for name, what, bad, ok in findings)
Markdown(head + "\n".join(rows))

# %% [markdown]
# And a checklist for your own code. It takes ten minutes, and there is no training in the first
# seven lines.
#
# 1. `0 <= x.min() and x.max() <= 1`, or whatever the likelihood needs.
# 2. The loss before training is $d \log 2$ (Bernoulli, $d$ pixels), or what you compute for a
#    Gaussian.
# 3. The loss of one picture does not depend on the others in its batch; that of a batch is the
#    mean.
# 4. `kl(0, 0) == 0`, no KL is negative, twice the dimensions cost twice as much.
# 5. Draws at `z_log_var` = −2 have the variance $e^{-2}$.
# 6. The loss at a logit of ±100 is finite.
# 7. The log-likelihood agrees with `scipy.stats` on one picture, constants included.
# 8. Training pictures evaluated by `test_step` give the loss that training reports, to the noise.
# 9. The KL of each dimension: which are used?
# 10. Saved, loaded in another process, the same output.
# 11. Samples beside reconstructions. If only the latter are good, the KL is too weak; if neither,
#     too strong.
#
# ## Exercises
#
# 1. **Spot it.** Somebody's loss is
#    `tf.reduce_mean(squared) - 0.5 * tf.reduce_mean(1 + v - m**2 - tf.exp(v))`, for pictures of
#    28×28 and a code of 32 dimensions, with `squared` = $(x - f)^2$. What β is
#    that, measured against a Gaussian with $\sigma = 1$?
# 2. **A collapse, and a cure.** Train the sixteen-dimensional model for 15 epochs with `beta=4`,
#    once as it is and once with `free_bits=0.1`. How many dimensions are in use, and what do free
#    bits do for the reconstruction?

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
pixels, dimensions = 28 * 28, 32
# mean over pixels: 1/784 of the sum, which is twice the ½-sum; KL: 1/32 of the sum
weight_rec, weight_kl = 2 / pixels, 1 / dimensions
beta = weight_kl / weight_rec
print(f"β = {beta}")
squared_errors, v, m = rng.random((5, pixels)), rng.normal(size=(5, 32)), rng.normal(size=(5, 32))
theirs = squared_errors.mean() - 0.5 * np.mean(1 + v - m**2 - np.exp(v))
bound = 0.5 * squared_errors.sum(1).mean() + beta * kl_to_standard_normal(m, v).numpy().mean()
np.testing.assert_allclose(theirs, bound * weight_rec, rtol=1e-5)

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
hard = wide_config.replace(beta=4.0, epochs=HARD_EPOCHS)
collapsed, freed = trained(hard, dataset), trained(hard.replace(free_bits=0.1), dataset)
in_use = [int((mean_kl_per_dimension(m, dataset.test) >= 0.01).sum()) for m in (collapsed, freed)]


def reconstruction(model):
    batch = model.prepare(x_test)
    return float(np.mean(model.objective(batch, training=False)["reconstruction_loss"]))


print(f"in use: {in_use[0]} dimensions as it is, {in_use[1]} with free bits")
print(f"reconstruction: {reconstruction(collapsed):.2f} and {reconstruction(freed):.2f} nats")
assert in_use[0] < in_use[1]
assert reconstruction(freed) < reconstruction(collapsed)

# %% [markdown]
# ## Further reading
#
# * Bowman et al. 2016, [Generating Sentences from a Continuous
#   Space](https://arxiv.org/abs/1511.06349): the first account of collapse, and the warm-up.
# * Lucas et al. 2019, [Don't Blame the ELBO!](https://arxiv.org/abs/1911.02469): collapse in a
#   model that can be solved by hand; it is $\sigma$.
# * Rybkin, Daniilidis and Levine 2021, [Simple and Effective VAE Training with Calibrated
#   Decoders](https://arxiv.org/abs/2006.13202): let $\sigma$ be learned, and forget about β.
# * Loaiza-Ganem and Cunningham 2019, [The continuous
#   Bernoulli](https://arxiv.org/abs/1907.06845): what cross-entropy on grey pixels lacks.
#
# ## Checks

# %%
measured = {name: (wrong, right) for name, _, wrong, right in findings}
assert len(measured) == len(findings) >= 16
assert measured["mean over pixels"][0] < 0.05 < 1 < measured["mean over pixels"][1]
assert measured["σ = 1 for pixels in [0, 1]"][0] < 0.5 * measured["σ = 1 for pixels in [0, 1]"][1]
assert inside[0.02] < inside[1.0] - 0.1, "a weak KL lets the codes leave the prior"
assert 0 < unused.sum() < 16, "some of the sixteen dimensions are used, and some are not"
assert fresh - own > 1 + abs(loss_with(good, 1) - loss_with(good, 0)), "noise can be learned"
assert slopes["clipped at 1e-7"][2] == 0 and np.allclose(slopes["softplus(a)"], 1, atol=0.2)
assert "[0.0, 1.0]" in refused
assert floor > 1 and kl_loss > 1 and np.ptp(last) > 2
assert loads["a Lambda layer"].startswith("fails"), loads
assert loads["my layer"].startswith("fails"), loads
assert loads["my layer, handed over"].startswith("loads"), loads
assert loads["a registered class"] == "loads: VAE"
assert broken == 44 and np.isfinite(grids["midpoints"]).all()
assert off > 0.1 and plus > 0.25 > 0.1 > minus
assert perfect_grey > 5 and perfect_binary == 0 and area.max() < 0.51

# %% [markdown] tags=["navigation"]
# ---
# Previous: [13. Out of the notebook](13_out_of_the_notebook.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
