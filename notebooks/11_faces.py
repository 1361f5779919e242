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
# # Faces: editing an image by adding a vector
#
# Take the code of a face, add a certain list of 64 numbers, decode, and the face wears glasses. It
# is the best-known use of latent spaces, and it is seldom examined. People show a row of faces with
# glasses, and the faces look good. But nobody can say whether they are the *right* faces, because
# nobody has photographs of the same people, in the same second, with and without glasses.
#
# We have such pairs: the faces of this chapter are drawn by a program from factors that we know. So
# we can also draw the face that *should* have come out, and measure every edit. You will
#
# 1. morph between two faces, and find out when blending the two images is better,
# 2. find out where in 64 dimensions the codes of faces are (not where one would expect them),
# 3. build a feature vector from running means, and see it settle,
# 4. watch it go wrong where glasses come with hats, and put it right by a regression,
# 5. measure how much of the wanted change appears after an edit, and what else changes.
#
# Nothing is trained here: the model ships with the package. You should know what a code, `z_mean`,
# `z_log_var` and the prior $\mathcal N(0, I)$ are.

# %% [markdown] tags=["navigation"]
# **Builds on** [7. Convolutions, and how many dimensions](07_convolutions_and_dimensions.ipynb) ·
# **To read** about 55 minutes ·
# **To run** about 1 minute on two cores
#
# Previous: [10. Conditions](10_conditions.ipynb) ·
# Next: [12. Sequences](12_sequences.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
FACES = 4_000  # fast: 1_400
TWINS = 300  # fast: 80
TRIED = 100  # fast: 24

# %% [markdown]
# ## 1. Faces whose truth can be drawn
#
# A face is a row of factors: seven attributes that it has or has not, a few factors that come in
# kinds (hair, eyes), and fourteen measures. `sample` draws them at random, *all independent of each
# other*; that will matter. `draw` paints them in colour, 64 × 64 pixels. The shipped model was made
# with the faces 0 to 19,999 of this stream: 16,200 for training, the others for validation and
# test. Ours are later ones.

# %%
import numpy as np

from vae_keras import Examples, Sampling, figures, load_exported
from vae_keras.data.drawn.face_factors import BINARY, CONTINUOUS, other_details
from vae_keras.data.drawn.faces import attributes, draw, flipped, sample

factors = sample(FACES, seed=0, start=20_000)  # the data are the same whatever our SEED
tried = sample(TRIED, seed=0, start=20_000 + FACES)  # kept apart, to try the edits on


def images_of(faces):
    """The faces as the model takes them: [n, 64, 64, 3] in [0, 1]."""
    return draw(faces, 64) / np.float32(255)


def smaller(figure, share=0.8):
    """The figure at a share of its size: figures of faces are large files."""
    figure.set_size_inches(figure.get_size_inches() * share)
    return figure


print("has or has not:", ", ".join(BINARY))
print("measures:", ", ".join(CONTINUOUS))

# %% [markdown]
# `flipped` changes one attribute and nothing else. Here are seven faces and, below each, its twin:
# the same face except for its glasses, smile, hat, beard, moustache, long hair or blush.

# %%
seven = factors[:7]
twins = np.concatenate([flipped(seven[k : k + 1], name) for k, name in enumerate(BINARY)])
smaller(figures.image_rows({"a face": images_of(seven), "its twin": images_of(twins)}))

# %% [markdown]
# No album of photographs has such twins. It has only a column that says who wears glasses. The
# second half of this chapter is about what one can make of that column.
#
# ## 2. Sixty-four numbers for a face
#
# The model is a VAE with a residual network. 12,288 numbers go in, 64 come out as `z_mean`. Its
# likelihood is a Gaussian whose σ was learned with the rest, because colours are not 0 or 1.

# %%
from vae_keras.latent.codes import decode, encode
from vae_keras.studies.edits import errors  # root mean squared error of each image

model = load_exported("../saved_models/pretrained/faces_vae")
images = images_of(factors)
z = encode(model, Examples(images))  # z_mean of every face: [n, 64]

again = decode(model, z[:TRIED])
print(f"{images[0].size:,} values, {z.shape[1]} numbers in the code")
print(f"error of a reconstruction: {errors(again, images[:TRIED]).mean():.4f} (values in [0, 1])")
smaller(figures.image_rows({"drawn": images[:8], "rebuilt": again[:8]}))

# %% [markdown]
# The copies are good but not perfect: they are a little blurred, and textures of hair are lost.
# Remember that error. It is the *floor*: an edit through this model will hardly come nearer to the
# truth than the model's own copy of it.
#
# What does a code know of a face? Look for the *nearest codes*. For each face that we have kept
# apart, here is the one of the others whose code is nearest, and the one whose pixels are nearest.


# %%
def nearest(queries, others):
    """The row of `others` [m, n] nearest to each of `queries`."""
    return np.argmin(np.sum(others**2, axis=1) - 2 * queries @ others.T, axis=1)


tried_images = images_of(tried)
z_tried = encode(model, Examples(tried_images))
flat = [one.reshape(len(one), -1) for one in (tried_images, images)]
neighbours = {"by code": nearest(z_tried, z), "by pixels": nearest(*flat)}
neighbours["any"] = np.random.default_rng(SEED).integers(FACES, size=TRIED)
smaller(
    figures.image_rows(
        {"a face": tried_images[:8]} | {name: images[row[:8]] for name, row in neighbours.items()}
    )
)

# %%
alike, tilt_gap = {}, {}
for name, row in neighbours.items():
    alike[name] = np.mean([tried[a] == factors[a][row] for a in BINARY])
    tilt_gap[name] = np.abs(tried["tilt"] - factors["tilt"][row]).mean()
    print(f"{name:<9} {alike[name]:.0%} of the seven attributes agree", end=", ")
    print(f"tilts differ by {tilt_gap[name]:.1f}°")

# %% [markdown]
# A near code means a similar face. With both kinds of neighbours more than three quarters of the
# attributes agree, where half of them agree by chance, and the heads have nearly the same tilt. So
# for this purpose 64 numbers are as good as 12,288 pixels.
#
# The model card of a model of colour images contains a number that surprises most readers the first
# time:

# %%
some = {"x": images[:TRIED], "label": None, "index": np.arange(TRIED)}
batch = model.prepare(some)
z_mean, z_log_var = (np.asarray(head) for head in model.posterior(batch))
sampled = Sampling(seed=SEED)((z_mean, z_log_var))
reconstruction_loss = -np.mean(model.log_likelihood(batch, sampled))
kl_loss = 0.5 * np.mean(np.sum(np.exp(z_log_var) + z_mean**2 - z_log_var - 1, axis=1))
print(f"reconstruction_loss {reconstruction_loss:>10,.0f} nats per face")
print(f"kl_loss             {kl_loss:>10,.0f} nats per face")

# %% [markdown]
# A negative loss of five digits is not a mistake. The density of a narrow Gaussian is larger than
# 1, here about six for each value, and there are 12,288 values. But a density is "per unit", so the
# number depends on the unit of the pixels. Count them from 0 to 255 in place of 0 to 1, and every
# density is 255 times smaller:


# %%
def fitted_gaussian(error, count):
    """−log p of `count` values in nats, with σ equal to their root mean squared error."""
    return count * (np.log(error) + 0.5 * np.log(2 * np.pi * np.e))


count = images[0].size
for unit, scale in (("0 to 1", 1), ("0 to 255", 255)):
    loss = reconstruction_loss + count * np.log(scale)
    print(f"pixels from {unit:<8} reconstruction_loss {loss:>10,.0f} nats, kl_loss {kl_loss:,.0f}")


def smaller_sigma(nats):
    """The share by which σ must shrink to save so many nats."""
    return -np.expm1(-nats / count)


floor = float(errors(again, images[:TRIED]).mean())
for scale in (1, 255):  # whatever the unit
    error = floor * scale
    saved = fitted_gaussian(error, count) - fitted_gaussian(error * (1 - smaller_sigma(100)), count)
    print(f"σ = {error:7.4f}, smaller by {smaller_sigma(100):.2%}: saves {saved:.1f} nats")
    np.testing.assert_allclose(saved, 100, rtol=1e-6)

# %% [markdown]
# The loss has no natural zero: with the other unit it is even positive. So it means nothing to say
# that the KL term is a certain *share* of it. What does not depend on the unit is a *difference* in
# nats. A Gaussian with fitted σ costs $\log \sigma$ for each value, and a constant. So a saving of
# $d$ nats is worth as much as a σ, that is an error of the decoder, that is smaller by the factor
# $e^{-d / 12{,}288}$: 100 nats are 0.8 % of σ. Remember this exchange rate for section 5.
#
# ## 3. From one face to another
#
# To *morph* is to go straight from one code to the other and decode on the way,
#
# $$z(\alpha) = z_A\,(1 - \alpha) + z_B\,\alpha, \qquad 0 \le \alpha \le 1.$$
#
# To *blend* is to do the same with the pixels. Half-way, both are the first plus half of the
# difference to the second.

# %% [markdown]
# > **Predict.** Two images show the same head, tilted seven degrees to the left and seven to the
# > right. What does the half-way blend show, what the half-way morph? And is there any change of a
# > face for which blending pixels is *better* than a trained network?

# %% [markdown]
# Between two faces that differ in measures alone there is a true half-way face: the one with every
# measure at its mean. So we can draw the whole way. (In the figure the face widens on the way as
# well.)

# %%
from vae_keras.latent import morphing


def moved(faces, others, alpha):
    """The faces with every measure `alpha` of the way to those of the others."""
    on_the_way = faces.copy()
    for name in CONTINUOUS:
        on_the_way[name] = (1 - alpha) * faces[name] + alpha * others[name]
    return on_the_way


start, end = factors[2:3].copy(), factors[2:3].copy()
start["tilt"], end["tilt"] = -7, 7
start["face_width"], end["face_width"] = 0.1, 0.9
alphas = np.linspace(0, 1, 7)
truth = np.concatenate([images_of(moved(start, end, alpha)) for alpha in alphas])
blend = np.stack([(1 - alpha) * truth[0] + alpha * truth[-1] for alpha in alphas])
ends = encode(model, Examples(truth[[0, -1]]))
morph = decode(model, morphing.linear(*ends, 7))
np.testing.assert_allclose(morphing.linear(*ends, 7)[3], morphing.halfway(*ends), atol=1e-6)

smaller(figures.image_rows({"blended": blend, "morphed": morph, "drawn": truth}))

# %% [markdown]
# The blend has two brims, four eyes and a third ear; the morph tilts its head. The mean of the
# pixels of two faces shows both of them at once. The mean of two codes is the code of one face.
#
# Now we measure it, for one measure of the face at a time: from one end of its range to the other,
# for 40 faces.

# %%
MEASURES = ("tilt", "face_width", "eye_spacing", "skin_tone", "background_lightness")
people = factors[:40]


def at(name, value):
    """The 40 people with one measure set to a value."""
    changed = people.copy()
    changed[name] = value
    return images_of(changed)


marks = {"blend": [], "morph": [], "floor": []}
for name in MEASURES:
    low, high = CONTINUOUS[name]
    first, last, middle = at(name, low), at(name, high), at(name, (low + high) / 2)
    codes = [encode(model, Examples(faces)) for faces in (first, last, middle)]
    halfway = decode(model, morphing.halfway(codes[0], codes[1]))
    marks["blend"].append(errors((first + last) / 2, middle).mean())
    marks["morph"].append(errors(halfway, middle).mean())
    marks["floor"].append(errors(decode(model, codes[2]), middle).mean())

figure, axes = figures.panels(width=7, height=3.4)
for k, (name, values) in enumerate(marks.items()):
    places = np.arange(len(MEASURES)) + 0.27 * (k - 1)
    axes.bar(places, values, 0.25, label=name, color=figures.PALETTE[(4, 0, 9)[k]])
axes.set_xticks(range(len(MEASURES)), [name.replace("_", " ") for name in MEASURES])
axes.set(ylabel="error of the half-way face", title="blending and morphing, against the truth")
axes.legend()
figure

# %% [markdown]
# The answer: the blend of two tilts has two outlines, and the morph holds its head upright. And
# yes, blending can win. The *lightness* of a background enters every pixel in proportion, so its
# blend is nearly exact, while the model has its floor for every image. A latent space is useful
# where a change **moves** things. Where it only changes colours, arithmetic on pixels is hard to
# beat.
#
# ## 4. A square between four corners
#
# Four codes at the corners, straight lines between them, and straight lines between the lines:
# `between_corners`. Read any row or column as a morph.

# %% tags=["cover"]
corners = z[[2, 11, 3, 9]]
square = decode(model, morphing.between_corners(corners, 6))
smaller(figures.image_grid(square, 6, "between four faces"), 0.7)

# %% [markdown]
# All steps are small, and yet the middle looks a little faded. These faces differ in attributes
# that one has or has not, such as a hat, and there is no half-way truth for those: the middle shows
# a hat that is nearly transparent. There is one more reason for the fading, and it needs a section
# of its own.
#
# ## 5. How long is a code?
#
# In many dimensions the draws of a Gaussian lie near the surface of a sphere. The squared length of
# a draw from $\mathcal N(0, I)$ is a sum of 64 squares of mean 1. It varies little, so *all* draws
# lie near a sphere of radius $\sqrt{64} = 8$ and none near the origin. Two draws are nearly at
# right angles. The middle of a straight line between them has the length $8/\sqrt 2$, which is well
# inside the sphere. Hence the advice to go along the arc, *spherically* (White 2016): turn from one
# direction to the other at an even pace, while the length changes evenly.

# %% [markdown]
# > **Predict.** The KL term pulls the codes towards that prior. How long is the code of a face?
# > About 8, clearly more, clearly less?

# %%
rng = np.random.default_rng(SEED)
prior = rng.normal(size=z.shape)
lengths = {
    "draws of the prior": prior,
    "codes of faces": z,
    "half-way codes": (z[::2] + z[1::2]) / 2,
}
figure, axes = figures.panels(width=6.4, height=3.2)
for k, (name, codes) in enumerate(lengths.items()):
    values = np.linalg.norm(codes, axis=1)
    style = dict(bins=60, range=(0, 11), density=True, color=figures.PALETTE[(9, 0, 4)[k]])
    axes.hist(
        values, alpha=0.75, label=f"{name}: {values.mean():.2f} ± {values.std():.2f}", **style
    )
axes.set(
    xlabel="length of the code", ylabel="density", title="no face is on the sphere of the prior"
)
axes.legend(loc="upper right")
figure

# %% [markdown]
# The answer: clearly less. The codes of faces lie near a sphere of their own, with less than half
# of that radius. A code is only the mean of a posterior, but the variance of the posterior does not
# make up the difference:

# %%
print(f"mean variance of a posterior: {np.exp(z_log_var).mean():.5f}")
covariance = np.cov(z, rowvar=False)
eigenvalues = np.linalg.eigvalsh(covariance)
print(f"variance of the codes by direction: from {eigenvalues[0]:.3f} to {eigenvalues[-1]:.2f}")
squared = np.trace(covariance) + np.sum(z.mean(axis=0) ** 2)
# the KL of the chapter on the variational idea, along the directions of the covariance
mismatch = 0.5 * (squared - 64 - np.sum(np.log(eigenvalues)))
print(f"KL of a Gaussian like the codes to the prior: {mismatch:.0f} nats")
print(f"as much is saved by a σ that is smaller by {smaller_sigma(mismatch):.2%}")
print(f"{np.sum(eigenvalues > 1)} of 64 directions are wider than the prior")

# %% [markdown]
# The codes as a whole are not distributed like the prior: far too narrow in most directions, too
# wide in a few. (The third line compares two Gaussians, so the true KL is larger still.) Repairing
# this mismatch would save about 72 nats. The reconstructions need not even change: stretch the
# narrow directions of the code, and let the decoder shrink them again. Why has training not done
# it? One possible reason is that 72 nats are little here. As much is saved by errors of the decoder
# that are 0.6 % smaller, in whatever unit, because there are 12,288 values. (Dai and Wipf, in the
# list at the end, say why a learned σ leads there.) The disadvantage shows when one *generates*:
# draws of $\mathcal N(0, I)$ then lie where the decoder has never been trained.

# %%
noise = prior[:8].astype("float32")
# Cholesky: a square root of the covariance, which gives the noise its shape
fitted = z.mean(axis=0) + noise @ np.linalg.cholesky(covariance).T.astype("float32")
smaller(
    figures.image_rows(
        {"from N(0, I)": decode(model, noise), "from a fit to codes": decode(model, fitted)}
    )
)

# %% [markdown]
# The faces above are exaggerated; those below, made with the same noise, look like the data. The
# second row uses only the mean and the covariance of the codes. When the samples of a VAE look
# overdone and its reconstructions are fine, measure this before you change the network.
#
# And the arc? There is a common sphere here, as it assumes, but with another radius. We can measure
# again against the truth: faces that differ in *all* measures, and the half-way face drawn.

# %%
one, other = factors[:TRIED], moved(factors[:TRIED], sample(TRIED, seed=1), 1)
middle = images_of(moved(one, other, 0.5))
codes = [encode(model, Examples(images_of(faces))) for faces in (one, other)]
between = {
    "linear": morphing.halfway(*codes),
    "spherical": np.stack([morphing.spherical(*pair, 3)[1] for pair in zip(*codes)]),
    "of the truth": encode(model, Examples(middle)),
}
to_truth = {name: errors(decode(model, code), middle).mean() for name, code in between.items()}
for name, code in between.items():
    length = np.linalg.norm(code, axis=1).mean()
    print(f"{name:<13} length of the half-way code {length:.2f}, error {to_truth[name]:.4f}")

# %%
first, last = z[9], z[1]
ways = {method: move(first, last, 7) for method, move in morphing.METHODS.items()}
smaller(figures.image_rows({name: decode(model, way) for name, way in ways.items()}))

# %% [markdown]
# The half-way code of the line is a little too short, and that of the arc is too long by more. The
# line is nearer to the truth. The arc looks sharper in the middle, because its codes are as long as
# those of faces: stronger colours, fuller hats. So it depends on the purpose. For an estimate, take
# the line; for a film, the arc.
#
# ## 6. A feature vector is a difference of means
#
# Which direction adds glasses? Take the mean code of all faces with glasses, and the mean code of
# those without. All that is *not* glasses (hair, skin, background) averages out of both, and
# the difference is left:
#
# $$v = \overline{z}_{\text{with}} - \overline{z}_{\text{without}}, \qquad
# z' = z + \alpha\,v.$$
#
# The order matters. The other way round, it is the direction that takes the glasses *off*. A data
# set may not fit into memory, so keep running means: add up batch by batch, until the difference
# stops moving.

# %%
has = factors["glasses"]
sums, counts, path = np.zeros((2, 64)), np.zeros(2), []
for batch in range(0, FACES, 25):
    for group in (0, 1):  # without, with
        chosen = z[batch : batch + 25][has[batch : batch + 25] == group]
        sums[group] += chosen.sum(axis=0)
        counts[group] += len(chosen)
    path.append(sums[1] / counts[1] - sums[0] / counts[0])
path = np.array(path)
glasses = path[-1].astype("float32")
print(f"{counts[1]:,.0f} faces with glasses, {counts[0]:,.0f} without")
print(f"length of the vector: {np.linalg.norm(glasses):.2f}")

# %% [markdown]
# How good is it? Twins can tell us. For a face and its twin the difference of the codes is glasses
# and nothing else. The mean over a few hundred pairs of twins is as near to the truth as one can
# get.

# %% [markdown]
# > **Predict.** The usual rule stops when a batch moves the vector by less than, say, two per
# > cent. Will the vector then be within two per cent of the truth?


# %%
def twin_differences(faces, name):
    """Code with an attribute minus code without it, for each face and its twin: [n, 64]."""
    z_face, z_twin = (encode(model, Examples(images_of(f))) for f in (faces, flipped(faces, name)))
    return (z_twin - z_face) * np.where(faces[name], -1, 1)[:, None]


differences = twin_differences(factors[:TWINS], "glasses")
true_vector = differences.mean(axis=0)
size = np.linalg.norm(true_vector)
seen = 25 * np.arange(1, len(path) + 1)
error = np.linalg.norm(path - true_vector, axis=1) / size
movement = np.linalg.norm(np.diff(path, axis=0), axis=1) / np.linalg.norm(path[1:], axis=1)
below = seen[1:][movement < 0.02]
print(f"first batch that moves it by less than 2 %: after {below[0]:,} faces")
print(f"error then: {error[seen == below[0]][0]:.0%}, after all {FACES:,}: {error[-1]:.0%}")

figures.lines(
    {
        "distance from the twins' vector": (seen, error),
        "movement in a batch": (seen[1:], movement),
        "∝ 1 / √faces": (seen, error[0] * np.sqrt(seen[0] / seen)),
    },
    "faces seen",
    "relative to the vector's length",
    "a vector settles long before it arrives",
    xscale="log",
    yscale="log",
)

# %% [markdown]
# The answer: no. The movement of a running mean falls with the number of faces, and its error only
# with the *square root* of that number. A batch of 25 cannot move a mean of thousands much, whether
# that mean is right or wrong. "It has stopped moving" says that more data would change it slowly.
# It does not say that it is right. In the package, whose batches are larger:

# %%
from vae_keras.latent.features import feature_vector, feature_vectors, load, pair_difference

names, values = attributes(factors)
examples = Examples(images, attributes=values)
found = feature_vector(model, examples, names, "glasses", method="means")
print(found.story())

# %% [markdown]
# Now on faces that it has not seen, and with the sign both ways round.

# %%
bare = tried[~tried["glasses"]][:8]
z_bare = encode(model, Examples(images_of(bare)))
smaller(
    figures.image_rows(
        {
            "z": decode(model, z_bare),
            "z + v": decode(model, z_bare + glasses),
            "z − v": decode(model, z_bare - glasses),
            "truth": images_of(flipped(bare, "glasses")),
        }
    )
)

# %% [markdown]
# The glasses sit where the eyes are, at the tilt of the head, although the vector is the same for
# all: the decoder has learned to place them. Their frames are all alike, an average of round and
# square, black and red and blue. A face without glasses does not say which it would wear. And with
# the sign turned round there are no glasses to take off, so the eyes change instead.
#
# ## 7. One pair, or thousands of faces?
#
# Means need many faces with labels. One pair is cheaper: one image with, one without, and the
# difference of their codes. How near does that come? The cosine between two vectors is 1 if they
# have the same direction and 0 if they are at right angles.

# %% [markdown]
# > **Predict.** The cosine between the true vector and one pair's difference: for twins, and for
# > two strangers of whom one wears glasses?


# %%
def cosine(a, b):
    """Of the angles between vectors [..., 64]."""
    return np.sum(a * b, -1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


with_, without = z[has], z[~has]
strangers = with_[:TWINS] - without[:TWINS]
by_origin = {
    "strangers": cosine(strangers, true_vector).mean(),
    "twins": cosine(differences, true_vector).mean(),
    f"means of {FACES:,}": cosine(glasses, true_vector),
}
figures.bars(by_origin, "cosine to the true vector", "how much of a vector is glasses", "{:.2f}")

# %%
bare_one = factors[~has][3:4]
pair = pair_difference(
    model, "glasses", images_of(bare_one)[0], images_of(flipped(bare_one, "glasses"))[0]
)
two_people = pair_difference(model, "glasses", images[~has][0], images[has][0])
smaller(
    figures.image_rows(
        {
            "one pair of twins": decode(model, pair.add(z_bare)),
            "two strangers": decode(model, two_people.add(z_bare)),
        }
    )
)

# %% [markdown]
# For strangers it is 0.23. Its square, a twentieth, is the share of the squared length that is
# glasses: nearly all of their difference is something else. (The means were ten per cent off. Ten
# per cent at a right angle still give a cosine of 0.995.) A pair of twins gives *these* glasses,
# lens and frame included, and little else. A pair of strangers gives everything in which the two
# differ, and adds it to every face at full strength. With photographs, take two of the same person,
# a minute apart, and a single pair is enough. With two people from an album it is not.
#
# ## 8. When glasses come with hats
#
# The means worked because glasses came with nothing else: the factors were drawn independently.
# Real albums are different. In photographs of celebrities beards come with men and lipstick with
# women. So let us spoil our sample: keep all faces that have both glasses and a hat or neither, and
# of the others every tenth.

# %% [markdown]
# > **Predict.** What does the difference of means now contain more of: glasses or hat?

# %%
kept = (has == factors["hat"]) | (rng.random(FACES) < 0.1)
spoilt = examples.take(np.flatnonzero(kept))
hats = factors["hat"][kept]
for name, group in (("with", has[kept]), ("without", ~has[kept])):
    print(f"hats among faces {name} glasses: {hats[group].mean():.0%}")

means = feature_vectors(model, spoilt, names, list(BINARY), "means", tolerance=0)
regression = feature_vectors(model, spoilt, names, list(BINARY), "regression", tolerance=0)
true_hat = twin_differences(factors[:TWINS], "hat").mean(axis=0)
print(f"{'glasses vector by':<18} {'cosine to glasses':>18} {'to a hat':>9}")
for method, vectors in (("means", means), ("regression", regression)):
    vector = vectors["glasses"].vector
    print(f"{method:<18} {cosine(vector, true_vector):>18.2f} {cosine(vector, true_hat):>9.2f}")

# %% [markdown]
# The answer: hat. A hat changes more pixels than glasses do. As a summary the vector is right:
# faces with glasses, in this album, do differ by a hat. But it does not answer the question that we
# meant.
#
# The question was: what do glasses change, *the rest being equal*? That is what a linear
# regression is for. Explain the codes by all attributes at once,
#
# $$z \approx c + a_{\text{glasses}}\,v_{\text{glasses}} + a_{\text{hat}}\,v_{\text{hat}} + \dots$$
#
# and the coefficient of the glasses is theirs alone; what the hats explain goes to the hats. The
# few faces that have one without the other decide. Without them no method could tell the two apart.

# %%
hatless = bare[~bare["hat"]][:8]
z_hatless = encode(model, Examples(images_of(hatless)))
smaller(
    figures.image_rows(
        {
            "+ means": decode(model, means["glasses"].add(z_hatless)),
            "+ regression": decode(model, regression["glasses"].add(z_hatless)),
            "truth": images_of(flipped(hatless, "glasses")),
        }
    )
)

# %% [markdown]
# ## 9. What arrives, and what leaks
#
# Rows of faces look convincing, but they are no measurement. For every face we can draw its seven
# twins, and so the seven *true changes* of the image. Write the change that an edit makes as a sum
# of these seven as well as possible (least squares, over 12,288 values). The coefficients say how
# much of each true change has come: on the diagonal what **arrives**, beside it what **leaks**.


# %%
def shares(vectors, faces):
    """How much of each attribute's true change each edit makes, mean of the faces: [7, 7]."""
    drawn, codes = images_of(faces), encode(model, Examples(images_of(faces)))
    true = np.stack([images_of(flipped(faces, name)) - drawn for name in BINARY], 1)
    true, before = true.reshape(len(faces), 7, -1), decode(model, codes)
    signs = np.stack([np.where(faces[name], -1, 1) for name in BINARY], 1)  # put on, or take off
    squares, found = true @ true.transpose(0, 2, 1), []
    for k, name in enumerate(BINARY):
        sign = signs[:, k : k + 1]
        after = decode(model, vectors[name].add(codes, sign))
        products = true @ (after - before).reshape(len(faces), -1, 1)
        share = np.linalg.solve(squares, products)[..., 0]
        found.append((share * signs * sign).mean(axis=0))  # a hat put on is no hat taken off
    return np.array(found)


leak = {"difference of means": shares(means, tried), "regression": shares(regression, tried)}
figure, panels = figures.panels(1, 2, width=4.4, height=4.2)
short = [name.replace("_", " ") for name in BINARY]
for axes, (title, matrix) in zip(panels, leak.items()):
    axes.grid(False)
    axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(np.rint(100 * matrix).astype(int)):
        colour = "white" if share > 50 else "black"
        axes.text(column, row, share, ha="center", va="center", color=colour)
    axes.set_xticks(range(7), short, rotation=40, ha="right")
    axes.set_yticks(range(7), short)
    axes.set(title=title, xlabel="true change that comes (%)", ylabel="edited")
figure

# %% [markdown]
# Both panels are of the *same* spoilt album. On the left an edit of glasses brings some hat, and an
# edit of hat brings some glasses. (A longer vector does not mean more change in the image: the
# hat's own vector brings less than half of a hat.) On the right nothing beside the diagonal reaches
# a tenth. What little there is, is on the left as well, so it does not come from the album. Glasses
# and blush are both drawn on the cheek, a smile and a moustache both near the lip, and one of them
# disturbs the other.
#
# Now look at the diagonal. Long hair and smiles arrive for the most part, of glasses and hats about
# half, of a beard almost nothing. There are two possible reasons. The model may be unable to draw
# the thing at all: then its own copy of the true twin shows no more of it. Or one vector cannot
# know which of many kinds of glasses *this* truth wears: then the edit should do better against
# the mean of all kinds, which `other_details` lets us draw.


# %%
def share_of(made, true):
    """How much of a true change of the image another change makes, mean of the faces."""
    return np.mean(np.sum(made * true, axis=(1, 2, 3)) / np.sum(true**2, axis=(1, 2, 3)))


def arrives(vector, faces, name, kinds=0):
    """The share of a true change that an edit makes; of its mean over some kinds of the thing."""
    drawn, codes = images_of(faces), encode(model, Examples(images_of(faces)))
    twins = flipped(faces, name)
    others = [other_details(twins, name, seed) for seed in range(kinds)] or [twins]
    true = np.mean([images_of(other) for other in others], axis=0) - drawn
    return share_of(decode(model, codes + vector) - decode(model, codes), true)


def copied(faces, name):
    """The share of a true change that the model's own copies of face and twin show."""
    both = images_of(faces), images_of(flipped(faces, name))
    copies = [decode(model, encode(model, Examples(one))) for one in both]
    return share_of(copies[1] - copies[0], both[1] - both[0])


shipped = load("../saved_models/pretrained/faces_vae/features.json", model.latent_dim)
print(f"{'':<12} {'copied':>8} {'edited':>8} {'edited, mean of kinds':>23}")
for name in ("glasses", "hat", "beard"):
    faces, vector = tried[~tried[name]], shipped[name].vector
    of_kinds = f"{arrives(vector, faces, name, 8):.0%}" if name != "beard" else "one kind"
    own = arrives(vector, faces, name)
    print(f"{name:<12} {copied(faces, name):>8.0%} {own:>8.0%} {of_kinds:>23}")

# %% [markdown]
# Both reasons count. The model's own copies show nearly all of a hat and four fifths of the
# glasses. Against the mean of all kinds the edits do better, as they should if they cannot know
# which kind is meant. What is still missing there has another cause. One possibility: one vector
# for all faces is not the vector of this face, with its hair, its tilt and its size. (The vectors
# are those that ship with the model, by a regression on all of its training faces.)
#
# The beard needs another explanation. The model can copy one, there is one kind only, and the edit
# brings almost none of it. The third exercise finds out why.
#
# ## 10. Try it yourself
#
# In the middle is the edit, on its left the face as the model rebuilds it, on its right the truth
# for α = 1. Look for two things: how an attribute grows evenly until about α = 1 and is exaggerated
# beyond that, and what α = −1 does to a face that has nothing to take off. (On the command line,
# `python -m vae_keras explore faces_vae` opens a page with all of these sliders; `feature`, `morph`
# and `study edits` do what this chapter did.)

# %%
from vae_keras.figures.sliders import Sliders

face = tried[:1].copy()
for name in BINARY:
    face[name] = False
z_face = encode(model, Examples(images_of(face)))


def turned(attribute, alpha):
    edit = decode(model, shipped[attribute].add(z_face, alpha))
    row = np.concatenate([decode(model, z_face), edit, images_of(flipped(face, attribute))])
    title = f"rebuilt · {alpha:g} × {attribute.replace('_', ' ')} · truth"
    return smaller(figures.image_grid(row, 3, title), 0.6)


order = ("smile", "hat", "long_hair", "glasses", "moustache", "beard", "blush")
Sliders(turned, attribute=order, alpha=np.linspace(-1, 3, 9).tolist())

# %% [markdown]
# ## Exercises
#
# 1. Give the faces without a smile and with short hair a smile *and* long hair, by the sum of the
#    two vectors. Is the result nearer to the truth with both than to those with one? Does the order
#    matter?

# %%
from vae_keras.course import check

serious = tried[~tried["smile"] & ~tried["long_hair"]]
z_serious = encode(model, Examples(images_of(serious)))
truths = {
    "a smile": flipped(serious, "smile"),
    "long hair": flipped(serious, "long_hair"),
    "both": flipped(flipped(serious, "smile"), "long_hair"),
}


def answer_1(z_serious):
    """Fill in: the decoded faces [n, 64, 64, 3] with both."""
    ...


def is_right_1(both):
    far = {name: errors(both, images_of(truth)).mean() for name, truth in truths.items()}
    print({name: round(float(value), 4) for name, value in far.items()})
    return far["both"] < min(far["a smile"], far["long hair"])


check(1, answer_1(z_serious), is_right_1)

# %% [markdown]
# 2. For which α do glasses come nearest to the drawn truth? Is the difference of means too short?

# %%
bare_all = tried[~tried["glasses"]]
z_bare_all = encode(model, Examples(images_of(bare_all)))
goal = images_of(flipped(bare_all, "glasses"))


def answer_2(z_bare_all, goal):
    """Fill in: the α, to a quarter, at which z + α · glasses is nearest to the goal."""
    ...


def is_right_2(alpha):
    apart = [
        errors(decode(model, z_bare_all + one * glasses), goal).mean()
        for one in (alpha - 0.25, alpha, alpha + 0.25)
    ]
    return apart[1] == min(apart)


check(2, answer_2(z_bare_all, goal), is_right_2)

# %% [markdown]
# 3. The edit brought almost no beard. A beard has the colour of the hair. Find the beard vector of
#    the black-haired faces alone, add it to black-haired faces, and measure what arrives. Then add
#    the beard vector of all faces to blonde faces. What follows for *one* vector per attribute?
#    (`factors["hair"]` is 0 for black and 4 for blonde, `factors["beard"]` says who has one.)

# %%
BLACK, BLONDE = 0, 4  # the numbers of these colours
shaven = tried[~tried["beard"]]
black, blonde = (shaven.copy() for _ in range(2))
black["hair"], blonde["hair"] = BLACK, BLONDE


def answer_3(z, factors):
    """Fill in: the beard vectors [2, 64] of the black-haired, and of everybody."""
    ...


def is_right_3(vectors):
    own, everybody = vectors
    arrived = {
        "theirs, on black hair": arrives(own, black, "beard"),
        "everybody's, on black hair": arrives(everybody, black, "beard"),
        "everybody's, on blonde hair": arrives(everybody, blonde, "beard"),
    }
    print({name: f"{share:.0%}" for name, share in arrived.items()})
    theirs, of_all, on_blonde = arrived.values()
    return theirs > 2 * of_all and on_blonde < of_all


check(3, answer_3(z, factors), is_right_3)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1(z_serious):
    """A sum has no order."""
    return decode(model, shipped["long_hair"].add(shipped["smile"].add(z_serious)))


assert check(1, answer_1(z_serious), is_right_1)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(z_bare_all, goal):
    """About 1: the difference of means has the right length."""
    alphas = np.linspace(0, 2, 9)
    apart = [errors(decode(model, z_bare_all + a * glasses), goal).mean() for a in alphas]
    return alphas[np.argmin(apart)]


best = answer_2(z_bare_all, goal)
print(f"nearest at α = {best:g}")
assert check(2, best, is_right_2) and 0.5 <= best <= 1.25


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(z, factors):
    """Differences of means, of some and of all."""
    has_beard = factors["beard"]
    of_some = [factors["hair"] == BLACK, np.full(len(z), True)]
    return [
        z[some & has_beard].mean(axis=0) - z[some & ~has_beard].mean(axis=0) for some in of_some
    ]


assert check(3, answer_3(z, factors), is_right_3)
# One vector can only add what all beards have in common. What depends on another attribute needs
# a vector for each of its values, or an edit that is a function of the code.

# %% [markdown]
# ## Further reading
#
# - White, [Sampling Generative Networks](https://arxiv.org/abs/1609.04468) (2016): the spherical
#   way, feature vectors, and what correlated labels do to them.
# - Larsen et al., [Autoencoding beyond pixels](https://arxiv.org/abs/1512.09300) (2016): where
#   feature vectors of faces in VAEs come from.
# - Dai and Wipf, [Diagnosing and Enhancing VAE Models](https://arxiv.org/abs/1903.05789) (2019):
#   why a learned σ leaves the codes unlike the prior, and a second VAE that learns their
#   distribution.
# - Locatello et al., [Challenging Common Assumptions in the Unsupervised Learning of Disentangled
#   Representations](https://arxiv.org/abs/1811.12359) (2019): no method finds attributes by itself;
#   it is the labels that do it.
#
# ## Checks

# %%
assert abs(np.linalg.norm(prior, axis=1).mean() - 8) < 0.1, "the sphere of the prior"
assert np.linalg.norm(z, axis=1).mean() < 5, "faces are well inside that sphere"
assert alike["by code"] > alike["any"] + 0.1, "a near code has the same attributes"
assert tilt_gap["by code"] < 0.6 * tilt_gap["any"] and alike["by code"] > alike["by pixels"] - 0.05
assert 0.004 < smaller_sigma(72) < 0.007, "72 nats are 0.6 % of σ"
assert smaller_sigma(mismatch) < 0.02, "the mismatch is worth little to the decoder"
tilt, lightness = MEASURES.index("tilt"), MEASURES.index("background_lightness")
assert marks["morph"][tilt] < 0.7 * marks["blend"][tilt], "morphing wins where things move"
assert marks["blend"][lightness] < 0.5 * marks["morph"][lightness], "blending, where they recolour"
assert to_truth["linear"] < to_truth["spherical"], "the line is the nearer one"
assert cosine(glasses, true_vector) > 0.95, "means of independent attributes find the truth"
assert error[seen == below[0]][0] > 2 * 0.02, "to have settled is not to have arrived"
assert by_origin["strangers"] < 0.5 < by_origin["twins"], "a pair must be of one person"
assert cosine(means["glasses"].vector, true_hat) > 0.5, "spoilt: the means add a hat"
assert abs(cosine(regression["glasses"].vector, true_hat)) < 0.25, "the regression does not"
assert cosine(regression["glasses"].vector, true_vector) > 0.9
beside = leak["regression"] - np.diag(np.diag(leak["regression"]))
assert np.abs(beside).max() < 0.15, "nothing large beside the diagonal"
glasses_row, hat_column = list(BINARY).index("glasses"), list(BINARY).index("hat")
leaked = {method: matrix[glasses_row, hat_column] for method, matrix in leak.items()}
assert leaked["difference of means"] > 0.1 > 3 * abs(leaked["regression"]), leaked

# %% [markdown] tags=["navigation"]
# ---
# Previous: [10. Conditions](10_conditions.ipynb) ·
# Next: [12. Sequences](12_sequences.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
