import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vae_keras import UserError
from vae_keras.latent import morphing

rng = np.random.default_rng(0)
A, B, C, D = rng.normal(size=(4, 6)).astype("float32")


@pytest.mark.parametrize("method", morphing.METHODS)
def test_a_way_begins_and_ends_at_its_codes(method):
    way = morphing.METHODS[method](A, B, 7)
    assert way.shape == (7, 6)
    np.testing.assert_allclose(way[[0, -1]], [A, B], atol=1e-6)


@given(
    codes=arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32)),
    method=st.sampled_from(list(morphing.METHODS)),
    steps=st.integers(2, 6),
)
def test_any_codes_are_passed_and_none_on_the_way_is_longer_than_the_ends(codes, method, steps):
    way = morphing.path(codes, steps, method)
    assert way.shape == (2 * steps - 1, 4)
    np.testing.assert_allclose(way[[0, steps - 1, -1]], codes, atol=1e-4)
    for first, leg in ((0, way[:steps]), (1, way[steps - 1 :])):
        longest = np.linalg.norm(codes[first : first + 2], axis=1).max()
        assert np.linalg.norm(leg, axis=1).max() <= longest * 1.001 + 1e-4
    np.testing.assert_allclose(morphing.path(codes[::-1], steps, method), way[::-1], atol=1e-3)


def test_linear_steps_are_even_and_halfway_is_half_of_the_difference():
    way = morphing.linear(A, B, 5)
    np.testing.assert_allclose(np.diff(way, axis=0), np.tile((B - A) / 4, (4, 1)), atol=1e-6)
    np.testing.assert_allclose(morphing.halfway(A, B), way[2], atol=1e-6)


def test_spherical_turns_evenly_and_keeps_the_length():
    one, other = 2 * A / np.linalg.norm(A), 3 * B / np.linalg.norm(B)
    way = morphing.spherical(one, other, 9)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), np.linspace(2, 3, 9), rtol=1e-5)
    directions = way / np.linalg.norm(way, axis=1, keepdims=True)
    angles = np.arccos(np.sum(directions[1:] * directions[:-1], axis=1))
    np.testing.assert_allclose(angles, angles[0], rtol=1e-3)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0])
def test_spherical_joins_codes_in_one_line(factor):
    way = morphing.spherical(A, factor * A, 4)
    assert np.isfinite(way).all()
    np.testing.assert_allclose(way, morphing.linear(A, factor * A, 4), atol=1e-5)


def test_a_path_goes_through_every_code_once():
    way = morphing.path([A, B, C], 4)
    assert way.shape == (7, 6)
    np.testing.assert_allclose(way[[0, 3, 6]], [A, B, C], atol=1e-6)
    for wrong in (([A], 4), ([A, B], 1)):
        with pytest.raises(UserError, match="a path needs two codes and two steps"):
            morphing.path(*wrong)


def test_a_square_has_its_corners_and_their_mean_in_the_middle():
    square = morphing.between_corners([A, B, C, D], 5).reshape(5, 5, 6)
    corners = square[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners, [A, B, C, D], atol=1e-6)
    np.testing.assert_allclose(square[2, 2], np.mean([A, B, C, D], axis=0), atol=1e-6)
