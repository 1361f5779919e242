"""Images that the package draws itself, of which the truth is known."""
