import numpy as np
import pytest
import scipy.io.wavfile

from vae_keras.data.music.melody_tokens import Note, to_tokens
from vae_keras.data.music.sound import RATE, sound, write_wav


@pytest.mark.parametrize("pitch", [33, 60, 69, 84, 103])
def test_a_note_has_the_frequency_of_its_pitch(pitch):
    heard = sound(to_tokens([Note(pitch, 0, 32)]))
    spectrum = np.abs(np.fft.rfft(heard))
    loudest = np.fft.rfftfreq(len(heard), 1 / RATE)[spectrum.argmax()]
    assert abs(12 * np.log2(loudest / 440) - (pitch - 69)) < 0.2  # semitones


def test_nothing_is_folded_back_that_is_too_high_to_be_heard():
    heard = sound(to_tokens([Note(120, 0, 32)]))  # 8,372 Hz: above what the rate can carry
    assert not heard.any()


def test_notes_sound_when_they_are_played_and_silence_is_silent():
    one = to_tokens([Note(60, 0, 8), Note(64, 16, 8)])
    heard = sound(np.stack([one, one])).reshape(8, -1)
    loud = np.abs(heard).max(axis=1)
    np.testing.assert_array_equal(loud > 0.1, [True, False, True, False] * 2)
    np.testing.assert_array_equal(loud > 0, [True, False, True, False] * 2)
    assert len(heard.ravel()) == 2 * 32 * 0.125 * RATE
    assert np.abs(heard).max() <= 1
    assert np.abs(np.diff(heard.ravel())).max() < 0.6  # nothing clicks


def test_a_file_has_what_sounds(tmp_path):
    one = to_tokens([Note(60, 0, 8)])
    write_wav(one, tmp_path / "a.wav")
    rate, samples = scipy.io.wavfile.read(tmp_path / "a.wav")
    assert rate == RATE
    assert samples.dtype == np.int16
    np.testing.assert_allclose(samples / 32_767, sound(one), atol=1e-4)
