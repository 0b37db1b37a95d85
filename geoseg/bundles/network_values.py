"""From what a user states about scale to the input of a network.

geoseg reads physical values, so that offsets of products are right: of Sentinel-2, reflectance without the
offset of baseline 04.00; of Landsat level 2, reflectance with its scale and offset. A user states what was
done to the numbers in the files. With a sensor whose physical value is stored * s + o, the network's value
stored * S + O is physical * S / s + (O - o * S / s). `ModelSpec` has no such constant: the means less it have
the same effect.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from geoseg.bundles.stated_facts import Facts
from geoseg.errors import UsageError
from geoseg.spec import SensorSpec, Units

_BY_PRODUCT = re.compile(r"landsat-\d-l1|planetscope-radiance|rapideye-radiance")
"""Sensors whose scale differs between products and is in their metadata."""


@dataclass(frozen=True, kw_only=True)
class NetworkValues:
    """How physical values become the network's: physical * scale + shift, within `clip`."""

    units: Units
    scale: float
    shift: float
    clip: tuple[float, float] | None
    text: str
    """The same in words."""

    def clip_without_shift(self) -> tuple[float, float] | None:
        """Return the limits of physical * scale."""
        return None if self.clip is None else (self.clip[0] - self.shift, self.clip[1] - self.shift)


def network_values(facts: Facts, sensor: SensorSpec | None) -> NetworkValues | None:
    """Return how physical values become the network's; None: neither a scale nor units are stated.

    Raises:
        UsageError: what is stated has two meanings, or none.
    """
    if facts.units is None and facts.scale is None:
        if facts.offset is not None:
            raise UsageError(
                "`--offset` is added after `--scale`; add `--scale`, or `--units` for physical values"
            )
        return None
    factor, offset = 1.0 if facts.scale is None else facts.scale, facts.offset or 0.0
    if not all(map(math.isfinite, (factor, offset, *(facts.clip or ())))):
        raise UsageError(
            f"`--scale {factor}`, `--offset {offset}` or `--clip {facts.clip}`: not a finite number"
        )
    if facts.clip is not None and facts.clip[0] >= facts.clip[1]:
        raise UsageError(f"`--clip`: {facts.clip[0]:g} is not less than {facts.clip[1]:g}")
    if factor == 0:
        raise UsageError("`--scale`: 0 makes all values equal; give the factor from stored values")
    unit = facts.units
    if unit is None and sensor is not None and sensor.units != "dn":
        return _from_stored(facts, sensor, factor)
    unit = unit or "dn"
    if sensor is not None and sensor.units != unit:
        raise UsageError(
            f"`--units`: geoseg reads {sensor.units} of {sensor.name}, not {unit}; leave `--units` out, so "
            "that "
            f"`--scale` holds for stored values, or give `--units {sensor.units}`, or leave `--sensor` out"
        )
    words = {"dn": "digital number"}.get(unit, unit)
    text = f"{words} x {factor:g}" + (f" {offset:+g}" if offset else "")
    return NetworkValues(units=unit, scale=factor, shift=offset, clip=facts.clip, text=text)


def _from_stored(facts: Facts, sensor: SensorSpec, factor: float) -> NetworkValues:
    """Return the conversion for a scale that holds for the stored values of a sensor."""
    if sensor.kind != "optical" or _BY_PRODUCT.fullmatch(sensor.name):
        raise UsageError(
            f"`--scale`: products of {sensor.name} differ in the values that they store; add "
            f"`--units {sensor.units}`: `--scale` then holds for {sensor.units} ({sensor.units} itself: "
            "`--scale 1`)"
        )
    if sensor.offset and facts.offset is None:
        physical = factor * sensor.offset / sensor.scale
        raise UsageError(
            f"`--scale`: {sensor.units} of {sensor.name} is stored * {sensor.scale:g} {sensor.offset:+g}; "
            f"state `--offset {physical:g}` if training added that offset, or `--offset 0` if it used stored "
            "values alone"
        )
    offset = facts.offset or 0.0
    scale = factor / sensor.scale
    # Ratios of decimal numbers, such as 0.0001 / 0.0001, have no digits beyond the twelfth.
    scale = float(f"{scale:.12g}")
    return NetworkValues(
        units=sensor.units,
        scale=scale,
        shift=float(f"{offset - sensor.offset * scale:.12g}"),
        clip=facts.clip,
        text=f"stored value of {sensor.name} x {factor:g}" + (f" {offset:+g}" if offset else ""),
    )
