"""Methods that compare two dates, one file each: a file here is a method of `--method`.

The file has the name of the method, with `_` for `-`, and holds one class that derives from
`geoseg.tasks.change.method.ChangeMethod`. Nothing else lists the methods.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from geoseg.methods.registry import load_methods

if TYPE_CHECKING:
    from geoseg.tasks.change.method import ChangeMethod


@cache
def change_methods() -> Mapping[str, ChangeMethod]:
    """Return all methods, not fitted, by name: those of one kind of sensor together, preferred ones first."""
    from geoseg.tasks.change.method import ChangeMethod  # noqa: PLC0415 - imports numpy

    found: list[ChangeMethod] = load_methods(sys.modules[__name__], ChangeMethod)
    kinds = ("optical", "sar", "embedding")
    found.sort(key=lambda method: (kinds.index(method.needs.kind), method.preference, method.name))
    return MappingProxyType({method.name: method for method in found})
