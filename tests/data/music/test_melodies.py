import itertools
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_keras import UserError
from vae_keras.data.music.abc_notation import parse
from vae_keras.data.music.melodies import melodies
from vae_keras.data.music.melody_set import (
    HIGHEST,
    LOWEST,
    LeftOut,
    Melodies,
    cut,
    gathered,
    transposed,
)
from vae_keras.data.music.melody_split import FEWEST_LEFT, TEST, TRAIN, VALIDATION, near, sides
from vae_keras.data.music.melody_tokens import (
    FIRST_PITCH,
    HOLD,
    NOTE_OFF,
    Note,
    is_valid,
    to_notes,
    to_tokens,
    transpose,
)
from vae_keras.data.music.melody_windows import windows

NEAR = " windows nearly the same as on another side"
C, D, E, F, G, A = (FIRST_PITCH + pitch for pitch in (60, 62, 64, 65, 67, 69))


# --- The split ---


def test_a_group_is_on_one_side_and_a_tenth_on_each_held_out():
    groups = [f"tune {number % 200}" for number in range(500)]
    found = sides(groups)
    for number in range(300):
        assert found[number] == found[number + 200]
    counts = Counter(found[:200].tolist())
    assert counts == {TRAIN: 160, VALIDATION: 20, TEST: 20}
    np.testing.assert_array_equal(sides(groups), found)


def test_three_groups_have_a_side_each():
    assert sorted(sides(["a", "b", "c"])) == [TRAIN, VALIDATION, TEST]


def shapes(window):
    """What a window is like, up to transposition, whole and without each of its events."""
    events = [(step, int(token)) for step, token in enumerate(window) if token != HOLD]
    kept = [events]
    if len(events) > FEWEST_LEFT:
        kept += [events[:n] + events[n + 1 :] for n in range(len(events))]
    for some in kept:
        first = next((token for _, token in some if token != NOTE_OFF), 0)
        yield tuple((s, None if t == NOTE_OFF else t - first) for s, t in some)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_near_is_what_its_definition_says(seed):
    generator = np.random.default_rng(seed)
    windows = generator.choice([HOLD, HOLD, NOTE_OFF, C, D], (30, 8)).astype(np.uint8)
    others = transpose(windows[generator.integers(0, 30, 20)], 7)
    for _ in range(2):
        others[np.arange(20), generator.integers(0, 8, 20)] = generator.choice([HOLD, G, A], 20)
    expected = [
        any(set(shapes(window)) & set(shapes(other)) for other in others) for window in windows
    ]
    assert near(windows, others).tolist() == expected


TUNE = [C, HOLD, D, HOLD, E, HOLD, F, HOLD, G, HOLD, NOTE_OFF, HOLD, A, HOLD, G, HOLD]


@pytest.mark.parametrize(
    ("changes", "is_near"),
    [
        ({}, True),
        ({4: F}, True),  # another pitch
        ({0: D}, True),  # also of the first
        ({0: HOLD}, True),  # a note less
        ({3: D}, True),  # a note more
        ({4: HOLD, 5: E}, True),  # a note later
        ({10: HOLD}, True),  # no rest
        ({4: F, 6: G}, False),
        ({4: F, 12: F}, False),
        ({step: token + 2 for step, token in enumerate(TUNE) if token >= FIRST_PITCH}, True),
        ({step: token + 2 for step, token in enumerate(TUNE[:7]) if token >= FIRST_PITCH}, False),
    ],
)
def test_small_changes(changes, is_near):
    changed = np.array([TUNE], np.uint8)
    for step, token in changes.items():
        changed[0, step] = token
    assert near(np.array([TUNE], np.uint8), changed).tolist() == [is_near]


def test_few_notes_are_not_taken_out():
    one, other = ([C, HOLD, pitch, HOLD, G, HOLD, A] for pitch in (D, E))
    assert not near(np.array([one], np.uint8), np.array([other], np.uint8)).any()
    one, other = [*one, NOTE_OFF], [*other, NOTE_OFF]
    assert near(np.array([one], np.uint8), np.array([other], np.uint8)).all()


# --- Sets of melodies ---


def tune(name, seed, bars=4):
    """A tune of random quarter notes."""
    letters = np.random.default_rng(seed).choice(list("CDEFGABcdefgab"), 4 * bars)
    music = "|".join("".join(letters[first : first + 4]) for first in range(0, 4 * bars, 4))
    return parse(f"X:1\nT:{name}\nM:4/4\nL:1/4\nK:C\n{music}|\n", name)


def collected(tunes, left_out=None):
    return gathered("mine", [cut(tune, tune.title) for tune in tunes], left_out or LeftOut())


def test_tunes_are_split_and_not_their_windows():
    tunes = [tune(f"tune {number}", number) for number in range(50)]
    found = collected(tunes)
    cut = [windows(tune)[0] for tune in tunes]
    np.testing.assert_array_equal(found.windows, np.concatenate(cut))
    rows = found.train, found.validation, found.test
    assert [len(some) for some in rows] == [120, 15, 15]
    of_tune = [set(some // 3) for some in rows]  # each has three windows
    assert [len(some) for some in of_tune] == [40, 5, 5]
    assert not any(one & other for one, other in itertools.combinations(of_tune, 2))


def test_what_is_nearly_the_same_is_taken_from_the_held_out_sides():
    left_out = LeftOut()
    tunes = [tune(f"tune {number}", number % 45) for number in range(60)]  # 15 twice
    found = collected(tunes, left_out)
    train, validation, test = (
        found.windows[rows] for rows in (found.train, found.validation, found.test)
    )
    assert len(train) == 3 * 48
    assert not near(test, train).any() and not near(validation, np.concatenate([train, test])).any()
    assert left_out.counts["test" + NEAR] == 3 * 6 - len(test) > 0
    assert left_out.counts["validation" + NEAR] == 3 * 6 - len(validation) > 0
    assert len(left_out.names["test" + NEAR]) <= 3


def test_what_is_left_out_is_counted_and_named():
    waltz = parse("X:1\nM:3/4\nL:1/4\nK:C\nCDE|GAB|", "waltz")
    short = parse("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|", "short")
    tunes = [tune(f"tune {number}", number) for number in range(10)]
    left_out = LeftOut()
    collected([waltz, *tunes, short, waltz], left_out)
    assert str(left_out) == "2 tunes in 3/4 (waltz); 1 tunes shorter than a window (short)"


def test_too_few_tunes_are_told_with_what_was_left_out():
    waltz = parse("X:1\nM:3/4\nL:1/4\nK:C\nCDE|GAB|", "waltz")
    with pytest.raises(UserError, match=r"mine: 1 usable .* at least 3; left out: 1 tunes in 3/4"):
        collected([tune("a", 1), waltz])
    with pytest.raises(UserError, match=r"mine: 0 usable tunes .* left out: nothing"):
        collected([])


def test_tunes_that_are_all_alike_are_told():
    with pytest.raises(UserError, match="mine: the tunes are too much alike"):
        collected([tune(name, 0) for name in "abc"])


def test_a_set_comes_back_from_disk(tmp_path):
    found = collected([tune(f"tune {number}", number) for number in range(60)])
    found.save(tmp_path / "new" / "set.npz")
    np.testing.assert_equal(vars(Melodies.load(tmp_path / "new" / "set.npz")), vars(found))


# --- Transposition ---


@pytest.fixture
def many():
    generator = np.random.default_rng(0)
    return np.stack([
        to_tokens([Note(int(p), 4 * n, 3) for n, p in enumerate(row)])
        for row in generator.integers(50, 80, (2_000, 8))
    ])  # fmt: skip


def moves(before, after):
    """By how many semitones each window was moved; the rest must be equal."""
    is_note = before >= FIRST_PITCH
    np.testing.assert_array_equal(after[~is_note], before[~is_note])
    moved = [(a[n].astype(int) - b[n]) for a, b, n in zip(after, before, is_note)]
    assert all(len(set(some)) == 1 for some in moved)
    return np.array([some[0] for some in moved])


def test_each_window_is_transposed_by_one_of_all_moves(many):
    counts = Counter(moves(many, transposed(many, key=(0, 1))).tolist())
    assert sorted(counts) == list(range(-6, 6))
    assert min(counts.values()) > 0.7 * 2_000 / 12


def test_transposition_is_a_function_of_the_key_alone(many):
    one = transposed(many, key=(3, 7))
    np.testing.assert_array_equal(transposed(many, key=(3, 7)), one)
    assert (transposed(many, key=(3, 8)) != one).any()
    assert (transposed(many, key=(4, 7)) != one).any()


@given(st.lists(st.integers(0, 127), min_size=1, max_size=8), st.integers(0, 1_000))
def test_no_pitch_is_moved_out_of_the_range(pitches, key):
    window = to_tokens([Note(pitch, 4 * n, 4) for n, pitch in enumerate(pitches)])
    (moved,) = transposed(window[None], key)
    after = [note.pitch for note in to_notes(moved)]
    assert min(after) >= min(LOWEST, *pitches) and max(after) <= max(HIGHEST, *pitches)
    assert len(after) == len(pitches)


def test_silence_stays_silence():
    silence = np.full((3, 32), HOLD, np.uint8)
    np.testing.assert_array_equal(transposed(silence, key=0), silence)


# --- Folk tunes ---


def test_folk_tunes():
    found = melodies()
    assert found.windows.dtype == np.uint8 and found.windows.shape == (17_220, 32)
    assert is_valid(found.windows).all()
    sides = found.train, found.validation, found.test
    assert [len(rows) for rows in sides] == [13_735, 1_630, 1_553]
    rows = np.concatenate(sides)
    assert len(set(rows)) == len(rows) and rows.min() >= 0 and rows.max() < len(found.windows)
    train, validation, test = (found.windows[rows] for rows in sides)
    assert not near(test, train).any() and not near(validation, np.concatenate([train, test])).any()


def test_windows_begin_at_bar_lines():
    onsets = (melodies().windows >= FIRST_PITCH).mean(axis=0)
    assert onsets[[0, 16]].min() > 0.95
    assert onsets[::8].min() > onsets[4::8].max() > onsets[2::4].max() > onsets[1::2].max()


def test_folk_tunes_need_no_music21_and_no_cache(tmp_path):
    cache = tmp_path / "cache"
    code = """
import sys
sys.modules["music21"] = None  # it cannot be imported
from vae_keras.data.music.melodies import melodies
melodies()
"""
    environment = {**os.environ, "VAE_KERAS_CACHE_DIR": str(cache)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0 and not run.stdout and not cache.exists(), run.stderr
