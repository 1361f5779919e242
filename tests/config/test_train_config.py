import copy
import dataclasses
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from vae_keras import Examples, TrainConfig, UserError, data
from vae_keras.config import names
from vae_keras.data.dataset import split_dataset
from vae_keras.data.kinds import kind_of
from vae_keras.networks import NETWORKS
from vae_keras.objectives.likelihoods import LIKELIHOODS, LOSSES
from vae_keras.training.run_folder import RunFolder, read_config


def toy(count=1000, channels=1):
    return split_dataset("toy", Examples(np.zeros((count, 4, 4, channels), np.uint8)))


def test_defaults_leave_the_recipe_open():
    config = TrainConfig()
    assert (config.dataset, config.model, config.options.code_size, config.beta) == (
        *("digits", "vae", 2, 1),
    )
    open_choices = ("network", "epochs", "batch_size", "learning_rate", "likelihood", "sigma")
    open_choices += ("latent_dim", "passes", "keep", "patience", "jit")
    assert [getattr(config, name) for name in open_choices] == [None] * 11


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (dict(latent_dim=np.int64(3)), 3),
        (dict(latent_dim=np.uint8(3)), 3),
        (dict(epochs=np.int32(3)), 3),
        (dict(beta=4), 4.0),
        (dict(beta=np.float32(0.5)), 0.5),
        (dict(beta=np.int64(4)), 4.0),
        (dict(learning_rate=1), 1.0),
        (dict(sigma="0.5"), 0.5),
        (dict(sigma="learned"), "learned"),
        (dict(output_dir=Path("some/where")), str(Path("some/where"))),
        (dict(data_dir=Path("here")), "here"),
        (dict(network=None), None),
    ],
)
def test_values_are_converted_to_the_type_of_their_option(given, expected):
    ((name, _),) = given.items()
    value = getattr(TrainConfig(**given), name)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (dict(latent_dim=True), "--latent-dim True must be of type int"),
        (dict(latent_dim=2.0), "--latent-dim 2.0 must be of type int"),
        (dict(latent_dim="2"), "--latent-dim '2' must be of type int"),
        (dict(beta=True), "--beta True must be of type float"),
        (dict(beta="much"), "--beta 'much' must be of type float"),
        (dict(beta=[1.0]), "must be of type float"),
        (dict(sigma=[1.0]), "must be of type float or str"),
        (dict(dataset=3), "--dataset 3 must be of type str"),
        (dict(network=3), "--network 3 must be of type str"),
        (dict(resume=1), "--resume 1 must be of type bool"),
        (dict(latent_dim=0), "--latent-dim 0 must be at least 1"),
        (dict(epochs=0), "--epochs 0 must be at least 1"),
        (dict(batch_size=-3), "--batch-size -3 must be at least 1"),
        (dict(seed=-1), "--seed -1 must be at least 0"),
        (dict(beta=-0.5), "--beta -0.5 must be at least 0"),
        (dict(beta_warmup=-1), "--beta-warmup -1 must be at least 0"),
        (dict(learning_rate=0), "--learning-rate 0.0 must be above 0"),
        (dict(beta=math.nan), "--beta nan must be finite"),
        (dict(beta=math.inf), "--beta inf must be finite"),
        (dict(learning_rate=-math.inf), "--learning-rate -inf must be finite"),
        (dict(sigma=math.nan), "--sigma nan must be finite"),
        (dict(model="vaee"), "unknown model 'vaee': did you mean 'vae'?"),
        (dict(network="cnov"), "unknown network 'cnov': did you mean 'conv'?"),
        (dict(likelihood="gausian"), "unknown likelihood 'gausian': did you mean 'gaussian'?"),
        (dict(color_mode="gray"), "unknown color mode 'gray': did you mean 'grayscale'?"),
        (dict(resume=True, overwrite=True), "--resume and --overwrite contradict each other"),
    ],
)
def test_bad_values_are_refused_with_the_reason(given, wrong):
    with pytest.raises(UserError) as caught:
        TrainConfig(**given)
    assert wrong in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("edge", [dict(latent_dim=1), dict(beta=0), dict(seed=0), dict(epochs=1)])
def test_bounds_themselves_are_allowed(edge):
    assert edge.items() <= TrainConfig(**edge).as_dict().items()


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "..", ".", ".hidden", "/abs", "a\0b"])
def test_name_that_is_no_plain_name_is_refused(name):
    with pytest.raises(UserError, match="must be a plain name"):
        TrainConfig(name=name)


@pytest.mark.parametrize("name", ["a", "digits_vae-2", "a b", "β.1", "-"])
def test_plain_names_are_allowed(name):
    assert TrainConfig(name=name).name == name


def test_option_of_no_model_is_refused():
    with pytest.raises((TypeError, UserError), match="betta"):
        TrainConfig(betta=3.0)


def test_replace_changes_what_it_is_told_and_checks_it():
    config = TrainConfig(beta=4.0, latent_dim=5)
    changed = config.replace(beta=2, network="conv")
    assert (changed.beta, changed.network, changed.latent_dim) == (2.0, "conv", 5)
    assert (config.beta, config.network) == (4.0, None)
    with pytest.raises(UserError, match="--beta"):
        config.replace(beta=-1)


def test_config_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().beta = 2.0


CONFIGS = [
    TrainConfig(),
    TrainConfig(beta=0.1, learning_rate=1e-30, sigma=1 / 3, likelihood="gaussian"),
    TrainConfig(dataset="folder:Fotos/für β", image_size="48x32", color_mode="rgb", name="n"),
    TrainConfig(latent_dim=np.int64(7), sigma="learned", resume=True, data_dir=Path("d")),
    TrainConfig(seed=5).resolved(toy()),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_json_makes_an_equal_config(config):
    again = TrainConfig(**json.loads(config.to_json()))
    assert again == config.replace(resume=False, overwrite=False)
    assert type(again) is type(config)


@pytest.mark.parametrize("config", CONFIGS)
def test_config_json_of_a_run_makes_an_equal_config(tmp_path, config):
    config = config.replace(name="run", output_dir=tmp_path, ema=0.0)  # resolved, as a run has it
    folder = RunFolder.below(tmp_path, "run")
    folder.create(config)
    stored = config.replace(resume=False, overwrite=False)
    assert TrainConfig(**json.loads(folder.config.read_text(encoding="utf-8"))) == stored
    assert folder.read_config() == stored


@pytest.mark.parametrize("content", ["", "{", "[1]", "3", '{"betta": 1}', '{"latent_dim": "2"}'])
def test_damaged_config_json_is_refused(tmp_path, content):
    folder = RunFolder.below(tmp_path, "run")
    folder.create(TrainConfig())
    folder.config.write_text(content)
    with pytest.raises(UserError):
        folder.read_config()


@pytest.mark.parametrize(
    ("given", "data", "expected"),
    [
        (
            dict(),
            toy(1000),
            dict(network="dense", likelihood="bernoulli", batch_size=64, learning_rate=2e-3),
        ),
        (
            dict(dataset="mnist"),
            toy(1000),
            dict(network="dense", likelihood="bernoulli", batch_size=256, learning_rate=2e-3),
        ),
        (
            dict(dataset="cifar10"),
            toy(2000, channels=3),
            dict(network="conv", likelihood="gaussian", batch_size=64, learning_rate=1e-3),
        ),
        (dict(dataset="cifar10"), toy(30_000, channels=3), dict(network="resnet", epochs=22)),
    ],
)
def test_recipe_of_data_and_model_fills_open_choices(given, data, expected):
    config = TrainConfig(**given).resolved(data)
    assert expected.items() <= config.as_dict().items()


@pytest.mark.parametrize("network", ["conv", "resnet", "grid", "linear"])
def test_units_of_a_recipe_are_for_the_network_that_has_them(network):
    config = TrainConfig(dataset="mnist", latent_dim=20, network=network)
    assert config.resolved(toy()).units is None


@pytest.mark.parametrize(
    ("options", "warmup"),
    [
        (dict(), 0),
        (dict(prior="mixture"), 0),
        (dict(prior="flow"), 4),
        (dict(prior="flow", beta_warmup=1), 1),
        (dict(prior="flow", beta_warmup=0), 0),
        (dict(prior="flow", model="iwae"), 0),
        (dict(model="ladder"), 4),
    ],
)
def test_what_is_learned_beside_the_codes_is_warmed_up(options, warmup):
    config = TrainConfig(dataset="mnist", epochs=12, **options)
    assert config.resolved(toy()).beta_warmup == warmup


def test_layers_of_wide_codes_are_for_drawings():
    drawings = split_dataset("toy", Examples(np.zeros((1000, 12, 12, 1), np.uint8)))
    config = TrainConfig(dataset="mine.npz", network="dense")
    assert config.resolved(drawings).units == "512-256"
    assert config.resolved(toy(1000, channels=3)).units is None  # of photos
    assert config.replace(dataset="digits", latent_dim=8).resolved(drawings).units is None


def test_units_ask_for_the_network_that_has_them():
    photos = toy(1000, channels=3)
    assert TrainConfig(dataset="photos").resolved(photos).network == "conv"
    assert TrainConfig(dataset="photos", units="8").resolved(photos).network == "dense"


@pytest.mark.parametrize(
    ("dataset", "model", "size"),
    [
        ("digits", "vae", 2),
        ("mnist", "deep", 2),
        ("mine.npz", "vae", 32),
        ("mine.npz", "sparse", 128),
        ("mine.npz", "conditional", 32),
    ],
)
def test_code_of_two_numbers_is_for_digits(dataset, model, size):
    images = Examples(np.zeros((1000, 12, 12, 1), np.uint8), np.arange(1000) % 2)
    config = TrainConfig(dataset=dataset, model=model).resolved(split_dataset("toy", images))
    assert config.latent_dim == size
    assert TrainConfig(dataset=dataset, model=model, latent_dim=5).latent_dim == 5


def test_code_of_many_photos_is_large():
    photos = Examples(np.zeros((30_000, 16, 16, 3), np.uint8))
    assert TrainConfig(dataset="photos").resolved(split_dataset("toy", photos)).latent_dim == 128


def test_code_of_few_or_tiny_images_is_small():
    assert TrainConfig(dataset="mine.npz").resolved(toy(1000)).latent_dim == 4  # of 16 pixels
    assert TrainConfig(dataset="mine.npz").resolved(toy(10)).latent_dim == 2


@pytest.mark.parametrize(
    ("count", "channels", "size"), [(30_000, 3, 128), (30_000, 1, 32), (20_000, 3, 32)]
)
def test_code_of_many_colour_images_is_large(count, channels, size):
    values = np.broadcast_to(np.uint8(0), (count, 32, 32, channels))  # 81 % of it is for training
    images = split_dataset("toy", Examples(values))
    assert TrainConfig(dataset="mine.npz").resolved(images).latent_dim == size


def test_config_of_an_earlier_version_means_what_it_did(tmp_path):
    folder = RunFolder.below(tmp_path, "run")
    folder.create(TrainConfig(likelihood="gaussian", epochs=3))
    stored = json.loads(folder.config.read_text())
    for name in ("keep", "passes", "patience"):
        del stored[name]
    folder.config.write_text(json.dumps(stored))
    config = folder.read_config()
    assert (config.keep, config.passes, config.sigma) == ("last", 1, "learned")


def test_given_choices_stay_when_the_recipe_fills_the_rest():
    given = dict(network="conv", likelihood="gaussian", epochs=3, batch_size=7, learning_rate=0.5)
    config = TrainConfig(**given).resolved(toy())
    assert given.items() <= config.as_dict().items()
    assert config.resolved(toy()) == config


@pytest.mark.parametrize(
    ("count", "batch_size", "epochs"),
    # a recipe of 2,000 steps; 81 % of the examples are for training
    [(1000, None, 77), (1000, 81, 100), (100_000, None, 4), (1000, 1, 4), (10, None, 100)],
)
def test_epochs_keep_the_number_of_steps_but_are_four_to_a_hundred(count, batch_size, epochs):
    data = toy(count)
    config = TrainConfig(batch_size=batch_size).resolved(data)
    assert config.epochs == epochs
    steps = config.passes * epochs * math.ceil(len(data.train) / config.batch_size)
    assert steps == pytest.approx(2_000, rel=0.02) or epochs == 4
    assert TrainConfig(epochs=500).resolved(data).passes == 1  # the user counts passes


def test_batch_size_above_the_data_is_refused_only_if_given():
    small = toy(20)
    assert TrainConfig().resolved(small).batch_size == len(small.train) == 17
    assert TrainConfig(batch_size=17).resolved(small).batch_size == 17
    with pytest.raises(UserError, match=r"batch size 18 .*17 examples.*--batch-size"):
        TrainConfig(batch_size=18).resolved(small)


@pytest.mark.parametrize("model", ["vae", "linear", "sequence"])
def test_a_config_can_be_copied_and_pickled(model):
    config = TrainConfig(model=model, latent_dim=3)
    for again in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert again == config and type(again.options) is type(config.options)
        assert again.latent_dim == again.options.latent_dim == 3
    assert hasattr(config, "beta") == (model != "linear")


def test_the_words_of_the_options_are_those_that_there_are():
    assert set(names.LIKELIHOODS) == set(LIKELIHOODS) and set(names.LOSSES) == set(LOSSES)
    assert set(names.NETWORKS) == set(NETWORKS)
    loadable = {name for name in names.DATASETS if name.isidentifier()}
    assert loadable == set(data.NAMED)


def test_effective_beta_of_nothing_on_the_reconstruction_is_infinite():
    assert TrainConfig(beta=0.0, beta_on="reconstruction").effective_beta() == float("inf")


@pytest.mark.parametrize(
    ("count", "options", "expected"),
    [
        (1_000, dict(), "off"),  # it would compile for longer than it trains
        (1_000, dict(jit="on"), "on"),
        (1_000, dict(epochs=40_000), "on"),
        (1_000, dict(epochs=400, passes=100), "on"),
        (1_000, dict(epochs=40_000, jit="auto"), "on"),
        (1_000, dict(epochs=40_000, jit="off"), "off"),
        (1_000, dict(epochs=40_000, network="conv"), "off"),
        (1_000, dict(epochs=40_000, model="denoising"), "off"),
    ],
)
def test_long_trainings_of_dense_networks_are_compiled(count, options, expected):
    assert TrainConfig(**options).resolved(toy(count)).jit == expected


def test_sequences_of_ones_own_have_free_bits():
    tokens = split_dataset("toy", Examples(np.zeros((1000, 4), np.int32)))
    tokens = dataclasses.replace(tokens, kind=kind_of(("", "end", "a")))
    for dataset, bits in (("midi:here", 0.3), ("text:here.txt", 0.3), ("sentences", None)):
        config = TrainConfig(dataset=dataset, model="sequence")
        assert config.resolved(tokens).free_bits == bits
        assert config.replace(free_bits=0.0).resolved(tokens).free_bits == 0


def test_a_run_of_before_the_options_goes_on_as_it_began(tmp_path):
    config = TrainConfig(epochs=40_000, dataset="mnist", latent_dim=20, network="dense")
    stored = json.loads(config.to_json())
    del stored["jit"]
    (tmp_path / "config.json").write_text(json.dumps(stored))
    now = config.resolved(toy())
    before = read_config(tmp_path / "config.json").resolved(toy())
    assert (now.jit, now.ema, now.units) == ("on", 0.99, "512-256")
    assert (before.jit, before.ema, before.units) == ("off", 0, "512-256-128")
