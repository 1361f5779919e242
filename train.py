"""Train a model: `python train.py`, or `python train.py --help`."""

import sys

from vae_keras.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
