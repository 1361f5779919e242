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
# # Sparse, denoising, contractive: codes that are worth having
#
# A narrow code forces an autoencoder to choose. But narrowness is a blunt tool: it says how many
# numbers there may be, and nothing about what they should be like. This chapter keeps the code
# wide, or at least wide enough, and asks for something else: that few numbers be in use at a time,
# that noise be removed, that the code hold still when the picture trembles. Each wish is one more
# term in the loss or one change to its input. Each has a way of being granted to the letter and not
# in the spirit, and we shall watch that happen first.
#
# You will
#
# 1. give an autoencoder so much room that it learns nothing,
# 2. make it sparse with $\lambda \sum |h|$, and catch it cheating,
# 3. build a denoiser, and find out what happens if the noise is drawn only once,
# 4. penalise the derivatives of the code, $\lambda \sum \|\nabla_x h\|^2$, computed in three ways
#    that agree,
# 5. compare all the codes by what a simple classifier can do with them.
#
# It takes three quarters of an hour to read and a minute or two to run, and needs no download. It
# builds on the chapters on the linear and the deep autoencoder.

# %% [markdown] tags=["navigation"]
# **Builds on** [2. Deep autoencoders](02_deep_autoencoders.ipynb) ·
# **To read** about 30 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [2. Deep autoencoders](02_deep_autoencoders.ipynb) ·
# Next: [4. Why autoencoders do not generate](04_why_autoencoders_do_not_generate.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 40
DENOISING_EPOCHS = 60  # fast: 45
WEIGHTS = (0.0, 0.03, 0.1, 0.3, 1.0)  # fast: (0.0, 0.3)
CONTRACTIONS = (0.01, 0.1)  # fast: (0.1,)

# %% [markdown]
# ## 1. Too much room
#
# Give an autoencoder a code of 128 numbers for its 64 pixels. Encoder and decoder are one layer
# each; the code goes through a ReLU, so its numbers are not negative, and we write $h$ for it.
#
# > **Predict.** It rebuilds the digits almost perfectly, no doubt. How well will it rebuild
# > pictures of nothing: each pixel taken from another digit, so that every pixel is as usual and
# > none goes with its neighbours?

# %%
import numpy as np

from vae_keras import Autoencoder, TrainConfig, figures, load
from vae_keras.training.fitting import trained

dataset = load(TrainConfig(dataset="digits"))
images, labels = dataset.train.arrays()
test, test_labels = dataset.test.arrays()
generator = np.random.default_rng(SEED)
nothing = generator.permuted(test.reshape(-1, 64), axis=0).reshape(test.shape)  # pixel by pixel

# 128 units, one layer each way: the defaults
config = TrainConfig(model="sparse", epochs=EPOCHS, learning_rate=5e-3, seed=SEED)
sparse = {w: trained(config.replace(sparsity_weight=w), dataset) for w in WEIGHTS}


def squared_error(x, x_hat):
    """Σ (x − x̂)² of each picture, averaged over pictures."""
    return np.sum(np.reshape(x - x_hat, (len(x), -1)) ** 2, axis=1).mean()


def share_rebuilt(model, x):
    """How much of the variance of the pictures `x` their reconstructions keep."""
    return 1 - squared_error(x, model(x).numpy()) / squared_error(x, x.mean(axis=0))


free = sparse[0.0]
print(f"rebuilt of digits  {share_rebuilt(free, test):6.1%}")
print(f"rebuilt of nothing {share_rebuilt(free, nothing):6.1%}")

# %%
rows = {
    "digits": test[:10],
    "rebuilt": free(test[:10]),
    "nothing": nothing[:10],
    "and rebuilt": free(nothing[:10]),
}
figures.image_rows(rows, title="a code of 128 numbers, and no other wish")

# %% [markdown]
# If you said "nearly as well", you saw what it would do: with more numbers in the code than pixels
# that vary, it can hand on each of them and need not know what a digit is. The reconstruction is
# excellent, and the code is worth no more than the picture was.
#
# ## 2. Few at a time
#
# So charge for the use of the code. The *sparse* autoencoder minimises
#
# $$\|x - \hat x\|^2 + \lambda \sum_i |h_i| .$$
#
# Why the absolute value and not the square? Because its slope does not fade: from 2 down to 1 costs
# as much as from 1 to 0, so it is worth going all the way. The square has no slope left near 0, and
# leaves everything small and nothing zero.
#
# Move $\lambda$. Watch the ten most active units, drawn as what the decoder makes of each alone,
# and the last row, in which a large $\lambda$ is paid for. (The units stand above the digits by
# chance.)

# %%
from vae_keras.evaluation.by_rung import exhibits_of, figures_of
from vae_keras.figures.sliders import Sliders


def features(model):
    """What the decoder draws for each of the ten most active units."""
    return exhibits_of(model, dataset)["learned_features"]["decoder"]


def in_use(model):
    """How many of the 128 units are above zero for a picture."""
    return float(np.sum(model.encode(test).numpy() > 1e-3, axis=1).mean())


drawn = {
    w: {"units": features(m), "input": test[:10], "rebuilt": m(test[:10]).numpy()}
    for w, m in sparse.items()
}
used = {w: in_use(m) for w, m in sparse.items()}
Sliders(
    lambda weight: figures.image_rows(drawn[weight], f"λ = {weight:g}: {used[weight]:.1f} in use"),
    weight=WEIGHTS,
)

# %%
print("    λ   in use   squared error   rebuilt: digits   nothing")
for w, model in sparse.items():
    error = squared_error(test, model(test).numpy())
    shares = f"{share_rebuilt(model, test):18.1%}{share_rebuilt(model, nothing):10.1%}"
    print(f"{w:5.2f}{used[w]:9.1f}{error:16.2f}{shares}")

# %% [markdown]
# The code is still 128 wide, but a picture uses only a few units of it, and *which* ones is what
# the code says. Nothing is no longer rebuilt as well: there are units for pieces of digits and none
# for stray dots.
#
# ### The cheat
#
# This works because of something that the formula does not show. The loss would like the code to be
# *small*, which we take to mean that few units are active. There is another way to be small.
#
# > **Predict.** Divide the encoder's weights by 10, and multiply the decoder's by 10. What happens
# > to the reconstruction, and what to the penalty?


# %%
def rescaled(model, factor):
    """The same model with its code divided by `factor` and its decoder's weights multiplied."""
    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    layer, kernel = again.encoder.get_layer("z"), again.decoder.layers[0].kernel
    for weight in (layer.kernel, layer.bias):
        weight.assign(weight / factor)
    kernel.assign(kernel * factor)
    return again


def penalty(model):
    return float(np.sum(np.abs(model.encode(test)), axis=1).mean())


honest = sparse[0.3]
cheat = rescaled(honest, 10)
print(f"largest difference of a pixel {np.abs(cheat(test) - honest(test)).max():.1e}")
print(f"penalty Σ|h|: {penalty(honest):.3f}, then {penalty(cheat):.3f}")

# %% [markdown]
# The same pictures for a tenth of the price, and not one unit fewer in use. Divide by a million and
# the penalty is gone. A ReLU does not mind, because the ReLU of a tenth is a tenth of the ReLU.
# Would training find this? Gradient descent finds everything that is downhill. The package's sparse
# model keeps every decoder column at length 1, which is what makes the penalty mean something; here
# it is without.


# %%
class Unbounded(type(honest)):
    """A sparse autoencoder whose decoder's columns may grow."""

    def build_decoder(self, code_size=None):
        # past the sparse model's own, which sets the lengths to 1
        return Autoencoder.build_decoder(self, code_size)


unbounded = trained(config.replace(sparsity_weight=0.3), dataset, Unbounded)


def longest(model):
    return np.linalg.norm(model.decoder.layers[0].kernel, axis=1).max()


print("           penalty   in use   longest decoder column")
for name, model in (("length 1", honest), ("unbounded", unbounded)):
    print(f"{name:<10} {penalty(model):7.2f} {in_use(model):8.1f} {longest(model):24.2f}")

# %% [markdown]
# The penalty is down by a third, the columns are up, and *more* units are in use than before: the
# opposite of what the penalty was for. This is the *shrinking trap*, and you will meet it wherever
# somebody charges for the size of a code and leaves the decoder free. Ask of every regulariser:
# what does it cost to obey by changing units?
#
# ## 3. Taking noise away
#
# The *denoising* autoencoder leaves code and loss alone and spoils the input:
#
# $$\|x - \hat x(\tilde x)\|^2, \qquad \tilde x = x \text{ with noise},$$
#
# where the target stays clean. Now copying is no solution, however wide the code: what comes in is
# not what should come out. To put a pixel right the network must know what goes with what. Here
# three pixels in ten are overwritten with black or white ("salt and pepper"); some of them were
# black or white before.

# %%
from vae_keras.evaluation.pixels import psnr

wide = dict(units="256-128", latent_dim=32, seed=SEED, epochs=DENOISING_EPOCHS)
denoiser = trained(TrainConfig(model="denoising", corruption_level=0.3, **wide), dataset)
noisy_test = denoiser.corrupt(denoiser.prepare(test)).numpy()
print(f"pixels changed: {np.mean(noisy_test != test):.0%}")

# %% [markdown]
# *When* is the noise drawn? The package draws it anew at every step, so that the network never sees
# the same spoiled picture twice. It would be simpler to spoil the training set once and call `fit`.
#
# > **Predict.** The noise is the same in kind and amount. What is lost?

# %%
import keras

from vae_keras.networks import DenseNetwork

noisy_images = denoiser.corrupt(denoiser.prepare(images)).numpy()  # once and for all
keras.utils.set_random_seed(SEED)
once = Autoencoder(dataset.example_shape, latent_dim=32, network=DenseNetwork((256, 128)))
falling = keras.optimizers.schedules.CosineDecay(2e-3, 35 * DENOISING_EPOCHS)
once.compile(keras.optimizers.Adam(falling), steps_per_execution=35)  # 1,295 = 35 · 37
once.fit(noisy_images, images, epochs=DENOISING_EPOCHS, batch_size=37, verbose=0)

found = {"drawn once": once, "at every step": denoiser}
on_seen = {name: psnr(images, model(noisy_images).numpy()) for name, model in found.items()}
on_new = {name: psnr(test, model(noisy_test).numpy()) for name, model in found.items()}
print("signal to noise, in dB   one noise, training digits   new noise, new digits")
for name in found:
    print(f"noise {name:<16} {on_seen[name]:26.1f} {on_new[name]:24.1f}")

# %% [markdown]
# If you said "it learns the noise by heart", look at the first row. Drawn once, the noise is a part
# of the picture, and a network with room learns which spoiled picture belongs to which clean one.
# On its own noise it is far better, and on new noise worse. Drawn at every step there is nothing to
# learn by heart. (The figures are peak signal-to-noise ratios: 10 dB more is a tenth of the squared
# error.)
#
# Is it better than what one could have had without training? A median filter replaces each pixel by
# the median of its 3 × 3 neighbours; PCA throws away all but 32 directions; and an autoencoder that
# was never shown noise is what we had before.

# %%
plain = trained(TrainConfig(model="deep", **wide), dataset)
simple = figures_of(denoiser, dataset)  # among them two simple remedies
decibels = {
    "nothing": psnr(test, noisy_test),
    "median": simple["psnr_median_filter"],
    "PCA": simple["psnr_pca"],
    "plain": psnr(test, plain(noisy_test).numpy()),
    "noise once": on_new["drawn once"],
    "every step": on_new["at every step"],
}
figures.bars(decibels, "PSNR on new digits (dB)", title="taking noise away", form="{:.1f}")

# %% tags=["cover"]
figures.image_rows(
    {
        "clean": test[:12],
        "spoiled": noisy_test[:12],
        "plain": plain(noisy_test[:12]),
        "noise once": once(noisy_test[:12]),
        "every step": denoiser(noisy_test[:12]),
    },
    title="one network, trained in three ways",
)

# %% [markdown]
# It is, by more than 3 dB: less than half the squared error of the next best that never saw noise.
# That is PCA, which needs no training and is ahead of the plain autoencoder. That one passes the
# noise on, somewhat smeared. It has been asked to keep what it is given.
#
# **Missing input** is noise of another kind: a part of the picture is not there. Does the denoiser
# cope with something that it was not trained on? We black out the lower left quarter.

# %%
hidden = test.copy()
hidden[:, 4:, :4] = 0
completed = {"plain": plain(hidden).numpy(), "denoiser": denoiser(hidden).numpy()}
missing = {
    name: squared_error(test[:, 4:, :4], x[:, 4:, :4])
    for name, x in {"left black": hidden, **completed}.items()
}
for name, error in missing.items():
    print(f"{name:<11} squared error in the hidden quarter {error:.2f}")
figures.image_rows(
    {"whole": test[:12], "seen": hidden[:12], **{n: x[:12] for n, x in completed.items()}},
    title="a quarter is missing",
)

# %% [markdown]
# It does. Of the squared error in the hidden quarter it leaves a little over a third, the plain one
# two thirds. (Black pixels it had met before, but never sixteen in a block.)
#
# ## 4. Holding still
#
# A denoiser is told to ignore changes of the input that do not matter. The *contractive*
# autoencoder asks for the same thing by calculus: the code should have small derivatives,
#
# $$\|x - \hat x\|^2 + \lambda \sum_i \|\nabla_x h_i\|^2 .$$
#
# The second term is the squared length of the *Jacobian*, the table of the derivatives of all code
# numbers with respect to all pixels. For a code of one layer with a sigmoid, $h = \sigma(Wx + b)$,
# one can write it down: the derivative of $\sigma$ is $h (1 - h)$, so
#
# $$\sum_i \|\nabla_x h_i\|^2 = \sum_i h_i^2 (1 - h_i)^2 \sum_j W_{ij}^2 .$$
#
# For a deep network nobody wants to. Automatic differentiation does not mind. Let us have three
# opinions on one small model: the formula, the automatic Jacobian, and brute force, which moves
# each pixel by a little and looks.

# %%
from vae_keras.models.contractive import squared_jacobian

# a sigmoid code; what "kl" asks of it is exercise 1
kl = config.replace(sparsity="kl", sparsity_weight=1.0, target_activity=0.05)
one_layer = trained(kl, dataset)
few = test[:5]
h = one_layer.encode(few).numpy()
W = one_layer.encoder.get_layer("z").kernel.numpy()  # [64, 128]
formula = np.sum((h * (1 - h)) ** 2 * np.sum(W**2, axis=0), axis=1)
automatic = squared_jacobian(one_layer, one_layer.prepare(few))[1].numpy()

step = 0.01 * np.eye(64, dtype="float32").reshape(64, 8, 8, 1)
moved = [one_layer.encode(x + step).numpy() - one_layer.encode(x - step).numpy() for x in few]
brute = np.sum(np.square(moved) / 0.02**2, axis=(1, 2))
for name, values in (("formula", formula), ("automatic", automatic), ("brute force", brute)):
    print(f"{name:<12}" + "".join(f"{value:9.5f}" for value in values))

# %% [markdown]
# The automatic Jacobian costs a pass through the encoder for every number of the code. In training
# the package asks a cheaper question: with random signs $v$, the squared length of
# $\nabla_x (v \cdot h)$ has the wanted sum as its mean (exercise 3), and takes a single pass.
#
# Now train one, with a deep encoder and a code of eight numbers, beside the same network without.

# %%
narrow = dict(units="256-128", latent_dim=8, seed=SEED, epochs=EPOCHS)
contractive = TrainConfig(model="contractive", **narrow)
still = {
    "without": trained(TrainConfig(model="deep", **narrow), dataset),
    **{f"λ = {w}": trained(contractive.replace(contraction=w), dataset) for w in CONTRACTIONS},
}
tremble = 0.1 * generator.standard_normal(test.shape, np.float32)


def stillness(model):
    """Squared Jacobian; variance of the codes; how far trembling moves a code, and its picture."""
    z, squared = squared_jacobian(model, model.prepare(test))
    spread = z.numpy().var(axis=0).sum()
    moved = np.sum((model.encode(test + tremble) - z) ** 2, axis=1).mean() / spread
    return float(np.mean(squared)), spread, moved, squared_error(model(test), model(test + tremble))


stillnesses = {name: stillness(model) for name, model in still.items()}
print("           ‖∂h/∂x‖²   variance of codes   moved / variance   picture moved   squared error")
for name, model in still.items():
    jacobian, spread, moved, picture = stillnesses[name]
    error = squared_error(test, model(test).numpy())
    print(f"{name:<10} {jacobian:8.2f} {spread:19.2f} {moved:18.3f} {picture:15.3f} {error:15.2f}")

# %% [markdown]
# For λ = 0.1 the penalty has shrunk to a hundredth, and by now you are suspicious. Look at the
# second column: the codes have shrunk as well. That is the trap of section 2 again, for halving $h$
# halves its derivatives, and the decoder makes up for it. The honest figures are the next two: how
# far a trembling picture moves its code *in the spread of the codes*, and how far it moves the
# picture that comes out, in pixels. They have gone down too, but to a half or a third, and not to a
# hundredth. And ten times the weight has bought a good deal more shrinking, and no more stillness
# of the codes at all. The last column is the bill.
#
# (The inventors tied the decoder's weights to the encoder's, which closes this door.)
#
# ## 5. What are the codes good for?
#
# A code is often wanted for something else: to train a classifier where few pictures have labels,
# for instance. The usual examination is a *probe*, a linear classifier on the codes. If a straight
# cut separates the digits, the code has done the difficult part. Here with 100 labels, ten of each
# digit.
#
# > **Predict.** Which code is best: the plain one of 32 numbers, the sparse one of 128, the
# > denoiser's of 32, the contractive one of 8? And is any of them better than the 64 pixels?

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_keras.evaluation.probe import stratified

labelled = stratified(dataset.train, SEED).take(slice(100))


def probe(encode):
    """Test accuracy of a linear classifier on what `encode` makes of 100 labelled pictures."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    classifier.fit(encode(labelled.arrays()[0]), labelled.own_labels)
    return classifier.score(encode(test), test_labels)


probed = {
    "pixels (64)": probe(lambda x: x.reshape(-1, 64)),
    "plain (32)": probe(plain.encode),
    "no wish (128)": probe(free.encode),
    "sparse (128)": probe(sparse[0.3].encode),
    "denoiser (32)": probe(denoiser.encode),
    "contractive (8)": probe(still["λ = 0.1"].encode),
}
figures.bars(
    {name.replace(" (", "\n("): value for name, value in probed.items()},
    "test accuracy with 100 labels",
    title="a linear classifier on each code",
    form="{:.1%}",
)

# %% [markdown]
# If you expected a winner, look at the size of the differences. The test set has 359 digits, so one
# digit is a quarter of a per cent, and chance alone makes a per cent or two. On digits as small and
# as clean as these, 64 pixels are a good code already. What one can see is that the code without
# any wish is worth what the pixels are worth, that 32 numbers from the denoiser are no worse than
# 64 pixels, and that 8 numbers are worse by four per cent. (PCA's eight in chapter 1 did the same:
# it is the number, not the wish.) Whoever reports a probe should report the pixels beside it.
#
# ## Exercises
#
# **1.** Sparsity can be asked for in another way: that every unit be active in a small share $\rho$
# of all pictures, by a penalty $\sum_j \mathrm{KL}[\rho \,\|\, \hat\rho_j]$ where $\hat\rho_j$ is
# the unit's mean activity (0 if $\hat\rho_j = \rho$, and growing with the difference). `one_layer`
# in section 4 was trained like that, with $\rho = 0.05$. Look at its mean activities. Can this code
# cheat by changing units?
#
# **2.** For small noise a denoiser and a contractive autoencoder ask for the same thing. Show that
# Gaussian noise $\epsilon$ with standard deviation $\sigma$ on the input moves the code by
# $\mathbb E \|h(x + \epsilon) - h(x)\|^2 \approx \sigma^2 \sum_i \|\nabla_x h_i\|^2$, and find a
# $\sigma$ where that stops being true.
#
# **3.** With signs $v_i = \pm 1$, independent and fair, the mean of $\|\nabla_x (v \cdot h)\|^2$ is
# $\sum_i \|\nabla_x h_i\|^2$. Prove it in two lines, and check it with
# `model.projected(model.prepare(x))[1]`, one random estimate for each picture.

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
# Not by shrinking: the mean has to be 0.05. But a unit could hover at 0.05 for every picture and
# pay nothing, and long decoder columns would read it. Columns of length 1 make that a bad bargain.
activity = one_layer.encode(images).numpy().mean(axis=0)
print(f"mean activity from {activity.min():.3f} to {activity.max():.3f}")
assert np.abs(activity - 0.05).max() < 0.04

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
# h(x + ε) − h(x) ≈ Jε, and E‖Jε‖² = σ² ‖J‖² because the ε are independent.
model = still["without"]
z, squared = model.encode(test), stillnesses["without"][0]
ratios = {}
for sigma in (0.001, 0.01, 0.1, 1.0):
    noise = sigma * generator.standard_normal((10, *test.shape), np.float32)
    moves = [np.sum((model.encode(test + one) - z) ** 2, axis=1).mean() for one in noise]
    ratios[sigma] = float(np.mean(moves) / (sigma**2 * squared))
print({sigma: round(ratio, 3) for sigma, ratio in ratios.items()})
assert abs(ratios[0.01] - 1) < 0.05
assert abs(ratios[1.0] - 1) > 0.05

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
# ∇(v·h) = Σᵢ vᵢ ∇hᵢ, so its squared length is Σᵢⱼ vᵢvⱼ ∇hᵢ·∇hⱼ; E[vᵢvⱼ] is 1 for i = j, else 0.
model = still["λ = 0.1"]
many = model.prepare(np.repeat(test, 20, axis=0))
estimate = float(np.mean(model.projected(many)[1]))
exact = stillnesses["λ = 0.1"][0]
print(f"estimate {estimate:.4f}, exact {exact:.4f}")
assert abs(estimate / exact - 1) < 0.05

# %% [markdown]
# ## Further reading
#
# - Vincent, Larochelle, Bengio and Manzagol 2008, [Extracting and composing robust features with
#   denoising autoencoders](https://doi.org/10.1145/1390156.1390294): noise on the input, and why it
#   teaches structure.
# - Rifai, Vincent, Muller, Glorot and Bengio 2011, [Contractive auto-encoders: explicit invariance
#   during feature extraction](https://icml.cc/2011/papers/455_icmlpaper.pdf): the Jacobian penalty,
#   with tied weights.
# - Alain and Bengio 2012, [What regularized auto-encoders learn from the data-generating
#   distribution](https://arxiv.org/abs/1211.4246): the two meet for small noise, and point uphill
#   in the density of the data.
# - Makhzani and Frey 2013, [k-sparse autoencoders](https://arxiv.org/abs/1312.5663): sparsity by
#   keeping the largest few units, which leaves no units to change.
#
# ## Checks

# %%
assert share_rebuilt(free, test) > 0.98, "a wide code rebuilds digits"
assert share_rebuilt(free, nothing) > 0.6, "and nothing"
assert used[0.3] < 0.4 * used[0.0], "the penalty leaves few units in use"
assert share_rebuilt(sparse[0.3], nothing) < share_rebuilt(free, nothing) - 0.1
assert np.abs(cheat(test) - honest(test)).max() < 1e-4, "a change of units changes no picture"
assert abs(penalty(cheat) / penalty(honest) - 0.1) < 1e-3, "but the price"
assert abs(longest(honest) - 1) < 1e-3 < longest(unbounded) - 1, "training finds the way out"
assert penalty(unbounded) < penalty(honest)
assert on_seen["drawn once"] > on_seen["at every step"] + 1, "noise drawn once is learned by heart"
assert on_new["drawn once"] < on_new["at every step"] - 0.2, "and new noise is not removed"
assert max(decibels, key=decibels.get) == "every step"
assert missing["denoiser"] < 0.9 * missing["plain"], "it copes with what is missing"
np.testing.assert_allclose(automatic, formula, rtol=1e-3)
np.testing.assert_allclose(automatic, brute, rtol=1e-2)
without, strong = stillnesses["without"], stillnesses["λ = 0.1"]
assert strong[0] < 0.1 * without[0], "the Jacobian shrinks"
assert strong[1] < 0.2 * without[1], "for a good part because the codes do"
assert strong[2] < 0.9 * without[2] and strong[3] < without[3], "and in part honestly"

# %% [markdown] tags=["navigation"]
# ---
# Previous: [2. Deep autoencoders](02_deep_autoencoders.ipynb) ·
# Next: [4. Why autoencoders do not generate](04_why_autoencoders_do_not_generate.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
