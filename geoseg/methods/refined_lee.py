"""Refined Lee speckle filter, with local statistics on one side of an edge.

Lee 1981, doi:10.1016/S0146-664X(81)80018-4. The steepest gradient of 3 x 3 means of a 7 x 7 window gives the
direction of an edge. Of the two half windows along that edge (28 pixels each, the middle line in both) the
one with the mean nearer to that of the centre is used, so shorelines are preserved.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoseg.methods.sar import GRD_LOOKS, LEE_RADIUS, Image

_STRIP = 48
"""Rows filtered at once, so that the sums fit the processor cache."""
_R = LEE_RADIUS


def refined_lee(power: Image, looks: float = GRD_LOOKS) -> Image:
    """Filter speckle without blurring edges.

    Translation-exact like all filters of `geoseg.methods.sar`; results closer than `LEE_RADIUS` to the edge
    are not exact.

    Args:
        power: (H, W) linear power, NaN where not observed: such pixels have no weight and stay NaN.
        looks: equivalent number of looks of the image.
    """
    known = np.isfinite(power)
    height, width = power.shape
    padded = np.zeros((height + 2 * _R, width + 2 * _R), np.float32)
    np.copyto(padded[_R:-_R, _R:-_R], power, where=known)
    weights = np.zeros(padded.shape, np.float32)
    weights[_R:-_R, _R:-_R] = known
    out = np.empty((height, width), np.float32)
    noise = np.float32(1 / looks)
    for top in range(0, height, _STRIP):
        rows = slice(top, min(top + _STRIP, height) + 2 * _R)
        strip = out[top : top + _STRIP]
        # Counting neighbours takes a third of the time, and nearly all pixels have all of them.
        if width > 2 * _R and weights[rows, _R:-_R].all():
            strip[:] = _filter_strip(padded[rows], None, noise)
            for cols in (slice(0, _R), slice(width - _R, width)):
                near = slice(cols.start, cols.stop + 2 * _R)
                strip[:, cols] = _filter_strip(padded[rows, near], weights[rows, near], noise)
        else:
            strip[:] = _filter_strip(padded[rows], weights[rows], noise)
    out[~known] = np.nan
    return out


def _filter_strip(power: Image, weights: Image | None, noise: np.float32) -> Image:
    """Filter rows that are padded by 3 pixels on all sides.

    Pixels with a weight of 0 have a value of 0; without weights all pixels are valid.
    """
    stride = power.shape[1]
    flat, flat_weights = power.ravel(), None if weights is None else weights.ravel()
    side = _choose_side(flat, flat_weights, stride)
    sides = [side == index for index in range(1, 8)]
    # Columns 3.. of rows 3.. of the padded strip; the last `2 R` columns of each row are padding.
    centre = slice(_R * stride + _R, flat.size - _R * stride - _R)
    total = _pick(_half_sums(flat, stride), sides)
    squares = _pick(_half_sums(flat * flat, stride), sides)
    count: Image | np.float32 = np.float32(28)
    if flat_weights is not None:
        count = np.maximum(_pick(_half_sums(flat_weights, stride), sides), 1)
    total /= count
    squares /= count
    square = total * total
    squares -= square
    np.maximum(squares, np.float32(1e-30), out=squares)
    square *= noise
    signal = squares - square
    np.maximum(signal, 0, out=signal)
    signal /= squares
    signal *= 1 / (1 + noise)
    signal *= flat[centre] - total
    signal += total
    out = np.empty((power.shape[0] - 2 * _R) * stride, np.float32)
    out[: signal.size] = signal
    return out.reshape(-1, stride)[:, : stride - 2 * _R]


def _half_sums(x: Image, stride: int) -> list[Image]:
    """Return the sums over the eight half windows around every pixel, as flat arrays.

    The order is left, right, top, bottom, lower left, upper right, upper left, lower right.
    """
    size = x.size - 2 * _R
    left, right = [x[:size]], [x[2 * _R :]]
    for k in range(1, 7):
        left.append(left[-1] + x[k : k + size])
        if k < 6:
            right.append(right[-1] + x[2 * _R - k : 2 * _R - k + size])
    right.append(left[6])
    span = size - 2 * _R * stride

    def down(parts: list[tuple[int, Image]]) -> Image:
        """Add rows: (distance 0..6 from the top of the window, sums along the row)."""
        at, part = parts[0]
        out = part[at * stride : at * stride + span].copy()
        for at, part in parts[1:]:
            out += part[at * stride : at * stride + span]
        return out

    return [
        down([(dy, left[3]) for dy in range(7)]),
        down([(dy, right[3]) for dy in range(7)]),
        down([(dy, left[6]) for dy in range(4)]),
        down([(dy, left[6]) for dy in range(3, 7)]),
        down([(dy, left[dy]) for dy in range(7)]),
        down([(dy, right[6 - dy]) for dy in range(7)]),
        down([(dy, left[6 - dy]) for dy in range(7)]),
        down([(dy, right[dy]) for dy in range(7)]),
    ]


def _pick(parts: list[Image], sides: list[NDArray[np.bool_]]) -> Image:
    """Return at each pixel the part whose mask is True; the first part where none is."""
    out = parts[0]
    for part, mask in zip(parts[1:], sides, strict=True):
        np.copyto(out, part, where=mask)
    return out


def _choose_side(flat: Image, weights: Image | None, stride: int) -> NDArray[np.uint8]:
    """Return the half window of each pixel, in the order of `_half_sums`, as a flat array."""
    means = _block_means(flat, weights, stride)
    (nw, n, ne), (w, centre, e), (sw, s, se) = means[0:3], means[3:6], means[6:9]
    # The four gradient masks of Lee on the 3 x 3 means.
    gradients = (
        np.abs(nw + w + sw - ne - e - se),
        np.abs(nw + n + ne - sw - s - se),
        np.abs(w + sw + s - n - ne - e),
        np.abs(n + nw + w - e - se - s),
    )
    steepest = gradients[0]
    side = np.where(np.abs(w - centre) <= np.abs(e - centre), np.uint8(0), np.uint8(1))
    for index, (gradient, first, second) in enumerate(
        ((gradients[1], n, s), (gradients[2], sw, ne), (gradients[3], nw, se)), start=1
    ):
        steeper = gradient > steepest
        nearer_second = np.abs(first - centre) > np.abs(second - centre)
        np.copyto(side, np.uint8(2 * index) + nearer_second, where=steeper, casting="unsafe")
        np.maximum(steepest, gradient, out=steepest)
    return side


def _block_means(flat: Image, weights: Image | None, stride: int) -> list[Image]:
    """Return the nine 3 x 3 means of a 7 x 7 window by row; that of the centre where none is observed."""
    mean = _sum3(flat, stride)
    count = None if weights is None else _sum3(weights, stride)
    mean /= np.float32(9) if count is None else np.maximum(count, 1)
    span = flat.size - 2 * _R * stride - 2 * _R
    # `mean[p]` is of the block around flat pixel p + stride + 1.
    starts = [(row * stride) + col for row in (0, 2, 4) for col in (0, 2, 4)]
    parts = [mean[start : start + span] for start in starts]
    if count is None:
        return parts
    seen = [count[start : start + span] > 0 for start in starts]
    return [np.where(has, part, parts[4]) for has, part in zip(seen, parts, strict=True)]


def _sum3(x: Image, stride: int) -> Image:
    """Return the sums over 3 x 3 pixels of a flat array; element p is centred on pixel p + stride + 1."""
    row = x[:-2] + x[1:-1]
    row += x[2:]
    out = row[: -2 * stride] + row[stride:-stride]
    out += row[2 * stride :]
    return out
