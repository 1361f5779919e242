import pytest

from vae_keras import TrainConfig, train


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    """A short run of the default model, used by every test that only looks."""
    root = tmp_path_factory.mktemp("digits")
    config = TrainConfig(epochs=5, output_dir=root)
    return train(config, verbose=0)
