"""Encoders and decoders without any loss."""

from vae_keras.config.options import check_accepted
from vae_keras.errors import unknown
from vae_keras.networks.conv import ConvNetwork
from vae_keras.networks.dense import DenseNetwork, LinearNetwork
from vae_keras.networks.network import Network
from vae_keras.networks.recurrent import RecurrentNetwork
from vae_keras.networks.residual import ResidualNetwork

NETWORKS = {
    "dense": DenseNetwork,
    "conv": ConvNetwork,
    "resnet": ResidualNetwork,
    "lstm": RecurrentNetwork,
    "linear": LinearNetwork,
}


def network_named(name_or_network, **options):
    """Make the network called `name_or_network`, with `options`; a `Network` is returned as it is.

    Raises UserError if there is none of that name, or if it does not have one of `options`.
    """
    if isinstance(name_or_network, Network):
        return name_or_network
    if name_or_network not in NETWORKS:
        raise unknown("network", name_or_network, NETWORKS)
    check_accepted("network", name_or_network, NETWORKS[name_or_network], options.keys())
    return NETWORKS[name_or_network](**options)


import vae_keras.models  # noqa: E402, F401  (so that Keras can load the models, too)
