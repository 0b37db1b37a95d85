"""Open height above nearest drainage and slope as layers in metres and degrees."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import SceneError
from geoseg.grid import Grid
from geoseg.messages import note, replay, warn
from geoseg.scenes.labels import Labels, labels_of
from geoseg.scenes.layers import COVERED, Derived, open_raster_layer, with_nodata
from geoseg.scenes.stored_values import StoredValues, covered_share, stored_values
from geoseg.spec import TerrainSpec, TerrainUnit
from geoseg.spec.presets import terrain

LOG = logging.getLogger(__name__)

DRAINAGE = 2.0
"""m: a layer whose least value is greater may hold heights above the sea."""


@dataclass(frozen=True, kw_only=True)
class Convert:
    """Conversion of stored physical values to metres or degrees."""

    unit: TerrainUnit
    fill: tuple[float, ...] = ()
    """Values that mean: not observed, besides nodata of the file."""

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values in m or degrees, NaN where unknown."""
        converted = values * np.float32(self.unit.scale)
        if self.unit.tangent:
            converted = np.degrees(np.arctan(converted))
        converted[np.isin(values, self.fill)] = np.nan
        return converted


def open_terrain(path: Path, kind: str, grid: Grid, limit: float) -> Derived:
    """Open a layer of terrain, and check that it holds the quantity of its option.

    Args:
        path: a raster.
        kind: `hand` or `slope`, which names its preset and its band.
        grid: of the scene.
        limit: value in m or degrees above which no pixel is water.

    Raises:
        SceneReadError: the file cannot be read.
        SceneError: it holds another quantity, its unit is unknown, or it has no CRS where the scene has one.
        BandError: it has several bands, and none of them is recognised.
    """
    spec = terrain(kind)
    labels = labels_of(str(path))
    index = _band(spec, labels)
    _refuse_others(spec, labels, index)
    layer = open_raster_layer(path, kind, categorical=False, index=index + 1)
    try:
        (band,) = layer.bands
        stored = stored_values(band, grid)
        fill = stored.untagged_fill()
        if fill:
            named = ", ".join(f"{item:g}" for item in fill)
            note(LOG, f"{labels.name}: {named} is not observed, though no nodata tag names it")
        replay(layer.metadata.messages)
        if fill and band.nodata is None:
            layer = with_nodata(layer, fill[0])
        rest = stored.without(fill).physical(band.scale, band.offset)
        unit, source = _unit(spec, labels, index, rest, is_float=band.dtype.kind == "f")
        if unit is not spec.units[0]:
            note(LOG, f"{labels.name}: {spec.title} in {unit.name} ({source}), converted to {spec.unit}")
        _check(kind, labels, rest, unit, limit, covered=covered_share(band, grid))
    except BaseException:
        layer.close()
        raise
    nodata = tuple(item * band.scale + band.offset for item in fill)
    return Derived(layer, Convert(unit=unit, fill=nodata), {"unit": unit.name})


def _band(spec: TerrainSpec, labels: Labels) -> int:
    """Return the position of the band of the quantity."""
    if len(labels.descriptions) <= 1:
        return 0
    matching = [index for index, text in enumerate(labels.descriptions) if _any(spec.own, text)]
    if len(matching) == 1:
        return matching[0]
    raise labels.which_band(f"is {spec.title}")


def _refuse_others(spec: TerrainSpec, labels: Labels, index: int) -> None:
    """Raise SceneError where the names of the file are those of another quantity."""
    names = (labels.name, *labels.sources)
    if any(_any(spec.own, text) for text in (*names, labels.descriptions[index])):
        return
    for name in names:
        for pattern, what in spec.others.items():
            if re.search(pattern, name, re.IGNORECASE):
                raise SceneError(f"{labels.name} is not {spec.title} but, by its name, {what}")


def _unit(
    spec: TerrainSpec, labels: Labels, index: int, rest: StoredValues, *, is_float: bool
) -> tuple[TerrainUnit, str]:
    """Return the unit of the values of a layer, and its evidence.

    Raises:
        SceneError: there is no evidence, and the values may be in several units.
    """
    text = labels.units[index]
    for unit in spec.units:
        if text and re.fullmatch(unit.tags, text, re.IGNORECASE):
            return unit, f"its unit is {text}"
    for unit in spec.units:
        for name in (labels.descriptions[index], labels.name):
            if unit.files is not None and re.search(unit.files, name, re.IGNORECASE):
                return unit, f"by the name {name}"
    own = spec.units[0]
    if not rest.values.size:
        return own, ""
    most = float(rest.values[-1])
    remedy = f"set the unit with `gdal_edit.py -units NAME` ({', '.join(unit.name for unit in spec.units)})"
    if most > spec.most:
        raise SceneError(
            f"{labels.name}: its values reach {most:g}, {spec.beyond}? Convert it to {spec.unit}, or {remedy}"
        )
    if is_float and spec.doubtful is not None and spec.doubtful[0] < most <= spec.doubtful[1]:
        raise SceneError(f"{labels.name}: its greatest value is {most:.3g}: {spec.doubt}? Please {remedy}")
    return own, ""


def _check(
    kind: str, labels: Labels, rest: StoredValues, unit: TerrainUnit, limit: float, *, covered: float
) -> None:
    """Refuse impossible values, and warn where the layer has no effect or leaves no water."""
    spec = terrain(kind)
    if not rest.pixels:
        warn(
            LOG,
            "terrain-elsewhere",
            f"{labels.name} covers nothing of the scene, so that {spec.title} has no effect",
        )
    elif covered < COVERED:
        warn(
            LOG,
            "terrain-partial",
            f"{labels.name} covers only {covered:.1%} of the scene; elsewhere {spec.title} has no effect",
        )
    if not rest.values.size:
        return
    ends = Convert(unit=unit)(np.array([rest.values[0], rest.values[-1]], np.float32))
    least, most = float(ends[0]), float(ends[1])
    if least < spec.least - 0.5 or most > spec.most:
        raise SceneError(
            f"{labels.name}: its values, {least:g} to {most:g} {spec.unit}, are not possible for "
            f"{spec.title}; set its nodata value with `gdal_edit.py -a_nodata`, or give another file"
        )
    if least > limit:
        where = "" if covered >= COVERED else " where it covers the scene"
        warn(
            LOG,
            "terrain-excludes-all",
            f"{labels.name}: its least value, {least:g}, is above `--max-{kind} {limit:g}`, so no water is "
            f"left{where}; its values should be {spec.title} in {spec.unit}",
        )
    elif spec.unit == "m" and least > DRAINAGE:
        warn(
            LOG,
            "terrain-not-above-drainage",
            f"{labels.name}: its least value is {least:g} m, and every scene has ground near its drainage: "
            "are these heights above the sea?",
        )


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
