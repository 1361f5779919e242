"""Images that the package draws itself, so that the truth about them is known."""
