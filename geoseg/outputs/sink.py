"""Base of the vector formats: rows are staged in a GeoPackage, then published in their format."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pyogrio import raw

from geoseg.errors import OutputError
from geoseg.features import Features
from geoseg.files.background import Background
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles
from geoseg.outputs.layer import SCENE_LAYER, Layer
from geoseg.outputs.table import Table
from geoseg.run_record import RunRecord

TOTALS = "classes"
"""Column of the scene with the class totals as JSON, in formats without tables."""

STAGED = "staged.gpkg"
"""Name of the staging file."""


class StagedSink(ABC):
    """A vector output: layers are staged by `write` and published by `finish`."""

    suffixes: ClassVar[tuple[str, ...]]
    """Suffixes of the format, in lower case with the dot; a sink with suffixes is a format of `-o`."""
    index: ClassVar[bool] = False
    """Whether the staged layers need a spatial index."""
    self_contained: ClassVar[bool] = False
    """Whether one file of the format holds all layers, `scene` included."""

    holds_large: ClassVar[bool] = False
    """Whether polygons of millions of corners can be published."""

    dated: ClassVar[bool] = False
    """Whether dates and times have their own types; otherwise they are text in ISO 8601."""

    def __init__(
        self, path: Path, layer: Layer, *, further: Sequence[Layer] = (), beside: OutputFiles
    ) -> None:
        """Stage the layers of an output.

        Args:
            path: of the output.
            layer: the main layer.
            further: other layers, without `scene`.
            beside: open; has `path` and its `companions` among its targets.
        """
        self.path = path
        self.layers = tuple(own if self.dated else own.plain for own in (layer, *further))
        self.beside = beside
        self._staged = beside.path(path, name=STAGED)
        self._background = Background("geoseg-rows")
        beside.at_end(self._background.close)
        self._tables = {own.name: self._table(own) for own in self.layers}

    def _table(self, layer: Layer) -> Table:
        return Table(self._staged, layer, index=self.index, background=self._background)

    @classmethod
    def companions(cls, path: Path, further: Sequence[str] = ()) -> tuple[Path, ...]:
        """Return the additional files of formats with one layer a file: `further` layers and `scene`."""
        if cls.self_contained:
            return ()
        return tuple(path.with_suffix(f".{name}{path.suffix}") for name in (*further, SCENE_LAYER))

    @property
    def layer(self) -> Layer:
        """Return the main layer."""
        return self.layers[0]

    @property
    def staged(self) -> Path:
        """Return the GeoPackage in which the layers are until `finish`, and of most formats until the end."""
        return self._staged

    @property
    def published(self) -> list[tuple[Layer, Path]]:
        """Return every layer but `scene` with its file, of formats with one layer a file."""
        names = [own.name for own in self.layers[1:]]
        return list(zip(self.layers, (self.path, *self.companions(self.path, names)), strict=False))

    @property
    def scene_path(self) -> Path:
        """Return the file of the `scene` layer, of formats with one layer a file."""
        return self.companions(self.path)[-1]

    def write(self, features: Features, layer: str | None = None) -> None:
        """Append a batch to a layer, by default to the first.

        Raises:
            OutputError: the batch does not fit the layer, or an earlier one cannot be written.
        """
        with writing(self.path):
            self._tables[layer or self.layer.name].add(features)

    def finish(self, record: RunRecord, footprint: Features) -> None:
        """Write the record and the `scene` layer, and publish all files.

        Raises:
            OutputError: a file cannot be written.
        """
        with writing(self.path):
            for table in self._tables.values():
                table.close()
                if table.large and not self.holds_large:
                    raise OutputError(
                        f"{self.path}: {table.large} of the polygons have too many corners for this format; "
                        "write a GeoPackage (.gpkg), smooth the map, or choose a smaller part"
                    )
            if self.self_contained:
                # The file has a table of class totals.
                columns = {name: values for name, values in footprint.columns.items() if name != TOTALS}
                footprint = Features(geometry=footprint.geometry, columns=columns)
            scene_layer = Layer.of(footprint, name=SCENE_LAYER, crs=self.layer.crs)
            self.scene = scene_layer if self.dated else scene_layer.plain
            scene = self._table(self.scene)
            scene.add(footprint)
            scene.close()
            self.publish(self._staged, record)

    @abstractmethod
    def publish(self, staged: Path, record: RunRecord) -> None:
        """Write every target from the staged GeoPackage, to `self.beside.path(target)`."""


def convert(
    staged: Path,
    layer: Layer,
    target: Path,
    *,
    driver: str,
    name: str | None = None,
    dataset_options: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Stream one staged layer into a file of another format, in bounded memory."""
    with (
        raw.open_arrow(staged, layer=layer.name, use_pyarrow=False) as (meta, stream),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        raw.write_arrow(
            stream,
            target,
            layer=name or target.stem,
            driver=driver,
            geometry_type=layer.geometry_type,
            geometry_name=meta["geometry_name"] or "wkb_geometry",
            crs=meta["crs"],
            dataset_options=None if dataset_options is None else dict(dataset_options),
            layer_options=None if options is None else dict(options),
            layer_metadata=None if metadata is None else dict(metadata),
        )
