"""Networks of the user's own: a class, or two Keras models."""

import math

import keras
import numpy as np
import pytest
from keras import layers

from tests.commands import refused
from tests.images import images
from tests.runs import training_alone
from vae_keras import VAE, TrainConfig, UserError, train
from vae_keras.models import MODELS
from vae_keras.networks import DenseNetwork, Network, network_named

SHAPE = (6, 5, 1)
X = images(8, SHAPE)


def two_models(inputs=SHAPE, code=3, outputs=SHAPE):
    encoder = keras.Sequential(
        [keras.Input(inputs), layers.Conv2D(2, 3, activation="relu"), layers.Flatten()]
    )
    z = keras.Input((code,))
    decoded = layers.Reshape(outputs)(layers.Dense(math.prod(outputs))(z))
    return dict(encoder=encoder, decoder=keras.Model(z, decoded))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae", "deep", "conditional"])
def test_two_keras_models_are_the_encoder_and_the_decoder(name, tmp_path):
    labels = np.arange(8) % 2
    own = two_models()
    given, options = X, {}
    if name == "conditional":  # which is told the label in one more channel, and beside the code
        own, options = two_models((6, 5, 2), 5), dict(classes=2)
        given = {"x": X, "label": labels}
    model = MODELS[name](SHAPE, 3, **own, **options)
    model.compile(keras.optimizers.Adam(0.01))
    before = own["encoder"].get_weights()
    losses = model.fit(given, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert any(map(np.any, map(np.not_equal, before, own["encoder"].get_weights())))
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        keras.models.load_model(tmp_path / "model.keras")(given), model(given)
    )


WRONG = {
    "input": (two_models((5, 6, 1)), "the encoder has the shapes (5, 6, 1), (24,)"),
    "code": (two_models(code=2), "the decoder has the shapes (2,), (6, 5, 1)"),
    "output": (two_models(outputs=(6, 5, 2)), "needs one input (3,) and one output (6, 5, 1)"),
    "one": (dict(encoder=two_models()["encoder"]), "give both encoder and decoder"),
    "both": ({**two_models(), "network": "conv"}, "not some of each"),
    "no model": (dict(encoder=len, decoder=len), "must be a keras.Model"),
    "unbuilt": (dict(two_models(), encoder=keras.Sequential([layers.Flatten()])), "has no inputs"),
}


@pytest.mark.parametrize("name", WRONG)
def test_models_of_other_shapes_are_refused_in_one_line(name):
    given, message = WRONG[name]
    with pytest.raises(UserError) as error:
        VAE(SHAPE, 3, **given)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_features_with_an_area_are_refused():
    encoder = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(2, 3)])
    with pytest.raises(UserError, match="of features"):
        VAE(SHAPE, 3, **{**two_models(), "encoder": encoder})


@keras.saving.register_keras_serializable("tests")
class Narrow(DenseNetwork):
    """A network of the user's own."""

    name = "narrow"

    def __init__(self, width=4):
        super().__init__((width,))
        self.width = width

    def get_config(self):
        return {"width": self.width}


class Unregistered(Network):
    pass


def test_a_configuration_keeps_an_own_network_in_words():
    config = TrainConfig(network=Narrow(5))
    assert config.network == 'tests>Narrow {"width": 5}'
    assert TrainConfig(**config.as_dict()) == config and hash(config) == hash(config.replace())
    assert network_named(config.network).width == 5


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Unregistered(), "is not registered"),
        (layers.Dense(3), "must be a name or a Network"),
        ("tests>Nothing", "is not known here"),
        (Narrow(np.float32(1)), "JSON"),
    ],
    ids=["unregistered", "a layer", "unknown", "arguments"],
)
def test_what_is_no_network_is_refused_in_one_line(network, message):
    with pytest.raises(UserError, match=message) as error:
        network_named(TrainConfig(network=network).network)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_run_with_an_own_network_is_resumed_and_tells_of_it(tmp_path, capsys, monkeypatch):
    config = TrainConfig(network=Narrow(5), epochs=1, name="own", output_dir=tmp_path)
    first = train(config, verbose=1)
    assert "network narrow" in capsys.readouterr().out
    assert first.folder.read_config().network == config.network
    card = (first.folder.exported / "model_card.md").read_text()
    assert "where the class of its network is known" in card
    training_alone(monkeypatch)
    run = train(config.replace(resume=True, epochs=2), verbose=0)
    assert len(run.history["loss"]) == 2 and isinstance(run.model.network, Narrow)
    with pytest.raises(UserError, match="was started with network"):
        train(config.replace(resume=True, epochs=3, network=Narrow(6)), verbose=0)
    monkeypatch.chdir(tmp_path)
    keras.saving.get_custom_objects().pop("tests>Narrow")
    try:  # as in a process that does not know the class
        error = refused(capsys, "train", "--resume", "--name", "own", "--epochs", 3)
        assert "'tests>Narrow' is not known here" in error
        assert "tests>Narrow" in refused(capsys, "evaluate", "runs/own")
    finally:
        keras.saving.get_custom_objects()["tests>Narrow"] = Narrow
