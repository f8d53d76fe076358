"""shapes10: the embedded data set. Ten classes of 32x32 pictures, drawn here in seconds, with object masks.

Each picture shows one object on a cluttered ground: a texture, two strokes, and a distractor, which is a
smaller, paler shape of another class. The label is that of the largest shape; a bar may hide some of it.
Only the outline tells for sure. Place, angle and size are drawn in the same way for all classes, but as with real
things, texture and colour lean: a family to a texture and to a colour channel, a class to a side of the other two.
That is where a network begins. Outlines within a family look alike, which gives a teacher something to say besides
the label.

No two classes coincide at any angle: an ellipse, a rectangle and a diamond are always longer than wide.
"""

import hashlib
import operator

import numpy as np
import torch

from kd_teach.data import _drawing as draw
from kd_teach.data._drawing import SIZE, Dice
from kd_teach.data.types import Split

FAMILIES: dict[str, tuple[str, ...]] = {
    "round": ("circle", "ellipse", "ring", "crescent"),
    "four-sided": ("square", "rectangle", "diamond"),
    "pointed": ("triangle", "star", "cross"),
}
CLASSES: tuple[str, ...] = tuple(name for family in FAMILIES.values() for name in family)

# What makes it hard. Lengths are in pixels, colours in 0..1.
_RADIUS = (6.0, 9.0)  # of the circle of the same area
_RATIO = (1.25, 1.9)  # length to width, where a shape has them
_CONTRAST = (0.3, 0.5)  # per channel, between the object and the ground's mean colour
_HIDDEN = 0.5  # share of objects that a bar may lie across
_GRAIN = 0.05  # half width of the uniform noise of each pixel

# What makes a beginning. Neither tells the class: tests say how much a histogram of colours does.
_WOVEN = 0.9  # share of objects with the texture of their family; the others take one of the three
_BRIGHTER = {  # chance that an object is tried brighter than the ground, not darker, in red, green, blue
    "circle": (0.95, 0.85, 0.85),
    "ellipse": (0.95, 0.85, 0.15),
    "ring": (0.95, 0.15, 0.85),
    "crescent": (0.95, 0.15, 0.15),
    "square": (0.85, 0.95, 0.85),
    "rectangle": (0.85, 0.95, 0.15),
    "diamond": (0.15, 0.95, 0.85),
    "triangle": (0.85, 0.85, 0.95),
    "star": (0.85, 0.15, 0.95),
    "cross": (0.15, 0.15, 0.95),
}

_ROW = 2048  # random numbers set aside for each image
_CHUNK = 100  # images drawn at once: few enough for their planes to stay in the processor's cache


def draw_shapes10(n: int, *, seed: int) -> Split:
    """Draw n labelled pictures with the masks of their objects; the same on every platform.

    Image i depends on `seed` and i alone, so a larger n continues a smaller one. Images 0-9, 10-19, ... show
    each class once, in random order.

    Args:
        n: how many, 1 or more.
        seed: any integer.

    Returns:
        Split of images (n, 3, 32, 32), labels (n,) into `CLASSES`, and masks (n, 32, 32): True where the
        object, less what is hidden of it, covers at least half of a pixel.

    Raises:
        TypeError: n or seed is not an integer. ValueError: n < 1.
    """
    n, seed = _integer("n", n), _integer("seed", seed)
    if n < 1:
        raise ValueError(f"draw_shapes10 was asked for n={n} images: ask for 1 or more.")
    key = hashlib.sha256(f"shapes10/{seed}".encode()).digest()[:16]
    random = np.random.Philox(key=int.from_bytes(key, "little"))
    images = np.empty((n, 3, SIZE, SIZE), np.uint8)
    labels = np.empty(n, np.int64)
    masks = np.empty((n, SIZE, SIZE), bool)
    for start in range(0, n, _CHUNK):
        words = random.random_raw(_CHUNK * _ROW // 4).astype("<u8").view("<u2").reshape(_CHUNK, _ROW)
        here, count = slice(start, start + _CHUNK), min(_CHUNK, n - start)
        labels[here] = _labels(words[:, 0])[:count]
        images[here], masks[here] = _pictures(Dice(words[:count, 1:]), labels[here])
    return Split(torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(masks))


def _integer(name: str, value: int) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"draw_shapes10 was given {name}={value!r}: {name} must be an integer.") from None


def _labels(words: np.ndarray) -> np.ndarray:
    """Labels (N,): in every ten, the ranks of their random words (N,)."""
    return np.argsort(words.reshape(-1, len(CLASSES)), axis=1, kind="stable").reshape(-1)


def _pictures(dice: Dice, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3, 32, 32) uint8 and masks (N, 32, 32) bool, painted from back to front."""
    mean = dice.between(0.25, 0.75, 3, 1, 1)
    picture = mean + _texture(dice)
    for _ in range(2):
        draw.paint(picture, _colour(dice, mean, 0.1, 0.3), _stroke(dice, dice.between(-15, 15, 2, 1, 1)))

    other = (labels + 1 + dice.integers(len(CLASSES) - 1)) % len(CLASSES)
    faint = _shape(dice, other, dice.between(-12, 12, 2, 1, 1), dice.between(2.5, 4.0, 1, 1))
    draw.paint(picture, _colour(dice, mean, 0.1, 0.3), faint * dice.between(0.4, 0.8, 1, 1))

    centre = dice.between(-6, 6, 2, 1, 1)
    body = _shape(dice, labels, centre, dice.between(*_RADIUS, 1, 1))
    brighter = np.array([_BRIGHTER[name] for name in CLASSES])[labels, :, None, None]  # (N, 3, 1, 1)
    draw.paint(picture, _colour(dice, mean, *_CONTRAST, brighter=brighter) + _weave(dice, labels), body)

    hidden = _stroke(dice, centre + dice.between(-5, 5, 2, 1, 1)) * dice.chance(_HIDDEN, 1, 1)
    draw.paint(picture, _colour(dice, mean, 0.0, 0.4), hidden)

    picture += dice.between(-_GRAIN, _GRAIN, 1, SIZE, SIZE)
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8), body * (1 - hidden) >= 0.5


def _texture(dice: Dice) -> np.ndarray:
    """What the ground adds to its mean colour (N, 3, 32, 32): clouds, bent stripes or checks; more clouds."""
    coarse, other = draw.clouds(dice, 4), draw.clouds(dice, 4)
    x, y = draw.plane(dice.between(-16, 16, 2, 1, 1), dice.direction())
    period = dice.between(5, 16, 1, 1)
    stripes = draw.wave(x / period + coarse * dice.between(0, 1, 1, 1))
    checks = np.abs(stripes - draw.wave(y / period))
    kind = dice.integers(3, 1, 1)
    pattern = np.where(kind == 0, coarse, np.where(kind == 1, stripes, checks))
    texture = np.zeros((len(kind), 3, SIZE, SIZE), np.float32)
    for field, strength in ((pattern, 0.24), (other, 0.24), (draw.clouds(dice, 8), 0.18)):
        texture += (field - 0.5)[:, None] * dice.between(-strength, strength, 3, 1, 1)
    return texture


def _weave(dice: Dice, labels: np.ndarray) -> np.ndarray:
    """What the object's texture adds to its colour (N, 3, 32, 32): nothing, stripes or checks, by family."""
    own = np.array([family for family, names in enumerate(FAMILIES.values()) for _ in names])[labels, None, None]
    kind = np.where(dice.chance(_WOVEN, 1, 1) > 0, own, dice.integers(3, 1, 1))
    x, y = draw.plane(dice.between(-4, 4, 2, 1, 1), dice.direction())
    period = dice.between(3, 5, 1, 1)
    stripes, across = draw.wave(x / period), draw.wave(y / period)
    field = np.where(kind == 0, 0.5, np.where(kind == 1, stripes, np.abs(stripes - across)))
    return (field - 0.5)[:, None].astype(np.float32) * dice.between(0.3, 0.6, 3, 1, 1) * _signs(dice, 0.5)


def _colour(dice: Dice, mean: np.ndarray, least: float, most: float, brighter: float | np.ndarray = 0.5) -> np.ndarray:
    """A colour (N, 3, 1, 1) within 0..1, in each channel `least` to `most` (<= 0.5) away from the mean.

    `brighter` is the chance of the brighter side; a step that would leave 0..1 is made to the other.
    """
    step = dice.between(least, most, 3, 1, 1) * _signs(dice, brighter)
    return np.where(np.abs(mean + step - 0.5) <= 0.5, mean + step, mean - step)


def _signs(dice: Dice, positive: float | np.ndarray) -> np.ndarray:
    """1 with this chance, else -1, per channel: (N, 3, 1, 1)."""
    return 2 * dice.chance(positive, 3, 1, 1) - 1


def _stroke(dice: Dice, centre: np.ndarray) -> np.ndarray:
    """How much of each pixel (N, 32, 32) a straight bar around `centre` covers."""
    x, y = draw.plane(centre, dice.direction())
    return draw.cover(draw.bar(x, y, dice.between(4, 14, 1, 1), dice.between(0.7, 1.8, 1, 1)))


def _shape(dice: Dice, kinds: np.ndarray, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """How much of each pixel (N, 32, 32) is covered by a shape of the class that `kinds` (N,) names."""
    x, y = (axis / radius for axis in draw.plane(centre, dice.direction()))
    ratio = dice.between(*_RATIO, 1, 1)
    distance = np.empty_like(x)
    for kind in np.unique(kinds):
        rows = kinds == kind
        distance[rows] = draw.OUTLINES[CLASSES[kind]](x[rows], y[rows], ratio[rows])
    return draw.cover(distance * radius)
