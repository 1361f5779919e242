"""Which arrays of an .npz file are images and labels, and of which split: their keys tell."""

import re
from collections.abc import Collection
from typing import NamedTuple

from vae_keras.errors import UserError, unknown

IMAGES = ("x", "images", "image", "imgs", "inputs", "data", "arr_0")
LABELS = ("y", "labels", "label", "targets", "target", "arr_1")
TRAIN = re.compile("train(ing)?", re.IGNORECASE)
OTHERS = {"validation": ("val", "valid", "validation"), "test": ("test", "testing")}
OTHER_WORDS = {word for words in OTHERS.values() for word in words}
OPTION = "--keys IMAGES or --keys IMAGES,LABELS"


class Keys(NamedTuple):
    """The keys of a split's images and, if there are any, of its labels."""

    images: str
    labels: str | None = None


def chosen_keys(asked: str, known: Collection[str]) -> dict[str, Keys]:
    """The keys of each split that the option --keys means: IMAGES, or IMAGES,LABELS.

    If the keys say "train", those of validation and test are found by the same names. Raises
    UserError if one of the keys is not `known`, or if there are more than two.
    """
    names = [name.strip() for name in asked.split(",")]
    if len(names) > 2:
        raise UserError(f"--keys {asked!r} must be one or two names: {OPTION}")
    for name in names:
        if name not in known:
            raise unknown("array", name, known)
    return _with_other_splits(Keys(*names), known)


def usual_keys(known: Collection[str]) -> dict[str, Keys]:
    """The keys of each split if they have usual names, or if there is one array; else none.

    Known are the names of Keras (x_train, y_train), MedMNIST (train_images, train_labels) and
    NumPy (arr_0, arr_1), and images, labels, X, y, data, target and the like. The case of letters
    does not matter.
    """
    by_name = {key.lower(): key for key in known}
    unnamed = [key for key in known if re.fullmatch(r"arr_\d+", key)]
    if len(unnamed) > 2:  # images and labels of several splits, in an order that nothing tells
        return {}
    for word in IMAGES:
        for form in ("{}_train", "train_{}", "{}_training", "training_{}", "{}"):
            if form.format(word) in by_name:
                labels = (by_name.get(form.format(label)) for label in LABELS)
                keys = Keys(by_name[form.format(word)], next(filter(None, labels), None))
                return _with_other_splits(keys, known)
    alone = [key for key in known if not OTHER_WORDS & set(re.split("[^a-z]+", key.lower()))]
    return {"train": Keys(alone[0])} if len(alone) == len(known) == 1 else {}


def image_keys(known: Collection[str]) -> list[str]:
    """The keys of images of any split that have usual names."""
    splits = ("train", "training", *OTHER_WORDS)
    usual = {form.format(w, s) for w in IMAGES for s in splits for form in ("{0}_{1}", "{1}_{0}")}
    return [key for key in known if key.lower() in usual | set(IMAGES)]


def _with_other_splits(train: Keys, known: Collection[str]) -> dict[str, Keys]:
    found = {"train": train}
    for split in OTHERS:
        images, labels = (
            next((name for name in names_of(split, key or "") if name in known), None)
            for key in train
        )
        if images:
            found[split] = Keys(images, labels)
    return found


def names_of(split: str, train: str) -> list[str]:
    """What "validation" or "test" may be called where the training split is called `train`."""
    return [TRAIN.sub(word, train) for word in OTHERS[split] if TRAIN.search(train)]
