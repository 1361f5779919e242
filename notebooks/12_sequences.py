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
# An image is decoded all at once. A melody is not: the next note depends on the notes before it,
# and the next word depends on the words before it. In this chapter the decoder is given a code and
# then writes one token after another. Such a decoder is much stronger than those of the chapters
# before. Its strength brings a new problem: it can do very well without the code.
#
# You will
#
# 1. turn melodies into rows of tokens, and hear them,
# 2. write the model on the page: the shifted input, the LSTM, the masked loss,
# 3. see a code that carries almost nothing, and ways to make it carry more,
# 4. sample, rebuild and morph melodies with a model that was trained for a long time,
# 5. add notes to a tune with a feature vector,
# 6. do the same with sentences, and measure whether the code helps,
# 7. see why tokens are hard for a GAN, and how it can be done.
#
# It needs no download: the melodies are folk tunes of two old printed collections, and the
# sentences are those of Python's own documentation.

# %% [markdown] tags=["navigation"]
# **Builds on** [8. β, and codes that say nothing](08_beta_and_collapse.ipynb),
# [9. How good is it?](09_how_good_is_it.ipynb),
# [11. Faces](11_faces.ipynb) ·
# **To read** about 45 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [11. Faces](11_faces.ipynb) ·
# Next: [13. Out of the notebook](13_out_of_the_notebook.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
RECIPES = ("as it is", "free bits", "β = 0.1", "word dropout")  # fast: ("as it is",)
WINDOWS = 2_700  # fast: 320
EPOCHS = 8  # fast: 1
HELD_OUT = 1_000  # fast: 150
WEIGHTED = 500  # fast: 50
PAIRS = 200  # fast: 30
GAN_STEPS = 300  # fast: 100
MODELS = "../saved_models/pretrained"  # the models that ship

# %% [markdown]
# ## 1. A melody is a row of tokens
#
# Cut a tune into windows of two bars and each bar into sixteenths: 32 steps. At each step one of
# 130 things happens. A note of some pitch begins; or the sound stops (`off`); or nothing happens
# (`hold`: the note goes on, or the silence does). MusicVAE uses the same alphabet. It has a
# pleasant property: **every** melody of one voice is a row of 32 tokens, and rhythm needs no extra
# numbers.

# %%
import numpy as np

from vae_keras import TrainConfig, figures, load
from vae_keras.course import check
from vae_keras.data.music.melody_tokens import NAMES, to_notes

melodies = load(TrainConfig(dataset="melodies", model="sequence"))
test, _ = melodies.test.arrays()
print(f"{len(melodies.train):,} windows to learn from, {len(test):,} of other tunes for the test")
print(" ".join(NAMES[token] for token in test[3]))

# %%
figures.piano_rolls([to_notes(tokens) for tokens in test[:8]], "two bars of eight tunes")

# %% [markdown]
# (The axis counts semitones as MIDI does: 60 is middle C, the token C4, and 81 is A5.)
#
# Whole tunes were assigned to training or to test, not single windows. A folk song repeats itself,
# and a test window that has a twin in the training set would test nothing.
#
# A synthesiser is twenty lines of NumPy (`vae_keras/data/music/sound.py`), so you can listen:

# %%
from IPython.display import Audio

from vae_keras.data.music.sound import RATE, sound

Audio(sound(test[3]), rate=RATE)

# %% [markdown]
# ## 2. One token after another
#
# For images we took the pixels to be independent once $z$ is known, and $\log p(x \mid z)$ was a
# sum over pixels. Notes are not independent, even when $z$ is known. They need not be: any
# distribution of a sequence is a product of distributions of its next token,
#
# $$\log p(x \mid z) = \sum_{t=1}^{T} \log p(x_t \mid x_{<t}, z).$$
#
# A decoder that computes these factors one after another is called *autoregressive*. Ours is an
# LSTM, a network that carries a state from step to step. The code $z$ decides its first state. At
# each step it sees $z$ and the token before. In training the token before is the true one, whatever
# the model would have written. This is called *teacher forcing*, and it lets all steps of a batch
# be computed in one pass. When the model writes on its own there is no true token. It sees the
# token that it has just written, so one wrong token may lead to others.

# %%
from vae_keras.figures import drawings

drawings.autoregressive_decoder()

# %% [markdown]
# Four things have to be written. Token 0 is the *padding*: it fills the end of short sequences. No
# melody contains it, so it can also stand before the first token.
#
# * `shifted`: the token before each one. The first step sees token 0.
# * `masked_loss`: $-\log p(x \mid z)$ of each sequence. The padding at the end is no part of the
#   sequence, so its steps are set to zero before the sum.
# * An encoder: it reads the tokens in both directions and ends in the two heads that you know.
# * A decoder: it gives 131 logits at each step. The logit of token 0 is set so low that its
#   probability is 0.

# %%
import keras
import tensorflow as tf
from keras import layers, ops


def shifted(tokens):
    """The token before each one, token 0 before the first: [batch, steps]."""
    return ops.pad(tokens[:, :-1], ((0, 0), (1, 0)))


def masked_loss(tokens, logits):
    """−log p(x|z) of each sequence, without its padding: [batch]."""
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, logits)  # [batch, steps]
    return ops.sum(ops.where(tokens == 0, 0.0, nats), axis=1)


def my_encoder(steps, vocabulary, latent_dim, units, embedding=64):
    """Tokens [batch, steps] -> z_mean, z_log_var [batch, latent_dim]."""
    tokens = keras.Input((steps,), dtype="int32")
    h = layers.Embedding(vocabulary, embedding)(tokens)
    h = layers.Bidirectional(layers.LSTM(units))(h)
    return keras.Model(tokens, [layers.Dense(latent_dim)(h) for _ in ("z_mean", "z_log_var")])


class MyDecoder(keras.Model):
    """(z [batch, latent_dim], tokens [batch, steps]) -> logits [batch, steps, vocabulary]."""

    def __init__(self, vocabulary, units, embedding=64):
        super().__init__()
        self.embed = layers.Embedding(vocabulary, embedding)
        self.begin = layers.Dense(2 * units, activation="tanh")
        self.lstm = layers.LSTM(units, return_sequences=True)
        self.readout = layers.Dense(vocabulary)

    def call(self, z, tokens):
        first_state = ops.split(self.begin(z), 2, axis=-1)  # an LSTM's state is two vectors
        z_at_each_step = ops.repeat(z[:, None], tokens.shape[1], axis=1)
        x = ops.concatenate([self.embed(shifted(tokens)), z_at_each_step], axis=-1)
        logits = self.readout(self.lstm(x, initial_state=first_state))
        return ops.where(ops.arange(logits.shape[-1]) == 0, -1e9, logits)


# %% [markdown]
# Is it right? As in chapter 6, put it beside the package's model with the same weights and the
# same noise, and compare the two terms of the loss.

# %%
from vae_keras.models.sequence import SequenceVAE
from vae_keras.networks.recurrent import RecurrentNetwork

keras.utils.set_random_seed(SEED)
package = SequenceVAE(32, NAMES, latent_dim=8, network=RecurrentNetwork((16, 32)), seed=SEED)
encoder, decoder = my_encoder(32, len(NAMES), 8, 16), MyDecoder(len(NAMES), 32)
tokens = tf.constant(test[:4], tf.int32)
decoder(tf.zeros((4, 8)), tokens)  # the first call makes the weights
encoder.set_weights(package.encoder.get_weights())
decoder.set_weights(package.decoder.get_weights())


def my_terms(tokens, epsilon):
    z_mean, z_log_var = encoder(tokens)
    z = z_mean + ops.exp(0.5 * z_log_var) * epsilon
    kl = 0.5 * ops.sum(ops.exp(z_log_var) + z_mean**2 - z_log_var - 1, axis=1)
    return {"reconstruction_loss": masked_loss(tokens, decoder(z, tokens)), "kl_loss": kl}


padded = tf.concat([tokens[:, :24], tf.zeros((4, 8), tf.int32)], axis=1)  # end after 24 tokens
for name, x in {"whole": tokens, "padded": padded}.items():
    batch = package.prepare(x)
    mine = my_terms(x, package.noise(batch, (8,), training=False))
    theirs = package.objective(batch, training=False)
    for term, nats in theirs.items():
        print(f"{name:<7}{term:<20} mine   ", mine[term].numpy().round(3))
        print(f"{'':<27} package", nats.numpy().round(3))
        np.testing.assert_allclose(mine[term], nats, rtol=1e-4, atol=1e-5)

# %% [markdown]
# > **Predict.** This model is untrained and has no idea what comes next. How many nats does it pay
# > for 32 tokens, if all 130 have the same probability? And for the 24 tokens before the padding?

# %%
whole = masked_loss(tokens, decoder(tf.zeros((4, 8)), tokens)).numpy().mean()
print(f"{whole:.2f} nats for 32 tokens: 32 · log 130 = {32 * np.log(130):.2f}")
part = masked_loss(padded, decoder(tf.zeros((4, 8)), padded)).numpy().mean()
print(f"{part:.2f} nats for 24 tokens: 24 · log 130 = {24 * np.log(130):.2f}")

# %% [markdown]
# The answer is $32 \log 130$ and $24 \log 130$, up to the random weights. Nothing else has changed:
# `train_step` is the same as in chapter 6, and so are the KL and `Sampling`.
#
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
for name in RECIPES:
    model = trained(TrainConfig(**small, **recipes[name]), few)
    found = model.evaluate(few.test.batches(), return_dict=True, verbose=0)
    found["sum of both"] = found["reconstruction_loss"] + found["kl_loss"]
    nats[name] = found

# %%
terms = ("kl_loss", "reconstruction_loss", "sum of both")
figure, panels = figures.panels(1, 3, width=4.2)
for axes, term in zip(panels, terms):
    drawn = axes.bar(list(nats), [found[term] for found in nats.values()], color=figures.PALETTE)
    axes.bar_label(drawn, fmt="%.2f")
    axes.set(title=term, ylabel="nats per melody")
    axes.tick_params(axis="x", labelrotation=15)
    axes.margins(y=0.12)
figure

# %% [markdown]
# The answer is: almost none. This is *posterior collapse* again. There are three usual ways out:
#
# * **Free bits** do not charge for the first nats of a dimension.
# * **β below 1** makes every nat of KL cheaper.
# * **Word dropout** hides some of the tokens before from the decoder, so that it needs the code.
#   (Here its nats do not even improve the reconstruction. In the test all tokens are shown again.)
#
# Each has a price. The third panel shows that none of them gives a better bound here: their codes
# save less reconstruction than they cost. It does not show that nothing could: a part of a collapse
# may be an accident of training (chapter 8; He et al. below).
#
# Is the sum still a bound on $-\log p(x)$ if it was trained with β = 0.1? Look at the proof in
# chapter 5. It holds for *any* encoder and *any* decoder, whatever was minimised to find them. So
# the unweighted sum, reconstruction + KL, is still a bound, though not a tight one. What was
# minimised, reconstruction + 0.1 · KL, is less than the sum by 0.9 · KL, and nothing keeps it
# above $-\log p(x)$. Section 4 measures both.
#
# ## 4. A model that was trained for a long time
#
# `melodies_vae` ships with the course: 128 dimensions, β = 0.2, trained for half an hour on two
# cores on all windows, for 96 epochs. Does it rebuild tunes that are new to it? Rebuilding can be
# measured in two ways: *forced*, where the model is told the true tokens before, and *free*, where
# it sees only what it has written itself, each time the likeliest token.

# %%
import json
from pathlib import Path

from vae_keras import load_exported

melodies_vae = load_exported(f"{MODELS}/melodies_vae")
held_out = test[spread]
rebuilt = melodies_vae.reconstruct(held_out)
right = (rebuilt == held_out).mean()
print(f"free:    {right:.1%} of the tokens are right")
stored = json.loads(Path(f"{MODELS}/melodies_vae/benchmark.json").read_text(encoding="utf-8"))
forced = stored["vae"]["forced_accuracy"]  # of all test tunes
print(f"forced:  {forced:.1%} (measured when the model was made)")

# %%
some = slice(len(held_out) // 8, None, len(held_out) // 4)
pairs = [to_notes(tokens) for both in zip(held_out[some], rebuilt[some]) for tokens in both]
names = [f"{what} {number}" for number in range(1, 5) for what in ("tune", "rebuilt")]
figures.piano_rolls(pairs, "tunes of the test set, and rebuilt from their codes", names=names)

# %% [markdown]
# Its β is 0.2. Which of its figures are bounds? Importance weighting, as in chapter 9, estimates
# $-\log p(x)$ from above, here for twenty melodies.

# %%
from vae_keras.evaluation.likelihood import likelihood_figures

twenty, estimates = melodies.test.take(slice(0, None, len(test) // 20)), {}
for draws in (WEIGHTED // 50, WEIGHTED // 5, WEIGHTED):
    found = {k: v.mean() for k, v in likelihood_figures(melodies_vae, twenty, draws).items()}
    estimates[draws] = found["nll"]
unweighted = found["negative_elbo"]
minimised = unweighted - 0.8 * found["kl_loss"]
print(f"reconstruction + KL        {unweighted:6.2f} nats")
for draws, nll in estimates.items():
    print(f"−log p(x), {draws:>3} draws      {nll:6.2f} nats")
print(f"reconstruction + 0.2 · KL  {minimised:6.2f} nats")

# %% [markdown]
# The estimate settles below the unweighted sum, which is a bound, and far above the loss that was
# minimised, which is none. For a model with β below 1 quote the sum or the estimate, never that
# loss.
#
# What does the decoder believe at each step? The next figure shows $p(x_t \mid x_{<t}, z)$ for one
# tune. Padding does not count in `log_prob`, so the difference of `log_prob` with and without one
# more token is $\log p$ of that token. On the left the decoder has the code of this tune; on the
# right it has the code of another one. Both are told the same true tokens before.
#
# > **Predict.** With the code of another tune, what will the decoder expect: this tune, whose notes
# > it is told one after another, or the other one?

# %%
codes = melodies_vae.encode(held_out)
tune, own, other = held_out[some][0], *codes[some][:2]
sounded = tune[tune > 2]
shown = np.array([1, 2, *range(sounded.min() - 4, sounded.max() + 5)])  # hold, off, and notes


def next_token(z, tune, tokens):
    """p(token | the tokens of the tune before, z) at each step: [steps, tokens]."""
    steps = len(tune)
    before = np.tril(np.ones((steps, steps), tune.dtype), -1) * tune  # row t: t tokens, padding
    longer = np.repeat(before[:, None], len(tokens), axis=1)
    longer[np.arange(steps), :, np.arange(steps)] = tokens

    def log_prob(x):
        return melodies_vae.log_prob(x, np.repeat(z[None], len(x), axis=0))

    with_token = log_prob(longer.reshape(-1, steps)).reshape(steps, -1)
    return np.exp(with_token - log_prob(before)[:, None])


places = np.searchsorted(shown, tune)
probabilities = {"own": next_token(own, tune, shown), "another": next_token(other, tune, shown)}
of_true = {name: p[np.arange(32), places] for name, p in probabilities.items()}
figure, panels = figures.panels(1, 2, width=5.5, height=5)
for axes, (name, p) in zip(panels, probabilities.items()):
    axes.imshow(p.T, origin="lower", cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.plot(places, "o", color=figures.PALETTE[4], fillstyle="none", label="the true token")
    axes.set_yticks(range(0, len(shown), 2), [NAMES[token] for token in shown[::2]])
    axes.set(
        xlabel="step (sixteenths)", title=f"{name} code: {-np.log(of_true[name]).sum():.1f} nats"
    )
    axes.grid(False)
panels[0].legend(loc="upper left")
figure

# %% [markdown]
# With its own code the decoder is sure of nearly every token. With the other code it expects the
# other tune, although it is told the true notes before. So this decoder listens to its code. The
# collapsed one of section 3 listens to the notes before, and to nothing else.
#
# New tunes are codes from the prior, decoded. The *temperature* divides the logits before a token
# is drawn. Near 0 the likeliest token is always taken; at 1 tokens have the probabilities that the
# model gives them; above 1 unlikely tokens come more often. Move the slider. **What to look for:**
# how many notes there are, and how far they leap.

# %%
from vae_keras.figures.sliders import Sliders

TEMPERATURES = (0.1, 0.5, 1.0, 1.5, 2.0)
drawn = {t: melodies_vae.generate(8, SEED, temperature=t) for t in TEMPERATURES}
Sliders(
    lambda temperature: figures.piano_rolls(
        [to_notes(tokens) for tokens in drawn[temperature]], "new tunes"
    ),
    temperature=TEMPERATURES,
)

# %%
Audio(sound(drawn[0.5][0]), rate=RATE)

# %% [markdown]
# Eight samples that look right do not show that all do. So compare what can be counted: how often
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
# Morphing works as it did for faces: take codes on the line between two codes, and decode each.
# (`decode` takes the likeliest token each time, so stops do not differ by chance.)
#
# > **Predict.** What would you get if you mixed the *tokens* of two tunes, taking each step from
# > one or the other? What is better on the way between their codes?

# %% tags=["cover"]
from vae_keras.latent import morphing

ends = held_out[[len(held_out) // 8, -len(held_out) // 8]]
way = melodies_vae.decode(morphing.path(melodies_vae.encode(ends), 8))
figures.piano_rolls(
    [to_notes(tokens) for tokens in way], "from one tune to another, in eight stops"
)

# %%
Audio(sound(way[::3]), rate=RATE)  # every third stop

# %% [markdown]
# A mixture of tokens has the beginnings of notes of both tunes and the rhythm of neither. On the
# way between the codes every stop is a tune.
#
# Are stops that are near each other more alike? One way cannot show it: along one way the numbers
# jump. So take many pairs of tunes, with nine stops on the way of each, and count the steps at
# which two stops differ, by how far apart they are.

# %%
STOPS = 9
chosen = np.random.default_rng(SEED).choice(len(codes), (min(PAIRS, len(codes) // 2), 2), False)
ways = np.concatenate([morphing.linear(*codes[pair], STOPS) for pair in chosen])
ways = melodies_vae.decode(ways).reshape(len(chosen), STOPS, 32)
differ = {  # [pairs]: the mean over the stops of a way
    apart: (ways[:, apart:] != ways[:, :-apart]).sum(axis=2).mean(axis=1)
    for apart in range(1, STOPS)
}
means = np.array([counts.mean() for counts in differ.values()])
errors = np.array([counts.std(ddof=1) for counts in differ.values()]) / np.sqrt(len(chosen))
figure, axes = figures.panels(width=6, height=3.6)
axes.errorbar(list(differ), means, errors, marker="o", capsize=4)
axes.set(xlabel="stops apart", ylabel="tokens that differ, of 32", ylim=(0, None))
axes.set_title(f"near stops are more alike: mean over {len(chosen)} pairs of tunes")
figure

# %%
one_step = differ[1] < differ[STOPS - 1]
print(f"one stop apart {means[0]:.1f} ± {errors[0]:.1f} tokens differ", end=", ")
print(f"at the two ends {means[-1]:.1f} ± {errors[-1]:.1f}")
print(f"neighbours are more alike than the ends for {one_step.mean():.0%} of the pairs")

# %% [markdown]
# So near stops are more alike, on average and for nearly every pair. But the way is not smooth: a
# single step of eight already makes more than half of the whole difference. Tokens change at once
# or not at all, and a tune cannot be half of one note and half of another.
#
# Musical features have their vectors, too, by a regression as in chapter 11. We ask the codes of
# training tunes where there are more notes, and go there. We do the same for the mean pitch, its
# range, and the *contour*: how many semitones the second half lies above the first. One step
# ($\alpha = 1$) is the difference that the regression finds between the tunes in the upper half of
# a feature and those in the lower half. Which of the four vectors do what their names say?

# %%
from vae_keras.data.music.melody_attributes import NAMES as FEATURES
from vae_keras.data.music.melody_attributes import attributes as features_of
from vae_keras.latent.features import feature_vectors

learned = melodies.train.take(slice(0, None, 20))
vectors = feature_vectors(melodies_vae, learned, FEATURES, FEATURES, "regression")
before = features_of(melodies_vae.decode(codes)).mean(axis=0)
moved = {}
for name, vector in vectors.items():
    after = features_of(melodies_vae.decode(vector.add(codes))).mean(axis=0)
    moved[name] = dict(zip(FEATURES, after - before))
    changes = "  ".join(f"{other} {change:+.2f}" for other, change in moved[name].items())
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
# The vectors of notes, mean pitch and contour do what their names say, though contour also changes
# the range. The vector of the range hardly changes the range. Check each vector before you trust
# it.
#
# ## 6. Sentences
#
# Nothing in the model knows about music. A sentence is a row of words, with a token for its end and
# padding after that. Padding counts nowhere: not in the loss, and not in the accuracy.

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
log_p = sentences_vae.log_prob(written[:4], z)
lengths = (written[:4] > 0).sum(axis=1)
print("words and the end:", lengths)
print("nats per token:   ", (-log_p / lengths).round(2))

# %% [markdown]
# Sentences from codes of the prior, and the way between two sentences:

# %%
for line in kind.texts(sentences_vae.generate(6, SEED, temperature=0.5)):
    print("·", line)

# %%
pair = sentences_vae.encode(written[[1, 2]])
for line in kind.texts(sentences_vae.decode(morphing.path(pair, 6))):
    print("→", line)

# %% [markdown]
# Most stops are sentences, but the ends do not come back: the code has kept the kind of sentence,
# and not its words. How much can it keep? It was trained with word dropout and with 0.35 free nats
# in each of 16 dimensions, 5.6 in all.
#
# Does the code help at all? A *language model* is the same decoder without a code. The figures of
# both were stored when they were made, by `python benchmarks/sequences.py sentences`. Those of the
# melodies are printed as well. The likelihood of the VAE is importance-weighted, as in chapter 9,
# with 100 draws.

# %%
costs = {}
for name in ("sentences", "melodies"):
    stored = json.loads(Path(f"{MODELS}/{name}_vae/benchmark.json").read_text(encoding="utf-8"))
    vae, alone = stored["vae"], stored["language_model"]["reconstruction_loss"]
    costs[name] = {"VAE": vae["nll_of_shown"], "language model": alone}
    told = {**costs[name], "bound": vae["negative_elbo_of_shown"], "KL": vae["kl_loss"]}
    print(f"{name:<10}", ", ".join(f"{one} {nats:.2f}" for one, nats in told.items()), "nats")
    if name == "sentences":
        information = vae["mutual_information"]
        print(f"{'':<10} the code tells {information:.2f} nats", end=": as much as a choice ")
        print(f"among {np.exp(information):.0f} sentences")

# %% [markdown]
# The language model of sentences is a little better: a code does not make these sentences more
# probable. What a code brings is control. You can ask a language model to continue a sentence, but
# not for a sentence between two others. With this code the control is weak. It tells 2.4 nats,
# which is as much as a choice among about eleven kinds of sentences.
#
# The code of melodies tells more, and more is rebuilt from it. But that was bought: their language
# model needs 35.4 nats per melody, and the VAE needs 47.8. With β = 0.2 a nat of code was made
# cheap on purpose. The data differ as well, so we cannot say how much each of the two did. Whether
# it is worth twelve nats depends on the task, and the bound does not decide it.
#
# ## 7. Why tokens are hard for a GAN, and not impossible
#
# A *generative adversarial network* (GAN) has no encoder and no likelihood. A generator draws
# samples, a discriminator learns to tell them from data, and the generator follows the gradient of
# the discriminator's answer *through the sample*. A pixel of a sample can move a little, so this
# gradient exists. A token cannot: it is chosen, by an argmax or by a draw. A small change of a
# logit changes nothing, or the whole token.
#
# One reads that GANs cannot do discrete sequences. It is true of the plain gradient only. To see
# it, take the smallest generator of tokens: 131 logits, which should learn how often each token
# comes in tunes. Give it the best discriminator that there can be. For this game it is known in
# closed form: its answer for a token is $\log(p_{\text{generator}}/p_{\text{data}})$, and its mean
# over samples is the KL divergence, which the generator is to make small. There are 64 samples at
# a step, and three ways to the gradient:
#
# * **plain**: through the drawn token;
# * **Gumbel-softmax**: draw a softened token, $\mathrm{softmax}(a + g)$ with noise $g$ from the
#   Gumbel distribution. The largest entry of $a + g$ is an exact draw of the token; the softmax has
#   a slope, and a bias;
# * **score function**: the answer, minus its mean, times the gradient of the token's $\log p$. It
#   has little bias and more noise. (Chapter 5 compares it with reparameterisation.)

# %%
train_tokens, _ = melodies.train.arrays()
counts = np.bincount(train_tokens.astype(int).ravel(), minlength=len(NAMES)) + 1.0
log_data = tf.constant(np.log(counts / counts.sum()), tf.float32)


def discriminator(logits):
    """Its answer for each token: fixed while the generator takes a step."""
    return tf.stop_gradient(tf.nn.log_softmax(logits) - log_data)


def drawn_tokens(logits, seed):
    return tf.one_hot(tf.random.stateless_categorical(logits[None], 64, seed)[0], len(NAMES))


def plain(logits, seed):
    return tf.reduce_mean(tf.linalg.matvec(drawn_tokens(logits, seed), discriminator(logits)))


def gumbel_softmax(logits, seed):
    uniform = tf.random.stateless_uniform((64, len(NAMES)), seed, 1e-7, 1)
    soft_tokens = tf.nn.softmax(logits - tf.math.log(-tf.math.log(uniform)))
    return tf.reduce_mean(tf.linalg.matvec(soft_tokens, discriminator(logits)))


def score_function(logits, seed):
    drawn = drawn_tokens(logits, seed)
    answers = tf.linalg.matvec(drawn, discriminator(logits))
    log_p = tf.linalg.matvec(drawn, tf.nn.log_softmax(logits))
    return tf.reduce_mean((answers - tf.reduce_mean(answers)) * log_p)


def gradient(loss, logits, seed):
    with tf.GradientTape() as tape:
        value = loss(logits, seed)
    return tape.gradient(value, logits)


def generator_kl(loss):
    """KL of generator and data after each step of Adam."""
    logits, adam = tf.Variable(tf.zeros(len(NAMES))), keras.optimizers.Adam(0.05)

    @tf.function
    def step(seed):
        found = gradient(loss, logits, seed)
        adam.apply([tf.zeros_like(logits) if found is None else found], [logits])
        return tf.reduce_sum(tf.nn.softmax(logits) * discriminator(logits))

    return [float(step(tf.constant([SEED, number]))) for number in range(GAN_STEPS)]


print("the plain gradient:", gradient(plain, tf.Variable(tf.zeros(len(NAMES))), (SEED, 0)))
kl_of_generator = {
    name: generator_kl(loss)
    for name, loss in {
        "plain": plain,
        "Gumbel-softmax": gumbel_softmax,
        "score function": score_function,
    }.items()
}
figures.lines(
    {name: (range(1, GAN_STEPS + 1), kl) for name, kl in kl_of_generator.items()},
    "step",
    "KL of generator and data, nats",
    "a GAN of tokens with the best discriminator",
)

# %%
start = tf.Variable(tf.zeros(len(NAMES)))
exact = gradient(lambda a, _: tf.reduce_sum(tf.nn.softmax(a) * discriminator(a)), start, None)
price = {}
for name, loss in {"Gumbel-softmax": gumbel_softmax, "score function": score_function}.items():
    found = np.array([gradient(loss, start, (SEED, draw)) for draw in range(100)])
    bias = np.linalg.norm(found.mean(axis=0) - exact)
    noise = np.sqrt(((found - found.mean(axis=0)) ** 2).sum(axis=1).mean())
    price[name] = {"bias": bias / np.linalg.norm(exact), "noise": noise / np.linalg.norm(exact)}
for name, kl in kl_of_generator.items():
    print(f"{name:<15} KL {kl[0]:.2f} nats after the first step, {kl[-1]:.3f} after the last")
for name, parts in price.items():
    shares = ", ".join(f"{part} {size:.0%}" for part, size in parts.items())
    print(f"{name:<15} of the length of the exact gradient: {shares}")

# %% [markdown]
# TensorFlow answers `None`: there is no path from the token back to the logits, and the plain
# generator does not learn. Both detours lead to the data, and both have a price. The gradient of
# the Gumbel-softmax is biased. The noise of the score function's estimate is larger than the
# gradient itself, although 64 samples were averaged. (A mean of 100 draws is off by a tenth of the
# noise, so its bias is not known better than that.) This is why discrete sequences are harder for
# GANs, and why they are not impossible.
#
# A VAE does not meet the problem. In training it draws no token: it draws $z$, which is
# continuous, and asks for the probability of tokens that are given.
#
# ## Exercises
#
# 1. Show that the decoder needs its code. Decode a code of zeros for every tune, and measure the
#    share of tokens that are right. (The language model, which never had a code, gets 44 % right.)


# %%
def answer_1(model, tunes):
    """Fill in: the share of tokens that are right if every code is zero."""
    ...


blank = melodies_vae.decode(np.zeros((1, melodies_vae.latent_dim), "float32"))
right_1 = (blank == held_out).mean()  # the same melody beside every tune
check(1, answer_1(melodies_vae, held_out), right_1)

# %% [markdown]
# 2. Spherical interpolation keeps the norm of a code. Compute the norms of nine codes on the
#    spherical way between two tunes. Compare them with those on the linear way and with those of
#    draws of the prior.

# %%
start, end = melodies_vae.encode(ends)


def answer_2(start, end):
    """Fill in: the norms of nine codes on the spherical way from `start` to `end`."""
    ...


check(2, answer_2(start, end), np.linspace(np.linalg.norm(start), np.linalg.norm(end), 9))

# %% [markdown]
# 3. Perplexity is $e$ to the nats per token. What is the perplexity on the test tunes of a model
#    that knows only how often each token comes in the training tunes?

# %%
from scipy.stats import entropy


def answer_3(train_tokens, test_tokens):
    """Fill in: the perplexity on `test_tokens` of the frequencies in `train_tokens`."""
    ...


shares = [np.bincount(x.astype(int).ravel(), minlength=len(NAMES)) for x in (test, train_tokens)]
# entropy of the test tokens plus their KL divergence from the training tokens
right_3 = np.exp(entropy(shares[0]) + entropy(shares[0], shares[1]))
check(3, answer_3(train_tokens, test), right_3)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1(model, tunes):
    zeros = np.zeros_like(model.encode(tunes))
    return (model.decode(zeros) == tunes).mean()


without = answer_1(melodies_vae, held_out)
print(f"{without:.1%} without a code, {right:.1%} with it")
assert check(1, without, right_1)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(start, end):
    return np.linalg.norm(morphing.spherical(start, end, 9), axis=1)


norms = {
    "linear": np.linalg.norm(morphing.linear(start, end, 9), axis=1),
    "spherical": answer_2(start, end),
}
prior = np.linalg.norm(np.random.default_rng(SEED).standard_normal((1_000, len(start))), axis=1)
for name, values in norms.items():
    print(f"{name:<10}", values.round(1))
print(f"prior      {prior.mean():.1f} ± {prior.std():.1f}")
assert norms["linear"].min() < norms["spherical"].min()
right_2 = np.linspace(np.linalg.norm(start), np.linalg.norm(end), 9)
assert check(2, answer_2(start, end), right_2)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(train_tokens, test_tokens):
    share = np.bincount(train_tokens.astype(int).ravel(), minlength=len(NAMES))
    share = share / share.sum()
    return np.exp(-np.log(share[test_tokens.astype(int)]).mean())


print(f"perplexity {answer_3(train_tokens, test):.1f}, of at most 130")
assert check(3, answer_3(train_tokens, test), right_3)

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
# * Yu et al. 2017, [SeqGAN](https://arxiv.org/abs/1609.05473), and Kusner and Hernández-Lobato
#   2016, [GANs for sequences of discrete elements with the Gumbel-softmax
#   distribution](https://arxiv.org/abs/1611.04051): the two detours of section 7.

# %% [markdown]
# ## Checks

# %%
assert abs(whole - 32 * np.log(130)) < 3  # an untrained model has no idea
assert abs(part - 24 * np.log(130)) < 3  # and padding costs nothing
assert nats["as it is"]["kl_loss"] < 1.5  # nearly collapsed
assert all(nats[name]["kl_loss"] > 1.4 * nats["as it is"]["kl_loss"] for name in RECIPES[1:])
sums = {name: found["sum of both"] for name, found in nats.items()}
assert sums["as it is"] < min(sums.values()) + 0.5  # none of the ways gives a better bound
assert minimised + 10 < estimates[WEIGHTED] < unweighted  # only the unweighted sum is a bound
assert costs["melodies"]["VAE"] > costs["melodies"]["language model"] + 10  # a code that is bought
assert right > 0.7  # of the tokens of tunes it has never heard
assert of_true["own"].mean() > 0.8 > of_true["another"].mean() + 0.2  # the code decides
assert (notes < 2).mean() < 0.02  # samples are melodies
assert means[0] + 4 * errors[0] < means[-1] - 4 * errors[-1]  # near stops are more alike
assert one_step.mean() > 0.9
assert np.abs(begins["tunes"] - begins["samples"]).mean() < 0.1
assert all(moved[name][name] > 2 for name in ("notes", "mean_pitch", "contour"))
assert abs(moved["pitch_range"]["pitch_range"]) < 1  # a vector that does not do what it says
assert min(kl_of_generator["plain"]) > 0.999 * kl_of_generator["plain"][0]  # no gradient
assert max(kl_of_generator[name][-1] for name in ("Gumbel-softmax", "score function")) < 1
assert price["score function"]["noise"] > 2 * price["Gumbel-softmax"]["noise"]

# %% [markdown] tags=["navigation"]
# ---
# Previous: [11. Faces](11_faces.ipynb) ·
# Next: [13. Out of the notebook](13_out_of_the_notebook.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
