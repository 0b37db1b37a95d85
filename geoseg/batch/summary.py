"""The summary of a batch: a row for each scene, as CSV and as footprints in a GeoPackage."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import shapely
from pyogrio import raw

from geoseg.batch.outcome import Outcome
from geoseg.files.disk import writing

Cell = str | int | float | None

LAYER = "scenes"


def row(outcome: Outcome) -> dict[str, Cell]:
    """Return the row of a scene; columns that differ between equal runs come last."""
    totals = outcome.classes
    areas = [total.area_m2 for total in totals if total.area_m2 is not None]
    return {
        "scene": outcome.scene,
        "status": outcome.status,
        "code": outcome.code,
        "message": outcome.message,
        "output": outcome.output,
        "source": outcome.source,
        "earlier": outcome.earlier,
        "sensor": outcome.sensor,
        "acquired": outcome.acquired,
        "valid_share": outcome.valid_share if outcome.mapped else None,
        "polygons": sum(total.polygons for total in totals) if outcome.mapped else None,
        "area_m2": sum(areas) if areas else None,
        "classes": json.dumps({total.label: total.area_m2 for total in totals}) if totals else "",
        "method": outcome.method,
        "warnings": " ".join(dict.fromkeys(warning.code for warning in outcome.warnings)),
        "attempts": outcome.attempts,
        "seconds": outcome.seconds,
        "cpu_seconds": outcome.cpu_seconds,
        "peak_mib": outcome.peak_mib,
    }


def summary_csv(outcomes: Sequence[Outcome]) -> str:
    """Return the summary of one or more scenes as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(row(outcomes[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row(outcome) for outcome in outcomes)
    return text.getvalue()


def write_footprints(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the rows with the footprints of the observed pixels in degrees, as a GeoPackage.

    Scenes without a map or a CRS have no geometry.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = [row(outcome) for outcome in outcomes]
    names = list(rows[0])
    with writing(path):
        raw.write(
            path,
            geometry=shapely.to_wkb(np.array([outcome.outline for outcome in outcomes], object)),
            field_data=[_column([own[name] for own in rows]) for name in names],
            fields=np.array(names, object),
            crs="EPSG:4326",
            geometry_type="MultiPolygon",
            promote_to_multi=True,
            driver="GPKG",
            layer=LAYER,
            dataset_options={"VERSION": "1.3"},
        )


def _column(values: Sequence[Cell]) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    """Return one column: whole numbers as int64, other numbers as float64 with NaN for nothing, else text."""
    if all(isinstance(value, int) for value in values):
        return np.array(values, np.int64)
    if all(value is None or isinstance(value, int | float) for value in values):
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return np.array(["" if value is None else str(value) for value in values], object)
