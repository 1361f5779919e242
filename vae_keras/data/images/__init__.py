"""Images from archives, folders and CelebA, and their attributes."""
