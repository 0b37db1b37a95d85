"""A drawn sample as a file that people fill in: a GeoPackage, or a table of comma-separated values."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyogrio import raw

import geoseg
from geoseg.errors import UsageError
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles, check_writable
from geoseg.learn.evaluate.sample_drawing import Drawn
from geoseg.learn.evaluate.sample_form import sample_qml

SAMPLE_LAYER = "sample"
STRATA_TABLE = "strata"
REFERENCE = "reference"
"""The column that interpreters fill in."""

SUFFIXES = (".gpkg", ".csv")


def strata_path(path: Path) -> Path:
    """Where the strata of a sample in a CSV file lie."""
    return path.with_suffix(f".{STRATA_TABLE}{path.suffix}")


def sample_targets(path: Path) -> tuple[Path, ...]:
    """Name every file that writing a sample to `path` makes.

    Raises:
        UsageError: the suffix names no format.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: a sample is written as {' or '.join(SUFFIXES)}, not {path.suffix!r}")
    return (path,) if suffix == ".gpkg" else (path, strata_path(path))


def check_sample(path: Path, map_path: str, *, overwrite: bool) -> None:
    """Find out before any work whether a sample can be written.

    Raises:
        UsageError: the suffix names no format.
        OutputError: a file cannot be written, exists without `overwrite`, or is the map.
    """
    check_writable(sample_targets(path), overwrite, inputs=(Path(map_path),))


def write_sample(drawn: Drawn, path: Path, *, overwrite: bool) -> tuple[Path, ...]:
    """Write points and strata; returns the files.

    Raises:
        UsageError: the suffix names no format.
        OutputError: a file exists without `overwrite`, or cannot be written; nothing is left behind.
    """
    targets = sample_targets(path)
    with OutputFiles(targets, overwrite=overwrite) as beside, writing(path):
        places = [beside.path(target) for target in targets]
        if len(places) == 1:
            _write_geopackage(drawn, places[0])
        else:
            _write_csv(places[0], _rows(drawn))
            _write_csv(places[1], strata_rows(drawn))
        beside.commit()
    return targets


def _names(drawn: Drawn) -> list[str]:
    """Return what each point is mapped as."""
    return [drawn.labels[value] for value in drawn.classes.tolist()]


def strata_rows(drawn: Drawn) -> list[dict[str, object]]:
    """Return the table of strata: class, label, pixels, area_m2, drawn."""
    return [
        {
            "class": item.stratum.value,
            "label": item.stratum.label,
            "pixels": item.stratum.pixels,
            "area_m2": item.stratum.area_m2,
            "drawn": item.drawn,
        }
        for item in drawn.strata
    ]


def _rows(drawn: Drawn) -> list[dict[str, object]]:
    """Return the points as rows; nine decimals of a degree are a tenth of a millimetre."""
    located = drawn.grid.crs is not None
    across, along = ("lon", "lat") if located else ("x", "y")
    first, second = drawn.lonlat if located else drawn.xy
    return [
        {
            "id": index,
            across: round(x, 9),
            along: round(y, 9),
            "map_class": value,
            "map_label": label,
            REFERENCE: "",
            "comment": "",
        }
        for index, (x, y, value, label) in enumerate(
            zip(first.tolist(), second.tolist(), drawn.classes.tolist(), _names(drawn), strict=True), start=1
        )
    ]


def _write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_geopackage(drawn: Drawn, path: Path) -> None:
    """Write the layer, the strata, and the style that QGIS looks for in `layer_styles`."""
    count, crs = len(drawn.classes), drawn.grid.crs
    points = np.asarray(shapely.to_wkb(shapely.points(*drawn.xy)), object)
    empty = np.full(count, True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        raw.write(
            path,
            points,
            [
                np.arange(1, count + 1, dtype=np.int32),
                drawn.classes.astype(np.int32),
                np.array(_names(drawn), object),
                np.zeros(count, np.int32),
                np.full(count, None, object),
            ],
            ["id", "map_class", "map_label", REFERENCE, "comment"],
            field_mask=[None, None, None, empty, None],
            layer=SAMPLE_LAYER,
            driver="GPKG",
            geometry_type="Point",
            crs=None if crs is None else crs.to_wkt(),
            layer_metadata={"geoseg": geoseg.__version__, "map": drawn.map, "seed": str(drawn.seed)},
            dataset_options={"VERSION": "1.3"},
        )
        _write_table(path, STRATA_TABLE, strata_rows(drawn))
        _write_table(path, "layer_styles", [_style(drawn)])


def _style(drawn: Drawn) -> dict[str, object]:
    """Return a row of the table in which QGIS looks for a layer's default style."""
    return {
        "f_table_catalog": "",
        "f_table_schema": "",
        "f_table_name": SAMPLE_LAYER,
        "f_geometry_column": "geom",
        "styleName": SAMPLE_LAYER,
        "styleQML": sample_qml(drawn.labels),
        "styleSLD": "",
        "useAsDefault": True,
        "description": "A list of classes for the reference; what the map says is hidden",
        "owner": "",
        # QGIS orders styles by it.
        "update_time": np.datetime64("now", "ms"),
    }


def _write_table(path: Path, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Add a table without geometry; columns of None only are real numbers."""
    raw.write(
        path,
        None,
        [_column([row[column] for row in rows]) for column in rows[0]],
        list(rows[0]),
        layer=name,
        driver="GPKG",
        geometry_type=None,
    )


def _column(values: Sequence[object]) -> NDArray[np.generic]:
    if all(value is None for value in values):
        return np.full(len(values), np.nan)
    return np.asarray(values, object if isinstance(values[0], str) else None)
