"""Methods that retrieve methane columns, one file each, named like the value of `--method` with `_` for `-`.

A file holds one class that derives from `geoseg.tasks.methane.method.MethaneMethod`. There is no other list
of the methods.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from geoseg.methods.registry import load_methods

if TYPE_CHECKING:
    from geoseg.tasks.methane.method import MethaneMethod


@cache
def methane_methods() -> Mapping[str, MethaneMethod]:
    """Return all methods by name, grouped by kind of instrument, preferred ones first."""
    from geoseg.tasks.methane.method import MethaneMethod  # noqa: PLC0415 - imports numpy

    methods: list[MethaneMethod] = load_methods(sys.modules[__name__], MethaneMethod)
    methods.sort(key=lambda method: (method.needs.kind, method.preference, method.name))
    return MappingProxyType({method.name: method for method in methods})
