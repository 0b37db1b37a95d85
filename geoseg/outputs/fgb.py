"""FlatGeobuf: one layer a file with a packed index; the record is stored in the layer's metadata."""

from __future__ import annotations

from pathlib import Path

import pyogrio

from geoseg.errors import OutputError
from geoseg.outputs.record import RECORD_KEY
from geoseg.outputs.sink import StagedSink, convert
from geoseg.run_record import RunRecord


class FlatGeobufSink(StagedSink):
    """`NAME.fgb` and `NAME.scene.fgb`."""

    suffixes = (".fgb",)

    def publish(self, staged: Path, record: RunRecord) -> None:
        """Write every layer to its file, sorted along the Hilbert curve."""
        metadata = {RECORD_KEY: record.model_dump_json()}
        for layer, path in self.published:
            target = self.beside.path(path)
            convert(staged, layer, target, driver="FlatGeobuf", metadata=metadata)
            rows = pyogrio.read_info(staged, layer=layer.name)["features"]
            # Zero in a FlatGeobuf header means unknown, which reads as -1.
            found = max(0, pyogrio.read_info(target)["features"])
            if found != rows:
                raise OutputError(
                    f"{path}: only {found} of {rows} rows were written; check the free disk space"
                )
        convert(staged, self.scene, self.beside.path(self.scene_path), driver="FlatGeobuf")
