import pytest

from tests.explore.samples import DIGITS, ROOT
from vae_keras.explore import explore
from vae_keras.explore.explorer import Explorer
from vae_keras.export.places import PRETRAINED


@pytest.fixture(scope="session")
def digits():
    """Two-dimensional: with a plane."""
    return Explorer(DIGITS)


@pytest.fixture(scope="session")
def conditional():
    return Explorer(ROOT / PRETRAINED / "mnist_cvae")


@pytest.fixture(scope="session")
def address(digits) -> str:
    """Of the page of the two-dimensional model, as a notebook asks for it."""
    return explore(digits.model).address
