"""Names that a file system allows."""

NAMES = {  # of folders: as they are shown
    b"_b": "_b",
    b"$x_{$": "$x_{$",
    b"50%\\frac": "50%\\frac",
    b"caf\xe9": "caf\\udce9",  # Latin-1
    "日本 🙂".encode(): "日本 🙂",
}
