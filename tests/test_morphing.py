import numpy as np
import pytest

from vae_keras import UserError, morphing

rng = np.random.default_rng(0)
A, B, C, D = rng.normal(size=(4, 6)).astype("float32")


@pytest.mark.parametrize("method", morphing.METHODS)
def test_a_way_begins_and_ends_at_its_codes(method):
    way = morphing.METHODS[method](A, B, 7)
    assert way.shape == (7, 6)
    np.testing.assert_allclose(way[[0, -1]], [A, B], atol=1e-6)


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
