"""What the tests of data share."""

import pytest


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache for one test alone: its folder, which is not there yet."""
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"
