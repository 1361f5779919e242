"""Encoders and decoders without any loss."""

import inspect

from vae_keras.errors import UserError, unknown
from vae_keras.networks.conv import ConvNetwork
from vae_keras.networks.dense import DenseNetwork, LinearNetwork
from vae_keras.networks.network import Network

NETWORKS = {"dense": DenseNetwork, "conv": ConvNetwork, "linear": LinearNetwork}


def network(name_or_network, **options):
    """The network called so, or the network itself. Raises UserError for an unknown name.

    `options` are those of the named network.
    """
    if isinstance(name_or_network, Network):
        return name_or_network
    if name_or_network not in NETWORKS:
        raise unknown("network", name_or_network, NETWORKS)
    accepted = inspect.signature(NETWORKS[name_or_network]).parameters
    for option in options.keys() - accepted.keys():
        raise UserError(f"network {name_or_network!r} has no {option}: leave --{option} out")
    return NETWORKS[name_or_network](**options)
