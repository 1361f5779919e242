import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.commands import TRAIN, refused
from tests.folders import listing

IMAGES = np.zeros((20, 4, 4), np.uint8)
ARCHIVES = {
    "nothing.npz": dict(left=IMAGES, right=IMAGES),
    "bytes.npz": dict(x_train=IMAGES + 200.0),
    "negative.npz": dict(x_train=IMAGES - 0.5),
    "nan.npz": dict(x_train=IMAGES + np.nan),
    "infinite.npz": dict(x_train=IMAGES + np.inf),
    "labels.npz": dict(x_train=IMAGES, y_train=np.zeros(19, int)),
    "objects.npz": dict(x_train=IMAGES.astype(object)),
    "flat.npz": dict(x_train=IMAGES[0]),
    "shapes.npz": dict(x_train=IMAGES, x_test=IMAGES[:, 1:]),
    "empty.npz": dict(x_train=IMAGES[:0]),
    "words.npz": dict(x_train=IMAGES.astype(str)),
}


@pytest.fixture
def place(tmp_path, tmp_path_factory, monkeypatch):
    """The working folder of the command: good and bad data, and a run called `taken`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("VAE_KERAS_DATA_DIR", raising=False)
    for folder in ("empty", "texts", "photos", "runs/taken", "runs/broken", "saved_models/export"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "texts/notes.txt").write_text("no image")
    for number in range(12):
        Image.new("RGB", (9, 9)).save(tmp_path / f"photos/{number}.png")
    (tmp_path / "photos/corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, content in ARCHIVES.items():
        np.savez(tmp_path / name, **content)
    np.savez(tmp_path / "few.npz", x_train=IMAGES[:9])
    np.savez(tmp_path / "grey.npz", x_train=IMAGES)
    np.savez(tmp_path / "colour.npz", x_train=np.zeros((20, 4, 4, 3), np.uint8))
    np.savez(tmp_path / "other.npz", x_train=np.zeros((20, 5, 4), np.uint8))
    np.savez(tmp_path / "three.npz", x_train=np.arange(320, dtype=np.uint8).reshape(20, 4, 4) % 3)
    (tmp_path / "b_train.amat").write_text("0 1 " * 392)
    whole = (tmp_path / "labels.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "nozip.npz").write_text("no zip")
    (tmp_path / "cut-idx3-ubyte").write_bytes(b"\0\0\x08\3" + b"\0\0\0\7" * 3 + bytes(20))
    (tmp_path / "nothing.txt").write_text("no data")
    (tmp_path / "runs/broken/config.json").write_text("{")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("train --dataset minst", "'minst': did you mean 'mnist'"),
        ("train --model vaee", "'vaee': did you mean 'vae'"),
        ("train --network cnov", "'cnov': did you mean 'conv'"),
        ("train --likelihood bernouli", "'bernouli': did you mean 'bernoulli'"),
        ("train --dataset folder:missing", "'missing' does not exist"),
        ("train --dataset folder:empty", "'empty' is empty"),
        ("train --dataset folder:texts", "'texts' has no images"),
        ("train --dataset folder:nothing.txt", "'nothing.txt'"),
        ("train --dataset folder:photos", "'photos/corrupt.png' cannot be read"),
        ("train --dataset folder:photos --image-size big", "'big'"),
        ("train --dataset folder:photos --image-size 0", "'0'"),
        ("train --dataset folder:photos --color-mode gray", "'gray': did you mean 'grayscale'"),
        ("train --dataset folder:", "'folder:'"),
        ("train --dataset photos", "folder:photos"),
        *((f"train --dataset {name}", f"{name}: ") for name in ARCHIVES),
        ("train --dataset few.npz", "few: 9 training examples"),
        ("train --dataset cut.npz", "cut.npz"),
        ("train --dataset nozip.npz", "nozip.npz"),
        ("train --dataset missing.npz", "'missing.npz' does not exist"),
        ("train --dataset cut-idx3-ubyte", "cut-idx3-ubyte: truncated"),
        ("train --dataset missing-idx3-ubyte", "'missing-idx3-ubyte' does not exist"),
        (
            "train --dataset nothing.txt",
            "nothing.txt: is a text: give text:nothing.txt",
        ),
        ("train --dataset mnist --data-dir missing", "'missing'"),
        ("train --binarize dynamc", "'dynamc': did you mean 'dynamic'"),
        ("train --binarize statics", "'statics': did you mean 'static'"),
        ("train --binarize static:missing.npz", "'missing.npz' does not exist"),
        ("train --binarize static:cut.npz", "cut.npz: not a readable .npz file"),
        ("train --binarize static:few.npz", "few: 9 training examples"),
        ("train --binarize static:grey.npz", "grey.npz: holds images of shape (20, 4, 4, 1)"),
        (
            "train --dataset grey.npz --binarize static:other.npz",
            "other.npz: holds images of shape",
        ),
        ("train --dataset grey.npz --binarize static:three.npz", "three.npz: holds values other"),
        (
            "train --dataset grey.npz --binarize static:b_train.amat",
            "'b_valid.amat' does not exist",
        ),
        ("train --dataset colour.npz --binarize dynamic", "needs grey images, but colour has 3"),
        ("train --latent-dim 0", "--latent-dim 0"),
        ("train --latent-dim two", "'two'"),
        ("train --latent-dim 2.5", "'2.5'"),
        ("train --beta -1", "--beta -1"),
        ("train --beta nan", "--beta nan"),
        ("train --beta much", "'much'"),
        ("train --learning-rate 0", "--learning-rate 0"),
        ("train --learning-rate inf", "--learning-rate inf"),
        ("train --epochs 0", "--epochs 0"),
        ("train --seed -1", "--seed -1"),
        ("train --batch-size 0", "--batch-size 0"),
        ("train --batch-size 1296", "1,296 is larger than the training data (1,295 examples)"),
        ("train --name taken", "'taken' exists"),
        ("train --name export", "'export' exists"),
        ("train --name a/b", "'a/b'"),
        ("train --name ..", "'..'"),
        ("train --name .hidden", "'.hidden'"),
        ("train --name=", "''"),
        ("train --output-dir nothing.txt", "'nothing.txt/runs/digits_vae'"),
        ("train --image-size 16", "--image-size"),
        ("train --color-mode rgb", "--color-mode"),
        ("train --sigma 1", "'bernoulli' has no sigma"),
        ("train --likelihood gaussian --sigma 0", "sigma 0"),
        ("train --likelihood gaussian --sigma word", "sigma 'word'"),
        ("train --likelihood gaussian --sigma nan", "--sigma nan"),
        ("train --resume", "'runs/digits_vae' to resume"),
        ("train --resume --name missing", "'runs/missing' to resume"),
        ("train --resume --name broken", "runs/broken/config.json"),
        ("train --resume --overwrite", "--resume and --overwrite"),
        ("train --betta 1", "'--betta'"),
        ("train --beta", "'--beta'"),
        ("train extra", "extra"),
        ("trian", "'trian'"),
        ("evaluate missing", "'missing'"),
        ("evaluate empty", "'empty'"),
        ("evaluate broken", "runs/broken/config.json"),
        ("evaluate", "'MODEL'"),
        ("export missing", "'missing'"),
        ("export broken --output nothing.txt", "'nothing.txt' exists"),
        ("generate missing", "'missing'"),
        ("generate export", "'export'"),
        ("generate export --n 0", "'--n'"),
        ("generate export --n many", "'many'"),
    ],
)
def test_bad_input_ends_with_one_line_and_writes_nothing(place, capsys, command, named):
    before = listing(place)
    assert named in refused(capsys, *command.split())
    assert listing(place) == before


def test_process_ends_with_one_line_on_standard_error(tmp_path):
    command = [sys.executable, TRAIN, "--model", "vaee"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("error: unknown model 'vaee'")
    assert run.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
