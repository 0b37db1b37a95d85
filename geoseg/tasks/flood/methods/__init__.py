"""Water methods, one file each: a file here is a method of `--method`.

The file has the name of the method, with `_` for `-`, and holds one class that derives from
`geoseg.tasks.flood.method.WaterMethod`. Nothing else lists the methods.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from geoseg.methods.registry import load_methods

if TYPE_CHECKING:
    from geoseg.tasks.flood.method import WaterMethod


@cache
def water_methods() -> Mapping[str, WaterMethod]:
    """Return all methods by name: optical ones first, then radar, those that need no earlier scene first."""
    from geoseg.tasks.flood.method import WaterMethod  # noqa: PLC0415 - imports numpy

    found: list[WaterMethod] = load_methods(sys.modules[__name__], WaterMethod)
    found.sort(key=lambda method: (method.needs.kind, method.needs.scenes_before, method.name))
    return MappingProxyType({method.name: method for method in found})
