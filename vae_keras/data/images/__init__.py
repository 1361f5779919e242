"""Images from archives, from folders and from CelebA, with their labels and attributes."""
