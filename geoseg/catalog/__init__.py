"""Presets and bundles: YAML and JSON become the types of `geoseg.spec`."""

from __future__ import annotations

from geoseg.catalog.presets import satellite, satellites, sensor, sensors, task

__all__ = ["satellite", "satellites", "sensor", "sensors", "task"]
