"""One open raster file: windows of stored values; errors name path, band and window."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Interleaving, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError
from rasterio.windows import Window as RioWindow

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.bounded import check_label
from geoseg.files.closing import Closing
from geoseg.files.doors import opening, reading
from geoseg.files.inputs import opened
from geoseg.grid import Grid, Window, sample_windows
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.georeference import georeference
from geoseg.scenes.raw_files import RawFile, raw_file
from geoseg.scenes.resampling import Placement, place
from geoseg.scenes.subdatasets import subdataset_of

RAW = (".bsq", ".bil", ".bip", ".img", ".dat")
"""Suffixes of raw files with a header file (`.hdr`)."""

MOST_VRT = 64 * 2**20
"""Bytes of a VRT up to which its sources are looked for; a mosaic of 100,000 files has about 60 MB."""

_SOURCE = re.compile(r"<(?:SourceFilename|SourceDataset)\b([^>]*)>([^<]+)<")

REMOTE = ("/vsicurl", "/vsis3", "/vsigs", "/vsiaz")


class Raster(Closing):
    """An open file; a context manager. One thread at a time may read."""

    def __init__(self, path: str, overview: int | None = None) -> None:
        """Open a raster.

        Args:
            path: as GDAL opens it.
            overview: 0-based number of an overview to open instead of the full resolution.

        Raises:
            SceneReadError: the file is missing or not a raster that GDAL reads.
            SceneError: it holds complex values, or its geotransform is not valid.
        """
        self.path = path
        self._raw: RawFile | None = None
        with opening(path):
            self._dataset = _open_dataset(path, overview)
            try:
                self._describe(path)
            except BaseException:
                self.close()
                raise

    def _describe(self, path: str) -> None:
        """Read what describes the file: bands, types, georeference, masks."""
        if not path.startswith(REMOTE):
            opened_dataset(self._dataset)
        self.count: int = self._dataset.count
        if not self.count:
            raise without_bands(path, self._dataset)
        self.dtypes: tuple[np.dtype[Any], ...] = tuple(np.dtype(name) for name in self._dataset.dtypes)
        if any(dtype.kind == "c" for dtype in self.dtypes):
            raise SceneError(f"{path} holds complex values; give detected, calibrated backscatter instead")
        self.nodata: tuple[float | None, ...] = self._dataset.nodatavals
        self.scales: tuple[float, ...] = self._dataset.scales
        self.offsets: tuple[float, ...] = self._dataset.offsets
        self.descriptions: tuple[str | None, ...] = self._dataset.descriptions
        for number, text in enumerate(self.descriptions, start=1):
            try:
                check_label(text or "", f"{path}: the description of band {number}")
            except SceneReadError:
                self.close()
                raise
        self.notes: tuple[str, ...] = ()
        """Notes on what was assumed when the file was opened."""
        self.georeference = georeference(self._dataset, path)
        self.grid: Grid = self.georeference.grid
        self._flags = tuple(self._dataset.mask_flag_enums)
        self._dataset_mask = MaskFlags.per_dataset in self._flags[0] and MaskFlags.alpha not in self._flags[0]
        self._alpha: int | None = None
        self._raw = raw_file(self._dataset)

    @property
    def members(self) -> tuple[Raster, ...]:
        """The files of the raster: itself; the files of a mosaic."""
        return (self,)

    @property
    def alpha_candidate(self) -> int | None:
        """1-based index of a band whose colour interpretation is alpha; None: there is none."""
        interpretation = self._dataset.colorinterp
        bands = [i for i, item in enumerate(interpretation, start=1) if item == ColorInterp.alpha]
        return bands[-1] if bands and self.count > 1 else None

    def trust_alpha(self, index: int) -> None:
        """Use a band as the mask of the others: pixels of 0 are not valid."""
        self._alpha = index

    @property
    def masked(self) -> bool:
        """Whether an alpha band or a mask says which pixels are valid, besides nodata values."""
        return self._alpha is not None or self._dataset_mask or any(not flags for flags in self._flags)

    def tags(self, index: int = 0) -> dict[str, str]:
        """Return the tags of a band; for 0, those of the file and of its ENVI header; keys in lower case."""
        if index:
            tags = {**self._dataset.tags(index, ns="IMAGERY"), **self._dataset.tags(index)}
        else:
            tags = dict(self._dataset.tags())
        if not index and "ENVI" in self._dataset.tag_namespaces():
            tags |= self._dataset.tags(ns="ENVI")
        return {key.lower(): value for key, value in tags.items()}

    def read(self, window: Window, indexes: Sequence[int]) -> NDArray[np.generic]:
        """Return stored values (bands, height, width) of a window inside the raster.

        Raises:
            SceneReadError: the file is damaged there, or cannot be reached any more.
        """
        with reading(self._place(window, indexes)):
            if self._raw is not None:
                return self._raw.read(window, indexes)
            data: NDArray[np.generic] = self._dataset.read(list(indexes), window=_rio(window))
        return data

    def read_mask(self, window: Window, indexes: Sequence[int]) -> NDArray[np.bool_] | None:
        """Return the masks of mask bands (bands or 1, height, width), True = valid; None: there are none.

        Raises:
            SceneReadError: as `read`.
        """
        with reading(self._place(window, indexes)):
            if self._alpha is not None:
                mask = self._dataset.read([self._alpha], window=_rio(window))
            elif self._dataset_mask:
                mask = self._dataset.read_masks([1], window=_rio(window))
            elif any(not self._flags[index - 1] for index in indexes):
                mask = self._dataset.read_masks(list(indexes), window=_rio(window))
            else:
                return None
        return np.asarray(mask != 0)

    def overview(self, side: int) -> Raster | None:
        """Open the coarsest overview whose longer side has `side` pixels or more; None: there is none."""
        longer = max(self.grid.height, self.grid.width)
        fitting = [
            number for number, factor in enumerate(self._dataset.overviews(1)) if longer / factor >= side
        ]
        if not fitting:
            return None
        raster = Raster(self.path, max(fitting))
        raster._alpha = self._alpha
        return raster

    def sample(self, index: int, size: int = 256, most: int = 16) -> NDArray[Any]:
        """Return stored values (n,) of up to `most` windows of `size`² pixels of a band."""
        windows = sample_windows(self.grid, size=size, most=most)
        return np.concatenate([self.read(window, [index]).ravel() for window in windows])

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of a stored block."""
        height, width = self._dataset.block_shapes[0]
        return height, width

    def decoded(self, indexes: Sequence[int]) -> int:
        """Return the bytes a pixel that are decoded for some bands: all bands if interleaved by pixel."""
        together = self._dataset.interleaving == Interleaving.pixel
        stored = range(1, self.count + 1) if together else indexes
        return sum(self.dtypes[index - 1].itemsize for index in stored)

    def cache_bytes(self, indexes: Sequence[int], first: float, strip: int) -> int:
        """Return the bytes of the blocks that intersect stretches of `strip` rows from row `first`."""
        block_height, block_width = self.block
        # One block more than a row of blocks: the cache evicts a block before it reads the next.
        across = (-(-self.grid.width // block_width) + 1) * block_width
        fits = strip % block_height == 0 or block_height % strip == 0
        # Stretches that begin inside a block intersect one block more.
        extra = 0 if fits and first % min(strip, block_height) == 0 else 1
        rows = (-(-strip // block_height) + extra) * block_height
        rows = min(rows, -(-self.grid.height // block_height) * block_height)
        return rows * across * self.decoded(indexes)

    def stretch(self, indexes: Sequence[int], most: int) -> tuple[int, int, int]:
        """Return rows and columns of windows of full blocks, and the bytes that are decoded for one.

        A window has about `most` bytes, and one block at least.
        """
        block_height, block_width = self.block
        pixel = self.decoded(indexes)
        rows = max(block_height, 64 // block_height * block_height)
        cols = min(max(most // pixel // rows // block_width, 1) * block_width, self.grid.width)
        rows = min(max(most // pixel // cols // block_height, 1) * block_height, self.grid.height)
        return rows, cols, rows * cols * pixel

    def _place(self, window: Window, indexes: Sequence[int]) -> str:
        """Return path, bands and window for messages."""
        return (
            f"{self.path}, band {', '.join(map(str, indexes))}, rows {window.row}-{window.stop_row - 1}, "
            f"columns {window.col}-{window.stop_col - 1}"
        )

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        self._dataset.close()
        if self._raw is not None:
            self._raw.close()


def _open_dataset(path: str, overview: int | None) -> rasterio.DatasetReader:
    """Open a file, or one of its overviews, in GDAL.

    Raises:
        SceneReadError: it is missing or not a raster.
    """
    # Listing a remote folder can take longer than reading the scene. Raw files need their header file.
    listing = "TRUE" if path.lower().endswith(RAW) else "EMPTY_DIR"
    options = {"GDAL_DISABLE_READDIR_ON_OPEN": listing} if path.startswith(REMOTE) else {}
    try:
        with rasterio.Env(**options), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            level: dict[str, Any] = {} if overview is None else {"OVERVIEW_LEVEL": overview}
            return open_dataset(path, **level)
    except RasterioIOError as error:
        raise SceneReadError(_open_message(path, str(error))) from error


def without_bands(path: str, dataset: rasterio.DatasetReader) -> SceneReadError:
    """Return the error for a file that holds other datasets."""
    inner = ", ".join(dataset.subdatasets[:4]) or "none"
    return SceneReadError(f"{path} holds no raster but subdatasets; give one of them: {inner}")


def place_on(grid: Grid, raster: Raster) -> Placement:
    """Return how a grid lies on a raster.

    Raises:
        SceneError: one of them has no georeference; or neither has, and they differ in size.
    """
    file, reference = base_name(raster.path), raster.georeference
    if reference.lack:
        return place(grid, raster.grid, what=file, lack=reference.lack, remedy=reference.remedy)
    return place(grid, raster.grid, what=file)


def opened_dataset(dataset: rasterio.DatasetReader) -> None:
    """Record the files of a dataset as inputs of the run: its file, sidecar files, sources of a VRT."""
    known: set[str] = set()
    waiting = [dataset.name, *dataset.files]
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        opened(name)
        # GDAL lists the sources of a VRT that are plain files, but not the sources of its sources.
        waiting += _sources_of(Path(name))


def _sources_of(path: Path) -> list[str]:
    """Return the names of the sources of a VRT, whatever its suffix; empty for other files."""
    if not path.is_file() or path.stat().st_size > MOST_VRT:
        return []
    with path.open("rb") as file:
        if b"<VRTDataset" not in file.read(256):
            return []
        file.seek(0)
        text = file.read().decode("utf-8", errors="replace")
    import html  # noqa: PLC0415 - VRT only

    names = []
    for attributes, source in _SOURCE.findall(text):
        name = html.unescape(source.strip())
        names.append(str(path.parent / name) if re.search(r"relativeToVRT=.1", attributes) else name)
    return names


def base_name(path: str) -> str:
    """Return the last part of a path or URL without a query; of a subdataset, `file:part`."""
    part = subdataset_of(path)
    if part is not None:
        return ":".join(filter(None, (base_name(part.file), part.variable)))
    return PurePosixPath(re.sub(r"\?.*$", "", path.replace("\\", "/"))).name


def _rio(window: Window) -> RioWindow:
    return RioWindow(window.col, window.row, window.width, window.height)


def _open_message(path: str, cause: str) -> str:
    """Return why a raster cannot be opened and what to do."""
    path = path.removeprefix("/vsicurl/")
    if any(words in cause for words in ("No such file", "does not exist", "response code: 404")):
        return f"{path} does not exist; check the path"
    return f"{path} is not a raster that can be read ({cause}); give a GeoTIFF, COG, JP2, VRT or the like"
