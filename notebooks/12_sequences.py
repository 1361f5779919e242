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
# # Sequences: melodies and sentences
#
# A picture is drawn all at once. A melody is not: the next note depends on the ones before, and so
# does the next word. In this chapter the decoder becomes a writer who is told a code and then puts
# down one token after another. That is a much stronger decoder than any of the chapters before,
# and strength brings a trouble of its own: it can do very well without the code.
#
# You will
#
# 1. turn melodies into rows of tokens, and hear them,
# 2. write the likelihood of a sequence as a product, and add it up by hand,
# 3. see a code go unused, and make it used,
# 4. sample, rebuild and morph melodies with a model that has had time to learn,
# 5. add notes to a tune with a feature vector,
# 6. do the same with sentences, and ask honestly whether the code helps.
#
# It takes about three minutes and needs no download: the melodies are folk tunes of two old printed
# collections, the sentences those of Python's own documentation. It builds on the chapters on the
# variational idea and on collapse.

# %% [markdown] tags=["navigation"]
# **Builds on** [8. β, and codes that fall silent](08_beta_and_collapse.ipynb) ·
# **To read** about 25 minutes ·
# **To run** about 3 minutes on two cores
#
# Previous: [11. Faces](11_faces.ipynb) ·
# Next: [13. Out of the notebook](13_out_of_the_notebook.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
WINDOWS = 6_000  # fast: 1_000
EPOCHS = 8  # fast: 3
HELD_OUT = 1_000  # fast: 300
MODELS = "../saved_models/pretrained"  # the models that ship

# %% [markdown]
# ## 1. A melody is a row of tokens
#
# Cut a tune into windows of two bars and each bar into sixteenths: 32 steps. At each step one of
# 130 things happens. A note of some pitch begins; or the sound stops (`off`); or nothing happens
# (`hold`: the note goes on, or the silence does). This is the alphabet of MusicVAE, and it has a
# pleasant property: **every** melody of one voice is a row of 32 tokens, and rhythm needs no extra
# numbers.

# %%
import numpy as np

from vae_keras import TrainConfig, figures, load
from vae_keras.data.music.melody_tokens import NAMES, to_notes

melodies = load(TrainConfig(dataset="melodies", model="sequence"))
test, _ = melodies.test.arrays()
print(f"{len(melodies.train):,} windows to learn from, {len(test):,} of other tunes for the test")
print(" ".join(NAMES[token] for token in test[3]))

# %%
figures.piano_rolls([to_notes(tokens) for tokens in test[:8]], "two bars of eight tunes")

# %% [markdown]
# Whole tunes, not windows, were dealt out to training and test: a folk song repeats itself, and a
# window whose twin is in the training set tests nothing.
#
# A synthesiser is twenty lines of NumPy (`vae_keras/data/music/sound.py`), so you can listen:

# %%
from IPython.display import Audio

from vae_keras.data.music.sound import RATE, sound

Audio(sound(test[3]), rate=RATE)

# %% [markdown]
# ## 2. One token after another
#
# For pictures we took the pixels to be independent once $z$ is known, and $\log p(x \mid z)$ was a
# sum over pixels. Notes are not independent even then, and need not be: any distribution of a
# sequence is a product of distributions of its next token,
#
# $$\log p(x \mid z) = \sum_{t=1}^{T} \log p(x_t \mid x_{<t}, z).$$
#
# An LSTM, a network that carries a state from step to step, gives every factor. (Such a decoder is
# called *autoregressive*.) It starts from a state that $z$ decides, and sees $z$ and the token
# before at each step. In training the token before is the true one, whatever the model would have
# written (*teacher forcing*), so that all steps of a batch are computed in one pass. Before the
# first stands token 0, which no melody contains: hence 131 logits, of which 130 count.

# %%
import tensorflow as tf

from vae_keras.models.sequence import SequenceVAE
from vae_keras.networks.recurrent import RecurrentNetwork

model = SequenceVAE(32, NAMES, latent_dim=8, network=RecurrentNetwork(units=(16, 32)), seed=SEED)
batch = model.prepare(test[:4])
z = model.code(batch)
logits = model.parameters(z, batch.condition)  # [batch, steps, tokens]
print("before each token stands", batch.condition[0, :6].numpy(), "…")
print("the tokens are          ", batch.target[0, :6].numpy(), "…")
print("logits", logits.shape)

# %% [markdown]
# > **Predict.** An untrained model has no idea what comes next. How many nats does it pay for 32
# > tokens, if it holds all 130 for equally likely?

# %%
log_p = tf.nn.log_softmax(logits)  # of every token at every step
chosen = tf.gather(log_p, batch.target, batch_dims=2)  # [batch, steps]: of those that came
by_hand = -tf.reduce_sum(chosen, axis=1)
print("by hand    ", by_hand.numpy().round(2))
print("the model's", (-model.log_likelihood(batch, z)).numpy().round(2))
print(f"32 · log 130 = {32 * np.log(130):.2f}")

# %% [markdown]
# If you said $32 \log 130$, that is it, but for the random weights. Nothing else has changed: the
# sum above is `reconstruction_loss`, the KL is what it was, and `train_step` is the same that has
# trained every model of this course.
#
# When the model writes on its own there is no true token to be told. It is told what it has just
# written, and a slip may lead it astray: rebuilding is harder *sampled* than *forced*. We shall
# measure both.

# %% [markdown]
# ## 3. A code that nobody needs
#
# > **Predict.** The decoder sees all true tokens before. A tune is fairly predictable from its
# > past. If a nat of KL costs as much as a nat of reconstruction, how many nats will the code
# > carry?

# %%
from dataclasses import replace

from vae_keras.training.fitting import trained

spread = slice(0, None, len(test) // HELD_OUT)
few = replace(melodies, train=melodies.train.take(slice(0, None, len(melodies.train) // WINDOWS)))
few = replace(few, test=melodies.test.take(spread))
small = dict(dataset="melodies", model="sequence", latent_dim=16, units="32-96", seed=SEED)
small |= dict(epochs=EPOCHS, batch_size=32, learning_rate=4e-3)

recipes = {
    "as it is": {},
    "free bits": dict(free_bits=0.5),
    "β = 0.1": dict(beta=0.1),
    "word dropout": dict(word_dropout=0.5),
}
nats = {}
for name, options in recipes.items():
    found = trained(TrainConfig(**small, **options), few)
    nats[name] = found.evaluate(few.test.batches(), return_dict=True, verbose=0)

# %%
figure, (left, right) = figures.panels(1, 2, width=5)
for axes, term in ((left, "kl_loss"), (right, "reconstruction_loss")):
    drawn = axes.bar(list(nats), [found[term] for found in nats.values()], color=figures.PALETTE)
    axes.bar_label(drawn, fmt="%.2f")
    axes.set(title=term, ylabel="nats per melody")
    axes.margins(y=0.12)
figure

# %% [markdown]
# If you said next to none, you have met *posterior collapse* before. It is not a bug: for this
# decoder the bound is best with a code that says nothing, as long as the first nats of a code buy
# less than they cost. Add up the two bars of each model: the sum is lowest as it is. Three ways
# out, each with its price:
#
# * **Free bits** do not charge for the first nats of a dimension.
# * **β below 1** makes all of them cheaper. The sum is then no bound on $\log p(x)$ any more, which
#   is fine for a tool that rebuilds and morphs, and is said where figures are given.
# * **Word dropout** keeps the decoder from seeing some of the tokens before, so that it must ask
#   the code.

# %% [markdown]
# ## 4. A model that has had time
#
# `melodies_vae` ships with the course: 128 dimensions, β = 0.2, trained for half an hour on two
# cores on all windows, 96 times each. Does it rebuild tunes that are new to it?

# %%
import json
from pathlib import Path

from vae_keras import load_exported

melodies_vae = load_exported(f"{MODELS}/melodies_vae")
held_out = test[spread]
rebuilt = melodies_vae.reconstruct(held_out)
right = (rebuilt == held_out).mean()
print(f"{right:.1%} of the tokens come back, written without seeing the true ones")
stored = json.loads(Path(f"{MODELS}/melodies_vae/benchmark.json").read_text(encoding="utf-8"))
forced = stored["vae"]["forced_accuracy"]  # of all test tunes
print(f"{forced:.1%} if it is told the true ones before (measured when it was made)")

# %%
some = slice(len(held_out) // 8, None, len(held_out) // 4)
pairs = [to_notes(tokens) for both in zip(held_out[some], rebuilt[some]) for tokens in both]
names = [f"{what} {number}" for number in range(1, 5) for what in ("tune", "rebuilt")]
figures.piano_rolls(pairs, "held-out tunes and what the code remembers of them", names=names)

# %% [markdown]
# New tunes are codes from the prior, decoded. The *temperature* divides the logits before a token
# is drawn: near 0 the likeliest is always taken, at 1 the model says what it believes, above it
# grows reckless. Move it, and watch how many notes there are and how far they leap.

# %%
from vae_keras.figures.sliders import Sliders

TEMPERATURES = (0.1, 0.5, 1.0, 1.5, 2.0)
drawn = {t: melodies_vae.generate(8, SEED, temperature=t) for t in TEMPERATURES}
Sliders(
    lambda temperature: figures.piano_rolls(
        [to_notes(tokens) for tokens in drawn[temperature]], "tunes nobody has written"
    ),
    temperature=TEMPERATURES,
)

# %%
Audio(sound(drawn[0.5][0]), rate=RATE)

# %% [markdown]
# Samples that look right may still be wrong on the whole. So compare what can be counted: how often
# a note begins at each of the 32 steps, for real tunes and for samples.

# %%
samples = melodies_vae.generate(HELD_OUT, SEED)
begins = {
    name: (tokens >= 3).mean(axis=0) for name, tokens in {"tunes": test, "samples": samples}.items()
}
steps = np.arange(32)
figures.lines(
    {name: (steps, share) for name, share in begins.items()},
    "step (sixteenths)",
    "share of melodies in which a note begins",
    "the beat is learned",
    ylim=(0, 1),
)

# %%
notes = (samples >= 3).sum(axis=1)
print(f"{(notes < 2).mean():.2%} of {len(samples):,} samples have fewer than two notes")

# %% [markdown]
# ## 5. From one tune to another
#
# Morphing is what it was for faces: codes on the line between two, each decoded.
#
# > **Predict.** What would you get if you mixed the *tokens* of two tunes, taking each step from
# > the one or the other? What does the way between their codes have that such a mixture has not?

# %% tags=["cover"]
from vae_keras.latent import morphing

ends = held_out[[len(held_out) // 8, -len(held_out) // 8]]
way = melodies_vae.decode(morphing.path(melodies_vae.encode(ends), 8))
figures.piano_rolls(
    [to_notes(tokens) for tokens in way], "from one tune to another, in eight steps"
)

# %%
Audio(sound(way[::3]), rate=RATE)  # every third stop

# %% [markdown]
# If you said a mess, you were right: a mixture of tokens has the beginnings of notes of both and
# the rhythm of neither. On the way between the codes every stop is a tune, and near stops are, on
# average, more alike than the ends. Count the steps at which they differ.

# %%
changed = (way[1:] != way[:-1]).sum(axis=1)
print("tokens that differ from stop to stop:", *changed, f"(mean {changed.mean():.1f})")
print("and between the two ends:            ", (way[0] != way[-1]).sum())

# %% [markdown]
# And attributes have their vectors, by a regression as in chapter 11. We ask the codes of training
# tunes where there are more notes, and go there; and so for the mean pitch, its range, and the
# *contour*: how many semitones the second half lies above the first. One step leads from the lower
# half of the tunes to the upper. Which of the four vectors keep their word?

# %%
from vae_keras.data.music.melody_attributes import NAMES, attributes
from vae_keras.latent.features import feature_vectors

learned = melodies.train.take(slice(0, None, 20))
vectors = feature_vectors(melodies_vae, learned, NAMES, NAMES, "regression")
codes = melodies_vae.encode(held_out)
before = attributes(melodies_vae.decode(codes)).mean(axis=0)
for name, vector in vectors.items():
    after = attributes(melodies_vae.decode(vector.add(codes))).mean(axis=0)
    changes = "  ".join(f"{other} {d:+.2f}" for other, d in zip(NAMES, after - before))
    print(f"one step along {name:<12} {changes}")

# %%
alphas = (-2, -1, 0, 1, 2)
one = codes[[len(codes) // 8]]
varied = melodies_vae.decode(vectors["notes"].add(one, np.array(alphas)[:, None]))
figures.piano_rolls(
    [to_notes(tokens) for tokens in varied],
    "one tune with fewer and with more notes",
    columns=5,
    names=[f"α = {alpha}" for alpha in alphas],
)

# %% [markdown]
# Notes, mean pitch and contour do as they are told, though contour takes the range along. The
# vector of the range hardly moves the range. A vector is worth what its check says, and no more.
#
# ## 6. Sentences
#
# Nothing in the model knows about music. A sentence is a row of words, with a token for its end and
# padding after that. Padding counts nowhere: not in the loss, not in the accuracy.

# %%
sentences = load(TrainConfig(dataset="sentences", model="sequence"))
kind = sentences.kind
written, _ = sentences.test.arrays()
print(f"{len(sentences.train):,} sentences, {len(kind.vocabulary):,} words")
for line in kind.texts(written[:3]):
    print("·", line)

# %%
sentences_vae = load_exported(f"{MODELS}/sentences_vae")
z = sentences_vae.encode(written[:4])
padded = sentences_vae.log_prob(written[:4], z)
lengths = (written[:4] > 0).sum(axis=1)
print("words and the end:", lengths)
print("nats per token:   ", (-padded / lengths).round(2))

# %% [markdown]
# Sentences of documentation, from codes of the prior, and the way between two of them:

# %%
for line in kind.texts(sentences_vae.generate(6, SEED, temperature=0.5)):
    print("·", line)

# %%
pair = sentences_vae.encode(written[[1, 2]])
for line in kind.texts(sentences_vae.decode(morphing.path(pair, 6))):
    print("→", line)

# %% [markdown]
# The stops are sentences, more or less, but the ends do not come back: the code has kept the kind
# of sentence, and not the words. How much can it keep? It was trained with word dropout and with
# 0.35 free nats in each of 16 dimensions, 5.6 in all. And does it help at all? A *language model*
# is the same decoder without a code. The figures of both were stored when they were made, by
# `python benchmarks/sequences.py sentences`. The likelihood of the VAE is importance-weighted, as
# in chapter 9, with 100 draws.

# %%
stored = json.loads(Path(f"{MODELS}/sentences_vae/benchmark.json").read_text(encoding="utf-8"))
vae, language_model = stored["vae"], stored["language_model"]
nll, alone = vae["nll_of_shown"], language_model["reconstruction_loss"]
print(
    f"VAE             {nll:6.2f} nats per sentence; its bound {vae['negative_elbo_of_shown']:.2f}"
)
print(f"language model  {alone:6.2f} nats per sentence")
print(f"the code costs {vae['kl_loss']:.2f} nats and tells {vae['mutual_information']:.2f}")
print(f"to be told as much is to choose among {np.exp(vae['mutual_information']):.0f} sentences")

# %% [markdown]
# The language model is a little ahead: sentences do not become more probable because a code is
# there. What the code brings is a handle. A language model can be asked to go on; it cannot be
# asked for something between two sentences. But a handle that tells so little chooses among a dozen
# kinds or so, in a world of sentences that one could not count.
#
# Melodies went better, since there a nat of code was made cheap on purpose, and there were more of
# them to learn from. Whether that is worth it is for the task to say, not for the bound.
#
# ## Exercises
#
# 1. Show that a model without a code cannot do what section 5 did: rebuild from codes of zeros, and
#    count how many tokens come right.
# 2. Spherical interpolation keeps the norm of a code. Compare the norms on the linear and on the
#    spherical way between two tunes with those of the prior's draws.
# 3. Perplexity is $e$ to the nats per token. Which perplexity has a model that knows only how often
#    each token comes in the training melodies?

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
blank = melodies_vae.decode(np.zeros_like(codes))
without = (blank == held_out).mean()
print(f"{without:.1%} without a code, {right:.1%} with it")
assert without < right - 0.2

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
start, end = melodies_vae.encode(ends)
ways = {"linear": morphing.linear, "spherical": morphing.spherical}
norms = {name: np.linalg.norm(way(start, end, 9), axis=1) for name, way in ways.items()}
prior = np.linalg.norm(np.random.default_rng(SEED).standard_normal((1_000, len(start))), axis=1)
for name, values in norms.items():
    print(f"{name:<10}", values.round(1))
print(f"prior      {prior.mean():.1f} ± {prior.std():.1f}")
assert norms["linear"].min() < norms["spherical"].min()

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
tokens, _ = melodies.train.arrays()
share = np.bincount(tokens.astype(int).ravel(), minlength=len(NAMES)) / tokens.size
per_token = -np.log(share[test.astype(int)]).mean()
print(f"{per_token:.2f} nats per token: perplexity {np.exp(per_token):.1f}")
assert per_token < np.log(130)

# %% [markdown]
# ## Further reading
#
# * Bowman et al. 2016, [Generating sentences from a continuous space](https://arxiv.org/abs/1511.06349):
#   the sentence VAE, collapse, word dropout and warm-up.
# * Roberts et al. 2018, [A hierarchical latent vector model for learning long-term structure in
#   music](https://arxiv.org/abs/1803.05428): MusicVAE, whose tokens these are.
# * Holtzman et al. 2020, [The curious case of neural text degeneration](https://arxiv.org/abs/1904.09751):
#   why the likeliest sentence is a dull one, and nucleus sampling.
# * He et al. 2019, [Lagging inference networks and posterior collapse](https://arxiv.org/abs/1901.05534):
#   another cure.

# %% [markdown]
# ## Checks

# %%
np.testing.assert_allclose(by_hand, -model.log_likelihood(batch, model.code(batch)), rtol=1e-5)
assert abs(by_hand.numpy().mean() - 32 * np.log(130)) < 3  # an untrained model has no idea
assert nats["as it is"]["kl_loss"] < 1.5  # nearly collapsed
assert nats["free bits"]["kl_loss"] > 3  # used
assert right > 0.7  # of the tokens of tunes it has never heard
assert (notes < 2).mean() < 0.02  # samples are melodies
assert changed.mean() < (way[0] != way[-1]).sum()  # near stops are alike
assert np.abs(begins["tunes"] - begins["samples"]).mean() < 0.1

# %% [markdown] tags=["navigation"]
# ---
# Previous: [11. Faces](11_faces.ipynb) ·
# Next: [13. Out of the notebook](13_out_of_the_notebook.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
