"""Melodies: from tunes, MIDI files and back to sound."""
