"""Tables of numbers, and images in tables: files of delimited text."""
