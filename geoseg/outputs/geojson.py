"""GeoJSON (RFC 7946): longitude and latitude on WGS 84; the record is the member `geoseg`."""

from __future__ import annotations

import os
from pathlib import Path

from geoseg.errors import OutputError
from geoseg.outputs.record import RECORD_KEY
from geoseg.outputs.sink import StagedSink, convert
from geoseg.run_record import RunRecord


class GeoJsonSink(StagedSink):
    """`NAME.geojson` and `NAME.scene.geojson`.

    Coordinates are transformed to WGS 84, split at the antimeridian and rounded to seven decimals (1 cm). A
    map without a CRS keeps its pixel coordinates; GeoJSON cannot declare them.
    """

    suffixes = (".geojson", ".json")

    def publish(self, staged: Path, record: RunRecord) -> None:
        """Write every layer to its file and add the record to all but `scene`."""
        # With RFC7946=YES, GDAL would drop pixel coordinates outside the range of longitude and latitude.
        options = {"RFC7946": "NO" if self.layer.crs is None else "YES"}
        for layer, path in self.published:
            target = self.beside.path(path)
            convert(staged, layer, target, driver="GeoJSON", options=options)
            _close(target, f',\n"{RECORD_KEY}": {record.model_dump_json()}')
        scene = self.beside.path(self.scene_path)
        convert(staged, self.scene, scene, driver="GeoJSON", options=options)
        _close(scene, "")


def _close(path: Path, member: str) -> None:
    """Check that a collection is complete, and insert `member` before its closing brace.

    Raises:
        OutputError: the file does not end like a feature collection.
    """
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 64))
        tail = file.read()
        end = tail.rstrip()
        if not end.endswith(b"}") or not end[:-1].rstrip().endswith(b"]"):
            raise OutputError(f"{path.name}: the file is incomplete; check the free disk space")
        file.seek(size - len(tail) + len(end[:-1].rstrip()))
        file.truncate()
        file.write(f"{member}\n}}\n".encode())
