"""The endpoints of an exported model, with the tensors that they take."""

import functools

import tensorflow as tf

from vae_keras.models.autoencoder import Autoencoder
from vae_keras.models.ladder import LadderVAE
from vae_keras.models.priors import FittedGaussian, Prior
from vae_keras.models.sequence import SequenceVAE
from vae_keras.models.vae import StandardNormal
from vae_keras.objectives.likelihoods import Likelihood

N = tf.TensorSpec((), tf.int32, "n")
SEED = tf.TensorSpec((2,), tf.int32, "seed")
TEMPERATURE = tf.TensorSpec((), tf.float32, "temperature")
TOP_P = tf.TensorSpec((), tf.float32, "top_p")
BEAMS = tf.TensorSpec((), tf.int32, "beams")


@functools.singledispatch
def endpoints(model: Autoencoder) -> dict:
    """The endpoints of a model: {name: (function, specifications of its inputs)}."""
    x = tf.TensorSpec((None, *model.example_shape), tf.float32, "x")
    z = tf.TensorSpec((None, model.latent_dim), tf.float32, "z")
    label = [tf.TensorSpec((None,), tf.int32, "label")] if model.takes_labels else []

    def reconstruct(x, *label):
        return {"reconstruction": model.decode(model.encode(x, *label), *label)}

    def encode(x, *label):
        outputs = model.head_outputs(x, model.condition(*label) if label else None)
        heads = dict(zip(model.heads, outputs, strict=True))
        return {"z": heads[model.heads[0]], **heads}

    def decode(z, *label):
        return {"x": model.decode(z, *label)}

    def generate(n, seed, *label):
        return {"x": model.generate(n, seed, *label)}

    def log_prob(x, z, *label):
        parameters = model.parameters(z, model.condition(*label) if label else None)
        return {"log_prob": model.reconstruction.log_prob(x, parameters)}

    found = {
        "reconstruct": (reconstruct, [x, *label]),
        "encode": (encode, [x, *label]),
        "decode": (decode, [z, *label]),
        "generate": (generate, [N, SEED, *label]),
    }
    if isinstance(model.reconstruction, Likelihood):
        found["log_prob"] = (log_prob, [x, z, *label])
    return found | of_prior(model.prior)


def of_prior(prior: Prior) -> dict:
    """The endpoints of a prior that is more than a Gaussian: what draws from it, and log p(z)."""
    if isinstance(prior, (StandardNormal, FittedGaussian)):
        return {}
    z = tf.TensorSpec((None, prior.latent_dim), tf.float32, "z")
    return {
        "sample_prior": (lambda n, seed: {"z": prior.sample(n, seed)}, [N, SEED]),
        "log_prior": (lambda z: {"log_prob": prior.log_prob(z)}, [z]),
    }


@endpoints.register
def _(model: LadderVAE) -> dict:
    """Those of images, and the posterior at a code: a level of it depends on those above."""
    x = tf.TensorSpec((None, *model.example_shape), tf.float32, "x")
    z = tf.TensorSpec((None, model.latent_dim), tf.float32, "z")

    def posterior(x, z):
        return dict(zip(model.heads, model.heads_at(model.encoder(x), z), strict=True))

    return {**endpoints.dispatch(Autoencoder)(model), "posterior": (posterior, [x, z])}


@endpoints.register
def _(model: SequenceVAE) -> dict:
    x = tf.TensorSpec((None, *model.example_shape), tf.int32, "x")
    z = tf.TensorSpec((None, model.latent_dim), tf.float32, "z")
    most = len(model.vocabulary) - 1

    def checked(tokens):
        """The tokens, if the vocabulary has them; else the graph fails with a line that says so."""
        message = f"tokens must be 0 to {most}"
        checks = [
            tf.debugging.assert_non_negative(tokens, message),
            tf.debugging.assert_less_equal(tokens, most, message),
        ]
        with tf.control_dependencies([check for check in checks if check is not None]):
            return tf.identity(tokens)

    def encode(x):
        z_mean, z_log_var = model.posterior(model.prepare(checked(x)))
        return {"z": z_mean, "z_mean": z_mean, "z_log_var": z_log_var}

    def generate(n, seed, temperature):
        return {"x": model.generate(n, seed, temperature=temperature)}

    def nucleus(n, seed, temperature, top_p):
        return {"x": model.generate(n, seed, temperature=temperature, top_p=top_p)}

    def log_prob(x, z):
        return {"log_prob": model.log_likelihood(model.prepare(checked(x)), z)}

    return {
        "reconstruct": (lambda x: {"reconstruction": model(checked(x))}, [x]),
        "encode": (encode, [x]),
        "decode": (lambda z: {"x": model.decode(z)}, [z]),
        "generate": (generate, [N, SEED, TEMPERATURE]),
        "nucleus": (nucleus, [N, SEED, TEMPERATURE, TOP_P]),
        "search": (lambda z, beams: {"x": model.search(z, beams)}, [z, BEAMS]),
        "log_prob": (log_prob, [x, z]),
        **of_prior(model.prior),
    }
