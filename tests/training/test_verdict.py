"""The last lines of a run say what a person would."""

import pytest

from tests.runs import training_alone
from vae_keras import TrainConfig, train
from vae_keras.training.verdict import verdict

GOOD = {"latent_dim": 2, "unused_dimensions": 0, "squared_error": 5.0}
GOOD |= {"squared_error_of_mean_image": 10.0, "squared_error_of_pca": 7.0}
FALLEN = [9.0, 6.0, 4.0, 3.0, 2.5, 2.2, 2.1, 2.05, 2.02, 2.01, 2.0]


def advice(changes=(), losses=FALLEN):
    figures, *lines = verdict(GOOD | dict(changes), {"val_loss": losses})
    return lines if figures.startswith("squared error") else [figures, *lines[1:]]


def test_nothing_is_advised_where_nothing_is_wrong():
    assert advice() == []
    assert advice(losses=FALLEN[:3]) == []
    (line,) = verdict(GOOD, {"val_loss": FALLEN})
    assert line == (
        "squared error of a reconstruction 5; of the mean image 10, of PCA with 2 numbers 7"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unused_dimensions": 2}, "the code has collapsed"),
        ({"squared_error": 9.8}, "hardly better than the mean image"),
        ({"squared_error": 8.0}, "PCA does better with as many numbers"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_try(changes, said):
    (line,) = advice(changes)
    assert said in line and "--beta" in line


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([*FALLEN, 2.5, 3.0], "lowest in epoch 11 of 13 and has risen by 1 since: --keep best"),
        ([10.0 - epoch for epoch in range(10)], "still falling: more --epochs"),
        ([2.0 + epoch for epoch in range(10)], "never fallen"),
    ],
)
def test_the_validation_loss_says_whether_other_epochs_would_help(losses, said):
    (line,) = advice(losses=losses)
    assert said in line


def test_models_of_sequences_and_plain_ones_have_their_own_lines():
    assert verdict({"latent_dim": 2}, {"val_loss": FALLEN}) == []
    assert verdict({"latent_dim": 3, "unused_dimensions": 1}, {}) == []


@pytest.mark.slow
def test_a_run_that_has_collapsed_does_not_end_like_a_success(tmp_path, capsys, monkeypatch):
    training_alone(monkeypatch)
    config = TrainConfig(epochs=4, beta=1e3, learning_rate=0.01, units="8")
    run = train(config.replace(output_dir=tmp_path), verbose=2)
    *_, collapsed, figures, mean = capsys.readouterr().out.strip().splitlines()
    assert collapsed.startswith("the code has collapsed")
    assert "of PCA with 2 numbers" in figures
    assert "hardly better than the mean image" in mean
    x = run.dataset.test.arrays()[0]
    error = ((x - run.dataset.mean_example()) ** 2).sum(axis=(1, 2, 3)).mean()
    assert run.metrics["squared_error_of_mean_image"] == pytest.approx(error, rel=1e-5)
    assert run.metrics["squared_error"] == pytest.approx(
        float(((x - run.model(x)) ** 2).numpy().sum(axis=(1, 2, 3)).mean()), rel=1e-4
    )


def test_more_epochs_are_not_advised_where_the_validation_loss_has_risen():
    losses = [*FALLEN, 2.5, 3.0]
    learned_by_heart, kept = advice({"squared_error": 8.0, "best_epoch": 11}, losses)
    assert "more data" in learned_by_heart and "--epochs" not in learned_by_heart
    assert kept.endswith("that epoch is kept")
