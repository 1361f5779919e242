"""Melodies as data: how they are read, written, cut into windows and split."""
