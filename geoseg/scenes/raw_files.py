"""Pixels of raw files (ENVI), read as they lie in the file.

GDAL reads such a file line by line and band by band, with a search for each line, and copies lines to its
block cache: a quarter of the time of a plume in a cube. Here a run of bytes is read at once. GDAL still opens
the file and says what it holds, and reads what this module does not: a file that is compressed, in a store,
too short, or whose lines are not where its header says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RioWindow

from geoseg.files.closing import Closing
from geoseg.grid import Window

RUN_BYTES = 2**22
"""Most bytes that are read at once, unless a line of the file has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where the pixels of a raw file are."""

    interleave: str
    """`bsq`, `bil` or `bip`."""
    begin: int
    """Bytes before the first pixel."""
    dtype: np.dtype[Any]
    """In the byte order of the file."""
    height: int
    width: int
    count: int


class RawFile(Closing):
    """An open raw file; a context manager. One thread at a time may read."""

    def __init__(self, path: str, layout: _Layout) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened.
        """
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by `close`
        self._layout = layout

    def read(self, window: Window, indexes: Sequence[int]) -> NDArray[Any]:
        """Return stored values (bands, height, width) of a window inside the file, in native byte order.

        Args:
            window: inside the file.
            indexes: 1-based bands.

        Raises:
            OSError: the file cannot be read there, or has become shorter.
        """
        layout = self._layout
        shape = (len(indexes), window.height, window.width)
        out: NDArray[Any] = np.empty(shape, layout.dtype.newbyteorder("="))
        rows, cols = slice(window.row, window.stop_row), slice(window.col, window.stop_col)
        bands = np.asarray(indexes) - 1
        if layout.interleave == "bsq":
            for position, band in enumerate(bands):
                first = band * layout.height
                self._lines(out[position], range(first + rows.start, first + rows.stop), cols)
        elif layout.interleave == "bip":
            self._lines(out.transpose(1, 2, 0), range(rows.start, rows.stop), cols, bands)
        else:
            for run in _runs(bands):
                for row in range(window.height):
                    first = (window.row + row) * layout.count + bands[run.start]
                    self._lines(out[run, row], range(first, first + run.stop - run.start), cols)
        return out

    def _lines(
        self, out: NDArray[Any], lines: range, cols: slice, bands: NDArray[np.intp] | None = None
    ) -> None:
        """Read columns of successive lines of the file.

        Args:
            out: (lines, columns), or (lines, columns, bands) of lines of pixels.
            lines: numbers of the lines.
            cols: columns.
            bands: 0-based bands of lines that hold whole pixels; None: lines of one band.

        Raises:
            OSError: as `read`.
        """
        layout = self._layout
        pixel = layout.dtype.itemsize * (1 if bands is None else layout.count)
        width = cols.stop - cols.start
        whole = width == layout.width
        step = max(RUN_BYTES // (width * pixel), 1) if whole else 1
        buffer = np.empty((min(step, len(lines)), width, pixel // layout.dtype.itemsize), layout.dtype)
        for at in range(0, len(lines), step):
            part = buffer[: min(step, len(lines) - at)]
            self._file.seek(layout.begin + ((lines.start + at) * layout.width + cols.start) * pixel)
            if self._file.readinto(part.data.cast("B")) != part.nbytes:
                raise OSError("the file has become shorter")
            out[at : at + len(part)] = part[..., 0] if bands is None else part[..., bands]

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        self._file.close()


def raw_file(dataset: rasterio.DatasetReader) -> RawFile | None:
    """Return the raw file of a dataset; None: GDAL is to read it.

    Its first, middle and last lines are compared with those that GDAL reads.
    """
    if dataset.driver != "ENVI" or dataset.name.startswith("/vsi") or len(set(dataset.dtypes)) != 1:
        return None
    header = dataset.tags(ns="ENVI")
    try:
        layout = _Layout(
            interleave=header["interleave"].strip().lower(),
            begin=int(header.get("header_offset", "0")),
            dtype=np.dtype(dataset.dtypes[0]).newbyteorder(">" if int(header["byte_order"]) else "<"),
            height=dataset.height,
            width=dataset.width,
            count=dataset.count,
        )
        stated = tuple(int(header[key]) for key in ("lines", "samples", "bands"))
        if layout.interleave not in {"bsq", "bil", "bip"} or layout.begin < 0:
            return None
        if stated != (layout.height, layout.width, layout.count):  # an overview, or lines of another length
            return None
        pixels = layout.height * layout.width * layout.count
        if os.stat(dataset.name).st_size < layout.begin + pixels * layout.dtype.itemsize:
            return None
        file = RawFile(dataset.name, layout)
    except (KeyError, ValueError, OSError):
        return None
    if all(_same(file, dataset, *place) for place in _places(layout)):
        return file
    file.close()
    return None


def _places(layout: _Layout) -> Iterator[tuple[int, int]]:
    """Return row and band of some lines: first, middle and last."""
    for share in (0.0, 0.5, 1.0):
        yield int(share * (layout.height - 1)), 1 + int(share * (layout.count - 1))


def _same(file: RawFile, dataset: rasterio.DatasetReader, row: int, index: int) -> bool:
    """Return whether a line of a band has the bytes that GDAL reads."""
    window = Window(row=row, col=0, height=1, width=dataset.width)
    read = dataset.read([index], window=RioWindow(0, row, dataset.width, 1))
    return bool(file.read(window, [index]).tobytes() == read.tobytes())


def _runs(bands: NDArray[np.intp]) -> list[slice]:
    """Return the positions of runs of successive bands."""
    ends = [*(np.flatnonzero(np.diff(bands) != 1) + 1), len(bands)]
    return [slice(int(start), int(stop)) for start, stop in zip([0, *ends[:-1]], ends, strict=True)]
