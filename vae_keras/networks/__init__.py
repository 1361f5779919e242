"""Encoders and decoders without any loss."""

import json

import keras

from vae_keras.config.options import check_accepted
from vae_keras.errors import UserError, unknown
from vae_keras.networks.conv import ConvNetwork
from vae_keras.networks.dense import DenseNetwork, LinearNetwork
from vae_keras.networks.grid import GridNetwork
from vae_keras.networks.network import Network
from vae_keras.networks.of_models import OfModels
from vae_keras.networks.recurrent import RecurrentNetwork
from vae_keras.networks.residual import ResidualNetwork

NETWORKS = {
    "dense": DenseNetwork,
    "conv": ConvNetwork,
    "resnet": ResidualNetwork,
    "grid": GridNetwork,
    "lstm": RecurrentNetwork,
    "linear": LinearNetwork,
}


def network_named(name_or_network, **options):
    """Make the network called `name_or_network`, with `options`; a `Network` is returned as it is.

    The name may be the words that `described` gives. Raises UserError if there is none of that
    name, or if it does not have one of `options`.
    """
    if isinstance(name_or_network, Network):
        return name_or_network
    if isinstance(name_or_network, str) and ">" in name_or_network:
        return _own_network(name_or_network, options)
    if name_or_network not in NETWORKS:
        raise unknown("network", name_or_network, NETWORKS)
    check_accepted("network", name_or_network, NETWORKS[name_or_network], options.keys())
    return NETWORKS[name_or_network](**options)


def network_of(network, encoder, decoder, default: str) -> Network:
    """The network that a model is given: by name, as a `Network`, or as two Keras models.

    Without any it is the one called `default`. Raises UserError if it is given twice, if one of the
    two models is missing, or as `network_named` does.
    """
    if encoder is None and decoder is None:
        return network_named(network or default)
    if network is not None or encoder is None or decoder is None:
        raise UserError("give both encoder and decoder, or a network, and not some of each")
    return OfModels(encoder, decoder)


def described(network: Network) -> str:
    """The words that make a network of the user's again: its registered name, and its arguments.

    Raises UserError if it is no `Network` that is registered with Keras, if JSON does not take its
    arguments, or if it is made of models, whose weights no words can hold.
    """
    if not isinstance(network, Network) or isinstance(network, OfModels):
        raise UserError(
            f"network {network!r} must be a name or a Network: a model of an encoder and a decoder "
            "of your own is trained with fit, VAE(shape, encoder=…, decoder=…)"
        )
    name = keras.saving.get_registered_name(type(network))
    if keras.saving.get_registered_object(name) is not type(network):
        raise UserError(
            f"network {name} is not registered: put "
            '@keras.saving.register_keras_serializable("your_package") before its class'
        )
    try:
        return f"{name} {json.dumps(network.get_config())}"
    except TypeError as error:
        raise UserError(f"network {name} has arguments that JSON cannot hold: {error}") from error


def _own_network(words: str, options: dict) -> Network:
    """Make the network that `described` has put into words.

    Raises UserError if its class is not known here, or if there are options of named networks.
    """
    name, _, config = words.partition(" ")
    network_class = keras.saving.get_registered_object(name)
    if network_class is None:
        raise UserError(
            f"network {name!r} is not known here: import the module that registers it, and go on "
            "from Python"
        )
    if options:
        raise UserError(f"network {name!r} has its own arguments: leave out {', '.join(options)}")
    return network_class.from_config(json.loads(config or "{}"))


import vae_keras.models  # noqa: E402, F401  (so that Keras can load the models, too)
