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
# A narrow code forces an autoencoder to choose what to keep. But narrowness is a crude tool: it
# says how many numbers there may be, and nothing about what they should be like. In this chapter
# the code is wide, and we ask for something else: that few numbers be active at a time, that noise
# be removed, or that the code stay still when the image changes a little. Each request is one more
# term in the loss, or one change to the input. Each can be fulfilled in a way that nobody wanted,
# and we shall see that happen first.
#
# You will
#
# 1. give an autoencoder so much room that it learns nothing,
# 2. write a sparse one, with $\lambda \sum |h|$, and see how training can cheat,
# 3. write a denoiser, and find out what happens if the noise is drawn only once,
# 4. write a contractive one, which penalises the derivatives of the code,
#    $\lambda \sum \|\nabla_x h\|^2$,
# 5. compare all the codes by what a simple classifier can do with them.
#
# It needs no download.

# %% [markdown] tags=["navigation"]
# **Builds on** [2. Deep autoencoders](02_deep_autoencoders.ipynb) ·
# **To read** about 45 minutes ·
# **To run** about 2 minutes on two cores
#
# Previous: [2. Deep autoencoders](02_deep_autoencoders.ipynb) ·
# Next: [4. Why autoencoders do not generate](04_why_autoencoders_do_not_generate.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 40  # fast: 15
DENOISING_EPOCHS = 60  # fast: 12
WEIGHTS = (0.03, 0.1, 0.3, 1.0)  # fast: (0.3,)
CONTRACTIVE_EPOCHS = 40  # fast: 10
CONTRACTIONS = (0.01, 0.1)  # fast: (0.1,)

# %% [markdown]
# ## 1. Too much room
#
# Give an autoencoder a code of 128 numbers for its 64 pixels. Encoder and decoder are one layer
# each. The code goes through a ReLU, so its numbers are not negative, and we write $h$ for it.
#
# > **Predict.** It will rebuild the digits almost perfectly. How well will it rebuild *shuffled*
# > images? In these, each pixel is taken from another digit, so that every pixel is as usual but
# > no pixel fits its neighbours.

# %%
import numpy as np

from vae_keras import TrainConfig, figures, load

dataset = load(TrainConfig(dataset="digits"))
images, labels = dataset.train.arrays()
test, test_labels = dataset.test.arrays()
generator = np.random.default_rng(SEED)
shuffled = generator.permuted(test.reshape(-1, 64), axis=0).reshape(test.shape)  # pixel by pixel

# %% [markdown]
# In the package a new kind of autoencoder is a subclass of `Autoencoder` that states what is
# different. Here these are two lines.

# %%
import keras
import tensorflow as tf
from keras import ops

from vae_keras import Autoencoder


class Wide(Autoencoder):
    default_network = "linear"  # one layer each way
    code_activation = "relu"


def fitted(model_class, rate=2e-3, epochs=EPOCHS, x=images, **options):
    """A model of the class that has learned to rebuild the training digits from `x`."""
    keras.utils.set_random_seed(SEED)  # the same weights and batches for every class
    model = model_class((8, 8, 1), seed=SEED, **options)
    falling = keras.optimizers.schedules.CosineDecay(rate, 21 * epochs)  # 1,295 images: 21 batches
    adam = keras.optimizers.Adam(falling)
    adam.build(model.trainable_variables)  # this and the next line only save time
    model.compile(adam, steps_per_execution=21)
    model.fit(x, images, epochs=epochs, batch_size=64, verbose=0)
    return model


free = fitted(Wide, rate=5e-3, latent_dim=128)


def squared_error(x, x_hat):
    """Σ (x − x̂)² of each image, averaged over images."""
    return float(np.mean(np.sum(np.reshape(x - x_hat, (len(x), -1)) ** 2, axis=1)))


def share_rebuilt(model, x):
    """How much of the variance of the images `x` their reconstructions keep."""
    return 1 - squared_error(x, model(x).numpy()) / squared_error(x, x.mean(axis=0))


print(f"rebuilt of digits          {share_rebuilt(free, test):6.1%}")
print(f"rebuilt of shuffled images {share_rebuilt(free, shuffled):6.1%}")

# %%
rows = {
    "digits": test[:10],
    "rebuilt": free(test[:10]),
    "shuffled": shuffled[:10],
    "and rebuilt": free(shuffled[:10]),
}
figures.image_rows(rows, title="a code of 128 numbers, and nothing else asked of it")

# %% [markdown]
# The answer: nearly as well. With more numbers in the code than pixels that vary, it can pass on
# each pixel and need not know what a digit is. The reconstruction is excellent, and the code is
# worth no more than the image itself. The drawing shows this code between two others. A narrow one
# must choose what to keep. The third is as wide as ours, but only few of its units may be active at
# a time, so it must choose which.

# %%
from vae_keras.figures import drawings

drawings.wide_and_narrow()

# %% [markdown]
# ## 2. Few at a time
#
# So let the use of the code cost something. The *sparse* autoencoder minimises
#
# $$\|x - \hat x\|^2 + \lambda \sum_i |h_i| .$$
#
# Why the absolute value and not the square? Because its slope is the same everywhere. Going from 2
# to 1 saves as much as going from 1 to 0, so it is worth going to exactly 0. The square has no
# slope left near 0: it makes everything small and nothing zero.
#
# Write it. `Autoencoder` brings encoder, decoder and training. A subclass states the terms of the
# loss in `objective` and their weights in `term_weights`, as in chapter 2. `Options` names the
# settings that the constructor accepts, here `sparsity_weight` (the package keeps them in the
# module `rungs`). The last method keeps the decoder's weights of every unit at length 1. You will
# soon see why.


# %%
from vae_keras.config.rungs import SparseOptions


class MySparse(Wide):
    """‖x − x̂‖² + λ Σ|h|, where λ is the option `sparsity_weight`."""

    Options = SparseOptions
    terms = ("reconstruction_loss", "sparsity_loss")

    def objective(self, batch, training):
        h = self.code(batch)  # [batch, 128]
        return {
            "reconstruction_loss": self.reconstruction_loss(batch, h, training),
            "sparsity_loss": ops.sum(ops.abs(h), axis=-1),
        }

    def term_weights(self, step=None):
        return {"reconstruction_loss": 1.0, "sparsity_loss": self.options.sparsity_weight}

    def build_decoder(self, code_size=None):
        decoder = super().build_decoder(code_size)
        decoder.layers[0].kernel.constraint = keras.constraints.UnitNorm(axis=1)
        return decoder


# %% [markdown]
# Is it the sparse autoencoder of the package? Take a training step with both, from the same weights
# and with the same images. Compare the loss of each image, and the gradient of each weight.

# %%
from vae_keras.models.sparse import SparseAutoencoder


def step_of(model_class, **options):
    """The first training step: the loss of each image, and the gradient of each weight."""
    keras.utils.set_random_seed(SEED)
    model = model_class((8, 8, 1), seed=SEED, **options)
    model.compile(keras.optimizers.Adam())
    with tf.GradientTape() as tape:
        loss = model.weighted_sum(model.objective(model.prepare(images[:64]), training=True))
    return [loss, *tape.gradient(loss, model.trainable_variables)]


def apart(mine, theirs, **options):
    """The largest difference of any loss or gradient between two classes."""
    pairs = zip(step_of(mine, **options), step_of(theirs, **options), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


apart_sparse = apart(MySparse, SparseAutoencoder, latent_dim=128, sparsity_weight=0.3)
print(f"largest difference: {apart_sparse:.0e}")

# %% [markdown]
# Move $\lambda$. Watch the ten most active units: for each you see what the decoder draws for it
# alone. In the last row, a large $\lambda$ has its price. (The units do not belong to the digits
# below them.)

# %%
from vae_keras.figures.sliders import Sliders

sparse = {w: fitted(MySparse, 5e-3, latent_dim=128, sparsity_weight=w) for w in WEIGHTS}
sparse = {0.0: free, **sparse}


def features(model):
    """What the decoder adds to an image for each of the ten most active units; 0 is mid-grey."""
    most = np.argsort(-model.encode(test).numpy().mean(axis=0))[:10]
    drawn = (model.decoder(np.eye(128)) - model.decoder(np.zeros((1, 128)))).numpy()[most]
    return 0.5 + 0.5 * drawn / np.abs(drawn).max(axis=(1, 2, 3), keepdims=True)


def in_use(model):
    """How many of the 128 units are above zero for an image."""
    return float(np.sum(model.encode(test).numpy() > 1e-3, axis=1).mean())


drawn = {
    w: {"units": features(m), "input": test[:10], "rebuilt": m(test[:10]).numpy()}
    for w, m in sparse.items()
}
used = {w: in_use(m) for w, m in sparse.items()}
Sliders(
    lambda weight: figures.image_rows(drawn[weight], f"λ = {weight:g}: {used[weight]:.1f} in use"),
    weight=list(sparse),
)

# %%
print("    λ   in use   squared error   rebuilt: digits  shuffled")
for w, model in sparse.items():
    error = squared_error(test, model(test).numpy())
    shares = f"{share_rebuilt(model, test):18.1%}{share_rebuilt(model, shuffled):10.1%}"
    print(f"{w:5.2f}{used[w]:9.1f}{error:16.2f}{shares}")

# %% [markdown]
# The code is still 128 numbers wide, but an image uses only a few units of it. *Which* ones it uses
# is what the code says. Shuffled images are now rebuilt badly: there are units for parts of digits,
# and none for single dots.
#
# ### The cheat
#
# This works because of the last method, which is not in the formula. The loss asks for a *small*
# code, and we hope that a small code is one with few active units. There is another way to be
# small.
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
# The images are the same, the penalty is a tenth, and exactly as many units are in use as before.
# Divide by a million and the penalty is gone. The ReLU does not prevent it, because the ReLU of a
# tenth is a tenth of the ReLU. Would training find this? Gradient descent finds everything that is
# downhill. Here is your model without its last method.


# %%
class Unbounded(MySparse):
    """A sparse autoencoder whose decoder's weights may grow."""

    build_decoder = Autoencoder.build_decoder


unbounded = fitted(Unbounded, 5e-3, latent_dim=128, sparsity_weight=0.3)


def longest(model):
    return float(np.linalg.norm(model.decoder.layers[0].kernel, axis=1).max())


print("           penalty   in use   longest weights of a unit")
for name, model in (("length 1", honest), ("unbounded", unbounded)):
    print(f"{name:<10} {penalty(model):7.2f} {in_use(model):8.1f} {longest(model):27.2f}")

# %% [markdown]
# The penalty is lower, the weights are longer, and *more* units are in use than before: the
# opposite of what the penalty was for. This is the *shrinking trap*. You will meet it wherever the
# size of a code costs something and the decoder is free. For every penalty ask: can it be avoided
# by a change of units?
#
# ## 3. Taking noise away
#
# The *denoising* autoencoder leaves code and loss as they are, and corrupts the input:
#
# $$\|x - \hat x(\tilde x)\|^2, \qquad \tilde x = x \text{ with noise},$$
#
# where the target stays clean. Now copying is no solution, however wide the code is. To correct a
# pixel, the network must know which pixels go together. Here three pixels in ten are overwritten
# with black or white ("salt and pepper"); some of them were black or white before.
#
# A batch has an input `x` and a `target`. Your class replaces the first and leaves the second.
# `self.noise` gives new random numbers at every step.

# %%
from scipy.ndimage import median_filter
from sklearn.decomposition import PCA

from vae_keras.config.rungs import DenoisingOptions
from vae_keras.evaluation.pixels import psnr
from vae_keras.models.denoising import DenoisingAutoencoder
from vae_keras.networks import DenseNetwork


class MyDenoiser(Autoencoder):
    """‖x − x̂(x̃)‖², where a share `corruption_level` of the pixels of x̃ is black or white."""

    Options = DenoisingOptions

    def objective(self, batch, training):
        if training:
            batch = batch._replace(x=self.corrupted(batch, training))
        return super().objective(batch, training)

    def corrupted(self, batch, training=False):
        u = self.noise(batch, (8, 8, 1), training, tf.random.stateless_uniform)  # in [0, 1)
        level = self.options.corruption_level
        black_or_white = ops.where(u < level / 2, 0.0, 1.0)
        return ops.where(u < level, black_or_white, batch.x)


wide = dict(network=DenseNetwork((256, 128)), latent_dim=32)
apart_denoising = apart(MyDenoiser, DenoisingAutoencoder, corruption_level=0.3, **wide)
print(f"largest difference from the package's: {apart_denoising:.0e}")

denoiser = fitted(MyDenoiser, epochs=DENOISING_EPOCHS, corruption_level=0.3, **wide)
noisy_test = denoiser.corrupted(denoiser.prepare(test)).numpy()
print(f"pixels changed: {np.mean(noisy_test != test):.0%}")

# %% [markdown]
# *When* is the noise drawn? Here it is drawn anew at every step, so the network never sees the same
# noisy image twice. It would be simpler to corrupt the training images once and call `fit`.
#
# > **Predict.** The noise is the same in kind and amount. What is lost?

# %%
noisy_images = denoiser.corrupted(denoiser.prepare(images)).numpy()  # once for all
once = fitted(Autoencoder, epochs=DENOISING_EPOCHS, x=noisy_images, **wide)

found = {"drawn once": once, "at every step": denoiser}
on_seen = {name: psnr(images, model(noisy_images).numpy()) for name, model in found.items()}
on_new = {name: psnr(test, model(noisy_test).numpy()) for name, model in found.items()}
print("signal to noise, in dB   one noise, training digits   new noise, new digits")
for name in found:
    print(f"noise {name:<16} {on_seen[name]:26.1f} {on_new[name]:24.1f}")

# %% [markdown]
# Look at the first row: the network has learned the noise by heart. If noise is drawn once it is a
# part of the image, and a network with room learns which noisy image belongs to which clean one. On
# its own noise it is far better, and on new noise it is worse. If noise is drawn at every step
# there is nothing to learn by heart. (The figures are peak signal-to-noise ratios: 10 dB more is a
# tenth of the squared error.)
#
# Is it better than what one could have without training? A median filter replaces each pixel by the
# median of its 3 × 3 neighbours. PCA keeps 32 directions and drops the others. And a *plain*
# autoencoder of the same size has never been shown noise.

# %%
plain = fitted(Autoencoder, epochs=DENOISING_EPOCHS, **wide)
pca = PCA(32).fit(images.reshape(-1, 64))
by_pca = pca.inverse_transform(pca.transform(noisy_test.reshape(-1, 64)))
decibels = {
    "noisy input": psnr(test, noisy_test),
    "median": psnr(test, median_filter(noisy_test, (1, 3, 3, 1))),
    "PCA": psnr(test, by_pca.reshape(test.shape)),
    "plain": psnr(test, plain(noisy_test).numpy()),
    "noise once": on_new["drawn once"],
    "every step": on_new["at every step"],
}
figures.bars(decibels, "PSNR on new digits (dB)", title="taking noise away", form="{:.1f}")

# %% tags=["cover"]
figures.image_rows(
    {
        "clean": test[:12],
        "noisy": noisy_test[:12],
        "plain": plain(noisy_test[:12]),
        "noise once": once(noisy_test[:12]),
        "every step": denoiser(noisy_test[:12]),
    },
    title="one network, trained in three ways",
)

# %% [markdown]
# It is better, by about 3 dB, which is half the squared error of the best method that never saw
# noise. That method is PCA, which needs no training by gradients and is ahead of the plain
# autoencoder. The plain one passes the noise on, a little smoothed: it was trained to keep what it
# is given.
#
# **Missing input** is another kind of noise: a part of the image is not there. Does the denoiser
# help with something that it was not trained on? We black out the lower left quarter.

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
# It does. It leaves a little over a third of the squared error in the hidden quarter, and the plain
# one leaves about two thirds. (The denoiser has met black pixels before, but never sixteen in a
# block.)
#
# ## 4. Holding still
#
# The *contractive* autoencoder uses derivatives: the code should change little when the input
# changes a little. It minimises
#
# $$\|x - \hat x\|^2 + \lambda \sum_i \|\nabla_x h_i\|^2 .$$
#
# The second term is the squared length of the *Jacobian*, the table of the derivatives of all code
# numbers with respect to all pixels. For a code of one layer with a sigmoid, $h = \sigma(Wx + b)$,
# one can write it down: the derivative of $\sigma$ is $h (1 - h)$, so
#
# $$\sum_i \|\nabla_x h_i\|^2 = \sum_i h_i^2 (1 - h_i)^2 \sum_j W_{ij}^2 .$$
#
# For a deep network nobody wants to do that. Automatic differentiation does it for any network, and
# the class is again a short one.


# %%
from vae_keras.config.rungs import ContractiveOptions
from vae_keras.models.contractive import ContractiveAutoencoder


def with_jacobian(f, x):
    """f(x) [n, d] of images [n, 8, 8, 1], and the squared Jacobian ‖∂f/∂x‖² of each image [n]."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        found = f(x)
        numbers = tf.unstack(found, axis=1)
    gradients = [tape.gradient(number, x) for number in numbers]  # a backward pass for each
    return found, sum(ops.sum(ops.square(one), axis=(1, 2, 3)) for one in gradients)


class MyContractive(Autoencoder):
    """‖x − x̂‖² + λ ‖∂h/∂x‖², where λ is the option `contraction`."""

    Options = ContractiveOptions
    terms = ("reconstruction_loss", "contraction_loss")

    def objective(self, batch, training):
        h, squared = with_jacobian(self.encoder, batch.x)
        loss = self.reconstruction_loss(batch, h, training)
        return {"reconstruction_loss": loss, "contraction_loss": squared}

    def term_weights(self, step=None):
        return {"reconstruction_loss": 1.0, "contraction_loss": self.options.contraction}


narrow = dict(network=DenseNetwork((256, 128)), latent_dim=8)
contractive = dict(contraction=0.1, jacobian="exact", **narrow)
apart_contractive = apart(MyContractive, ContractiveAutoencoder, **contractive)
print(f"largest difference from the package's: {apart_contractive:.0e}")

# %% [markdown]
# We compute one number in three ways, on a small model with a sigmoid code: by the formula, by the
# automatic Jacobian, and by brute force, which moves each pixel by a little and looks.

# %%
# a sigmoid code; what "kl" asks of it is exercise 1
kl = dict(sparsity="kl", sparsity_weight=1.0, target_activity=0.05)
one_layer = fitted(SparseAutoencoder, 5e-3, latent_dim=128, **kl)
few = test[:5]
h = one_layer.encode(few).numpy()
W = one_layer.encoder.get_layer("z").kernel.numpy()  # [64, 128]
formula = np.sum((h * (1 - h)) ** 2 * np.sum(W**2, axis=0), axis=1)
automatic = with_jacobian(one_layer.encoder, few)[1].numpy()

step = 0.01 * np.eye(64, dtype="float32").reshape(64, 8, 8, 1)
moved = [one_layer.encode(x + step).numpy() - one_layer.encode(x - step).numpy() for x in few]
brute = np.sum(np.square(moved) / 0.02**2, axis=(1, 2))
for name, values in (("formula", formula), ("automatic", automatic), ("brute force", brute)):
    print(f"{name:<12}" + "".join(f"{value:9.5f}" for value in values))

# %% [markdown]
# The automatic Jacobian costs a pass through the encoder for every number of the code. In training
# the package uses a cheaper estimate: with random signs $v$, the squared length of
# $\nabla_x (v \cdot h)$ has the wanted sum as its mean (exercise 3), and takes a single pass.
#
# Now train it, with a deep encoder and a code of eight numbers, beside the same network without the
# penalty.

# %%
still = {"without": fitted(Autoencoder, epochs=CONTRACTIVE_EPOCHS, **narrow)}
for weight in CONTRACTIONS:
    how = dict(epochs=CONTRACTIVE_EPOCHS, contraction=weight)
    still[f"λ = {weight}"] = fitted(ContractiveAutoencoder, **how, **narrow)
noise = 0.1 * generator.standard_normal(test.shape, np.float32)


def stillness(model):
    """Squared Jacobian; variance of the codes; how far noise moves a code, and the output."""
    z, squared = with_jacobian(model.encoder, test)
    spread = z.numpy().var(axis=0).sum()
    moved = np.sum((model.encode(test + noise) - z) ** 2, axis=1).mean() / spread
    return float(np.mean(squared)), spread, moved, squared_error(model(test), model(test + noise))


stillnesses = {name: stillness(model) for name, model in still.items()}
print("           ‖∂h/∂x‖²   variance of codes   moved / variance   output moved   squared error")
for name, model in still.items():
    jacobian, spread, moved, output = stillnesses[name]
    error = squared_error(test, model(test).numpy())
    print(f"{name:<10} {jacobian:8.2f} {spread:19.2f} {moved:18.3f} {output:14.3f} {error:15.2f}")

# %% [markdown]
# For λ = 0.1 the penalty has become about a hundred times smaller. Look at the second column before
# you believe it: the codes have shrunk as well. That is the trap of section 2 again. Half of $h$
# has half the derivatives, and the decoder compensates for it. The next two columns do not depend
# on the units: how far noise in the image moves its code, *compared with the spread of the codes*,
# and how far it moves the image that comes out. They have become smaller too, but two or three
# times, and not a hundred. And ten times the weight has made the codes much smaller, but hardly
# stiller (the output by a quarter). The last column is the price.
#
# (The inventors of the method tied the decoder's weights to the encoder's, which closes this way
# out. Exercise 2 shows that a denoiser cannot avoid its cost in this way.)
#
# ## 5. What are the codes good for?
#
# A code is often wanted for something else, for instance to train a classifier where few images
# have labels. The usual examination is a *probe*, a linear classifier on the codes. If a straight
# cut separates the digits, the code has done the difficult part. Here with 100 labels, ten of each
# digit.
#
# > **Predict.** Which code is best: the plain one of 32 numbers, the sparse one of 128, the
# > denoiser's of 32, the contractive one of 8? And is any of them better than the 64 pixels? (The
# > last bar is the network of the contractive one without its penalty.)

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_keras.evaluation.probe import stratified

labelled = stratified(dataset.train, SEED).take(slice(100))


def probe(encode):
    """Test accuracy of a linear classifier on what `encode` makes of 100 labelled images."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    classifier.fit(encode(labelled.arrays()[0]), labelled.own_labels)
    return classifier.score(encode(test), test_labels)


probed = {
    "pixels (64)": probe(lambda x: x.reshape(-1, 64)),
    "plain (32)": probe(plain.encode),
    "wide (128)": probe(free.encode),
    "sparse (128)": probe(sparse[0.3].encode),
    "denoiser (32)": probe(denoiser.encode),
    "contractive (8)": probe(still["λ = 0.1"].encode),
    "no penalty (8)": probe(still["without"].encode),
}
figures.bars(
    {name.replace(" (", "\n("): value for name, value in probed.items()},
    "test accuracy with 100 labels",
    title="a linear classifier on each code",
    form="{:.1%}",
)

# %% [markdown]
# There is no clear winner. Look at the size of the differences: the test set has 359 digits, so one
# digit is a quarter of a per cent, and chance alone makes a per cent or two. On digits as small and
# as clean as these, 64 pixels are a good code already. What one can see is that the wide code of
# section 1 is worth what the pixels are worth, that 32 numbers from the denoiser are about as good
# as 64 pixels, and that 8 numbers are worse by a few per cent, with the penalty and without it.
# (PCA's eight in chapter 1 did the same. This suggests that the reason is the number of numbers,
# not the penalty.) If you report a probe, report the result of the pixels as well.
#
# ## Exercises
#
# Fill in the function below an exercise and run the cell: it says whether the answer is right. The
# solutions are folded away below all of them.
#
# **1.** One can ask for sparsity in another way: every unit should be active in a small share
# $\rho$ of all images. The penalty is $\sum_j \mathrm{KL}[\rho \,\|\, \hat\rho_j]$, where
# $\hat\rho_j$ is the unit's mean activity (it is 0 if $\hat\rho_j = \rho$, and grows with the
# difference). `one_layer` in section 4 was trained like that, with $\rho = 0.05$. Compute its mean
# activities. Can this code cheat by changing units?

# %%
from vae_keras.course import check


def answer_1(model, x):
    """Fill in: the mean activity of each unit of the code over the images `x`."""
    ...


each_unit = [np.mean(unit) for unit in one_layer.encode(images).numpy().T]
check(1, answer_1(one_layer, images), each_unit)

# %% [markdown]
# **2.** For small noise a denoiser is a contractive autoencoder too, but not of the code. Let
# $r(x)$ be the *reconstruction*, and $\epsilon$ Gaussian noise with standard deviation $\sigma$
# on the input. Show on paper that
#
# $$\mathbb E \|r(x + \epsilon) - r(x)\|^2 \approx \sigma^2\, \|\partial r / \partial x\|^2 ,$$
#
# so a denoiser pays for the Jacobian of the **reconstruction** (Alain and Bengio 2012), while the
# contractive autoencoder pays for that of the code. Compute the first Jacobian for
# `still["without"]`. Which of the two changes if the code is divided by 10 (`rescaled`)?


# %%
def answer_2(model, x):
    """Fill in: ‖∂r/∂x‖² for the reconstruction r = model(x), averaged over the images `x`."""
    ...


tiny = 0.01 * generator.standard_normal((8, *test.shape), np.float32)
outputs = [squared_error(still["without"](test + e), still["without"](test)) for e in tiny]
by_noise = np.mean(outputs) / 0.01**2
check(2, answer_2(still["without"], test), by_noise, tolerance=0.05)

# %% [markdown]
# **3.** With signs $v_i = \pm 1$, independent and fair, the mean of $\|\nabla_x (v \cdot h)\|^2$
# is $\sum_i \|\nabla_x h_i\|^2$. Prove it in two lines. Then estimate the sum with a single
# backward pass: `tape.gradient(h, x, output_gradients=signs)`.


# %%
def answer_3(model, x):
    """Fill in: the estimate for each of the images `x`, averaged; the signs are drawn inside."""
    ...


many = np.repeat(test, 20, axis=0)
check(3, answer_3(still["λ = 0.1"], many), stillnesses["λ = 0.1"][0], tolerance=0.05)

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
# It cannot cheat by shrinking: the mean has to be 0.05. But a unit could stay at 0.05 for every
# image and pay nothing, if long decoder weights read its small changes. Weights of length 1 make
# that useless.


def answer_1(model, x):
    return model.encode(x).numpy().mean(axis=0)


activity = answer_1(one_layer, images)
print(f"mean activity from {activity.min():.3f} to {activity.max():.3f}")
assert check(1, activity, each_unit)
assert np.abs(activity - 0.05).max() < 0.06

# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
# r(x + ε) − r(x) ≈ Jε, and E‖Jε‖² = σ² ‖J‖² because the ε are independent. The denoising loss
# itself, E‖r(x + ε) − x‖², is then ‖r(x) − x‖² + σ² ‖J‖², up to a term with the curvature of r,
# which counts little where r(x) is near x. The chain rule says why units do not matter: the
# Jacobian of r is that of the decoder times that of the code, and a factor of the code cancels.


def answer_2(model, x):
    return float(np.mean(with_jacobian(lambda x: ops.reshape(model(x), (-1, 64)), x)[1]))


def of_denoising(model):
    """How much the denoising loss grows, over σ², by pairs of noises ε and −ε."""
    pairs = [
        squared_error(test, model(test + e)) + squared_error(test, model(test - e)) for e in tiny
    ]
    return (np.mean(pairs) / 2 - squared_error(test, model(test))) / 0.01**2


jacobians = {}
print("             denoising loss grows by   ‖∂r/∂x‖²   ‖∂h/∂x‖²")
for name, factor in (("as trained", 1), ("code / 10", 10)):
    model = rescaled(still["without"], factor)
    of_code = float(np.mean(with_jacobian(model.encoder, test)[1]))
    jacobians[name] = of_denoising(model), answer_2(model, test), of_code
    print(f"{name:<12}" + "{:21.2f} σ² {:10.2f} {:10.2f}".format(*jacobians[name]))
first, second = jacobians["as trained"], jacobians["code / 10"]
assert check(2, first[1], by_noise, tolerance=0.05)
assert abs(first[0] / first[1] - 1) < 0.2, "the denoising loss grows by the Jacobian of r"
assert abs(first[2] / first[1] - 1) > 0.5, "which is not that of the code"
assert abs(second[0] / first[0] - 1) < 0.02 > abs(second[1] / first[1] - 1), "units do not matter"
assert abs(100 * second[2] / first[2] - 1) < 0.02, "but for the code they do"


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
# ∇(v·h) = Σᵢ vᵢ ∇hᵢ, so its squared length is Σᵢⱼ vᵢvⱼ ∇hᵢ·∇hⱼ; E[vᵢvⱼ] is 1 for i = j, else 0.
def answer_3(model, x):
    x, signs = tf.constant(x), np.sign(generator.normal(size=(len(x), 8))).astype("float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        h = model.encoder(x)
    gradient = tape.gradient(h, x, output_gradients=tf.constant(signs))
    return float(np.mean(np.sum(np.square(gradient), axis=(1, 2, 3))))


estimate, exact = answer_3(still["λ = 0.1"], many), stillnesses["λ = 0.1"][0]
print(f"estimate {estimate:.4f}, exact {exact:.4f}")
assert check(3, estimate, exact, tolerance=0.05)

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
#   distribution](https://arxiv.org/abs/1211.4246): small noise is a penalty on the Jacobian of the
#   reconstruction, and what is learned points uphill in the density of the data.
# - Makhzani and Frey 2013, [k-sparse autoencoders](https://arxiv.org/abs/1312.5663): sparsity by
#   keeping the largest few units, where a change of units gains nothing.
#
# ## Checks

# %%
assert share_rebuilt(free, test) > (0.98 if EPOCHS >= 40 else 0.9), "a wide code rebuilds digits"
assert share_rebuilt(free, shuffled) > 0.6, "and shuffled ones"
assert max(apart_sparse, apart_denoising, apart_contractive) < 1e-3, "your models, the package's"
assert used[0.3] < 0.4 * used[0.0], "the penalty leaves few units in use"
assert share_rebuilt(sparse[0.3], shuffled) < share_rebuilt(free, shuffled) - 0.1
assert np.abs(cheat(test) - honest(test)).max() < 1e-4, "a change of units changes no image"
assert abs(penalty(cheat) / penalty(honest) - 0.1) < 1e-3, "but the price"
assert abs(longest(honest) - 1) < 1e-3 < longest(unbounded) - 1, "training finds the way out"
assert penalty(unbounded) < penalty(honest)
assert on_seen["drawn once"] > on_seen["at every step"], "noise drawn once is learned by heart"
if EPOCHS >= 40:  # what shows only after a while
    assert in_use(unbounded) > in_use(honest), "the opposite of what the penalty is for"
if DENOISING_EPOCHS >= 60:
    assert on_seen["drawn once"] > on_seen["at every step"] + 1
    assert on_new["drawn once"] < on_new["at every step"] - 0.2, "and new noise is not removed"
    assert max(decibels, key=decibels.get) == "every step"
assert missing["denoiser"] < 0.9 * missing["plain"], "it copes with what is missing"
np.testing.assert_allclose(automatic, formula, rtol=1e-3)
np.testing.assert_allclose(automatic, brute, rtol=1e-2)
without, strong = stillnesses["without"], stillnesses["λ = 0.1"]
assert strong[0] < 0.1 * without[0], "the Jacobian shrinks"
assert strong[1] < 0.2 * without[1], "for a good part because the codes do"
assert strong[3] < without[3], "and in part honestly"
assert strong[2] < 0.9 * without[2] or CONTRACTIVE_EPOCHS < 40

# %% [markdown] tags=["navigation"]
# ---
# Previous: [2. Deep autoencoders](02_deep_autoencoders.ipynb) ·
# Next: [4. Why autoencoders do not generate](04_why_autoencoders_do_not_generate.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
