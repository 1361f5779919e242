"""The networks of images."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.images import images
from vae_keras import VAE
from vae_keras.networks import GridNetwork, ResidualNetwork

SHAPES = [(8, 8, 1), (13, 9, 1), (28, 28, 1), (32, 32, 3), (45, 37, 3), (64, 48, 3), (1, 5, 2)]


@pytest.mark.parametrize("network", ["dense", "conv", "resnet", "grid"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_image_size_is_encoded_and_decoded(shape, network):
    model = VAE(shape, latent_dim=3, network=network)
    x = images(2, shape)
    assert model.encode(x).shape == (2, 3)
    assert model.decode(model.encode(x)).shape == x.shape
    assert model(x).shape == x.shape


@pytest.mark.slow
@pytest.mark.parametrize("network", ["dense", "conv", "resnet", "grid"])
def test_every_weight_has_a_part_in_the_loss(network):
    model = VAE((29, 34, 1), latent_dim=3, network=network)
    batch = model.prepare(images(4, (29, 34, 1)))
    with tf.GradientTape() as tape:
        loss = sum(model.objective(batch, training=False).values())
    for weight in tape.gradient(loss, model.trainable_variables):
        assert np.abs(weight).max() > 0


def test_residual_blocks_add_to_what_they_are_given():
    """With weights of 0 they add nothing: the network is one without blocks."""
    bare, blocks = (ResidualNetwork(blocks=count).encoder((33, 40, 3)) for count in (0, 2))
    convolutions = [layer for layer in blocks.layers if isinstance(layer, keras.layers.Conv2D)]
    own = convolutions[-5:-1]  # two of each block; the last one is the neck
    others = [layer for layer in blocks.layers if layer.weights and layer not in own]
    for layer in own:
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    for layer, same in zip(others, [layer for layer in bare.layers if layer.weights], strict=True):
        layer.set_weights(same.get_weights())
    x = images(2, (33, 40, 3))
    np.testing.assert_allclose(blocks(x), bare(x), atol=1e-6)


def test_most_weights_of_a_grid_decoder_are_shared_over_the_image():
    """It is a convolution: on a larger image only the dense layer to the coarse grid is larger."""
    grid = GridNetwork()
    counts = [grid.decoder(40, (side, side, 1)).count_params() for side in (28, 32)]
    assert counts[1] - counts[0] == (8 * 8 - 7 * 7) * 16 * (40 + 1)


@pytest.mark.parametrize("blocks", [0, 2])
def test_blocks_of_a_grid_decoder(blocks):
    """Whatever their number: each has a kernel of 3×3 and one of 1×1, and changes no width."""
    decoder = GridNetwork(filters=4, max_filters=8, blocks=blocks).decoder(3, (28, 28, 1))
    adds = [layer for layer in decoder.layers if isinstance(layer, keras.layers.Add)]
    assert [layer.output.shape[1:] for layer in adds] == [(7, 7, 8)] * blocks + [(14, 14, 4)]
