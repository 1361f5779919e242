"""Sentences as data: where they come from, and how words become numbers."""
