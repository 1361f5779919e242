"""The words that options take; other modules build what each word stands for."""

LOSSES = ("mse", "rmse", "bce")
LIKELIHOODS = ("bernoulli", "continuous_bernoulli", "gaussian", "discretized_logistic")
NETWORKS = {  # the examples that each network takes
    "dense": ("images", "numbers"),
    "conv": ("images",),
    "resnet": ("images",),
    "grid": ("images",),
    "lstm": ("tokens",),
    "linear": ("images", "numbers"),
}
ACTIVATIONS = ("gelu", "relu", "tanh", "silu", "elu", "leaky_relu")
COLUMNS = ("auto", "pixels", "numbers")
STRATEGIES = ("auto", "none", "mirrored", "multiworker")
JIT = ("auto", "on", "off")
PRECISIONS = ("float32", "mixed_bfloat16")
COLOR_MODES = ("auto", "grayscale", "rgb")
BINARISATIONS = ("none", "dynamic", "threshold", "static", "static:FILE")
DATASETS = (
    "digits",
    "mnist",
    "fashion_mnist",
    "cifar10",
    "faces",
    "faces:COUNT",
    "celeba:DIR",
    "folder:DIR",
    "FILE.npz",
    "FILE.npy",
    "FILE.csv",
    "an IDX file",
    "melodies",
    "midi:DIR",
    "sentences",
    "text:FILE",
)
