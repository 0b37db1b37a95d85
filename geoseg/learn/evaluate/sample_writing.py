"""Write a sample for interpretation as GeoPackage or CSV."""

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
from geoseg.files.disk import check_database, writing
from geoseg.files.output_files import OutputFiles, check_writable
from geoseg.learn.evaluate.sample_drawing import DrawnSample
from geoseg.learn.evaluate.sample_form import sample_qml

SAMPLE_LAYER = "sample"
STRATA_TABLE = "strata"
REFERENCE = "reference"
"""Column with the reference class, which interpreters fill in."""

SUFFIXES = (".gpkg", ".csv")


def strata_path(path: Path) -> Path:
    """Return the path of the strata of a sample in a CSV file."""
    return path.with_suffix(f".{STRATA_TABLE}{path.suffix}")


def sample_targets(path: Path) -> tuple[Path, ...]:
    """Return the paths of all files of a sample.

    Raises:
        UsageError: the suffix is not that of a format.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: a sample is a {' or '.join(SUFFIXES)} file, not {path.suffix!r}")
    return (path,) if suffix == ".gpkg" else (path, strata_path(path))


def check_sample(path: Path, map_path: str, *, overwrite: bool) -> None:
    """Check before the computation that a sample can be written.

    Raises:
        UsageError: the suffix is not that of a format.
        OutputError: a file cannot be written, exists without `overwrite`, or is the map.
    """
    check_writable(sample_targets(path), overwrite, inputs=(Path(map_path),))


def write_sample(drawn: DrawnSample, path: Path, *, overwrite: bool) -> tuple[Path, ...]:
    """Write points and strata, and return the paths.

    Raises:
        UsageError: the suffix is not that of a format.
        OutputError: a file exists without `overwrite`, or cannot be written; then no file is written.
    """
    targets = sample_targets(path)
    with OutputFiles(targets, overwrite=overwrite) as beside, writing(path):
        temporary = [beside.path(target) for target in targets]
        if len(temporary) == 1:
            _write_geopackage(drawn, temporary[0])
        else:
            _write_csv(temporary[0], _rows(drawn))
            _write_csv(temporary[1], strata_rows(drawn))
        beside.commit()
    return targets


def _names(drawn: DrawnSample) -> list[str]:
    """Return the label of the map class of each point."""
    return [drawn.labels[value] for value in drawn.classes.tolist()]


def strata_rows(drawn: DrawnSample) -> list[dict[str, object]]:
    """Return the table of strata with class, label, pixels, area_m2 and drawn."""
    return [
        {
            "class": item.value,
            "label": item.label,
            "pixels": item.pixels,
            "area_m2": item.area_m2,
            "drawn": item.drawn,
        }
        for item in drawn.strata
    ]


def _rows(drawn: DrawnSample) -> list[dict[str, object]]:
    """Return the points as rows, with coordinates rounded to nine decimals (0.1 mm)."""
    georeferenced = drawn.grid.crs is not None
    x_name, y_name = ("lon", "lat") if georeferenced else ("x", "y")
    xs, ys = drawn.lonlat if georeferenced else drawn.xy
    return [
        {
            "id": index,
            x_name: round(x, 9),
            y_name: round(y, 9),
            "map_class": value,
            "map_label": label,
            REFERENCE: "",
            "comment": "",
        }
        for index, (x, y, value, label) in enumerate(
            zip(xs.tolist(), ys.tolist(), drawn.classes.tolist(), _names(drawn), strict=True), start=1
        )
    ]


def _write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_geopackage(drawn: DrawnSample, path: Path) -> None:
    """Write points, strata and the QGIS style in the table `layer_styles`."""
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
    check_database(path)


def _style(drawn: DrawnSample) -> dict[str, object]:
    """Return the row of the QGIS default style in the table `layer_styles`."""
    return {
        "f_table_catalog": "",
        "f_table_schema": "",
        "f_table_name": SAMPLE_LAYER,
        "f_geometry_column": "geom",
        "styleName": SAMPLE_LAYER,
        "styleQML": sample_qml(drawn.labels),
        "styleSLD": "",
        "useAsDefault": True,
        "description": "A list of classes for the reference; the map class is hidden",
        "owner": "",
        # QGIS sorts styles by this column.
        "update_time": np.datetime64("now", "ms"),
    }


def _write_table(path: Path, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Add a table without geometry; a column without values has real numbers."""
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
