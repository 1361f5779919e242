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
# A VAE draws digits, but not on request. It was never told that there are sevens, so one cannot ask
# it for a seven; one has to search the plane for where the sevens happen to lie. This chapter tells
# it. Hand the label to both networks, and something pleasant follows: the code, relieved of saying
# *which* digit it is, is left to say *how* it is written. The same trick with another condition
# restores the three quarters of a picture that are missing, and there it shows what a code is good
# for.
#
# You will
#
# 1. give a VAE labels, and see in which two places they enter,
# 2. draw the digit you ask for, and let a classifier judge whether you got it,
# 3. show that the code has forgotten the label, and copy one writer's style to all ten digits,
# 4. complete pictures of which one quarter is left, in more than one way.
#
# It takes about two minutes and needs no download. It builds on the chapter about the VAE; the last
# part uses nats as the chapter on judging models does.

# %% [markdown] tags=["navigation"]
# **Builds on** [6. A variational autoencoder from nothing](06_vae_from_nothing.ipynb) ·
# **To read** about 25 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [9. How good is it?](09_how_good_is_it.ipynb) ·
# Next: [11. Faces](11_faces.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 60  # fast: 8
CLASSIFIER_STEPS = 1_500  # fast: 300
LATENT_DIM = 4

# %% [markdown]
# ## 1. Labelled or not
#
# Everything up to here worked on unlabelled pictures; labels only coloured the plots. Now they are
# a part of the model. In the place of $p(x)$ we want $p(x|\text{label})$, and the whole derivation
# of the bound goes through with the label behind the bar everywhere:
#
# $$-\log p(x|\text{label}) \;\le\; \underbrace{\mathbb E_{q}\big[-\log p(x|z,
# \text{label})\big]}_{\text{reconstruction\_loss}} + \underbrace{D_\mathrm{KL}\big[q(z|x,
# \text{label}) \,\|\, \mathcal N(0, I)\big]}_{\text{kl\_loss}}$$
#
# The prior alone stays as it was: we choose it to be the same for all labels. So the label enters
# in two places, the decoder and the encoder. The decoder gets it as ten more numbers beside $z$,
# all 0 but one. The encoder gets it as one more channel of the picture, a plane that it learns for
# each class.

# %%
import numpy as np

from vae_keras import TrainConfig, UserError, evaluate, figures, load, load_exported
from vae_keras.training.fitting import trained

digits = load(TrainConfig(dataset="digits"))
common = dict(latent_dim=LATENT_DIM, epochs=EPOCHS, seed=SEED)
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
# Not much to look at: nothing asks a plane to resemble its digit, only to differ from the others.
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
# To draw, take $z$ from the prior as ever, and a label of your choice. Each row below has one $z$;
# each column one label.

# %%
from vae_keras.evaluation.by_rung import exhibits_of

styles = exhibits_of(cvae, digits)["styles"]
figures.image_rows({name: styles[name] for name in list(styles)[:5]}, "one z, ten labels")

# %% [markdown]
# > **Predict.** A classifier that has been trained on real digits looks at a thousand drawn ones.
# > It is right on most real test digits. Will it agree with the wanted label more often than that,
# > or less often?

# %%
from vae_keras.evaluation.classifier import trained_classifier

classifier = trained_classifier(digits, steps=CLASSIFIER_STEPS)
test_images, test_labels = digits.test.arrays()
wanted = np.arange(1_000) % 10
drawn = np.asarray(cvae.generate(1_000, (SEED, 7), wanted))
right = {
    "real test digits": classifier.accuracy,
    "drawn digits": np.mean(classifier.classes(drawn) == wanted),
}
for name, share in right.items():
    print(f"the classifier is right about {share:.1%} of {name}")

# %% [markdown]
# If you said less often, that was reasonable, and it is not so. What is drawn is the mean of the
# decoder, without the slips of single writers, and a typical digit is easier to recognise than a
# real one. Mark what the figure does not say: a model that drew the same perfect seven every time
# would do as well. That the label is obeyed is one question, and whether the drawings are as varied
# as the real thing is another.
#
# ## 3. What is left for the code
#
# A label has ten values, so it can tell at most $\log 10$ nats. What becomes of the code when it no
# longer has to?
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
print(f"a label tells at most {np.log(10):.2f} nats")
mixed = terms["conditional"]["loss"] + np.log(10)
print(f"the conditional VAE with the label left open costs at most {mixed:.2f} nats")

# %%
figures.bars(
    {**{f"codes of the\n{name}": value for name, value in read.items()}, "guessing": 0.1},
    "share of digits read from the code",
    "what the code says of the label",
    "{:.0%}",
)

# %% [markdown]
# If you said that it falls to guessing: nearly, 18 % against 10 %. And nobody asked for it: no term
# of the loss punishes a code for knowing the label. But every nat of code has its price in
# `kl_loss`, and to pay for what the decoder is told anyway is waste. The rate falls by about what a
# label is worth. What is left above guessing is honest: a style is not quite independent of the
# digit.
#
# Look at the losses, too. The conditional model is better by more than the $\log 10$ nats that a
# label can tell. Leave the label open: with ten equally likely ones,
#
# $$p(x) = \tfrac1{10} \sum_\ell p(x|\ell) \;\ge\; \tfrac1{10}\, p(x|\text{its own label}),$$
#
# which costs at most $\log 10$ nats more, and the result is still below the plain VAE. Ten simple
# clouds with a sign on each make a better model of digits than one cloud that has to hold all ten.
#
# ## 4. One hand, ten digits
#
# If the code is the style, then we can write like somebody else: encode a digit with its own label,
# and decode the code with all ten.

# %%
chosen = [int(np.flatnonzero(test_labels == label)[0]) for label in (0, 3, 4, 7, 9)]
codes = np.asarray(cvae.encode(test_images[chosen], test_labels[chosen]))
rows = {}
for row, label, z in zip(chosen, test_labels[chosen], codes):
    transferred = cvae.decode(np.repeat(z[None], 10, axis=0), labels)
    rows[f"written {label} |"] = np.concatenate([test_images[row][None], transferred])
figures.image_rows(rows, "a test digit, and 0 to 9 in its hand")

# %% [markdown]
# Only a little of a hand comes across: on 8×8 pixels it is width, slant and weight, and the code
# has little more than a nat to say it with. The model `mnist_cvae`,
# which ships with the package, was trained on 28×28 and has more to show. Here are six draws of the
# prior, a hand each.

# %% tags=["cover"]
hands = load_exported("../saved_models/pretrained/mnist_cvae")
generator = np.random.default_rng(SEED)
z = generator.standard_normal((6, hands.latent_dim)).astype(np.float32)
figures.image_rows(
    {f"hand {i + 1}": hands.decode(np.repeat(z[i : i + 1], 10, axis=0), labels) for i in range(6)},
    "six codes, ten labels: mnist_cvae",
)

# %% [markdown]
# Now move one dimension of the code, and watch all ten digits at once. Is it the same change of
# hand in a 1 and in an 8? (The code has ten dimensions, of which the slider has seven. One of the
# seven is not used and changes nothing: find it.)

# %%
from vae_keras.figures.sliders import Sliders


def ten_digits(dimension, value):
    code = np.zeros((10, hands.latent_dim), np.float32)
    code[:, dimension] = value
    return figures.image_rows(
        {"mean hand": middle, f"z[{dimension}] = {value:g}": hands.decode(code, labels)}
    )


middle = hands.decode(np.zeros((10, hands.latent_dim), np.float32), labels)
Sliders(ten_digits, dimension=range(7), value=(-2, 0, 2, 3))

# %% [markdown]
# ## 5. Three quarters missing
#
# (It was `z[5]`.) A label is one condition among many. Take another: the lower left quarter of the
# picture. The rest is hidden, and to be predicted.

# %%
from vae_keras.models.completion import CompletionNetwork, CompletionVAE, hidden_mask

binary = load(TrainConfig(dataset="digits", binarize="threshold"))
mask = hidden_mask(binary.example_shape, visible=1)
shown = slice(0, 10)
whole = binary.test.take(shown).arrays()[0]
figures.image_rows({"whole": whole, "visible": whole * (1 - mask)})

# %% [markdown]
# (The pixels are cut at one half to 0 and 1, so that nats are those of a likelihood.) What is a
# good answer? The quarter often does not say which digit it belongs to, so there are several.
# Compare two models:
#
# - a **plain network**: from what is visible to a probability for each hidden pixel, trained with
#   cross-entropy. It is what one would do without this course;
# - a **conditional VAE**, whose condition is the visible quarter: its decoder sees that, and a code
#   that in training comes from an encoder that has seen everything, and later from the prior.
#
# > **Predict.** Both are judged by $-\log p(\text{hidden}|\text{visible})$. The plain network
# > minimises just that, with nothing between; the conditional VAE only a bound. Which is better?

# %%
import keras


def fitted(model):
    """A completion model, trained as any Keras model."""
    steps = -(-len(binary.train) // 64)  # rounded up
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps * EPOCHS)
    model.compile(keras.optimizers.Adam(schedule), steps_per_execution=7)
    batches = binary.train.shuffled_batches(64, SEED, 0, EPOCHS)
    model.fit(batches, epochs=EPOCHS, steps_per_epoch=steps, shuffle=False, verbose=0)
    return model


keras.utils.set_random_seed(SEED)
# both hide the hidden pixels from themselves
plain = fitted(
    # no code to draw: here latent_dim is the width of its narrowest layer
    CompletionNetwork(binary.example_shape, latent_dim=32, visible=1, seed=SEED)
)
completing = fitted(CompletionVAE(binary.example_shape, latent_dim=8, visible=1, seed=SEED))

# %%
from vae_keras.evaluation.likelihood import likelihood_figures

plain_nll = evaluate(plain, binary)["reconstruction_loss"]
estimates = likelihood_figures(completing, binary.test, samples=100)
hidden = int(mask.sum())
print(f"−log p({hidden} hidden pixels, given the visible quarter), nats per picture:")
print(f"  plain network    {plain_nll:6.2f}")
print(
    f"  conditional VAE  {estimates['nll'].mean():6.2f} (100 samples), bound "
    f"{estimates['negative_elbo'].mean():.2f}"
)

# %% [markdown]
# If you said the plain network, you thought of the loss and not of the model. It is worse by three
# nats, and worse than even the bound of the other. The pictures show why.

# %%
rows = {"whole": whole, "visible": whole * (1 - mask)}
rows["plain"] = rows["visible"] + np.asarray(plain(whole)) * mask
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
# The plain network gives each pixel its own probability, independently. Where a stroke may be here
# or there, it must answer "half, and half", which draws a blur and costs nats for every pixel. The
# conditional VAE decides first, in $z$, and then draws: given $z$, the pixels agree with each
# other. **The code holds what the pixels have in common and the condition does not tell.** That is
# why one needs it even for prediction.
#
# ## 6. Missing input without a special model
#
# What does a VAE do that was never trained for holes? Give it the visible quarter, the rest black.
# Then try something better: put its own guess into the hole, and ask again. The visible pixels are
# held, and the guess settles (Rezende and others did this in 2014, with samples in place of means).

# %%
visible = test_images * (1 - mask)
guess, answers = visible, []
for _ in range(30):
    answers.append(np.asarray(vae(guess)))
    guess = visible + answers[-1] * mask

once, often = (visible + answers[i] * mask for i in (0, -1))
rows = {"whole": test_images, "visible": visible, "asked once": once, "asked often": often}
figures.image_rows({name: row[shown] for name, row in rows.items()}, "a VAE that knows no holes")


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
# Asked once, the VAE is hardly better than the mean of all digits. To an encoder that has never
# seen a hole, black does not mean "unknown": it means that there is no ink, which is a claim, and a
# false one. With its own guess in the place of the black it does better, but that is a small part
# of the way to what it knows of a whole picture, and it gives one answer where there are several. A
# model takes missing input well if it was trained for it, as those of the last section were.
#
# ## Exercises
#
# 1. A conditional VAE is a classifier, by Bayes: the label under which a picture costs the fewest
#    nats. How often is that the right one on the test set? (`prepare`, `objective` and
#    `weighted_sum` are those of the chapter on the VAE; a batch has `x` and `label`.)
# 2. What does the encoder do with a wrong label? Encode sevens as fours, decode them as sevens, and
#    compare the rebuilt picture with that of honest labels.
# 3. Show that the draws of section 5 differ where the condition leaves room: the standard deviation
#    between twenty draws is 0 at the visible pixels and not at the hidden ones.

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
costs = []
for label in labels:
    batch = cvae.prepare({"x": test_images, "label": np.full(len(test_images), label)})
    costs.append(np.asarray(cvae.weighted_sum(cvae.objective(batch, training=False))))
accuracy = np.mean(np.argmin(costs, axis=0) == test_labels)
print(f"{accuracy:.1%} right, by the smallest negative ELBO")
assert accuracy > 0.7

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
sevens = test_images[test_labels == 7]
seven, four = (np.full(len(sevens), label) for label in (7, 4))
wrong = cvae.decode(cvae.encode(sevens, four), seven)
honest = cvae.decode(cvae.encode(sevens, seven), seven)
error = {
    name: float(np.mean((np.asarray(one) - sevens) ** 2))
    for name, one in (("wrong", wrong), ("honest", honest))
}
print(error)
assert error["wrong"] > error["honest"]

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
several = np.stack([completing.complete(whole, (SEED, 100 + i)) for i in range(20)])
spread = several.std(axis=0)[..., 0]
assert spread[:, ~inside].max() < 1e-6 < 0.02 < spread[:, inside].mean()

# %% [markdown]
# ## Further reading
#
# - K. Sohn, H. Lee and X. Yan, [Learning structured output representation using deep conditional
#   generative models](https://papers.nips.cc/paper/5775): the conditional VAE, and the completion
#   of quadrants.
# - D. Kingma and others, [Semi-supervised learning with deep generative
#   models](https://arxiv.org/abs/1406.5298): when only some pictures have labels.
# - D. Rezende, S. Mohamed and D. Wierstra, [Stochastic backpropagation and approximate
#   inference](https://arxiv.org/abs/1401.4082): missing pixels, asked for again and again.
#
# ## Checks

# %%
assert cvae.decoder.input_shape[1] == vae.decoder.input_shape[1] + 10
assert right["real test digits"] > 0.9
assert right["drawn digits"] > 0.75, right
assert read["VAE"] > 0.6 > 0.45 > read["conditional"], read
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
