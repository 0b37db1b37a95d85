"""GeoPackage: the map's layers, `scene`, tables, styles, descriptions of columns, and metadata."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pyogrio
from pyproj import CRS, Transformer

from geoseg.outputs.gpkg_tables import (
    TABLES,
    add_metadata,
    add_rows,
    add_style,
    add_totals,
    describe_columns,
)
from geoseg.outputs.layer import SCENE_LAYER, Layer
from geoseg.outputs.layer_metadata import (
    ISO_URI,
    QGIS_URI,
    Bounds,
    facts_of,
    iso_metadata,
    qgis_metadata,
)
from geoseg.outputs.record import RECORD_URI
from geoseg.outputs.sink import StagedSink
from geoseg.outputs.sld import sld_text
from geoseg.outputs.styles import layer_qml, style_facts, views_of
from geoseg.run_record import RunRecord

FOOTPRINT_TEXT = "Footprint of the observed pixels"


class GeoPackageSink(StagedSink):
    """A GeoPackage 1.3 with all layers, styles, tables, descriptions and the record."""

    suffixes = (".gpkg",)
    index: ClassVar[bool] = True
    self_contained: ClassVar[bool] = True
    holds_large: ClassVar[bool] = True
    dated: ClassVar[bool] = True

    def publish(self, staged: Path, record: RunRecord) -> None:
        """Add descriptions, styles, tables and the record to the staged file and rename it to the target."""
        bounds = {layer.name: _bounds(staged, layer) for layer in (*self.layers, self.scene)}
        with closing(sqlite3.connect(staged)) as file, file:
            file.executescript(TABLES)
            # First: earlier readers take the first row.
            add_metadata(file, RECORD_URI, "application/json", record.model_dump_json())
            for layer in (*self.layers, self.scene):
                is_scene = layer.name == SCENE_LAYER
                what = FOOTPRINT_TEXT if is_scene else record.method
                file.execute(
                    "UPDATE gpkg_contents SET identifier = ?, description = ? WHERE table_name = ?",
                    (layer.name if is_scene else f"{layer.name} ({record.task})", what, layer.name),
                )
                facts = style_facts(record, dated=_is_dated(file, layer))
                for index, view in enumerate(views_of(layer, facts)):
                    add_style(
                        file,
                        layer.name,
                        view.name,
                        layer_qml(layer, view, facts),
                        sld_text(layer, view),
                        default=index == 0,
                        text=view.description,
                    )
                describe_columns(file, layer, facts.present)
            add_totals(file, record)
            for table, rows in record.tables.items():
                add_rows(file, table, rows)
            for layer in (*self.layers, self.scene):
                what = FOOTPRINT_TEXT if layer.name == SCENE_LAYER else record.method
                place = bounds[layer.name]
                described = facts_of(
                    layer.name, f"{what}.", record, layer.crs, place, lonlat(place, layer.crs)
                )
                add_metadata(file, QGIS_URI, "text/xml", qgis_metadata(described), layer.name)
                add_metadata(file, ISO_URI, "text/xml", iso_metadata(described), layer.name)
        staged.replace(self.beside.path(self.path))


def _bounds(staged: Path, layer: Layer) -> Bounds | None:
    """Return the extent of a layer, which GDAL keeps; None: it is empty."""
    found = pyogrio.read_info(staged, layer=layer.name)["total_bounds"]
    return None if found is None else (float(found[0]), float(found[1]), float(found[2]), float(found[3]))


def lonlat(bounds: Bounds | None, crs: CRS | None) -> Bounds | None:
    """Return an extent in degrees; None: unknown."""
    if bounds is None or crs is None:
        return None
    transformer = Transformer.from_crs(crs, 4326, always_xy=True)
    west, south, east, north = transformer.transform_bounds(*bounds)
    found = (float(west), float(south), float(east), float(north))
    return found if all(abs(value) <= 360 for value in found) else None


def _is_dated(file: sqlite3.Connection, layer: Layer) -> bool:
    """Return whether a layer has dates: all rows have the same."""
    for column in ("date_before", "date_after", "acquired"):
        if column in layer.schema:
            query = f'SELECT "{column}" FROM "{layer.name}" LIMIT 1'  # noqa: S608 - names that geoseg gives
            if (file.execute(query).fetchone() or (None,))[0] is not None:
                return True
    return False
