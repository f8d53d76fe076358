"""Learnt layers as slow loops on nested lists [n][c][y][x]: what the tests of several methods compute by hand."""

import math
from itertools import product

from torch import nn


def with_offsets(loss):
    """The loss with biases and gains drawn anew: at their start of 0 and 1 a lost one would not show."""
    for p in loss.parameters():
        if p.ndim == 1:
            nn.init.normal_(p)
    return loss


def chain_by_loops(layers, images):
    """Convolutions, plain or transposed, batch norms in train mode and (leaky) ReLUs, one after the other."""
    for layer in layers:
        if isinstance(layer, nn.Sequential):
            images = chain_by_loops(layer, images)
        elif isinstance(layer, (nn.ReLU, nn.LeakyReLU)):
            slope = getattr(layer, "negative_slope", 0.0)
            images = [[[[v if v > 0 else slope * v for v in row] for row in channel] for channel in i] for i in images]
        elif isinstance(layer, nn.BatchNorm2d):
            images = normed(images, layer)
        elif not isinstance(layer, nn.Identity):
            images = [convolved(image, layer) for image in images]
    return images


def normed(images, layer):
    """gain (x - mean) / sqrt(variance + eps) + shift, by the statistics of the batch."""
    out = [[] for _ in images]
    for c, (gain, shift) in enumerate(zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)):
        values = [v for image in images for row in image[c] for v in row]
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values) + layer.eps)
        for image, result in zip(images, out, strict=True):
            result.append([[gain * (v - mean) / spread + shift for v in row] for row in image[c]])
    return out


def convolved(image, layer):
    """out[o, y, x] = b[o] + sum_i,j,k w[o, i, j, k] in[i, s y + j - p, s x + k - p] for a stride s and p zeros around.

    A transposed one goes back that way: in[i, y, x] is sent to out[o, s y + j - p, s x + k - p].
    """
    back = isinstance(layer, nn.ConvTranspose2d)
    weight = layer.weight.transpose(0, 1).tolist() if back else layer.weight.tolist()
    (high, wide), s, p = layer.kernel_size, layer.stride[0], layer.padding[0]
    grid = [len(image[0]), len(image[0][0])]
    sizes = zip(grid, (high, wide), strict=True)
    size = [(n - 1) * s - 2 * p + k if back else (n + 2 * p - k) // s + 1 for n, k in sizes]
    biases = [0.0] * len(weight) if layer.bias is None else layer.bias.tolist()
    out = [[[b] * size[1] for _ in range(size[0])] for b in biases]
    (height, width), (rows, columns) = (grid, size) if back else (size, grid)
    for o, i, y, x, j, k in product(*map(range, (len(out), len(image), height, width, high, wide))):
        v, u = s * y + j - p, s * x + k - p
        if 0 <= v < rows and 0 <= u < columns:
            if back:
                out[o][v][u] += weight[o][i][j][k] * image[i][y][x]
            else:
                out[o][y][x] += weight[o][i][j][k] * image[i][v][u]
    return out


def numbers(images):
    """All of them in one list."""
    return [v for image in images for channel in image for row in channel for v in row]
