"""Labels of the bands of a VRT that stacks files: the names of the files, which GDAL does not keep."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from geoseg.scenes.paths import is_local
from geoseg.scenes.raster import Raster

_BYTES = 2**20
"""Most bytes of a VRT that is read for its names: a stack of 100 files has some 50 KiB."""


def stacked_names(raster: Raster) -> tuple[tuple[str, ...], ...]:
    """Return the label of each band of a VRT on this machine; empty for other files.

    A band with one source, as `gdalbuildvrt -separate` writes it, is labelled with the name of this file
    without its suffix. There are none where bands have descriptions or several sources, as in mosaics, or
    share a file.
    """
    if not raster.path.lower().endswith(".vrt") or not is_local(raster.path) or any(raster.descriptions):
        return ()
    path = Path(raster.path)
    if not path.is_file() or path.stat().st_size > _BYTES:
        return ()
    try:
        root = ElementTree.fromstring(path.read_bytes())  # noqa: S314 - checked before GDAL opened it
    except ElementTree.ParseError:
        return ()
    sources = [
        [item.text or "" for item in band.iter("SourceFilename")] for band in root.iter("VRTRasterBand")
    ]
    if len(sources) != raster.count or any(len(names) != 1 for names in sources):
        return ()
    names = [PurePosixPath(found[0]).stem for found in sources]
    return tuple((name,) for name in names) if len(set(names)) == len(names) else ()
