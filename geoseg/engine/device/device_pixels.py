"""Normalise stored pixels on a device, as `engine.normalise.Normaliser` does with numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoseg.engine.normalise import Normaliser, affine, normalised_limits
from geoseg.pixels import Pixels

SAME_BITS = {np.dtype(np.uint16): np.int16, np.dtype(np.uint32): np.int32, np.dtype(np.uint64): np.int64}
"""Types that torch supports only in part, and signed types of the same size that transfer their bits."""

EXACT_IN_FLOAT32 = frozenset({"uint8", "int8", "uint16", "int16", "float16", "float32"})
"""Types whose values are exact in float32; others are normalised in float64, as on the host."""


class DevicePixels:
    """The pixels of one tile row on a device."""

    def __init__(self, normaliser: Normaliser, pixels: Pixels, device: Any) -> None:
        """Copy a tile row to the device as stored; on CUDA the copy is asynchronous.

        Args:
            normaliser: of the network.
            pixels: stored values (B, H, W) of its bands and layers.
            device: of torch.

        Raises:
            ModelError: a band is missing.
        """
        order = list(normaliser.order(pixels.bands))
        data = pixels.data if order == list(range(len(pixels.bands))) else pixels.data[order]
        self._dtype = data.dtype
        self._device = device
        exact = data.dtype.name in EXACT_IN_FLOAT32
        self._working = torch.float32 if exact else torch.float64
        # Before the pixels: the host waits for small copies, and would also wait for pixels sent earlier.
        self._affine(
            normaliser, [pixels.scale[index] for index in order], [pixels.offset[index] for index in order]
        )
        self._data = _send(data, device)
        self._valid = _send(pixels.valid, device)
        self._fill = normaliser.spec.fill
        self._sent = torch.cuda.current_stream(device).record_event() if device.type == "cuda" else None

    def _affine(self, normaliser: Normaliser, scales: list[float], offsets: list[float]) -> None:
        """Set factor and shift of each channel, and the limits of the network's channels in model units."""
        spec, count = normaliser.spec, len(normaliser.spec.bands)
        pairs = [
            affine(spec, band, scale, offset)
            for band, scale, offset in zip(spec.bands, scales, offsets, strict=False)
        ]
        self._factor = self._column([factor for factor, _ in pairs] + scales[count:])
        self._shift = self._column([shift for _, shift in pairs] + offsets[count:])
        self._limits: tuple[Any, Any] | None = None
        if spec.clip is not None:
            low, high = zip(*(normalised_limits(band, spec.clip) for band in spec.bands), strict=True)
            self._limits = (self._column(low, torch.float32), self._column(high, torch.float32))

    def _column(self, values: Sequence[float], dtype: Any = None) -> Any:
        return torch.tensor(values, dtype=dtype or self._working, device=self._device).reshape(1, -1, 1, 1)

    def arrive(self, stream: Any) -> None:
        """Make a stream of the device wait for the pixels, and record their use on it.

        Args:
            stream: of torch; None: the device has no streams.
        """
        if stream is None or self._sent is None:
            return
        stream.wait_event(self._sent)
        for tensor in (self._data, self._valid, self._factor, self._shift, *(self._limits or ())):
            tensor.record_stream(stream)

    def tiles(self, lefts: list[int], side: int, count: int) -> Any:
        """Normalise tiles of the row: (count, C, side, side) float32.

        Args:
            lefts: first column of each tile, within the row.
            side: pixels of a tile; the row is as high.
            count: tiles of the batch; those beyond `lefts` are zero.
        """
        stored = torch.stack([self._data[:, :, left : left + side] for left in lefts])
        values = _unsigned(stored, self._dtype).to(self._working)
        values.mul_(self._factor).add_(self._shift)
        values = values.float()
        if self._limits is not None:
            values[:, : self._limits[0].shape[1]].clamp_(*self._limits)
        valid = torch.stack([self._valid[:, left : left + side] for left in lefts])
        values.masked_fill_(~valid.unsqueeze(1), self._fill)
        if count > len(lefts):
            values = torch.cat([values, values.new_zeros((count - len(lefts), *values.shape[1:]))])
        return values

    def valid(self, rows: slice, cols: slice) -> Any:
        """Return the mask of the row, (H, W); True = observed."""
        return self._valid[rows, cols]


def _send(array: NDArray[np.generic], device: Any) -> Any:
    """Copy an array to a device; to CUDA through pinned memory."""
    same = SAME_BITS.get(array.dtype)
    plain = np.ascontiguousarray(array if same is None else array.view(same))
    tensor = torch.from_numpy(plain)
    if device.type != "cuda":
        return tensor.clone()
    return tensor.pin_memory().to(device, non_blocking=True)


def _unsigned(stored: Any, dtype: np.dtype[np.generic]) -> Any:
    """Return the unsigned values of an array that `_send` copied as signed."""
    if dtype == np.uint16:
        return stored.to(torch.int32).bitwise_and_(0xFFFF)
    if dtype == np.uint32:
        return stored.to(torch.int64).bitwise_and_(0xFFFFFFFF)
    if dtype == np.uint64:
        values = stored.to(torch.float64)
        return torch.where(stored < 0, values + 2.0**64, values)
    return stored
