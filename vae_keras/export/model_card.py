"""The model card: the text that goes with an exported model."""

from vae_keras.config import GIVEN, TrainConfig
from vae_keras.data.kinds import kind_of
from vae_keras.export.endpoints import endpoints


def model_card(model, config: TrainConfig, metrics: dict, found=None, format="saved_model") -> str:
    """A model card in Markdown: what the model is, how good it is, and how to use it.

    `found` are the endpoints that were written in `format`; those of a SavedModel unless given.
    """
    size = "×".join(map(str, model.example_shape))
    family = kind_of(model.vocabulary, metrics.get("columns")).family
    what, described = {
        "images": ("images", f"images of {size}, {metrics['data_kind']}"),
        "tokens": ("sequences", f"sequences of {size} tokens"),
        "numbers": ("rows", f"rows of {size} numbers"),
    }[family]
    usage_of = USAGES[family] if format == "saved_model" else PORTABLE_USAGES[format]
    options = {k: v for k, v in config.as_dict().items() if v is not None}
    figures = {key: value for key, value in metrics.items() if isinstance(value, (int, float))}
    examples = metrics["examples"]
    return f"""# {config.name}

{type(model).__name__} trained on {config.dataset} with seed {config.seed}:
{examples["train"]:,} training, {examples["validation"]:,} validation and {examples["test"]:,} test
{described}. {_origin(config)}

    {metrics["command"]}

## Figures

Losses are in {metrics["unit"]} per example, averaged over the test {what}.

| figure | value |
|---|---|
{_rows(figures)}

## Use

{READERS[format]}

```python
{usage_of(config.name, model)}
```

| endpoint | inputs | outputs |
|---|---|---|
{_endpoints(model, found or endpoints(model))}

{REMARKS[format]} {NOTES[family]}

## Options

{", ".join(f"{name} {value}" for name, value in options.items() if name not in LEFT_OUT)}.
Made with {", ".join(f"{name} {version}" for name, version in metrics["versions"].items())}.
"""


NOTES = {
    "images": "Images are float32 in [0, 1]; those of `generate` are decoded means.",
    "tokens": "Tokens are int32; `assets/vocabulary.txt` has their words, a line each, from 0 on.",
    "numbers": "Rows are float32, standardised: from each number the mean of its column is "
    "subtracted, and the rest divided by its deviation. `assets/columns.json` has the names, means "
    "and deviations of the columns, in their order. `generate` gives decoded means.",
}
READERS = {
    "saved_model": "Only TensorFlow is needed:",
    "onnx": "Each endpoint is a file, for which only ONNX Runtime is needed:",
    "litert": "The endpoints are signatures of `model.tflite`, for which only LiteRT is needed:",
}
DRAWN = "Random numbers are not converted: `z` of `generate` are draws of N(0, I)."
REMARKS = {"saved_model": "`serving_default` is `reconstruct`.", "onnx": DRAWN, "litert": DRAWN}
LEFT_OUT = ("data_dir", "output_dir", "name", "resume", "overwrite")
OUTPUTS = {
    "reconstruct": "`reconstruction`",
    "decode": "`x`",
    "generate": "`x` [n, …], the same for the same seed",
    "log_prob": "`log_prob` [batch], nats",
    "sample_prior": "`z` [n, …] of the learned prior, the same for the same seed",
    "log_prior": "`log_prob` [batch] of the learned prior, nats",
    "posterior": "`z_mean`, `z_log_var` [batch, …] of each level, given those above it in `z`",
    "nucleus": "`x` as `generate`, of the likeliest tokens with probability `top_p` together",
    "search": "`x`, the likeliest sequence that so many beams find",
}


def _origin(config: TrainConfig) -> str:
    """The words before the command that makes the model again."""
    if config.dataset.startswith(GIVEN):
        return "The data were given to `train` in Python, with the options of"
    if ">" in (config.network or ""):
        return "Made by `train` in Python, where the class of its network is known, with"
    return "Made again by"


def usage(name: str, model) -> str:
    """A few lines of plain TensorFlow that generate, encode and decode."""
    shape = ", ".join(map(str, model.example_shape))
    label = f", tf.range(16) % {model.classes}" if model.takes_labels else ""
    return f"""import tensorflow as tf

model = tf.saved_model.load("saved_models/{name}")
images = model.generate(tf.constant(16), tf.constant([0, 1]){label})["x"]  # [16, {shape}]
z = model.encode(images{label})["z"]  # [16, {model.latent_dim}]
again = model.decode(z{label})["x"]  # [16, {shape}]"""


def _usage_of_onnx(name: str, model) -> str:
    label, given = _labels_of_numpy(model)
    return f"""import numpy as np
import onnxruntime

def run(endpoint, **inputs):
    return onnxruntime.InferenceSession(f"{{endpoint}}.onnx").run(None, inputs)[0]

draws = np.random.standard_normal((16, {model.latent_dim})).astype("float32")
{label}x = run("generate", z=draws{given})
z = run("encode", x=x{given})
again = run("decode", z=z{given})"""


def _usage_of_litert(name: str, model) -> str:
    label, given = _labels_of_numpy(model)
    return f"""import numpy as np
from ai_edge_litert.interpreter import Interpreter

model = Interpreter("model.tflite")
draws = np.random.standard_normal((16, {model.latent_dim})).astype("float32")
{label}x = model.get_signature_runner("generate")(z=draws{given})["x"]
z = model.get_signature_runner("encode")(x=x{given})["z"]
again = model.get_signature_runner("decode")(z=z{given})["x"]"""


def _labels_of_numpy(model) -> tuple[str, str]:
    """A line that makes labels, and the argument that gives them; empty if there are none."""
    if not model.takes_labels:
        return "", ""
    return f"labels = np.arange(16, dtype=np.int32) % {model.classes}\n", ", label=labels"


PORTABLE_USAGES = {"onnx": _usage_of_onnx, "litert": _usage_of_litert}


def _usage_of_sequences(name: str, model) -> str:
    steps = model.example_shape[0]
    return f"""import tensorflow as tf

folder = "saved_models/{name}"
model = tf.saved_model.load(folder)
words = open(f"{{folder}}/assets/vocabulary.txt", encoding="utf-8").read().split("\\n")
temperature = tf.constant(1.0)
tokens = model.generate(tf.constant(16), tf.constant([0, 1]), temperature)["x"]  # [16, {steps}]
print(*(words[token] for token in tokens[0].numpy()))
z = model.encode(tokens)["z"]  # [16, {model.latent_dim}]
again = model.decode(z)["x"]  # [16, {steps}], the likeliest tokens"""


def _usage_of_rows(name: str, model) -> str:
    label = f", tf.range(16) % {model.classes}" if model.takes_labels else ""
    columns = model.example_shape[0]
    return f"""import json

import tensorflow as tf

folder = "saved_models/{name}"
model = tf.saved_model.load(folder)
columns = json.load(open(f"{{folder}}/assets/columns.json", encoding="utf-8"))
rows = model.generate(tf.constant(16), tf.constant([0, 1]){label})["x"]  # [16, {columns}]
numbers = rows * columns["deviations"] + columns["means"]  # in the units of the data
x = (numbers - columns["means"]) / columns["deviations"]  # what the endpoints take
z = model.encode(x{label})["z"]  # [16, {model.latent_dim}]
again = model.decode(z{label})["x"]  # [16, {columns}]"""


USAGES = {"images": usage, "tokens": _usage_of_sequences, "numbers": _usage_of_rows}


def _rows(figures: dict) -> str:
    return "\n".join(
        f"| {name} | {value:,.4g} |" if abs(value) < 1_000 else f"| {name} | {value:,.0f} |"
        for name, value in figures.items()
    )


def _endpoints(model, found: dict) -> str:
    rows = []
    for name, (_, specs) in found.items():
        takes = ", ".join(f"`{s.name}` {_shape(s.shape)} {s.dtype.name}" for s in specs)
        is_random = "seed" in {spec.name for spec in specs}
        output = OUTPUTS.get(name) if is_random or name != "generate" else OUTPUTS["decode"]
        gives = output or "`" + "`, `".join(dict.fromkeys(("z", *model.heads))) + "`"
        rows.append(f"| `{name}` | {takes} | {gives} |")
    return "\n".join(rows)


def _shape(shape) -> str:
    return "[" + ", ".join("batch" if side is None else str(side) for side in shape) + "]"
