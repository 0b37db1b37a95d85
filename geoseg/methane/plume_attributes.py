"""What a map of plumes tells besides classes and areas: columns, a table of the retrieval."""

from __future__ import annotations

import numpy as np
from pyproj import CRS

from geoseg.engine.recipe import Extras
from geoseg.features import Features
from geoseg.methane.detection_limit import Found
from geoseg.methane.facility_attribution import Facilities
from geoseg.methane.retrieval import Retrieved
from geoseg.methane.screening import SCHEMA, PlumeJudge
from geoseg.methods.methane_rate import MOL_PER_PPM_M
from geoseg.outputs import Kind
from geoseg.run_record import TableRows
from geoseg.spec import PlumeSpec


def extras(
    spec: PlumeSpec,
    retrieved: Retrieved,
    found: Found,
    judge: PlumeJudge,
    facilities: Facilities | None,
) -> Extras:
    """Columns, tables and rasters of a map of plumes."""
    crs = judge.grid.crs if spec.run.dst_crs is None else CRS.from_user_input(spec.run.dst_crs)

    def describe(features: Features) -> Features:
        described = judge.describe(features)
        if facilities is None or crs is None:
            return described
        nearest = [facilities.nearest(shape, crs) for shape in described.geometry]
        columns = {
            **described.columns,
            "facility": np.array([label for label, _ in nearest], object),
            "facility_m": np.array([metres for _, metres in nearest], np.float64),
        }
        return Features(geometry=described.geometry, columns=columns)

    def tables() -> dict[str, TableRows]:
        return {"retrieval": (_figures(retrieved, found),)}

    more: dict[str, Kind] = {} if facilities is None else {"facility": "text", "facility_m": "float"}
    return Extras(
        schema={**SCHEMA, **more},
        describe=describe,
        tables=tables,
        judge=judge,
        rasters=() if found.sink is None else (found.sink,),
    )


def _figures(retrieved: Retrieved, found: Found) -> dict[str, int | float | str]:
    """What the retrieval of a scene was like: the row of its table."""
    background = found.search.background
    return {
        "method": retrieved.method,
        "satellite": retrieved.satellite.name,
        "noise_ppm_m": round(background.pixel_std, 2),
        "noise_mol_m2": round(background.pixel_std * MOL_PER_PPM_M, 6),
        "filtered_noise_ppm_m": round(background.noise, 2),
        "background_ppm_m": round(background.level, 2),
        "threshold_ppm_m": round(found.search.typical, 2),
        "searched_pixels": found.known,
        "false_spots": -1 if found.alarms is None else len(found.alarms.strengths),
    }
