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
# little blurry, or a little slow, or cannot be compared with other people's numbers. This chapter
# is a collection of such mistakes. Each is made on purpose, in a few lines, measured, named and
# cured. For each there is a line of code that would have found it.
#
# You will
#
# 1. recognise seventeen mistakes by their symptoms,
# 2. learn for each the cause, the cure and a check of one line,
# 3. take home a checklist for your own code.
#
# It needs no download. Read it in any order, or use it to look things up:
#
# | what you see | section |
# |---|---|
# | every input gives the same blurred output; the KL is 0 | 1, 3 |
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
# | blank images at the edge of the manifold | 11 |
# | a feature vector changes from run to run, or does the opposite | 12, 13 |
# | your nats cannot be compared with the paper's | 14, 15 |
# | two evaluations of one model differ | 16 |
# | the learning rate has to be changed with the batch size | 17 |

# %% [markdown] tags=["navigation"]
# **Builds on** [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# **To read** about 55 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [13. Out of the notebook](13_out_of_the_notebook.ipynb) ·
# Next: [15. A better bound](15_a_better_bound.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 40  # fast: 8
WIDE_EPOCHS = 60  # fast: 35
SAME_NOISE_EPOCHS = 150  # fast: 70
HARD_EPOCHS = 15  # fast: 4
STEPS = 100  # fast: 10
OPTIMIZERS = ("SGD", "Adam")  # fast: ("SGD",)

# %% [markdown]
# One model without a mistake, for comparison, and a list for what we find:

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
# not. For 64 pixels the KL then weighs 64 times as much as the bound says. The opposite mistake is
# as common: the KL is averaged over the dimensions of the code. It then weighs half as much in two
# dimensions and a twentieth in twenty. (The second and third edition of a well-known book have
# it.) Both are a β, a weight of the KL, that nobody chose.
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
# The weakest KL gives the sharpest reconstructions, and the right KL gives the best samples. The
# samples of the weakest KL show the few classes that happen to lie in the middle, again and again.
# **What to look for:** as the factor falls, the reconstructions grow sharper, and the codes leave
# the circle that holds most of the prior's mass (two standard deviations). The decoder becomes
# good at a region that `generate` seldom visits.

# %%
from vae_keras.figures.sliders import Sliders

views = {}
for factor, model in by_factor.items():
    codes, rebuilt = model.encode(x_test).numpy(), np.asarray(model(x_test[:6]))
    views[factor] = codes, np.concatenate([x_test[:6, ..., 0], rebuilt[..., 0]], axis=1)


def look(factor):
    codes, images = views[factor]
    figure, (left, right) = figures.panels(1, 2, width=4.2, height=3.4)
    for one in range(10):
        left.plot(*codes[y_test == one].T, "o", markersize=2)
    turn = np.linspace(0, 2 * np.pi)
    left.plot(2 * np.cos(turn), 2 * np.sin(turn), "k--")
    left.set(xlim=(-8, 8), ylim=(-8, 8), xlabel="z₁", ylabel="z₂", aspect="equal")
    left.set_title(f"codes, KL × {factor:g}")
    right.imshow(np.concatenate(list(images), axis=1), cmap="gray", vmin=0, vmax=1)
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
# One can read that the aim of a VAE is `z_mean` and `z_log_var` close to 0 for every image. The
# model with the factor 64 has reached that aim. It is called posterior collapse.
#
# ## 2. Log-variance, log-deviation
#
# **Symptom.** A negative KL. Or a KL that looks right, and samples that do not look like
# reconstructions.
#
# **Cause.** An encoder's second head may mean $\log \sigma^2$ or $\log \sigma$. Either is fine.
# But each of the two needs its own formula. With `z_log_var` the standard deviation is
# $e^{\frac12\texttt{z\_log\_var}}$, and $e^{\texttt{z\_log\_var}}$ is the variance. The formula
# $e^{\sigma^2/2}$, which has been printed, is neither.

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
# The KL suffers in the same way. With $s = \log\sigma$ it is
# $\frac12(e^{2s} + \texttt{z\_mean}^2 - 2s - 1)$. The version with $e^{2s}$ and a single $s$ has
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
    "a divergence is never negative",
)

# %% [markdown]
# A model that minimises the second curve moves to the standard deviation at its minimum, which is
# below 1. **Cure.** One name that says what it is: `z_log_var`. **Check.** The KL is never
# negative, it is 0 at the prior, and draws at `z_log_var` = −2 have the variance $e^{-2}$.

# %%
lowest = s[np.argmin(np.exp(2 * s) - s - 1)]
finding("log σ in the KL of log σ²", "deviation at the KL's minimum", np.exp(lowest), 1.0)
assert (kl_to_standard_normal(*rng.normal(size=(2, 1_000, 1))).numpy() >= 0).all()

# %% [markdown]
# ## 3. Collapse without a mistake
#
# **Symptom.** As in section 1, or in part: some dimensions of the code have a KL of 0. But all
# formulas are right.
#
# **Cause.** The code costs more than it saves. A Gaussian decoder with $\sigma = 1$ pays
# $\frac12(x - f)^2$ for a pixel. Pixels in $[0, 1]$ deviate from their mean by far less than 1 (4.7
# in squares per digit), so all that there is to know about a digit saves only a few nats.

# %%
half_squared = 0.5 * np.sum((x_train - x_train.mean(axis=0)) ** 2, axis=(1, 2, 3)).mean()
print(f"all that a code can save at σ = 1: {half_squared:.2f} nats per digit")
fixed = trained(config.replace(likelihood="gaussian", sigma=1.0), dataset)
fitted = trained(config.replace(likelihood="gaussian"), dataset)  # σ follows the squared error
finding("σ = 1 for pixels in [0, 1]", "KL, nats", kl_of(fixed, x_test), kl_of(fitted, x_test))
print(f"the σ that was fitted: {np.exp(fitted.reconstruction.log_sigma.numpy()):.3f}")

# %%
few = x_test[:12]
figures.image_rows(
    {"input": few, "σ = 1": fixed(few), "σ fitted": fitted(few)},
    title="the same VAE with another σ",
)

# %% [markdown]
# The same happens in part to a code that has more dimensions than the data need. Here are sixteen
# dimensions, and no mistake:

# %%
wide_config = config.replace(latent_dim=16, epochs=WIDE_EPOCHS, learning_rate=2e-3)
wide = trained(wide_config, dataset)

# %%
from vae_keras.latent.codes import posterior


def variances(model):
    """The variance of z_mean over the validation images, for each dimension."""
    return posterior(model, dataset.validation)[0].var(axis=0)


inactive = variances(wide) <= 0.01
figure, axes = figures.panels(width=6, height=3)
axes.bar(np.arange(1, 17), np.sort(variances(wide))[::-1], color=figures.PALETTE[0])
axes.axhline(0.01, color=figures.PALETTE[4], linestyle="--", label="0.01: inactive below")
axes.set(xlabel="dimension of the code, sorted", ylabel="variance of z_mean", yscale="log")
axes.set_title("sixteen dimensions")
axes.legend()
figure

# %% [markdown]
# A dimension whose `z_mean` has a variance of at most 0.01 over the examples is called *inactive*,
# as in chapters 7 to 9.
#
# **Cure.** Fit $\sigma$ to the data; use β = 1; raise the KL's weight slowly (`beta_warmup`), or
# give every dimension a few nats that cost nothing (`free_bits`). An inactive dimension does no
# harm as long as you know of it; section 12 shows what happens if you do not. **Check.** Count the
# inactive dimensions. The package warns after an epoch of a run, on the validation images. It looks
# at the mean KL of each dimension and calls those below 0.01 nats unused. An inactive dimension
# has so small a KL, too. Here is what the package says of the sixteen dimensions, and then of the
# factor 64 in section 1:

# %%
from vae_keras.evaluation.code_use import mean_kl_per_dimension
from vae_keras.training.callbacks import CollapseWarning

for model, epochs in ((wide, WIDE_EPOCHS), (by_factor[64.0], EPOCHS)):
    watch = CollapseWarning(dataset.validation)
    watch.set_model(model)
    watch.on_epoch_end(epochs - 1)
kl = mean_kl_per_dimension(wide, dataset.validation)
print(
    f"of the sixteen {inactive.sum()} are inactive, {(kl < 0.01).sum()} have a KL below 0.01 nats"
)
finding("size of the code taken for its use", "dimensions", 16, int((~inactive).sum()))

# %% [markdown]
# ## 4. Noise drawn once
#
# **Symptom.** A very good training loss. Validation is worse, and it is not the usual overfitting.
#
# **Cause.** The noise was drawn once, before the loop: an array of ε made with the data set, a
# fixed seed inside the training step, or noisy images for a denoising autoencoder that were
# computed beforehand. A fixed ε belongs to its example, and can be learned by heart.
#
# > **Predict.** A VAE is trained on 200 images with one ε per image, the same in every epoch. Then
# > the *training* images are evaluated twice: with their own ε, and with a fresh one. How far apart
# > are the losses?


# %%
import dataclasses


class DrawnOnce(VAE):
    def noise(self, batch, shape, training):
        return super().noise(batch, shape, training=False)  # a function of the example alone


few_images = dataclasses.replace(dataset, train=dataset.train.take(slice(200)))
ten_by_ten = config.replace(epochs=SAME_NOISE_EPOCHS // 10, passes=10)  # ten at a time: faster
once_only = trained(ten_by_ten, few_images, variant=DrawnOnce)


def loss_with(model, stream):
    """The mean loss of the 200 images; each stream is other noise."""
    batch = model.prepare({"x": x_train[:200], "index": np.arange(200) + 100_000 * stream})
    return float(np.mean(model.weighted_sum(model.objective(batch, training=False))))


own, fresh = loss_with(once_only, 0), loss_with(once_only, 1)
finding("noise drawn once", "loss with fresh noise minus loss with own noise", fresh - own, 0.0)
print(f"drawn at every step: {loss_with(good, 0):.2f} and {loss_with(good, 1):.2f} nats")
print(f"drawn once: {own:.2f} with the known noise, {fresh:.2f} with fresh noise")

# %% [markdown]
# They are more than two and a half nats apart, although only two numbers per image, its ε, were
# kept the same. The pair (image, ε) never changes, so no code near the one that was drawn has to
# decode to the same image. **Cure.** Draw inside the step. **Check.** Two training steps on the
# same batch see different noise:

# %%
batch = good.prepare(x_train[:4])
first = good.noise(batch, (2,), training=True).numpy()
good.optimizer.iterations.assign_add(1)
assert np.abs(first - good.noise(batch, (2,), training=True).numpy()).max() > 0.1

# %% [markdown]
# ## 5. The logarithm of a probability
#
# **Symptom.** NaN, suddenly, after an hour. Or, with a library that clips, a loss that stops
# falling.
#
# **Cause.** The decoder ends in a sigmoid, and the loss takes its logarithm. In 32 bits the
# sigmoid of 20 is 1, so $\log(1 - f)$ is $-\infty$, and $0 \cdot \infty$ is not a number. A clip
# at $10^{-7}$ hides it: the loss of a pixel is then capped, and where it is capped the gradient
# is 0.

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
# For a large logit the right answers are the logit itself and a slope of 1. **Cure.** Give logits
# to the loss: `softplus`, or `from_logits=True`. **Check.** The loss at a logit of 100 is 100.

# %%
finding("probability, clipped", "slope at a logit of 20", slopes["clipped at 1e-7"][2], 1.0)
at_100 = good.reconstruction.loss(np.zeros((1, 8, 8, 1)), np.full((1, 8, 8, 1), 100.0)).numpy()
assert np.isclose(at_100, 64 * 100).all() and not np.isfinite(slopes["log(1 − sigmoid(a))"][3])

# %% [markdown]
# ## 6. Data that are not in [0, 1]
#
# **Symptom.** A loss that falls below zero and does not stop, then NaN.
#
# **Cause.** Cross-entropy is bounded below only for $0 \le x \le 1$. The digits come from
# scikit-learn with values up to 16. For $x > 1$ the loss $\log(1 + e^a) - x a$ has no minimum:
# the larger the logit, the better.

# %%
logit = np.linspace(-5, 30, 200)
curves = {f"x = {x:g}": (logit, np.logaddexp(0, logit) - x * logit) for x in (0, 0.7, 1, 2)}
figures.lines(
    curves, "logit a of the pixel", "cross-entropy, nats", "at x = 2 there is no minimum",
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
no_minimum, rescaled = (np.logaddexp(0, 1_000) - white * 1_000 for white in (16, 1))
finding("pixels up to 16", "loss of one pixel at a logit of 1,000", no_minimum, rescaled)

# %% [markdown]
# ## 7. An output that cannot reach the data
#
# **Symptom.** The loss stops falling at a value that no network gets below. Black comes out grey.
#
# **Cause.** The range of the output and that of the data differ: images scaled to $[-1, 1]$
# with a sigmoid, or images in $[0, 1]$ with a tanh (which can reach them, but wastes half of its
# range). What an output in $[0, 1]$ cannot reach is lost, whatever is learned. It can be computed
# without training anything:

# %%
scaled = 2 * x_test - 1
floor = np.sum((scaled - np.clip(scaled, 0, 1)) ** 2, axis=(1, 2, 3)).mean()
finding("data in [−1, 1], output in [0, 1]", "squared error that remains", floor, 0.0)
nearest = np.clip(scaled, 0, 1)
figures.image_rows(
    {"x": x_test[:12], "the best such output, rescaled": (nearest[:12] + 1) / 2},
    title="what a sigmoid can reach of images in [−1, 1]",
)

# %% [markdown]
# **Cure.** Let the likelihood decide: it knows the range of its data and what the decoder has to
# put out. **Check.** The error of the nearest output that the decoder *could* give is 0.
#
# ## 8. Two losses with one name
#
# **Symptom.** Validation is far above training from the first epoch, or far below. Early stopping
# stops at the wrong epoch.
#
# **Cause.** `train_step` and `test_step` each compute a loss, and only one of them was changed. A
# well-known repository weighs the KL 4,000 times less in training than in validation. The same
# images and the same model, that of section 1 with the weak KL:

# %%
terms = by_factor[0.02].objective(by_factor[0.02].prepare(x_train[:300]), training=False)
rec, kl_loss = (float(np.mean(terms[name])) for name in ("reconstruction_loss", "kl_loss"))
print(f"training: {rec:.2f} + {kl_loss:.2f}/4000 = {rec + kl_loss / 4000:.2f} nats")
print(f"validation of the same images: {rec:.2f} + {kl_loss:.2f} = {rec + kl_loss:.2f} nats")
finding("another weight in validation", "validation − training", kl_loss * (1 - 1 / 4000), 0.0)

# %% [markdown]
# **Cure.** One function for the terms and one for their weights. (While a warm-up lasts the two
# *should* differ: the package trains with the weight of the step and validates with the final
# one.) **Check.** Evaluate the training images with both.

# %%
same = {name: good.term_weights(step) for name, step in (("training", 1), ("evaluation", None))}
assert same["training"] == same["evaluation"]

# %% [markdown]
# ## 9. The loss of the last batch
#
# **Symptom.** Curves that jump up and down; an epoch that is suddenly the best.
#
# **Cause.** The number printed at the end of the epoch is that of its last batch. With 1,295
# images in batches of 64, these are 15 images.

# %%
losses = good.weighted_sum(good.objective(good.prepare(x_train), training=False)).numpy()
last = np.array([losses[rng.permutation(len(losses))[:15]].mean() for _ in range(100)])
figure = figures.lines(
    {
        "of the last batch": (range(1, 101), last),
        "of the epoch": (range(1, 101), np.full(100, losses.mean())),
    },
    "epoch (the model does not change)",
    "loss, nats",
    "one model that does not change, reported in two ways",
)
figure

# %%
finding("last batch as the epoch", "nats between best and worst epoch", np.ptp(last), 0.0)

# %% [markdown]
# **Cure.** A `keras.metrics.Mean` for each term, updated with one value *per image*, so that a
# small batch counts for less. **Check.** The logged loss is the mean over all images:

# %%
logged = good.evaluate(dataset.train.batches(64), return_dict=True, verbose=0)["loss"]
np.testing.assert_allclose(logged, losses.mean(), rtol=1e-4)

# %% [markdown]
# ## 10. A model that cannot be loaded
#
# **Symptom.** `load_model` fails, a month later, on another machine.
#
# **Cause.** The file holds weights and a configuration, and no code. A `Lambda` layer *is* code,
# so Keras refuses to load it from a file that it cannot trust. A class of your own is not found
# unless it was registered under a name. `custom_objects` helps if you have the class and know which
# one it was.

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


class Noise(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator()  # a fixed seed here would be mistake 4

    def call(self, z):
        return z + keras.random.normal(keras.ops.shape(z), seed=self.generator)


code = keras.Input((2,))
keras.Model(code, keras.layers.Lambda(lambda z: 2 * z)(code)).save(folder / "lambda.keras")
keras.Model(code, Noise()(code)).save(folder / "noise.keras")
loads = {
    "a Lambda layer": loading("lambda.keras"),
    "my layer": loading("noise.keras"),
    "my layer, handed over": loading("noise.keras", custom_objects={"Noise": Noise}),
}
good.save(folder / "good.keras")
loads["a registered class"] = loading("good.keras")
for what, outcome in loads.items():
    print(f"{what:<22} {outcome}")

# %% [markdown]
# **Cure.** `@keras.saving.register_keras_serializable()` on every class, a `get_config` that
# returns all arguments, and a file to import. For users who should not need your code there is
# the SavedModel. **Check.** Load it in another process and compare the outputs, as chapter 6 does.
# And does the layer draw at every call?

# %%
noise, zeros = Noise(), np.zeros((4, 2), "float32")
assert np.abs(noise(zeros) - noise(zeros)).max() > 0.1

# %% [markdown]
# ## 11. A grid with infinite edges
#
# **Symptom.** The outer ring of the manifold is blank, or NaN.
#
# **Cause.** `norm.ppf(linspace(0, 1, n))` for a grid with equal probability between its lines.
# The quantiles at 0 and 1 are $\pm\infty$. The opposite mistake is a grid over $[-1, 1]$, which
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
finding("norm.ppf of 0 and 1", "images that are not numbers, of 144", int(broken), 0)

# %% [markdown]
# **Cure.** The midpoints of the intervals: `vae_keras.latent.prior_grid`. **Check.**
# `np.isfinite(grid).all()`.
#
# ## 12. Feature vectors from codes with noise
#
# **Symptom.** A feature vector that changes from run to run, and changes other things as well.
#
# **Cause.** A *feature vector* is the mean code of examples with the feature minus that of examples
# without it. It was computed from codes *with* their noise, because the encoder of that program
# gives no others. In inactive dimensions the mean is never far from 0, but a code with noise is
# nearly all noise, of variance 1, and that goes into the vector. Here it is shown with the
# sixteen-dimensional model of section 3. The feature is "is a zero", and there are twenty images
# with it and twenty without.

# %%
z_mean, z_log_var = posterior(wide, dataset.train)
has = y_train == 0
chosen = np.concatenate([np.flatnonzero(has)[:20], np.flatnonzero(~has)[:20]])


def vector(codes):
    return codes[chosen[:20]].mean(axis=0) - codes[chosen[20:]].mean(axis=0)


from_means = vector(z_mean)
with_noise = [
    vector(z_mean + np.exp(0.5 * z_log_var) * rng.normal(size=z_mean.shape)) for _ in range(200)
]
off = np.mean([np.linalg.norm(v - from_means) for v in with_noise]) / np.linalg.norm(from_means)
figures.bars(
    {
        "from means": np.linalg.norm(from_means[inactive]),
        "from codes with noise": np.mean([np.linalg.norm(v[inactive]) for v in with_noise]),
    },
    "length in inactive dimensions",
    "the part of the vector that means nothing",
)

# %%
finding("feature vector of codes with noise", "error, share of its length", off, 0.0)

# %% [markdown]
# **Cure.** Use `z_mean`, which is what `encode` gives. **Check.** Encode the same image twice
# and compare.

# %%
np.testing.assert_array_equal(wide.encode(x_test[:5]), wide.encode(x_test[:5]))

# %% [markdown]
# ## 13. The wrong way round
#
# **Symptom.** Adding "glasses" takes them off.
#
# **Cause.** The vector was computed as the mean without the feature minus the mean with it. With
# faces you may not see it at once, but a classifier shows it. It reads the decoded images of digits
# that are not zeros, before and after one step along the vector.

# %%
from sklearn.neighbors import KNeighborsClassifier

classifier = KNeighborsClassifier().fit(x_train.reshape(-1, 64), y_train)
codes = z_mean[~has]
direction = z_mean[has].mean(axis=0) - z_mean[~has].mean(axis=0)


def read_as_zero(codes):
    images = np.asarray(wide.decode(codes.astype("float32")))
    return np.mean(classifier.predict(images.reshape(len(images), -1)) == 0)


figures.bars(
    {
        "minus the vector": read_as_zero(codes - direction),
        "as it was": read_as_zero(codes),
        "plus the vector": read_as_zero(codes + direction),
    },
    "share read as a zero",
    "which way adds the feature?",
)

# %% [markdown]
# **Cure.** With − without. **Check.** The projection of codes on the vector is larger, on
# average, for those that have the feature:
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
# $\sigma^2 = ½$. That is allowed if you intend it.

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
# is a usable loss but no density: $f^x (1 - f)^{1 - x}$ does not integrate to 1 over $[0, 1]$.
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
# It is 0 for black and white alone. For grey pixels there is a lowest value that no model can go
# below, and most of a good model's loss may be this value. **Cure.** Compare grey with grey only.
# For likelihoods use binarised pixels (`binarize="dynamic"`), or a density for grey values: the
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
# **Symptom.** The validation loss of one and the same model changes when you ask again. The best
# epoch cannot be found again.
#
# **Cause.** The loss has an ε in it. With a random generator that continues, every evaluation draws
# other noise.

# %%
evaluations = []
batch = good.prepare(x_test)
heads = good.posterior(batch)
for _ in range(30):
    z = good.sampling(heads)  # draws its own noise
    nats = kl_to_standard_normal(*heads) - good.log_likelihood(batch, z)
    evaluations.append(np.mean(nats))
finding("other noise at each evaluation", "nats between 30 evaluations", np.ptp(evaluations), 0.0)

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
# ## 17. A sum over the batch
#
# **Symptom.** The best learning rate changes with the batch size. Clipped gradients are clipped at
# nearly every step. The losses of two runs cannot be compared.
#
# **Cause.** `tf.reduce_sum(loss)` without an axis sums over pixels *and* over the batch. The loss
# of a batch of 256 is then 16 times that of a batch of 16, and so is its gradient.
#
# > **Predict.** A fresh model is trained by plain gradient descent, with a learning rate that is
# > fine for a mean over the batch. What happens with a sum over a batch of 256? And with Adam,
# > which divides each gradient by its size?

# %%
fresh_weights = untrained.get_weights()


def losses_of(x):
    """The loss of each image: [batch]."""
    batch = untrained.prepare(x)
    heads = untrained.posterior(batch)
    z = untrained.sampling(heads)
    return kl_to_standard_normal(*heads) - untrained.log_likelihood(batch, z)


def gradient(reduce, x):
    with tf.GradientTape() as tape:
        loss = reduce(losses_of(x))
    return tape.gradient(loss, untrained.trainable_variables)


def loss_after(reduce, optimizer, size=256):
    """The loss of the validation images after some steps of the fresh model."""
    untrained.set_weights(fresh_weights)
    optimizer.build(untrained.trainable_variables)

    @tf.function
    def step(x):
        optimizer.apply(gradient(reduce, x), untrained.trainable_variables)

    for number in range(STEPS):
        step(x_train[np.random.default_rng([SEED, number]).choice(len(x_train), size, False)])
    return float(np.mean(losses_of(dataset.validation.arrays()[0])))


ways = {"mean": tf.reduce_mean, "sum": tf.reduce_sum}
sizes, length, after = (16, 64, 256), {}, {}
for name, reduce in ways.items():
    found = [tf.linalg.global_norm(gradient(reduce, x_train[:size])).numpy() for size in sizes]
    length[name] = dict(zip(sizes, found))
    print(
        f"{name}: length of the gradient", {size: f"{n:,.1f}" for size, n in length[name].items()}
    )
rates = {"SGD": 0.01, "Adam": 2e-3}
for kind in OPTIMIZERS:
    for name, reduce in ways.items():
        optimizer = getattr(keras.optimizers, kind)(rates[kind])
        after[kind, name] = loss_after(reduce, optimizer)
        print(f"{kind}, {name}: loss after {STEPS} steps {after[kind, name]:.1f} nats")

# %%
growth = {name: found[256] / found[16] for name, found in length.items()}
finding("sum over the batch", "gradient, batch 256 against 16", growth["sum"], growth["mean"])

# %% [markdown]
# With the sum, plain gradient descent ends in values that are no numbers: each of its steps is 256
# times as long. Adam hides the mistake, because a common factor of all gradients cancels. But not
# everything cancels: a limit of the gradient's length (`clip_norm`) is passed at every step, and a
# weight decay or a penalty counts for less.
#
# Worse is a sum over the batch in *one* term. If the reconstruction is summed over the batch and
# the KL is averaged over it, then β is 1/64 for batches of 64, and another for the last batch.
#
# **Cure.** Sum over the axes of the example, mean over the batch. **Check.** A batch that contains
# every example twice has the same loss and the same gradient.

# %%
terms = good.objective(good.prepare(x_train[:64]), training=False)
mixed = tf.reduce_sum(terms["reconstruction_loss"]) + tf.reduce_mean(terms["kl_loss"])
as_beta = tf.reduce_mean(terms["reconstruction_loss"] + terms["kl_loss"] / 64)
np.testing.assert_allclose(mixed, 64 * as_beta, rtol=1e-5)

once = {"x": x_train[:64], "index": np.arange(64)}
twice = {name: np.concatenate([values, values]) for name, values in once.items()}
one, two = (
    np.mean(good.weighted_sum(good.objective(good.prepare(data), training=False)))
    for data in (once, twice)
)
np.testing.assert_allclose(one, two, rtol=1e-5)

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
# And a checklist for your own code. It takes ten minutes, and the first seven lines need no
# training.
#
# 1. `0 <= x.min() and x.max() <= 1`, or whatever the likelihood needs.
# 2. The loss before training is $d \log 2$ (Bernoulli, $d$ pixels), or what you compute for a
#    Gaussian.
# 3. The loss of one example does not depend on the others in its batch; that of a batch is the
#    mean.
# 4. `kl(0, 0) == 0`, no KL is negative, twice the dimensions cost twice as much.
# 5. Draws at `z_log_var` = −2 have the variance $e^{-2}$.
# 6. The loss at a logit of ±100 is finite.
# 7. The log-likelihood agrees with `scipy.stats` on one example, constants included.
# 8. Training examples evaluated by `test_step` give the loss that training reports, up to noise.
# 9. The variance of `z_mean` in each dimension: which are inactive?
# 10. Saved, loaded in another process, the same output.
# 11. Samples beside reconstructions. If only the latter are good, the KL is too weak; if neither,
#     too strong.
#
# ## Exercises
#
# 1. **Find it.** The loss in the next cell is for images of 28×28 and a code of 32 dimensions.
#    Which β is that, measured against a Gaussian with $\sigma = 1$?

# %%
from vae_keras.course import check


def their_loss(x, f, m, v):
    """Somebody's loss: `x` and `f` [batch, pixels], `m` and `v` [batch, dimensions]."""
    return np.mean((x - f) ** 2) - 0.5 * np.mean(1 + v - m**2 - np.exp(v))


def answer_1(pixels, dimensions):
    """Fill in: the weight of the KL over the weight of the reconstruction."""
    ...


# by experiment: how much the loss grows with a nat of KL, and with a nat of reconstruction
x, m, v = rng.random((5, 784)), rng.normal(size=(5, 32)), rng.normal(size=(5, 32))
per_nat_of_kl = their_loss(x, x, m, v) / kl_to_standard_normal(m, v).numpy().mean()
half_square = norm.logpdf(0, 0, 1) - norm.logpdf(x, 0, 1)
per_nat_of_reconstruction = their_loss(x, 0 * x, 0 * m, 0 * v) / half_square.sum(axis=1).mean()
right_1 = per_nat_of_kl / per_nat_of_reconstruction
check(1, answer_1(784, 32), lambda beta: np.isclose(beta, right_1))

# %% [markdown]
# 2. **A collapse, and a cure.** Train the sixteen-dimensional model for `HARD_EPOCHS` epochs with
#    `beta=4`, once as it is and once with `free_bits=0.1`. How many dimensions are inactive in
#    each, and what do free bits do for the reconstruction?

# %%
hard = wide_config.replace(beta=4.0, epochs=HARD_EPOCHS)


def answer_2(hard):
    """Fill in: the two trained models, first the one as it is, then the one with free bits."""
    ...


def have_collapse_and_cure(models):
    """Whether both were trained as they should be, and the second has fewer inactive dimensions."""
    for model, bits in zip(models, (0, 0.1), strict=True):
        options, steps = model.options, 21 * HARD_EPOCHS  # 1,295 images in batches of 64
        settings = (options.beta, options.free_bits, model.latent_dim)
        if settings != (4, bits, 16) or int(model.optimizer.iterations) != steps:
            return False
    as_it_is, freed = ((variances(model) <= 0.01).sum() for model in models)
    return as_it_is > freed


check(2, answer_2(hard), have_collapse_and_cure)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1(pixels, dimensions):
    # mean over pixels: 1/784 of the sum, which is twice the ½-sum; KL: 1/32 of the sum
    return (1 / dimensions) / (2 / pixels)


print(f"β = {answer_1(784, 32):.2f}")
assert check(1, answer_1(784, 32), lambda beta: np.isclose(beta, right_1))


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(hard):
    return trained(hard, dataset), trained(hard.replace(free_bits=0.1), dataset)


def reconstruction(model):
    batch = model.prepare(x_test)
    return float(np.mean(model.objective(batch, training=False)["reconstruction_loss"]))


collapsed, freed = answer_2(hard)
assert check(2, (collapsed, freed), have_collapse_and_cure)
count = [int((variances(model) <= 0.01).sum()) for model in (collapsed, freed)]
print(f"inactive: {count[0]} dimensions as it is, {count[1]} with free bits")
print(f"reconstruction: {reconstruction(collapsed):.2f} and {reconstruction(freed):.2f} nats")
assert reconstruction(freed) < reconstruction(collapsed)

# %% [markdown]
# ## Further reading
#
# * Bowman et al. 2016, [Generating Sentences from a Continuous
#   Space](https://arxiv.org/abs/1511.06349): the first account of collapse, and the warm-up.
# * Lucas et al. 2019, [Don't Blame the ELBO!](https://arxiv.org/abs/1911.02469): collapse in a
#   model that can be solved by hand; it is $\sigma$.
# * Rybkin, Daniilidis and Levine 2021, [Simple and Effective VAE Training with Calibrated
#   Decoders](https://arxiv.org/abs/2006.13202): fit $\sigma$, and forget about β.
# * Loaiza-Ganem and Cunningham 2019, [The continuous
#   Bernoulli](https://arxiv.org/abs/1907.06845): what cross-entropy on grey pixels lacks.
#
# ## Checks

# %%
measured = {name: (wrong, right) for name, _, wrong, right in findings}
assert len(measured) == len(findings) >= 17
assert measured["mean over pixels"][0] < 0.05 < 1 < measured["mean over pixels"][1]
assert measured["σ = 1 for pixels in [0, 1]"][0] < 0.5 * measured["σ = 1 for pixels in [0, 1]"][1]
assert inside[0.02] < inside[1.0] - 0.1, "a weak KL lets the codes leave the prior"
assert (kl[inactive] < 0.01).all(), "an inactive dimension costs next to nothing"
assert 0 < inactive.sum() < 16, "some of the sixteen dimensions are active, and some are not"
by_chance = abs(loss_with(good, 1) - loss_with(good, 0))
assert fresh - own > by_chance + (1 if SAME_NOISE_EPOCHS >= 150 else 0.3), "noise can be learned"
assert slopes["clipped at 1e-7"][2] == 0 and np.allclose(slopes["softplus(a)"], 1, atol=0.2)
assert "[0.0, 1.0]" in refused
assert floor > 1 and kl_loss > 1 and np.ptp(last) > 2
assert loads["a Lambda layer"].startswith("fails"), loads
assert loads["my layer"].startswith("fails"), loads
assert loads["my layer, handed over"].startswith("loads"), loads
assert loads["a registered class"] == "loads: VAE"
assert broken == 44 and np.isfinite(grids["midpoints"]).all()
assert off > 0.1 and plus > 0.25 > 0.1 > minus
assert growth["sum"] > 10 > 1.5 > growth["mean"], "a sum grows with the batch"
assert not after["SGD", "sum"] < after["SGD", "mean"], "and so do the steps"
assert perfect_grey > 5 and perfect_binary == 0 and area.max() < 0.51

# %% [markdown] tags=["navigation"]
# ---
# Previous: [13. Out of the notebook](13_out_of_the_notebook.ipynb) ·
# Next: [15. A better bound](15_a_better_bound.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
