"""What columns of vector layers mean: names for people, units, and the values that they may have."""

from __future__ import annotations

from dataclasses import dataclass

from geoseg.outputs.layer import Layer
from geoseg.spec import ClassSpec


@dataclass(frozen=True, slots=True)
class ColumnText:
    """Name and meaning of a column."""

    title: str
    meaning: str
    unit: str = ""
    range: tuple[float, float] | None = None
    """Least and greatest value; None: no limits."""

    @property
    def alias(self) -> str:
        """Return the name with the unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


_SHARE = (0.0, 1.0)

COLUMNS: dict[str, ColumnText] = {
    "class": ColumnText("Class value", "value of the class in class rasters"),
    "label": ColumnText("Class", "name of the class"),
    "area_m2": ColumnText("Area", "geodesic area of the mapped pixels on the ellipsoid of the CRS", "m²"),
    "pixels": ColumnText("Pixels", "number of pixels"),
    "score_mean": ColumnText("Mean score", "mean score of the pixels, 0 to 1", range=_SHARE),
    "score_p10": ColumnText(
        "Score, 10th percentile", "a tenth of the pixels have this score or less", range=_SHARE
    ),
    "score_p50": ColumnText("Score, median", "half of the pixels have this score or less", range=_SHARE),
    "score_p90": ColumnText(
        "Score, 90th percentile", "nine tenths of the pixels have this score or less", range=_SHARE
    ),
    "perimeter_m": ColumnText("Perimeter", "geodesic length of all outlines, holes included", "m"),
    "compactness": ColumnText(
        "Compactness", "4 π area / perimeter², 1 for a disc (Polsby and Popper 1991)", range=_SHARE
    ),
    "centroid_lon": ColumnText("Longitude of the centroid", "WGS 84", "°", (-180.0, 180.0)),
    "centroid_lat": ColumnText("Latitude of the centroid", "WGS 84", "°", (-90.0, 90.0)),
    "from_class": ColumnText("Class value before", "value of the class on the first date; 0 if unknown"),
    "from_label": ColumnText("Class before", "name of the class on the first date; empty if unknown"),
    "to_class": ColumnText("Class value after", "value of the class on the second date; 0 if unknown"),
    "to_label": ColumnText("Class after", "name of the class on the second date; empty if unknown"),
    "date_before": ColumnText(
        "Date before", "first date; the first day, where only the year or month is known"
    ),
    "date_after": ColumnText(
        "Date after", "second date; the first day, where only the year or month is known"
    ),
    "type": ColumnText("Type value", "value of the type of change in the transition table"),
    "type_label": ColumnText("Type of change", "name of the type of change in the transition table"),
    "rate_kg_h": ColumnText("Source rate", "methane source rate; null without a wind", "kg/h"),
    "rate_low": ColumnText("Source rate, lower limit", "lower limit of the 95 % interval", "kg/h"),
    "rate_high": ColumnText("Source rate, upper limit", "upper limit of the 95 % interval", "kg/h"),
    "ime_kg": ColumnText("Methane mass", "integrated mass enhancement", "kg"),
    "false_alarms": ColumnText(
        "Expected false alarms", "expected number of false alarms as strong in this scene"
    ),
    "facility": ColumnText("Nearest facility", "name of the nearest facility"),
    "facility_m": ColumnText("Distance to the facility", "distance to the nearest facility", "m"),
    "score": ColumnText("Score", "score of the class, 0 to 1", range=_SHARE),
    "sensor": ColumnText("Sensor", "sensor of the scene"),
    "scene": ColumnText("Scene", "name of the scene"),
    "cut": ColumnText("Cut", "1: cut at the border of a better observed map, area and pixels in proportion"),
    "acquired": ColumnText("Acquired", "time of acquisition, UTC; of change, that of the second date"),
    "acquired_before": ColumnText(
        "Acquired before", "of several dates: time of acquisition of the first, UTC"
    ),
    "valid_share": ColumnText(
        "Observed share", "share of the mapped area that was observed, 0 to 1", range=_SHARE
    ),
}
"""Columns of all layers by name."""

CLASS_TOTALS: dict[str, ColumnText] = {
    **{name: COLUMNS[name] for name in ("class", "label", "pixels")},
    "polygons": ColumnText("Polygons", "number of polygons of the class"),
    "area_m2": ColumnText("Area", "geodesic area of the class; null without a CRS", "m²"),
    "share": ColumnText("Share of the map", "share of the area of all classes, 0 to 1", range=_SHARE),
}
"""Columns of the table of class totals."""

_UNITS = {
    "_ppm_m": "ppm·m",
    "_kg_h": "kg/h",
    "_kg": "kg",
    "_m2": "m²",
    "_ha": "ha",
    "_m_s": "m/s",
    "_deg": "°",
    "_m": "m",
}
"""Units by the end of a column's name."""


def text_of(name: str) -> ColumnText:
    """Return the name and meaning of a column; of unknown columns, from their names."""
    if name in COLUMNS:
        return COLUMNS[name]
    unit, base = "", name
    for end, known in _UNITS.items():
        if name.endswith(end) and name != end:
            unit, base = known, name.removesuffix(end)
            break
    words = base.replace("_", " ").strip()
    return ColumnText(words[:1].upper() + words[1:], "", unit)


def categories_of(layer: Layer) -> dict[str, tuple[ClassSpec, ...]]:
    """Return the classes of each column that holds class values."""
    own = {layer.styled_by: layer.classes} if layer.classes else {}
    return {name: classes for name, classes in {**layer.categories, **own}.items() if name in layer.schema}
