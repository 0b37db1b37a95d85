"""A finished map: polygons, classes, scores and record."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoseg.api.option_words import errors_in_python
from geoseg.errors import OutputError, RuntimeMissingError, UsageError
from geoseg.files.output_files import OutputFiles
from geoseg.messages import counted
from geoseg.run_record import RunRecord, RunWarning
from geoseg.spec import RunSpec

if TYPE_CHECKING:
    import geopandas
    import xarray


def _geopandas() -> Any:
    """Import `geopandas`.

    Raises:
        RuntimeMissingError: it is not installed.
    """
    try:
        import geopandas  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise RuntimeMissingError(
            "polygons as a GeoDataFrame need the package geopandas; install it: pip install 'geoseg[xarray]'"
        ) from error
    return geopandas


@dataclass(frozen=True)
class MapFiles:
    """Files of a map."""

    polygons: Path
    classes: Path | None = None
    """Class raster; None: the task writes none."""
    scores: Path | None = None
    picture: Path | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Map:
    """A map that a task made; its temporary files are removed when the object is.

    In a notebook it is shown as a picture with the totals of the classes and the warnings.
    """

    record: RunRecord
    """How the map was made: inputs, method, options, versions, notes, and totals by class."""
    _: KW_ONLY
    files: MapFiles
    warnings: tuple[RunWarning, ...] = ()
    """Reasons why the map may be wrong; each has a code and a text, in which options are arguments."""

    @cached_property
    def polygons(self) -> geopandas.GeoDataFrame:
        """Polygons of the main layer with class, label, area in m², pixels, mean score and more.

        Raises:
            RuntimeMissingError: `geopandas` is not installed.
        """
        geopandas = _geopandas()
        import pyogrio  # noqa: PLC0415

        path = self.files.polygons
        if path.suffix.lower() == ".parquet":
            return geopandas.read_parquet(path)
        return geopandas.read_file(path, layer=str(pyogrio.list_layers(path)[0][0]))

    @cached_property
    def classes(self) -> xarray.DataArray | None:
        """Class of each pixel, (y, x) integers, with CRS; the nodata value is "not observed".

        None: the task makes no raster (`vectorize`).

        Raises:
            RuntimeMissingError: `rioxarray` is not installed.
        """
        from geoseg.api.xarrays import read_classes  # noqa: PLC0415 - an extra

        return None if self.files.classes is None else read_classes(self.files.classes, self.record.classes)

    @cached_property
    def scores(self) -> xarray.DataArray | None:
        """Scores, float32 0..1 with steps of 1/255, (y, x) or (band, y, x); NaN where nothing was observed.

        None: the task makes no raster (`vectorize`).

        Raises:
            RuntimeMissingError: `rioxarray` is not installed.
        """
        from geoseg.api.xarrays import read_floats  # noqa: PLC0415 - an extra

        if self.files.scores is None:
            return None
        scores = read_floats(self.files.scores, "score")
        return scores.squeeze("band", drop=True) if scores.sizes["band"] == 1 else scores

    def to_file(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the map to a file; the suffix selects what is written.

        Args:
            path: `.gpkg` (all layers, style and record, as the command writes it), `.tif` (class raster),
                `.png` (picture); `.fgb`, `.geojson`, `.parquet` (polygons with their columns, without style
                and record: name such a file in the option `output` of the task to keep both).
            overwrite: replace an existing file.

        Raises:
            OutputError: the file exists, or cannot be written.
            UsageError: the suffix is none of these, or the map has no such file.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        kept: Mapping[str, Path | None] = {
            self.files.polygons.suffix.lower(): self.files.polygons,
            ".tif": self.files.classes,
            ".png": self.files.picture,
        }
        tables = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".geojson": "GeoJSON", ".parquet": ""}
        if kept.get(suffix) is None and suffix not in tables:
            raise UsageError(f"{target}: name a file .gpkg, .fgb, .geojson, .parquet, .tif or .png")
        with errors_in_python(RunSpec), OutputFiles([target], overwrite=overwrite) as files:
            copy = files.path(target)
            source = kept.get(suffix)
            try:
                if source is not None:
                    shutil.copyfile(source, copy)
                elif suffix == ".parquet":
                    self.polygons.to_parquet(copy)
                else:
                    self.polygons.to_file(copy, driver=tables[suffix])
            except OSError as error:
                raise OutputError(f"{target}: cannot be written: {error}") from error
            files.commit()
        return target

    def __repr__(self) -> str:
        """Return task, method, polygons by class and number of warnings."""
        totals = ", ".join(f"{item.polygons} {item.label}" for item in self.record.classes)
        warnings = counted(len(self.warnings), "warning")
        return f"<Map {self.record.task}: {self.record.method}; {totals}; {warnings}>"

    def _repr_html_(self) -> str:
        """Return the picture, the totals of the classes and the warnings as HTML."""
        record = self.record
        rows = "".join(
            f"<tr><td>{escape(item.label)}</td><td>{item.polygons:,}</td><td>"
            f"{'' if item.area_m2 is None else f'{item.area_m2 / 1e4:,.1f}'}</td></tr>"
            for item in record.classes
        )
        picture = ""
        if self.files.picture is not None:
            data = base64.b64encode(self.files.picture.read_bytes()).decode()
            picture = f'<img style="max-width: 100%" alt="map" src="data:image/png;base64,{data}">'
        warnings = "".join(f"<li>{escape(item.text)}</li>" for item in self.warnings)
        return (
            f"<div><b>{escape(record.task)}</b>: {escape(record.method)}"
            f"<table><tr><th>class</th><th>polygons</th><th>hectares</th></tr>{rows}</table>"
            f"{f'<ul>{warnings}</ul>' if warnings else ''}{picture}</div>"
        )
