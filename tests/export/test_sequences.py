"""The export of a model of sentences."""

import re

import keras
import numpy as np
import pytest

from tests.exports import PRETRAINED
from tests.processes import said_by
from vae_keras import UserError, load_exported
from vae_keras.data.text import vocabulary

WITHOUT_THE_PACKAGE = """
import sys
sys.modules["vae_keras"] = None  # importing it would fail
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
x = np.load(sys.argv[2])
assert x.dtype == np.int32
s = model.signatures
default = s["serving_default"](x=tf.constant(x))["reconstruction"]
np.testing.assert_array_equal(default, s["reconstruct"](x=tf.constant(x))["reconstruction"])
found = s["encode"](x=tf.constant(x))
assert set(found) == {"z", "z_mean", "z_log_var"} and found["z"].shape == (len(x), 4)
again = s["decode"](z=found["z"])["x"]
np.testing.assert_array_equal(again, default)
assert again.dtype == tf.int32 and again.shape == x.shape
def drawn(seed, temperature, n=7):
    inputs = dict(n=n, seed=[1, seed], temperature=temperature)
    return s["generate"](**{k: tf.constant(v) for k, v in inputs.items()})["x"].numpy()
one = drawn(2, 1.0)
assert one.shape == (7, x.shape[1])
np.testing.assert_array_equal(one, drawn(2, 1.0))
assert np.any(one != drawn(3, 1.0)) and np.any(one != drawn(2, 0.5))
np.testing.assert_array_equal(drawn(2, 0.0), drawn(2, 0.0))
log_prob = s["log_prob"](x=tf.constant(x), z=found["z"])["log_prob"]
np.save(sys.argv[3], np.concatenate([default, log_prob[:, None]], axis=1))
most = int(sys.argv[4])
for bad in (-1, most + 1):
    wrong = np.where(np.arange(x.shape[1]) == 2, bad, x)
    for name, more in (("encode", {}), ("reconstruct", {}), ("log_prob", {"z": found["z"]})):
        try:
            s[name](x=tf.constant(wrong, tf.int32), **more)
        except tf.errors.InvalidArgumentError as error:
            assert f"tokens must be 0 to {most}" in str(error), error
        else:
            raise AssertionError((name, bad))
exec(sys.argv[5])  # the example of the card
"""


@pytest.fixture(scope="module")
def sentences():
    """The model of sentences that ships."""
    return load_exported(PRETRAINED / "sentences_vae")


@pytest.fixture(scope="module")
def model(talk):
    """What was exported."""
    return keras.models.load_model(talk[0] / "runs/talk_sequence/model.keras")


@pytest.mark.slow
def test_export_and_the_example_of_its_card_need_tensorflow_alone(talk, talker, model, tmp_path):
    card = (talker.path / "model_card.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    folder, most = talk[0], len(talker.vocabulary) - 1
    lines = (folder / "talk.txt").read_text(encoding="utf-8").splitlines()[:6]
    x = np.concatenate([talker.kind.read(line, talker.example_shape).values for line in lines])
    np.save(tmp_path / "x.npy", x)
    paths = talker.path, tmp_path / "x.npy", tmp_path / "y.npy"
    output, _ = said_by(*paths, most, example, code=WITHOUT_THE_PACKAGE, cwd=folder)
    *rebuilt, log_prob = np.load(tmp_path / "y.npy").T
    np.testing.assert_array_equal(np.transpose(rebuilt), model(x))
    expected = model.log_likelihood(model.prepare(x), model.encode(x))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4)
    printed = output.split()
    assert len(printed) == talker.example_shape[0] and set(printed) <= set(talker.vocabulary)
    first = talker.generate(16, seed=(0, 1))[0]
    assert printed == [talker.vocabulary[token] for token in first]
    assert (
        "assets/vocabulary.txt" in card and f"sequences of {talker.example_shape[0]} tokens" in card
    )
    assert "--dataset text:talk.txt --model sequence" in card


@pytest.mark.slow
def test_loaded_export_does_what_the_model_does(talker, model):
    assert talker.vocabulary == model.vocabulary and talker.vocabulary[:3] == vocabulary.SPECIAL
    words = (talker.path / "assets/vocabulary.txt").read_text(encoding="utf-8")
    assert words == "".join(f"{word}\n" for word in model.vocabulary)
    assert (talker.example_shape, talker.latent_dim) == (model.example_shape, 4)
    x = talker.generate(20, seed=3)
    np.testing.assert_array_equal(x, model.generate(20, (3, 3)))
    np.testing.assert_array_equal(x, talker.generate(20, seed=3))
    np.testing.assert_array_equal(x, talker.generate(20, seed=3, temperature=1.0))
    assert np.any(x != talker.generate(20, seed=3, temperature=0.5))
    z = talker.encode(x)
    np.testing.assert_allclose(z, model.encode(x), atol=1e-5)
    np.testing.assert_array_equal(talker.decode(z), model.decode(z))
    np.testing.assert_array_equal(talker.reconstruct(x), model(x))
    np.testing.assert_array_equal(
        talker.generate(20, 3, temperature=0), model.generate(20, (3, 3), temperature=0.0)
    )


@pytest.mark.slow
def test_export_draws_from_the_nucleus_and_searches_as_the_model_does(talker, model):
    drawn = talker.generate(20, 3, temperature=0.8, top_p=0.5)
    np.testing.assert_array_equal(drawn, model.generate(20, (3, 3), temperature=0.8, top_p=0.5))
    assert np.any(drawn != talker.generate(20, 3, temperature=0.8))
    np.testing.assert_array_equal(talker.generate(20, 3, top_p=1), talker.generate(20, 3))
    z = model.prior.sample(20, (3, 3))
    np.testing.assert_array_equal(talker.generate(20, 3, beams=4), model.search(z, 4))
    np.testing.assert_array_equal(talker.generate(20, 3, beams=1), model.decode(z))


@pytest.mark.parametrize(
    "choice",
    [
        *({"temperature": value} for value in (-0.1, 101, np.nan, np.inf)),
        *({"top_p": value} for value in (0, -1, 1.1, np.nan)),
        *({"beams": value} for value in (0, -1, 101)),
    ],
    ids=str,
)
def test_choices_of_tokens_have_bounds(sentences, choice):
    with pytest.raises(UserError, match=r"must be a number from [\d.]+ to \d+"):
        sentences.generate(3, **choice)


def test_a_search_draws_nothing(sentences):
    with pytest.raises(UserError, match="leave out temperature and top_p"):
        sentences.generate(3, beams=4, temperature=0.5)


def test_model_of_sequences_takes_no_label(sentences):
    with pytest.raises(UserError, match="takes no label"):
        sentences.generate(3, label=1)
