"""GeoParquet 1.1: WKB geometries in row groups; the record is a key of the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import pyogrio
from pyogrio import raw

from geoseg.errors import RuntimeMissingError
from geoseg.files.output_files import OutputFiles
from geoseg.outputs.layer import Layer
from geoseg.outputs.record import RECORD_KEY
from geoseg.outputs.sink import StagedSink
from geoseg.run_record import RunRecord

_GROUP_ROWS = 2**16
_COLUMN = "geometry"


class GeoParquetSink(StagedSink):
    """`NAME.parquet` and `NAME.scene.parquet`."""

    suffixes = (".parquet",)
    dated: ClassVar[bool] = True

    def __init__(
        self, path: Path, layer: Layer, *, further: Sequence[Layer] = (), beside: OutputFiles
    ) -> None:
        """Stage the layers, as in `StagedSink`.

        Raises:
            RuntimeMissingError: pyarrow is not installed.
        """
        if find_spec("pyarrow") is None:
            raise RuntimeMissingError(
                f"{path}: GeoParquet needs pyarrow; pip install 'geoseg[parquet]', or write .gpkg"
            )
        super().__init__(path, layer, further=further, beside=beside)

    def publish(self, staged: Path, record: RunRecord) -> None:
        """Write every layer to its file, the record in all but `scene`."""
        metadata = {RECORD_KEY: record.model_dump_json()}
        for layer, path in self.published:
            _convert(staged, layer, self.beside.path(path), metadata)
        _convert(staged, self.scene, self.beside.path(self.scene_path), {})


def _convert(staged: Path, layer: Layer, target: Path, metadata: dict[str, str]) -> None:
    """Stream one staged layer into a GeoParquet file."""
    import pyarrow as pa  # noqa: PLC0415 - an optional package
    from pyarrow import parquet  # noqa: PLC0415

    column: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": [layer.geometry_type],
        "crs": None if layer.crs is None else layer.crs.to_json_dict(),
    }
    bounds = pyogrio.read_info(staged, layer=layer.name, force_total_bounds=True)["total_bounds"]
    if bounds is not None:
        column["bbox"] = [float(value) for value in bounds]
    geo = {"version": "1.1.0", "primary_column": _COLUMN, "columns": {_COLUMN: column}}
    with raw.open_arrow(staged, layer=layer.name, use_pyarrow=True, batch_size=_GROUP_ROWS) as (meta, reader):
        stored = meta["geometry_name"] or "wkb_geometry"
        schema = pa.schema(
            [pa.field(_COLUMN, pa.binary()) if f.name == stored else f for f in reader.schema],
            metadata={"geo": json.dumps(geo), **metadata},
        )
        with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in reader:
                columns = [c.storage if isinstance(c, pa.ExtensionArray) else c for c in batch.columns]
                writer.write_batch(pa.record_batch(columns, schema=schema))
