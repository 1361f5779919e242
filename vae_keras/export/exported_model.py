"""An exported model that is loaded again."""

import json

import numpy as np
import tensorflow as tf

from vae_keras.config import TrainConfig
from vae_keras.data.kinds import read_assets
from vae_keras.errors import UserError, unknown
from vae_keras.export.places import LABELS, TRAINING
from vae_keras.models.autoencoder import Batch
from vae_keras.models.priors import Prior
from vae_keras.models.protocol import Proposal, gaussian_proposal
from vae_keras.models.vae import StandardNormal
from vae_keras.objectives.likelihoods import loss_named

LIMITS = {  # the smallest and the largest value of each choice of `generate`
    "temperature": (0, 100),  # at 0 the likeliest token is taken; at 100 all are about as likely
    "top_p": (0.001, 1),
    "beams": (1, 100),
}


class ExportedPrior(Prior):
    """The prior of an exported model, by its endpoints."""

    def __init__(self, latent_dim, signatures):
        super().__init__(latent_dim)
        self.signatures = signatures

    def sample(self, count, seed):
        seed = tf.cast(seed, tf.int32)
        return self.signatures["sample_prior"](n=tf.constant(count), seed=seed)["z"]

    def log_prob(self, z):
        z = tf.convert_to_tensor(z)
        rows = self.signatures["log_prior"](z=tf.reshape(z, (-1, self.latent_dim)))["log_prob"]
        return tf.reshape(rows, tf.shape(z)[:-1])


class ExportedModel:
    """An exported model, loaded from the folder `path`: its methods take and give arrays.

    `example_shape` and `latent_dim` say what it takes, and `endpoints` names what it can do.
    Methods of a conditional model need `label`, int [batch], an index of `class_names`.

    Raises UserError if the folder cannot be read or lacks an endpoint of this package. Methods
    raise UserError if a label is missing, not allowed or out of range.
    """

    def __init__(self, path):
        self.path = path
        try:
            self.model = tf.saved_model.load(str(self.path))
        except Exception as error:  # a damaged file raises errors of many kinds
            raise UserError(f"{str(self.path)!r} cannot be read: {error}") from error
        self.endpoints = [name for name in self.model.signatures if name != "serving_default"]
        try:
            self.example_shape = tuple(self._inputs("reconstruct")["x"].shape[1:])
            self.latent_dim = self._inputs("decode")["z"].shape[1]
        except KeyError as error:
            raise UserError(
                f"{str(self.path)!r} has no endpoint or input {error}: it is not of this package"
            ) from error
        self.class_names: tuple[str, ...] = ()
        if (self.path / LABELS).is_file():
            self.class_names = tuple(json.loads((self.path / LABELS).read_text(encoding="utf-8")))
        training = self._training()
        self.kind = read_assets(self.path).as_trained(training)
        self.prior: Prior = StandardNormal(self.latent_dim)  # if the model is variational
        if "log_prior" in self.endpoints:
            self.prior = ExportedPrior(self.latent_dim, self.model.signatures)
        self.seed = int(training.get("seed", 0))  # decides the noise of an evaluation

    def _inputs(self, endpoint) -> dict[str, tf.TensorSpec]:
        return self.model.signatures[endpoint].structured_input_signature[1]

    def call(self, endpoint: str, **inputs) -> dict[str, np.ndarray]:
        """All outputs of an endpoint by name."""
        tensors = {
            name: tf.convert_to_tensor(value, self._inputs(endpoint)[name].dtype)
            for name, value in inputs.items()
        }
        outputs = self.model.signatures[endpoint](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The word for each token; empty for images."""
        return self.kind.vocabulary

    def _training(self) -> dict:
        """The options of the training, or nothing if they are unknown."""
        try:
            options = json.loads((self.path / TRAINING).read_text(encoding="utf-8"))
            return TrainConfig(**options).as_dict()
        except (OSError, ValueError, TypeError, UserError):
            return {}

    @property
    def takes_labels(self) -> bool:
        """True if the model is conditional: its methods need labels."""
        return bool(self.class_names)

    def reconstruct(self, x, label=None):
        """The mean reconstruction of examples `x` through their codes without noise, shaped as `x`.

        Images are [batch, height, width, channels] in [0, 1], tokens int32 [batch, steps], rows of
        a table standardised, [batch, columns].
        """
        return self.call("reconstruct", x=x, **self._labels(label, len(x)))["reconstruction"]

    def encode(self, x, label=None):
        """The codes of examples `x` [batch, *example_shape], without noise: [batch, latent_dim]."""
        return self.call("encode", x=x, **self._labels(label, len(x)))["z"]

    def decode(self, z, label=None):
        """The mean reconstruction at codes `z` [batch, latent_dim]: [batch, *example_shape]."""
        return self.call("decode", z=z, **self._labels(label, len(z)))["x"]

    def generate(
        self, count: int, seed=0, label=None, temperature=None, top_p=None, beams=None
    ) -> np.ndarray:
        """Generate examples [count, *example_shape], the same ones for the same `seed`.

        `seed` is a number or a pair. A conditional model draws its classes in turn unless `label`
        is given. The other choices are for models of tokens. Logits are divided by `temperature`,
        which is 1 unless it is given; at 0 the likeliest token is taken. With `top_p`, tokens come
        only from the smallest set of likeliest ones whose probabilities sum to `top_p` or more.
        With `beams`, each sequence is the likeliest that a beam search finds for its code.

        Raises UserError if a choice is out of range, given to a model of images, or not in this
        export, or if `beams` is given together with another choice.
        """
        seed = np.broadcast_to(seed, 2)
        label = self._labels(self.labels_in_turn(count) if label is None else label, count)
        given = {"temperature": temperature, "top_p": top_p, "beams": beams}
        given = {name: value for name, value in given.items() if value is not None}
        endpoint = "search" if "beams" in given else "nucleus" if "top_p" in given else "generate"
        self._check_choices(endpoint, given)
        if endpoint == "search":
            z = self.prior.sample(count, tuple(seed))
            return self.call("search", z=z, beams=beams)["x"]
        if "temperature" in self._inputs(endpoint):
            given.setdefault("temperature", 1.0)
        inputs = {"n": count, "seed": seed, **label, **given}
        return self.call(endpoint, **inputs)["x"]

    def labels_in_turn(self, n: int) -> np.ndarray | None:
        """Labels for `n` examples, the classes in turn: int [n]; None if the model takes none."""
        return np.arange(n) % len(self.class_names) if self.takes_labels else None

    def log_prob(self, x, z, label=None):
        """log p(x|z) of each example `x` at its code `z` [batch, latent_dim], in nats: [batch]."""
        return self.call("log_prob", x=x, z=z, **self._labels(label, len(x)))["log_prob"]

    @property
    def is_variational(self) -> bool:
        """True if `encode` gives a posterior and there is an endpoint log_prob."""
        heads = self.model.signatures["encode"].structured_outputs
        return {"z_mean", "z_log_var"} <= heads.keys() and "log_prob" in self.endpoints

    def prepare(self, data: dict) -> Batch:
        """Turn a dictionary with `x`, `index` and perhaps `label` into a `Batch`.

        A conditional model needs `label`, which becomes the condition.
        """
        label = tf.cast(data["label"], tf.int32) if self.takes_labels else None
        return Batch(data["x"], data["x"], label, data["index"])

    def code(self, batch: Batch):
        """The code of each example, without noise: [batch, latent_dim]."""
        return self._encoded(batch)["z"]

    def posterior(self, batch: Batch):
        """`z_mean` and `z_log_var` of q(z|x): [batch, latent_dim] each."""
        found = self._encoded(batch)
        return found["z_mean"], found["z_log_var"]

    @property
    def levels(self) -> int:
        """The levels of the code: 1 unless q(z|x) of some dimensions depends on others."""
        return int(self._training().get("levels", 1))

    def proposal(self, batch: Batch) -> Proposal:
        """q(z|x) of a batch, from which an evaluation takes many draws."""
        if "posterior" not in self.endpoints:
            return gaussian_proposal(self.posterior(batch))

        def heads_at(z):
            shape = tf.shape(z)
            rows = tf.repeat(batch.x, shape[1], axis=0)
            z = tf.reshape(z, (-1, self.latent_dim))
            found = self.model.signatures["posterior"](x=rows, z=z)
            return [tf.reshape(found[name], shape) for name in ("z_mean", "z_log_var")]

        def draw(epsilon):
            z = epsilon
            for _ in range(self.levels):  # each time, one more level is right
                z_mean, z_log_var = heads_at(z)
                z = z_mean + tf.exp(0.5 * z_log_var) * epsilon
            return z

        return Proposal(draw, heads_at)

    def log_likelihood(self, batch: Batch, z):
        """log p(x|z) of each example at its code `z` [batch, latent_dim], in nats: [batch]."""
        signature = self.model.signatures["log_prob"]
        return signature(x=batch.target, z=z, **_conditioned(batch))["log_prob"]

    def reconstruction_loss(self, batch: Batch, z, training=False):
        """The reconstruction loss of each example at its code `z` [batch, latent_dim]: [batch].

        It is in the `unit` of the model, and the same whether `training` or not.
        """
        if "log_prob" in self.endpoints:
            return -self.log_likelihood(batch, z)
        rebuilt = self.model.signatures["decode"](z=z, **_conditioned(batch))["x"]
        return loss_named(self._loss_name()).loss(batch.target, rebuilt)

    @property
    def unit(self) -> str:
        """The unit of the reconstruction loss."""
        return "nats" if "log_prob" in self.endpoints else loss_named(self._loss_name()).unit

    def _loss_name(self) -> str:
        """The name of a loss that is no likelihood. Raises UserError if it is not known."""
        if "loss" not in self._training():
            raise UserError(f"{str(self.path)!r} has no {TRAINING}: export the run again")
        return self._training()["loss"]

    def _encoded(self, batch: Batch) -> dict:
        return self.model.signatures["encode"](x=batch.x, **_conditioned(batch))

    def _labels(self, label, count: int) -> dict:
        """The input `label` of an endpoint: checked, and one for each example.

        Raises UserError if it is missing, not allowed or out of range.
        """
        if not self.takes_labels:
            if label is not None:
                raise UserError(f"{self.path.name!r} takes no label: it is not a conditional model")
            return {}
        if label is None:
            raise UserError(f"{self.path.name!r} is a conditional model: give a label")
        if isinstance(label, str):
            label = self._position(label)
        label, most = np.asarray(label), len(self.class_names) - 1
        if not np.issubdtype(label.dtype, np.integer) or label.min() < 0 or label.max() > most:
            raise UserError(
                f"label {label} of {self.path.name!r} must be a number from 0 to {most}"
            )
        return {"label": np.broadcast_to(label, count)}

    def _position(self, label: str) -> int:
        """The position of the class that is called `label`, or of which it is the number."""
        if label in self.class_names:
            return self.class_names.index(label)
        names_are_numbers = all(name.lstrip("-").isdecimal() for name in self.class_names)
        if label.isdecimal() and not names_are_numbers and int(label) < len(self.class_names):
            return int(label)
        raise unknown("label", label, self.class_names)

    def _check_choices(self, endpoint: str, given: dict):
        """Raise UserError if the model or its endpoint does not take the choices of `generate`."""
        name = self.path.name
        if given and not self.vocabulary:
            raise UserError(f"{name!r} takes no {' or '.join(given)}: it is of {self.kind.plural}")
        if endpoint not in self.endpoints and endpoint != "generate":
            raise UserError(f"{name!r} has no endpoint {endpoint!r}: export its run again")
        if "beams" in given and len(given) > 1:
            raise UserError(
                "beams search for the likeliest tokens: leave out temperature and top_p"
            )
        for choice, value in given.items():
            least, most = LIMITS[choice]
            if not least <= value <= most:
                raise UserError(f"{choice} {value} must be a number from {least} to {most}")


def _conditioned(batch: Batch) -> dict:
    return {} if batch.condition is None else {"label": batch.condition}
