"""What is on disk, to be compared with what was there before."""


def listing(folder) -> dict:
    """Every file and folder below `folder`, with the content of the files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
