"""What lies beside a scene of water: known permanent water, height above drainage, slope."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio

from geoseg.catalog.presets import task
from geoseg.scenes.layers import is_raster, open_raster_layer, open_vector_layer
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.stack import Layer, Movable
from geoseg.spec import ClassSpec, FloodSpec
from geoseg.tasks.mapping import Ledger
from geoseg.tasks.water_choice import HAND, PERMANENT, SLOPE

MONTHS, MOST_MONTHS = 10, 12
"""A water layer with values up to 12 counts months (JRC seasonality): permanent from 10 on."""

PERCENT, MOST_PERCENT = 75, 100
"""One with values up to 100 is a share of time (JRC occurrence): permanent from 75 on."""


@dataclass(frozen=True, kw_only=True)
class References:
    """Layers beside a scene; where they are not known they decide nothing."""

    names: tuple[str, ...]
    layers: tuple[Layer, ...]
    permanent_least: float
    """Value of the water layer from which it means permanent water."""


def references(spec: FloodSpec, stack: ExitStack, ledger: Ledger) -> References:
    """Open the layers that a request names; `stack` closes them.

    Raises:
        SceneReadError: a file is missing, or neither raster nor vector.
    """
    names, found = [], []
    for name, path in ((PERMANENT, spec.permanent_water), (HAND, spec.hand), (SLOPE, spec.slope)):
        if path is None:
            continue
        source: Movable
        if name == PERMANENT and not is_raster(path):
            vector = open_vector_layer(path, name)
            stack.callback(vector.close)
            source = vector
        else:
            raster = open_raster_layer(path, name, categorical=name == PERMANENT)
            stack.callback(raster.close)
            source = raster
        names.append(name)
        found.append(Layer(source=source, required=False))
    _check_limit(spec.hand, "--max-hand", spec.max_hand, "m above the nearest drainage, not the sea", ledger)
    _check_limit(spec.slope, "--max-slope", spec.max_slope, "degrees", ledger)
    least = _permanent_from(spec.permanent_water, ledger)
    return References(names=tuple(names), layers=tuple(found), permanent_least=least)


def _check_limit(path: Path | None, option: str, most: float, unit: str, ledger: Ledger) -> None:
    """Warn where a layer leaves no water at all, as heights of another kind do."""
    if path is None:
        return
    values = _sampled(path).compressed()
    least = float(np.min(values, initial=np.inf, where=np.isfinite(values)))
    if most < least < np.inf:
        ledger.warn(
            f"{path.name}: its least value, {least:g}, is above {option} {most:g}, so no water is left; "
            f"its values should be {unit}"
        )


def _sampled(path: Path) -> np.ma.MaskedArray[tuple[int, ...], np.dtype[np.float64]]:
    """Values of a layer, some of a large one, masked where it has none."""
    with rasterio.open(gdal_path(str(path))) as dataset:
        shape = (min(dataset.height, 1024), min(dataset.width, 1024))
        stored = dataset.read(1, out_shape=shape, masked=True)
        return np.ma.asarray(stored * dataset.scales[0] + dataset.offsets[0], np.float64)


def _permanent_from(path: Path | None, ledger: Ledger) -> float:
    """Value from which a reference layer means permanent water: any, or months or percent of the year."""
    if path is None or not is_raster(path):
        return 0.5
    most = float(_sampled(path).filled(0).max(initial=0))
    if most <= 1:
        return 0.5
    if most <= MOST_MONTHS:
        return _from_on(path, most, MONTHS, "months of water", ledger)
    if most <= MOST_PERCENT:
        return _from_on(path, most, PERCENT, "percent of time", ledger)
    ledger.warn(
        f"{path.name}: values to {most:g} are neither 0/1, months nor percent; every value above 0 is taken "
        "for permanent water"
    )
    return 0.5


def _from_on(path: Path, most: float, least: int, unit: str, ledger: Ledger) -> float:
    """Say what the values of a layer mean, and where none of them means permanent water."""
    text = f"{path.name}: values to {most:g} are taken for {unit}; permanent from {least} on"
    if most < least:
        ledger.warn(f"{text}. None is, so all water counts as flood; in a mask, let 1 be permanent water")
    else:
        ledger.note(text)
    return least


def flood_classes(told_apart: bool, ledger: Ledger) -> tuple[ClassSpec, ...]:
    """The classes of the map: flood and permanent water, or just water."""
    preset = task("flood")
    if told_apart:
        return preset.classes
    ledger.warn(
        "flood and permanent water are not told apart: class 1 is all water. "
        "Give --permanent-water FILE or --before SCENE"
    )
    background, flood = preset.classes[:2]
    return background, flood.model_copy(update={"label": "water"})
