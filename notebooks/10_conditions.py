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
# # Conditions: the digit I ask for
#
# A VAE draws digits, but we cannot ask it for a seven: it was never told that there are sevens. We
# can only search its plane for the place where the sevens lie. In this chapter we give the label to
# both networks. Then the code need not say *which* digit it is, and it says *how* the digit is
# written. With another condition the same model restores the three quarters of an image that are
# missing, and there it shows what a code is good for.
#
# You will
#
# 1. give a VAE labels, see in which two places they enter, and write it yourself,
# 2. draw the digit you ask for, and let a classifier judge whether you got it,
# 3. show that the code has forgotten the label, and copy one writer's style to all ten digits,
# 4. complete images of which one quarter is left, in more than one way.

# %% [markdown] tags=["navigation"]
# **Builds on** [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# **To read** about 30 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [9. How good is it?](09_how_good_is_it.ipynb) ·
# Next: [11. Faces](11_faces.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 60  # fast: 8
UNITS = (512, 256, 128)  # fast: (64,)
CLASSIFIER_STEPS = 1_500  # fast: 150
LATENT_DIM = 4

# %% [markdown]
# ## 1. Labelled or not
#
# Everything up to here worked on images without labels; labels only coloured the figures. Now they
# are a part of the model. Instead of $p(x)$ we want $p(x|\text{label})$. The derivation of the
# bound stays the same, with the label as a condition everywhere:
#
# $$-\log p(x|\text{label}) \;\le\; \underbrace{\mathbb E_{q}\big[-\log p(x|z,
# \text{label})\big]}_{\text{reconstruction\_loss}} + \underbrace{D_\mathrm{KL}\big[q(z|x,
# \text{label}) \,\|\, \mathcal N(0, I)\big]}_{\text{kl\_loss}}$$
#
# Only the prior stays as it was: we choose it to be the same for all labels. So the label enters
# in two places, the encoder and the decoder. The encoder gets it as one more channel of the image,
# a plane that it learns for each class. The decoder gets it as ten more numbers beside $z$, of
# which one is 1 and the others are 0.

# %%
from vae_keras.figures import drawings

drawings.conditional_model()

# %%
import numpy as np

from vae_keras import TrainConfig, UserError, evaluate, figures, load, load_exported
from vae_keras.networks import DenseNetwork
from vae_keras.training.fitting import trained

digits = load(TrainConfig(dataset="digits"))
common = dict(latent_dim=LATENT_DIM, network=DenseNetwork(UNITS), epochs=EPOCHS, seed=SEED)
vae = trained(TrainConfig(**common), digits)
cvae = trained(TrainConfig(**common, model="conditional"), digits)
for name, model in (("VAE", vae), ("conditional VAE", cvae)):
    print(f"decoder of the {name:<16} takes {model.decoder.input_shape[1]:>2} numbers")

# %%
labels = np.arange(10)
planes = np.asarray(cvae.label_plane(cvae.condition(labels)))
scaled = (planes - planes.min()) / np.ptp(planes)
figures.image_rows({"label plane": scaled}, "what the encoder sees beside a 0, 1, 2 …")

# %% [markdown]
# A plane does not look like its digit. Nothing in the loss asks for that: a plane must only differ
# from the others.
#
# The model is the class of chapter 6 with the label in two places. Write it once yourself. Its
# `train_step` would be the old one, with `label` beside `x`, so it is left out here.

# %%
import keras
from keras import layers, ops


class MyConditionalVAE(keras.Model):
    """−log p(x|z, label) + KL, for images of 8×8 pixels and one-hot labels [n, 10]."""

    def __init__(self, latent_dim, units):
        super().__init__()
        x, label, z = (keras.Input(shape) for shape in ((8, 8, 1), (10,), (latent_dim,)))
        plane = layers.Reshape((8, 8, 1))(layers.Dense(64, use_bias=False)(label))  # first place
        h = layers.Flatten()(layers.Concatenate()([x, plane]))
        for width in units:
            h = layers.Dense(width, "gelu")(h)
        heads = [layers.Dense(latent_dim, name=name)(h) for name in ("z_mean", "z_log_var")]
        self.encoder = keras.Model([x, label], heads)
        h = layers.Concatenate()([z, label])  # second place
        for width in reversed(units):
            h = layers.Dense(width, "gelu")(h)
        self.decoder = keras.Model([z, label], layers.Reshape((8, 8, 1))(layers.Dense(64)(h)))

    def terms(self, x, label, epsilon):
        """Both terms of each image, in nats: [n]."""
        z_mean, z_log_var = self.encoder([x, label])
        a = self.decoder([z_mean + ops.exp(0.5 * z_log_var) * epsilon, label])
        log_px_z = ops.sum(x * a - ops.softplus(a), axis=(1, 2, 3))
        kl = 0.5 * ops.sum(ops.exp(z_log_var) + z_mean**2 - z_log_var - 1, axis=1)
        return {"reconstruction_loss": -log_px_z, "kl_loss": kl}


# %% [markdown]
# Is it the package's model? Give it the weights of the trained `cvae`, and the same noise.
# (The last weight of the package's decoder is its offset, the mean image, see chapter 6. We add
# it to the biases of our last layer.)

# %%
mine = MyConditionalVAE(LATENT_DIM, UNITS)
mine.encoder.set_weights([*cvae.label_plane.get_weights(), *cvae.encoder.get_weights()])
*hidden_layers, bias, offset = cvae.decoder.get_weights()
mine.decoder.set_weights([*hidden_layers, bias + offset.ravel()])

test_images, test_labels = digits.test.arrays()
batch = cvae.prepare({"x": test_images, "label": test_labels})
epsilon = cvae.noise(batch, (LATENT_DIM,), training=False)
of_mine = mine.terms(ops.convert_to_tensor(test_images), ops.one_hot(test_labels, 10), epsilon)
of_package = cvae.objective(batch, training=False)
for name in of_mine:
    print(f"{name:<20} {np.mean(of_mine[name]):.5f} and {np.mean(of_package[name]):.5f} nats")
    np.testing.assert_allclose(of_mine[name], of_package[name], rtol=1e-4, atol=1e-4)

# %% [markdown]
# They are the same for every image. So everything below is also true for your model.
#
# Without labels there is nothing to be conditional on, and the package says so before it trains:

# %%
import dataclasses


def without_labels(examples):
    return dataclasses.replace(examples, labels=None)


splits = {name: without_labels(getattr(digits, name)) for name in ("train", "validation", "test")}
try:
    trained(TrainConfig(**common, model="conditional"), dataclasses.replace(digits, **splits))
except UserError as error:
    print(error)

# %% [markdown]
# ## 2. Ask, and judge
#
# To draw, take $z$ from the prior as before, and a label of your choice. Each row below has one
# $z$; each column one label.

# %%
from vae_keras.evaluation.by_rung import exhibits_of

styles = exhibits_of(cvae, digits)["styles"]
figures.image_rows({name: styles[name] for name in list(styles)[:5]}, "one z, ten labels")

# %% [markdown]
# > **Predict.** A classifier that has been trained on real digits looks at a thousand drawn ones.
# > It is right on most real test digits. Will it see the wanted label in drawn digits more often
# > than it sees the right one in real digits, or less often?

# %%
from vae_keras.evaluation.classifier import trained_classifier

classifier = trained_classifier(digits, steps=CLASSIFIER_STEPS)
wanted = np.arange(1_000) % 10
drawn = np.asarray(cvae.generate(1_000, (SEED, 7), wanted))
right = {
    "real test digits": classifier.accuracy,
    "drawn digits": np.mean(classifier.classes(drawn) == wanted),
}
for name, share in right.items():
    print(f"the classifier is right about {share:.1%} of {name}")

# %% [markdown]
# The answer: more often. What is drawn is the mean of the decoder. It does not have the small
# accidents of a real hand, and a typical digit is easier to recognise than a real one. Note what
# the figure does not say: a model that drew the same perfect seven every time would do as well.
# Whether the label is obeyed is one question. Whether drawn digits are as varied as real ones is
# another.
#
# ## 3. What is left for the code
#
# A label has ten values, so it says at most $\log 10$ nats. What happens to the code when it no
# longer has to say them?
#
# > **Predict.** A linear classifier reads the digit from the codes of the VAE. How well does it do
# > on the codes of the conditional VAE, whose encoder was *given* the right label?

# %%
from sklearn.linear_model import LogisticRegression

from vae_keras.latent.codes import encode


def probe(model):
    """Test accuracy of a linear classifier on the codes of a model."""
    reader = LogisticRegression(max_iter=1_000)
    reader.fit(encode(model, digits.train), digits.train.own_labels)
    return reader.score(encode(model, digits.test), test_labels)


read, terms = {}, {}
for name, model in (("VAE", vae), ("conditional", cvae)):
    read[name], terms[name] = probe(model), evaluate(model, digits)
    print(
        f"{name:<12} digit read from the code {read[name]:.0%}   loss {terms[name]['loss']:.2f} = "
        f"{terms[name]['reconstruction_loss']:.2f} + {terms[name]['kl_loss']:.2f}"
    )
print(f"a label says at most {np.log(10):.2f} nats")
mixed = terms["conditional"]["loss"] + np.log(10)
print(f"the conditional VAE, if the label is not known, costs at most {mixed:.2f} nats")

# %%
figures.bars(
    {**{f"codes of the\n{name}": value for name, value in read.items()}, "guessing": 0.1},
    "share of digits read from the code",
    "what the code says about the label",
    "{:.0%}",
)

# %% [markdown]
# The answer: it falls nearly to guessing. No term of the loss punishes a code for knowing the
# label. But every nat of code has its price in `kl_loss`, and it is a waste to pay for what the
# decoder is told anyway. The KL falls by about what a label is worth. What is left above guessing
# is not chance: the codes of the ten labels are not distributed quite alike, because styles differ
# or because the fit is not perfect.
#
# Look at the losses, too. The conditional model is better by more than the $\log 10$ nats that a
# label can say. Suppose that we do not know the label. With ten equally likely ones,
#
# $$p(x) = \tfrac1{10} \sum_\ell p(x|\ell) \;\ge\; \tfrac1{10}\, p(x|\text{its own label}),$$
#
# which costs at most $\log 10$ nats more, and the result is still below the plain VAE. So by this
# bound, a decoder that is told the label is better by 0.9 nats than one that has to draw all kinds,
# even if we average over the labels. (It is a bound: a part of the gain may be a smaller gap. And
# the pixels are grey, see chapter 9.)
#
# ## 4. One hand, ten digits
#
# If the code is the style, then we can copy it: encode a digit with its own label, and decode the
# code with all ten labels.

# %%
chosen = [int(np.flatnonzero(test_labels == label)[0]) for label in (0, 3, 4, 7, 9)]
codes = np.asarray(cvae.encode(test_images[chosen], test_labels[chosen]))
rows = {}
for row, label, z in zip(chosen, test_labels[chosen], codes):
    transferred = cvae.decode(np.repeat(z[None], 10, axis=0), labels)
    rows[f"written {label} |"] = np.concatenate([test_images[row][None], transferred])
figures.image_rows(rows, "a test digit, and 0 to 9 in its style")

# %% [markdown]
# Only a little of a style is copied: width, slant and weight. There are only 8×8 pixels, and the
# code has little more than a nat. The model `mnist_cvae`, which ships with the package, was trained
# on 28×28 pixels and shows more. Here are six draws of the prior, each a style.

# %% tags=["cover"]
writer = load_exported("../saved_models/pretrained/mnist_cvae")
generator = np.random.default_rng(SEED)
z = generator.standard_normal((6, writer.latent_dim)).astype(np.float32)
figures.image_rows(
    {
        f"style {i + 1}": writer.decode(np.repeat(z[i : i + 1], 10, axis=0), labels)
        for i in range(6)
    },
    "six codes, ten labels: mnist_cvae",
)

# %% [markdown]
# Now move one dimension of the code, and watch all ten digits at once. Is it the same change in a 1
# and in an 8? (The code has ten dimensions, of which the slider has seven. One of the seven is
# inactive and changes nothing: find it.)

# %%
from vae_keras.figures.sliders import Sliders


def ten_digits(dimension, value):
    code = np.zeros((10, writer.latent_dim), np.float32)
    code[:, dimension] = value
    return figures.image_rows(
        {"mean style": middle, f"z[{dimension}] = {value:g}": writer.decode(code, labels)}
    )


middle = writer.decode(np.zeros((10, writer.latent_dim), np.float32), labels)
Sliders(ten_digits, dimension=range(7), value=(-2, 0, 2, 3))

# %% [markdown]
# ## 5. Three quarters missing
#
# (The inactive dimension was `z[5]`.) A label is one condition among many. Here is another: the
# lower left quarter of the image. The rest is hidden, and to be predicted. Hidden pixels are
# mid-grey in our figures, because nothing is known about them.

# %%
from vae_keras.models.completion import CompletionNetwork, CompletionVAE, hidden_mask

binary = load(TrainConfig(dataset="digits", binarize="threshold"))
mask = hidden_mask(binary.example_shape, visible=1)
shown = slice(0, 10)
whole = binary.test.take(shown).arrays()[0]
figures.image_rows({"whole": whole, "visible": figures.with_hidden(whole, mask)})

# %% [markdown]
# (The pixels are 0 below one half and 1 above it, so that the nats are those of a likelihood.) What
# is a good answer? The quarter often does not say which digit it belongs to, so there are several.
# Compare two models:
#
# - a **plain network**. It takes what is visible, and gives a probability for each hidden pixel. It
#   is trained with cross-entropy;
# - a **conditional VAE**, whose condition is the visible quarter. Its decoder sees that quarter and
#   a code. In training the code comes from an encoder that has seen the whole image, and later it
#   comes from the prior.
#
# > **Predict.** Both are judged by $-\log p(\text{hidden}|\text{visible})$. The plain network
# > minimises exactly that, and the conditional VAE only a bound of it. Which is better?
#
# Both can learn by heart, so each keeps the weights that do best on the validation images.


# %%
def fitted(model):
    """A completion model, trained as any Keras model, with the weights of its best epoch."""
    steps = -(-len(binary.train) // 64)  # rounded up
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps * EPOCHS)
    model.compile(keras.optimizers.Adam(schedule))
    batches = binary.train.shuffled_batches(64, SEED, 0, EPOCHS)
    best = keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True)
    how = dict(epochs=EPOCHS, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[best])
    model.fit(batches, validation_data=binary.validation.batches(), **how)
    return model


keras.utils.set_random_seed(SEED)
# both hide the hidden pixels from themselves
plain = fitted(
    # no code to draw: UNITS[-1] is its narrowest layer, as wide as the other's features
    CompletionNetwork(binary.example_shape, UNITS[-1], DenseNetwork(UNITS), visible=1, seed=SEED)
)
completing = fitted(
    CompletionVAE(binary.example_shape, 8, DenseNetwork(UNITS), visible=1, seed=SEED)
)

# %%
from vae_keras.evaluation.likelihood import likelihood_figures

plain_nll = evaluate(plain, binary)["reconstruction_loss"]
estimates = likelihood_figures(completing, binary.test, samples=100)
hidden = int(mask.sum())
print(f"−log p({hidden} hidden pixels, given the visible quarter), nats per image:")
print(f"  plain network    {plain_nll:6.2f}")
print(
    f"  conditional VAE  {estimates['nll'].mean():6.2f} (100 samples), bound "
    f"{estimates['negative_elbo'].mean():.2f}"
)

# %% [markdown]
# The answer: the conditional VAE, by about three nats. Even its bound is better than the plain
# network. The figure shows why.

# %%
rows = {"whole": whole, "visible": figures.with_hidden(whole, mask)}
rows["plain"] = whole * (1 - mask) + np.asarray(plain(whole)) * mask
draws = {f"draw {i}": completing.complete(whole, (SEED, i)) for i in range(1, 5)}
figures.image_rows({**rows, **draws}, "completed")

# %%
predicted = {
    "plain network": np.asarray(plain(whole)),
    "draws of the VAE": np.stack([*draws.values()]),
}
inside = mask[..., 0] > 0
for name, p in predicted.items():
    unsure = np.mean(p[..., inside, 0] * (1 - p[..., inside, 0]))
    print(f"{name:<17} mean p (1 − p) of hidden pixels {unsure:.3f} (0.25 is a coin)")

# %% [markdown]
# The plain network gives each pixel its own probability, independent of the others. Where a stroke
# may be here or there, it must answer "one half" in both places, which draws a blur and costs nats
# for every pixel. The conditional VAE decides first, in $z$, and then draws: given $z$, the pixels
# agree with each other. **The code holds what the pixels share and what the condition does not
# say.** That is why a code helps even in prediction.
#
# ## 6. Missing input without a special model
#
# What does a VAE do that was never trained with hidden pixels? We have to give it some value there;
# take 0, which is black. Then try something better: put its own guess into the place of the hidden
# pixels, and ask again, and again. The visible pixels are held, and the guess settles (Rezende and
# others did this in 2014, with samples in place of means).

# %%
visible = test_images * (1 - mask)
guess, answers = visible, []
for _ in range(30):
    answers.append(np.asarray(vae(guess)))
    guess = visible + answers[-1] * mask

once, often = (visible + answers[i] * mask for i in (0, -1))
rows = {"whole": test_images, "visible": figures.with_hidden(test_images, mask)}
rows |= {"given": visible, "asked once": once, "asked often": often}
figures.image_rows(
    {name: row[shown] for name, row in rows.items()}, "a VAE that was not trained to complete"
)


# %%
def hidden_error(images):
    """Root mean squared error of the hidden pixels of all test images."""
    return float(np.sqrt(np.mean((np.asarray(images) - test_images)[:, inside] ** 2)))


mean_image = np.broadcast_to(digits.mean_example(), test_images.shape)
filled = {"mean image": mean_image, "asked once": once, "asked often": often}
filled["given the whole"] = vae(test_images)
for name, one in filled.items():
    print(f"{name:<16} error {hidden_error(one):.3f}")

# %% [markdown]
# Asked once, the VAE is hardly better than the mean of all digits. To an encoder that was never
# trained with hidden pixels, black does not mean "unknown". It means "no ink", and that is false.
# With its own guess in the place of the black it does better, but only a little, compared with what
# it does for a whole image. And it gives one answer where there are several. A model is good at
# missing input if it was trained for it, as those of the last section were.
#
# ## Exercises
#
# 1. A conditional VAE is a classifier, by Bayes: take the label under which an image costs the
#    fewest nats. How often is that the right one on the test set? (Take `mine.terms`.)

# %%
from vae_keras.course import check
from vae_keras.models.vae import kl_to_standard_normal


def answer_1(images):
    """Fill in: the label of each image that costs the fewest nats, [n]."""
    ...


def is_right_1(found):
    """No other label costs an image clearly less, at its mean code."""
    n, ten_times = len(test_images), np.tile(test_images, (10, 1, 1, 1))
    batch = cvae.prepare({"x": ten_times, "label": np.repeat(np.arange(10), n)})
    z_mean, z_log_var = cvae.posterior(batch)
    kl = kl_to_standard_normal(z_mean, z_log_var)
    costs = np.reshape(kl - cvae.log_likelihood(batch, z_mean), (10, n))
    of_found = np.take_along_axis(costs, np.reshape(found, (1, -1)), axis=0)
    return np.shape(found) == test_labels.shape and (of_found < costs.min(axis=0) + 4).all()


check(1, answer_1(test_images), is_right_1)

# %% [markdown]
# 2. What does the encoder do with a wrong label? Encode sevens as fours, decode them as sevens, and
#    compare the rebuilt image with that of the right label.

# %%
sevens = test_images[test_labels == 7]


def answer_2(label):
    """Fill in: the mean squared error of the sevens, encoded with a label, decoded as 7."""
    ...


def error_2(label):
    labels = [ops.one_hot(np.full(len(sevens), one), 10) for one in (label, 7)]
    z = mine.encoder([ops.convert_to_tensor(sevens), labels[0]])[0]
    return np.mean((np.asarray(ops.sigmoid(mine.decoder([z, labels[1]]))) - sevens) ** 2)


check(2, answer_2(4), error_2(4))
check(2, answer_2(7), error_2(7))

# %% [markdown]
# 3. Show that the draws of section 5 differ where the condition leaves room: the standard deviation
#    between twenty draws is 0 at the visible pixels and not at the hidden ones.

# %%
several = np.stack([completing.complete(whole, (SEED, 100 + i)) for i in range(20)])


def answer_3(several):
    """Fill in: the standard deviation between draws [20, n, 8, 8, 1] of each pixel."""
    ...


variance = np.mean(several**2, axis=0) - np.mean(several, axis=0) ** 2
check(3, answer_3(several), np.sqrt(np.maximum(variance, 0)), tolerance=0.02)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1(images):
    """Ten costs of each image, at its mean code, and the place of the smallest."""
    costs, no_noise = [], np.zeros((len(images), LATENT_DIM), "float32")
    for label in range(10):
        one_hot = ops.one_hot(np.full(len(images), label), 10)
        terms = mine.terms(ops.convert_to_tensor(images), one_hot, no_noise)
        costs.append(np.asarray(sum(terms.values())))
    return np.argmin(costs, axis=0)


print(f"{np.mean(answer_1(test_images) == test_labels):.1%} right, by the smallest negative ELBO")
assert check(1, answer_1(test_images), is_right_1)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(label):
    """With the wrong label the code must say how a four would have to be changed into a seven."""
    z = cvae.encode(sevens, np.full(len(sevens), label))
    return np.mean((np.asarray(cvae.decode(z, np.full(len(sevens), 7))) - sevens) ** 2)


print(f"wrong label {answer_2(4):.4f}, right label {answer_2(7):.4f}")
assert check(2, answer_2(4), error_2(4)) and check(2, answer_2(7), error_2(7))
assert EPOCHS < 60 or answer_2(4) > answer_2(7)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(several):
    """Over the first axis, which counts the draws."""
    return several.std(axis=0)


assert check(3, answer_3(several), np.sqrt(np.maximum(variance, 0)), tolerance=0.02)
spread = answer_3(several)[..., 0]
assert spread[:, ~inside].max() < 1e-6 < 0.02 < spread[:, inside].mean()

# %% [markdown]
# ## Further reading
#
# - K. Sohn, H. Lee and X. Yan, [Learning structured output representation using deep conditional
#   generative models](https://papers.nips.cc/paper/5775): the conditional VAE, and the completion
#   of quadrants.
# - D. Kingma and others, [Semi-supervised learning with deep generative
#   models](https://arxiv.org/abs/1406.5298): when only some images have labels.
# - D. Rezende, S. Mohamed and D. Wierstra, [Stochastic backpropagation and approximate
#   inference](https://arxiv.org/abs/1401.4082): missing pixels, asked for again and again.
#
# ## Checks

# %%
assert cvae.decoder.input_shape[1] == vae.decoder.input_shape[1] + 10
assert right["real test digits"] > 0.9
assert EPOCHS < 60 or right["drawn digits"] > 0.75, right
assert EPOCHS < 60 or read["VAE"] > 0.6 > 0.45 > read["conditional"], read
assert terms["conditional"]["loss"] < terms["VAE"]["loss"], "a label must help"
assert estimates["nll"].mean() < plain_nll, "the code must pay"
assert (estimates["nll"].mean() <= estimates["negative_elbo"].mean()).all()
assert predicted["draws of the VAE"].shape == (4, 10, 8, 8, 1)
assert hidden_error(once) > hidden_error(filled["given the whole"]), "seeing must help"

# %% [markdown] tags=["navigation"]
# ---
# Previous: [9. How good is it?](09_how_good_is_it.ipynb) ·
# Next: [11. Faces](11_faces.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
