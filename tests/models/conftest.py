"""What the tests of several rungs look at."""

import pytest

from vae_keras.data.images.archives import digits


@pytest.fixture(scope="module")
def x():
    return digits().test.take(slice(64)).arrays()[0]
