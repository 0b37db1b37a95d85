"""The methods that retrieve methane columns, one file each: a file here is a method of `--method`.

The file is named like the method, with `_` for `-`, and holds one class that derives from
`geoseg.methane.method.MethaneMethod`. Nothing else lists the methods.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from geoseg.methods.registry import load_methods, names_of

if TYPE_CHECKING:
    from geoseg.methane.method import MethaneMethod


def method_names() -> tuple[str, ...]:
    """Names of all methods, sorted, without importing them: `--help` has no time for numpy."""
    return names_of(sys.modules[__name__])


@cache
def methane_methods() -> Mapping[str, MethaneMethod]:
    """Return all methods by name: those of one kind of instrument together, preferred ones first."""
    from geoseg.methane.method import MethaneMethod  # noqa: PLC0415 - imports numpy

    found: list[MethaneMethod] = load_methods(sys.modules[__name__], MethaneMethod)
    found.sort(key=lambda method: (method.needs.kind, method.preference, method.name))
    return MappingProxyType({method.name: method for method in found})
