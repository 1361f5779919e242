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
# A decoder turns two numbers into a digit. So make up two numbers, and you have made up a digit:
# what else could one want? Try it, and you will be disappointed. The decoder is not to blame. It
# was never told *which* numbers it would be asked about. This chapter measures what is wrong with
# the code of a plain autoencoder, in three ways, and takes apart the loss of a variational one to
# see which piece mends what. It defends the plain autoencoder where that is due, too.
#
# You will
#
# 1. sample an autoencoder and look,
# 2. measure gaps between codes and the areas of the classes,
# 3. walk from one digit to another and time the walk,
# 4. train with the reconstruction term alone, with the KL term alone, and with both,
# 5. write down what we want, which is where the next chapter begins.
#
# It takes half an hour to read and about a minute to run, and needs no download. It builds on the
# chapter on deep autoencoders; the variational one appears as a guest, and the next chapters will
# explain it.

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
EPOCHS = 60  # fast: 30
CLASSIFIER_STEPS = 1_500  # fast: 300

# %% [markdown]
# ## 1. A decoder in search of a code
#
# A deep autoencoder with a code of two numbers, trained on digits with cross-entropy. Then its
# guest: a variational autoencoder (VAE) of the same size. All we need to know of that for now is
# that its encoder answers with a little cloud instead of a point, that the decoder is given a
# random point of the cloud, and that a second term in the loss, the *KL term*, wishes all clouds to
# be the standard normal distribution $\mathcal N(0, I)$: round, centred at 0, one unit wide.

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
# Look at the two scales. Nobody has asked the autoencoder for codes of any particular size, so it
# has spread out until the digits were comfortably apart. It has also left some regions empty, and
# given some digits more land than others.
#
# > **Predict.** We draw codes from $\mathcal N(0, I)$ and decode them. What will the autoencoder's
# > pictures be like?
#
# The slider is the standard deviation of the draw. Watch where the black points fall, and what
# becomes of the pictures.

# %%
from vae_keras.figures.sliders import Sliders

normal = np.random.default_rng(SEED).standard_normal((64, 2), np.float32)
SCALES = (0.25, 0.5, 1, 3, 10)
drawn = {scale: plain.decode(scale * normal).numpy() for scale in SCALES}


def tiled(pictures):
    """64 pictures as one."""
    return pictures.reshape(8, 8, 8, 8).transpose(0, 2, 1, 3).reshape(64, 64)


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
# If you said "a few of the digits, many times", you have seen why: the middle of the plane belongs
# to a few classes. No setting of the slider helps. To be fair, it is our fault. It would be wiser
# to draw codes where codes *are*. The simplest way is to fit a Gaussian to the training codes, and
# draw from that; the package does it for every autoencoder (`model.prior`).

# %%
SAMPLES = 10_000
prior = vae.prior.sample(SAMPLES, (SEED, 0)).numpy()  # N(0, I)
fitted = plain.prior.sample(SAMPLES, (SEED, 0)).numpy()  # N(mean, covariance) of the codes
cases = {
    "autoencoder, N(0, I)": (plain, codes["autoencoder"], prior),
    "autoencoder, fitted": (plain, codes["autoencoder"], fitted),
    "VAE, N(0, I)": (vae, codes["VAE"], prior),
}
decoded = {name: model.decode(z).numpy() for name, (model, _, z) in cases.items()}

# %% tags=["cover"]
figures.codes_and_samples(
    {
        name: {"codes": of, "samples": z, "images": decoded[name][:36]}
        for name, (_, of, z) in cases.items()
    },
    labels,
    dataset.class_names,
)

# %% [markdown]
# ## 2. Gaps and areas
#
# Opinions about blurred pictures differ. Numbers are better, and we need one for each complaint.
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
# For the areas the order is clear. Of $\mathcal N(0, I)$ the autoencoder makes more than half of
# its samples into one and the same digit, and some digit all but never. A Gaussian fitted to its
# codes mends most of that, and the VAE the rest, without having been fitted to anything afterwards.
#
# For the gaps it is not. If you put the VAE far in front, so did we, before we measured. In code
# spacings it is ahead of the fitted Gaussian by a little: half of the samples of either lie within
# about one spacing and a third of a code, and one in twenty of either is more than eight away. So
# the popular picture, of an autoencoder full of holes beside a VAE without any, is a picture of a
# ruler that was not the same on both sides. ($\mathcal N(0, I)$ and the autoencoder are last by the
# median and first by the 95 %: all its draws fall into the crowded middle.)
#
# What, then, do the samples look like? Let a classifier judge that has seen only real digits: how
# sure is it, on average, of *some* class?

# %%
classifier = trained_classifier(dataset, steps=CLASSIFIER_STEPS)
sure = {name: confidence(classifier, pictures)["confidence"] for name, pictures in decoded.items()}
sure["real digits"] = confidence(classifier, test)["confidence"]
print(f"the classifier is right in {classifier.accuracy:.1%} of real test digits")
figures.bars(
    {name.replace("autoencoder", "plain"): value for name, value in sure.items()},
    "mean confidence of a classifier",
    title="how much samples look like some digit",
    form="{:.1%}",
)

# %% [markdown]
# By this measure the VAE is not in front; here it is last, by a little. Its samples are blurred:
# from two numbers, and with clouds that overlap, it often has to draw the average of what a point
# may mean. That is the price of what it does better, and it is fair to have seen the bill
# before we buy.
#
# But a classifier that has seen nothing but digits will be sure of things that are none. Look at
# the pictures again: some of the autoencoder's are zeros in *negative*, black ink on white paper.
# No training picture is anything like that. It happens between the codes, where a decoder that has
# been trained on points draws whatever the nearest slopes lead to. How many of the samples have
# more ink than the blackest, or rather whitest, of all training digits?

# %%
most_ink = images.mean(axis=(1, 2, 3)).max()
strange = {
    name: float(np.mean(pictures.mean(axis=(1, 2, 3)) > most_ink))
    for name, pictures in decoded.items()
}
for name, share in strange.items():
    print(f"{name:<22}{share:6.1%} have more ink than any training digit has")

# %% [markdown]
# About a quarter of those from $\mathcal N(0, I)$, one in fifteen of those from the fitted
# Gaussian, and of the VAE's hardly a one. Here is the difference that the eye has seen all along.
# The holes are not much wider; it is what comes out of them. The VAE's decoder has been given
# points all around every code, and what it draws between them is a blurred digit.
#
# ## 3. A walk between two codes
#
# **Continuity** is the third complaint. Take the codes $z_A$ and $z_B$ of two digits and walk from
# one to the other in even steps, $z_A (1 - \alpha) + z_B\, \alpha$. Even steps in the code ought to
# be even steps in the picture.

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
# in 20 steps, and note how much the picture changes at each. If all steps were equal, each would be
# 5 % of the way. The largest of the 20 tells of cliffs. And at every step we ask the classifier how
# sure it is.

# %%
pairs = np.random.default_rng(SEED).integers(0, len(test), (1_000, 2))
pairs = pairs[test_labels[pairs[:, 0]] != test_labels[pairs[:, 1]]][:300]
alpha = np.linspace(0, 1, 21, dtype=np.float32)[:, None, None]


def walked(model):
    """The largest of 20 steps as a share of the way, and the confidence at each: means of pairs."""
    start, end = (model.encode(test[one]).numpy() for one in pairs.T)
    codes = (1 - alpha) * start + alpha * end  # [21, pairs, 2]
    pictures = model.decode(codes.reshape(-1, 2)).numpy().reshape(21, len(pairs), 8, 8, 1)
    steps = np.linalg.norm(np.diff(pictures, axis=0), axis=(2, 3))[..., 0]  # [20, pairs]
    sureness = [confidence(classifier, at)["confidence"] for at in pictures]
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
# No cliffs, then: 8 % where 5 % would be even. But the plain autoencoder's steps are the less even
# ones, because its decoder was trained on points and between them does what it likes. The VAE's
# decoder has been given random points of clouds, so that whole neighbourhoods had to mean the same
# picture, and its walk is the more even one. But look at the curves. On the way it is less sure,
# and also at the ends: what is even is also soft.
#
# ## 4. What each term does
#
# The loss of the VAE has two terms, and it is worth taking them apart. The *reconstruction term* is
# what the autoencoder has. The *KL term* is, for a cloud with the mean `z_mean` and the logarithm
# of the variance `z_log_var`,
#
# $$\tfrac12 \sum \big( \sigma^2 + \mu^2 - \log \sigma^2 - 1 \big), \qquad
# \mu = \texttt{z\_mean}, \quad \log \sigma^2 = \texttt{z\_log\_var},$$
#
# which is 0 if the cloud is $\mathcal N(0, I)$, and positive otherwise. The next chapter derives
# it.
#
# > **Predict.** Train with the KL term **alone**. Where do the clouds go? Some notes on the subject
# > say that the digits are then placed at random.

# %%
from vae_keras.studies.terms import KLOnlyVAE, nearest_label_accuracy, sampled_posterior

config = TrainConfig(model="vae", **common)
by_terms = {
    "reconstruction only": trained(config.replace(beta=0.0), dataset),  # the weight of the KL term
    "KL only": trained(config, dataset, KLOnlyVAE),
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
# If you said "nowhere: every cloud becomes $\mathcal N(0, I)$", that is the middle column. Nothing
# has been placed at random. All means lie in one point, every cloud is one unit wide and the same
# as every other, and from a point of it one can read the digit as well as by guessing. (The lower
# row *looks* random, because it is the noise itself: draw again, and every point is elsewhere.) One
# sometimes reads that `z_mean` and `z_log_var` near 0 for *every* picture is the aim of training.
# It is the aim of this term, and driven to the end it is *posterior collapse*: a perfect prior, and
# a code that says nothing.
#
# With the **reconstruction term alone** the clouds have shrunk to points, and the points have moved
# apart, for noise only hurts. The KL was not minimised here, only measured, and it is enormous.
#
# **Both together** strike a bargain. The clouds stay wide enough to overlap with their neighbours,
# which is why neighbours must be alike, and they fill the region that the prior describes. The
# reconstruction is worse than with the first term alone: that is what the order costs. So is the
# last column: from a point of a cloud one reads the digit half the time.
#
# ## 5. What we want
#
# Let us be exact about what a plain autoencoder lacks, now that we have defended it.
#
# 1. **An address book.** We must know where codes lie *before* looking at them. A Gaussian fitted
#    afterwards was a fair guess here, in two dimensions, with ten digits. It is a second model,
#    made in the hope that the first has left something simple.
# 2. **Neighbourhoods.** The decoder must be trained on regions and not on points, so that what it
#    draws between two pictures is something it has been asked about.
# 3. **A price.** If order costs reconstruction, somebody has to say how much of one is worth how
#    much of the other. With two terms and a weight between them that is a matter of taste.
#
# The third is the deepest. The next chapter starts from a single question, *how probable are these
# pictures if they were made in two steps, first a code and then a picture?*, and both terms come
# out of it, with their weights.
#
# ## Exercises
#
# **1.** Do better by the plain autoencoder. Fit a mixture of 30 Gaussians to its codes
# (`sklearn.mixture.GaussianMixture`), draw from that, and measure gaps and classes again. What have
# you built, and what does it still not do?
#
# **2.** In notes on the subject one can find the KL term as $\sum \sigma^2 + \mu^2 - \log \sigma -
# 1$, with $\log \sigma$ for $\log \sigma^2$ and without the ½. Find the $\sigma$ at which that is
# least. What would all clouds look like, and would samples of $\mathcal N(0, I)$ still fall among
# them?
#
# **3.** Draw 10,000 samples of $\mathcal N(0, s^2 I)$ for several $s$, and find the $s$ at which
# the VAE's classes have the most even shares. Is it near 1?

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
# A second model, of the codes, trained after the first: it knows where codes are, better than
# N(0, I) knows those of the VAE. But the decoder has still been trained at single points, and
# nothing says what it draws between them.
from sklearn.mixture import GaussianMixture

mixture = GaussianMixture(30, random_state=SEED).fit(codes["autoencoder"].astype("float64"))
z = mixture.sample(SAMPLES)[0].astype("float32")
mixed = {**gaps(z, codes["autoencoder"]), **class_areas(z, codes["autoencoder"], labels)}
print({name: round(value, 3) for name, value in mixed.items()})
worst = measured["autoencoder, fitted"]
assert mixed["gap_95_percent_in_spacings"] < worst["gap_95_percent_in_spacings"]
assert mixed["class_entropy"] > 0.95

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
# d/dσ (σ² − log σ) = 2σ − 1/σ is 0 at σ = 1/√2: clouds narrower than the prior. The right term,
# ½ (σ² − log σ²), has the derivative σ − 1/σ. Samples of N(0, I) would still fall among the clouds
# for the most part, but a share of 1/e lies beyond two σ, and not 1/e² as it should.
sigma = np.linspace(0.1, 3, 29_001)
wrong = sigma[np.argmin(sigma**2 - np.log(sigma))]
right = sigma[np.argmin(0.5 * (sigma**2 - np.log(sigma**2)))]
outside = np.mean(np.linalg.norm(prior, axis=1) > 2 * wrong)
print(f"σ = {wrong:.4f} and {right:.4f}; {outside:.1%} of samples beyond two σ of the narrow cloud")
assert abs(wrong - np.sqrt(0.5)) < 1e-3 and abs(right - 1) < 1e-3
assert outside > 2 * np.mean(np.linalg.norm(prior, axis=1) > 2 * right)

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
deviations = (0.25, 0.5, 0.7, 1, 1.4, 2, 4)
shares = {s: class_areas(s * prior, codes["VAE"], labels) for s in deviations}
entropies = {s: share["class_entropy"] for s, share in shares.items()}
print({s: round(value, 3) for s, value in entropies.items()})
assert 0.5 < max(entropies, key=entropies.get) < 2

# %% [markdown]
# ## Further reading
#
# - Kingma and Welling 2013, [Auto-encoding variational Bayes](https://arxiv.org/abs/1312.6114): the
#   guest of this chapter at home.
# - Ghosh, Sajjadi, Vergari, Black and Schölkopf 2019, [From variational to deterministic
#   autoencoders](https://arxiv.org/abs/1903.12436): the defence of the plain one. With a smooth
#   decoder and a density fitted to the codes afterwards it generates quite well.
# - Alain and Bengio 2012, [What regularized auto-encoders learn from the data-generating
#   distribution](https://arxiv.org/abs/1211.4246): another way to get samples from an autoencoder,
#   without any wish about its codes.
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
assert read["both"] > 0.4

# %% [markdown] tags=["navigation"]
# ---
# Previous: [3. Sparse, denoising, contractive](03_sparse_denoising_contractive.ipynb) ·
# Next: [5. The variational idea](05_the_variational_idea.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
