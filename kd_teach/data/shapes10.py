"""shapes10: the embedded data set. Ten classes of 32x32 pictures, drawn here in seconds, with object masks.

Each picture shows one object on a cluttered ground: a texture, two strokes, and a distractor, which is a
smaller, paler shape of another class. The label is that of the largest shape. Its colour, stripes, place,
angle and size are drawn in the same way for all classes, so that only the outline tells; a bar may hide some.
Outlines within a family look alike, which gives a teacher something to say besides the label.

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
_CONTRAST = (0.2, 0.5)  # per channel, between the object and the ground's mean colour
_HIDDEN = 0.7  # share of objects that a bar may lie across
_GRAIN = 0.06  # half width of the uniform noise of each pixel

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
    draw.paint(picture, _colour(dice, mean, *_CONTRAST) + _stripes(dice), body)

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
    for field, strength in ((pattern, 0.4), (other, 0.4), (draw.clouds(dice, 8), 0.3)):
        texture += (field - 0.5)[:, None] * dice.between(-strength, strength, 3, 1, 1)
    return texture


def _stripes(dice: Dice) -> np.ndarray:
    """What the object's stripes add to its colour (N, 3, 32, 32); often next to nothing."""
    x, _ = draw.plane(dice.between(-4, 4, 2, 1, 1), dice.direction())
    strength = dice.between(0, 0.5, 1, 1, 1) * dice.between(-1, 1, 3, 1, 1)
    return (draw.wave(x / dice.between(3, 9, 1, 1)) - 0.5)[:, None] * strength


def _colour(dice: Dice, mean: np.ndarray, least: float, most: float) -> np.ndarray:
    """A colour (N, 3, 1, 1) within 0..1, in each channel `least` to `most` (<= 0.5) away from the mean."""
    step = dice.between(least, most, 3, 1, 1) * (2 * dice.chance(0.5, 3, 1, 1) - 1)
    return np.where(np.abs(mean + step - 0.5) <= 0.5, mean + step, mean - step)


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
