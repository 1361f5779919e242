"""What commands refuse of sequences."""

import pytest

from tests.commands import refused
from tests.exports import PRETRAINED
from tests.folders import listing
from tests.sequences import melody, talk_text
from vae_keras.data.music.midi import write_midi


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_KERAS_CACHE_DIR", str(tmp_path.parent / f"{tmp_path.name}-cache"))
    (tmp_path / "talk.txt").write_text(talk_text(), encoding="utf-8")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "latin.txt").write_bytes("für alle fälle\n".encode("latin-1"))
    (tmp_path / "short").mkdir()
    for number in range(5):
        write_midi(melody(number)[:16], tmp_path / f"short/{number}.mid")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("train --model vae --dataset text:talk.txt", ["--model vae", "sequences", "sequence"]),
        ("train --model linear --dataset text:talk.txt", ["--model linear", "sequence"]),
        ("train --dataset sentence", ["'sentence'", "did you mean 'sentences'"]),
        ("train --model sequence --dataset digits", ["--model sequence", "images", "digits"]),
        (
            "train --model sequence --dataset text:talk.txt --network dense",
            ["--network dense", "lstm"],
        ),
        ("train --model vae --network lstm", ["--network lstm", "dense"]),
        ("train --model sequence --dataset text:talk.txt --units 16", ["two numbers", "256-512"]),
        ("train --model sequence --dataset text:talk.txt --units 8-8-8", ["two numbers", "not 3"]),
        ("train --model sequence --dataset text:", ["'text:'", "text:FILE"]),
        ("train --model sequence --dataset text:empty.txt", ["empty.txt", "add lines"]),
        ("train --model sequence --dataset text:latin.txt", ["latin.txt", "UTF-8"]),
        ("train --model sequence --dataset midi:short", ["shorter than a window"]),
        ("train --model sequence --dataset text:talk.txt --word-dropout 2", ["at most 1"]),
        ("train --model sequence --dataset text:talk.txt --scheduled-sampling -1", ["at least 0"]),
        ("train --model sequence --dataset text:talk.txt --binarize dynamic", ["--binarize"]),
        ("generate EXPORT --temperature nan", ["temperature nan", "0 to 100"]),
        ("generate EXPORT --temperature -1", ["temperature -1", "0 to 100"]),
        ("generate EXPORT --label 1", ["takes no label"]),
        ("generate EXPORT --output a.png", ["'a.png'", ".txt"]),
    ],
)
def test_bad_input_ends_with_one_line_and_writes_nothing(place, capsys, arguments, named):
    before = listing(place)
    short = arguments.replace("train", "train --epochs 1")  # should it train after all
    error = refused(capsys, *short.replace("EXPORT", str(PRETRAINED / "sentences_vae")).split())
    assert all(word in error for word in named), error
    assert listing(place) == before
