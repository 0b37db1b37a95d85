"""GeoParquet 1.1: WKB polygons in row groups; the record is a key of the file's metadata."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pyogrio
from pyogrio import raw
from pyproj import CRS

from geoseg.errors import RuntimeMissingError
from geoseg.outputs.layer import SCENE_LAYER, Layer
from geoseg.outputs.record import RECORD_KEY
from geoseg.outputs.sink import StagedSink
from geoseg.report import RunRecord

_GROUP_ROWS = 2**16
_COLUMN = "geometry"


class GeoParquetSink(StagedSink):
    """`NAME.parquet`, with `NAME.scene.parquet` beside."""

    def __init__(self, path: Path, layer: Layer, *, overwrite: bool) -> None:
        """Refuse at once where pyarrow is missing.

        Raises:
            RuntimeMissingError: pyarrow is not installed.
        """
        if find_spec("pyarrow") is None:
            raise RuntimeMissingError(
                f"{path}: GeoParquet needs pyarrow; pip install 'geoseg[parquet]', or write .gpkg"
            )
        super().__init__(path, layer, overwrite=overwrite)

    def publish(self, staged: Path, record: RunRecord) -> None:
        """Write both layers, the record in the first."""
        (scene,) = self.companions(self.path)
        crs = self.layer.crs
        _convert(
            staged, self.layer.name, self.beside.path(self.path), crs, {RECORD_KEY: record.model_dump_json()}
        )
        _convert(staged, SCENE_LAYER, self.beside.path(scene), crs, {})


def _convert(staged: Path, layer: str, target: Path, crs: CRS | None, metadata: dict[str, str]) -> None:
    """Stream one staged layer into a GeoParquet file."""
    import pyarrow as pa  # noqa: PLC0415 - an optional package
    from pyarrow import parquet  # noqa: PLC0415

    column: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": ["MultiPolygon"],
        "crs": None if crs is None else crs.to_json_dict(),
    }
    bounds = pyogrio.read_info(staged, layer=layer, force_total_bounds=True)["total_bounds"]
    if bounds is not None:
        column["bbox"] = [float(value) for value in bounds]
    geo = {"version": "1.1.0", "primary_column": _COLUMN, "columns": {_COLUMN: column}}
    with raw.open_arrow(staged, layer=layer, use_pyarrow=True, batch_size=_GROUP_ROWS) as (meta, reader):
        stored = meta["geometry_name"] or "wkb_geometry"
        schema = pa.schema(
            [pa.field(_COLUMN, pa.binary()) if f.name == stored else f for f in reader.schema],
            metadata={"geo": json.dumps(geo), **metadata},
        )
        with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in reader:
                columns = [c.storage if isinstance(c, pa.ExtensionArray) else c for c in batch.columns]
                writer.write_batch(pa.record_batch(columns, schema=schema))
