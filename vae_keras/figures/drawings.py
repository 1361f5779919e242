"""Drawings of what is explained: networks, graphs and spaces, without data.

Each function returns a figure. `python -m vae_keras.figures.drawings FOLDER` writes those that
README.md shows to FOLDER, as PNG files.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, Ellipse, FancyArrowPatch, FancyBboxPatch, Polygon

from vae_keras.figures.base import PALETTE, SCREEN_DPI, Picture, save

CODE, ENCODER, NOISE, DECODER, GRADIENT = PALETTE[:5]
DATA = PALETTE[9]
INK = "#222222"
WIDTH = 7.5  # inches of every drawing
LINE = 0.22  # inches from line to line
SIZE = 11  # points: still 9 where a page shows the drawing 600 pixels wide
RINGS = (1.75, 2.3)  # the middle of the prior in a drawing of latent space
CODES = ((-0.75, 0.4), (0.75, 0.4), (0.0, -0.85))  # of three examples
NEW = (-0.6, -0.5)  # a code drawn from it
ON_LINES = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
STEP = 0.88  # inches from one step of a sequence to the next
INPUT = (0.9, 0.2, 0.7, 0.5, 0.0, 0.8, 0.3, 0.6)  # how active the units of x are
OUTPUT = (0.8, 0.25, 0.7, 0.4, 0.1, 0.8, 0.35, 0.5)  # and those of its reconstruction


def tint(colour: str, strength=0.18):
    """The colour, mixed with white: what fills a shape whose edge has the colour itself."""
    return tuple(1 - strength * (1 - value) for value in to_rgb(colour))


class Board(Picture):
    """A figure on which shapes are placed: x and y are inches from its lower left corner."""

    def __init__(self, height):
        super().__init__(WIDTH, height, layout=None)
        self.sheet = self.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, WIDTH), ylim=(0, height))
        self.sheet.axis("off")

    def write(self, x, y, text, colour=INK, size=SIZE, **style):
        """Write the lines of `text` around (x, y)."""
        lines = text.split("\n")
        for n, line in enumerate(lines):
            baseline = y + LINE * ((len(lines) - 1) / 2 - n) - 0.35 * size / 72
            style = {"ha": "center", "va": "baseline"} | style  # so that neighbours are level
            self.sheet.text(x, baseline, line, color=colour, fontsize=size, **style)

    def box(self, x, y, text, colour, width=1.1, height=0.5):
        """A box with rounded corners around (x, y), and a text in it."""
        corner = (x - width / 2 + 0.08, y - height / 2 + 0.08)
        self.sheet.add_patch(
            FancyBboxPatch(
                corner,
                width - 0.16,
                height - 0.16,
                boxstyle="round,pad=0.08",
                facecolor=tint(colour),
                edgecolor=colour,
            )
        )
        self.write(x, y, text)

    def layer(self, x, y, left, right, text, colour, width=0.9):
        """A layer that takes `left` and gives `right`: a trapezium of these heights, in inches."""
        middle, far = width / 2, (left / 2, right / 2)
        corners = [(-middle, -far[0]), (-middle, far[0]), (middle, far[1]), (middle, -far[1])]
        self.sheet.add_patch(
            Polygon(np.add((x, y), corners), facecolor=tint(colour), edgecolor=colour)
        )
        self.write(x, y, text)

    def units(self, x, y, activity, colour, gap=0.26):
        """A column of units, the darker the more active; it returns their places, [units, 2]."""
        offsets = gap * (np.arange(len(activity)) - (len(activity) - 1) / 2)
        places = np.stack([np.full(len(activity), x), y - offsets], axis=1)
        for place, active in zip(places, activity):
            fill = tint(colour, active) if active else "white"
            self.sheet.add_patch(
                Circle(place, 0.38 * gap, facecolor=fill, edgecolor=colour, zorder=3)
            )
        return places

    def draw_of_noise(self, x, y, text, radius=0.32):
        """A dashed circle around a variable that is drawn at random."""
        self.sheet.add_patch(
            Circle((x, y), radius, facecolor=tint(NOISE), edgecolor=NOISE, ls="--", lw=1.5)
        )
        self.write(x, y, text)

    def mark(self, place, colour):
        """A point at `place`."""
        self.sheet.add_patch(Circle(place, 0.07, facecolor=colour, edgecolor="white", zorder=3))

    def arrow(self, start, end, colour=INK, bend=0.0, **style):
        """An arrow from `start` to `end`; `bend` is how far it leaves the straight line."""
        self.sheet.add_patch(
            FancyArrowPatch(
                start,
                end,
                arrowstyle="-|>",
                mutation_scale=12,
                shrinkA=0,
                shrinkB=0,
                color=colour,
                connectionstyle=f"arc3,rad={bend}",
                **style,
            )
        )

    def flow(self, y, *spans):
        """Arrows to the right at height `y`, one for each (start, end) of `spans`."""
        for start, end in spans:
            self.arrow((start, y), (end, y))

    def path(self, *corners, colour=INK):
        """An arrow along straight lines through `corners`."""
        self.sheet.plot(*np.transpose(corners[:-1]), color=colour, lw=1, solid_capstyle="round")
        self.arrow(*corners[-2:], colour)

    def gradient(self, start, end):
        """The way of a gradient, or of what pulls: a dashed arrow."""
        self.arrow(start, end, GRADIENT, ls=(0, (4, 2)), lw=1.6)

    def threads(self, starts, ends, colour, alpha=1.0):
        """Thin lines from each of `starts` to the one of `ends` beside it."""
        for (x, y), (to_x, to_y) in zip(starts, ends):
            self.sheet.plot((x, to_x), (y, to_y), color=colour, lw=0.8, alpha=alpha, zorder=1)

    def all_threads(self, starts, ends, colour, alpha=0.35):
        """Thin lines from each of `starts` to each of `ends`."""
        for end in ends:
            self.threads(starts, [end] * len(starts), colour, alpha)


def bottleneck():
    """A linear autoencoder: all of x must pass through a code of few numbers."""
    board, y = Board(3.2), 1.95
    board.units(0.75, y, INPUT, DATA)
    board.layer(2.2, y, 2.1, 0.7, "W_f", ENCODER, 1.5)
    board.units(3.75, y, [0.8, 0.3], CODE)
    board.layer(5.3, y, 0.7, 2.1, "W_g", DECODER, 1.5)
    board.units(6.75, y, OUTPUT, DATA)
    board.flow(y, (0.95, 1.45), (2.95, 3.55), (3.95, 4.55), (6.05, 6.55))
    board.write(0.75, 0.42, "x\nmany numbers")
    board.write(2.2, 0.53, "encoder f")
    board.write(3.75, 0.42, "code h = W_f x\nfew numbers")
    board.write(5.3, 0.53, "decoder g")
    board.write(6.75, 0.42, "x̂ = W_g h\nas many as x")
    board.write(3.75, 2.6, "bottleneck", CODE, weight="bold")
    return board


def deep_autoencoder():
    """Encoder and decoder of several layers, each but the last with a bend after its sum."""
    board, y = Board(2.9), 1.7
    board.units(0.45, y, INPUT, DATA)
    board.units(3.75, y, [0.8, 0.3], CODE)
    board.units(7.05, y, OUTPUT, DATA)
    for side, colour in ((-1, ENCODER), (1, DECODER)):
        for away, wide, narrow, text in (
            (2.4, 2.0, 1.45, "layer\n+ bend"),
            (1.15, 1.4, 0.8, "layer"),
        ):
            heights = (wide, narrow) if side < 0 else (narrow, wide)
            board.layer(3.75 + side * away, y, *heights, text, colour, 0.9)
    board.flow(y, (0.65, 0.9), (1.8, 2.15), (3.05, 3.55), (3.95, 4.45), (5.35, 5.7), (6.6, 6.85))
    board.write(0.45, 0.3, "x")
    board.write(1.97, 0.3, "encoder f, with weights W_f")
    board.write(3.75, 0.6, "h = f(x)", CODE, weight="bold")
    board.write(5.53, 0.3, "decoder g, with weights W_g")
    board.write(7.05, 0.3, "x̂")
    return board


def wide_and_narrow():
    """What a code can do: a narrow one must choose, a wide one may copy, or use few units."""
    board, y, activity = Board(3.6), 1.95, np.array([0.9, 0.2, 0.7, 0.4, 0.1, 0.8, 0.3])
    few = np.array([0, 0.9, 0, 0, 0, 0, 0.6, 0])
    codes = {
        "narrow": ([0.9, 0.5], "must choose\nwhat to keep"),
        "wide": (activity, "may copy,\nand learn nothing"),
        "wide and sparse": (few, "must choose which\nfew units are active"),
    }
    for n, (name, (code, effect)) in enumerate(codes.items()):
        x = 1.25 + 2.5 * n
        inputs = board.units(x - 0.8, y, activity, DATA)
        hidden = board.units(x, y, code, CODE)
        outputs = board.units(x + 0.8, y, activity, DATA)
        if name == "wide":
            board.threads(inputs, hidden, ENCODER)
            board.threads(hidden, outputs, DECODER)
        else:
            active = hidden[np.asarray(code) > 0]
            board.all_threads(inputs, active, ENCODER)
            board.all_threads(outputs, active, DECODER)
        for place, symbol in ((x - 0.8, "x"), (x, "h"), (x + 0.8, "x̂")):
            board.write(place, 0.75, symbol)
        board.write(x, 3.3, name, CODE, weight="bold")
        board.write(x, 0.3, effect)
    return board


def reparameterisation():
    """Why z is computed from noise: a gradient passes through a sum, and not through a draw."""
    board = Board(5.2)
    _ends_of_graph(board, 1.9, "z is drawn: the path is blocked")
    board.draw_of_noise(1.9, 2.3, "z")
    board.write(2.35, 2.3, "∼ N(μ, σ²)", ha="left")
    for side in (-1, 1):
        board.write(1.9 + side * 0.68, 1.8, "✗", GRADIENT, 20)
    _ends_of_graph(board, 5.6, "z is computed: the path is open")
    board.box(5.6, 2.3, "z = μ + exp(½ log σ²) · ε", CODE, 2.3)
    board.draw_of_noise(7.1, 1.45, "ε", 0.25)
    board.write(6.95, 0.95, "∼ N(0, I)")
    board.arrow((6.95, 1.68), (6.65, 2.03), NOISE)
    for side in (-1, 1):
        board.gradient((5.6 + side * 0.65, 2.03), (5.6 + side * 0.75, 1.57))
        board.gradient((5.6 + side * 0.75, 1.03), (5.6 + side * 0.55, 0.67))
    board.arrow((3.05, 4.3), (3.45, 4.3))
    board.write(3.55, 4.3, "values", ha="left")
    board.gradient((3.45, 4.0), (3.05, 4.0))
    board.write(3.55, 4.0, "gradients", ha="left")
    return board


def _ends_of_graph(board, x, name):
    """What both graphs of z have: the encoder with its heads below, decoder and loss above."""
    board.write(x, 5.0, name, weight="bold")
    board.box(x, 4.2, "−log p(x|z)", DATA, 1.5)
    board.box(x, 3.22, "decoder", DECODER, 1.5)
    board.box(x - 0.55, 1.3, "μ", CODE, 0.9)
    board.box(x + 0.55, 1.3, "log σ²", CODE, 0.9)
    board.box(x, 0.4, "encoder of x", ENCODER, 1.6)
    board.gradient((x - 0.25, 3.93), (x - 0.25, 3.49))
    board.gradient((x - 0.25, 2.95), (x - 0.25, 2.57))
    for start, end in ((2.6, 2.95), (3.49, 3.93)):
        board.arrow((x, start), (x, end))
    for side in (-1, 1):
        board.arrow((x + side * 0.3, 0.67), (x + side * 0.45, 1.03))
        board.arrow((x + side * 0.45, 1.57), (x + side * 0.2, 2.03))


def two_spaces():
    """The encoder leads from data to distributions of codes, the decoder from codes to data."""
    board, examples = Board(4.3), dict(zip(PALETTE[5:], CODES))
    _rings(board)
    _curved_sheet(board)
    for colour, code in examples.items():
        style = {"facecolor": tint(colour, 0.4), "edgecolor": colour}
        board.sheet.add_patch(Ellipse(_in_rings(*code), 0.46, 0.3, **style))
        board.gradient(_in_rings(*code, 0.7), _in_rings(*code, 0.3))
        board.mark(_on_sheet(*code), colour)
    board.mark(_in_rings(*NEW), INK)
    board.mark(_on_sheet(*NEW), INK)
    for place, up, text, style in (
        (_in_rings(*CODES[0]), 0.3, "q(z|x)", {}),
        (_on_sheet(*CODES[0]), 0.24, "x", {"bbox": ON_LINES}),
        (_in_rings(*NEW), -0.24, "z ∼ p(z)", {}),
        (_on_sheet(*NEW), -0.26, "new x", {"bbox": ON_LINES}),
    ):
        board.write(place[0], place[1] + up, text, **style)
    board.write(1.75, 4.1, "latent space", weight="bold")
    board.write(1.75, 0.4, "rings: the prior p(z) = N(0, I),\nto which KL pulls each q(z|x)")
    board.write(5.85, 4.1, "data space", weight="bold")
    board.write(5.85, 0.4, "the sheet where examples lie,\nin the space of all values")
    board.arrow((4.32, 3.2), (2.95, 3.2), ENCODER, 0.2, lw=2.5)
    board.write(3.64, 3.65, "encoder q(z|x)")
    board.arrow((2.95, 1.4), (4.32, 1.4), DECODER, 0.2, lw=2.5)
    board.write(3.64, 0.95, "decoder p(x|z)")
    return board


def _rings(board):
    """The prior of a code of two numbers, seen from above."""
    for radius, depth in ((1.35, 0.12), (0.9, 0.24), (0.45, 0.4)):
        board.sheet.add_patch(Circle(RINGS, radius, facecolor=tint(DATA, depth), edgecolor="white"))


def _in_rings(u, v, share=1.0):
    """Where the code (u, v) lies, or the one at that `share` of the way to it from the middle."""
    return RINGS[0] + share * u, RINGS[1] + share * v


def _on_sheet(u, v):
    """Where the decoder of `two_spaces` puts the code (u, v): inches on the board."""
    x = 5.8 + 0.93 * u + 0.25 * v
    y = 2.35 + 0.75 * v + 0.35 * np.sin(2.2 * u) + 0.12 * v * u
    return np.array([x, y])


def _curved_sheet(board):
    """The sheet that all codes together are decoded to, with its lines."""
    steps = np.linspace(-1.3, 1.3, 50)
    for at in np.linspace(-1.3, 1.3, 8):
        for line in (_on_sheet(steps, at), _on_sheet(at, steps)):
            board.sheet.plot(*line, color=DATA, lw=0.6, zorder=1)


def denoising():
    """A denoising autoencoder: the input has noise, what it is compared with has none."""
    board, y = Board(2.9), 1.1
    board.box(0.45, y, "x", DATA, 0.6)
    board.box(2.3, y, "x̃", DATA, 0.6)
    board.draw_of_noise(1.4, 2.1, "noise", 0.36)
    board.layer(3.55, y, 1.4, 0.7, "encoder", ENCODER, 1.1)
    board.box(4.65, y, "h", CODE, 0.5)
    board.layer(5.75, y, 0.7, 1.4, "decoder", DECODER, 1.1)
    board.box(7.05, y, "x̂", DATA, 0.6)
    board.flow(y, (0.75, 2.0), (2.6, 3.0), (4.1, 4.4), (4.9, 5.2), (6.3, 6.75))
    board.arrow((1.4, 1.74), (1.4, y + 0.03), NOISE)
    board.box(4.65, 2.5, "loss ‖x − x̂‖²", DATA, 1.6)
    board.path((0.45, y + 0.25), (0.45, 2.5), (3.85, 2.5))
    board.path((7.05, y + 0.25), (7.05, 2.5), (5.45, 2.5))
    board.write(3.75, 0.15, "The encoder sees x̃. The loss compares with x.")
    return board


def variational():
    """A VAE: the encoder says from which distribution the code is drawn."""
    board = Board(2.4)
    _variational(board, 1.25, "q(z|x)", "p(x|z)")
    board.write(3.25, 0.5, "two heads")
    board.write(4.4, 0.5, "z ∼ q(z|x)")
    return board


def _variational(board, y, posterior, likelihood):
    """A VAE in a row at height `y`, with the names of its two distributions above."""
    board.box(0.55, y, "x", DATA, 0.6)
    board.layer(1.9, y, 1.5, 0.8, "encoder", ENCODER, 1.1)
    board.box(3.25, y, "μ, log σ²", CODE, 1.0)
    board.draw_of_noise(4.4, y, "z")
    board.layer(5.6, y, 0.8, 1.5, "decoder", DECODER, 1.1)
    board.box(6.95, y, "x̂", DATA, 0.6)
    board.flow(y, (0.85, 1.35), (2.45, 2.75), (3.75, 4.08), (4.72, 5.05), (6.15, 6.65))
    board.write(1.9, y + 0.95, posterior)
    board.write(5.6, y + 0.95, likelihood)


def conditional_model():
    """A conditional VAE: encoder and decoder are both told the label."""
    board, y = Board(3.5), 2.35
    _variational(board, y, "q(z|x, label)", "p(x|z, label)")
    board.box(3.75, 0.85, "label", NOISE, 1.0)
    board.path((3.25, 0.85), (1.9, 0.85), (1.9, 1.75), colour=NOISE)
    board.path((4.25, 0.85), (5.6, 0.85), (5.6, 1.75), colour=NOISE)
    board.write(3.75, 0.3, "To generate: draw z from N(0, I), and choose the label.")
    return board


def autoregressive_decoder():
    """A decoder of tokens in training, which is told the true ones, and in use, which is not."""
    board = Board(4.3)
    for left, name, effect in (
        (0.45, "with true tokens: teacher forcing", "each true token is the next input"),
        (4.35, "with its own tokens: sampling", "each drawn token is the next input"),
    ):
        board.write(left + 1.3, 4.05, name, weight="bold")
        board.write(left + 1.3, 3.7, effect)
        _steps(board, left)
    for step, index in enumerate("₁₂₃₄"):
        told, telling = 0.45 + STEP * step, 4.35 + STEP * step
        board.box(told, 3.05, f"p(x{index})", DECODER, 0.66, 0.45)
        board.draw_of_noise(telling, 3.05, f"x̂{index}", 0.25)
        if step < 3:
            board.box(told + STEP - 0.1, 1.25, f"x{index}", DATA, 0.38, 0.45)
            board.box(telling + STEP - 0.1, 1.25, f"x̂{index}", DATA, 0.38, 0.45)
            gap = telling + STEP / 2
            board.path(
                (telling + 0.25, 3.05), (gap, 3.05), (gap, 1.25), (gap + 0.15, 1.25), colour=NOISE
            )
    return board


def _steps(board, left):
    """Four steps of a decoder that gets z in each, and 0 in place of a token in the first."""
    board.box(left - 0.1, 1.25, "0", DATA, 0.38, 0.45)
    board.box(left + 1.5 * STEP, 0.4, "z", CODE, 3.3, 0.45)
    for x in left + STEP * np.arange(4):
        board.box(x, 2.15, "step", DECODER, 0.58)
        board.arrow((x, 2.4), (x, 2.8))
        board.arrow((x - 0.1, 1.48), (x - 0.1, 1.9))
        board.arrow((x + 0.2, 0.63), (x + 0.2, 1.9), CODE)
        if x < left + 3 * STEP:
            board.arrow((x + 0.29, 2.15), (x + STEP - 0.29, 2.15))


def ladder():
    """The map of the models: what each adds to the one below it."""
    board, columns = Board(7.3), (0.98, 2.83, 4.67, 6.52)
    _rung(board, 3.75, 0.5, "linear", "‖x − x̂‖², one layer each way", ENCODER, 3.4)
    _rung(board, 3.75, 1.75, "deep", "+ layers with bends between", ENCODER, 3.4)
    board.arrow((3.75, 0.88), (3.75, 1.36))
    plain = {
        "sparse": "+ λ Σ|h|: few units\nare active",
        "denoising": "x̃ in, x out:\ntakes noise away",
        "contractive": "+ λ ‖∂h/∂x‖²:\nh moves less",
        "vae": "z is drawn,\n+ KL[q ‖ N(0, I)]",
    }
    variational = {
        "conv": "convolutions,\nfor images",
        "β": "β · KL: a shorter\nor a longer code",
        "conditional": "+ label, for\nboth halves",
        "sequence": "token by token,\nz into each step",
    }
    closer = {
        "iwae": "k draws of z:\na tighter bound",
        "prior": "p(z) is learned,\nnot N(0, I)",
        "ladder": "a code above\nthe code",
    }
    rows = {
        3.25: ((3.75, 2.15), plain),
        4.95: ((6.52, 3.75), variational),
        6.65: ((5.6, 4.2), closer),
    }
    for y, (start, rungs) in rows.items():
        for x, (name, adds) in zip(columns, rungs.items()):
            _rung(board, x, y, name, adds, NOISE if y > 4 or name == "vae" else CODE, 1.72)
            board.path(start, (start[0], y - 0.75), (x, y - 0.75), (x, y - 0.5))
    return board


def _rung(board, x, y, name, adds, colour, width):
    """A model of the ladder: its name, and under it what it adds."""
    lines = len(adds.split("\n"))
    board.box(x, y, "", colour, width, 0.55 + LINE * lines)
    board.write(x, y + LINE / 2 * lines + 0.03, name, weight="bold")
    board.write(x, y - 0.13, adds)


def main():
    """Write the drawings of README.md to the folder that the command line names."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, help="it is made if it is not there")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for drawing in (bottleneck, two_spaces, ladder):
        save(drawing(), folder / f"{drawing.__name__}.png", SCREEN_DPI)


if __name__ == "__main__":
    main()
