"""What a rung reports beside its losses: figures of the test set, and pictures.

Each rung registers one function for its class, or none if it has nothing to add.
"""

import functools

import numpy as np
import scipy.linalg
import scipy.ndimage
import tensorflow as tf

from vae_keras.evaluation.code_use import mean_kl_per_dimension
from vae_keras.evaluation.pixels import fitted_pca, flat_values, psnr, signed_images
from vae_keras.models.autoencoder import Autoencoder
from vae_keras.models.conditional import ConditionalVAE
from vae_keras.models.denoising import DenoisingAutoencoder
from vae_keras.models.ladder import LadderVAE
from vae_keras.models.linear import LinearAutoencoder
from vae_keras.models.sequence import SequenceVAE
from vae_keras.models.sparse import SparseAutoencoder
from vae_keras.networks import DenseNetwork
from vae_keras.networks.recurrent import PADDING

MOST_IMAGES = 2_000  # for figures that are slow to compute
SHOWN_IMAGES = 10
STYLES = 8


@functools.singledispatch
def figures_of(model, dataset) -> dict[str, float]:
    """The figures of a model on the test set beside its loss and terms, by name."""
    return {}


@functools.singledispatch
def exhibits_of(model, dataset) -> dict[str, dict]:
    """The pictures of a model of images as rows of these: {file name: {row name: images}}."""
    return {}


@exhibits_of.register
def _(model: Autoencoder, dataset):
    x, label = dataset.test.spread(SHOWN_IMAGES).arrays()
    return {"reconstructions": {"input": x, "reconstruction": model({"x": x, "label": label})}}


def _with_reconstructions(model, dataset, name, rows) -> dict[str, dict]:
    return {**exhibits_of.dispatch(Autoencoder)(model, dataset), name: rows}


@figures_of.register
def _(model: LinearAutoencoder, dataset):
    """Test errors of PCA, and of the model relative to it; the largest angle of their subspaces."""
    pca, test = fitted_pca(dataset.train, model.latent_dim), flat_values(dataset.test)
    pca_error = np.sum((test - pca.inverse_transform(pca.transform(test))) ** 2, axis=1).mean()
    rebuilt = np.asarray(model.predict(dataset.test.batches(), verbose=0)).reshape(test.shape)
    vectors, _ = model.principal_components()
    angle = scipy.linalg.subspace_angles(vectors.T, pca.components_.T)[0]
    return {
        "pca_squared_error": float(pca_error),
        "squared_error_over_pca": float(np.sum((test - rebuilt) ** 2, axis=1).mean() / pca_error),
        "largest_angle_to_pca_degrees": float(np.degrees(angle)),
    }


@exhibits_of.register
def _(model: LinearAutoencoder, dataset):
    pca, (vectors, _) = fitted_pca(dataset.train, model.latent_dim), model.principal_components()
    signs = np.sign(np.sum(vectors * pca.components_, axis=1, keepdims=True))
    rows = {"from the weights": signs * vectors, "PCA": pca.components_}
    components = {
        name: signed_images(vectors[:SHOWN_IMAGES], model.example_shape)
        for name, vectors in rows.items()
    }
    return _with_reconstructions(model, dataset, "principal_components", components)


@figures_of.register
def _(model: SparseAutoencoder, dataset):
    """The share of units that an image activates: to more than a tenth of the largest activity."""
    images, _ = dataset.test.take(slice(MOST_IMAGES)).arrays()
    codes = np.abs(model.encode(images))
    largest = 1.0 if model.options.sparsity == "kl" else codes.max()  # 1 is a sigmoid's largest
    return {"active_share": float(np.mean(codes > 0.1 * largest))}


@exhibits_of.register
def _(model: SparseAutoencoder, dataset):
    """What the decoder draws for each of the most active units of the code.

    Weights of a dense encoder's first layer are shown, too: those of the same units if there are no
    hidden layers, and otherwise the largest.
    """
    images, _ = dataset.test.take(slice(MOST_IMAGES)).arrays()
    activity = np.abs(model.encode(images)).mean(axis=0)
    units = np.argsort(-activity, kind="stable")[:SHOWN_IMAGES]
    origin = np.zeros((1, model.latent_dim), np.float32)
    drawn = model.parameters(np.eye(model.latent_dim, dtype=np.float32)) - model.parameters(origin)
    drawn = np.asarray(drawn).reshape(model.latent_dim, -1)
    rows = {"decoder": signed_images(drawn[units], model.example_shape)}
    if isinstance(model.network, DenseNetwork):
        kernel = np.asarray(model.encoder.layers[2].kernel).T  # [units, values]
        if model.network.units:
            units = np.argsort(-np.linalg.norm(kernel, axis=1), kind="stable")[:SHOWN_IMAGES]
        rows = {"encoder": signed_images(kernel[units], model.example_shape), **rows}
    return _with_reconstructions(model, dataset, "learned_features", rows)


@figures_of.register
def _(model: DenoisingAutoencoder, dataset):
    """Peak signal-to-noise ratios on corrupted test images, in decibels.

    The model is compared with a median filter and with PCA. Rows of numbers have no peak: theirs
    are squared errors.
    """
    clean, noisy, denoised = _corrupted(model, dataset.test.take(slice(MOST_IMAGES)))
    if not dataset.kind.is_pictured:
        found = {"corrupted": noisy, "denoised": denoised}
        return {
            f"squared_error_{name}": float(np.square(clean - one).sum(axis=-1).mean())
            for name, one in found.items()
        }
    size = (1, 3, 3, 1)  # 3×3 pixels of each image and channel
    pca = fitted_pca(dataset.train, min(model.latent_dim, len(dataset.train), clean[0].size))
    values = noisy.reshape(len(noisy), -1)
    by_pca = pca.inverse_transform(pca.transform(values)).reshape(noisy.shape)
    return {
        "psnr_corrupted": psnr(clean, noisy),
        "psnr_denoised": psnr(clean, denoised),
        "psnr_median_filter": psnr(clean, scipy.ndimage.median_filter(noisy, size)),
        "psnr_pca": psnr(clean, by_pca),
    }


@exhibits_of.register
def _(model: DenoisingAutoencoder, dataset):
    clean, noisy, denoised = _corrupted(model, dataset.test.spread(SHOWN_IMAGES))
    rows = {"clean": clean, "corrupted": noisy, "denoised": denoised}
    return _with_reconstructions(model, dataset, "denoising", rows)


def _corrupted(model, examples):
    clean, _ = examples.arrays()
    noisy = np.asarray(model.corrupt(model.prepare(clean)))
    return clean, noisy, model.predict(noisy, verbose=0)


@exhibits_of.register
def _(model: ConditionalVAE, dataset):
    labels = np.arange(model.classes)
    z = np.asarray(model.prior.sample(STYLES, (model.seed, 1)))
    rows = {
        f"style {i + 1}": model.decode(np.repeat(z[i : i + 1], model.classes, axis=0), labels)
        for i in range(STYLES)
    }
    return _with_reconstructions(model, dataset, "styles", rows)


@figures_of.register
def _(model: LadderVAE, dataset):
    """The KL of each level, given the levels above, in nats: level 1 is the lowest."""
    kl = model.prior.parts(mean_kl_per_dimension(model, dataset.test))
    return {f"kl_level_{model.levels - n}": float(np.sum(part)) for n, part in enumerate(kl)}


@exhibits_of.register
def _(model: LadderVAE, dataset):
    """Samples that share their upper levels: what the levels below still decide."""
    shared, other = (
        np.asarray(tf.random.stateless_normal((SHOWN_IMAGES, model.latent_dim), (model.seed, n)))
        for n in (1, 2)
    )
    rows = {"all levels drawn": model.decode(model.prior.drawn(shared))}
    for kept in range(1, model.levels):
        size = sum(model.prior.sizes[:kept])
        mixed = np.concatenate([np.repeat(shared[:1, :size], SHOWN_IMAGES, 0), other[:, size:]], 1)
        level = f"level {model.levels - kept + 1} and above" if kept > 1 else "the top level"
        rows[f"{level} of the first"] = model.decode(model.prior.drawn(mixed))
    return _with_reconstructions(model, dataset, "levels", rows)


@exhibits_of.register
def _(model: SequenceVAE, dataset):
    return {}


@figures_of.register
def _(model: SequenceVAE, dataset):
    """The negative ELBO per token, and the share of tokens that are rebuilt, without padding.

    For `forced_accuracy` the decoder is told the true tokens before; for `sampled_accuracy` its own
    ones. It decodes the mean code, and the likeliest token counts.
    """

    @tf.function(autograph=False, input_signature=[dataset.test.batches().element_spec])
    def rebuilt(data):
        batch = model.prepare(data)
        z = model.code(batch)
        terms = model.objective(batch, training=False)
        forced = tf.argmax(model.parameters(z, batch.condition), axis=-1, output_type=tf.int32)
        loss = terms["reconstruction_loss"] + terms["kl_loss"]
        return batch.x, loss, forced, model.decode(z)

    losses, counts, right = 0.0, 0, np.zeros(2)
    for data in dataset.test.batches():
        x, loss, *tokens = (values.numpy() for values in rebuilt(data))
        is_token = x != PADDING
        counts += is_token.sum()
        losses += loss.sum()
        right += [np.sum((one == x) & is_token) for one in tokens]
    per_token = float(losses / counts)
    return {
        "nats_per_token": per_token,
        "perplexity": float(np.exp(per_token)),
        "forced_accuracy": float(right[0] / counts),
        "sampled_accuracy": float(right[1] / counts),
    }
