"""The tools of `shapes10`: dice, coordinates, ten outlines, textures, paint; for N images at once.

The pictures must come out the same, bit for bit, on every platform. So they use only operations whose result
IEEE 754 prescribes: + - * /, square roots and comparisons, one at a time on float32 arrays. Where a library
chooses the order of a sum (`@`), all numbers are integers below 2**24, hence exact. Sines come from a table
rounded to 14 bits, and random numbers from the raw words of a bit generator: numpy promises that those stay
as they are, but not what its distributions make of them.
"""

import numpy as np

SIZE = 32  # pixels, height and width

_TURNS = 2 * np.pi * np.arange(256) / 256
_COS, _SIN = (np.round(values * 2**14).astype(np.float32) / 2**14 for values in (np.cos(_TURNS), np.sin(_TURNS)))
_CENTRES = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2  # of the pixels; the picture's middle is 0


class Dice:
    """Random numbers for N images. Each image has a row of its own and reads it from left to right."""

    def __init__(self, rows: np.ndarray):
        self._rows, self._used = rows, 0  # (N, W) uint16

    def between(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Uniform numbers (N, *shape) float32 from low up to high."""
        return low + (high - low) / 2**16 * self._take(shape).astype(np.float32)

    def integers(self, count: int, *shape: int) -> np.ndarray:
        """Uniform integers (N, *shape) of 0 .. count - 1."""
        return (self._take(shape).astype(np.int32) * count) >> 16

    def chance(self, share: float | np.ndarray, *shape: int) -> np.ndarray:
        """1 in this share of cases, else 0: (N, *shape) float32."""
        return (self._take(shape) < share * 2**16).astype(np.float32)

    def direction(self) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and sine of one of 256 angles, (N, 1, 1) each."""
        turn = self.integers(256, 1, 1)
        return _COS[turn], _SIN[turn]

    def _take(self, shape: tuple[int, ...]) -> np.ndarray:
        start, self._used = self._used, self._used + int(np.prod(shape))
        if self._used > self._rows.shape[1]:
            raise IndexError(f"The drawing needs over {self._rows.shape[1]} random numbers: make the rows longer.")
        return self._rows[:, start : self._used].reshape(-1, *shape)


def plane(centre: np.ndarray, direction: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """x and y (N, 32, 32) of each pixel, in pixels, seen from `centre` (N, 2, 1, 1) in `direction`."""
    cos, sin = direction
    x, y = _CENTRES - centre[:, 0], _CENTRES[:, None] - centre[:, 1]
    return cos * x + sin * y, cos * y - sin * x


# Outlines: roughly the signed distance to the edge, negative inside. Each encloses about the area of the unit
# circle, so that size tells no class. `ratio` is length to width; the outlines that have only one ignore it.


def circle(x, y, ratio):
    return np.sqrt(x * x + y * y) - 1


def ellipse(x, y, ratio):
    """The implicit function over its own slope, which is the distance near the edge."""
    x, y = x / ratio, y  # in units where the half axes are 1/sqrt(ratio): a circle
    level = np.sqrt(x * x + y * y)
    slope = np.sqrt(x * x / (ratio * ratio) + y * y) / np.maximum(level, 1e-3)
    return (level - 1 / np.sqrt(ratio)) / np.maximum(slope, 1e-3)


def ring(x, y, ratio):
    return np.abs(np.sqrt(x * x + y * y) - 0.9) - 0.28


def crescent(x, y, ratio):
    x, bitten = x - 0.25, x + 0.5
    return np.maximum(np.sqrt(x * x + y * y) - 1.28, 0.98 - np.sqrt(bitten * bitten + y * y))


def square(x, y, ratio):
    return np.maximum(np.abs(x), np.abs(y)) - 0.886


def rectangle(x, y, ratio):
    root = np.sqrt(ratio)
    return np.maximum(np.abs(x) - 0.886 * root, np.abs(y) - 0.886 / root)


def diamond(x, y, ratio):
    return (np.abs(x) + ratio * np.abs(y) - 1.253 * np.sqrt(ratio)) / np.sqrt(1 + ratio * ratio)


def triangle(x, y, ratio):
    return np.maximum(-y, 0.8660254 * np.abs(x) + 0.5 * y) - 0.777


def star(x, y, ratio):
    """Inside is what lies outside one of five lines at most: so the second largest distance rules."""
    normals = ((1.0, 0.0), (0.309017, 0.9510565), (-0.809017, 0.5877853))  # the other two are mirror images
    largest = second = np.full_like(x, -np.inf)
    for cos, sin in (*normals, *((cos, -sin) for cos, sin in normals[1:])):
        distance = cos * x + sin * y
        second = np.maximum(second, np.minimum(largest, distance))
        largest = np.maximum(largest, distance)
    return second - 0.517


def cross(x, y, ratio):
    x, y = np.abs(x), np.abs(y)
    return np.maximum(np.maximum(x, y) - 1.154, np.minimum(x, y) - 0.415)


OUTLINES = {f.__name__: f for f in (circle, ellipse, ring, crescent, square, rectangle, diamond, triangle, star, cross)}


def bar(x: np.ndarray, y: np.ndarray, length: np.ndarray, width: np.ndarray) -> np.ndarray:
    """The outline of a straight stroke with round ends; `length` and `width` (N, 1, 1) are halves."""
    beyond = np.maximum(np.abs(x) - length, 0)
    return np.sqrt(beyond * beyond + y * y) - width


def cover(distance: np.ndarray) -> np.ndarray:
    """How much of each pixel lies inside an outline, 0 to 1, from the distance in pixels: edges are soft."""
    return np.clip(0.5 - distance, 0, 1)


def paint(picture: np.ndarray, colour: np.ndarray, opacity: np.ndarray) -> None:
    """Lay colour (N, 3, 1, 1) or (N, 3, 32, 32) over the picture, in place, with opacity (N, 32, 32)."""
    picture += opacity[:, None] * (colour - picture)


def wave(phase: np.ndarray) -> np.ndarray:
    """A triangle wave between 0 and 1, of period 1."""
    return np.abs(2 * (phase - np.floor(phase)) - 1)


def clouds(dice: Dice, cells: int) -> np.ndarray:
    """A smooth random field (N, 32, 32) between 0 and 1, interpolated from cells + 1 points along a side."""
    lattice = dice.integers(256, cells + 1, cells + 1).astype(np.float32)
    cell, rest = np.divmod(2 * cells * np.arange(SIZE), 64)  # pixel i lies rest/64 behind lattice point `cell`
    blend = np.zeros((SIZE, cells + 1), np.float32)
    blend[np.arange(SIZE), cell], blend[np.arange(SIZE), cell + 1] = 64 - rest, rest
    return blend @ lattice @ blend.T / np.float32(64 * 64 * 255)  # numpy 1 would make it float64
