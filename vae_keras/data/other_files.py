"""Files that are not read as data sets: what each is, and what to do with it."""

from pathlib import Path

from vae_keras.errors import UserError

SAVE = "load it in Python and save its arrays with numpy.savez('FILE.npz', x_train=images)"
TABLE = "save it as FILE.csv, which a spreadsheet or pandas can do"
UNPACK = "an archive: unpack it, and give folder:DIR for its images or the name of the file in it"
PICKLE = f"a pickle, which is not loaded because it can run code: if you trust it, {SAVE}"
IMAGE = "a single image: put the images in a folder and give folder:DIR"
MIDI = "a single tune: put the .mid files in a folder and give midi:DIR"
ADVICE = {
    ".mat": f"a file of MATLAB: {SAVE} (scipy.io.loadmat reads it)",
    **dict.fromkeys((".h5", ".hdf5"), f"an HDF5 file: {SAVE} (h5py reads it)"),
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".pt", ".pth"), PICKLE),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".rar", ".7z"), UNPACK),
    **dict.fromkeys((".tar.gz", ".tar.bz2", ".tar.xz"), UNPACK),
    ".txt": "a text: give text:{file} for its sentences; a table must be called FILE.csv",
    **dict.fromkeys((".json", ".jsonl"), f"a JSON file: {SAVE}, or a table as FILE.csv"),
    **dict.fromkeys((".parquet", ".feather", ".arrow"), f"a table in a binary format: {TABLE}"),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), f"a spreadsheet: {TABLE}"),
    **dict.fromkeys((".tfrecord", ".tfrecords"), f"a file of TensorFlow's records: {SAVE}"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"), IMAGE),
    **dict.fromkeys((".mid", ".midi"), MIDI),
}


def advice_on(path: Path) -> UserError | None:
    """The error that says what the file `path` is and what to do; None for files of other kinds."""
    name = path.name.lower()
    # Of .tar and .tar.gz the longer ending comes last, and tells more.
    found = [what for ending, what in ADVICE.items() if name.endswith(ending) and name != ending]
    if not found:
        return None
    return UserError(f"{path}: is {found[-1].format(file=path)}")
