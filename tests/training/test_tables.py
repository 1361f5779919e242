"""A run on a table of numbers, and what the commands make of its model."""

import csv
import json
import re

import numpy as np
import pytest

from tests.commands import printed, refused
from tests.pictures import assert_shows
from tests.tables import iris_values, write, write_iris
from vae_keras import TrainConfig, UserError, evaluate, figures, load_exported, train, trained
from vae_keras.config import RUNGS
from vae_keras.export.saved_model import export
from vae_keras.training.stored import open_stored


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("tables")
    write_iris(root / "iris.csv")
    return root


@pytest.fixture(scope="module")
def run(place):
    config = TrainConfig(
        dataset=place / "iris.csv", epochs=3, passes=10, learning_rate=1e-2, units="16"
    )
    return train(config.replace(output_dir=place), verbose=0)


@pytest.fixture
def inside(run, place, monkeypatch):
    monkeypatch.chdir(place)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_recipe_of_numbers_is_one_of_a_small_table(run):
    resolved = TrainConfig(dataset=run.config.dataset).resolved(run.dataset)
    assert (resolved.network, resolved.batch_size) == ("dense", 8)
    assert (resolved.options.likelihood, resolved.epochs) == ("gaussian", 63)
    assert TrainConfig(network="linear").resolved(run.dataset).units is None
    assert TrainConfig(model="linear").resolved(run.dataset).network == "linear"


def test_a_run_tells_how_well_rows_are_rebuilt(run):
    x = run.dataset.test.arrays()[0]
    errors = np.sqrt(np.square(np.asarray(run.model(x)) - x).mean(axis=0))
    found = run.metrics["column_errors"]
    assert list(found) == ["sepal length", "sepal width", "petal length", "petal width"]
    np.testing.assert_allclose(list(found.values()), errors, rtol=1e-5)
    assert run.metrics["squared_error"] == pytest.approx(np.square(errors).sum(), rel=1e-5)
    assert run.metrics["squared_error"] < 0.5 * run.metrics["squared_error_of_mean_image"]
    assert run.metrics["columns"] == run.dataset.kind.columns.as_dict()


def test_pictures_are_in_the_units_of_the_data(run):
    plots, columns = run.folder.plots, run.dataset.kind.columns
    names = {path.name for path in plots.iterdir() if not path.name.startswith("latent")}
    assert names == {
        *("loss_curves.png", "reconstructions.png", "column_errors.png", "samples.png"),
        "samples.csv",
    }
    x, labels = run.dataset.test.arrays()
    figure = figures.column_scatters(
        *(columns.restored(one) for one in (x, run.model(x))),
        columns.names,
        labels,
        run.dataset.class_names,
        "test rows and their reconstructions",
    )
    assert_shows(plots / "reconstructions.png", figure)
    samples = np.array([list(map(float, row.values())) for row in rows_of(plots / "samples.csv")])
    expected = columns.restored(run.model.generate(64, (0, 0)))
    np.testing.assert_allclose(samples, expected, rtol=1e-5)


@pytest.mark.slow
def test_series_are_drawn_as_curves(tmp_path):
    values = np.random.default_rng(0).normal(size=(40, 16)).cumsum(axis=1)
    path = write(tmp_path / "walks.csv", values.tolist(), [f"t{n}" for n in range(16)])
    config = TrainConfig(dataset=path, model="linear", epochs=1, output_dir=tmp_path)
    run = train(config, verbose=0)
    columns, x = run.dataset.kind.columns, run.dataset.test.arrays()[0]
    pairs = {
        "test row": columns.restored(x),
        "reconstruction": columns.restored(run.model(x)),
    }
    title = "test rows and their reconstructions"
    assert_shows(run.folder.plots / "reconstructed_curves.png", figures.curves(pairs, title))
    assert (run.folder.plots / "sampled_curves.png").is_file()


def assert_learned(exported, model, dataset):
    """The export knows the kind of the data, and rebuilds rows as the model does."""
    assert exported.kind == dataset.kind
    x, labels = dataset.test.arrays()
    label = labels if exported.takes_labels else None
    expected = np.asarray(model({"x": x, "label": labels}))
    np.testing.assert_allclose(exported.reconstruct(x, label), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["deep", "conditional"])
def test_a_run_on_rows_is_drawn_with_and_without_labels_and_likelihood(place, model):
    config = TrainConfig(dataset=place / "iris.csv", model=model, network="linear", epochs=1)
    run = train(config.replace(latent_dim=2, output_dir=place), verbose=0)
    assert (run.folder.plots / "samples.png").is_file()
    assert_learned(load_exported(run.folder.exported), run.model, run.dataset)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("linear", {}),
        ("sparse", {}),
        ("denoising", {"corruption": "gaussian"}),
        ("denoising", {"corruption": "masking"}),
        ("contractive", {}),
        ("iwae", {"samples": 2}),
        ("ladder", {"latent_dim": 3}),
    ],
)
def test_every_rung_of_images_learns_rows(run, tmp_path, name, options):
    options = {"latent_dim": 2, "epochs": 1, **options}
    config = TrainConfig(model=name, dataset=run.config.dataset, **options)
    model = trained(config, run.dataset)
    export(model, tmp_path / "export", config.resolved(run.dataset), run.metrics)
    assert_learned(load_exported(tmp_path / "export"), model, run.dataset)
    if name == "denoising":
        assert evaluate(model, run.dataset)["squared_error_corrupted"] > 0.1


def test_every_rung_is_tried_on_rows():
    takers = {name for name, rung in RUNGS.items() if "numbers" in rung.takes}
    tried = "linear deep sparse denoising contractive conditional vae iwae ladder"
    assert takers == {*tried.split()}


def test_gaussian_noise_of_rows_is_not_cut_to_the_range_of_pixels(place):
    from vae_keras.models import MODELS

    x = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)
    model = MODELS["denoising"]((4,), 2, corruption="gaussian", corruption_level=0.5)
    noise = np.asarray(model.corrupt(model.prepare(x))) - x
    assert noise.std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(model="denoising"), "--corruption salt_and_pepper"),
        (dict(network="conv"), "--network conv is not for rows of numbers"),
        (dict(model="sequence"), "--model sequence is not for rows of numbers"),
        (dict(likelihood="bernoulli"), "bernoulli needs data in"),
        (dict(binarize="dynamic"), "needs grey images, but iris has rows of numbers"),
        (dict(pixel_range="a"), "--pixel-range 'a'"),
    ],
)
def test_what_is_of_pixels_alone_is_refused(place, tmp_path, options, said):
    with pytest.raises(UserError, match=re.escape(said)):
        train(TrainConfig(dataset=place / "iris.csv", output_dir=tmp_path, **options), verbose=0)
    assert not list(tmp_path.iterdir())


def test_generated_rows_are_a_table_like_the_first(run, inside, tmp_path, capsys):
    output = tmp_path / "new.csv"
    printed(capsys, "generate", "iris_vae", "--n", "200", "--output", output)
    rows = rows_of(output)
    assert tuple(rows[0]) == run.dataset.kind.columns.names
    found = np.array([list(map(float, row.values())) for row in rows])
    values = iris_values()
    assert (np.abs(found.mean(axis=0) - values.mean(axis=0)) < values.std(axis=0)).all()


def test_rows_are_morphed_in_the_units_of_the_data(run, inside, tmp_path, capsys):
    output = tmp_path / "way.csv"
    ends = ("5.1,3.5,1.4,0.2", "6.3 3.3 6.0 2.5")
    printed(capsys, "morph", "iris_vae", *ends, "--steps", "5", "--output", output)
    lengths = [float(row["petal length"]) for row in rows_of(output)]
    assert len(lengths) == 5 and lengths == sorted(lengths)
    assert lengths[0] < 3 < lengths[-1]


@pytest.mark.slow
def test_an_evaluation_is_of_the_test_rows(run, inside, capsys):
    text = printed(
        *(capsys, "evaluate", "runs/iris_vae", "--samples", "2", "--naive-samples", "2"),
        *("--naive-images", "2"),
    )
    assert "15 test examples" in text and "numbers" in text and "linear probe" in text
    assert "numbers" in printed(capsys, "probe", "runs/iris_vae")


@pytest.mark.parametrize(
    "command",
    [
        "generate iris_vae --temperature 1",
        "generate iris_vae --output a.png",
        "morph iris_vae --square",
        "morph iris_vae 1,2,3,4 1,2,3",
        "morph iris_vae 1,2,3,4 1,2,3,x",
        "traverse iris_vae",
        "feature iris_vae smile",
        "compress iris_vae . --output a.npz",
        "denoise iris_vae . --output out",
        "explore iris_vae --no-browser",
        "study terms --dataset iris.csv",
    ],
)
def test_commands_of_images_say_so_in_one_line(run, inside, capsys, command):
    error = refused(capsys, *command.split())
    assert any(word in error for word in ("image", "numbers", ".csv"))


def test_a_table_that_has_changed_is_not_taken_for_the_old_one(run, inside, place):
    before = (place / "iris.csv").read_text()
    try:
        (place / "iris.csv").write_text(before.replace("5.1,3.5", "9.1,3.5"))
        for name in ("runs/iris_vae", "saved_models/iris_vae"):
            with pytest.raises(UserError, match="other means and deviations"):
                open_stored(name).dataset()
    finally:
        (place / "iris.csv").write_text(before)
    assert open_stored("runs/iris_vae").dataset().kind == run.dataset.kind


def test_damaged_columns_of_an_export_are_told(run, tmp_path):
    from vae_keras.data import kinds

    (tmp_path / "assets").mkdir()
    for content in ("", "{}", "[]", '{"names": [], "means": [], "deviations": []}', '{"names": 1}'):
        (tmp_path / kinds.COLUMNS).write_text(content)
        with pytest.raises(UserError, match="cannot be read") as told:
            kinds.read_assets(tmp_path)
        assert "\n" not in str(told.value)


@pytest.mark.slow
def test_the_model_card_has_code_that_runs(run, place, monkeypatch):
    card = (run.folder.exported / "model_card.md").read_text()
    assert "`assets/columns.json`" in card and "122 training" in card
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    monkeypatch.chdir(place)
    names: dict = {}
    exec(code, names)
    np.testing.assert_allclose(names["rows"], names["x"], atol=1e-4)
    row = names["numbers"][0].numpy()
    columns = json.loads((run.folder.exported / "assets/columns.json").read_text())
    assert columns == run.metrics["columns"]
    expected = run.dataset.kind.columns.restored(run.model.generate(16, (0, 1)))[0]
    np.testing.assert_allclose(row, expected, rtol=1e-4)
