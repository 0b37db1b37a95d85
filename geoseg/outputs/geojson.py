"""GeoJSON (RFC 7946): longitude and latitude on WGS 84, the record as the member `geoseg`."""

from __future__ import annotations

import os
from pathlib import Path

from geoseg.errors import OutputError
from geoseg.outputs.record import RECORD_KEY
from geoseg.outputs.sink import StagedSink, convert
from geoseg.run_record import RunRecord


class GeoJsonSink(StagedSink):
    """`NAME.geojson`, with `NAME.scene.geojson` beside.

    Coordinates are transformed to WGS 84, cut at the antimeridian and given with seven decimals (1 cm). A map
    without a CRS keeps its pixel coordinates, which the format has no way to say.
    """

    suffixes = (".geojson", ".json")

    def publish(self, staged: Path, record: RunRecord) -> None:
        """Write every layer to its file and add the record to all but `scene`."""
        # Without a CRS it would drop what lies outside the range of longitude and latitude.
        options = {"RFC7946": "NO" if self.layer.crs is None else "YES"}
        for layer, path in self.published:
            target = self.beside.path(path)
            convert(staged, layer, target, driver="GeoJSON", options=options)
            _close(target, f',\n"{RECORD_KEY}": {record.model_dump_json()}')
        scene = self.beside.path(self.scene_path)
        convert(staged, self.scene, scene, driver="GeoJSON", options=options)
        _close(scene, "")


def _close(path: Path, member: str) -> None:
    """Check that a collection is whole, and put `member` before its closing brace.

    Raises:
        OutputError: the file does not end as a feature collection does.
    """
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 64))
        tail = file.read()
        end = tail.rstrip()
        if not end.endswith(b"}") or not end[:-1].rstrip().endswith(b"]"):
            raise OutputError(f"{path.name}: was cut short while it was written")
        file.seek(size - len(tail) + len(end[:-1].rstrip()))
        file.truncate()
        file.write(f"{member}\n}}\n".encode())
