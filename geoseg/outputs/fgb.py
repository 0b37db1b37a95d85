"""FlatGeobuf: the polygons with a packed index; the record is the layer's metadata."""

from __future__ import annotations

from pathlib import Path

import pyogrio

from geoseg.errors import OutputError
from geoseg.outputs.layer import SCENE_LAYER
from geoseg.outputs.record import RECORD_KEY
from geoseg.outputs.sink import StagedSink, convert
from geoseg.report import RunRecord


class FlatGeobufSink(StagedSink):
    """`NAME.fgb`, with `NAME.scene.fgb` beside."""

    def publish(self, staged: Path, record: RunRecord) -> None:
        """Sort the staged rows along the Hilbert curve into the file."""
        (scene,) = self.companions(self.path)
        target = self.beside.path(self.path)
        metadata = {RECORD_KEY: record.model_dump_json()}
        convert(staged, self.layer.name, target, driver="FlatGeobuf", metadata=metadata)
        convert(staged, SCENE_LAYER, self.beside.path(scene), driver="FlatGeobuf")
        rows = pyogrio.read_info(staged, layer=self.layer.name)["features"]
        # Zero in a FlatGeobuf header means unknown, which reads as -1.
        found = max(0, pyogrio.read_info(target)["features"])
        if found != rows:
            raise OutputError(f"{self.path}: only {found} of {rows} rows were written")
