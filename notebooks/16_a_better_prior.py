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
# # A better prior
#
# A VAE rebuilds images better than it draws them. One reason is that it is sampled where it has
# never been: the decoder learns at the codes that the encoder gives, and samples come from
# $\mathcal N(0, I)$, which is not where these codes are. The difference can be measured, in nats
# and in pictures, and there are two remedies: learn the prior with the model, or fit one to the
# codes when the training is over. In this chapter you write both, and find out when they help. On
# small data the first wins little, and the second can win everything.
#
# You will
#
# 1. see the gaps between $\mathcal N(0, I)$ and the codes, and let a classifier find them,
# 2. split the KL into the part that a better prior can win and the part that it cannot,
# 3. derive the best prior there is, and see why one must not use it,
# 4. write a mixture, a prior of pseudo-inputs and a flow, and check that each is a density,
# 5. compare four priors with honest error bars,
# 6. fit a prior to the codes of a plain autoencoder, and make it generate.

# %% [markdown] tags=["navigation"]
# **Builds on** [9. How good is it?](09_how_good_is_it.ipynb) ·
# **To read** about 45 minutes ·
# **To run** about 3 minutes on two cores
#
# Previous: [15. A better bound](15_a_better_bound.ipynb) ·
# Next: [17. Two levels](17_two_levels.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)

# %% tags=["parameters"]
SEED = 0
EPOCHS = 60  # fast: 8
UNITS = "64"
SEEDS = (0, 1)  # fast: (0,)
LEARNED = ("mixture", "vamp", "flow")  # fast: ("vamp",)
COMPONENTS = 50  # fast: 20
COUNTS = (1, 3, 10, 30)  # fast: (1, 10)
TRIED = (1, 3, 10, 30, 100)  # fast: (1, 10)
TREES = 100  # fast: 20
CLASSIFIER_STEPS = 1_000  # fast: 200
DRAWS = 3  # fast: 2

# %% [markdown]
# ## 1. Where the codes are not
#
# Each example has a posterior $q(z|x)$. Their mixture is the *aggregate posterior* of chapter 8,
#
# $$q(z) = \frac1N \sum_{n=1}^N q(z|x_n),$$
#
# and it says where the decoder has learned. We train four VAEs on digits whose pixels are drawn, 0
# or 1, as in chapter 9: with a code of two numbers or eight, and with a KL that counts in full or
# for a tenth ($\beta = 0.1$).

# %%
import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from vae_keras import TrainConfig, figures, load
from vae_keras.latent.codes import posterior
from vae_keras.training.fitting import trained

rng = np.random.default_rng(SEED)
digits = load(TrainConfig(dataset="digits", binarize="dynamic"))
common = dict(units=UNITS, epochs=EPOCHS, batch_size=64, learning_rate=2e-3)
vaes = {
    f"{size}-D, β = {beta:g}": trained(
        TrainConfig(latent_dim=size, beta=beta, seed=SEED, **common), digits
    )
    for size in (2, 8)
    for beta in (1.0, 0.1)
}


def log_normal(z, z_mean, z_log_var):
    """log N(z; z_mean, exp(z_log_var)), summed over the last axis."""
    squared = (z - z_mean) ** 2 / np.exp(z_log_var)
    return -0.5 * np.sum(squared + z_log_var + np.log(2 * np.pi), axis=-1)


def log_aggregate(z, heads):
    """log q(z) of codes [n, d], the mean of the posteriors whose heads are given: [n]."""
    parts = np.array_split(z, max(1, len(z) // 500))
    each = [logsumexp(log_normal(part[:, None], *heads), axis=1) for part in parts]
    return np.concatenate(each) - np.log(len(heads[0]))


def heads_of(model, examples):
    """z_mean and z_log_var of all examples, as float64."""
    return [head.astype(float) for head in posterior(model, examples)]


axis = np.linspace(-4, 4, 81)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
heads = {name: heads_of(model, digits.train) for name, model in vaes.items()}

# %% tags=["cover"]
planes = {
    "prior N(0, I)": norm.logpdf(grid).sum(axis=1),
    "codes, β = 1": log_aggregate(grid, heads["2-D, β = 1"]),
    "codes, β = 0.1": log_aggregate(grid, heads["2-D, β = 0.1"]),
}
figure, axes = figures.panels(1, 3, width=3.0, height=3.2)
for one, (title, values) in zip(axes, planes.items()):
    one.contourf(axis, axis, np.exp(values).reshape(81, 81), levels=12, cmap="Blues")
    one.set(title=title, xlabel="z₁", aspect="equal", xlim=(-3.5, 3.5), ylim=(-3.5, 3.5))
axes[0].set_ylabel("z₂")
figure

# %% [markdown]
# With $\beta = 1$ the codes fill the plane nearly as the prior does. With $\beta = 0.1$ they do
# not: there are hills, and valleys between them, and many codes lie far out. What does the decoder
# make of a code from a valley? We take 2,000 draws of the prior of eight dimensions, and sort them
# by $p(z)/q(z)$. The first row has the smallest ratios of them, the second has the largest.

# %%
sharp = vaes["8-D, β = 0.1"]
drawn = rng.normal(size=(2_000, 8))
excess = norm.logpdf(drawn).sum(axis=1) - log_aggregate(drawn, heads["8-D, β = 0.1"])
order = np.argsort(excess)
figures.image_rows(
    {
        "codes are there": sharp.decode(drawn[order[:12]].astype("float32")),
        "no codes there": sharp.decode(drawn[order[-12:]].astype("float32")),
    },
    "draws of the prior, β = 0.1, 8-D",
)

# %% [markdown]
# In two dimensions one can look. In more one can ask a classifier: give it codes of images and
# draws of the prior, and let it tell them apart. If it is right half of the time, the two are alike
# as far as it can see.
#
# > **Predict.** With $\beta = 1$ in the plane it will be right about half of the time. What will it
# > be with the same β and eight dimensions?

# %%
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score


def draws_of(model, examples, each=1):
    """Draws of q(z|x), `each` of every example: [n · each, latent_dim]."""
    z_mean, z_log_var = (np.repeat(head, each, axis=0) for head in heads_of(model, examples))
    return z_mean + np.exp(0.5 * z_log_var) * rng.normal(size=z_mean.shape)


def told_apart(codes, others):
    """The share that a classifier gets right of codes and others it has not been trained on."""
    x = np.concatenate([codes, others])
    y = np.repeat([0, 1], [len(codes), len(others)])
    forest = RandomForestClassifier(TREES, min_samples_leaf=10, random_state=SEED)
    return cross_val_score(forest, x, y, cv=3).mean()


accuracy = {}
for name, model in vaes.items():
    codes = draws_of(model, digits.train, 2)
    accuracy[name] = told_apart(codes, rng.normal(size=codes.shape))
    print(f"{name:<13} told apart {accuracy[name]:.0%}")

# %% [markdown]
# Eight dimensions have more room than 1,295 digits fill, and the classifier sees it. With
# $\beta = 0.1$ it sees more of it.
#
# ## 2. What a prior can win
#
# How much is it worth, in nats? Chapter 8 has split the mean KL into two parts (Hoffman and Johnson
# 2016):
#
# $$\frac1N\sum_n D_\mathrm{KL}[q(z|x_n)\|p(z)] =
# \underbrace{I(x; z)}_{\text{mutual information}} + D_\mathrm{KL}[q(z)\|p(z)].$$
#
# The prior is in the second part alone, which is never below 0. So **for a given encoder a better
# prior wins at most $D_\mathrm{KL}[q(z)\|p(z)]$**. We estimate it in two ways: as what is left of
# the KL without the information, and from draws of $q(z)$, as the mean of $\log q(z) - \log p(z)$.

# %%
from vae_keras.evaluation.code_use import kl_parts

parts = {}
print(f"{'nats':<14}{'KL':>7}{'information':>13}{'rest':>15}{'directly':>15}")
for name, model in vaes.items():
    parts[name] = found = kl_parts(model, digits.train)
    z = draws_of(model, digits.train, 2)
    log_ratio = log_aggregate(z, heads[name]) - norm.logpdf(z).sum(axis=1)
    found["direct"] = log_ratio.mean()
    found["direct_error"] = log_ratio.std() / np.sqrt(len(z))
    kl = found["mutual_information"] + found["marginal_kl"]
    print(
        f"{name:<14}{kl:7.2f}{found['mutual_information']:13.2f}"
        f"{found['marginal_kl']:8.2f} ± {found['kl_parts_error']:.2f}"
        f"{found['direct']:9.2f} ± {found['direct_error']:.2f}"
    )

# %% [markdown]
# In the plane with $\beta = 1$ there is next to nothing to win. With eight dimensions it is a third
# of a nat, a tenth of the KL. With $\beta = 0.1$ and eight dimensions it looks like half of the KL.
# But there the information has come to its limit, the logarithm of 1,295, which is 7.17: the code
# tells each example from all others, and whatever it knows beyond that is counted as distance. The
# next section shows that for other images only about a nat can be won.
#
# ## 3. The best prior, and why not to use it
#
# Which prior makes the bound the best, with encoder and decoder as they are? The bound has the
# prior in one place, $\frac1N \sum_n \mathbb E_{q(z|x_n)}[\log p(z)]$. A mean over examples and
# then over the draws of each is a mean over $q(z)$:
#
# $$\frac1N \sum_n \mathbb E_{q(z|x_n)}[\log p(z)] = \mathbb E_{q(z)}[\log p(z)]
# = \mathbb E_{q(z)}[\log q(z)] - D_\mathrm{KL}[q(z)\|p(z)],$$
#
# and the last term is 0 if and only if $p(z) = q(z)$. **The best prior is the aggregate
# posterior** of the *training* examples: a mixture with one Gaussian for each of them. Its density
# costs as many terms as there are examples. And what of examples that it has not seen? We compute
# the mean KL to it for training and test examples, and to mixtures of a few Gaussians that are
# fitted to a draw of each training code.
#
# > **Predict.** By how many nats is each prior worse for test examples than for training examples,
# > with $\beta = 1$ and with $\beta = 0.1$?

# %%
from sklearn.mixture import GaussianMixture

costs = {}
for name in ("8-D, β = 1", "8-D, β = 0.1"):
    model = vaes[name]
    fit_to = draws_of(model, digits.train)
    mixtures = {
        count: GaussianMixture(count, reg_covar=1e-4, random_state=SEED).fit(fit_to)
        for count in COUNTS
    }
    for split in ("train", "test"):
        of_split = heads_of(model, getattr(digits, split))
        z = draws_of(model, getattr(digits, split), 4)
        # E log q(z|x) in closed form: minus the entropy of a Gaussian
        log_own = -0.5 * np.mean(np.sum(of_split[1] + np.log(2 * np.pi) + 1, axis=1))
        row = costs[name, split] = {"N(0, I)": log_own - norm.logpdf(z).sum(axis=1).mean()}
        row |= {f"{n} Gaussians": log_own - mixtures[n].score(z) for n in COUNTS}
        row["one per example"] = log_own - log_aggregate(z, heads[name]).mean()
print(f"{'mean KL, nats':<17}{'8-D, β = 1':>18}{'8-D, β = 0.1':>21}")
print(f"{'':<17}{'training':>11}{'test':>7}{'training':>14}{'test':>7}")
for prior in row:
    train_1, test_1, train_01, test_01 = (values[prior] for values in costs.values())
    print(f"{prior:<17}{train_1:11.2f}{test_1:7.2f}{train_01:14.2f}{test_01:7.2f}")

# %% [markdown]
# With $\beta = 1$ the posteriors are wide. They overlap, and a test example falls among them: the
# best prior is the best for test examples as well. With $\beta = 0.1$ it is the best for training
# examples by far, and by far the worst for the others. It has learned the codes by heart, and says
# that nothing is between them. Something in between is needed: few Gaussians, and their number
# chosen by examples that they have not been fitted to.
#
# ## 4. Three priors that learn
#
# A prior that is learned with the model needs two things: a density that can be computed, and
# draws.
#
# **A mixture of Gaussians.** Weights, means and variances are parameters, and the gradient of the
# bound changes them with all others. Its logarithm is computed as in all chapters, without leaving
# the logarithms:


# %%
def log_mixture(z, log_weights, means, log_vars):
    """log Σ_k w_k N(z; μ_k, σ_k²) of codes [n, d]: [n]."""
    return logsumexp(log_weights + log_normal(z[:, None], means, log_vars), axis=1)


# %% [markdown]
# **Pseudo-inputs.** Where should these Gaussians be? The best prior is a mixture of posteriors. So
# let each Gaussian be a posterior: $p(z) = \frac1K \sum_k q(z|u_k)$, where the $u_k$ are images
# that are *learned*. This is the VampPrior (Tomczak and Welling 2018). The encoder places the
# Gaussians, and prior and posteriors move together. It is `log_mixture` with equal weights and the
# heads of $u_k$.
#
# **A flow.** Take $u$ from $\mathcal N(0, I)$ and bend it: $z = f(u)$, where $f$ can be inverted.
# Then
#
# $$\log p(z) = \log \mathcal N(f^{-1}(z); 0, I) + \log
# \Big|\det \frac{\partial f^{-1}(z)}{\partial z}\Big| .$$
#
# The determinant should be cheap, and the inverse, too. An *affine coupling* (Dinh and others 2017)
# keeps one half of the numbers, and lets a network of that half say how the other half is scaled
# and shifted: $b = e^{s(a)}\, b' + t(a)$. The network itself is never inverted. The Jacobian is
# triangular, so its log-determinant is a sum: $\sum_j s_j(a)$ forward, and its negative back.


# %%
def coupling(a, weights):
    """Shift and log-scale of the moved half from the kept half, by a small network."""
    *hidden, (last, bias) = weights
    for matrix, offset in hidden:
        a = np.tanh(a @ matrix + offset)
    shift, log_scale = np.split(a @ last + bias, 2, axis=-1)
    return shift, 2 * np.tanh(log_scale / 2)  # a scale above e² would make training jump


def forward(u, flow):
    """u of N(0, I) -> z, through all layers; the halves change places after each."""
    z, kept = u, u.shape[-1] // 2
    for weights in reversed(flow):
        moved, a = z[..., :-kept], z[..., -kept:]
        shift, log_scale = coupling(a, weights)
        z = np.concatenate([a, moved * np.exp(log_scale) + shift], axis=-1)
    return z


def inverse(z, flow):
    """z -> u, and the log-determinant of this map at z: [n, d], [n]."""
    kept, log_det = z.shape[-1] // 2, 0.0
    for weights in flow:
        a, moved = z[..., :kept], z[..., kept:]
        shift, log_scale = coupling(a, weights)
        z = np.concatenate([(moved - shift) * np.exp(-log_scale), a], axis=-1)
        log_det = log_det - log_scale.sum(axis=-1)
    return z, log_det


def log_flow(z, flow):
    u, log_det = inverse(z, flow)
    return norm.logpdf(u).sum(axis=-1) + log_det


# %% [markdown]
# Are they densities? In the plane we can add up, and it must be true of *any* weights. So we take
# the package's priors, add random numbers to their weights, and let ten training images be the
# pseudo-inputs. Then we compare our densities with theirs at every point of the grid.

# %%
from vae_keras.models.learned_priors import Flow, Mixture, Vamp

wide_axis = np.linspace(-8, 8, 321)
wide_grid = np.stack(np.meshgrid(wide_axis, wide_axis), axis=-1).reshape(-1, 2)
wide_area = (wide_axis[1] - wide_axis[0]) ** 2


def shaken(prior, size):
    """The prior with random numbers added to its weights."""
    for weight in prior.trainable_variables:
        weight.assign_add(size * rng.normal(size=weight.shape))
    return prior


encoder = vaes["2-D, β = 0.1"].encoder
packages = {
    "mixture": shaken(Mixture(2, 10), 0.5),
    "vamp": Vamp(2, 10, digits.example_shape, encoder),
    "flow": shaken(Flow(2), 0.1),
}
packages["vamp"].pseudo_inputs.assign(digits.train.arrays()[0][:10])


def layers_of(flow):
    """The weights of a flow of the package, as `coupling` takes them."""
    return [
        [tuple(weight.numpy() for weight in layer.weights) for layer in network.layers]
        for network in flow.couplings
    ]


mixture, vamp, flow = packages.values()
log_weights = np.log(np.exp(mixture.logits) / np.exp(mixture.logits).sum())
z_mean, z_log_var = (head.numpy() for head in encoder(vamp.pseudo_inputs))
written = {
    "mixture": log_mixture(wide_grid, log_weights, mixture.mean.numpy(), mixture.log_var.numpy()),
    "vamp": log_mixture(wide_grid, -np.log(10), z_mean, z_log_var),
    "flow": log_flow(wide_grid, layers_of(flow)),
}
near = np.abs(wide_grid).max(axis=1) < 4
sums, apart = {}, {}
for prior, values in written.items():
    package = packages[prior].log_prob(wide_grid.astype("float32")).numpy()
    sums[prior] = np.exp(values).sum() * wide_area
    apart[prior] = np.abs(values - package)[near].max()
    print(f"{prior:<8} area {sums[prior]:.4f}, at most {apart[prior]:.0e} from the package's")
u = rng.normal(size=(1_000, 2))
there_and_back = np.abs(inverse(forward(u, layers_of(flow)), layers_of(flow))[0] - u).max()
print(f"through the flow and back: at most {there_and_back:.0e}")

# %%
figure, axes = figures.panels(1, 4, width=2.4, height=2.7)
shown = {"normal": norm.logpdf(wide_grid).sum(axis=1), **written}
for one, (name, values) in zip(axes, shown.items()):
    one.contourf(wide_axis, wide_axis, np.exp(values).reshape(321, 321), levels=12, cmap="Blues")
    one.set(title=name, xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xlabel="z₁")
axes[0].set_ylabel("z₂")
figure

# %% [markdown]
# One thing is lost. The KL of a Gaussian and such a prior has no closed form. It is taken by the
# draw at hand, $\log q(z|x) - \log p(z)$ at the $z$ that is decoded, which is right on average and
# has more noise. A single number of it may be negative; the mean may not.
#
# ## 5. Four priors, honestly compared
#
# Now a code of eight dimensions, two seeds, and four priors. There is a fifth model: its prior is
# $\mathcal N(0, I)$, but its KL is taken by the draw at hand, as those of the learned priors are.
# In all five the weight of the KL rises from 0 to 1 over the first third (warm-up, chapter 8). We
# compare the NLL by importance weighting with 200 draws, on the test images. The differences are
# taken image by image.
#
# > **Predict.** Section 2 says what a better prior can win at most, for a given encoder. How much
# > of it will the four win?

# %%
from vae_keras import VAE
from vae_keras.evaluation.likelihood import likelihood_figures
from vae_keras.models.priors import Prior
from vae_keras.models.vae import StandardNormal


class NormalByDraw(StandardNormal):
    """N(0, I) without its closed form: the KL is that of any other prior."""

    kl, kl_terms = Prior.kl, Prior.kl_terms


class ByDraw(VAE):
    """A VAE with that prior."""

    def build_prior(self):
        return NormalByDraw.of(self)


def fit(prior, seed, warmup=EPOCHS // 3):
    more = dict(beta_warmup=warmup, seed=seed, **common)
    if prior in ("mixture", "vamp"):
        more["components"] = COMPONENTS
    name, variant = ("normal", ByDraw) if prior == "normal by draw" else (prior, None)
    return trained(TrainConfig(latent_dim=8, prior=name, **more), digits, variant)


PRIORS = ("normal", "normal by draw", *LEARNED)
models = {(seed, prior): fit(prior, seed) for seed in SEEDS for prior in PRIORS}
measured = {
    key: likelihood_figures(model, digits.test, samples=200) for key, model in models.items()
}


# %%
def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


won = {}
print(f"{'nats per image':<22}{'−ELBO':>8}{'NLL':>8}   better than normal, than normal by draw")
for (seed, prior), columns in measured.items():
    for other in PRIORS[:2]:
        won[seed, prior, other] = mean_and_error(measured[seed, other]["nll"] - columns["nll"])
    bound, nll = (columns[name].mean() for name in ("negative_elbo", "nll"))
    gains = ["{:+.2f} ± {:.2f}".format(*won[seed, prior, other]) for other in PRIORS[:2]]
    print(f"seed {seed}, {prior:<14}{bound:8.2f}{nll:8.2f}   {gains[0]}, {gains[1]}")

# %%
figure, axes = figures.panels(width=6.4, height=3.4)
for place, seed in enumerate(SEEDS):
    shown = [won[seed, prior, "normal"] for prior in PRIORS[1:]]
    axes.errorbar(
        np.arange(len(shown)) + 0.15 * (place - 0.5),
        [mean for mean, _ in shown],
        [2 * error for _, error in shown],
        fmt="os"[place % 2],
        capsize=4,
        label=f"seed {seed}",
    )
axes.axhline(0, color="black", linewidth=1)
axes.set_xticks(range(len(PRIORS) - 1), PRIORS[1:])
axes.set(ylabel="NLL better by (nats)", title="what the prior wins over N(0, I), ± 2 errors")
axes.legend()
figure

# %% [markdown]
# The gains are small, as section 2 has said: the pseudo-inputs win the most, four tenths of a nat,
# and the others about a quarter. The second row says that the noise of a KL by the draw at hand
# costs next to nothing.
#
# Was the warm-up needed?
#
# > **Predict.** Without it, which of the priors suffers most?

# %%
cold = {"normal": vaes["8-D, β = 1"]}  # it was trained without a warm-up
cold |= {prior: fit(prior, SEED, warmup=0) for prior in LEARNED}
lost = {
    prior: mean_and_error(
        likelihood_figures(model, digits.test, samples=200)["nll"] - measured[SEED, prior]["nll"]
    )
    for prior, model in cold.items()
}
for prior, (mean, error) in lost.items():
    print(f"{prior:<8} without warm-up: NLL {mean:+.2f} ± {error:.2f}")

# %% [markdown]
# All are better with it, and the learned priors gain the most by it: without a warm-up the mixture
# would have lost to $\mathcal N(0, I)$. A likely reason is that the first codes say nothing yet. A
# prior that learns closes in on them, and so they are held where they say little. The package gives
# a flow this warm-up, unless you choose another one with `beta_warmup`.
#
# On large data sets the gains that have been published are larger, above all for models that use
# much of their code. On a small one, measure before you choose.
#
# ## 6. A prior for old codes
#
# A learned prior has to be chosen before the training. But the best prior for a *given* encoder is
# known afterwards as well: it is a model of its codes. And this works for models that have no
# prior at all. A plain autoencoder minimises the reconstruction error and says nothing of where
# its codes should be, so chapter 4 has found that it does not generate. We fit a mixture of
# Gaussians to its codes, whose number is chosen by the density of the *validation* codes. (Grey
# digits from here on.)

# %%
from vae_keras.models.priors import FittedMixture
from vae_keras.studies.refit import fitted_mixture

grey = load(TrainConfig(dataset="digits"))
old = {
    "autoencoder": trained(TrainConfig(model="deep", latent_dim=8, seed=SEED, **common), grey),
    "VAE, β = 0.1": trained(TrainConfig(latent_dim=8, beta=0.1, seed=SEED, **common), grey),
    "VAE, β = 1": trained(TrainConfig(latent_dim=8, seed=SEED, **common), grey),
}


def codes_of(model, examples):
    """A draw of q(z|x) for each example, or the code itself if there is no posterior."""
    if model.is_variational:
        return draws_of(model, examples)
    return model.encode(examples.arrays()[0]).numpy()


def refitted(model, dataset):
    """A mixture of Gaussians for the codes of a model: the best of some on validation codes."""
    codes, held_out = (codes_of(model, one) for one in (dataset.train, dataset.validation))
    fitted = [
        GaussianMixture(count, reg_covar=1e-4, random_state=SEED).fit(codes) for count in TRIED
    ]
    return FittedMixture(max(fitted, key=lambda mixture: mixture.score(held_out)))


fitted = {name: refitted(model, grey) for name, model in old.items()}
plain_codes = codes_of(old["autoencoder"], grey.test)
best_count = fitted["autoencoder"].mean.shape[0]
package = fitted_mixture(old["autoencoder"], grey, best_count)
difference = np.abs(
    fitted["autoencoder"].log_prob(plain_codes) - package.log_prob(plain_codes)
).max()
for name, prior in fitted.items():
    print(f"{name:<13} {prior.mean.shape[0]:>3} Gaussians")
print(f"autoencoder: log density, largest difference from the package's {difference:.1e}")

# %% [markdown]
# The command is `python -m vae_keras refit RUN`. It writes an export whose `generate` draws from
# the mixture. Here a small class is enough: the model, with another prior.

# %%
import tensorflow as tf


class WithPrior:
    """A model whose prior is another one; all that it does not state is the model's."""

    def __init__(self, model, prior, seed=SEED):
        self.model, self.prior, self.seed = model, prior, seed

    def __getattr__(self, name):
        return getattr(self.model, name)

    def generate(self, count, seed, label=None):
        return self.decode(self.prior.sample(count, tf.broadcast_to(seed, (2,))), label)


standard = StandardNormal(8)
rows = {}
for name, model in old.items():
    for of, prior in (("N(0, I)", standard), ("mixture", fitted[name])):
        rows[f"{name}: {of}"] = WithPrior(model, prior).generate(14, SEED)
figures.image_rows(rows, "drawn")

# %% [markdown]
# The first row shows no digits, and in the third some are none. The second and the fourth are of
# the *same* decoders. A figure for this must compare sets of images. The package trains a
# classifier on the real digits and compares what its last hidden layer says of real and drawn ones:
# the *Fréchet distance* of two Gaussians fitted to these features (small is good), *precision*, the
# share of drawn images that lie near real ones, *recall*, the share of real images that lie near
# drawn ones, and *coverage*, the share of real images with a drawn one among their nearest. For
# comparison there are real images against other real images. Each figure is a mean over three sets
# of draws.

# %%
from vae_keras.evaluation.sample_quality import quality_classifier, sample_quality

classifier = quality_classifier(grey, SEED, CLASSIFIER_STEPS)
FIGURES = ("frechet_distance", "precision", "recall", "coverage")


def quality(model, prior):
    """Means over several sets of draws, and their standard deviations: [4] each."""
    sets = [
        sample_quality(WithPrior(model, prior, seed), grey, classifier) for seed in range(DRAWS)
    ]
    values = np.array([[one["samples"][name] for name in FIGURES] for one in sets])
    real = [sets[0]["test_images"][name] for name in FIGURES]
    return values.mean(axis=0), values.std(axis=0, ddof=1), real


judged = {}
for name, model in old.items():
    choices = {"N(0, I)": standard, "mixture": fitted[name]}
    if not model.is_variational:
        choices = {"N(0, I)": standard, "one Gaussian": model.prior, "mixture": fitted[name]}
    for of, prior in choices.items():
        *judged[name, of], real = quality(model, prior)
print(f"{'':<29}{'Fréchet':>13}{'precision':>12}{'recall':>9}{'coverage':>10}")
print("{:<29}{:>8.1f}{:>17.2f}{:>9.2f}{:>10.2f}".format("real against real", *real))
for (name, of), (means, spread) in judged.items():
    print(f"{name + ', ' + of:<29}{means[0]:8.1f} ± {spread[0]:<4.1f}", end="")
    print("{:>10.2f}{:>9.2f}{:>10.2f}".format(*means[1:]))

# %% [markdown]
# The first row of the autoencoder and its last are of one and the same network. A single Gaussian,
# which the package fits to every plain autoencoder, does most of it, and the mixture nearly all:
# it comes close to real images. So does the VAE with $\beta = 0.1$, which has sharp
# reconstructions and had a bad prior. The VAE with $\beta = 1$ gains next to nothing. Its codes
# were near $\mathcal N(0, I)$ before. What its samples lack is variety: their precision is nearly
# that of real images, but their recall is far below.
#
# (Samples can also be too good. A mixture with many narrow Gaussians would return the training
# examples. That is why their number is chosen by validation codes.)
#
# ## 7. What a refitted prior cannot do
#
# The decoder with a new prior is a proper generative model, and has a likelihood. But encoder and
# decoder are what they were. The reconstruction term does not move at all. The KL term falls, at
# most by what section 2 says, and the information that the code carries is still paid for.

# %%
cases = {
    "β = 0.1, N(0, I)": sharp,
    "β = 0.1, mixture": WithPrior(sharp, refitted(sharp, digits)),
    "β = 1, N(0, I)": models[SEED, "normal"],
    "β = 1, mixture": WithPrior(models[SEED, "normal"], refitted(models[SEED, "normal"], digits)),
}
of_case = {
    name: {
        key: values.mean()
        for key, values in likelihood_figures(model, digits.test, samples=200).items()
    }
    for name, model in cases.items()
}
for name, row in of_case.items():
    print(
        f"{name:<17} reconstruction {row['reconstruction_loss']:6.2f} + KL {row['kl_loss']:5.2f} "
        f"= −ELBO {row['negative_elbo']:6.2f}; NLL {row['nll']:6.2f}"
    )

# %% [markdown]
# For $\beta = 1$ the mixture wins a third of what pseudo-inputs won in section 5, without a step
# of training. For $\beta = 0.1$ it wins a nat of likelihood. And yet this model stays far behind
# that of $\beta = 1$ with a plain prior. In the bound, the information in its code is paid for
# under any prior; and the NLL, which has no such term, says that its decoder fits new images less
# well. The samples have become good, and the likelihood has not. Judge a model by what you need it
# for.
#
# So there are two answers to the question at the top. If you want a better bound, a prior can win
# at most $D_\mathrm{KL}[q(z)\|p(z)]$ as long as encoder and decoder stay; measure that first. If
# you have a model with good reconstructions and bad samples, fit a prior to its codes.
#
# ## Exercises
#
# 1. A coupling is a density for *any* network. Take two layers with random weights, and compute the
#    area under `log_flow` on the wide grid, and the same if the log-determinant is left out.

# %%
from vae_keras.course import check

random_flow = [
    [(rng.normal(size=(1, 8)), np.zeros(8)), (0.3 * rng.normal(size=(8, 2)), np.zeros(2))]
    for _ in range(2)
]


def answer_1(flow):
    """Fill in: the area with and without the log-determinant, [2]."""
    ...


def right_1(areas):
    u, _ = inverse(wide_grid, random_flow)
    without = np.exp(norm.logpdf(u).sum(axis=1)).sum() * wide_area
    return abs(areas[0] - 1) < 0.02 and abs(areas[1] - without) < 1e-6


check(1, answer_1(random_flow), right_1)

# %% [markdown]
# 2. The best prior by one number: of all Gaussians $\mathcal N(m, S)$, which has the smallest mean
#    KL from the posteriors of the training images? Give $m$ and $S$ for the 2-D model. (It has the
#    moments of $q(z)$.)


# %%
def answer_2(z_mean, z_log_var):
    """Fill in: (m [2], S [2, 2]) from the heads [n, 2]."""
    ...


def right_2(answer):
    """Every small step away from it is worse."""
    m, S = answer

    def mean_kl(m, S):
        away = z_mean_2 - m
        trace = np.trace(np.linalg.solve(S, np.diag(np.exp(z_log_var_2).mean(axis=0))))
        squared = np.mean(np.sum(away * np.linalg.solve(S, away.T).T, axis=1))
        return 0.5 * (trace + squared + np.linalg.slogdet(S)[1])

    steps = [np.array(one) for one in ([[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0, 1], [1, 0]])]
    others = [mean_kl(m, S + sign * 0.01 * step) for step in steps for sign in (1, -1)]
    others += [mean_kl(m + sign * 0.01 * step[0], S) for step in steps for sign in (1, -1)]
    return mean_kl(m, S) <= min(others) + 1e-12


z_mean_2, z_log_var_2 = heads["2-D, β = 1"]
check(2, answer_2(z_mean_2, z_log_var_2), right_2)

# %% [markdown]
# 3. A conditional generator for nothing: fit one Gaussian to the autoencoder's codes of each digit,
#    and draw the digit that is asked for. The classifier should recognise most of them.


# %%
train_codes = old["autoencoder"].encode(grey.train.arrays()[0]).numpy()
train_labels = grey.train.own_labels


def answer_3(codes, labels, wanted):
    """Fill in: a code for each of the digits `wanted` [n]: [n, 8]."""
    ...


def right_3(codes):
    images = old["autoencoder"].decode(np.asarray(codes, np.float32)).numpy()
    return np.mean(classifier.classes(images) == wanted) > 0.75


wanted = np.repeat(np.arange(10), 30)
check(3, answer_3(train_codes, train_labels, wanted), right_3)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 1
def answer_1(flow):
    """The density with its determinant, and N(0, I) at u alone."""
    u, _ = inverse(wide_grid, flow)
    values = log_flow(wide_grid, flow), norm.logpdf(u).sum(axis=1)
    return [np.exp(one).sum() * wide_area for one in values]


print(np.round(answer_1(random_flow), 3))
assert check(1, answer_1(random_flow), right_1)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 2
def answer_2(z_mean, z_log_var):
    """The covariance of a mixture: that of the means, and the mean of the variances."""
    of_means = np.cov(z_mean, rowvar=False, bias=True)
    return z_mean.mean(axis=0), of_means + np.diag(np.exp(z_log_var).mean(axis=0))


assert check(2, answer_2(z_mean_2, z_log_var_2), right_2)


# %% jupyter={"source_hidden": true, "outputs_hidden": true} tags=["solution"]
# Solution of exercise 3
def answer_3(codes, labels, wanted):
    """A draw of the Gaussian with the mean and the covariance of a digit's codes."""
    drawn = []
    for digit in wanted:
        own = codes[labels == digit]
        drawn.append(rng.multivariate_normal(own.mean(axis=0), np.cov(own, rowvar=False)))
    return np.array(drawn)


asked = old["autoencoder"].decode(
    answer_3(train_codes, train_labels, np.arange(10)).astype("float32")
)
assert check(3, answer_3(train_codes, train_labels, wanted), right_3)
figures.image_grid(asked, 10)

# %% [markdown]
# ## Further reading
#
# - M. Hoffman and M. Johnson 2016, [ELBO
#   surgery](https://approximateinference.org/2016/accepted/HoffmanJohnson2016.pdf): the two parts
#   of the KL. - J. Tomczak and M. Welling 2018, [VAE with a
#   VampPrior](https://arxiv.org/abs/1705.07120): the best prior, and pseudo-inputs. - L. Dinh, J.
#   Sohl-Dickstein and S. Bengio 2017, [Density estimation using Real
#   NVP](https://arxiv.org/abs/1605.08803): affine couplings. - P. Ghosh and others 2020, [From
#   variational to deterministic autoencoders](https://arxiv.org/abs/1903.12436): a density fitted
#   to the codes of an autoencoder. - M. Naeem and others 2020, [Reliable fidelity and diversity
#   metrics for generative models](https://arxiv.org/abs/2002.09797): coverage, and what is wrong
#   with recall.
#
# ## Checks

# %%
is_full = EPOCHS >= 60
assert accuracy["8-D, β = 0.1"] > accuracy["2-D, β = 1"] + (0.1 if is_full else 0)
assert not is_full or accuracy["8-D, β = 1"] > accuracy["2-D, β = 1"] + 0.02
for found in parts.values():
    error = np.hypot(found["kl_parts_error"], found["direct_error"])
    assert abs(found["marginal_kl"] - found["direct"]) < 4 * error + 0.02, "two ways, one number"
    assert found["mutual_information"] < np.log(len(digits.train)) + 0.01
assert parts["2-D, β = 1"]["direct"] < parts["8-D, β = 0.1"]["direct"] / 4
if is_full:
    assert parts["2-D, β = 1"]["direct"] < 0.1 < parts["8-D, β = 1"]["direct"] < 0.6
    assert parts["8-D, β = 0.1"]["direct"] > 4 > parts["8-D, β = 1"]["mutual_information"]
for (name, split), row in costs.items():
    if split == "train":
        won_by_best = row["N(0, I)"] - row["one per example"]
        assert abs(won_by_best - parts[name]["direct"]) < 0.3, "the best prior wins all of it"
        assert row["one per example"] < min(row["N(0, I)"], row["1 Gaussians"])
if is_full:
    assert costs["8-D, β = 1", "test"]["one per example"] < costs["8-D, β = 1", "test"]["N(0, I)"]
    by_heart = costs["8-D, β = 0.1", "test"]
    assert by_heart["one per example"] > by_heart["N(0, I)"] + 2 > by_heart["10 Gaussians"] + 2
assert all(abs(one - 1) < 0.02 for one in sums.values()), "each is a density"
assert max(apart.values()) < 1e-3 and there_and_back < 1e-9
for seed in SEEDS:
    for prior in PRIORS[1:]:
        assert abs(won[seed, prior, "normal"][0]) < (0.6 if is_full else 2), "all is small"
    if is_full:
        assert abs(won[seed, "normal by draw", "normal"][0]) < 0.1, "the noise costs little"
        for prior in LEARNED:
            mean, error = won[seed, prior, "normal"]
            assert mean > 2 * error, "each wins"
            assert mean <= won[seed, "vamp", "normal"][0], "the pseudo-inputs win the most"
if is_full:
    assert 0.1 < lost["normal"][0] < min(lost[prior][0] for prior in LEARNED), "warm-up helps"
assert difference < 1e-3, "the learner's mixture is the package's"
frechet = {key: means[0] for key, (means, _) in judged.items()}
coverage = {key: means[3] for key, (means, _) in judged.items()}
factor = 3 if is_full else 1.2
assert frechet["autoencoder", "N(0, I)"] > factor * frechet["autoencoder", "mixture"]
assert coverage["autoencoder", "mixture"] > coverage["autoencoder", "N(0, I)"]
assert min(frechet.values()) > 0.8 * real[0], "none is as good as real images"
if is_full:
    assert frechet["VAE, β = 0.1", "N(0, I)"] > 1.5 * frechet["VAE, β = 0.1", "mixture"]
    assert frechet["VAE, β = 0.1", "mixture"] < frechet["VAE, β = 1", "mixture"]
sharp_0, sharp_1, plain_0, plain_1 = of_case.values()
for before, after in ((sharp_0, sharp_1), (plain_0, plain_1)):
    assert abs(before["reconstruction_loss"] - after["reconstruction_loss"]) < 1e-3
if is_full:
    assert sharp_0["nll"] - sharp_1["nll"] > 0.5 and sharp_1["nll"] > plain_0["nll"] + 1

# %% [markdown] tags=["navigation"]
# ---
# Previous: [15. A better bound](15_a_better_bound.ipynb) ·
# Next: [17. Two levels](17_two_levels.ipynb) ·
# [all chapters](README.md) ·
# [glossary](glossary.md)
