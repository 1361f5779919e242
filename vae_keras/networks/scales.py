"""The grids of a network that halves an image again and again."""

from keras import layers


def halvings(image_shape, filters: int, max_filters: int, smallest: int) -> list[int]:
    """The filters of each halving, which double from `filters` to at most `max_filters`.

    The image is halved, at least once, until its shorter side is at most `smallest`: 28×28 with 7
    and 32 filters -> [32, 64], that is 28 => 14 => 7.
    """
    side = min(image_shape[:2])
    widths: list[int] = []
    while side > smallest or not widths:
        widths.append(min(filters * 2 ** len(widths), max_filters))
        side = -(-side // 2)
    return widths


def grid_and_cropping(image_shape, scale: int) -> tuple[int, int, layers.Layer]:
    """Rows and columns of the grid that, `scale` times as large, covers an image; what crops it."""
    height, width = image_shape[:2]
    rows, columns = -(-height // scale), -(-width // scale)  # rounded up
    cropping = ((0, rows * scale - height), (0, columns * scale - width))
    return rows, columns, layers.Cropping2D(cropping)
