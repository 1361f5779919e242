"""The tests: a room for each room of the package."""

import os

IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if IS_WORKER:  # there are as many processes as cores; said before TensorFlow is imported
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of NumPy
    os.environ.setdefault("OMP_NUM_THREADS", "1")
