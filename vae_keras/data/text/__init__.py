"""Sentences, and words as numbers."""
