"""PMTiles: vector tiles in EPSG:3857 for web maps, one layer a file; the record is the description."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pyogrio

from geoseg.errors import OutputError, RuntimeMissingError, UsageError
from geoseg.files.output_files import OutputFiles
from geoseg.outputs.layer import Layer
from geoseg.outputs.sink import StagedSink, convert
from geoseg.run_record import RunRecord

DRIVER = "PMTiles"
EQUATOR_M = 40_075_016.686
TILE_UNITS = 4096
"""Coordinates along the side of a tile."""
FINEST_M = 0.5
"""Size of a coordinate step on the ground at the largest zoom, at most."""
MOST_ZOOM = 16


class PMTilesSink(StagedSink):
    """`NAME.pmtiles` and `NAME.scene.pmtiles`, from zoom 0 to the zoom that resolves the corners of pixels.

    GDAL simplifies outlines at small zooms, and leaves out the smallest polygons of tiles above 500 kB. It
    sorts the tiles in a scratch file, so that memory does not depend on the number of polygons.
    """

    suffixes = (".pmtiles",)

    def __init__(
        self, path: Path, layer: Layer, *, further: Sequence[Layer] = (), beside: OutputFiles
    ) -> None:
        """Stage the layers, as in `StagedSink`.

        Raises:
            RuntimeMissingError: the GDAL of pyogrio cannot write PMTiles.
            UsageError: there is no CRS.
        """
        if "w" not in pyogrio.list_drivers().get(DRIVER, ""):
            raise RuntimeMissingError(
                f"{path}: the GDAL of pyogrio has no driver for PMTiles (GDAL 3.8 or newer, with SQLite); "
                "write .gpkg, or install pyogrio from PyPI"
            )
        if layer.crs is None:
            raise UsageError(f"{path}: PMTiles needs a CRS, and the map has none; write .gpkg")
        super().__init__(path, layer, further=further, beside=beside)

    def publish(self, staged: Path, record: RunRecord) -> None:
        """Write every layer to its file."""
        zoom = max(0, min(MOST_ZOOM, math.ceil(math.log2(EQUATOR_M / TILE_UNITS / FINEST_M))))
        for layer, path in (*self.published, (self.scene, self.scene_path)):
            target = self.beside.path(path)
            if not pyogrio.read_info(staged, layer=layer.name)["features"]:
                raise OutputError(f"{path}: the map has no polygons, and PMTiles needs one; write .gpkg")
            convert(
                staged,
                layer,
                target,
                driver=DRIVER,
                name=layer.name,
                dataset_options={
                    "NAME": layer.name,
                    "DESCRIPTION": record.model_dump_json(),
                    "MINZOOM": "0",
                    "MAXZOOM": str(zoom),
                },
            )
            if not target.is_file():
                raise OutputError(f"{path}: the file was not written; check the free disk space")
