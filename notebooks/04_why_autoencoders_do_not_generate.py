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
# # Why autoencoders do not generate
#
# A decoder turns two numbers into a digit. Can you invent two numbers, and get a new digit? If you
# try it, you will be disappointed, and it is not the decoder's fault: it was never told *which*
# numbers it would be asked about. This chapter measures in three ways what is wrong with the code
# of a plain autoencoder. Then it takes apart the loss of a variational one, to see which of its
# terms mends what. It also defends the plain autoencoder where it deserves that.
#
# You will
#
# 1. sample an autoencoder and look,
# 2. measure gaps between codes and the areas of the classes,
# 3. go from one digit to another in even steps, and measure the steps,
# 4. train with the reconstruction term alone, with the KL term alone, and with both,
# 5. write down what we want; the next chapter begins there.
#
# It needs no download. The variational autoencoder is only used here; the next chapters explain it.

# %% [markdown] tags=["navigation"]
# **Builds on** [2. Deep autoencoders](02_deep_autoencoders.ipynb) ·
# **To read** about 30 minutes ·
# **To run** about 1 minute on two cores
#
# Previous: [3. Sparse, denoising, contractive](03_sparse_denoising_contractive.ipynb) ·
# Next: [5. The variational idea](05_the_variational_idea.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 60  # fast: 10
CLASSIFIER_STEPS = 1_500  # fast: 100
SAMPLES = 10_000  # fast: 2_000
PAIRS = 300  # fast: 60

# %% [markdown]
# ## 1. A decoder in search of a code
#
# We train a deep autoencoder with a code of two numbers on digits, with cross-entropy, and a
# variational autoencoder (VAE) of the same size. For now we need to know three things of the VAE.
# Its encoder gives a small cloud instead of a point. The decoder is given a random point of the
# cloud. And a second term of the loss, the *KL term*, pulls every cloud towards the standard normal
# distribution $\mathcal N(0, I)$: round, centred at 0, one unit wide.

# %%
import numpy as np

from vae_keras import TrainConfig, figures, load
from vae_keras.training.fitting import trained

dataset = load(TrainConfig(dataset="digits"))
images, labels = dataset.train.arrays()
test, test_labels = dataset.test.arrays()

common = dict(units="256-128", epochs=EPOCHS, seed=SEED)
plain = trained(TrainConfig(model="deep", loss="bce", **common), dataset)
vae = trained(TrainConfig(model="vae", **common), dataset)

# %%
from vae_keras.latent.codes import encode

codes = {"autoencoder": encode(plain, dataset.train), "VAE": encode(vae, dataset.train)}
figures.latent_scatters({"codes": codes}, labels, dataset.class_names)

# %% [markdown]
# Look at the scales first. Nothing in the autoencoder's loss says how large codes should be, so it
# has spread them out until the digits were well apart. It has left some regions empty, and some
# digits have a larger area than others. The VAE's codes lie around 0, about one unit wide.
#
# > **Predict.** We draw codes from $\mathcal N(0, I)$ and decode them. What will the autoencoder's
# > images be like?
#
# The slider is the standard deviation of the draw. Watch where the black points fall, and what the
# decoded images are.

# %%
from vae_keras.figures.sliders import Sliders

normal = np.random.default_rng(SEED).standard_normal((64, 2), np.float32)
SCALES = (0.25, 0.5, 1, 3, 10)
drawn = {scale: plain.decode(scale * normal).numpy() for scale in SCALES}


def tiled(images):
    """64 images as one."""
    return images.reshape(8, 8, 8, 8).transpose(0, 2, 1, 3).reshape(64, 64)


def sampled(deviation):
    figure, (left, right) = figures.panels(1, 2)
    left.scatter(*codes["autoencoder"].T, s=2, c=[figures.PALETTE[label] for label in labels])
    left.plot(*(deviation * normal).T, "k.", markersize=4)
    left.set(title="codes, and those drawn", xlabel="z₁", ylabel="z₂", aspect="equal")
    right.imshow(tiled(drawn[deviation]), cmap="gray", vmin=0, vmax=1)
    right.set_axis_off()
    right.set_title("decoded")
    return figure


Sliders(sampled, deviation=SCALES)

# %% [markdown]
# They show a few of the digits, many times, because the middle of the plane belongs to a few
# classes. No position of the slider helps. But this is not a fair test: we should draw codes where
# codes *are*. The simplest way is to fit a Gaussian to the training codes and to draw from that.
# The package does it for every autoencoder (`model.prior`).

# %%
prior = vae.prior.sample(SAMPLES, (SEED, 0)).numpy()  # N(0, I)
fitted = plain.prior.sample(SAMPLES, (SEED, 0)).numpy()  # N(mean, covariance) of the codes
cases = {
    "autoencoder, N(0, I)": (plain, codes["autoencoder"], prior),
    "autoencoder, fitted": (plain, codes["autoencoder"], fitted),
    "VAE, N(0, I)": (vae, codes["VAE"], prior),
}
decoded = {name: model.decode(z).numpy() for name, (model, _, z) in cases.items()}

# %% tags=["cover"]
figure = figures.codes_and_samples(
    {
        name: {"codes": of, "samples": z, "images": decoded[name][:36]}
        for name, (_, of, z) in cases.items()
    },
    labels,
    dataset.class_names,
)
classes = figure.axes[0].get_lines()[:10]
figure.legend(handles=classes, loc="outside lower center", ncols=10, markerscale=3, frameon=False)
figure

# %% [markdown]
# ## 2. Gaps and areas
#
# People disagree about blurred images. Numbers are better, and we need one for each fault.
#
# **Gaps.** How far is a drawn code from the nearest code that the decoder was trained on? Latent
# spaces have no common unit, so we measure in *spacings*: the mean distance of a training code to
# its own nearest neighbour.
#
# **Areas.** To which class does a drawn code belong, judged by its nearest training code? If all
# ten have the same share, the entropy of the shares, $-\sum p \log p$, is as large as it can be; we
# divide by that, so 1 is fair and 0 is "always the same digit".
#
# > **Predict.** Three ways to draw: the autoencoder from $\mathcal N(0, I)$, the autoencoder from
# > its fitted Gaussian, the VAE from $\mathcal N(0, I)$. Put them in order, for gaps and for areas.

# %%
from vae_keras.evaluation.classifier import trained_classifier
from vae_keras.studies.generation import class_areas, confidence, gaps

measured = {
    name: {**gaps(z, of), **class_areas(z, of, labels)} for name, (_, of, z) in cases.items()
}
print(" " * 22 + "gap (median, 95 %)   entropy   smallest, largest class")
for name, row in measured.items():
    print(
        f"{name:<22}{row['gap_median_in_spacings']:8.2f}{row['gap_95_percent_in_spacings']:10.2f}"
        f"{row['class_entropy']:10.3f}{row['smallest_class_share']:12.1%}"
        f"{row['largest_class_share']:10.1%}"
    )

# %% [markdown]
# For the areas the order is clear. With $\mathcal N(0, I)$, more than half of the autoencoder's
# samples are one and the same digit, and some digit is almost never drawn. A Gaussian fitted to its
# codes mends most of that. The VAE is better still, and nothing was fitted to it afterwards.
#
# For the gaps the order is not clear, which we did not expect before we measured. In code spacings
# the VAE is ahead of the fitted Gaussian by only a little: half of the samples of either lie within
# 1.4 spacings of a training code, and one in twenty of either is more than eight spacings away. One
# often sees an autoencoder full of holes beside a VAE without holes. Such figures do not measure
# both with the same unit. ($\mathcal N(0, I)$ with the autoencoder is last by the median and first
# by the 95 %: all its draws fall into the crowded middle.)
#
# What, then, do the samples look like? Let a classifier judge that has seen only real digits: how
# sure is it, on average, of *some* class?

# %%
classifier = trained_classifier(dataset, steps=CLASSIFIER_STEPS)
sure = {name: confidence(classifier, images)["confidence"] for name, images in decoded.items()}
sure["real digits"] = confidence(classifier, test)["confidence"]
print(f"the classifier is right in {classifier.accuracy:.1%} of real test digits")
figures.bars(
    {name.replace("autoencoder", "plain"): value for name, value in sure.items()},
    "mean confidence of a classifier",
    title="how much samples look like some digit",
    form="{:.1%}",
)

# %% [markdown]
# By this measure the VAE is not ahead; it is last, by a little. Its samples are blurred: with two
# numbers, and with clouds that overlap, it must often draw the average of what a point may mean.
# That is the price of what it does better.
#
# But a classifier that has seen only digits can be sure of things that are no digits. Look at the
# images again: some of the autoencoder's are zeros in *negative*, black on white. No training image
# is like that. It happens between the codes, where a decoder that was trained at single points may
# draw anything. How many of the samples have more ink (more white) than any training digit has?

# %%
most_ink = images.mean(axis=(1, 2, 3)).max()
strange = {
    name: float(np.mean(samples.mean(axis=(1, 2, 3)) > most_ink))
    for name, samples in decoded.items()
}
for name, share in strange.items():
    print(f"{name:<22}{share:6.1%} have more ink than any training digit has")

# %% [markdown]
# About a quarter of those from $\mathcal N(0, I)$ have, one in fifteen of those from the fitted
# Gaussian, and almost none of the VAE's. This is the difference that one sees. The autoencoder's
# gaps are not much wider than the VAE's, but what it draws in them is worse. The VAE's decoder was
# given points all around every code, and between them it draws a blurred digit.
#
# ## 3. A walk between two codes
#
# **Continuity** is the third test. Take the codes $z_A$ and $z_B$ of two digits and go from one to
# the other in even steps, $z_A (1 - \alpha) + z_B\, \alpha$. Even steps in the code should be even
# steps in the image.

# %%
from vae_keras.latent import morphing

ends = [int(np.flatnonzero(test_labels == digit)[0]) for digit in (0, 1)]
walks = {
    name: model.decode(morphing.linear(*model.encode(test[ends]).numpy(), steps=13)).numpy()
    for name, model in (("autoencoder", plain), ("VAE", vae))
}
figures.image_rows(walks, title="from a zero to a one")

# %% [markdown]
# One walk proves nothing. Let us take 300 pairs of different test digits, go from one to the other
# in 20 steps, and note how much the image changes at each. If all steps were equal, each would be
# 5 % of the way. The largest of the 20 would show a sudden change. And at every step we ask the
# classifier how sure it is.

# %%
pairs = np.random.default_rng(SEED).integers(0, len(test), (1_000, 2))
pairs = pairs[test_labels[pairs[:, 0]] != test_labels[pairs[:, 1]]][:PAIRS]
alpha = np.linspace(0, 1, 21, dtype=np.float32)[:, None, None]


def walked(model):
    """The largest of 20 steps as a share of the way, and the confidence at each: means of pairs."""
    start, end = (model.encode(test[one]).numpy() for one in pairs.T)
    codes = (1 - alpha) * start + alpha * end  # [21, pairs, 2]
    decoded = model.decode(codes.reshape(-1, 2)).numpy().reshape(21, len(pairs), 8, 8, 1)
    steps = np.linalg.norm(np.diff(decoded, axis=0), axis=(2, 3))[..., 0]  # [20, pairs]
    sureness = [confidence(classifier, at)["confidence"] for at in decoded]
    return float(np.mean(steps.max(axis=0) / steps.sum(axis=0))), sureness


largest_step, on_the_way = {}, {}
for name, model in (("autoencoder", plain), ("VAE", vae)):
    largest_step[name], on_the_way[name] = walked(model)
    print(f"{name:<12} largest of 20 steps: {largest_step[name]:.1%} of the way")
figures.lines(
    {name: (alpha.ravel(), values) for name, values in on_the_way.items()},
    "α, from one digit to another",
    "mean confidence of the classifier",
    title="on the way between two digits",
)

# %% [markdown]
# There are no sudden changes: the largest step is 8 % where 5 % would be even. But the plain
# autoencoder's steps are less even, because nothing decides what its decoder draws between the
# points of training. The VAE's decoder was given random points of clouds, so whole neighbourhoods
# had to mean the same image, and its steps are more even. Now look at the curves. For the VAE the
# classifier is less sure on the way, and also at the ends: even steps come with blurred images.
# (The axis does not start at 0.)
#
# ## 4. What each term does
#
# The loss of the VAE has two terms. Let us take them apart. The *reconstruction term* is what the
# autoencoder has. The *KL term* is, for a cloud with the mean `z_mean` and the logarithm of the
# variance `z_log_var`,
#
# $$\tfrac12 \sum \big( \sigma^2 + \mu^2 - \log \sigma^2 - 1 \big), \qquad
# \mu = \texttt{z\_mean}, \quad \log \sigma^2 = \texttt{z\_log\_var},$$
#
# which is 0 if the cloud is $\mathcal N(0, I)$, and positive otherwise. The next chapter derives
# it.
#
# > **Predict.** Train with the KL term **alone**. Where do the clouds go? Some notes on the subject
# > say that the digits are then placed at random.
#
# The weights of the terms are what `term_weights` gives. One class of three lines switches the
# reconstruction off:

# %%
from vae_keras import VAE
from vae_keras.studies.terms import nearest_label_accuracy, sampled_posterior


class KLOnly(VAE):
    def term_weights(self, step=None):
        return {"reconstruction_loss": 0.0, "kl_loss": 1.0}


config = TrainConfig(model="vae", **common)
by_terms = {
    "reconstruction only": trained(config.replace(beta=0.0), dataset),  # the weight of the KL term
    "KL only": trained(config, dataset, KLOnly),
    "both": vae,
}
clouds = {name: sampled_posterior(model, dataset.train) for name, model in by_terms.items()}
figures.latent_scatters(
    {
        "z_mean": {name: cloud["z_mean"] for name, cloud in clouds.items()},
        "a point of each cloud": {name: cloud["z"] for name, cloud in clouds.items()},
    },
    labels,
    dataset.class_names,
)

# %%
from vae_keras import evaluate

terms = {name: evaluate(model, dataset) for name, model in by_terms.items()}
read = {}
print(" " * 22 + "reconstruction      KL   mean σ   digit read from a point")
for name, model in by_terms.items():
    cloud = sampled_posterior(model, dataset.test)
    read[name] = nearest_label_accuracy(clouds[name]["z"], cloud["z"], labels, test_labels)
    print(
        f"{name:<22}{terms[name]['reconstruction_loss']:14.2f}{terms[name]['kl_loss']:8.2f}"
        f"{cloud['sigma'].mean():9.3f}{read[name]:26.1%}"
    )

# %% [markdown]
# With the **KL term alone**, the middle column, every cloud becomes $\mathcal N(0, I)$. Nothing has
# been placed at random. All means lie in one point, and all clouds are the same. From a point of a
# cloud one can read the digit no better than by guessing. (The lower row *looks* random because it
# is the noise itself: draw again, and every point is somewhere else.) One sometimes reads that
# `z_mean` and `z_log_var` near 0 for *every* image is the aim of training. It is the aim of this
# term. If it is reached, that is *posterior collapse*: the codes have exactly the prior's
# distribution, and say nothing.
#
# With the **reconstruction term alone**, the clouds have shrunk to points, and the points have
# moved apart, because noise only does harm. The KL was not minimised here, only measured, and it is
# very large.
#
# (With the KL term alone nothing trains the decoder. The 27.02 nats are those of its start, which
# the package makes the mean image.)
#
# **Both together** balance each other. The clouds stay wide enough to overlap with their
# neighbours, so neighbours must be alike, and they fill the region that the prior describes. The
# price is in the table: the reconstruction is worse than with the first term alone, and from a
# point of a cloud one reads the digit only half the time.
#
# ## 5. What we want
#
# What exactly does a plain autoencoder lack?
#
# 1. **A known distribution of codes.** We must know where codes lie *before* we have seen them. A
#    Gaussian fitted afterwards was a fair guess here, in two dimensions, with ten digits. But it is
#    a second model, and it works only if the first one has left something simple.
# 2. **Neighbourhoods.** The decoder must be trained on regions and not on points, so that what it
#    draws between two images is something it has been trained for.
# 3. **A balance.** If the first two wishes make the reconstructions worse, we must decide how much
#    worse they may become. With two terms and a free weight between them, that is a matter of
#    taste.
#
# The third needs a new idea. The next chapter starts from a single question: *how probable are
# these images if they were made in two steps, first a code and then an image?* Both terms follow
# from it, with their weights.
#
# ## Exercises
#
# Fill in the function below an exercise and run the cell: it says whether the answer is right. The
# solutions are folded away below all of them.
#
# **1.** Do better for the plain autoencoder. Fit a mixture of 30 Gaussians to its codes
# (`sklearn.mixture.GaussianMixture`), draw from that, and measure gaps and classes again. What have
# you built, and what does it still not do?

# %%
from vae_keras.course import check


def answer_1(codes, count):
    """Fill in: `count` codes drawn from a mixture that was fitted to `codes`, [count, 2]."""
    ...


def is_better_than_one_gaussian(z):
    of = codes["autoencoder"]
    gap = gaps(z, of)["gap_95_percent_in_spacings"]
    even = class_areas(z, of, labels)["class_entropy"]
    is_nearer = gap < measured["autoencoder, fitted"]["gap_95_percent_in_spacings"]
    return len(z) == SAMPLES and is_nearer and even > 0.95


check(1, answer_1(codes["autoencoder"], SAMPLES), is_better_than_one_gaussian)

# %% [markdown]
# **2.** In notes on the subject one can find the KL term as $\sum \sigma^2 + \mu^2 - \log \sigma -
# 1$, with $\log \sigma$ for $\log \sigma^2$ and without the ½. Find the $\sigma$ at which that is
# least. What would all clouds look like, and would samples of $\mathcal N(0, I)$ still fall among
# them?


# %%
def answer_2():
    """Fill in: the σ at which σ² − log σ is least."""
    ...


def of_the_notes(sigma):
    return sigma**2 - np.log(sigma)


check(
    2, answer_2(), lambda s: of_the_notes(s) < min(of_the_notes(s - 0.01), of_the_notes(s + 0.01))
)

# %% [markdown]
# **3.** Draw 10,000 samples of $\mathcal N(0, s^2 I)$ for several $s$ (multiply `prior` by them),
# and find the $s$ at which the VAE's classes have the most even shares. Is it near 1?


# %%
def evenness(s):
    """The entropy of the shares of the classes, for samples of N(0, s² I)."""
    return class_areas(s * prior, codes["VAE"], labels)["class_entropy"]


def answer_3(tried=(0.25, 0.5, 0.7, 1, 1.4, 2, 4)):
    """Fill in: that one of the tried s with the most even shares."""
    ...


check(3, answer_3(), lambda s: evenness(s) >= max(evenness(s / 1.4), evenness(1.4 * s)))

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
# A second model, of the codes, trained after the first: it knows where codes are, better than
# N(0, I) knows those of the VAE. But the decoder was still trained at single points, and nothing
# says what it draws between them.
from sklearn.mixture import GaussianMixture


def answer_1(codes, count):
    mixture = GaussianMixture(30, random_state=SEED).fit(codes.astype("float64"))
    return mixture.sample(count)[0].astype("float32")


z = answer_1(codes["autoencoder"], SAMPLES)
mixed = {**gaps(z, codes["autoencoder"]), **class_areas(z, codes["autoencoder"], labels)}
print({name: round(value, 3) for name, value in mixed.items()})
assert check(1, z, is_better_than_one_gaussian)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
# d/dσ (σ² − log σ) = 2σ − 1/σ is 0 at σ = 1/√2: clouds narrower than the prior. The right term,
# ½ (σ² − log σ²), has the derivative σ − 1/σ, which is 0 at 1. Samples of N(0, I) would still fall
# among the clouds for the most part, but a share of 1/e lies beyond two σ, and not 1/e².
def answer_2():
    return np.sqrt(0.5)


wrong, s = answer_2(), np.linspace(0.1, 3, 29_001)
right = s[np.argmin(0.5 * (s**2 - np.log(s**2)))]
outside = np.mean(np.linalg.norm(prior, axis=1) > 2 * wrong)
print(f"σ = {wrong:.4f} and {right:.4f}; {outside:.1%} of samples beyond two σ of the narrow cloud")
assert check(
    2, wrong, lambda s: of_the_notes(s) < min(of_the_notes(s - 0.01), of_the_notes(s + 0.01))
)
assert abs(right - 1) < 1e-3
assert outside > 2 * np.mean(np.linalg.norm(prior, axis=1) > 2 * right)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(tried=(0.25, 0.5, 0.7, 1, 1.4, 2, 4)):
    return max(tried, key=evenness)


print({s: round(evenness(s), 3) for s in (0.25, 0.5, 0.7, 1, 1.4, 2, 4)})
assert check(3, answer_3(), lambda s: evenness(s) >= max(evenness(s / 1.4), evenness(1.4 * s)))
assert 0.5 < answer_3() < 2

# %% [markdown]
# ## Further reading
#
# - Kingma and Welling 2013, [Auto-encoding variational Bayes](https://arxiv.org/abs/1312.6114): the
#   variational autoencoder of this chapter.
# - Ghosh, Sajjadi, Vergari, Black and Schölkopf 2019, [From variational to deterministic
#   autoencoders](https://arxiv.org/abs/1903.12436): a defence of the plain one. With a smooth
#   decoder and a density fitted to the codes afterwards it generates quite well.
# - Alain and Bengio 2012, [What regularized auto-encoders learn from the data-generating
#   distribution](https://arxiv.org/abs/1211.4246): another way to get samples from an autoencoder,
#   without any condition on its codes.
#
# ## Checks

# %%
names = list(cases)
areas = [measured[name]["class_entropy"] for name in names]
assert areas[0] < 0.9 < areas[2], "N(0, I) falls on a few classes of an autoencoder, all of a VAE"
assert areas[0] < areas[1], "a Gaussian fitted to the codes does better"
far = [measured[name]["gap_95_percent_in_spacings"] for name in names]
assert 0.5 < far[1] / far[2] < 2, "in code spacings its samples are as near as the VAE's, or nearly"
assert sure["VAE, N(0, I)"] < sure["autoencoder, fitted"] + 0.05, "and look as much like digits"
assert strange["VAE, N(0, I)"] < 0.005 < strange["autoencoder, N(0, I)"], "but some are none"
assert largest_step["VAE"] < largest_step["autoencoder"], "the VAE's walks are more even"
assert codes["autoencoder"].std() > 2 * codes["VAE"].std(), "nothing keeps its codes in place"
assert terms["KL only"]["kl_loss"] < 0.05, "KL alone: every posterior is the prior"
assert read["KL only"] < 0.25, "and says nothing of the digit"
assert terms["reconstruction only"]["kl_loss"] > 5 * terms["both"]["kl_loss"]
assert terms["reconstruction only"]["reconstruction_loss"] < terms["both"]["reconstruction_loss"]
assert read["both"] > (0.4 if EPOCHS >= 60 else 0.25)

# %% [markdown] tags=["navigation"]
# ---
# Previous: [3. Sparse, denoising, contractive](03_sparse_denoising_contractive.ipynb) ·
# Next: [5. The variational idea](05_the_variational_idea.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
