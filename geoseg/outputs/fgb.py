"""FlatGeobuf: one layer a file with a packed index; the record is the layer's metadata."""

from __future__ import annotations

from pathlib import Path

import pyogrio

from geoseg.errors import OutputError
from geoseg.outputs.record import RECORD_KEY
from geoseg.outputs.sink import StagedSink, convert
from geoseg.run_record import RunRecord


class FlatGeobufSink(StagedSink):
    """`NAME.fgb`, with `NAME.scene.fgb` beside."""

    suffixes = (".fgb",)

    def publish(self, staged: Path, record: RunRecord) -> None:
        """Sort the staged rows along the Hilbert curve into the file."""
        metadata = {RECORD_KEY: record.model_dump_json()}
        for layer, path in self.published:
            target = self.beside.path(path)
            convert(staged, layer, target, driver="FlatGeobuf", metadata=metadata)
            rows = pyogrio.read_info(staged, layer=layer.name)["features"]
            # Zero in a FlatGeobuf header means unknown, which reads as -1.
            found = max(0, pyogrio.read_info(target)["features"])
            if found != rows:
                raise OutputError(f"{path}: only {found} of {rows} rows were written")
        convert(staged, self.scene, self.beside.path(self.scene_path), driver="FlatGeobuf")
