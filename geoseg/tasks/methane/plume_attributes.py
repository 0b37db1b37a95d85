"""Attributes of plumes in the outputs: columns of the polygons and the table of the retrieval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyproj import CRS

from geoseg.engine.recipe import Extras, Measure
from geoseg.features import Features
from geoseg.methods.methane_rate import MOL_PER_PPM_M
from geoseg.outputs import Kind
from geoseg.outputs.measure import MeasureSink
from geoseg.tasks.methane.retrieval import CH4
from geoseg.tasks.methane.screening import SCHEMA, PlumeScreening

if TYPE_CHECKING:
    from geoseg.tasks.methane.facility_attribution import Facilities


def plume_extras(
    screening: PlumeScreening, columns: MeasureSink | None, facilities: Facilities | None
) -> Extras:
    """Return the columns, tables and rasters of a plume map.

    Args:
        screening: classifies and measures the plumes.
        columns: raster of the column enhancements; None: it is not written.
        facilities: to which plumes are attributed; None: they are not.
    """
    dst_crs = screening.spec.run.dst_crs
    crs = screening.measurer.grid.crs if dst_crs is None else CRS.from_user_input(dst_crs)

    def describe(features: Features) -> Features:
        described = screening.describe(features)
        if facilities is None or crs is None:
            return described
        nearest = [facilities.nearest(shape, crs) for shape in described.geometry]
        attributed = {
            **described.columns,
            "facility": np.array([label for label, _ in nearest], object),
            "facility_m": np.array([metres for _, metres in nearest], np.float64),
        }
        return Features(geometry=described.geometry, columns=attributed)

    more: dict[str, Kind] = {} if facilities is None else {"facility": "text", "facility_m": "float"}
    return Extras(
        schema={**SCHEMA, **more},
        describe=describe,
        tables=lambda: {"retrieval": (_retrieval_row(screening),)},
        reclassify=screening,
        measure=Measure(band=CH4, title="Methane enhancement", unit="ppm·m"),
        rasters=() if columns is None else (columns,),
    )


def _retrieval_row(screening: PlumeScreening) -> dict[str, int | float | str]:
    """Return the row of the table `retrieval`."""
    retrieval, search = screening.retrieval, screening.search
    background, alarms = search.background, screening.false_alarms
    return {
        "method": retrieval.method,
        "satellite": retrieval.satellite.name,
        "noise_ppm_m": round(background.pixel_std, 2),
        "noise_mol_m2": round(background.pixel_std * MOL_PER_PPM_M, 6),
        "filtered_noise_ppm_m": round(background.noise, 2),
        "background_ppm_m": round(background.level, 2),
        "threshold_ppm_m": round(search.median_threshold, 2),
        "searched_pixels": screening.retrieved_pixels,
        "false_spots": -1 if alarms is None else len(alarms.strengths),
    }
