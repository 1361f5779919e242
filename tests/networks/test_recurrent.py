"""The network of sequences."""

import pytest

from vae_keras import UserError
from vae_keras.networks.recurrent import RecurrentNetwork


@pytest.mark.parametrize("units", [(16,), (16, 32, 64), ()])
def test_network_takes_two_numbers_of_units(units):
    with pytest.raises(UserError, match=f"two numbers of units, not {len(units)}"):
        RecurrentNetwork(units)
